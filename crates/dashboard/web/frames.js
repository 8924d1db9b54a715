// The binary messages of the stream; their layout is in docs/dashboard.md.

const VERSION = 1;
const HEAD = 16;

// A frame of changes has kind 2.
const FULL = 1;
export const HISTORY = 3;

/** What the head of the last frame said: one object, so that sixty frames a second leave no litter. */
export const head = { kind: 0, id: 0, number: 0, time: 0 };

/** Reads the head of a frame; false for one that is none. */
export function open(buffer) {
  if (buffer.byteLength < HEAD) return false;
  const view = new DataView(buffer);
  if (view.getUint8(0) !== VERSION) return false;
  head.kind = view.getUint8(1);
  head.id = view.getUint16(2, true);
  head.number = view.getUint32(4, true);
  head.time = view.getFloat64(8, true);
  return true;
}

/** Brings `values` up to date by a full frame or by changes; false if the frame is of another size. */
export function apply(buffer, values) {
  return head.kind === FULL ? applyFull(buffer, values) : applyChanges(buffer, values);
}

function applyFull(buffer, values) {
  if (buffer.byteLength !== HEAD + values.length * 4) return false;
  values.set(new Float32Array(buffer, HEAD));
  return true;
}

function applyChanges(buffer, values) {
  const bits = new Uint8Array(buffer, HEAD);
  const view = new DataView(buffer);
  let at = HEAD + Math.ceil(values.length / 8);
  if (buffer.byteLength < at) return false;
  for (let i = 0; i < values.length; i += 1) {
    if ((bits[i >> 3] & (1 << (i & 7))) === 0) continue;
    if (at + 4 > buffer.byteLength) return false;
    values[i] = view.getFloat32(at, true);
    at += 4;
  }
  return true;
}

/** The times of a history chunk, and the numbers of one of its columns. */
export const times = (buffer) => new Float64Array(buffer, HEAD, head.number);

export function column(buffer, index) {
  const from = HEAD + head.number * 8 + index * head.number * 4;
  return from + head.number * 4 <= buffer.byteLength ? new Float32Array(buffer, from, head.number) : null;
}
