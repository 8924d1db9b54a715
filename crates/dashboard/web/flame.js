// A flame graph on canvas: callers below one another, as wide as they weigh; a click zooms, a search marks.

import { colours } from "./colours.js";
import { h, put } from "./dom.js";
import { FONT } from "./chart.js";
import { crateOf, plainName } from "./names.js";

const ROW = 19;
const LEAST = 0.6;
const GAP = 1;

/** `weigh` makes a text of a weight. */
export class Flame {
  constructor(root, weigh) {
    this.root = root;
    this.weigh = weigh;
    this.focus = root;
    this.matches = null;
    this.hovered = null;
    this.canvas = h("canvas", { tabindex: "0", role: "img", "aria-label": "Flame graph" });
    this.about = h("p", { class: "about", role: "status" });
    this.node = h("div", { class: "flame" }, this.about, this.canvas);
    this.parents = new Map();
    this.remember(root);
    this.observer = new ResizeObserver(() => this.paint());
    this.observer.observe(this.canvas);
    this.canvas.addEventListener("pointermove", (event) => this.hover(this.hit(event)));
    this.canvas.addEventListener("pointerleave", () => this.hover(null));
    this.canvas.addEventListener("click", (event) => this.zoom(this.hit(event)));
    this.canvas.addEventListener("keydown", (event) => this.key(event));
    this.repaint = () => this.paint();
    addEventListener("colours", this.repaint);
    this.describe(null);
  }

  destroy() {
    this.observer.disconnect();
    removeEventListener("colours", this.repaint);
  }

  remember(node) {
    node.children.sort((a, b) => weight(b) - weight(a));
    for (const child of node.children) {
      this.parents.set(child, node);
      this.remember(child);
    }
  }

  /** Lays out what is seen: the callers of the focus, the focus over the whole width, and what it calls. */
  layout(width) {
    this.boxes = [];
    const above = [];
    for (let node = this.parents.get(this.focus); node; node = this.parents.get(node)) above.unshift(node);
    above.forEach((node, depth) => this.boxes.push({ node, depth, x: 0, width, faint: true }));
    this.place(this.focus, above.length, 0, width);
    this.depth = Math.max(...this.boxes.map((box) => box.depth)) + 1;
  }

  place(node, depth, x, width) {
    this.boxes.push({ node, depth, x, width, faint: false });
    const all = Math.max(weight(node), node.children.reduce((sum, child) => sum + weight(child), 0));
    let at = x;
    for (const child of node.children) {
      const wide = all === 0 ? 0 : (weight(child) / all) * width;
      if (wide >= LEAST) this.place(child, depth + 1, at, wide);
      at += wide;
    }
  }

  paint() {
    const width = this.canvas.clientWidth;
    if (width === 0) return;
    this.layout(width);
    const ratio = window.devicePixelRatio || 1;
    const height = this.depth * ROW;
    this.canvas.style.height = `${height}px`;
    [this.canvas.width, this.canvas.height] = [Math.round(width * ratio), Math.round(height * ratio)];
    const context = this.canvas.getContext("2d");
    context.scale(ratio, ratio);
    context.font = `12px ${FONT}`;
    context.textBaseline = "middle";
    for (const box of this.boxes) this.paintBox(context, box);
  }

  paintBox(context, { node, depth, x, width, faint }) {
    const lit = this.matches === null || this.matches.has(node);
    context.globalAlpha = (faint ? 0.55 : 1) * (lit ? 1 : 0.28);
    context.fillStyle = node === this.hovered ? colours.text : hue(node, this.root);
    context.fillRect(x, depth * ROW, Math.max(width - GAP, LEAST), ROW - GAP);
    if (width > 34) {
      context.fillStyle = node === this.hovered ? colours.card : "#10141b";
      context.save();
      context.beginPath();
      context.rect(x, depth * ROW, width - 5, ROW);
      context.clip();
      context.fillText(shorten(node.name, width), x + 5, depth * ROW + ROW / 2);
      context.restore();
    }
    context.globalAlpha = 1;
  }

