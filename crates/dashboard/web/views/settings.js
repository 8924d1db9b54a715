// What the monitor is set to, what may be changed, and what it costs and keeps.

import { all, oncatalog, values } from "../catalog.js";
import { empty, h, put } from "../dom.js";
import * as feed from "../feed.js";
import * as format from "../format.js";
import { onbeat } from "../loop.js";
import { store } from "../store.js";
import { configuration } from "../config.js";
import { choice, section } from "../view.js";

const RATES = [[0, "As fits the range"], [60, "60 / s"], [30, "30 / s"], [10, "10 / s"], [1, "1 / s"]];
const LOSSES = /^perf_monitor_.*(refused|dropped|lost|skipped|rejected|evicted|expired|over_limit|clamped|given_up|failed|errors|misuse|failures|uncompressed|coarse_records|backwards|panics|wrong_labels|invalid)[a-z_]*_total$/;

let chosen = 0;

export function open(view) {
  const form = h("div");
  view.root.append(section("Settings of the monitor"), form);
  configuration(view, form);
  page(view);
  costs(view);
  losses(view);
}

function page(view) {
  const rates = choice("Updates of this page", RATES, chosen, (rate) => {
    chosen = rate;
    feed.setRate(rate);
  });
  const now = h("span", { class: "muted" });
  view.root.append(section("This page"), h("div", { class: "card row" }, h("span", {}, "Updates"), rates, now));
  view.until(onbeat(() => put(now, `${feed.currentRate()} a second, ${store.layout.length} columns`)));
}

function costs(view) {
  const grid = h("div", { class: "grid" });
  view.root.append(section("What the monitor costs and keeps"), grid);
  view.card({ title: "Its own CPU time", of: "of one core", format: format.busy, floor: 1e-3, unit: "ratio", series: [{ label: "monitor", colour: "blue", fill: true, metric: "perf_monitor_cpu_seconds_total", stat: "rate" }] }, grid);
  view.card({
    title: "A tick", of: "at most", format: format.seconds, floor: 1e-4, unit: "seconds",
    series: [{ label: "takes", colour: "violet", fill: true, metric: "perf_monitor_tick_seconds", stat: "max" }, { label: "comes late by", colour: "amber", metric: "perf_monitor_tick_lag_seconds", stat: "max" }],
  }, grid);
  const ledger = h("section", { class: "card", "aria-labelledby": "ledger" });
  grid.append(ledger);
  let known = "";
  view.until(oncatalog(() => {
    const parts = values("perf_monitor_memory_bytes", "subsystem");
    if (parts.join() === known) return;
    known = parts.join();
    showLedger(view, ledger, parts);
  }));
}

function showLedger(view, node, parts) {
  const tracks = parts.map((subsystem) => store.track("perf_monitor_memory_bytes", "value", { subsystem }));
  view.until(feed.watch(tracks));
  const lines = parts.map((name) => {
    const [bar, value] = [h("i", { "aria-hidden": "true" }), h("b")];
    return { bar, value, item: h("li", {}, bar, h("span", { class: "name" }, name.replaceAll("_", " ")), value) };
  });
  const total = h("b");
  node.replaceChildren(h("div", { class: "head" }, h("h2", { id: "ledger" }, "Memory by part"), total), h("ol", { class: "weights" }, ...lines.map((line) => line.item)));
  view.until(onbeat(() => {
    const known = tracks.map((t) => t.latest || 0);
    const most = Math.max(1, ...known);
    put(total, format.words(format.bytes(known.reduce((a, b) => a + b, 0))));
    lines.forEach(({ bar, value }, i) => {
      put(value, format.words(format.bytes(tracks[i].latest)));
      bar.style.width = `${(known[i] / most) * 100}%`;
    });
  }));
}

// Counters of what found no room or went wrong; those that are not zero stand first.
function losses(view) {
  const node = h("div", { class: "card" });
  view.root.append(section("Dropped, refused, failed"), node);
  let [rows, unwatch, known] = [[], () => {}, ""];
  view.until(() => unwatch());
  view.until(oncatalog(() => {
    const metrics = all().filter((m) => m.kind === "counter" && LOSSES.test(m.name));
    const key = metrics.map((m) => m.name).join();
    if (key === known) return;
    known = key;
    unwatch();
    rows = metrics.map((m) => ({ name: m.name, help: m.help, track: store.track(m.name, "total"), cell: h("b") }));
    unwatch = feed.watch(rows.map((row) => row.track));
  }));
  let shown = "";
  view.until(onbeat(() => {
    const some = rows.filter((row) => row.track.latest > 0);
    const key = some.map((row) => row.name).join() + rows.length;
    if (key !== shown) {
      shown = key;
      const list = some.map((row) => h("li", {}, h("div", { class: "about" }, h("code", {}, row.name), h("span", { class: "muted block" }, row.help)), row.cell));
      const quiet = `${rows.length - some.length} other counters are at zero.`;
      node.replaceChildren(...(some.length === 0 ? [empty("Nothing was dropped", `${rows.length} counters of losses and failures, all at zero.`)] : [h("ul", { class: "list losses" }, ...list), h("p", { class: "muted" }, quiet)]));
    }
    for (const row of some) put(row.cell, format.count(row.track.latest));
  }));
}

