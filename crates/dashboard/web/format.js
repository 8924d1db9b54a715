// Numbers as people read them: each format answers [digits, unit].

const NONE = ["–", ""];

// Three significant digits at most, and no more than `decimals` after the point.
function digits(value, decimals) {
  const size = Math.abs(value);
  const places = size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2;
  return value.toFixed(Math.min(places, decimals));
}

function scaled(value, step, units, decimals) {
  let unit = 0;
  let rest = value;
  while (Math.abs(rest) >= step * 0.9995 && unit < units.length - 1) {
    rest /= step;
    unit += 1;
  }
  return [digits(rest, unit === 0 ? 0 : decimals), units[unit]];
}

const known = (format) => (value) => (Number.isFinite(value) ? format(value) : NONE);

export const rate = known((perSecond) => {
  if (perSecond === 0) return ["0", "/s"];
  if (Math.abs(perSecond) >= 9995) return scaled(perSecond, 1000, ["/s", "k/s", "M/s", "G/s"], 2);
  if (perSecond >= 100) return [Math.round(perSecond).toLocaleString("en"), "/s"];
  return [digits(perSecond, Math.abs(perSecond) < 1 ? 2 : 1), "/s"];
});

export const percent = known((hundredths) => [hundredths === 0 ? "0" : digits(hundredths, hundredths < 1 ? 2 : 1), "%"]);

export const ratio = known((share) => percent(share * 100));

export const seconds = known((s) => {
  const us = s * 1e6;
  if (Math.abs(us) < 0.9995) return us === 0 ? ["0", "s"] : [digits(us * 1000, 0), "ns"];
  if (Math.abs(us) < 999.5) return [digits(us, us < 10 ? 1 : 0), "µs"];
  if (s < 119.5) return scaled(us, 1000, ["µs", "ms", "s"], 2);
  return s < 7170 ? [digits(s / 60, 1), "min"] : [digits(s / 3600, 1), "h"];
});

export const bytes = known((count) => scaled(count, 1024, ["B", "KiB", "MiB", "GiB", "TiB", "PiB"], 1));

export const byteRate = known((count) => scaled(count, 1000, ["B/s", "kB/s", "MB/s", "GB/s", "TB/s"], 1));

export const plain = known((value) => {
  const size = Math.abs(value);
  if (size >= 99_950) return scaled(value, 1000, ["", "k", "M", "G", "T", "P"], 1);
  if (Number.isInteger(value)) return [value.toLocaleString("en"), ""];
  return [size < 0.01 ? value.toPrecision(2) : digits(value, 2), ""];
});

/** Seconds of work for each second: a share of a core or thread. */
export const busy = known((share) => percent(share * 100));

/** The format of a column of a metric in this unit. */
export function of(unit, stat) {
  if (stat === "rate" || stat.startsWith("between")) return perSecond(unit, stat);
  if (unit === "seconds") return seconds;
  if (unit === "bytes") return bytes;
  return unit === "ratio" ? ratio : plain;
}

function perSecond(unit, stat) {
  if (unit === "bytes" && stat === "rate") return byteRate;
  return unit === "seconds_counted" ? busy : rate;
}

export function count(n) {
  return Math.round(n).toLocaleString("en");
}

/** Without zeros at the end of a fraction: 2.50 is 2.5. */
export function round([value, unit]) {
  return [value.includes(".") ? value.replace(/\.?0+$/, "") : value, unit];
}

export function words([value, unit]) {
  return unit === "" ? value : `${value}${unit === "%" ? "" : "\u202f"}${unit}`;
}

export function duration(ms) {
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  const whole = Math.floor(ms / 1000);
  const parts = [
    [Math.floor(whole / 86400), "d"],
    [Math.floor(whole / 3600) % 24, "h"],
    [Math.floor(whole / 60) % 60, "min"],
    [whole % 60, "s"],
  ];
  const first = parts.findIndex(([n]) => n > 0);
  const some = parts.slice(first, first + 2).filter(([n]) => n > 0);
  return some.map(([n, unit]) => `${n} ${unit}`).join(" ");
}

const two = (n) => String(n).padStart(2, "0");

export function clock(ms) {
  const at = new Date(ms);
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

/** With the day where it is another one than today. */
export function moment(ms) {
  const at = new Date(ms);
  const today = at.toDateString() === new Date().toDateString();
  return today ? clock(ms) : `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${clock(ms)}`;
}

export function ago(ms, now) {
  const passed = now - ms;
  return passed < 1500 ? "now" : `${duration(passed)} ago`;
}
