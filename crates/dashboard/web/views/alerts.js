// Alerts: what fires, what may, what was told to whom, what is silent, and the rules.

import * as alerts from "../alerts.js";
import { post, send } from "../api.js";
import { button, empty, h, put, say } from "../dom.js";
import { ago, clock, duration, moment, plain, words } from "../format.js";
import { session } from "../session.js";
import { now } from "../timeline.js";
import { choice, missing, section, table } from "../view.js";

const EVERY = 5000;
const SILENCES = [["15 min", 900], ["1 hour", 3600], ["8 hours", 28_800], ["1 day", 86_400]];
const FATES = { delivered: "delivered", refused: "refused", too_old: "given up", no_room: "no room", no_receiver: "no receiver" };

export function open(view) {
  if (!session.has("alerts")) return missing(view.root, "This service has no alerts", "It was built without them.");
  alerts.start();
  // as high as what mostly comes, so that nothing moves away from under a pointer
  const now_ = h("div", { class: "alerts" }, h("div", { class: "card" }, empty("Asking the service", "\u00a0")));
  const silences = h("div", { class: "card" }, empty("Asking the service"));
  const rules = h("div", { class: "card" });
  const history = h("div", { class: "card" });
  const receivers = h("div", { class: "card" });
  const add = button("New silence", () => silenceDialog({ name: "", labels: {} }, refresh));
  view.root.append(section("Alerts"), now_, section("Silences", add), silences, section("Rules"), rules, section("Receivers"), receivers, section("Notifications"), history);
  const keys = {};
  view.until(alerts.onalerts((state) => {
    showAlerts(now_, state, keys, refresh);
    once(keys, "history", state.history, () => showHistory(history, state.history));
    once(keys, "receivers", state.receivers, () => showReceivers(receivers, state.receivers));
  }));
  const asking = [
    view.poll("/api/silences", EVERY, (answer) => once(keys, "silences", answer, () => showSilences(silences, answer.silences, refresh)), failed(silences)),
    view.poll("/api/rules", EVERY, (answer) => once(keys, "rules", answer, () => showRules(rules, answer)), failed(rules)),
  ];
  function refresh() {
    alerts.start();
    asking.forEach((each) => each.now());
  }
  return undefined;
}

const failed = (node) => (error) => node.replaceChildren(empty("This could not be read", error.message));

// A table is built anew only when it changed, so that nothing moves under a pointer.
function once(keys, name, value, build) {
  const key = JSON.stringify(value);
  if (keys[name] === key) return;
  keys[name] = key;
  build();
}

function showAlerts(node, state, keys, refresh) {
  const list = state.alerts;
  const key = JSON.stringify(list.map(({ value, summary, ...rest }) => rest));
  if (keys.alerts !== key) {
    keys.alerts = key;
    node.replaceChildren(...(list.length === 0 ? [h("div", { class: "card" }, empty("All is well", "No alert fires, and none is about to."))] : list.map((alert) => card(alert, refresh))));
  }
  for (const alert of list) {
    const at = node.querySelector(`[data-key="${CSS.escape(alert.fingerprint)}"]`);
    if (at === null) continue;
    put(at.querySelector(".summary"), alert.summary);
    put(at.querySelector(".since"), since(alert));
  }
}

const since = (alert) => (alert.state === "firing" ? `fires since ${ago(alert.firedUnixMs, now()).replace(" ago", "")}` : `pending since ${ago(alert.beganUnixMs, now()).replace(" ago", "")}`);

