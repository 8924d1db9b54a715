// Where CPU time and memory go: record, look back, compare; as a flame graph and as a list of functions.

import { get } from "../api.js";
import { absorb, difference, fold, functionsOf, treeOf } from "../calltree.js";
import { find, oncatalog, values } from "../catalog.js";
import { button, empty, h, put, save } from "../dom.js";
import { Flame } from "../flame.js";
import { bytes, clock, count, duration, seconds, words } from "../format.js";
import { shortName } from "../names.js";
import { session } from "../session.js";
import * as url from "../url.js";
import { choice, missing, section } from "../view.js";

const MOST_KEPT = 8;
const FUNCTIONS = 14;

const KINDS = [["cpu", "CPU, from now"], ["past", "CPU, look back"], ["heap", "Memory in use"], ["allocs", "Allocations"]];
const LENGTHS = { cpu: [5, 10, 30, 60], past: [30, 60, 180, 300], heap: [0, 10, 30, 60], allocs: [0, 10, 30, 60] };
const ABOUT = {
  cpu: "Samples the CPU time of all threads from now on.",
  past: "What was hot before somebody looked, where CPU time is sampled all the time.",
  heap: "Which calls hold memory now, or how that changes.",
  allocs: "Which calls allocate, since the start or from now on.",
};

// Profiles stay while the page is open, so that another view can be looked at meanwhile.
const kept = [];
let running = null;
let shown = null;
let folded = true;

export function open(view) {
  if (!session.has("profiles")) return missing(view.root, "This service takes no profiles", "It was built without the profiler.");
  const stage = h("div", { class: "stage" });
  const history = h("div", { class: "kept" });
  const form = controls(view, (settings) => record(settings, draw));
  const progress = h("div", { class: "progress", hidden: true });
  view.root.append(section("Profiles"), form, progress, history, stage);
  let flame = null;
  view.until(() => flame?.destroy());

  function draw() {
    if (view.closed) return;
    showProgress(progress, draw);
    showKept(history, draw);
    flame?.destroy();
    flame = null;
    if (shown === null && running === null) stage.replaceChildren(h("div", { class: "card" }, empty("No profile taken yet", "Record one: it costs the service about a thousandth of its time while it runs.")));
    else if (shown !== null) [flame] = showProfile(stage, shown, draw);
    else stage.replaceChildren();
  }

  draw();
  if (url.get("run") === "1") runAtOnce(view, form);
  return undefined;
}

// Who follows a link to a flame graph wants to see one: what is known already, or else what is recorded now.
function runAtOnce(view, form) {
  url.set({ run: null });
  let begun = false;
  view.until(oncatalog(() => {
    if (begun) return;
    begun = true;
    if (url.get("kind") === "" && continuous()) form.choose("past", 180);
    form.run();
  }));
}

// ---- what to record

const continuous = () => find("perf_monitor_profiler_rate_hertz") !== undefined;

function controls(view, run) {
  const state = { kind: url.get("kind", "cpu") };
  const length = h("select", { "aria-label": "How long" });
  const span = h("select", { "aria-label": "Only this span" });
  const thread = h("input", { type: "text", placeholder: "All threads", "aria-label": "Only the thread of this name", value: url.get("thread"), size: "14" });
  const about = h("p", { class: "muted" });
  const go = button("Record", () => form.run(), { class: "primary" });
  const kinds = choice("What to record", KINDS, state.kind, (kind) => {
    state.kind = kind;
    url.set({ kind: kind === "cpu" ? null : kind });
    fill();
  });
  span.addEventListener("change", () => url.set({ span: span.value }));
  thread.addEventListener("change", () => url.set({ thread: thread.value }));

  function fill() {
    const past = state.kind === "past";
    length.replaceChildren(...LENGTHS[state.kind].map((s) => h("option", { value: s }, s === 0 ? "now" : past ? `the last ${s < 60 ? `${s} s` : `${s / 60} min`}` : `for ${s} s`)));
    put(go, past ? "Show" : "Record");
    put(about, past && !continuous() ? `${ABOUT.past} It is not sampled now: builder("…").profile_continuously(19), or in the agent's settings.` : ABOUT[state.kind]);
    for (const only of [span, thread]) only.hidden = !["cpu", "past"].includes(state.kind);
  }

  function fillSpans() {
    const current = url.get("span");
    const names = values("span_duration_seconds", "span");
    if (current !== "" && !names.includes(current)) names.unshift(current);
    span.replaceChildren(h("option", { value: "" }, "All spans"), ...names.map((n) => h("option", { value: n, selected: n === current }, n)));
    fill();
  }

  const form = h("div", { class: "card record" }, h("div", { class: "row" }, kinds, length, span, thread, go), about);
  form.choose = (kind, seconds_) => {
    state.kind = kind;
    kinds.mark(kind);
    fill();
    length.value = String(seconds_);
  };
  form.run = () => run({ kind: state.kind, seconds: Number(length.value), span: span.value || url.get("span"), thread: thread.value.trim() });
  view.until(oncatalog(fillSpans));
  fillSpans();
  return form;
}

