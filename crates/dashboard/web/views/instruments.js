// Stages, queries and caches: which take the time, which fail, which miss.

import { find, oncatalog, values } from "../catalog.js";
import { SERIES } from "../colours.js";
import { empty, h, put } from "../dom.js";
import { watch } from "../feed.js";
import * as format from "../format.js";
import { onbeat } from "../loop.js";
import { store } from "../store.js";
import { section } from "../view.js";

const MOST = 24;
const LINES = 6;

const KINDS = [
  { title: "Stages", one: "Stage", label: "stage", duration: "stage_duration_seconds", errors: "stage_errors_total", code: 'monitor.instruments().stages().stage("read").start()' },
  { title: "Queries", one: "Query", label: "query", duration: "query_duration_seconds", errors: "query_errors_total", code: 'monitor.instruments().queries().query("users by id")' },
  { title: "Functions", one: "Function", label: "function", duration: "function_duration_seconds", code: "#[perf_monitor::timed]" },
];

export function open(view) {
  const parts = KINDS.map((kind) => part(view, kind));
  const caches = cachePart(view);
  const show = () => {
    parts.forEach((each) => each());
    caches();
  };
  view.until(oncatalog(show));
  if (find("request_duration_seconds") === undefined) show();
}

/** A section that is built again when other names come. */
function part(view, { title, one, label, duration, errors, code }) {
  const node = h("div");
  view.root.append(section(title), node);
  const built = holder(view);
  let known = null;
  return () => {
    const names = values(duration, label).slice(0, MOST);
    const key = names.join("\n");
    if (key === known) return;
    known = key;
    built.clear();
    if (names.length === 0) return node.replaceChildren(h("div", { class: "card" }, empty(`No ${title.toLowerCase()} recorded`, "", code)));
    const lines = (stat) => names.slice(0, LINES).map((name, i) => ({ label: name, colour: SERIES[i], metric: duration, stat, labels: { [label]: name } }));
    const grid = h("div", { class: "grid" });
    node.replaceChildren(grid);
    built.card({ title: `${title}: p99`, format: format.seconds, floor: 1e-5, unit: "seconds", big: false, wide: "half", series: lines("p99") }, grid);
    built.card({ title: `${title}: runs`, format: format.rate, floor: 1, unit: "per second", big: false, wide: "half", series: lines("rate") }, grid);
    const rows = names.map((name) => {
      const of = (metric, stat) => store.track(metric, stat, { [label]: name });
      return { name, tracks: [of(duration, "rate"), of(duration, "mean"), of(duration, "p50"), of(duration, "p99"), of(duration, "max"), ...(errors ? [of(errors, "rate")] : [])] };
    });
    const formats = [format.rate, format.seconds, format.seconds, format.seconds, format.seconds, format.rate];
    const heads = ["Runs", "Mean", "p50", "p99", "Longest", "Errors"].slice(0, errors ? 6 : 5);
    grid.append(built.table(title, [one, ...heads], rows, formats));
  };
}

function cachePart(view) {
  const node = h("div");
  view.root.append(section("Caches"), node);
  const built = holder(view);
  let known = null;
  return () => {
    const names = values("cache_hits_total", "cache").slice(0, MOST);
    const key = names.join("\n");
    if (key === known) return;
    known = key;
    built.clear();
    if (names.length === 0) return node.replaceChildren(h("div", { class: "card" }, empty("No caches recorded", "", 'monitor.instruments().caches().cache("pages").hit()')));
    const lines = (metric, stat) => names.slice(0, LINES).map((name, i) => ({ label: name, colour: SERIES[i], metric, stat, labels: { cache: name } }));
    const grid = h("div", { class: "grid" });
    node.replaceChildren(grid);
    built.card({ title: "Caches: hits", format: format.rate, floor: 1, unit: "per second", big: false, wide: "half", series: lines("cache_hits_total", "rate") }, grid);
    built.card({ title: "Caches: misses", format: format.rate, floor: 1, unit: "per second", big: false, wide: "half", series: lines("cache_misses_total", "rate") }, grid);
    const rows = names.map((name) => {
      const of = (metric, stat) => store.track(metric, stat, { cache: name });
      return { name, tracks: [of("cache_hits_total", "rate"), of("cache_misses_total", "rate"), of("cache_evictions_total", "rate"), of("cache_size_bytes", "value")], ratio: true };
    });
    grid.append(built.table("Caches", ["Cache", "Hits", "Misses", "Evictions", "Size", "Hit rate"], rows, [format.rate, format.rate, format.rate, format.bytes]));
  };
}

/** Cards and tables that are ended together. */
function holder(view) {
  let ends = [];
  const clear = () => ends.splice(0).forEach((end) => end());
  view.until(clear);
  return {
    clear,
    card(panel, grid) {
      const card = view.card(panel, grid);
      ends.push(() => card.destroy());
    },
    table(label, heads, rows, formats) {
      ends.push(watch(rows.flatMap((row) => row.tracks)));
      const cells = rows.map((row) => heads.slice(1).map(() => h("td", { class: "number" })));
      const lines = rows.map((row, i) => h("tr", {}, h("th", { scope: "row" }, row.name), ...cells[i]));
      ends.push(onbeat(() => rows.forEach((row, i) => write(row, cells[i], formats))));
      const head = h("tr", {}, ...heads.map((text, i) => h("th", { scope: "col", class: i === 0 ? "" : "number" }, text)));
      return h("section", { class: "card full", "aria-label": label }, h("div", { class: "scroll" }, h("table", {}, h("thead", {}, head), h("tbody", {}, ...lines))));
    },
  };
}

function write({ tracks, ratio }, cells, formats) {
  tracks.forEach((track, i) => put(cells[i], format.words(formats[i](track.latest))));
  if (!ratio) return;
  const [hits, misses] = [tracks[0].latest, tracks[1].latest];
  put(cells[4], hits + misses > 0 ? format.words(format.ratio(hits / (hits + misses))) : "–");
}
