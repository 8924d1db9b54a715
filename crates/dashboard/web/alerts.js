// Alerts as the server has them, for the banner, the count beside the name of the view, and the view itself.

import { poll, post } from "./api.js";
import { h, say, tell } from "./dom.js";
import { mark } from "./markers.js";

const EVERY = 3000;
const ME = "dashboard";

const listeners = new Set();
let asked = null;

/** The last answer of `/api/alerts`; null before, and where there are no alerts. */
export let state = null;

export function start() {
  if (asked !== null) return asked.now();
  asked = poll("/api/alerts?limit=100", EVERY, take, () => {});
  return undefined;
}

function take(answer) {
  if (state !== null) announce(answer.alerts);
  state = answer;
  for (const alert of answer.alerts) {
    if (alert.firedUnixMs === null) continue;
    mark({ kind: "alert", at: alert.firedUnixMs, title: alert.name, state: "firing", severity: alert.severity });
  }
  listeners.forEach((listener) => listener(state));
}

function announce(list) {
  const known = new Set(state.alerts.filter((a) => a.state === "firing").map((a) => a.fingerprint));
  const fresh = list.find((a) => a.state === "firing" && !known.has(a.fingerprint));
  if (fresh !== undefined) tell(`${fresh.severity}: ${fresh.name}. ${fresh.summary}`);
}

export function onalerts(listener) {
  listeners.add(listener);
  if (state !== null) listener(state);
  return () => listeners.delete(listener);
}

export const firing = () => state?.alerts.filter((a) => a.state === "firing" && !a.silencedBy && !a.inhibited) ?? [];

async function act(done, path, body) {
  try {
    await post(path, body);
    say(done);
  } catch (error) {
    say(error.message, "bad");
  }
  asked?.now();
}

export function acknowledge(alert) {
  return act(`${alert.name} is acknowledged.`, "/api/alerts/acknowledge", { fingerprint: alert.fingerprint, by: ME, comment: "" });
}

/** Mutes this alert, by all of its labels. */
export function silence(alert, seconds, comment) {
  const labels = { alertname: alert.name, ...alert.labels };
  const matchers = Object.entries(labels).map(([name, value]) => `${name}=${JSON.stringify(String(value))}`);
  const body = { matchers, durationSeconds: seconds, createdBy: ME, comment: comment || "from the dashboard" };
  return act(`${alert.name} is silent for ${Math.round(seconds / 60)} minutes.`, "/api/silences", body);
}

/** A word and a colour for how bad it is. */
export function badge(severity) {
  return h("span", { class: "badge", "data-severity": severity }, severity);
}
