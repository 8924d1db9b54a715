// What the page knows of each column: sixty numbers a second for two minutes, one a second for an hour.
//
// All columns of one subscription share the times of their samples: a ring of times, and beside it a ring of numbers for
// each. A column that changes once a tick has HELD where nothing is new, so that it is drawn from point to point.

import * as frames from "./frames.js";

export const LIVE = 8192;
export const COARSE = 3600;
export const HELD = Infinity;

const MOST_TRACKS = 320;

// Samples that are further apart than this were not all there were.
const GAP = 2500;
const TICKED = /^(host|process|perf_monitor)_/;
const DISTRIBUTION = /^(mean|p\d+|max|between:.*)$/;

/** One column: what it is of, its last number and its past. */
export class Track {
  constructor(spec, key) {
    this.spec = spec;
    this.key = key;
    this.ticked = DISTRIBUTION.test(spec.stat) || TICKED.test(spec.metric);
    this.users = 0;
    this.kind = null;
    this.unit = null;
    this.series = 0;
    this.latest = NaN;
    this.live = null;
    /** The number of the first sample in `live`. */
    this.from = 0;
    /** When the last sample came that was not HELD. */
    this.real = 0;
    this.coarse = new Float32Array(COARSE).fill(NaN);
    /** The last second in `coarse`. */
    this.second = 0;
    this.sum = 0;
    this.count = 0;
    this.current = 0;
    /** From when on the server was asked for the past. */
    this.asked = Infinity;
  }

  get(second) {
    return second > this.second - COARSE && second <= this.second ? this.coarse[second % COARSE] : NaN;
  }

  put(second, value) {
    const fresh = second - this.second;
    if (fresh >= COARSE) this.coarse.fill(NaN);
    else for (let s = this.second + 1; s < second; s += 1) this.coarse[s % COARSE] = NaN;
    if (fresh > 0) this.second = second;
    if (second > this.second - COARSE) this.coarse[second % COARSE] = value;
  }

  /** Takes a number of the past where none is known. */
  learn(second, value) {
    if (second > this.second || Number.isNaN(this.get(second))) this.put(second, value);
  }

  sample(index, time, value) {
    const same = value === this.latest || (value !== value && this.latest !== this.latest);
    const held = this.ticked && same && time - this.real < 1000;
    this.live[index] = held ? HELD : value;
    if (!held) this.real = time;
    this.latest = value;
    const second = Math.floor(time / 1000);
    if (second !== this.current) this.close(second);
    if (value === value) {
      this.sum = this.ticked ? value : this.sum + value;
      this.count = this.ticked ? 1 : this.count + 1;
    }
  }

  close(second) {
    if (this.current > 0) this.put(this.current, this.count > 0 ? this.sum / this.count : NaN);
    this.current = second;
    this.sum = 0;
    this.count = 0;
  }

  leave() {
    this.live = null;
    this.latest = NaN;
    this.current = 0;
    this.asked = Infinity;
  }
}

export class Store {
  constructor() {
    this.tracks = new Map();
    this.times = new Float64Array(LIVE);
    /** How many samples there were so far; the last is at `(head - 1) % LIVE`. */
    this.head = 0;
    this.layout = [];
    this.values = new Float32Array(0);
    this.schema = -1;
    /** Counts what came into the past, which is drawn anew then. */
    this.learned = 0;
    /** Counts runs of samples that follow one another, of the same columns: each wants to know what was before. */
    this.stretch = 0;
  }

  /** The column of this metric; the same object for the same question. */
  track(metric, stat, labels = {}) {
    const sorted = Object.keys(labels).sort().map((name) => [name, labels[name]]);
    const key = JSON.stringify([metric, stat, sorted]);
    let track = this.tracks.get(key);
    if (track === undefined) {
      this.forget();
      track = new Track({ metric, labels, stat }, key);
      this.tracks.set(key, track);
    }
    return track;
  }

  // The oldest that nobody looks at goes first.
  forget() {
    if (this.tracks.size < MOST_TRACKS) return;
    for (const [key, track] of this.tracks) {
      if (track.users === 0) return this.tracks.delete(key);
    }
  }

