// Puts the page together: the stream feeds the store, the store the panels, one animation loop the charts.

import { Chart, nearest } from "./chart.js";
import { clock, duration, round, words } from "./format.js";
import { panels, shape } from "./panels.js";
import { Store } from "./store.js";
import { connect } from "./stream.js";

const COLOURS = ["card", "text", "muted", "grid", "baseline", "blue", "teal", "red", "amber", "violet", "slate"];

const FRAME = 17;
const DESCRIBE = 15_000;

// Faster updates are drawn together: nobody reads more than ten numbers a second.
const LEAST_REFRESH = 90;

const store = new Store();
const still = matchMedia("(prefers-reduced-motion: reduce)");
const views = panels.map(build);
let session = null;
let arrived = 0;
let refreshed = 0;
let live = false;
let cursor = null;
let scheduled = 0;
let nap = 0;

function element(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

function build(panel) {
  const value = element("b", {}, "–");
  const unit = element("span", {});
  const legend = element("ul", { class: "legend" });
  const canvas = element("canvas", { role: "img", "aria-label": panel.title });
  const empty = element("div", { class: "empty" }, element("strong", {}, "Waiting for the first update"));
  const title = element("h2", { id: panel.id }, panel.title);
  const figure = element("p", { class: "figure" }, value, unit);
  const plot = element("div", { class: "plot" }, canvas, empty);
  const section = element("section", { class: "panel", "aria-labelledby": panel.id }, title, figure, legend, plot);
  document.getElementById("panels").append(section);
  const chart = new Chart({ ...panel, ...axes(panel), span: store.span }, canvas);
  canvas.addEventListener("pointermove", (event) => point(chart.timeAt(event.offsetX, now())));
  canvas.addEventListener("pointerleave", () => point(null));
  return { panel, shape: panel, chart, section, value, unit, legend, canvas, empty, entries: [] };
}

function axes(panel) {
  return { axis: (number) => (number === 0 ? "0" : words(round(panel.format(number)))), clock };
}

// Server time, carried on from the last update; it stands still while the connection is lost.
function now() {
  const last = store.last?.timestamp ?? Date.now();
  return live ? last + (performance.now() - arrived) : last;
}

function point(time) {
  cursor = time;
  for (const view of views) {
    view.chart.setCursor(time);
    write(view);
  }
  wake();
}

function shown() {
  if (cursor === null) return store.last;
  return store.updates[nearest(store.updates.map((u) => u.timestamp), cursor)];
}

function write(view) {
  const { shape: panel } = view;
  const update = shown();
  if (update === undefined) return;
  const numbers = panel.series.map((s) => panel.format(s.value(update) ?? NaN));
  const [value, unit] = numbers[0];
  put(view.value, value);
  put(view.unit, unit === "" ? "" : `${unit} ${panel.of}`);
  view.value.parentElement.classList.toggle("unknown", unit === "");
  const lines = panel.series.map((s, i) => [s.colour, s.label, words(numbers[i])]);
  const notes = (panel.notes?.(update) ?? []).map(([label, text]) => ["", label, text]);
  writeLegend(view, lines.length > 1 ? [...lines, ...notes] : notes);
}

// Nodes are kept and only texts change: a reader's focus and selection stay where they are.
function writeLegend(view, entries) {
  if (entries.length !== view.entries.length) {
    view.entries = entries.map(([colour]) => {
      const [mark, label, number] = [element("i", {}), element("span", {}), element("b", {})];
      if (colour === "") mark.hidden = true;
      else mark.style.color = `var(--${colour})`;
      return { item: element("li", {}, mark, label, number), label, number };
    });
    view.legend.replaceChildren(...view.entries.map(({ item }) => item));
  }
  entries.forEach(([, label, number], i) => {
    put(view.entries[i].label, label);
    put(view.entries[i].number, number);
  });
}

function put(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function refresh() {
  refreshed = performance.now();
  for (const view of views) {
    reshape(view);
    view.chart.setData(store.columns(view.shape.series));
    write(view);
    view.empty.hidden = !view.chart.empty;
    view.section.classList.toggle("vacant", view.chart.empty && store.last !== undefined);
    if (store.last !== undefined) explain(view);
  }
  writeFacts();
  wake();
}

function reshape(view) {
  const panel = shape(view.panel, store.last);
  if (panel === view.shape) return;
  view.shape = panel;
  view.entries = [];
  view.chart.setOptions({ ceiling: undefined, ...panel, ...axes(panel) });
}

// Why a chart is empty, once anything is known: the text stays as it is, so that it can be copied.
function explain({ panel, empty }) {
  if (empty.dataset.explained) return;
  empty.dataset.explained = "yes";
  const lines = [element("strong", {}, panel.empty.title)];
  if (panel.empty.code) lines.push(element("code", {}, panel.empty.code));
  empty.replaceChildren(...lines);
}

// What a chart shows, for those who hear the page: told at the start and then at times, not at each update.
function describe() {
  for (const { shape: panel, canvas } of views) {
    const update = store.last;
    if (update === undefined) continue;
    const said = panel.series.map((s) => `${s.label} ${words(panel.format(s.value(update) ?? NaN))}`);
    canvas.setAttribute("aria-label", `${panel.title}, the last ${duration(store.span)}: now ${said.join(", ")}`);
  }
}

function writeFacts() {
  if (session === null || store.last === undefined) return;
  const { host, pid, started, version } = session;
  const facts = [host, pid && `process ${pid}`, started && `up ${duration(Math.max(1000, store.last.timestamp - started))}`];
  put(document.getElementById("facts"), facts.filter(Boolean).join(" · "));
  const rhythm = `Every ${duration(session.tick_ms)}, the last ${duration(store.span)} · perf-monitor ${version}`;
  put(document.getElementById("rhythm"), rhythm);
}

function paintColours() {
  const style = getComputedStyle(document.documentElement);
  const colours = Object.fromEntries(COLOURS.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
  for (const { chart } of views) chart.setColours(colours);
  wake();
}

// One loop for all charts. It sleeps until the next pixel moves, and while the page is hidden.
function frame() {
  scheduled = 0;
  if (document.hidden) return;
  const moment = now();
  const waits = views.map(({ chart }) => chart.draw(moment, !still.matches));
  const wait = Math.min(...waits) - FRAME;
  if (wait <= 0) wake();
  else if (live) nap = setTimeout(wake, wait);
}

function wake() {
  clearTimeout(nap);
  if (scheduled === 0) scheduled = requestAnimationFrame(frame);
}

const stream = connect(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/api/stream`, {
  hello(message) {
    session = message;
    put(document.getElementById("service"), message.service);
    document.title = `${message.service} · perf-monitor`;
    store.open(message.tick_ms, message.history);
    for (const { chart } of views) chart.setOptions({ span: store.span });
    arrived = performance.now();
    refresh();
    describe();
  },
  update(message) {
    arrived = performance.now();
    store.push(message);
    if (!document.hidden && arrived - refreshed >= LEAST_REFRESH) refresh();
  },
  state(name, text) {
    live = name === "live";
    const state = document.getElementById("state");
    state.dataset.state = name;
    put(state.querySelector("span"), text);
    document.body.classList.toggle("stale", name === "lost");
  },
});

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paintColours);
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  stream.hurry();
  refresh();
});
addEventListener("resize", wake);
setInterval(describe, DESCRIBE);
paintColours();

// Profiles are there only in a program that was built with them.
fetch("/debug/pprof/", { method: "HEAD" })
  .then((answer) => { document.getElementById("profiles").hidden = !answer.ok; })
  .catch(() => {});
