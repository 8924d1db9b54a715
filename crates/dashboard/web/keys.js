// What the keyboard does; `?` shows it.

import { button, h } from "./dom.js";
import { compare, follow, pan, pause, timeline, zoom } from "./timeline.js";

// Views without charts over time.
const TIMELESS = ["traces", "profiles", "alerts"];

const onCharts = (act) => () => TIMELESS.includes(document.body.dataset.view) || act();

const actions = [
  ["p", "Pause, or follow the present", onCharts(pause)],
  ["l", "Back to the present", onCharts(() => follow())],
  ["+", "Show less time", onCharts(() => zoom(0.5))],
  ["-", "Show more time", onCharts(() => zoom(2))],
  ["ArrowLeft", "Into the past", onCharts(() => pan(-0.25))],
  ["ArrowRight", "Towards the present", onCharts(() => pan(0.25))],
  ["c", "Compare with the range before, or not", onCharts(() => compare(timeline.before > 0 ? 0 : timeline.span))],
  ["/", "Search", focusSearch],
  ["?", "This list", () => toggleHelp()],
];

const NAMES = { ArrowLeft: "←", ArrowRight: "→" };
let dialog = null;

function focusSearch() {
  document.querySelector("main input[type=search]")?.focus();
}

/** Listens; `views` are [key, label, open] of the views. */
export function start(views) {
  actions.unshift(...views);
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    const action = actions.find(([key]) => key === event.key);
    if (action === undefined || (dialog?.open && event.key !== "?")) return;
    event.preventDefault();
    action[2]();
  });
}

const isTyping = (node) => node.closest?.("input:not([type=checkbox]):not([type=radio]), select, textarea") !== null && node.closest !== undefined;

export function toggleHelp() {
  if (dialog === null) build();
  if (dialog.open) dialog.close();
  else dialog.showModal();
}

function build() {
  const rows = actions.map(([key, what]) => [h("dt", {}, h("kbd", {}, NAMES[key] ?? key)), h("dd", {}, what)]);
  const mouse = [["drag", "On a chart: show that range"], ["double click", "On a chart: back to the present"], ["← →", "On a focused chart: move the cursor"]];
  const more = mouse.map(([key, what]) => [h("dt", {}, h("kbd", {}, key)), h("dd", {}, what)]);
  dialog = h("dialog", { "aria-labelledby": "keys-title" },
    h("h2", { id: "keys-title" }, "Keyboard and mouse"),
    h("dl", { class: "keys" }, ...rows.flat(), ...more.flat()),
    button("Close", () => dialog.close(), { class: "primary", autofocus: true }));
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  document.body.append(dialog);
}
