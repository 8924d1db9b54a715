// How the service does, at a glance: what is wrong stands first, what is slow stands out.

import * as alerts from "../alerts.js";
import { get } from "../api.js";
import { all, oncatalog } from "../catalog.js";
import { Chart } from "../chart.js";
import { button, empty, h, put } from "../dom.js";
import { watch } from "../feed.js";
import { ago, count, ratio, rate, seconds, words } from "../format.js";
import { onbeat } from "../loop.js";
import * as panels from "../panels.js";
import { routes } from "../routes.js";
import { session } from "../session.js";
import { store } from "../store.js";
import { now } from "../timeline.js";
import { link } from "../url.js";

const WINDOW = 60_000;
const SLOWEST = 5;

export function open(view) {
  const banner = h("div", { class: "banners", role: "region", "aria-label": "Alerts that fire" });
  const grid = h("div", { class: "grid" });
  view.root.append(banner, grid);
  view.until(alerts.onalerts(() => showBanner(banner)));
  view.card({ ...panels.requests, notes: totals(view) }, grid);
  view.card({ ...panels.errors, notes: failing }, grid);
  view.card(panels.percentiles, grid);
  const table = h("section", { class: "card routes", "aria-labelledby": "routes" });
  const heat = h("div", { class: "slot" });
  grid.append(table, heat);
  showRoutes(view, table);
  showHeat(view, heat);
  const flight = h("div", { class: "slot" });
  grid.append(flight);
  view.until(oncatalog(() => showFlight(view, flight)));
  for (const panel of [panels.cpu, panels.memory, panels.disk, panels.network]) view.card(panel, grid);
  if (session.has("spans")) showSlowest(view, grid);
}

function totals(view) {
  const track = store.track("requests_total", "total");
  view.until(watch([track]));
  return () => (track.latest > 0 ? [["since the start", count(track.latest)]] : []);
}

function failing() {
  const [failed, requests] = [store.track("requests_total", "rate", { outcome: "failure" }), store.track("requests_total", "rate")];
  return requests.latest > 0 ? [["share of requests", words(ratio(failed.latest / requests.latest))]] : [];
}

function showBanner(banner) {
  const firing = alerts.firing();
  const key = firing.map((a) => a.fingerprint + (a.acknowledged ? 1 : 0)).join();
  const rows = firing.slice(0, 4).map((alert) => h("div", { class: "banner", "data-severity": alert.severity, "data-key": alert.fingerprint },
    alerts.badge(alert.severity),
    h("a", { href: link("alerts"), class: "what" }, h("strong", {}, alert.name), h("span", {}, alert.summary)),
    h("span", { class: "since" }, ago(alert.firedUnixMs ?? alert.beganUnixMs, now())),
    alert.acknowledged ? h("span", { class: "muted" }, `acknowledged by ${alert.acknowledged.by}`) : button("Acknowledge", () => alerts.acknowledge(alert)),
    button("Silence 1 h", () => alerts.silence(alert, 3600))));
  if (banner.dataset.key === key) {
    firing.slice(0, 4).forEach((alert, i) => put(banner.children[i].querySelector(".since"), ago(alert.firedUnixMs ?? alert.beganUnixMs, now())));
    return;
  }
  banner.dataset.key = key;
  banner.replaceChildren(...rows);
}

async function showHeat(view, slot) {
  let [low, high] = [1e-4, 10];
  try {
    const families = (await get("/api/snapshot")).families;
    const all = families.find((f) => f.name === "request_duration_seconds")?.series[0];
    if (all?.count > 100) [low, high] = [10 ** Math.floor(Math.log10(Math.max(all.p50 / 30, 1e-6))), 10 ** Math.ceil(Math.log10(all.max))];
  } catch {
    // the usual range will do
  }
  if (view.closed) return;
  view.card({ ...panels.heat(low, Math.max(high, low * 100)), actions: [] }, slot);
}

function showFlight(view, slot) {
  const metric = all().find((m) => m.kind === "gauge" && /(^http_server_active_requests|_in_flight|active_requests)$/.test(m.name));
  const name = metric?.name ?? "active_connections";
  if (slot.dataset.metric === name || (slot.dataset.metric && !metric)) return;
  slot.dataset.metric = name;
  slot.replaceChildren();
  view.card(metric ? panels.inFlight(name) : { ...panels.inFlight(name), title: "Connections", of: "open" }, slot);
}

// ---- routes

function showRoutes(view, node) {
  const body = h("tbody");
  const head = h("tr", {}, ...[["Route", ""], ["Requests", "number"], ["p50", "number"], ["p99", "number bar"], ["Errors", "number"], ["", "trend"], ["", "links"]].map(([title, kind]) => h("th", { scope: "col", class: kind }, title)));
  const list = h("div", { class: "scroll" }, h("table", {}, h("thead", {}, head), body));
  const none = empty("No routes yet", "Requests that are recorded with a route, or as spans, are listed here.");
  none.hidden = true;
  node.append(h("div", { class: "head" }, h("h2", { id: "routes" }, "Routes, the slowest first · last minute")), list, none);
  let rows = [];
  let known = "";
  const rebuild = () => {
    const found = routes();
    const key = JSON.stringify(found);
    if (key === known) return;
    known = key;
    rows.forEach((row) => row.end());
    rows = found.map((route) => new Row(route));
    body.replaceChildren(...rows.map((row) => row.node));
    list.hidden = rows.length === 0;
    none.hidden = rows.length > 0;
  };
  view.until(oncatalog(rebuild));
  let beats = 0;
  view.until(onbeat(() => {
    if (beats++ % 4 === 0) update(rows, body);
  }));
  view.until(() => rows.forEach((row) => row.end()));
}