  hit({ offsetX, offsetY }) {
    const depth = Math.floor(offsetY / ROW);
    return this.boxes?.find((box) => box.depth === depth && offsetX >= box.x && offsetX < box.x + box.width)?.node ?? null;
  }

  hover(node) {
    if (node === this.hovered) return;
    this.hovered = node;
    this.canvas.style.cursor = node === null ? "default" : "pointer";
    this.describe(node);
    this.paint();
  }

  describe(node) {
    const of = node ?? this.focus;
    const share = this.root.total === 0 ? 0 : (of.total / this.root.total) * 100;
    const own = of.own > 0 ? `, ${this.weigh(of.own)} in itself` : "";
    const grown = of.before === undefined ? "" : ` · before ${this.weigh(of.before)}`;
    put(this.about, `${of.name} · ${this.weigh(of.total)}, ${share.toFixed(1)} %${own}${grown}`);
    this.canvas.setAttribute("aria-label", `Flame graph, ${this.about.textContent}. Arrow keys move, Enter zooms, Escape zooms out.`);
  }

  zoom(node) {
    if (node === null) return;
    this.focus = node;
    this.describe(node);
    this.paint();
  }

  key(event) {
    const at = this.hovered ?? this.focus;
    const siblings = this.parents.get(at)?.children ?? [at];
    const moves = {
      ArrowUp: this.parents.get(at),
      ArrowDown: at.children[0],
      ArrowLeft: siblings[siblings.indexOf(at) - 1],
      ArrowRight: siblings[siblings.indexOf(at) + 1],
    };
    if (event.key === "Enter") this.zoom(at);
    else if (event.key === "Escape") this.zoom(this.root);
    else if (event.key in moves) this.hover(moves[event.key] ?? at);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** Marks functions with this text in their names; answers the share of all that they weigh. */
  search(text) {
    const wanted = text.trim().toLowerCase();
    this.matches = wanted === "" ? null : new Set();
    let found = 0;
    const visit = (node, counted) => {
      const match = wanted !== "" && node.name.toLowerCase().includes(wanted);
      if (match) this.matches.add(node);
      if (match && !counted) found += node.total;
      for (const child of node.children) visit(child, counted || match);
    };
    visit(this.root, false);
    this.paint();
    return this.root.total === 0 ? 0 : found / this.root.total;
  }
}

const weight = (node) => Math.max(node.total, node.before ?? 0);

// Each crate has a hue; of a difference red grew and blue shrank.
function hue(node, root) {
  if (node.before !== undefined) return grown(node, root);
  if (node.name === "all") return "#b8c0cc";
  const crate = crateOf(node.name);
  if (/^(std|core|alloc|__rust)/.test(crate)) return "#f0a35e";
  if (/^(0x|\[)|\+0x/.test(crate) || crate === "") return "#b8c0cc";
  let hash = 7;
  for (let i = 0; i < crate.length; i += 1) hash = (hash * 31 + crate.charCodeAt(i)) % 9973;
  return PALETTE[hash % PALETTE.length];
}

const PALETTE = ["#8fb4f5", "#79cfc4", "#b9a3f3", "#8fd19e", "#e6a3c8", "#e5c466", "#9ec9e8", "#c9d17a"];

function grown(node, root) {
  const most = Math.max(root.total, root.before ?? 0, 1);
  const change = (node.total - node.before) / most;
  const share = Math.min(1, Math.sqrt(Math.abs(change)) * 1.6);
  if (share < 0.05) return "#c9cfd8";
  const [r, g, b] = change > 0 ? [224, 72, 72] : [72, 120, 224];
  const mix = (part) => Math.round(225 + (part - 225) * share);
  return `rgb(${mix(r)} ${mix(g)} ${mix(b)})`;
}

// The last parts of a path say most.
function shorten(name, width) {
  const room = Math.floor((width - 8) / 6.2);
  const plain = plainName(name);
  if (plain.length <= room) return plain;
  const parts = plain.split("::");
  while (parts.length > 2 && parts.join("::").length > room) parts.shift();
  const short = parts.join("::");
  return short.length <= room ? short : `${short.slice(0, Math.max(1, room - 1))}…`;
}

