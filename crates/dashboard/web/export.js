// A chart as a picture, and its data as a table or as JSON.

import { FONT } from "./chart.js";
import { colours } from "./colours.js";
import { save } from "./dom.js";
import { moment } from "./format.js";
import { store } from "./store.js";
import { end, timeline } from "./timeline.js";

/** The points of a series within what is shown: [[ms, number], …]. */
export function points({ track }) {
  const [from, until] = [end() - timeline.span, end()];
  const list = [];
  const take = (time, value) => value === value && list.push([Math.round(time), value]);
  store.each(track, from, until, take);
  return list;
}

const name = (title, ending) => `${title.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "") || "chart"}.${ending}`;

export function json(title, unit, series) {
  const data = series.map((s) => ({ label: s.label, ...s.track.spec, points: points(s) }));
  const [from, until] = [Math.round(end() - timeline.span), Math.round(end())];
  save(name(title, "json"), JSON.stringify({ title, unit, from, until, series: data }, null, 1), "application/json");
}

export function csv(title, series) {
  const rows = new Map();
  series.forEach((s, i) => {
    for (const [time, value] of points(s)) {
      if (!rows.has(time)) rows.set(time, new Array(series.length).fill(""));
      rows.get(time)[i] = value;
    }
  });
  const head = ["time", "unix_ms", ...series.map((s) => s.label)].map(cell);
  const lines = [...rows].sort((a, b) => a[0] - b[0]).map(([time, values]) => [new Date(time).toISOString(), time, ...values]);
  save(name(title, "csv"), [head, ...lines].map((line) => line.join(",")).join("\r\n") + "\r\n", "text/csv");
}

// No text begins with what a spreadsheet takes for a formula.
function cell(text) {
  const plain = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
}

/** The picture of a chart below its title and its legend: [[colour, text], …]. */
export function png(title, legend, canvas) {
  const ratio = window.devicePixelRatio || 1;
  const top = Math.round(58 * ratio);
  const sheet = document.createElement("canvas");
  [sheet.width, sheet.height] = [canvas.width + Math.round(24 * ratio), canvas.height + top + Math.round(12 * ratio)];
  const context = sheet.getContext("2d");
  context.fillStyle = colours.card;
  context.fillRect(0, 0, sheet.width, sheet.height);
  context.drawImage(canvas, Math.round(12 * ratio), top);
  context.scale(ratio, ratio);
  context.fillStyle = colours.text;
  context.font = `600 15px ${FONT}`;
  context.fillText(`${title} · ${moment(end())}`, 16, 26);
  context.font = `12px ${FONT}`;
  let x = 16;
  for (const [colour, text] of legend) {
    if (colour) {
      context.fillStyle = colours[colour];
      context.fillRect(x, 40, 10, 3);
      x += 16;
    }
    context.fillStyle = colours.muted;
    context.fillText(text, x, 46);
    x += context.measureText(text).width + 16;
  }
  sheet.toBlob((blob) => save(name(title, "png"), blob, "image/png"), "image/png");
}
