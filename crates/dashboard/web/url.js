// The address: which view is open with which settings, so that a link shows another person the same.
//
// `#/traces?state=slow&range=300`: the path is the view, the rest its parameters. Those of GLOBAL stay from view to view.

const GLOBAL = ["range", "from", "until", "before"];

const listeners = new Set();
let open = null;
let place = read();

function read() {
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
  return { view: decode(path) || "overview", params: new URLSearchParams(query) };
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}

function write({ view, params }, replace) {
  const query = params.toString();
  const hash = `#/${encodeURIComponent(view)}${query ? `?${query}` : ""}`;
  if (hash === location.hash) return;
  if (replace) history.replaceState(null, "", hash);
  else history.pushState(null, "", hash);
  place = read();
}

const tell = () => listeners.forEach((listener) => listener(place));

addEventListener("hashchange", () => {
  place = read();
  tell();
});

export const view = () => place.view;

export function get(name, otherwise = "") {
  return place.params.get(name) ?? otherwise;
}

/** This view is open: what changes parameters from now on means its own. */
export function opened(view) {
  open = view;
}

/**
 * Changes parameters of the open view; null takes one away. Listeners are not told: who changes, knows. While another view
 * is on its way nothing is changed, as the address is the other one's already.
 */
export function set(changes, replace = true) {
  place = read();
  if (open !== null && place.view !== open) return;
  const params = new URLSearchParams(place.params);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === "") params.delete(name);
    else params.set(name, value);
  }
  write({ view: place.view, params }, replace);
}

/** The address of a view with these parameters and the time range that is shown. */
export function link(view, params = {}) {
  const all = new URLSearchParams();
  for (const name of GLOBAL) if (place.params.has(name)) all.set(name, place.params.get(name));
  for (const [name, value] of Object.entries(params)) all.set(name, value);
  const query = all.toString();
  return `#/${encodeURIComponent(view)}${query ? `?${query}` : ""}`;
}

export function go(view, params = {}) {
  location.hash = link(view, params);
}

export function onplace(listener) {
  listeners.add(listener);
}
