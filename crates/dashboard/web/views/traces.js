// Traces that were kept: slow, failed, recent; spans that have not ended; a waterfall of the one that is chosen.

import { get } from "../api.js";
import { oncatalog, values } from "../catalog.js";
import { button, empty, h, put, say } from "../dom.js";
import { ago, duration, moment, seconds, words } from "../format.js";
import { session } from "../session.js";
import { now } from "../timeline.js";
import * as url from "../url.js";
import { choice, missing, section, table } from "../view.js";
import { waterfall } from "../waterfall.js";

const STATES = [["slow", "Slow"], ["failed", "Failed"], ["recent", "Recent"], ["open", "Open"]];
const EVERY = 2500;
const NONE = {
  slow: ["No slow traces kept", "A trace is slow if one of its spans took longer than the p99 of its name, which is known after 100 spans."],
  failed: ["No failed traces kept", "A trace in which something fails is kept, whatever the sampling says."],
  recent: ["No traces kept yet", "Spans that the service records show here."],
  open: ["No open spans", "Work that has begun and not ended shows here."],
};

export function open(view) {
  if (!session.has("spans")) return missing(view.root, "This service has no traces", "It was built without the tracer.");
  const state = { live: true, key: "", traces: [] };
  const chosen = () => url.get("state", "slow");
  const list = h("div", { class: "card traces-list" });
  const detail = h("div", { class: "detail" });
  const name = h("select", { "aria-label": "Only traces with this span", onchange: () => change({ name: name.value, trace: null }) });
  const tabs = choice("Which traces", STATES, chosen(), (value) => change({ state: value, trace: null }));
  const hold = button("Pause", () => {
    state.live = !state.live;
    put(hold, state.live ? "Pause" : "Follow");
  });
  const split = h("div", { class: "split" }, list, detail);
  view.root.append(section("Traces", tabs, name, hold), split);
  const asking = view.poll(() => path(chosen(), url.get("name")), EVERY, (answer) => {
    if (state.live || state.key === "") show(answer);
  }, (error) => list.replaceChildren(empty("The traces could not be read", error.message)));

  function change(changes) {
    url.set(changes, false);
    state.key = "";
    tabs.mark(chosen());
    if (changes.trace === null) detail.replaceChildren();
    asking.now();
  }

  function show(answer) {
    const key = JSON.stringify([answer.state, (answer.traces ?? answer.spans).map((t) => t.trace_id + (t.span_id ?? ""))]);
    if (answer.state !== "open" && key === state.key) return;
    state.key = key;
    split.classList.toggle("single", answer.state === "open");
    if (list.matches(":focus-within") && answer.state !== "open") state.focus = document.activeElement?.dataset.trace;
    list.replaceChildren(...(answer.state === "open" ? spans(answer) : traces(answer)));
    list.querySelector(`[data-trace="${CSS.escape(state.focus ?? "")}"]`)?.focus({ preventScroll: true });
  }

  function traces(answer) {
    if (answer.traces.length === 0) return [empty(...NONE[answer.state])];
    const longest = Math.max(...answer.traces.map((t) => t.spans[0].duration_ms));
    const current = url.get("trace");
    if (current === "" && detail.childElementCount === 0 && answer.traces.length > 0 && matchMedia("(min-width: 861px)").matches) select(answer.traces[0]);
    return [h("ol", {}, ...answer.traces.map((trace) => line(trace, longest))), answer.more ? h("p", { class: "muted more" }, "Only the first 50 are listed.") : ""];
  }

  function line(trace, longest) {
    const [root] = trace.spans;
    const bar = h("i", { "aria-hidden": "true" });
    bar.style.width = `${(root.duration_ms / longest) * 100}%`;
    const services = `${trace.spans.length} span${trace.spans.length === 1 ? "" : "s"}`;
    return h("li", {}, h("button", { type: "button", "data-trace": trace.trace_id, "aria-current": String(trace.trace_id === url.get("trace")), onclick: () => select(trace) },
      bar, h("span", { class: "name" }, root.name, trace.failed ? h("span", { class: "tag bad" }, "failed") : null),
      h("b", {}, words(seconds(root.duration_ms / 1000))), h("span", { class: "muted" }, `${services} · ${ago(root.start_unix_ns / 1e6, now())}`)));
  }

  function select(trace, keep = false) {
    if (!keep) url.set({ trace: trace.trace_id });
    for (const b of list.querySelectorAll("button[data-trace]")) b.setAttribute("aria-current", String(b.dataset.trace === trace.trace_id));
    detail.replaceChildren(...one(trace));
  }

  // A trace of the address may not be in the list any more.
  async function restoreTrace() {
    const id = url.get("trace");
    if (id === "") return;
    try {
      const { traces: found } = await get(`/api/spans?trace=${encodeURIComponent(id)}`);
      if (view.closed) return;
      if (found.length > 0) select(found[0], true);
      else detail.replaceChildren(h("div", { class: "card" }, empty("This trace is no longer kept", "Older traces make room for newer ones.")));
    } catch (error) {
      say(error.message, "bad");
    }
  }

  function fillNames() {
    const current = url.get("name");
    const names = values("span_duration_seconds", "span");
    if (current !== "" && !names.includes(current)) names.unshift(current);
    name.replaceChildren(h("option", { value: "" }, "All spans"), ...names.map((n) => h("option", { value: n, selected: n === current }, n)));
  }

  view.until(oncatalog(fillNames));
  fillNames();
  restoreTrace();
  return undefined;
}

function path(state, name) {
  const query = new URLSearchParams({ state, limit: "50" });
  if (name !== "") query.set("name", name);
  return `/api/spans?${query}`;
}

function one(trace) {
  const [root] = trace.spans;
  const why = [trace.failed && "failed", trace.slow && "slow", trace.sampled && "sampled", trace.forced && "forced"].filter(Boolean).join(", ");
  const facts = [moment(root.start_unix_ns / 1e6), `${trace.spans.length} spans`, why && `kept: ${why}`, trace.exported ? "exported" : null].filter(Boolean).join(" · ");
  return [h("section", { class: "card", "aria-label": `Trace ${root.name}` },
    h("div", { class: "head big" }, h("h2", {}, root.name), h("b", {}, words(seconds(root.duration_ms / 1000))),
      h("a", { class: "button", href: url.link("profiles", { span: root.name, run: "1" }) }, "Flame graph")),
    h("p", { class: "muted" }, facts),
    root.message ? h("p", { class: "bad" }, root.message) : null,
    waterfall(trace),
    h("p", { class: "muted mono" }, `trace ${trace.trace_id}`))];
}

function spans(answer) {
  if (answer.spans.length === 0) return [empty(...NONE.open)];
  const rows = answer.spans.map((s) => [s.name, s.kind, duration(s.age_ms), h("span", { class: "mono" }, s.trace_id.slice(0, 8))]);
  return [table("Open spans", [["Span", ""], ["Kind", ""], ["Age", "number"], ["Trace", ""]], rows)];
}
