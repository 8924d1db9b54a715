// The machine: its cores, memory, disks and interfaces.

import { oncatalog, values } from "../catalog.js";
import { SERIES } from "../colours.js";
import { empty, h } from "../dom.js";
import * as format from "../format.js";
import * as panels from "../panels.js";
import { section } from "../view.js";

const MOST = 8;

const host = (title, format_, series, more = {}) => ({ title, format: format_, series, floor: 1e-3, ...more });
const line = (label, colour, metric, stat = "value", labels = {}) => ({ label, colour, metric, stat, labels });
const filled = (...args) => ({ ...line(...args), fill: true });

const MACHINE = [
  host("CPU, all cores", format.ratio, [filled("busy", "blue", "host_cpu_usage_ratio"), line("waits for disk", "amber", "host_cpu_iowait_ratio"), line("stolen", "red", "host_cpu_steal_ratio")], { floor: 0.05, ceiling: 1, unit: "ratio" }),
  host("Load", format.plain, [filled("1 min", "blue", "host_load1"), line("5 min", "teal", "host_load5"), line("15 min", "slate", "host_load15")], { floor: 1 }),
  panels.machineMemory,
  host("Swap", format.bytes, [filled("used", "violet", "host_swap_used_bytes")], { floor: 1 << 20, binary: true, unit: "bytes" }),
  host("Interrupts and switches", format.rate, [filled("context switches", "teal", "host_context_switches_total", "rate"), line("interrupts", "amber", "host_interrupts_total", "rate")], { floor: 100, unit: "per second" }),
  host("Paging", format.byteRate, [filled("in", "blue", "host_paging_in_bytes_total", "rate"), line("out", "amber", "host_paging_out_bytes_total", "rate")], { floor: 1000, unit: "bytes per second" }),
];

const PROCESS = [
  host("CPU of this process", format.ratio, [filled("process", "blue", "process_cpu_seconds_total", "rate")], { floor: 0.05, of: "of one core", unit: "ratio" }),
  panels.memory,
  host("Threads and files", format.plain, [filled("threads", "teal", "process_threads"), line("open files", "amber", "process_open_fds")], { floor: 8 }),
];

export function open(view) {
  const groups = { process: h("div", { class: "grid" }), machine: h("div", { class: "grid" }), cores: h("div", { class: "grid" }), disks: h("div", { class: "grid" }), network: h("div", { class: "grid" }) };
  view.root.append(section("This process"), groups.process, section("The machine"), groups.machine, section("Cores"), groups.cores, section("Disks"), groups.disks, section("Network"), groups.network);
  for (const panel of PROCESS) view.card(panel, groups.process);
  for (const panel of MACHINE) view.card(panel, groups.machine);
  const made = new Set();
  const once = (key, make) => {
    if (made.has(key)) return;
    made.add(key);
    make();
  };
  view.until(oncatalog(() => {
    fillCores(view, groups.cores, once);
    fillDisks(view, groups.disks, once);
    fillNetwork(view, groups.network, once);
  }));
}

function fillCores(view, grid, once) {
  const cores = values("host_cpu_core_usage_ratio", "core").sort((a, b) => Number(a) - Number(b));
  if (cores.length === 0) return once("no cores", () => grid.append(none("The cores are not known on this system")));
  return once("cores", () => {
    for (let at = 0; at < Math.min(cores.length, 64); at += MOST) {
      const group = cores.slice(at, at + MOST);
      const series = group.map((core, i) => line(`core ${core}`, SERIES[i], "host_cpu_core_usage_ratio", "value", { core }));
      view.card(host(group.length === cores.length ? "Use of each core" : `Cores ${group[0]} to ${group.at(-1)}`, format.ratio, series, { floor: 0.05, ceiling: 1, big: false, wide: "wide", unit: "ratio" }), grid);
    }
  });
}

function fillDisks(view, grid, once) {
  const disks = values("host_disk_read_bytes_total", "device").slice(0, MOST);
  if (disks.length === 0) return once("no disks", () => grid.append(none("No disks are known on this system")));
  return once(`disks ${disks}`, () => {
    grid.replaceChildren();
    for (const device of disks) {
      const of = (label, colour, metric, stat) => line(label, colour, metric, stat, { device });
      view.card(host(`${device}: traffic`, format.byteRate, [{ ...of("read", "blue", "host_disk_read_bytes_total", "rate"), fill: true }, of("written", "amber", "host_disk_written_bytes_total", "rate")], { floor: 1000, unit: "bytes per second" }), grid);
      view.card(host(`${device}: operations`, format.rate, [{ ...of("reads", "blue", "host_disk_reads_total", "rate"), fill: true }, of("writes", "amber", "host_disk_writes_total", "rate")], { floor: 1, unit: "per second" }), grid);
      view.card(host(`${device}: in use`, format.ratio, [{ ...of("busy", "violet", "host_disk_utilisation_ratio", "value"), fill: true }], { floor: 0.01, ceiling: 1, of: "of the time", unit: "ratio" }), grid);
    }
  });
}

function fillNetwork(view, grid, once) {
  once("network", () => view.card(panels.network, grid));
  const metric = ["host_network_interface_received_bytes_total", "host_network_received_bytes_total"].find((name) => values(name, "interface").length > 0);
  const interfaces = metric === undefined ? [] : values(metric, "interface").slice(0, MOST);
  for (const name of interfaces) {
    once(`interface ${name}`, () => {
      const of = (label, colour, what) => line(label, colour, metric.replace("received_bytes", what), "rate", { interface: name });
      view.card(host(`${name}: traffic`, format.byteRate, [{ ...of("received", "blue", "received_bytes"), fill: true }, of("sent", "amber", "sent_bytes")], { floor: 1000, unit: "bytes per second" }), grid);
      view.card(host(`${name}: packets`, format.rate, [{ ...of("received", "blue", "received_packets"), fill: true }, of("sent", "amber", "sent_packets"), of("received, lost", "red", "received_drops")], { floor: 10, unit: "per second" }), grid);
    });
  }
}

const none = (text) => h("div", { class: "card full" }, empty(text));