function update(rows, body) {
  rows.forEach((row) => row.read());
  const order = [...rows].sort((a, b) => (b.p99 || 0) - (a.p99 || 0));
  order.forEach((row, i) => row.write(order[0].p99, i === 0 && order.length > 1));
  // rows change places only when they differ clearly, so that a click meets what it was meant for
  const settled = order.every((row, i) => i === 0 || row.node === body.children[i] || !clearly(order, i));
  if (!settled && !body.matches(":hover, :focus-within")) body.append(...order.map((row) => row.node));
}

const clearly = (order, i) => (order[i - 1].p99 || 0) > (order[i].p99 || 0) * 1.2;

class Row {
  constructor(route) {
    this.route = route;
    const { metric, labels } = route.duration;
    const column = (stat) => store.track(metric, stat, labels);
    this.tracks = { rate: column("rate"), p50: column("p50"), p99: column("p99") };
    this.errors = route.errors.map((e) => store.track(e.metric, "rate", e.labels));
    this.unwatch = watch([...Object.values(this.tracks), ...this.errors]);
    this.build();
  }

  build() {
    const { route } = this;
    const cell = (kind) => h("td", { class: kind });
    this.cells = { rate: cell("number"), p50: cell("number"), p99: cell("number bar"), errors: cell("number") };
    this.bar = h("i", { "aria-hidden": "true" });
    this.p99Text = h("span");
    this.cells.p99.append(this.bar, this.p99Text);
    const canvas = h("canvas", { class: "spark", role: "img", "aria-label": `p99 of ${route.name}` });
    const links = h("td", { class: "links" });
    if (route.span !== null) {
      const shows = [["traces", { state: "slow", name: route.span }, "Traces"], ["profiles", { span: route.span, run: "1" }, "Flame"]];
      links.append(...shows.map(([view, params, text]) => h("a", { href: link(view, params) }, text)));
    }
    const title = route.span === null ? route.name : h("a", { href: link("traces", { state: "slow", name: route.span }) }, route.span);
    this.tag = h("span", { class: "tag", hidden: true }, "slowest");
    this.node = h("tr", {}, h("th", { scope: "row" }, h("div", {}, title, this.tag)), ...Object.values(this.cells), h("td", { class: "trend" }, canvas), links);
    this.chart = new Chart(canvas, { bare: true, format: seconds, floor: 1e-4, series: [{ track: this.tracks.p99, colour: "violet", fill: true }] });
  }

  end() {
    this.chart.destroy();
    this.unwatch();
  }

  read() {
    const until = now();
    this.rate = mean(this.tracks.rate, until);
    this.p50 = median(this.tracks.p50, until);
    this.p99 = median(this.tracks.p99, until);
    this.failed = this.errors.reduce((sum, track) => sum + (mean(track, until) || 0), 0);
  }

  write(slowest, first) {
    put(this.cells.rate, words(rate(this.rate)));
    put(this.cells.p50, words(seconds(this.p50)));
    put(this.p99Text, words(seconds(this.p99)));
    this.bar.style.width = `${Math.max(1, ((this.p99 || 0) / slowest) * 100)}%`;
    const share = this.rate > 0 ? this.failed / this.rate : 0;
    put(this.cells.errors, words(ratio(share)));
    this.cells.errors.classList.toggle("bad", share >= 0.01);
    this.tag.hidden = !first;
    this.node.classList.toggle("slowest", first);
  }
}

const kept = [];

function collect(track, until) {
  kept.length = 0;
  const last = Math.floor(until / 1000);
  for (let s = last - WINDOW / 1000; s <= last; s += 1) {
    const value = track.get(s);
    if (value === value) kept.push(value);
  }
  if (kept.length === 0 && track.latest === track.latest) kept.push(track.latest);
  return kept;
}

function mean(track, until) {
  const list = collect(track, until);
  return list.length === 0 ? NaN : list.reduce((a, b) => a + b, 0) / list.length;
}

function median(track, until) {
  const list = collect(track, until).sort((a, b) => a - b);
  return list.length === 0 ? NaN : list[list.length >> 1];
}

// ---- slow traces

function showSlowest(view, grid) {
  const list = h("ul", { class: "list" });
  const none = empty("No slow traces kept", "Traces that were slower than the p99 of their name are kept.");
  none.hidden = true;
  const node = h("section", { class: "card slow", "aria-labelledby": "slow" }, h("div", { class: "head" }, h("h2", { id: "slow" }, "Slowest traces"), h("a", { href: link("traces", { state: "slow" }) }, "All")), list, none);
  grid.append(node);
  view.poll(`/api/spans?state=slow&limit=${SLOWEST}`, 5000, ({ traces }) => {
    none.hidden = traces.length > 0;
    list.replaceChildren(...traces.map(({ trace_id: id, failed, spans: [root] }) => h("li", {},
      h("a", { href: link("traces", { state: "slow", trace: id }) }, root.name),
      failed ? h("span", { class: "tag bad" }, "failed") : null,
      h("span", { class: "muted" }, ago(root.start_unix_ns / 1e6, now())),
      h("b", {}, words(seconds(root.duration_ms / 1000))))));
  }, (error) => error.status === 404 && node.remove());
}