function card(alert, refresh) {
  const notes = [
    alert.silencedBy && `silenced by ${alert.silencedBy}`, alert.inhibited && "muted by a worse one", alert.noData && "its data is gone", alert.flapping && "comes and goes",
    alert.acknowledged && `acknowledged by ${alert.acknowledged.by} ${ago(alert.acknowledged.unix_ms, now())}`,
  ].filter(Boolean);
  const labels = Object.entries(alert.labels).filter(([name]) => name !== "alertname" && name !== "severity");
  const view = alert.firedUnixMs === null ? null : h("a", { class: "button", href: around(alert.firedUnixMs) }, "Charts then");
  const acts = [view, alert.state === "firing" && !alert.acknowledged ? button("Acknowledge", async () => {
    await alerts.acknowledge(alert);
    refresh();
  }) : null, alert.silencedBy ? null : button("Silence…", () => silenceDialog(alert, refresh))];
  return h("section", { class: "card alert", "data-key": alert.fingerprint, "data-severity": alert.severity, "data-state": alert.silencedBy ? "silenced" : alert.state },
    h("div", { class: "head big" }, alerts.badge(alert.severity), h("h2", {}, alert.name), h("span", { class: "muted since" }, since(alert)), h("span", { class: "acts" }, ...acts)),
    h("p", { class: "summary" }, alert.summary),
    h("p", { class: "muted" }, ...labels.map(([name, value]) => h("code", { class: "chip" }, `${name}=${JSON.stringify(value)}`)), alert.annotations?.description ? h("span", {}, alert.annotations.description) : null),
    notes.length > 0 ? h("p", { class: "muted" }, notes.join(" · ")) : null);
}

/** The overview, two minutes before to one after. */
function around(at) {
  return `#/overview?from=${Math.round(at - 120_000)}&until=${Math.round(Math.min(at + 60_000, now()))}`;
}

// ---- silences

function silenceDialog(alert, done) {
  const matchers = Object.entries({ ...(alert.name ? { alertname: alert.name } : {}), ...alert.labels }).map(([name, value]) => `${name}=${JSON.stringify(String(value))}`);
  const field = h("textarea", { rows: String(Math.max(2, matchers.length)), class: "mono", required: true, placeholder: 'alertname="Slow"' });
  field.value = matchers.join("\n");
  const who = h("input", { type: "text", required: true, value: "me" });
  const why = h("input", { type: "text", required: true, placeholder: "Why, for those who wonder" });
  const length = choice("How long", SILENCES.map(([text, s]) => [s, text]), 3600, (s) => (state.seconds = s));
  const state = { seconds: 3600 };
  const wrong = h("p", { class: "bad", role: "alert" });
  const form = h("form", { method: "dialog", onsubmit: submit },
    h("label", {}, "Labels that must all match, one a line", field), h("label", {}, "For", length), h("label", {}, "By", who), h("label", {}, "Because", why), wrong,
    h("div", { class: "row end" }, button("Cancel", () => dialog.close()), h("button", { type: "submit", class: "primary" }, "Silence")));
  const dialog = h("dialog", { class: "form" }, h("h2", {}, alert.name ? `Silence ${alert.name}` : "New silence"), form);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  why.focus();

  async function submit(event) {
    event.preventDefault();
    try {
      const lines = field.value.split("\n").map((line) => line.trim()).filter(Boolean);
      await post("/api/silences", { matchers: lines, durationSeconds: state.seconds, createdBy: who.value, comment: why.value });
      dialog.close();
      say("Silenced. It still fires and is shown; nobody is told.");
      done();
    } catch (error) {
      put(wrong, error.message);
    }
  }
}

function showSilences(node, list, refresh) {
  const active = list.filter((s) => s.endsUnixMs > now());
  if (active.length === 0) return node.replaceChildren(empty("Nothing is silenced"));
  const rows = active.map((s) => [
    h("span", {}, ...s.matchers.map((m) => h("code", { class: "chip" }, matcherText(m)))), s.comment, s.createdBy, `until ${moment(s.endsUnixMs)}`,
    button("End", async () => {
      try {
        await send("DELETE", `/api/silences/${encodeURIComponent(s.id)}`);
        say("The silence has ended.");
      } catch (error) {
        say(error.message, "bad");
      }
      refresh();
    }),
  ]);
  return node.replaceChildren(table("Silences", [["Matches", ""], ["Because", ""], ["By", ""], ["Ends", ""], ["", "number"]], rows));
}

