// A small time-series renderer on canvas; its options and `setData` follow uPlot's, so that either can be the other's stand-in.

const LEFT = 58;
const RIGHT = 10;
const TOP = 8;
const BOTTOM = 22;
const TIME_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600, 86_400].map((s) => s * 1000);

export class Chart {
  /** `options`: span (ms), floor, ceiling, binary, axis (number → text), clock (ms → text), series [{colour, fill}]. */
  constructor(options, canvas) {
    this.options = options;
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.data = [[], ...options.series.map(() => [])];
    this.empty = true;
    this.top = options.floor;
    this.wanted = scale(options.floor, options);
    this.dirty = true;
    this.cursor = null;
    this.painted = NaN;
    new ResizeObserver(() => this.resize()).observe(canvas);
    this.resize();
  }

  resize() {
    const box = this.canvas.getBoundingClientRect();
    this.ratio = window.devicePixelRatio || 1;
    this.width = Math.max(box.width, LEFT + RIGHT + 1);
    this.height = Math.max(box.height, TOP + BOTTOM + 1);
    this.canvas.width = Math.round(this.width * this.ratio);
    this.canvas.height = Math.round(this.height * this.ratio);
    this.dirty = true;
  }

  setColours(colours) {
    this.colours = colours;
    this.dirty = true;
  }

  /** Takes other options; data for them must follow before the next draw. */
  setOptions(options) {
    this.options = { ...this.options, ...options };
    this.dirty = true;
  }

  /** `data`: [times in ms, numbers of the first series, ...]; NaN is a gap. */
  setData(data) {
    this.data = data;
    this.empty = !data.slice(1).some((values) => values.some(Number.isFinite));
    let most = this.options.floor;
    for (const values of data.slice(1)) {
      for (const value of values) if (value > most) most = value;
    }
    this.wanted = scale(Math.min(most, this.options.ceiling ?? Infinity), this.options);
    this.dirty = true;
  }

  /** Shows a vertical line at this time on the next draw; null takes it away. */
  setCursor(time) {
    this.dirty ||= time !== this.cursor;
    this.cursor = time;
  }

  /** The time under a point of the canvas at this moment, or null outside of the plot. */
  timeAt(x, now) {
    const right = this.width - RIGHT;
    if (x < LEFT || x > right) return null;
    return now - (right - x) / this.scaleX();
  }

  scaleX() {
    return (this.width - RIGHT - LEFT) / this.options.span;
  }

  /** Paints the chart as of `now`, unless nothing moved by a device pixel since; answers the ms until something will. */
  draw(now, animate) {
    const step = 1 / (this.scaleX() * this.ratio);
    const moment = Math.floor(now / step) * step;
    this.dirty ||= moment !== this.painted;
    if (this.dirty || this.top !== this.wanted.top) {
      this.settle(animate);
      this.painted = moment;
      this.dirty = false;
      this.paint(moment);
    }
    return this.top === this.wanted.top ? moment + step - now : 0;
  }

  // The axis glides to a new scale instead of jumping.
  settle(animate) {
    const distance = this.wanted.top - this.top;
    const close = !animate || Math.abs(distance) < this.wanted.top * 0.004;
    this.top = close ? this.wanted.top : this.top + distance * 0.18;
  }

