// The spans of one trace, one below the other, each where it was in time.

import { h } from "./dom.js";
import { seconds, words } from "./format.js";

const MARKS = 5;

const ms = (number) => words(seconds(number / 1000));

/** Rows for a trace of `/api/spans`; a row shows its span's details when it is chosen. */
export function waterfall(trace) {
  const start = Math.min(...trace.spans.map((s) => s.start_unix_ns)) / 1e6;
  const end = Math.max(...trace.spans.map((s) => s.start_unix_ns / 1e6 + s.duration_ms));
  const scale = { start, length: Math.max(end - start, 1e-6) };
  const rows = ordered(trace.spans).map(({ node, depth, parents }) => row(node, depth, parents, scale));
  return h("div", { class: "waterfall" }, ruler(scale), h("ol", {}, ...rows));
}

function ruler({ length }) {
  const marks = Array.from({ length: MARKS }, (_, i) => {
    const mark = h("span", {}, i === 0 ? "0" : ms((length * i) / (MARKS - 1)));
    mark.style.left = `${(i / (MARKS - 1)) * 100}%`;
    return mark;
  });
  return h("div", { class: "ruler", "aria-hidden": "true" }, h("div"), h("div", { class: "marks" }, ...marks), h("div"));
}

/** Spans in the order of a tree: [{node, depth, parents}], children by their beginning. */
function ordered(spans) {
  const ids = new Set(spans.map((s) => s.span_id));
  const children = new Map();
  for (const s of spans) {
    const parent = ids.has(s.parent_id) ? s.parent_id : null;
    if (!children.has(parent)) children.set(parent, []);
    children.get(parent).push(s);
  }
  const list = [];
  const pending = (children.get(null) ?? []).map((node) => ({ node, depth: 0 })).reverse();
  while (pending.length > 0) {
    const { node, depth } = pending.pop();
    const below = (children.get(node.span_id) ?? []).sort((a, b) => a.start_unix_ns - b.start_unix_ns);
    list.push({ node, depth, parents: below.length });
    pending.push(...below.map((child) => ({ node: child, depth: depth + 1 })).reverse());
  }
  return list;
}

function row(node, depth, parents, scale) {
  const offset = node.start_unix_ns / 1e6 - scale.start;
  const failed = node.status === "error";
  const bar = h("i", { class: `bar ${node.kind}${failed ? " failed" : ""}` });
  bar.style.left = `${(offset / scale.length) * 100}%`;
  bar.style.width = `max(2px, ${(node.duration_ms / scale.length) * 100}%)`;
  const events = node.events.map((event) => {
    const dot = h("i", { class: "event", title: event.name });
    dot.style.left = `${((event.unix_ns / 1e6 - scale.start) / scale.length) * 100}%`;
    return dot;
  });
  const name = h("span", { class: "name" }, node.name, failed ? h("span", { class: "tag bad" }, "failed") : null, node.slow ? h("span", { class: "tag" }, "slow") : null);
  name.style.paddingLeft = `${Math.min(depth, 12) * 16}px`;
  const details = h("div", { class: "details", hidden: true });
  const button = h("button", { type: "button", "aria-expanded": "false", onclick: toggle }, name, h("span", { class: "lane" }, bar, ...events), h("b", {}, ms(node.duration_ms)));
  function toggle() {
    const open = details.hidden;
    if (open && details.childElementCount === 0) details.append(...describe(node, offset, parents));
    details.hidden = !open;
    button.setAttribute("aria-expanded", String(open));
  }
  return h("li", {}, button, details);
}

const text = (value) => (typeof value === "object" ? JSON.stringify(value) : String(value));

function describe(node, offset, parents) {
  const facts = [["kind", node.kind], ["begins at", ms(offset)], ["takes", ms(node.duration_ms)]];
  if (node.message) facts.push(["message", node.message]);
  if (parents > 0) facts.push(["children", String(parents)]);
  if (node.parent_is_remote) facts.push(["parent", `of another process: ${node.parent_id}`]);
  facts.push(["span", node.span_id]);
  if (node.dropped > 0) facts.push(["left out", `${node.dropped} details: no room`]);
  const parts = [pairs("Span", facts)];
  if (node.attributes.length > 0) parts.push(pairs("Attributes", node.attributes.map((a) => [a.key, text(a.value)])));
  if (node.events.length > 0) {
    parts.push(pairs("Events", node.events.map((event) => {
      const more = event.attributes.map((a) => `${a.key} = ${text(a.value)}`).join(", ");
      return [`+${ms((event.unix_ns - node.start_unix_ns) / 1e6)}`, more ? `${event.name} · ${more}` : event.name];
    })));
  }
  return parts;
}

function pairs(title, list) {
  return h("div", {}, h("h4", {}, title), h("dl", {}, ...list.flatMap(([key, value]) => [h("dt", {}, key), h("dd", {}, value)])));
}

