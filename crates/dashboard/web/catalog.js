// Which metrics there are, with the labels of their series.

import { get } from "./api.js";

const MOST = 2000;

const listeners = new Set();
let metrics = new Map();
let generation = -1;
let truncated = false;
let asking = null;

/** The metric of this name: {name, kind, unit, help, count, series}; undefined where there is none. Of very many series it has some. */
export const find = (name) => metrics.get(name);

export const all = () => [...metrics.values()];

/** Calls `listener` when series came or went, and once if they are known. */
export function oncatalog(listener) {
  listeners.add(listener);
  if (metrics.size > 0) listener();
  return () => listeners.delete(listener);
}

/** Asks for the list, unless it is of this generation. */
export function refresh(wanted) {
  if (asking !== null || (wanted !== undefined && wanted === generation)) return asking;
  asking = get(`/api/metrics?limit=${MOST}`)
    .then((answer) => {
      ({ generation, truncated } = answer);
      metrics = new Map(answer.metrics.map((metric) => [metric.name, metric]));
      listeners.forEach((listener) => listener());
    })
    .catch(() => {})
    .finally(() => (asking = null));
  return asking;
}

// Where the budget is used up, one series has what finds no room; it is of nobody.
const OVERFLOW = "overflow";

/** Metrics with this text in a name or a label: of the list, or of the server where the list has not all series. */
export async function search(text) {
  if (!truncated || text === "") return all();
  return (await get(`/api/metrics?limit=${MOST}&q=${encodeURIComponent(text)}`)).metrics;
}

/** The values that `label` has in the series of a metric, sorted. */
export function values(name, label) {
  const found = new Set();
  for (const labels of find(name)?.series ?? []) if (label in labels && labels[label] !== OVERFLOW) found.add(labels[label]);
  return [...found].sort();
}
