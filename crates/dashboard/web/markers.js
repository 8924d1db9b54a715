// What happened: alerts and profiles, shown on every chart at their time.

const MOST = 200;

// What is told by two ways may differ by some milliseconds.
const SAME = 1500;

/** Oldest first: {at, kind, title, state, colour}. */
export const markers = [];

const listeners = new Set();

export function mark({ kind, at, title, state, severity }) {
  if (markers.some((m) => Math.abs(m.at - at) < SAME && m.title === title && m.state === state)) return;
  markers.push({ at, kind, title, state, colour: colour(kind, state, severity) });
  markers.sort((a, b) => a.at - b.at);
  if (markers.length > MOST) markers.shift();
  listeners.forEach((listener) => listener());
}

export const onmarker = (listener) => listeners.add(listener);

function colour(kind, state, severity) {
  if (kind === "profile") return "violet";
  if (state === "resolved") return "green";
  return severity === "critical" || severity === "emergency" ? "red" : "amber";
}

/** The marker nearest to a time, within `reach` ms. */
export function near(time, reach) {
  let best = null;
  for (const marker of markers) {
    const distance = Math.abs(marker.at - time);
    if (distance <= reach && (best === null || distance < Math.abs(best.at - time))) best = marker;
  }
  return best;
}
