// What a view is made of, and what has to be ended when another one opens.

import { poll } from "./api.js";
import { Card } from "./card.js";
import { empty, h } from "./dom.js";

export class View {
  constructor(root) {
    this.root = root;
    this.ends = [];
    this.closed = false;
  }

  /** Calls `end` when the view closes. */
  until(end) {
    this.ends.push(end);
  }

  /** A chart in `where`. */
  card(panel, where = this.root) {
    const card = new Card(panel);
    where.append(card.node);
    this.until(() => card.destroy());
    return card;
  }

  poll(path, every, got, failed) {
    const asking = poll(path, every, got, failed);
    this.until(() => asking.stop());
    return asking;
  }

  close() {
    this.closed = true;
    for (const end of this.ends.splice(0)) end();
  }
}

/** A heading with what stands beside it. */
export function section(title, ...beside) {
  return h("div", { class: "section" }, h("h2", {}, title), ...beside);
}

/** Buttons of which one is chosen; `choices` are [value, label]. */
export function choice(label, choices, chosen, choose) {
  const buttons = choices.map(([value, text]) => h("button", {
    type: "button", "aria-pressed": String(value === chosen), "data-value": value,
    onclick: () => {
      mark(value);
      choose(value);
    },
  }, text));
  const mark = (value) => buttons.forEach((b) => b.setAttribute("aria-pressed", String(b.dataset.value === String(value))));
  const node = h("div", { class: "choice", role: "group", "aria-label": label }, ...buttons);
  node.mark = mark;
  return node;
}

/** A table; `columns` are [title, class], rows are lists of cells: texts or nodes. */
export function table(label, columns, rows) {
  const head = h("tr", {}, ...columns.map(([title, kind]) => h("th", { scope: "col", class: kind }, title)));
  const body = rows.map((cells) => h("tr", {}, ...cells.map((cell, i) => h("td", { class: columns[i][1] }, cell))));
  return h("div", { class: "scroll" }, h("table", { "aria-label": label }, h("thead", {}, head), h("tbody", {}, ...body)));
}

/** What stands in the place of a view that this service has not. */
export function missing(root, title, hint, code) {
  root.append(h("div", { class: "card" }, empty(title, hint, code)));
}
