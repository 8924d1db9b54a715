// Routes of the service: how often they are called, how long they take, how often they fail.
//
// They come from whatever metrics have a label `route`: a histogram of seconds, and a counter with a status. Without
// such, spans that are named like requests take their place.

import { all, find, values } from "./catalog.js";

const SPANS = "span_duration_seconds";
const REQUEST = /^(GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS) /;
const MOST = 12;

const labelled = (metric, label) => metric.series.some((labels) => label in labels);

/** [{name, span, duration: {metric, labels}, errors: [{metric, labels}]}] */
export function routes() {
  const histogram = all().find((m) => m.kind === "histogram" && m.unit === "seconds" && m.name !== SPANS && labelled(m, "route"));
  if (histogram === undefined) return spans();
  const counter = all().find((m) => m.kind === "counter" && labelled(m, "route") && labelled(m, "status") && related(m.name, histogram.name));
  return values(histogram.name, "route").slice(0, MOST).map((route) => ({
    name: route,
    span: spanOf(route),
    duration: { metric: histogram.name, labels: { route } },
    errors: failures(counter, route),
  }));
}

// demo_requests_total goes with demo_request_duration_seconds.
const related = (counter, histogram) => histogram.startsWith(counter.replace(/s_total$/, ""));

function failures(counter, route) {
  const span = spanOf(route);
  if (counter === undefined) return span === null ? [] : [{ metric: "span_errors_total", labels: { span } }];
  const statuses = new Set(counter.series.filter((l) => l.route === route && /^5|^err|^fail/.test(l.status)).map((l) => l.status));
  return [...statuses].map((status) => ({ metric: counter.name, labels: { route, status } }));
}

/** The name of the spans of a route's requests: its own, or behind a method. */
export function spanOf(route) {
  const names = values(SPANS, "span");
  return names.find((name) => name === route) ?? names.find((name) => REQUEST.test(name) && name.slice(name.indexOf(" ") + 1) === route) ?? null;
}

function spans() {
  if (find(SPANS) === undefined) return [];
  const names = values(SPANS, "span");
  const requests = names.filter((name) => REQUEST.test(name));
  return (requests.length > 0 ? requests : names).slice(0, MOST).map((span) => ({
    name: span,
    span,
    duration: { metric: SPANS, labels: { span } },
    errors: [{ metric: "span_errors_total", labels: { span } }],
  }));
}
