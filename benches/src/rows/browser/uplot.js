// Charts of the waves by uPlot, as its demos stream: typed arrays, one setData and one setScale a frame, no legend.

import uPlot from "./uPlot.esm.js";

const SPAN = 30_000;
const ROOM = 4096;

const params = new URLSearchParams(location.search);
const [CHARTS, LINES] = [Number(params.get("charts")), Number(params.get("lines"))];
const COLOURS = ["#2f6fed", "#0f9488", "#c2410c", "#7c3aed"];

const times = new Float64Array(ROOM);
const values = Array.from({ length: CHARTS * LINES }, () => new Float64Array(ROOM));
let count = 0;
let fresh = false;
const latest = new Float32Array(CHARTS * LINES);

globalThis.drawn = 0;
globalThis.began = performance.now();

document.body.style.display = "grid";
document.body.style.gridTemplateColumns = "repeat(auto-fill, minmax(340px, 1fr))";
const charts = Array.from({ length: CHARTS }, () => {
  const node = document.createElement("div");
  document.body.append(node);
  const series = COLOURS.slice(0, LINES).map((stroke) => ({ stroke, width: 1.5 }));
  return new uPlot({ width: Number(params.get("w")), height: Number(params.get("h")), legend: { show: false }, series: [{}, ...series] }, [[], ...series.map(() => [])], node);
});

function push(time) {
  if (count === ROOM) {
    const kept = Math.ceil(SPAN / 16) + 60;
    for (const array of [times, ...values]) array.copyWithin(0, ROOM - kept);
    count = kept;
  }
  times[count] = time / 1000;
  latest.forEach((value, i) => (values[i][count] = value));
  count += 1;
  fresh = true;
}

function receive(buffer) {
  const view = new DataView(buffer);
  const kind = view.getUint8(1);
  const columns = latest.length;
  if (kind === 1) {
    for (let i = 0; i < columns; i += 1) latest[i] = view.getFloat32(16 + 4 * i, true);
  } else {
    let at = 16 + Math.ceil(columns / 8);
    for (let i = 0; i < columns; i += 1) {
      if (((view.getUint8(16 + (i >> 3)) >> (i & 7)) & 1) === 0) continue;
      latest[i] = view.getFloat32(at, true);
      at += 4;
    }
  }
  push(view.getFloat64(8, true));
}

function frame() {
  requestAnimationFrame(frame);
  if (!fresh) return;
  fresh = false;
  const max = times[count - 1];
  const min = max - SPAN / 1000;
  let first = count - 1;
  while (first > 0 && times[first - 1] >= min) first -= 1;
  const seen = (array) => array.subarray(first, count);
  charts.forEach((chart, c) => {
    chart.batch(() => {
      chart.setData([seen(times), ...values.slice(c * LINES, (c + 1) * LINES).map(seen)], false);
      chart.setScale("x", { min, max });
    });
  });
  globalThis.drawn += 1;
}

const { metrics } = await (await fetch("/api/metrics?q=wave")).json();
const columns = metrics[0].series.slice(0, CHARTS * LINES).map((labels) => ({ metric: "wave", labels, stat: "value" }));
const socket = new WebSocket(`ws://${location.host}/api/stream`);
socket.binaryType = "arraybuffer";
socket.onopen = () => socket.send(JSON.stringify({ type: "subscribe", id: 1, rate: 60, columns }));
socket.onmessage = ({ data }) => typeof data !== "string" && receive(data);
requestAnimationFrame(frame);
