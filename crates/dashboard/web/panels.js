// What the page shows: one declaration per panel.
//
// `series` are lines of one chart; `value` picks a number (or null: a gap) out of an update. The big figure is the first
// series', in words `of`. `notes` stand beside the legend. `floor` is the least top of the axis, `ceiling` the greatest.
// `machine` is what differs where no service records requests, so that the machine itself is what one looks at.

import * as format from "./format.js";

const recorded = (pick) => (update) => (update.requests > 0 ? pick(update) : null);

// A process has memory: 0 says that nothing measures it.
const measured = (pick) => (update) => (update.memory_usage > 0 ? pick(update) : null);

const NO_REQUESTS = {
  title: "No requests recorded yet",
  code: "monitor.metrics().record_request(elapsed, ok)",
};

export const panels = [
  {
    id: "request-rate",
    title: "Requests",
    of: "",
    format: format.rate,
    floor: 1,
    empty: NO_REQUESTS,
    series: [{ label: "requests", colour: "blue", fill: true, value: recorded((u) => u.request_rate) }],
    notes: (u) => [["total", format.count(u.requests)]],
  },
  {
    id: "error-rate",
    title: "Errors",
    of: "of requests",
    format: format.ratio,
    floor: 0.02,
    ceiling: 1,
    empty: NO_REQUESTS,
    series: [{ label: "failed", colour: "red", fill: true, value: recorded((u) => u.error_rate) }],
    notes: (u) => [["total failed", format.count(u.failures)]],
  },
  {
    id: "latency",
    title: "Latency",
    of: "at p99",
    format: format.micros,
    floor: 100,
    empty: NO_REQUESTS,
    series: [
      { label: "p99", colour: "violet", fill: true, value: (u) => (u.latency_p50 === null ? null : u.latency_p99) },
      { label: "p50", colour: "teal", value: (u) => u.latency_p50 },
    ],
  },
  {
    id: "cpu",
    title: "CPU",
    of: "of one core, this process",
    format: format.percent,
    floor: 5,
    empty: { title: "CPU time is not known on this system" },
    series: [
      { label: "process", colour: "blue", fill: true, value: measured((u) => u.cpu_usage) },
      { label: "machine", colour: "slate", value: machineCpu },
    ],
    notes: cores,
    machine: {
      of: "of all cores, this machine",
      format: format.ratio,
      floor: 0.05,
      ceiling: 1,
      series: [
        { label: "machine", colour: "blue", fill: true, value: (u) => u.host_cpu_ratio },
        { label: "this process", colour: "slate", value: measured(processShare) },
      ],
    },
  },
  {
    id: "memory",
    title: "Memory",
    of: "resident, this process",
    format: format.bytes,
    binary: true,
    floor: 1 << 20,
    empty: { title: "Memory is not known on this system" },
    series: [{ label: "resident", colour: "teal", fill: true, value: measured((u) => u.memory_usage) }],
    notes: machineMemory,
    machine: {
      of: "used, this machine",
      series: [{ label: "machine", colour: "teal", fill: true, value: (u) => u.host_memory_used_bytes }],
      notes: allMemory,
    },
  },
  {
    id: "network",
    title: "Network",
    of: "received, this machine",
    format: format.byteRate,
    floor: 1000,
    empty: { title: "Network traffic is not known on this system" },
    series: [
      { label: "received", colour: "blue", fill: true, value: (u) => u.network_receive_bytes_per_second },
      { label: "sent", colour: "amber", value: (u) => u.network_transmit_bytes_per_second },
    ],
  },
];

function machineCpu({ host_cpu_ratio: share, host_cpus: cpus }) {
  return share === null || cpus === null ? null : share * cpus * 100;
}

function processShare({ cpu_usage: percent, host_cpus: cpus }) {
  return cpus === null ? null : percent / 100 / cpus;
}

function cores({ host_cpus: cpus }) {
  return cpus === null ? [] : [["cores", format.count(cpus)]];
}

function allMemory({ host_memory_total_bytes: total, memory_usage: process }) {
  const of = total === null ? [] : [["of", format.words(format.bytes(total))]];
  return process === 0 ? of : [...of, ["this process", format.words(format.bytes(process))]];
}

function machineMemory({ host_memory_used_bytes: used, host_memory_total_bytes: total }) {
  if (used === null || total === null) return [];
  return [["machine", `${format.words(format.bytes(used))} of ${format.words(format.bytes(total))}`]];
}

/** The panel as it is shown after this update. */
export function shape(panel, update) {
  const alone = update !== undefined && update.requests === 0 && update.host_cpu_ratio !== null;
  return alone && panel.machine ? panel.machine : panel;
}

for (const panel of panels) {
  if (panel.machine) panel.machine = { ...panel, ...panel.machine };
}
