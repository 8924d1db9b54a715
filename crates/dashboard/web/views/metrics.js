// Every metric, by search; those that are pinned stay, also in the address.

import { all, oncatalog, search as searched } from "../catalog.js";
import { SERIES } from "../colours.js";
import { empty, h, icon, put } from "../dom.js";
import * as format from "../format.js";
import * as url from "../url.js";
import { section } from "../view.js";

const PIN = "M9 4h6l-1 6 3 3H7l3-3zM12 13v7";
const MOST_LISTED = 200;
const MOST_PINNED = 12;
const MOST_SERIES = 8;
const STATS = { gauge: ["value"], counter: ["rate", "total"], histogram: ["p99", "p50", "p90", "p999", "mean", "max", "rate"] };
const LABELS = { p999: "p99.9", rate: "per second", total: "since the start", value: "value" };

export function open(view) {
  const search = h("input", { type: "search", placeholder: "Search names, labels and help ( / )", "aria-label": "Search metrics", value: url.get("q"), oninput: () => {
    url.set({ q: search.value });
    list();
  } });
  const counted = h("span", { class: "muted", role: "status" });
  const pinned = h("div", { class: "grid" });
  const hint = h("div", { class: "card" }, empty("Nothing pinned", "Choose metrics below: each becomes a chart that stays in this page's address."));
  const names = h("div", { class: "card names" });
  view.root.append(section("Pinned"), pinned, hint, section("All metrics", counted, search), names);
  const charts = new Map();
  view.until(() => charts.forEach((card) => card.destroy()));

  const pins = () => url.get("pins").split(",").filter(Boolean).slice(0, MOST_PINNED);

  function toggle(name, stat) {
    const pin = `${name}:${stat}`;
    const now = pins();
    const next = now.includes(pin) ? now.filter((p) => p !== pin) : [...now, pin].slice(-MOST_PINNED);
    url.set({ pins: next.join(",") }, false);
    show();
    list();
  }

  function show() {
    const wanted = pins();
    for (const [pin, card] of charts) {
      if (wanted.includes(pin)) continue;
      card.destroy();
      card.node.remove();
      charts.delete(pin);
    }
    for (const pin of wanted) {
      if (charts.has(pin)) continue;
      const panel = panelOf(pin, toggle);
      if (panel === null) continue;
      const card = view.card(panel, pinned);
      charts.set(pin, card);
    }
    hint.hidden = wanted.length > 0;
  }

  async function list() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const text = search.value;
    const metrics = await searched(words[0] ?? "").catch(all);
    if (view.closed || text !== search.value) return;
    const found = metrics.filter((metric) => fits(metric, words)).sort((a, b) => a.name.localeCompare(b.name));
    put(counted, `${found.length} of ${all().length}`);
    const now = pins();
    names.replaceChildren(found.length === 0 ? empty("No metric has that", "The search looks into names, help texts, label names and label values.") : h("ul", {}, ...found.slice(0, MOST_LISTED).map((metric) => row(metric, now, toggle))));
  }

  view.until(oncatalog(() => {
    show();
    list();
  }));
  show();
  list();
}

function fits(metric, words) {
  if (words.length === 0) return true;
  const text = `${metric.name} ${metric.kind} ${metric.help} ${metric.series.map((labels) => Object.entries(labels).flat().join(" ")).join(" ")}`.toLowerCase();
  return words.every((word) => text.includes(word));
}

function row(metric, pins, toggle) {
  const stats = STATS[metric.kind].map((stat) => h("button", {
    type: "button", "aria-pressed": String(pins.includes(`${metric.name}:${stat}`)), onclick: () => toggle(metric.name, stat),
  }, LABELS[stat] ?? stat));
  const labels = h("details", { class: "labels" }, h("summary", {}, `${metric.count} series`), h("div", {}));
  labels.addEventListener("toggle", () => labels.open && labels.lastChild.replaceChildren(...metric.series.slice(0, 100).map(chip)));
  return h("li", {},
    h("div", { class: "about" }, h("code", {}, metric.name), h("span", { class: "muted" }, [metric.kind, metric.unit].filter(Boolean).join(", ")), h("p", { class: "muted" }, metric.help)),
    metric.series.some((l) => Object.keys(l).length > 0) ? labels : h("span", { class: "muted" }, "1 series"),
    h("div", { class: "choice pins", role: "group", "aria-label": `Charts of ${metric.name}` }, icon(PIN), ...stats));
}

const chip = (labels) => h("code", { class: "chip" }, Object.entries(labels).map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(" ") || "no labels");

/** The chart of a pin `metric:stat`: a line for each series, the first few. */
function panelOf(pin, toggle) {
  const [name, stat] = pin.split(":");
  const metric = all().find((m) => m.name === name);
  if (metric === undefined || !STATS[metric.kind].includes(stat)) return null;
  const series = metric.series.slice(0, MOST_SERIES).map((labels, i) => ({
    label: Object.values(labels).join(" ") || LABELS[stat] || stat, colour: SERIES[i], metric: name, stat, labels, fill: metric.series.length === 1,
  }));
  const unit = stat === "rate" && metric.unit === "seconds" && metric.kind === "counter" ? "seconds_counted" : metric.unit;
  const left = metric.count - series.length;
  return {
    title: `${name} · ${LABELS[stat] ?? stat}`, format: format.of(unit, stat), binary: metric.unit === "bytes" && stat !== "rate", floor: 1e-6, big: series.length > 1 ? false : undefined,
    unit: metric.unit, series, notes: left > 0 ? () => [["", `and ${left} more series`]] : undefined,
    items: [["Unpin", () => toggle(name, stat)]], empty: { title: "Nothing recorded in this time" },
  };
}