function address({ kind, seconds: length, span, thread }, force) {
  const query = new URLSearchParams({ format: "json" });
  if (kind === "past") query.set("ago", length);
  if (length > 0) query.set("seconds", length);
  if (kind === "cpu" || kind === "past") {
    if (span !== "") query.set("span", span);
    if (thread !== "") query.set("thread", thread);
  }
  if (force) query.set("force", "1");
  const name = kind === "past" ? "profile" : kind === "cpu" ? "profile" : kind;
  return `/debug/pprof/${name}?${query}`;
}

async function record(settings, draw, force = false) {
  if (running !== null) return;
  const control = new AbortController();
  running = { settings, control, begun: performance.now(), error: null };
  draw();
  try {
    const profile = await get(address(settings, force), control.signal);
    keep({ settings, profile, at: Date.now(), tree: treeOf(profile) });
    running = null;
  } catch (error) {
    running = error.name === "AbortError" ? null : { settings, error };
    if (error.status === 409) running.again = () => record(settings, draw, true);
  }
  draw();
  if (running?.error) running = null;
}

function keep(entry) {
  kept.unshift(entry);
  kept.splice(MOST_KEPT);
  shown = { entry, before: null };
}

function showProgress(node, draw) {
  node.hidden = running === null;
  if (running === null) return;
  if (running.error) {
    const { error, again } = running;
    node.replaceChildren(h("div", { class: "banner", role: "alert" }, h("strong", {}, "No profile."), h("span", {}, error.message), again ? button("End that one and record", again) : null));
    return;
  }
  const { settings, control, begun } = running;
  const wait = settings.kind === "past" ? 0 : settings.seconds * 1000;
  const bar = h("progress", { max: "1", value: "0", "aria-label": "Recording" });
  const left = h("span", { class: "muted" });
  node.replaceChildren(h("div", { class: "banner calm" }, h("strong", {}, "Recording"), bar, left, button("Cancel", () => control.abort())));
  const mine = running;
  const tick = () => {
    if (running !== mine || !node.isConnected) return;
    const passed = performance.now() - begun;
    bar.value = wait === 0 ? 1 : Math.min(1, passed / wait);
    put(left, passed < wait ? `${Math.ceil((wait - passed) / 1000)} s left` : "looking names up…");
    setTimeout(tick, 200);
  };
  tick();
  draw.running = mine;
}

// ---- what was recorded

function label({ settings, at }) {
  const kind = { cpu: "CPU", past: "CPU", heap: "Memory", allocs: "Allocations" }[settings.kind];
  const length = settings.seconds === 0 ? "" : settings.kind === "past" ? ` of the last ${duration(settings.seconds * 1000)}` : ` ${settings.seconds} s`;
  return `${kind}${length}${settings.span ? ` · ${settings.span}` : ""}${settings.thread ? ` · ${settings.thread}` : ""} · ${clock(at)}`;
}

function showKept(node, draw) {
  if (kept.length < 2) return node.replaceChildren();
  const chips = kept.map((entry) => h("button", { type: "button", "aria-pressed": String(shown?.entry === entry), onclick: () => {
    shown = { entry, before: null };
    draw();
  } }, label(entry)));
  const others = kept.filter((entry) => entry !== shown?.entry && entry.profile.unit === shown?.entry.profile.unit);
  const select = h("select", { "aria-label": "Compare with an earlier profile", onchange: () => {
    shown.before = kept[Number(select.value)] ?? null;
    draw();
  } }, h("option", { value: "" }, "Compare with…"), ...others.map((entry) => h("option", { value: kept.indexOf(entry), selected: entry === shown.before }, label(entry))));
  return node.replaceChildren(h("div", { class: "chips" }, ...chips), select);
}

const weigher = (unit) => (weight) => {
  if (unit === "nanoseconds") return words(seconds(weight / 1e9));
  return unit === "bytes" ? words(bytes(weight)) : count(weight);
};