  /** From now on frames have these columns. */
  relayout(schema, tracks, columns) {
    const gone = new Set(this.layout);
    tracks.forEach((track, i) => {
      gone.delete(track);
      const { kind, unit, series } = columns[i];
      Object.assign(track, { kind, unit, series });
      if (track.live !== null) return;
      track.live = new Float32Array(LIVE);
      track.from = this.head;
    });
    for (const track of gone) track.leave();
    this.stretch += 1;
    this.layout = tracks;
    this.values = new Float32Array(tracks.length).fill(NaN);
    this.schema = schema;
  }

  /** Takes a frame whose head has been read; false if it is of another subscription. */
  sample(buffer) {
    const { id, time } = frames.head;
    if (id !== this.schema || !frames.apply(buffer, this.values)) return false;
    this.follow(time);
    const index = this.head % LIVE;
    this.times[index] = time;
    this.head += 1;
    for (let i = 0; i < this.layout.length; i += 1) this.layout[i].sample(index, time, this.values[i]);
    return true;
  }

  // After a pause the ring begins anew: what was before, and what was missed, is drawn from seconds, and asked for.
  follow(time) {
    const passed = time - this.timeOf(this.head - 1);
    if (this.head === 0 || (passed >= 0 && passed < GAP)) return;
    for (const track of this.layout) {
      track.from = this.head;
      track.asked = Infinity;
    }
    this.learned += 1;
    this.stretch += 1;
  }

  /** Takes a chunk of the past of these tracks, `step` ms from point to point. */
  learn(buffer, tracks, step) {
    const times = frames.times(buffer);
    const seconds = Math.max(1, Math.round(step / 1000));
    tracks.forEach((track, c) => {
      const values = frames.column(buffer, c);
      if (values !== null) learnColumn(track, times, values, seconds);
    });
    this.learned += 1;
  }

  /** The number of the first sample that `track` has in its ring. */
  first(track) {
    return track.live === null ? this.head : Math.max(track.from, this.head - LIVE + 1, 0);
  }

  timeOf(sample) {
    return this.times[sample % LIVE];
  }

  /** The first sample from `low` on that is not before `time`. */
  search(time, low) {
    let high = this.head;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.times[middle % LIVE] < time) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** What `track` was at that time; NaN if nobody knows. */
  at(track, time) {
    const first = this.first(track);
    if (first < this.head && time >= this.timeOf(first)) {
      let sample = Math.min(this.search(time, first), this.head - 1);
      while (sample > first && track.live[sample % LIVE] === HELD) sample -= 1;
      const value = track.live[sample % LIVE];
      return value === HELD ? NaN : value;
    }
    const second = Math.floor(time / 1000);
    const value = track.get(second);
    return value === value ? value : track.get(second - 1);
  }

  /** Calls `visit(time, value)` for each point from `from` to `until`, the finest that are known. */
  each(track, from, until, visit) {
    const first = this.first(track);
    const live = first < this.head ? this.timeOf(first) : Infinity;
    for (let s = Math.ceil(from / 1000); s * 1000 < Math.min(live, until); s += 1) {
      const value = track.get(s);
      if (value === value) visit(s * 1000, value);
    }
    for (let i = this.search(from, first); i < this.head && this.timeOf(i) <= until; i += 1) {
      const value = track.live[i % LIVE];
      if (value === value && value !== HELD) visit(this.timeOf(i), value);
    }
  }
}

// Between points that are further apart than a second, numbers lie on a line.
function learnColumn(track, times, values, seconds) {
  for (let i = 0; i < times.length; i += 1) {
    const last = Math.floor(times[i] / 1000);
    const value = values[i];
    const before = i > 0 && values[i - 1] === values[i - 1] ? values[i - 1] : value;
    for (let back = seconds - 1; back >= 0; back -= 1) track.learn(last - back, value + ((before - value) * back) / seconds);
  }
}

export const store = new Store();
