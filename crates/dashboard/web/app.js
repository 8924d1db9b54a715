// Puts the page together: the stream feeds the store, views show it, the address says which.

import * as alerts from "./alerts.js";
import * as catalog from "./catalog.js";
import { readColours } from "./colours.js";
import { h, icon, put, say, tell } from "./dom.js";
import * as feed from "./feed.js";
import { duration } from "./format.js";
import * as keys from "./keys.js";
import { dirty, onbeat, painted, wake } from "./loop.js";
import { mark, markers, onmarker } from "./markers.js";
import { session } from "./session.js";
import { store } from "./store.js";
import { connect } from "./stream.js";
import { now, ontimeline, restore, setLive, setUsual, timeline } from "./timeline.js";
import * as toolbar from "./toolbar.js";
import * as url from "./url.js";
import { View } from "./view.js";
import * as overview from "./views/overview.js";

const VIEWS = [
  ["overview", "Overview", "M4 13h6V4H4zM14 20h6v-9h-6zM4 20h6v-3H4zM14 7h6V4h-6z", async () => overview],
  ["metrics", "Metrics", "M4 19h16M4 15l5-6 4 4 7-8", () => import("./views/metrics.js")],
  ["instruments", "Stages & caches", "M4 6h10M4 12h16M4 18h7", () => import("./views/instruments.js")],
  ["traces", "Traces", "M4 6h9M8 12h9M13 18h7", () => import("./views/traces.js")],
  ["profiles", "Profiles", "M12 3c1 4 5 5 5 10a5 5 0 0 1-10 0c0-2 1-3 2-4 0 2 1 3 2 3 1-3-1-5 1-9z", () => import("./views/profiles.js")],
  ["host", "Host", "M4 5h16v6H4zM4 13h16v6H4zM8 8h.01M8 16h.01", () => import("./views/host.js")],
  ["alerts", "Alerts", "M6 16V11a6 6 0 0 1 12 0v5l2 2H4zM10 21h4", () => import("./views/alerts.js")],
  ["settings", "Settings", "M4 7h9M17 7h3M4 17h3M11 17h9M15 5v4M9 15v4", () => import("./views/settings.js")],
];

const main = document.getElementById("main");
let open = null;
let opened = null;
let turn = 0;

function buildNavigation() {
  const links = VIEWS.map(([name, label, path]) => h("a", { href: `#/${name}`, "data-view": name }, icon(path), h("span", {}, label), h("b", { class: "count", hidden: true })));
  document.getElementById("views").append(...links);
}

function markNavigation(name) {
  for (const link of document.querySelectorAll("#views a")) {
    link.href = url.link(link.dataset.view);
    if (link.dataset.view === name) {
      link.setAttribute("aria-current", "page");
      link.scrollIntoView({ block: "nearest", inline: "nearest" });
    } else {
      link.removeAttribute("aria-current");
    }
  }
}

// The view of the address. One that is slow to load does not open over one that was chosen after it.
async function show() {
  const name = url.view();
  if (open?.name === name && open.module.update?.(opened)) return;
  const mine = (turn += 1);
  const [, label, , load] = VIEWS.find(([view]) => view === name) ?? (name === "bench" ? ["", "Bench", "", () => import("./views/bench.js")] : VIEWS[0]);
  let module;
  try {
    module = await load();
  } catch {
    return say("This view could not be loaded: the service may have been updated. Reload the page.", "bad");
  }
  if (mine !== turn) return;
  opened?.close();
  url.opened(url.view());
  const root = h("div", { class: `view ${name}` });
  main.replaceChildren(root);
  open = { name, module };
  opened = new View(root);
  document.body.dataset.view = name;
  open.label = label;
  writeTitle();
  markNavigation(name);
  module.open(opened);
  wake();
}

function hello(message) {
  const before = session.hello;
  session.greet(message);
  setUsual(message.window_s * 1000);
  put(document.getElementById("service"), message.service);
  if (before !== null && before.instance !== message.instance) say("The service was restarted.");
  feed.open();
  catalog.refresh();
  if (session.has("alerts")) alerts.start();
  else hideView("alerts");
  writeFacts();
  writeTitle();
}

function writeTitle() {
  document.title = `${open?.label ?? "Overview"} · ${session.hello?.service ?? "perf-monitor"}`;
}

function hideView(name) {
  document.querySelector(`#views a[data-view="${name}"]`).hidden = true;
}

function writeFacts() {
  const { hello: about } = session;
  if (about === null) return;
  const facts = [about.host, about.pid && `process ${about.pid}`, about.started && `up ${duration(Math.max(1000, now() - about.started))}`, `perf-monitor ${about.version}`];
  put(document.getElementById("facts"), facts.filter(Boolean).join(" · "));
}

const messages = {
  hello,
  subscribed: feed.subscribed,
  history_end(message) {
    feed.historyEnd(message);
    if (message.points > 0) first();
    wake();
  },
  catalog: (message) => catalog.refresh(message.generation),
  marker(message) {
    mark(message);
    if (message.kind === "alert") alerts.start();
  },
  error: (message) => say(message.message, "bad"),
};

// The page may be mounted below another path: all addresses are relative to its own.
function socketUrl() {
  const address = new URL("api/stream", document.baseURI);
  address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
  address.hash = "";
  return address;
}

const stream = connect(socketUrl(), {
  message: (message) => messages[message.type]?.(message),
  frame(buffer) {
    if (!feed.receive(buffer)) return;
    first();
    wake();
  },
  state(name, text) {
    if (name === "live" || name === "lost") setLive(name === "live");
    if (name === "lost") feed.close();
    const state = document.getElementById("state");
    if (state.dataset.state !== name) tell(name === "lost" ? "The connection is lost." : text);
    state.dataset.state = name;
    put(state.querySelector("span"), text);
    document.body.classList.toggle("stale", name === "lost");
  },
});
feed.through(stream.send);

// For whoever measures the page: when the first numbers were painted.
function first() {
  if (document.documentElement.dataset.frame !== undefined) return;
  document.documentElement.dataset.frame = "first";
  requestAnimationFrame(() => requestAnimationFrame(() => {
    document.documentElement.dataset.drawn = Math.round(performance.now());
    performance.mark("drawn");
  }));
}

function countAlerts() {
  const count = document.querySelector('#views a[data-view="alerts"] .count');
  const firing = alerts.firing().length;
  count.hidden = firing === 0;
  put(count, String(firing));
}

globalThis.perfMonitor = { painted, seen: feed.seen, store, timeline, markers };

buildNavigation();
readColours();
restore();
toolbar.build();
keys.start(VIEWS.map(([name, label], i) => [String(i + 1), label, () => url.go(name)]));
alerts.onalerts(countAlerts);
onmarker(dirty);
ontimeline(() => {
  feed.adapt();
  markNavigation(url.view());
  dirty();
});
url.onplace(() => {
  restore();
  show();
});
onbeat(writeFacts);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  readColours();
  dirty();
  dispatchEvent(new Event("colours"));
});
document.addEventListener("visibilitychange", () => {
  feed.adapt();
  if (document.hidden) return;
  stream.hurry();
  dirty();
});
show();
