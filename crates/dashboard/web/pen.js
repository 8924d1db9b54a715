// Lines of many points in few: of each column of pixels the first, the least, the greatest and the last.
//
// Points are collected in arrays that are made once, so that sixty frames a second allocate nothing.

const MOST = 32_768;
const NONE = -1e9;

const xs = new Float32Array(MOST);
const ys = new Float32Array(MOST);
let count = 0;
let column = NONE;
let firstX = 0;
let first = 0;
let least = 0;
let most = 0;
let lastX = 0;
let last = 0;

export function begin() {
  count = 0;
  column = NONE;
}

/** The next point, in device pixels; x never falls. */
export function point(x, y) {
  const at = Math.floor(x);
  if (at === column) {
    if (y < least) least = y;
    if (y > most) most = y;
    lastX = x;
    last = y;
    return;
  }
  flush();
  column = at;
  firstX = x;
  lastX = x;
  first = y;
  least = y;
  most = y;
  last = y;
}

/** What follows is not joined to what was before. */
export function gap() {
  flush();
  column = NONE;
  if (count > 0 && xs[count - 1] === xs[count - 1]) push(NaN, NaN);
}

function flush() {
  if (column === NONE) return;
  push(firstX, first);
  if (most > first && most > last) push(column + 0.5, most);
  if (least < first && least < last) push(column + 0.5, least);
  if (lastX > firstX) push(lastX, last);
}

function push(x, y) {
  if (count === MOST) return;
  xs[count] = x;
  ys[count] = y;
  count += 1;
}

/** Fills below what was collected, down to `bottom`. */
export function area(context, bottom) {
  gap();
  context.beginPath();
  let start = NaN;
  for (let i = 0; i < count; i += 1) {
    const x = xs[i];
    if (x !== x) {
      context.lineTo(xs[i - 1], bottom);
      context.lineTo(start, bottom);
      context.closePath();
      start = NaN;
    } else if (start !== start) {
      start = x;
      context.moveTo(x, ys[i]);
    } else {
      context.lineTo(x, ys[i]);
    }
  }
  context.fill();
}

/** Draws what was collected; a point alone becomes a dash of `dot` to each side. */
export function line(context, dot) {
  gap();
  context.beginPath();
  let run = 0;
  for (let i = 0; i < count; i += 1) {
    const x = xs[i];
    if (x !== x) {
      if (run === 1) context.lineTo(xs[i - 1] + dot, ys[i - 1]);
      run = 0;
    } else {
      if (run === 0) context.moveTo(xs[i + 1] !== xs[i + 1] ? x - dot : x, ys[i]);
      else context.lineTo(x, ys[i]);
      run += 1;
    }
  }
  context.stroke();
}
