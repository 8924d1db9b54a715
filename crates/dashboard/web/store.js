// The updates that the page shows, oldest first, within a span of time and a number of points.

const MOST_POINTS = 2400;

export class Store {
  constructor() {
    this.updates = [];
    this.span = 120_000;
    this.tick = 1000;
  }

  /** Starts over with what the server remembers. */
  open(tick, history) {
    this.tick = tick;
    this.span = Math.max(60_000, 120 * tick);
    this.updates = history.slice(-MOST_POINTS);
  }

  push(update) {
    const oldest = update.timestamp - this.span * 1.05;
    const keep = this.updates.findIndex((u) => u.timestamp >= oldest);
    const surplus = Math.max(keep === -1 ? this.updates.length : keep, this.updates.length + 1 - MOST_POINTS);
    if (surplus > 0) this.updates.splice(0, surplus);
    this.updates.push(update);
  }

  get last() {
    return this.updates[this.updates.length - 1];
  }

  /** One array of times and one of numbers per series; NaN is a gap, also where updates are missing. */
  columns(series) {
    const columns = [[], ...series.map(() => [])];
    let before = Infinity;
    for (const update of this.updates) {
      if (update.timestamp - before > this.tick * 3.5) append(columns, before + 1, series.map(() => NaN));
      append(columns, update.timestamp, series.map((s) => s.value(update) ?? NaN));
      before = update.timestamp;
    }
    return columns;
  }
}

function append(columns, time, values) {
  columns[0].push(time);
  values.forEach((value, i) => columns[i + 1].push(value));
}
