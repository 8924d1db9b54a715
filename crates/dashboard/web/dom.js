// Nodes without markup: every text is a text, whatever it says.

const SVG = "http://www.w3.org/2000/svg";

/** An element; attributes that are functions listen, null and false are left out, and so are children. */
export function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** An icon of one path, for a square of 24. */
export function icon(path, label) {
  const shape = fill(document.createElementNS(SVG, "path"), { d: path }, []);
  const about = label ? { role: "img", "aria-label": label } : { "aria-hidden": "true" };
  return fill(document.createElementNS(SVG, "svg"), { class: "icon", viewBox: "0 0 24 24", ...about }, [shape]);
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** Sets a node's text unless it has it: a reader's selection stays. */
export function put(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** What stands where nothing is: why, and what would change it. */
export function empty(title, hint, code) {
  return h("div", { class: "empty" }, h("strong", {}, title), hint ? h("p", {}, hint) : null, code ? h("code", {}, code) : null);
}

/** A button with words. */
export function button(label, onclick, attributes = {}) {
  return h("button", { type: "button", onclick, ...attributes }, label);
}

/** Offers bytes or a text as a file. */
export function save(name, content, type) {
  const url = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type }));
  const link = h("a", { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** Says something to those who listen to the page, and shows nothing. */
export function tell(text) {
  put(document.getElementById("heard"), text);
}

let toast = 0;

/** Says something for some seconds, also to those who listen. */
export function say(text, kind = "") {
  const node = document.getElementById("said");
  put(node, text);
  node.dataset.kind = kind;
  node.hidden = false;
  clearTimeout(toast);
  toast = setTimeout(() => (node.hidden = true), 6000);
}
