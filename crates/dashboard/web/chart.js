// A chart of lines over time, on canvas, that follows the present at the rate of the screen.
//
// What is painted stays: as time passes, the picture is moved by whole pixels and only the columns at its right end are
// painted. All is painted anew when the scale, the range, the size, the colours or the past change. Coordinates inside
// are device pixels; the column of a time is `time / step`, counted from 1970, so that it is the same in every frame.

import { colours, fade } from "./colours.js";
import { clock, round, words } from "./format.js";
import { add, remove, wake } from "./loop.js";
import { markers } from "./markers.js";
import * as pen from "./pen.js";
import { roundTime, scale, timeStep } from "./scale.js";
import { HELD, LIVE, store } from "./store.js";
import { timeline } from "./timeline.js";

export const FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'Noto Sans', sans-serif";

const MARGIN = { left: 56, right: 8, top: 10, bottom: 22 };
const BARE = { left: 0, right: 0, top: 2, bottom: 2 };

// A range up to here is drawn from single samples, a longer one from seconds.
export const FINE_SPAN = 130_000;

const RESCALE = 300;
const SHRINK = 2500;
const TICK = 1300;

export class Chart {
  /**
   * `options`: series [{track, colour, fill}], format, floor, ceiling, binary; bare is a chart without axes; `judged` is
   * called when it has something to show, or nothing any more.
   */
  constructor(canvas, options) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d", { alpha: false });
    this.options = options;
    this.margin = options.bare ? BARE : MARGIN;
    this.visible = true;
    this.dirty = true;
    this.sized = false;
    this.wanted = scale(0, options.floor ?? 1, options);
    this.top = this.wanted.top;
    this.bottom = 0;
    this.scaledAt = 0;
    this.smallSince = 0;
    this.column = 0;
    this.painted = 0;
    this.learned = 0;
    this.final = 0;
    this.empty = true;
    this.fulls = 0;
    this.strips = 0;
    this.observer = new ResizeObserver(() => {
      this.sized = false;
      wake();
    });
    this.observer.observe(canvas);
    add(this);
  }

  destroy() {
    this.observer.disconnect();
    remove(this);
  }

  setVisible(visible) {
    this.visible = visible;
    if (visible) this.dirty = true;
  }

  setSeries(series) {
    this.options.series = series;
    this.dirty = true;
    this.scaledAt = 0;
  }

  resize() {
    const { clientWidth, clientHeight } = this.canvas;
    if (clientWidth === 0) return false;
    this.ratio = window.devicePixelRatio || 1;
    this.canvas.width = Math.round(clientWidth * this.ratio);
    this.canvas.height = Math.round(clientHeight * this.ratio);
    this.measure();
    this.sized = true;
    this.dirty = true;
    this.scaledAt = 0;
    return true;
  }

  measure() {
    const { margin, ratio } = this;
    this.left = Math.round(margin.left * ratio);
    this.width = Math.max(8, this.canvas.width - this.left - Math.round(margin.right * ratio));
    this.ceiling = Math.round(margin.top * ratio);
    this.ground = this.canvas.height - Math.round(margin.bottom * ratio);
  }

  /** Brings the picture up to `moment`; whether it is still on its way to another scale. */
  frame(moment) {
    if (!this.sized && !this.resize()) return false;
    const { span, until, before } = timeline;
    const right = until ?? moment;
    const step = span / this.width;
    const column = Math.floor(right / step);
    this.dirty ||= step !== this.step || before !== this.before || until !== this.until || this.learned !== store.learned;
    if (this.dirty || (moment - this.scaledAt > RESCALE && until === null)) this.rescale(right, moment);
    const gliding = this.glide();
    const latest = this.latest();
    if (!this.dirty && column === this.column && (latest === this.painted || until !== null)) return gliding;
    this.painted = latest;
    this.step = step;
    this.before = before;
    this.until = until;
    this.learned = store.learned;
    this.paint(column, right);
    return gliding;
  }

  /** When something last changed that is drawn here: of columns that tick only their new numbers count. */
  latest() {
    let latest = 0;
    for (const { track } of this.options.series) {
      const time = track.ticked || store.head === 0 ? track.real : store.timeOf(store.head - 1);
      if (time > latest) latest = time;
    }
    return latest;
  }

  paint(column, right) {
    const moved = column - this.column;
    const whole = this.dirty || moved < 0 || moved >= this.width;
    this.origin = column - this.width;
    if (!whole && moved > 0) this.shift(moved);
    const kept = Math.floor(Math.min(this.final, right) / this.step) - this.origin - Math.ceil(2 * this.ratio);
    const from = whole ? 0 : Math.max(0, Math.min(kept, this.width - moved - 1));
    this.column = column;
    this.dirty = false;
    if (whole) this.fulls += 1;
    else this.strips += 1;
    if (whole) this.paintFrame();
    if (this.width - from > 0) this.paintPlot(from, right);
    if (!this.options.bare && (whole || moved > 0)) this.paintTimes(right);
  }

  shift(pixels) {
    const { context, canvas, left, width, ground } = this;
    context.drawImage(canvas, left + pixels, 0, width - pixels, ground + 1, left, 0, width - pixels, ground + 1);
  }

  // What is needed to hold all that is seen. The axis grows at once, and shrinks when it has been too large for a while.
  rescale(right, moment) {
    const { options } = this;
    const [low, most] = this.extent(right - timeline.span, right);
    const [, mostBefore] = timeline.before > 0 ? this.extent(right - timeline.span - timeline.before, right - timeline.before) : [0, 0];
    this.judge(most === -Infinity);
    const least = Math.max(options.floor ?? 0, mostBefore);
    const wanted = scale(Math.min(0, low), Math.max(least, Math.min(most, options.ceiling ?? Infinity)), options);
    this.scaledAt = moment;
    if (wanted.top >= this.wanted.top * 0.999) this.smallSince = moment;
    const patient = !this.dirty && moment - this.smallSince < SHRINK && wanted.bottom === this.wanted.bottom;
    if (patient && wanted.top < this.wanted.top) return;
    if (this.dirty) this.top = wanted.top;
    this.wanted = wanted;
    this.bottom = wanted.bottom;
  }

  judge(empty) {
    if (empty === this.empty) return;
    this.dirty = true;
    this.empty = empty;
    this.options.judged?.();
  }

  extent(from, until) {
    bounds[0] = Infinity;
    bounds[1] = -Infinity;
    for (const { track } of this.options.series) scan(track, from, until, bound);
    return bounds;
  }

  // The axis glides to a new scale instead of jumping.
  glide() {
    const distance = this.wanted.top - this.top;
    if (distance === 0) return false;
    const done = still.matches || Math.abs(distance) < this.wanted.top * 0.005;
    this.top = done ? this.wanted.top : this.top + distance * 0.25;
    this.dirty = true;
    return !done;
  }

  y(value) {
    return this.ground - ((value - this.bottom) / (this.top - this.bottom)) * (this.ground - this.ceiling);
  }

  /** The time under a point of the canvas in CSS pixels. */
  timeAt(x) {
    const at = Math.max(0, Math.min(this.width, x * this.ratio - this.left));
    return (this.origin + at) * this.step;
  }

  /** Where a time is, in CSS pixels. */
  xOf(time) {
    return (time / this.step - this.origin + this.left) / this.ratio;
  }

  // All that does not move: the ground, and the labels of the values.
  paintFrame() {
    const { context, canvas, ratio, options } = this;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.fillStyle = colours.card;
    context.fillRect(0, 0, canvas.width, canvas.height);
    if (options.bare) return;
    context.font = `${11 * ratio}px ${FONT}`;
    context.textAlign = "right";
    context.textBaseline = "middle";
    context.fillStyle = colours.muted;
    this.paintLabels();
  }

  paintLabels() {
    const { context, ratio, wanted, options } = this;
    if (this.empty) return;
    for (let tick = wanted.bottom; tick <= wanted.top * 1.0001; tick += wanted.step) {
      const text = Math.abs(tick) < wanted.step / 1e6 ? "0" : words(round(options.format(tick)));
      context.fillText(text, this.left - 8 * ratio, this.y(tick));
    }
  }

  // The plot from column `from` of its width on.
  paintPlot(from, right) {
    const { context, left, width, ground } = this;
    context.save();
    context.beginPath();
    context.rect(left + from, 0, width - from, ground + 1);
    context.clip();
    context.fillStyle = colours.card;
    context.fillRect(left + from, 0, width - from, ground + 1);
    if (!this.options.bare) this.paintGrid(from);
    this.final = right;
    this.paintData(from, right);
    if (!this.options.bare) this.paintMarkers(from);
    context.restore();
  }

  paintGrid(from) {
    const { context, ratio, wanted, left, width } = this;
    const thick = Math.max(1, Math.round(ratio));
    for (let tick = wanted.bottom; tick <= wanted.top * 1.0001; tick += wanted.step) {
      context.fillStyle = Math.abs(tick) < wanted.step / 1e6 ? colours.baseline : colours.grid;
      context.fillRect(left + from, Math.round(this.y(tick)), width - from, thick);
      if (this.empty) break;
    }
  }

  paintData(from, right) {
    const { series } = this.options;
    for (let i = series.length - 1; i >= 0; i -= 1) {
      if (timeline.before > 0) this.paintLine(series[i], from, right, timeline.before);
      this.paintLine(series[i], from, right, 0);
    }
  }

  paintLine({ track, colour, fill }, from, right, before) {
    const { context, ratio } = this;
    const start = (this.origin + from) * this.step - before - TICK;
    target = this;
    shifted = before;
    pen.begin();
    scan(track, start, right - before, draw);
    if (before === 0 && timeline.until === null) this.hold(track, right);
    const hue = colours[colour];
    if (fill && before === 0) {
      context.fillStyle = this.shade(hue);
      pen.area(context, this.ground);
    }
    context.strokeStyle = before > 0 ? fade(hue, 0.5) : hue;
    context.lineWidth = (fill || this.options.bare ? 1.75 : 1.5) * ratio;
    context.lineJoin = "round";
    context.setLineDash(before > 0 ? [4 * ratio, 3 * ratio] : SOLID);
    pen.line(context, 1.5 * ratio);
  }

  // Up to the present a line stays at its last number; once there is a new one, that part is painted again.
  hold(track, right) {
    if (track.live === null) return;
    const known = lasting(track, right);
    if (known < this.final) this.final = known;
    if (!track.ticked || track.latest !== track.latest) return;
    pen.point(this.left + this.width, this.y(Math.min(track.latest, this.top * 1.3)));
  }

  shade(hue) {
    if (this.shadeOf !== hue || this.shadeGround !== this.ground) {
      this.shadeOf = hue;
      this.shadeGround = this.ground;
      this.gradient = this.context.createLinearGradient(0, this.ceiling, 0, this.ground);
      this.gradient.addColorStop(0, fade(hue, 0.24));
      this.gradient.addColorStop(1, fade(hue, 0.03));
    }
    return this.gradient;
  }

  paintMarkers(from) {
    const { context, ratio, left } = this;
    const first = (this.origin + from) * this.step;
    for (const { at, colour } of markers) {
      if (at < first - 8 * ratio * this.step) continue;
      const x = Math.round(at / this.step - this.origin + left);
      context.fillStyle = fade(colours[colour], 0.55);
      context.fillRect(x, 4 * ratio, Math.max(1, Math.round(ratio)), this.ground - 4 * ratio);
      context.fillStyle = colours[colour];
      context.beginPath();
      context.arc(x + 0.5 * ratio, 4 * ratio, 3 * ratio, 0, Math.PI * 2);
      context.fill();
    }
  }

  paintTimes(right) {
    const { context, canvas, ratio, left, width, ground } = this;
    context.fillStyle = colours.card;
    context.fillRect(left - 30 * ratio, ground + 7 * ratio, canvas.width, canvas.height);
    context.font = `${11 * ratio}px ${FONT}`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillStyle = colours.muted;
    const step = timeStep(timeline.span, width / ratio / 76);
    const room = 27 * ratio;
    for (let time = roundTime(right, step); time > right - timeline.span; time -= step) {
      const x = Math.round(time / this.step) - this.origin;
      context.globalAlpha = Math.max(0, Math.min(1, Math.min(x + 12 * ratio, width - x - room + 12 * ratio) / (14 * ratio)));
      if (context.globalAlpha > 0) context.fillText(clock(time), left + x, ground + 13 * ratio);
    }
    context.globalAlpha = 1;
  }
}

