// A heat map of a distribution over time: a row for each range of values, brighter where more was recorded.

import { Chart, scan } from "./chart.js";
import { colours } from "./colours.js";
import { round, words } from "./format.js";
import { timeline } from "./timeline.js";

const LEVELS = 20;

export class Heat extends Chart {
  /** `options.rows`: [{track, low, high}], from low to high; the rest as of a chart. */
  constructor(canvas, options) {
    super(canvas, { ...options, series: options.rows.map((row) => ({ ...row, label: `${row.low}` })) });
    this.most = 1;
  }

  rescale(right, moment) {
    const [, most] = this.extent(right - timeline.span, right);
    this.judge(!(most > 0));
    this.scaledAt = moment;
    if (this.empty || (most <= this.most * 1.05 && most >= this.most * 0.5)) return;
    this.most = most;
    this.dirty = true;
  }

  glide() {
    return false;
  }

  y(value) {
    const { rows } = this.options;
    const share = Math.log(value / rows[0].low) / Math.log(rows.at(-1).high / rows[0].low);
    return this.ground - share * (this.ground - this.ceiling);
  }

  paintLabels() {
    const { context, ratio, options } = this;
    const [low, high] = [options.rows[0].low, options.rows.at(-1).high];
    for (let tick = 10 ** Math.ceil(Math.log10(low * 0.999)); tick <= high * 1.001; tick *= 10) {
      context.fillText(words(round(options.format(tick))), this.left - 8 * ratio, this.y(tick));
    }
  }

  paintGrid(from) {
    const { context, ratio, left, width, ground } = this;
    context.fillStyle = colours.baseline;
    context.fillRect(left + from, ground, width - from, Math.max(1, Math.round(ratio)));
  }

  paintData(from, right) {
    const start = (this.origin + from) * this.step - 1300;
    palette();
    for (const row of this.options.rows) {
      map = this;
      under = Math.round(this.y(row.low));
      over = Math.round(this.y(row.high));
      since = NaN;
      scan(row.track, start, right, cell);
      cell(right + this.step * 2, NaN);
      const known = timeline.span > 130_000 ? right - 2500 : row.track.real;
      if (row.track.live !== null && known < this.final) this.final = known;
    }
  }
}

let map = null;
let under = 0;
let over = 0;
let since = NaN;
let rate = 0;

// Paints what was until now, and remembers what is from now on.
function cell(time, value) {
  if (rate > 0 && since === since) {
    const x = Math.max(map.left, Math.round(since / map.step - map.origin) + map.left);
    const end = Math.round(time / map.step - map.origin) + map.left;
    map.context.fillStyle = shades[Math.min(LEVELS - 1, Math.floor(Math.sqrt(rate / map.most) * LEVELS))];
    if (end > x) map.context.fillRect(x, over, end - x, Math.max(1, under - over - 1));
  }
  since = time;
  rate = value;
}

const shades = new Array(LEVELS);
let shadesOf = "";

// From the ground over one hue to its lightest or darkest, whichever is further from the ground.
function palette() {
  const key = colours.card + colours.heat + colours.text;
  if (key === shadesOf) return;
  shadesOf = key;
  for (let i = 0; i < LEVELS; i += 1) {
    const at = (i + 1.5) / LEVELS;
    shades[i] = at < 0.7 ? mix(colours.card, colours.heat, at / 0.7) : mix(colours.heat, colours.text, (at - 0.7) / 0.6);
  }
}

function mix(from, to, share) {
  const part = (at) => {
    const [a, b] = [parseInt(from.slice(at, at + 2), 16), parseInt(to.slice(at, at + 2), 16)];
    return Math.round(a + (b - a) * Math.min(1, share)).toString(16).padStart(2, "0");
  };
  return `#${part(1)}${part(3)}${part(5)}`;
}