function matcherText(m) {
  if (typeof m === "string") return m;
  const equal = m.isEqual !== false;
  const sign = m.isRegex ? (equal ? "=~" : "!~") : equal ? "=" : "!=";
  return `${m.name}${sign}${JSON.stringify(m.value)}`;
}

// ---- rules, receivers, history

function showRules(node, { rules, files }) {
  const troubles = files.filter((file) => file.trouble ?? file.error).map((file) => h("p", { class: "bad" }, `${file.file ?? file.path}: ${file.trouble ?? file.error}`));
  if (rules.length === 0) return node.replaceChildren(empty("No rules", "", "perf-monitor --rules rules.yml"), ...troubles);
  const rows = rules.map((rule) => [
    h("span", {}, h("strong", {}, rule.name), h("span", { class: "muted block" }, rule.file ? `${rule.file}${rule.line ? `:${rule.line}` : ""}` : "in code")),
    h("code", {}, rule.expr ?? "a closure"), rule.forMs > 0 ? duration(rule.forMs) : "at once", ruleState(rule),
  ]);
  return node.replaceChildren(...troubles, table("Rules", [["Rule", ""], ["Condition", "expr"], ["For", ""], ["State", ""]], rows));
}

function ruleState(rule) {
  if (rule.firing > 0) return h("span", { class: "tag bad" }, `${rule.firing} firing`);
  if (rule.pending > 0) return h("span", { class: "tag" }, `${rule.pending} pending`);
  if (rule.health === "failing" || rule.health === "disabled") return h("span", { class: "tag bad", title: rule.trouble ?? "" }, `${rule.health}${rule.trouble ? `: ${rule.trouble}` : ""}`);
  if (rule.health === "ok") return h("span", { class: "tag good" }, "ok");
  return h("span", { class: "tag calm", title: rule.trouble ?? "" }, rule.health === "no_data" ? "no data" : "not looked at yet");
}

function showReceivers(node, list) {
  if (list.length === 0) return node.replaceChildren(empty("Nobody is told", "Alerts are shown here alone.", "perf-monitor --webhook URL --alertmanager URL"));
  const rows = list.map((r) => [
    h("strong", {}, r.name), `${plain(r.delivered)[0]} delivered`, r.waiting > 0 ? `${r.waiting} wait` : "–", r.givenUp > 0 ? h("span", { class: "bad" }, `${r.givenUp} given up`) : "–",
    r.trouble && r.failingSinceUnixMs !== null ? h("span", { class: "bad" }, `failing since ${clock(r.failingSinceUnixMs)}: ${r.trouble}`) : h("span", { class: "tag good" }, "ok"),
    button("Test", async () => {
      try {
        await post("/api/alerts/test", { receiver: r.name });
        say(`A test is on its way to ${r.name}.`);
      } catch (error) {
        say(error.message, "bad");
      }
    }),
  ]);
  return node.replaceChildren(table("Receivers", [["Receiver", ""], ["Delivered", ""], ["Waiting", ""], ["Lost", ""], ["State", ""], ["", "number"]], rows));
}

function showHistory(node, list) {
  if (list.length === 0) return node.replaceChildren(empty("No notifications yet", "What is sent to receivers is listed here, with their answers."));
  const rows = list.map((n) => [
    moment(n.unixMs), h("span", {}, h("strong", {}, n.title), " ", h("span", { class: `tag ${n.status === "resolved" ? "good" : "bad"}` }, n.status)), n.receiver, n.why.replaceAll("_", " "),
    h("span", { class: n.fate === "delivered" ? "" : "bad" }, FATES[n.fate] ?? n.fate), `${words([String(n.tookMs), "ms"])}${n.attempts > 1 ? `, ${n.attempts} attempts` : ""}`, h("span", { class: "muted" }, n.answer ?? ""),
  ]);
  return node.replaceChildren(table("Notifications", [["Time", ""], ["Alert", ""], ["To", ""], ["Because", ""], ["Fate", ""], ["Took", "number"], ["Answer", ""]], rows));
}

