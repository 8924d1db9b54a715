// The time that all charts show: its length, its end, what it is compared with, and the cursor.

import { say } from "./dom.js";
import * as url from "./url.js";

export const SPANS = [30, 60, 120, 300, 900, 3600].map((s) => s * 1000);

let usual = 120_000;
const SHORTEST = 2000;
const LONGEST = 3_600_000;

// Of the server's clock, in ms ahead of `performance.now()`: the frame that was least delayed says it best.
let offset = Date.now() - performance.now();
let synced = false;

const listeners = new Set();

export const timeline = {
  span: usual,
  /** The end of what is shown, in ms since 1970; null follows the present. */
  until: null,
  /** How many ms earlier the range is that is shown beside it; 0 for none. */
  before: 0,
  /** The time under the pointer, for all charts. */
  cursor: null,
  /** Whether frames come: without them the present stands still. */
  live: false,
};

let frozen = Date.now();

// The length that was last followed, to which one comes back.
let followed = usual;

// The end of the range that the next one is compared with.
let marked = null;

/** The server's time of day. */
export function now() {
  return timeline.live ? performance.now() + offset : frozen;
}

/** Takes a reading of the server's clock. */
export function sync(time) {
  const seen = time - performance.now();
  if (!synced || Math.abs(seen - offset) > 2000) offset = seen;
  else offset = seen > offset ? seen : offset + (seen - offset) * 0.005;
  synced = true;
}

export function setLive(live) {
  if (!live) frozen = now();
  timeline.live = live;
}

/** The end of what is shown. */
export const end = () => timeline.until ?? now();

export const ontimeline = (listener) => listeners.add(listener);

/** Reads the address. */
export function restore() {
  const range = Number(url.get("range")) * 1000;
  const [from, until] = [Number(url.get("from")), Number(url.get("until"))];
  const fixed = until > from && from > 0;
  timeline.span = within(fixed ? until - from : range || usual);
  if (!fixed) followed = timeline.span;
  timeline.until = fixed ? until : null;
  timeline.before = Math.max(0, Number(url.get("before")) * 1000 || 0);
  tell();
}

/** The range of a page whose address names none. */
export function setUsual(span) {
  if (!(span > 0) || span === usual) return;
  usual = within(span);
  restore();
}

const within = (span) => Math.min(LONGEST, Math.max(SHORTEST, span));

function changed() {
  const { span, until, before } = timeline;
  if (until === null) followed = span;
  url.set({
    range: until === null && span !== usual ? Math.round(span / 1000) : null,
    from: until === null ? null : Math.round(until - span),
    until: until === null ? null : Math.round(until),
    before: before === 0 ? null : Math.round(before / 100) / 10,
  });
  tell();
}

const tell = () => listeners.forEach((listener) => listener(timeline));

/** Follows the present with the last `span` ms. */
export function follow(span = followed) {
  timeline.span = within(span);
  timeline.until = null;
  changed();
}

/** Shows one range that stays. */
export function fix(from, until) {
  timeline.span = within(until - from);
  timeline.until = Math.min(until, now());
  if (marked !== null) timeline.before = Math.max(0, timeline.until - marked);
  marked = null;
  changed();
}

/** The range that ends there is the earlier one of a comparison; the next one that is chosen is the later. */
export function mark(until) {
  marked = until;
  say("Now choose the range after: drag over a chart.");
  follow(3_600_000);
}

export function pause() {
  if (timeline.until === null) fix(now() - timeline.span, now());
  else follow();
}

/** Moves by this share of what is shown, negative into the past; the present is followed once it is reached. */
export function pan(share) {
  const until = end() + timeline.span * share;
  if (until >= now() - 500) follow(timeline.span);
  else fix(until - timeline.span, until);
}

/** Shows `factor` times as much around the cursor or the end. */
export function zoom(factor) {
  const span = within(timeline.span * factor);
  if (timeline.until === null) {
    timeline.span = SPANS[Math.max(0, Math.min(SPANS.length - 1, nearestSpan() + (factor < 1 ? -1 : 1)))];
    return changed();
  }
  const middle = timeline.cursor ?? timeline.until - timeline.span / 2;
  return fix(middle - span / 2, middle + span / 2);
}

function nearestSpan() {
  return SPANS.reduce((best, span, i) => (Math.abs(span - timeline.span) < Math.abs(SPANS[best] - timeline.span) ? i : best), 0);
}

/** Shows the range that was `ms` earlier beside what is shown; 0 ends that. */
export function compare(ms) {
  timeline.before = Math.max(0, ms);
  changed();
}
