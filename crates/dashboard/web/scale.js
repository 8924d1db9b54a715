// Axes: round steps, and where the labels of time stand.

const TIME_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200].map((s) => s * 1000);
const BINARY_STEPS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];

/** A round step, and round ends that hold `low` to `most` with three to five steps; `low` is 0 or less. */
export function scale(low, most, { binary = false, ceiling = Infinity } = {}) {
  const range = Math.max(most - low, Number.MIN_VALUE);
  const unit = binary ? 1024 ** Math.max(0, Math.floor(Math.log(range) / Math.log(1024))) : 1;
  const rough = range / unit / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const steps = binary ? BINARY_STEPS : [1, 2, 2.5, 5, 10].map((n) => n * power);
  const step = (steps.find((s) => range / unit / s <= 4.0001) ?? steps.at(-1)) * unit;
  const top = Math.min(Math.ceil((most / step) * 0.9999) * step, ceiling);
  return { step, top, bottom: low < 0 ? Math.floor(low / step) * step : 0 };
}

/** The time between two labels for so many of them at most. */
export function timeStep(span, room) {
  return TIME_STEPS.find((step) => span / step <= room) ?? TIME_STEPS.at(-1);
}

/** The last round time in this time zone that is not after `time`. */
export function roundTime(time, step) {
  const zone = new Date(time).getTimezoneOffset() * 60_000;
  return Math.floor((time - zone) / step) * step + zone;
}
