// The charts that every service has: one declaration each.

import * as format from "./format.js";

const NO_REQUESTS = {
  title: "No requests recorded yet",
  hint: "Each request that the service records shows here.",
  code: "monitor.metrics().record_request(elapsed, ok)",
};
const UNKNOWN = { title: "Not known on this system" };

const latency = (stat) => ({ label: { p50: "p50", p90: "p90", p99: "p99", p999: "p99.9" }[stat], metric: "request_duration_seconds", stat, labels: {} });

export const requests = {
  title: "Requests", format: format.rate, floor: 1, unit: "per second", empty: NO_REQUESTS,
  series: [{ label: "requests", colour: "blue", fill: true, metric: "requests_total", stat: "rate" }],
};

export const errors = {
  title: "Errors", format: format.rate, floor: 0.5, unit: "per second", empty: NO_REQUESTS,
  series: [{ label: "failed", colour: "red", fill: true, metric: "requests_total", stat: "rate", labels: { outcome: "failure" } }],
};

export const percentiles = {
  title: "Latency", of: "at p99", format: format.seconds, floor: 1e-4, unit: "seconds", empty: NO_REQUESTS, lead: 1,
  series: [
    { ...latency("p999"), colour: "pink" }, { ...latency("p99"), colour: "violet", fill: true },
    { ...latency("p90"), colour: "blue" }, { ...latency("p50"), colour: "teal" },
  ],
};

/** Rows of equal height on a logarithmic scale. */
export function heat(low, high, rows = 24) {
  const step = (high / low) ** (1 / rows);
  const edges = Array.from({ length: rows + 1 }, (_, i) => Number((low * step ** i).toPrecision(4)));
  return {
    title: "Latency, all requests", format: format.seconds, unit: "per second", empty: NO_REQUESTS,
    rows: edges.slice(0, -1).map((edge, i) => ({
      low: edge, high: edges[i + 1], label: `${edge} to ${edges[i + 1]} s`,
      metric: "request_duration_seconds", stat: `between:${edge}:${edges[i + 1]}`,
    })),
  };
}

export const cpu = {
  title: "CPU", of: "of one core, this process", format: format.ratio, floor: 0.05, unit: "ratio", empty: UNKNOWN,
  series: [{ label: "process", colour: "blue", fill: true, metric: "process_cpu_seconds_total", stat: "rate" }, { label: "machine, all cores", colour: "slate", metric: "host_cpu_usage_ratio", stat: "value" }],
};

export const memory = {
  title: "Memory", of: "resident, this process", format: format.bytes, binary: true, floor: 1 << 20, unit: "bytes", empty: UNKNOWN,
  series: [{ label: "resident", colour: "teal", fill: true, metric: "process_resident_memory_bytes", stat: "value" }],
};

export const machineMemory = {
  title: "Memory of the machine", of: "used", format: format.bytes, binary: true, floor: 1 << 20, unit: "bytes", empty: UNKNOWN,
  series: [
    { label: "used", colour: "teal", fill: true, metric: "host_memory_used_bytes", stat: "value" },
    { label: "cached", colour: "slate", metric: "host_memory_cached_bytes", stat: "value" },
    { label: "total", colour: "blue", metric: "host_memory_total_bytes", stat: "value" },
  ],
};

export const disk = {
  title: "Disk", of: "read", format: format.byteRate, floor: 1000, unit: "bytes per second", empty: UNKNOWN,
  series: [{ label: "read", colour: "blue", fill: true, metric: "host_disk_read_bytes_total", stat: "rate" }, { label: "written", colour: "amber", metric: "host_disk_written_bytes_total", stat: "rate" }],
};

export const network = {
  title: "Network", of: "received", format: format.byteRate, floor: 1000, unit: "bytes per second", empty: UNKNOWN,
  series: [{ label: "received", colour: "blue", fill: true, metric: "host_network_received_bytes_total", stat: "rate" }, { label: "sent", colour: "amber", metric: "host_network_sent_bytes_total", stat: "rate" }],
};

/** Requests under way, by whichever metric of the service says so. */
export function inFlight(metric) {
  return {
    title: "In flight", of: "requests under way", format: format.plain, floor: 4, empty: { title: "Nothing tells how many are under way" },
    series: [{ label: "in flight", colour: "green", fill: true, metric, stat: "value" }],
  };
}
