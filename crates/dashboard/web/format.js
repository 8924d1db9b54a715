// Numbers as people read them: each function answers [digits, unit].

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
  if (perSecond >= 9995) return scaled(perSecond, 1000, ["/s", "k/s", "M/s", "G/s"], 2);
  return [perSecond >= 100 ? Math.round(perSecond).toLocaleString("en") : digits(perSecond, perSecond < 1 ? 2 : 1), "/s"];
});

export const ratio = known((share) => percent(share * 100));

export const percent = known((hundredths) => [digits(hundredths, hundredths < 1 ? 2 : 1), "%"]);

export const micros = known((us) => {
  if (us < 999.5) return [String(Math.round(us)), "µs"];
  return scaled(us, 1000, ["µs", "ms", "s"], 2);
});

export const bytes = known((count) => scaled(count, 1024, ["B", "KiB", "MiB", "GiB", "TiB", "PiB"], 1));

export const byteRate = known((count) => scaled(count, 1000, ["B/s", "kB/s", "MB/s", "GB/s", "TB/s"], 1));

export function count(n) {
  return Math.round(n).toLocaleString("en");
}

/** Without zeros at the end of a fraction: 2.50 is 2.5. */
export function round([value, unit]) {
  return [value.includes(".") ? value.replace(/\.?0+$/, "") : value, unit];
}

export function words([value, unit]) {
  return unit === "" ? value : `${value} ${unit}`;
}

export function duration(ms) {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const seconds = Math.floor(ms / 1000);
  const parts = [
    [Math.floor(seconds / 86400), "d"],
    [Math.floor(seconds / 3600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "min"],
    [seconds % 60, "s"],
  ];
  const first = parts.findIndex(([n]) => n > 0);
  return parts
    .slice(first, first + 2)
    .filter(([n]) => n > 0)
    .map(([n, unit]) => `${n} ${unit}`)
    .join(" ");
}

export function clock(ms) {
  const at = new Date(ms);
  return [at.getHours(), at.getMinutes(), at.getSeconds()].map((n) => String(n).padStart(2, "0")).join(":");
}
