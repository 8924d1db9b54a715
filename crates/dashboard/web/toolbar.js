// Range, pause and comparison: what holds for all charts.

import { button, h, icon } from "./dom.js";
import { clock, duration } from "./format.js";
import { toggleHelp } from "./keys.js";
import { compare, end, follow, mark, ontimeline, pause, SPANS, timeline } from "./timeline.js";
import { choice } from "./view.js";

const PAUSE = "M9 5v14M15 5v14";
const PLAY = "M8 5l10 7-10 7z";
const LABELS = { 30: "30 s", 60: "1 min", 120: "2 min", 300: "5 min", 900: "15 min", 3600: "1 h" };

export function build() {
  const spans = choice("Time range", SPANS.map((ms) => [ms, LABELS[ms / 1000]]), timeline.span, (ms) => follow(ms));
  const playing = h("button", { type: "button", class: "quiet", onclick: pause });
  const range = h("p", { class: "range", hidden: true });
  const select = h("select", { "aria-label": "Compare with", onchange: () => choose(select.value) });
  const help = h("button", { type: "button", class: "quiet help", "aria-label": "Keyboard shortcuts", title: "Keyboard shortcuts (?)", onclick: toggleHelp }, "?");
  document.getElementById("toolbar").append(range, spans, select, playing);
  document.querySelector("header").append(help);
  const show = () => {
    const { until, span } = timeline;
    spans.mark(until === null ? span : "");
    const label = until === null ? "Pause (p)" : "Follow the present (p)";
    playing.setAttribute("aria-label", label);
    playing.title = label;
    playing.replaceChildren(icon(until === null ? PAUSE : PLAY));
    document.body.classList.toggle("fixed", until !== null);
    showRange(range);
    fillComparisons(select);
  };
  ontimeline(show);
  show();
}

function showRange(node) {
  const { until, span, before } = timeline;
  node.hidden = until === null && before === 0;
  if (node.hidden) return;
  const shown = until === null ? "now" : `${clock(until - span)} – ${clock(until)}`;
  const earlier = before === 0 ? "" : until === null ? `, dashed: ${duration(before)} earlier` : `, dashed: ${clock(until - span - before)} – ${clock(until - before)}`;
  node.replaceChildren(h("span", {}, shown + earlier), button("Back to now", () => {
    compare(0);
    follow();
  }, { class: "link" }));
}

function fillComparisons(select) {
  const { span, before, until } = timeline;
  const choices = [["0", "Compare…"], [String(span), "Range before"], ["60000", "1 min earlier"], ["300000", "5 min earlier"], ["900000", "15 min earlier"], ["1800000", "30 min earlier"]];
  if (until !== null) choices.push(["mark", "This is “before”"]);
  const current = String(Math.round(before));
  if (!choices.some(([value]) => value === current)) choices.push([current, `${duration(before)} earlier`]);
  const seen = new Set();
  const options = choices.filter(([value]) => !seen.has(value) && seen.add(value));
  select.replaceChildren(...options.map(([value, text]) => h("option", { value, selected: value === current }, text)));
  select.classList.toggle("on", before > 0);
}

function choose(value) {
  if (value === "mark") return mark(end());
  return compare(Number(value));
}

