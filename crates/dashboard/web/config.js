// The form of `/api/config`: what may be changed while the service runs, within which limits, and what was refused.

import { get, post } from "./api.js";
import { empty, h, put, say } from "./dom.js";

const NAMES = {
  tick_ms: "Tick",
  page_rate_hz: "Updates of pages, at the most",
  window_s: "Range when a page opens",
  profiler_hz: "Samples of CPU time, all the time",
  alert_cpu_ratio: "Alert: CPU of the machine",
  alert_memory_ratio: "Alert: memory of the machine",
  alert_disk_operations_per_second: "Alert: disk operations",
  alert_network_bytes_per_second: "Alert: network traffic",
  alert_score_percent: "Alert: score of all four",
  alert_response_seconds: "Alert: mean response",
};

/** Shows the settings in `node`. */
export async function configuration(view, node) {
  try {
    const { settings } = await get("/api/config");
    if (!view.closed) node.replaceChildren(form(settings, () => configuration(view, node)));
  } catch (error) {
    if (!view.closed) node.replaceChildren(h("div", { class: "card" }, empty("The settings could not be read", error.message)));
  }
}

function form(settings, again) {
  const order = [...Object.keys(NAMES), ...Object.keys(settings)].filter((name, i, all) => name in settings && all.indexOf(name) === i);
  const fields = order.map((name) => [name, settings[name]]).map(([name, setting]) => field(name, setting, () => watch()));
  const wrong = h("p", { class: "bad", role: "alert" });
  const apply = h("button", { type: "submit", class: "primary", disabled: true }, "Apply");
  const reset = h("button", { type: "reset", disabled: true }, "Undo");
  const changed = () => fields.filter(({ input, setting }) => input.value !== "" && Number(input.value) !== setting.value);
  function watch() {
    const none = changed().length === 0;
    [apply.disabled, reset.disabled] = [none, none];
    put(wrong, "");
  }
  return h("form", { class: "card settings-form", onsubmit: submit, onreset: () => setTimeout(watch) },
    ...fields.map(({ node }) => node),
    h("div", { class: "row end" }, h("p", { class: "muted grow" }, "Changes hold at once, for everybody who looks, until the service ends."), wrong, reset, apply));

  async function submit(event) {
    event.preventDefault();
    const changes = Object.fromEntries(changed().map(({ name, input }) => [name, Number(input.value)]));
    apply.disabled = true;
    try {
      await post("/api/config", changes);
      say("Changed, until the service ends.");
      await again();
    } catch (error) {
      put(wrong, error.message);
      apply.disabled = false;
    }
  }
}

function field(name, setting, oninput) {
  const { value, least, most, unit, help } = setting;
  const id = `setting-${name}`;
  const input = h("input", { id, type: "number", value, min: least, max: most, step: "any", required: true, "aria-describedby": `${id}-help`, oninput });
  const limits = `${number(least)} to ${number(most)}`;
  const label = h("label", { for: id }, NAMES[name] ?? name.replaceAll("_", " "), h("span", { class: "muted block", id: `${id}-help` }, help));
  return { name, setting, input, node: h("div", { class: "setting" }, label, h("div", { class: "row" }, input, unit ? h("span", { class: "unit" }, unit) : null, h("span", { class: "muted limits" }, limits))) };
}

const number = (n) => n.toLocaleString("en", { maximumSignificantDigits: 6 });
