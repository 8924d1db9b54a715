// What the page asks of the stream: the columns that are shown, how often, and their past.

import { say } from "./dom.js";
import * as frames from "./frames.js";
import { store } from "./store.js";
import { now, sync, timeline } from "./timeline.js";

const MOST_COLUMNS = 256;
const SETTLE = 60;

// What the server keeps each second of, less what clocks may differ by.
const FINE = 290_000;

const pending = new Map();
let send = () => {};
let ready = false;
let timer = 0;
let subscription = 0;
let questions = 0;
let asked = [];
let rate = -1;
let given = 0;
let chosen = 0;
let told = 0;

/** Numbers for whoever measures the page: docs/dashboard.md. */
export const seen = { number: 0, time: 0, received: 0 };

/** Uses `sender` from now on; `open` tells that a new connection said hello. */
export function through(sender) {
  send = sender;
}

export function open() {
  ready = true;
  rate = -1;
  for (const track of store.tracks.values()) track.asked = Infinity;
  pending.clear();
  clearTimeout(timer);
  subscribe();
}

export function close() {
  ready = false;
}

/** Shows these tracks until the answer is called. */
export function watch(tracks) {
  for (const track of tracks) track.users += 1;
  later();
  let watching = true;
  return () => {
    if (watching) for (const track of tracks) track.users -= 1;
    watching = false;
    later();
  };
}

/** Updates a second instead of what fits the range; 0 leaves it to the page. */
export function setRate(perSecond) {
  chosen = perSecond;
  later();
}

/** Updates a second, as the server has granted them. */
export const currentRate = () => given;

function later() {
  clearTimeout(timer);
  timer = setTimeout(subscribe, SETTLE);
}

/** After a change of the range, or when the page is hidden or comes back. */
export function adapt() {
  later();
}

function fitting() {
  if (document.hidden) return 0;
  if (chosen > 0) return chosen;
  if (timeline.until !== null) return 2;
  return timeline.span <= 150_000 ? 60 : timeline.span <= 300_000 ? 10 : 2;
}

function subscribe() {
  if (!ready) return;
  const wished = [...store.tracks.values()].filter((track) => track.users > 0);
  const tracks = wished.slice(0, MOST_COLUMNS);
  if (wished.length > MOST_COLUMNS) say(`Only ${MOST_COLUMNS} of ${wished.length} columns are read: what is beyond stays empty.`, "bad");
  const wanted = fitting();
  const same = tracks.length === asked.length && tracks.every((track, i) => track === asked[i]);
  if (same && wanted === rate) return askPast();
  subscription += 1;
  asked = tracks;
  rate = wanted;
  send({ type: "subscribe", id: subscription, rate, columns: tracks.map((track) => track.spec) });
}

/** Takes the server's word that it streams what was asked; false if more was asked since. */
export function subscribed(message) {
  if (message.id !== subscription) return false;
  given = message.rate;
  if (given === 0) return true;
  store.relayout(message.schema, asked, message.columns);
  return true;
}

// The server keeps each second of the last minutes and every tenth before: two questions give the best of both.
function askPast() {
  if (!ready || document.hidden) return;
  const end = timeline.until ?? now();
  const from = end - timeline.span - timeline.before - 1000;
  const tracks = asked.filter((track) => track.asked > from);
  if (tracks.length === 0) return;
  const fresh = now() - FINE;
  if (from < fresh) question(tracks, from, fresh);
  question(tracks, Math.max(from, fresh), now());
  for (const track of tracks) track.asked = from;
}

function question(tracks, from, until) {
  questions = (questions + 1) & 0xffff;
  const id = questions;
  pending.set(id, { tracks, chunks: [] });
  send({ type: "history", id, from: Math.floor(from), until: Math.ceil(until), columns: tracks.map((track) => track.spec) });
}

/** The past has been told: chunks wait for it, as only its end says how far apart the points are. */
export function historyEnd(message) {
  const question = pending.get(message.id);
  if (question === undefined) return;
  pending.delete(message.id);
  for (const chunk of question.chunks) {
    if (frames.open(chunk)) store.learn(chunk, question.tracks, message.step_ms);
  }
}

/** Takes a binary message; true if it brought new samples. */
export function receive(buffer) {
  if (!frames.open(buffer)) return false;
  const { kind, id: of, number, time } = frames.head;
  if (kind === frames.HISTORY) {
    pending.get(of)?.chunks.push(buffer);
    return false;
  }
  sync(time);
  if (!store.sample(buffer)) return false;
  if (told !== store.stretch) {
    told = store.stretch;
    askPast();
  }
  seen.number = number;
  seen.time = time;
  seen.received = performance.timeOrigin + performance.now();
  return true;
}

