// One loop for all that moves: charts at each frame while they are in sight, numbers four times a second.

import { seen } from "./feed.js";
import { now, timeline } from "./timeline.js";

const BEAT = 250;
const RECORDS = 4096;

const charts = new Set();
const beats = new Set();
let scheduled = false;
let beaten = 0;

/** What was painted when, for whoever measures the page: docs/dashboard.md. */
export const painted = {
  frames: 0,
  number: 0,
  time: 0,
  at: 0,
  /** Of the last frames: number, time of reading, arrival and paint, in ms since 1970; a ring of RECORDS. */
  records: new Float64Array(RECORDS * 4),
  count: 0,
};

const sight = new IntersectionObserver((entries) => {
  for (const entry of entries) entry.target.chart.setVisible(entry.isIntersecting);
  wake();
}, { rootMargin: "80px" });

export function add(chart) {
  charts.add(chart);
  chart.canvas.chart = chart;
  sight.observe(chart.canvas);
  wake();
}

export function remove(chart) {
  charts.delete(chart);
  sight.unobserve(chart.canvas);
}

/** Calls `beat` four times a second, while the page is seen. */
export function onbeat(beat) {
  beats.add(beat);
  return () => beats.delete(beat);
}

/** Paints all charts anew: a range, a colour or the past changed. */
export function dirty() {
  for (const chart of charts) chart.dirty = true;
  wake();
}

export function wake() {
  if (scheduled || document.hidden) return;
  scheduled = true;
  requestAnimationFrame(frame);
}

function frame(at) {
  scheduled = false;
  if (document.hidden) return;
  const moment = now();
  let moving = timeline.live && timeline.until === null;
  for (const chart of charts) {
    if (chart.visible && chart.frame(moment)) moving = true;
  }
  record();
  if (at - beaten >= BEAT) {
    beaten = at;
    for (const beat of beats) beat(moment);
  }
  if (moving) wake();
}

function record() {
  painted.frames += 1;
  if (seen.number === painted.number && seen.time === painted.time) return;
  painted.number = seen.number;
  painted.time = seen.time;
  painted.at = performance.timeOrigin + performance.now();
  const at = (painted.count % RECORDS) * 4;
  painted.records[at] = seen.number;
  painted.records[at + 1] = seen.time;
  painted.records[at + 2] = seen.received;
  painted.records[at + 3] = painted.at;
  painted.count += 1;
}