function showProfile(stage, { entry, before }, draw) {
  const { profile, settings } = entry;
  const weigh = weigher(profile.unit);
  const scale = before === null ? 1 : rateScale(entry, before);
  const tree = before === null ? entry.tree : difference(before.tree, entry.tree, scale);
  const none = tree.total === 0 && !(tree.before > 0);
  const head = h("div", { class: "head big" }, h("h2", {}, before === null ? label(entry) : `${label(entry)}, against ${label(before)}`), h("b", {}, none ? "" : weigh(tree.total)));
  const notes = h("ul", { class: "notes" }, ...profile.notes.map((note) => h("li", {}, note)));
  if (none) {
    const where = settings.span ? `“${settings.span}” used no CPU time that was seen: it waits, or was not called. Its traces tell for what.` : "Nothing used CPU time that was seen.";
    const links = h("p", { class: "row centre" });
    stage.replaceChildren(h("section", { class: "card" }, head, empty("Nothing to draw", where), links, notes));
    if (settings.span) offer(links, settings, draw);
    return [null];
  }
  const flame = new Flame(folded ? fold(tree) : tree, weigh);
  const found = h("span", { class: "muted", role: "status" });
  const search = h("input", { type: "search", placeholder: "Search functions", "aria-label": "Search functions", oninput: () => {
    const share = flame.search(search.value);
    put(found, search.value.trim() === "" ? "" : `${(share * 100).toFixed(1)} % of all`);
  } });
  const runtime = h("label", { class: "check" }, h("input", { type: "checkbox", checked: folded, onchange: (event) => {
    folded = event.target.checked;
    draw();
  } }), "Hide frames of runtimes");
  const files = h("div", { class: "row" }, search, found, button("Zoom out", () => flame.zoom(flame.root)), runtime, button("Save JSON", () => save("profile.json", JSON.stringify(profile), "application/json")));
  const legend = before === null ? null : h("p", { class: "muted" }, "Red grew, blue shrank; as wide as the larger of both.");
  const card = h("section", { class: "card", "aria-label": "Flame graph" }, head, files, legend, flame.node, notes);
  stage.replaceChildren(h("div", { class: "profile" }, card, tables(tree, entry, weigh, search)));
  return [flame];
}

// What runs below a span has names of its own: those of its slow traces lead on.
async function offer(node, settings, draw) {
  node.append(h("a", { class: "button", href: url.link("traces", { state: "slow", name: settings.span }) }, "Its slow traces"));
  try {
    const { traces } = await get(`/api/spans?state=slow&limit=20&name=${encodeURIComponent(settings.span)}`);
    const below = new Set(traces.flatMap((trace) => trace.spans.map((s) => s.name)));
    below.delete(settings.span);
    node.append(...[...below].slice(0, 8).map((name) => button(`CPU of ${name}`, () => {
      url.set({ span: name });
      record({ ...settings, span: name }, draw);
    })));
  } catch {
    // the link is enough
  }
}

// Two recordings of different lengths are compared as if they were of the same; what is in use needs no scale.
function rateScale(entry, before) {
  const timed = (e) => e.settings.kind === "cpu" || e.settings.kind === "past" || (e.settings.kind === "allocs" && e.settings.seconds > 0);
  return timed(entry) && before.profile.duration_ms > 0 ? entry.profile.duration_ms / before.profile.duration_ms : 1;
}

function tables(tree, { profile }, weigh, search) {
  const whole = Math.max(tree.total, 1);
  const functions = functionsOf(folded ? absorb(tree) : tree).filter((f) => f.own > 0).slice(0, FUNCTIONS);
  const lines = functions.map((f) => weighed(f.name, f.own, functions[0].own, weigh(f.own), `${((f.own / whole) * 100).toFixed(1)} %`, () => {
    search.value = f.name;
    search.dispatchEvent(new Event("input"));
  }));
  const parts = [h("section", { class: "card" }, h("div", { class: "head" }, h("h2", { title: folded ? "By themselves, with what they call of the language and of runtimes" : "By themselves" }, profile.unit === "bytes" ? "Heaviest functions" : "Hottest functions")), h("ol", { class: "weights" }, ...lines))];
  for (const [title, all] of [["By span", profile.spans], ["By thread", profile.threads]]) {
    const sums = all.filter(([, sum]) => sum > 0);
    if (sums.length === 0) continue;
    const rows = sums.slice(0, 8).map(([name, sum]) => weighed(name, sum, sums[0][1], weigh(sum), `${((sum / Math.max(profile.total, 1)) * 100).toFixed(1)} %`));
    parts.push(h("section", { class: "card" }, h("div", { class: "head" }, h("h2", {}, title)), h("ol", { class: "weights" }, ...rows)));
  }
  return h("div", { class: "side" }, ...parts);
}

function weighed(name, weight, most, text, share, act) {
  const bar = h("i", { "aria-hidden": "true" });
  bar.style.width = `${(weight / Math.max(most, 1)) * 100}%`;
  const label = act ? h("button", { type: "button", class: "name", title: name, onclick: act }, shortName(name)) : h("span", { class: "name", title: name }, name);
  return h("li", {}, bar, label, h("b", {}, text), h("span", { class: "muted" }, share));
}