// Up to when what is painted of a line will not change.
function lasting(track, right) {
  if (timeline.span > FINE_SPAN) return Math.floor(right / 1000) * 1000 - 1000;
  return track.ticked ? track.real : store.timeOf(store.head - 1);
}

const SOLID = [];
const still = matchMedia("(prefers-reduced-motion: reduce)");
const bounds = [0, 0];
let target = null;
let shifted = 0;

function bound(time, value) {
  if (value < bounds[0]) bounds[0] = value;
  if (value > bounds[1]) bounds[1] = value;
}

function draw(time, value) {
  if (value !== value) return pen.gap();
  const x = (time + shifted) / target.step - target.origin + target.left;
  const y = target.y(value > target.top * 1.3 ? target.top * 1.3 : value);
  return pen.point(x, y);
}

// A column that ticks keeps its number until the time of a gap.
let heldValue = NaN;

/** Calls `visit(time, value)` for the points of `track`, NaN where they are interrupted: seconds, then single samples. */
export function scan(track, from, until, visit) {
  const first = store.first(track);
  const live = first < store.head ? store.timeOf(first) : Infinity;
  const coarse = until - from > FINE_SPAN + 2 * TICK || timeline.span > FINE_SPAN;
  const seconds = coarse ? until : Math.min(live, until);
  for (let s = Math.floor(from / 1000); s * 1000 < seconds && s <= track.second; s += 1) visit(s * 1000 + 500, track.get(s));
  if (!coarse && first < store.head) scanLive(track, store.search(from, first), until, visit);
}

function scanLive(track, start, until, visit) {
  const { live } = track;
  const { times } = store;
  heldValue = NaN;
  for (let i = start; i < store.head; i += 1) {
    const at = i % LIVE;
    const value = live[at];
    if (value === HELD) continue;
    const time = times[at];
    if (time > until) return;
    if (value !== value && track.ticked && heldValue === heldValue) visit(time, heldValue);
    heldValue = value;
    visit(time, value);
  }
}
