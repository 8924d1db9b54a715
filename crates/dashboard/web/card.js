// A chart with its title, its numbers, its legend, and what a reader can do with it.

import { Chart } from "./chart.js";
import { button, empty, h, icon, put } from "./dom.js";
import * as exporting from "./export.js";
import { watch } from "./feed.js";
import { clock, duration, moment, words } from "./format.js";
import { Heat } from "./heat.js";
import { onbeat, wake } from "./loop.js";
import { near } from "./markers.js";
import { store } from "./store.js";
import { end, fix, follow, timeline } from "./timeline.js";

const DOTS = "M5 12h.01M12 12h.01M19 12h.01";
const DESCRIBE = 15_000;
const DRAG = 6;

// For so many ms an empty chart says nothing: its numbers are on their way.
const PATIENCE = 600;

const cards = new Set();
let serial = 0;

/**
 * `panel`: title, of (what the big number is of), format, floor, ceiling, binary, unit, series or rows, notes, empty, actions.
 * A series is {label, colour, fill, metric, stat, labels}.
 */
export class Card {
  constructor(panel) {
    this.panel = panel;
    this.series = (panel.rows ?? panel.series).map(resolve);
    this.build();
    const chart = { ...panel, series: this.series, rows: this.series, judged: () => this.judged() };
    this.chart = panel.rows ? new Heat(this.canvas, chart) : new Chart(this.canvas, chart);
    this.unwatch = watch(this.series.map((s) => s.track));
    this.unbeat = onbeat((now) => this.beat(now));
    this.made = performance.now();
    this.described = 0;
    this.changes = null;
    cards.add(this);
  }

  destroy() {
    this.chart.destroy();
    this.unwatch();
    this.unbeat();
    cards.delete(this);
  }

  build() {
    const { panel } = this;
    const id = `card-${(serial += 1)}`;
    this.value = h("b", {}, "–");
    this.unit = h("span");
    this.figure = h("p", { class: "figure" }, this.value, this.unit);
    this.legend = h("ul", { class: "legend" });
    this.canvas = h("canvas", { role: "img", "aria-label": panel.title, tabindex: "0" });
    this.line = h("div", { class: "cursor", hidden: true });
    this.tip = h("div", { class: "tip", hidden: true });
    this.selection = h("div", { class: "selection", hidden: true });
    const none = panel.empty ?? { title: "Nothing recorded" };
    this.nothing = empty("Waiting for the first numbers");
    this.nothing.hidden = true;
    this.reason = none;
    this.plot = h("div", { class: "plot" }, this.canvas, this.selection, this.line, this.tip, this.nothing);
    const head = h("div", { class: "head" }, h("h2", { id }, panel.title), ...(panel.actions ?? []), this.menu());
    const figure = panel.rows || panel.big === false ? null : this.figure;
    this.node = h("section", { class: `card chart ${panel.wide ?? ""}`, "aria-labelledby": id }, head, figure, this.legend, this.plot);
    this.entries = [];
    this.listen();
  }

  menu() {
    const { panel } = this;
    const close = (act) => () => {
      menu.open = false;
      act();
    };
    const label = `Actions for ${panel.title}`;
    const menu = h("details", { class: "menu" },
      h("summary", { "aria-label": label, title: "Export and more" }, icon(DOTS)),
      h("div", { class: "items" },
        button("Larger or smaller", close(() => this.node.classList.toggle("large"))),
        button("Picture (PNG)", close(() => this.png())),
        button("Data (CSV)", close(() => exporting.csv(panel.title, this.series))),
        button("Data (JSON)", close(() => exporting.json(panel.title, panel.unit ?? "", this.series))),
        ...(panel.items ?? []).map(([text, act]) => button(text, close(act)))));
    return menu;
  }

  png() {
    const legend = this.entries.map((entry) => [entry.colour, `${entry.label.textContent} ${entry.number.textContent}`]);
    exporting.png(this.panel.title, legend, this.canvas);
  }

  listen() {
    const { canvas } = this;
    canvas.addEventListener("pointermove", (event) => this.move(event));
    canvas.addEventListener("pointerleave", () => setCursor(null));
    canvas.addEventListener("pointerdown", (event) => this.press(event));
    canvas.addEventListener("pointerup", (event) => this.release(event));
    canvas.addEventListener("pointercancel", () => this.drop());
    canvas.addEventListener("dblclick", () => follow());
    canvas.addEventListener("keydown", (event) => this.key(event));
    canvas.addEventListener("blur", () => setCursor(null));
  }

  move(event) {
    setCursor(this.chart.timeAt(event.offsetX));
    if (this.pressed === undefined) return;
    const [from, to] = [this.pressed, event.offsetX].sort((a, b) => a - b);
    this.selection.hidden = to - from < DRAG;
    this.selection.style.left = `${from}px`;
    this.selection.style.width = `${to - from}px`;
  }

  press(event) {
    if (event.button !== 0) return;
    this.pressed = event.offsetX;
    if (event.pointerType !== "touch") this.canvas.setPointerCapture(event.pointerId);
  }

  release(event) {
    const { pressed } = this;
    this.drop();
    if (pressed === undefined || Math.abs(event.offsetX - pressed) < DRAG) return;
    const [from, to] = [this.chart.timeAt(pressed), this.chart.timeAt(event.offsetX)].sort((a, b) => a - b);
    fix(from, to);
  }

  drop() {
    this.pressed = undefined;
    this.selection.hidden = true;
  }