  paint(now) {
    const { context, ratio } = this;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, this.width, this.height);
    context.font = "11px system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'Noto Sans', sans-serif";
    this.paintGrid();
    this.paintTimes(now);
    context.save();
    context.beginPath();
    context.rect(LEFT, 0, this.width - LEFT - RIGHT + 4, this.height - BOTTOM + 4);
    context.clip();
    for (let i = this.options.series.length - 1; i >= 0; i -= 1) this.paintSeries(i, now);
    context.restore();
    if (this.cursor !== null && !this.empty) this.paintCursor(now);
  }

  x(time, now) {
    return this.width - RIGHT - (now - time) * this.scaleX();
  }

  y(value) {
    const bottom = this.height - BOTTOM;
    return bottom - (Math.min(value, this.top * 1.2) / this.top) * (bottom - TOP);
  }

  // A line of one device pixel is sharp only on the pixel grid.
  sharp(at) {
    return (Math.round(at * this.ratio) + 0.5) / this.ratio;
  }

  paintGrid() {
    const { context, colours } = this;
    context.lineWidth = 1 / this.ratio;
    context.textAlign = "right";
    context.textBaseline = "middle";
    const last = this.empty ? 0 : this.wanted.top * 1.0001;
    for (let tick = 0; tick <= last; tick += this.wanted.step) {
      const y = this.sharp(this.y(tick));
      if (y < 0) break;
      context.strokeStyle = tick === 0 ? colours.baseline : colours.grid;
      context.beginPath();
      context.moveTo(LEFT, y);
      context.lineTo(this.width - RIGHT, y);
      context.stroke();
      if (this.empty) break;
      context.fillStyle = colours.muted;
      context.fillText(this.options.axis(tick), LEFT - 8, y);
    }
  }

  paintTimes(now) {
    const { context, colours } = this;
    const room = (this.width - LEFT - RIGHT) / 68;
    const step = TIME_STEPS.find((s) => this.options.span / s <= room) ?? TIME_STEPS.at(-1);
    const zone = new Date(now).getTimezoneOffset() * 60_000;
    const y = this.height - BOTTOM + 14;
    context.textAlign = "center";
    context.textBaseline = "middle";
    let time = Math.floor((now - zone) / step) * step + zone;
    for (; time > now - this.options.span; time -= step) {
      const x = this.x(time, now);
      const margin = Math.min(x - LEFT + 8, this.width - x - 22);
      context.globalAlpha = Math.max(0, Math.min(1, margin / 16));
      context.fillStyle = colours.muted;
      context.fillText(this.options.clock(time), x, y);
    }
    context.globalAlpha = 1;
  }

  paintSeries(index, now) {
    const { context, colours } = this;
    const { colour, fill } = this.options.series[index];
    const [times, values] = [this.data[0], this.data[index + 1]];
    for (const [from, to] of runs(values)) {
      const line = new Path2D();
      for (let i = from; i < to; i += 1) line.lineTo(this.x(times[i], now), this.y(values[i]));
      if (fill) this.paintArea(line, this.x(times[from], now), this.x(times[to - 1], now), colours[colour]);
      context.strokeStyle = colours[colour];
      context.lineWidth = fill ? 1.75 : 1.5;
      context.lineJoin = "round";
      context.lineCap = "round";
      context.stroke(line);
      if (to === times.length || to - from === 1) this.paintDot(times[to - 1], values[to - 1], now, colours[colour]);
    }
  }

  paintArea(line, left, right, colour) {
    const { context } = this;
    const bottom = this.height - BOTTOM;
    const area = new Path2D(line);
    area.lineTo(right, bottom);
    area.lineTo(left, bottom);
    area.closePath();
    const shade = context.createLinearGradient(0, TOP, 0, bottom);
    shade.addColorStop(0, `${colour}38`);
    shade.addColorStop(1, `${colour}05`);
    context.fillStyle = shade;
    context.fill(area);
  }

  paintDot(time, value, now, colour) {
    const { context } = this;
    context.fillStyle = colour;
    context.beginPath();
    context.arc(this.x(time, now), this.y(value), 2.5, 0, Math.PI * 2);
    context.fill();
  }

  paintCursor(now) {
    const { context, colours } = this;
    const i = nearest(this.data[0], this.cursor);
    if (i === -1) return;
    const time = this.data[0][i];
    const x = this.sharp(this.x(time, now));
    if (x < LEFT || x > this.width - RIGHT + 1) return;
    context.strokeStyle = colours.slate;
    context.lineWidth = 1 / this.ratio;
    context.globalAlpha = 0.7;
    context.beginPath();
    context.moveTo(x, TOP - 4);
    context.lineTo(x, this.height - BOTTOM);
    context.stroke();
    context.globalAlpha = 1;
    this.paintCursorTime(time, x);
    this.options.series.forEach(({ colour }, s) => {
      const value = this.data[s + 1][i];
      if (Number.isFinite(value)) this.paintDot(time, value, now, colours[colour]);
    });
  }

  paintCursorTime(time, x) {
    const { context, colours } = this;
    const y = this.height - BOTTOM + 14;
    const at = Math.min(x, this.width - 26);
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillStyle = colours.card;
    context.fillRect(at - 32, y - 8, 64, 16);
    context.fillStyle = colours.text;
    context.fillText(this.options.clock(time), at, y);
  }
}

/** The index of the time nearest to `time` in ascending `times`; -1 without any. */
export function nearest(times, time) {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] < time) low = middle + 1;
    else high = middle;
  }
  if (low === times.length) return times.length - 1;
  return low > 0 && time - times[low - 1] < times[low] - time ? low - 1 : low;
}

/** The half-open ranges of indices without a gap. */
function* runs(values) {
  let from = -1;
  for (let i = 0; i <= values.length; i += 1) {
    const there = i < values.length && Number.isFinite(values[i]);
    if (there && from === -1) from = i;
    if (!there && from !== -1) {
      yield [from, i];
      from = -1;
    }
  }
}

/** A round step and top for an axis from 0 that holds `most` with three to five steps. */
export function scale(most, { binary, ceiling }) {
  const unit = binary ? 1024 ** Math.floor(Math.log(most) / Math.log(1024)) : 1;
  const rough = most / unit / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const steps = binary ? [1, 2, 4, 8, 16, 32, 64, 128, 256, 512] : [1, 2, 2.5, 5, 10].map((n) => n * power);
  const fits = (step) => most / unit / step <= 4.0001;
  const step = (steps.find(fits) ?? steps.at(-1)) * unit;
  const top = Math.ceil((most / step) * 0.9999) * step;
  return { step, top: Math.min(top, ceiling ?? Infinity) };
}
