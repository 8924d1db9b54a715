// Twelve charts of four lines, for measuring: `#/bench?metric=…&stat=…` draws other columns than its own.
//
// Columns come from the address, else from what every monitor has. docs/dashboard.md has the parameters.

import { oncatalog, all } from "../catalog.js";
import { SERIES } from "../colours.js";
import { h } from "../dom.js";
import * as feed from "../feed.js";
import * as format from "../format.js";
import * as url from "../url.js";

export function open(view) {
  const [charts, lines] = [number("charts", 12), number("lines", 4)];
  const grid = h("div", { class: "grid bench" });
  view.root.append(grid);
  const rate = number("rate", 60);
  feed.setRate(rate);
  view.until(() => feed.setRate(0));
  let built = false;
  view.until(oncatalog(() => {
    if (built) return;
    built = true;
    const columns = wanted(charts * lines);
    for (let i = 0; i < charts; i += 1) {
      const series = columns.slice(i * lines, (i + 1) * lines).map((column, n) => ({ ...column, label: `${n + 1}`, colour: SERIES[n % SERIES.length] }));
      if (series.length > 0) view.card({ title: `Chart ${i + 1}`, format: format.plain, floor: 1e-6, big: false, series }, grid);
    }
    document.documentElement.dataset.bench = "ready";
  }));
}

const number = (name, otherwise) => Math.max(1, Number(url.get(name)) || otherwise);

// All series of one metric, in their order; without one, gauges and counters of the monitor.
function wanted(most) {
  const name = url.get("metric");
  const found = name === "" ? all().filter((m) => m.kind !== "histogram") : all().filter((m) => m.name === name);
  const columns = found.flatMap((m) => m.series.map((labels) => ({ metric: m.name, labels, stat: url.get("stat") || (m.kind === "counter" ? "rate" : "value") })));
  return Array.from({ length: most }, (_, i) => columns[i % Math.max(1, columns.length)]).filter(Boolean);
}