  // With the keyboard the cursor goes from pixel to pixel.
  key(event) {
    const way = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (way === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    const from = timeline.cursor ?? end();
    const step = (timeline.span / 60) * way * (event.shiftKey ? 5 : 1);
    setCursor(Math.min(end(), Math.max(end() - timeline.span, from + step)));
  }

  showCursor() {
    const { cursor } = timeline;
    const { chart, line, tip } = this;
    line.hidden = cursor === null || !chart.sized;
    tip.hidden = line.hidden;
    if (line.hidden) return;
    const x = chart.xOf(cursor);
    line.style.transform = `translateX(${x}px)`;
    const marker = near(cursor, chart.step * chart.ratio * 6);
    put(tip, marker ? `${clock(marker.at)} · ${marker.title}${marker.state ? ` · ${marker.state}` : ""}` : clock(cursor));
    const half = tip.offsetWidth / 2;
    const most = this.plot.clientWidth - half;
    tip.style.transform = `translateX(${Math.max(half, Math.min(most, x)) - half}px)`;
  }

  numberOf(s) {
    const { cursor, until } = timeline;
    const time = cursor ?? until;
    return time === null ? s.track.latest : store.at(s.track, time);
  }

  beat(now) {
    if (!this.chart.visible) return;
    this.write();
    this.showCursor();
    const { empty: vacant } = this.chart;
    const says = vacant && performance.now() - this.made > PATIENCE;
    if (says && (store.head > 30 || store.learned > 0)) this.explain();
    this.nothing.hidden = !says;
    if (now - this.described > DESCRIBE && !vacant) this.describe(now);
  }

  // The first numbers stand beside the line as soon as it is drawn.
  judged() {
    this.nothing.hidden ||= !this.chart.empty;
    this.write();
  }

  write() {
    const { panel } = this;
    const numbers = this.series.map((s) => panel.format(this.numberOf(s)));
    if (panel.rows) return this.writeLegend([["", "stronger: more requests", ""]]);
    const [value, unit] = numbers[panel.lead ?? 0];
    put(this.value, value);
    put(this.unit, [unit, panel.of].filter(Boolean).join(" "));
    this.figure.classList.toggle("unknown", value === "–");
    const lines = this.series.map((s, i) => [s.colour, s.label, words(numbers[i])]);
    const notes = (panel.notes?.() ?? []).map(([label, text]) => ["", label, text]);
    const shown = lines.length > 1 || panel.big === false ? [...lines, ...notes] : notes;
    return this.writeLegend(timeline.before > 0 ? this.compared() : shown);
  }

  // Means of both ranges, and how much the later one is above the earlier.
  compared() {
    const now = Date.now();
    if (this.changes !== null && now - this.changes.at < 1000 && this.changes.before === timeline.before) return this.changes.lines;
    const lines = this.series.map((s) => {
      const [after, before] = [mean(s, 0), mean(s, timeline.before)];
      const { format } = this.panel;
      const change = before === 0 ? "" : ` (${signed((after - before) / before)})`;
      return [s.colour, s.label, `${words(format(before))} → ${words(format(after))}${Number.isFinite(after - before) ? change : ""}`];
    });
    this.changes = { at: now, before: timeline.before, lines };
    return lines;
  }

  // Nodes are kept and only texts change: a reader's focus and selection stay where they are.
  writeLegend(entries) {
    if (entries.length !== this.entries.length || entries.some(([colour], i) => colour !== this.entries[i].colour)) {
      this.entries = entries.map(([colour]) => {
        const mark = h("i", { hidden: colour === "" });
        if (colour !== "") mark.style.background = `var(--${colour})`;
        const [label, number] = [h("span"), h("b")];
        return { colour, item: h("li", {}, mark, label, number), label, number };
      });
      this.legend.replaceChildren(...this.entries.map(({ item }) => item));
    }
    entries.forEach(([, label, number], i) => {
      put(this.entries[i].label, label);
      put(this.entries[i].number, number);
    });
  }

  explain() {
    if (this.explained) return;
    this.explained = true;
    const { title, hint, code } = this.reason;
    const node = empty(title, hint, code);
    this.nothing.replaceWith(node);
    this.nothing = node;
  }

  // What a chart shows, for those who hear the page: told at the start and then at times.
  describe(now) {
    this.described = now;
    const said = this.panel.rows ? [] : this.series.slice(0, 6).map((s) => `${s.label} ${words(this.panel.format(s.track.latest))}`);
    const range = timeline.until === null ? `the last ${duration(timeline.span)}` : `${duration(timeline.span)} until ${moment(timeline.until)}`;
    this.canvas.setAttribute("aria-label", `${this.panel.title}, ${range}. ${said.length > 0 ? `Now ${said.join(", ")}.` : ""}`);
  }
}

const resolve = (s) => ({ ...s, track: store.track(s.metric, s.stat, s.labels) });

function mean({ track }, before) {
  let [sum, count] = [0, 0];
  const [from, until] = [end() - timeline.span - before, end() - before];
  const take = (_, value) => {
    if (value !== value) return;
    sum += value;
    count += 1;
  };
  store.each(track, from, until, take);
  return count === 0 ? NaN : sum / count;
}

function signed(share) {
  const percent = Math.abs(share * 100);
  const digits = percent >= 9.95 ? percent.toFixed(0) : percent.toFixed(1);
  return `${Number(digits) === 0 ? "±" : share > 0 ? "+" : "−"}${digits}%`;
}

function setCursor(time) {
  timeline.cursor = time;
  for (const card of cards) {
    if (!card.chart.visible) continue;
    card.showCursor();
    card.write();
  }
  wake();
}

// A click elsewhere closes a menu, and so does Escape.
addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    menu.open = false;
    menu.firstElementChild.focus();
  }
});
addEventListener("pointerdown", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});
