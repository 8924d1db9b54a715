// The form of `/api/config`: what the monitor is set to, and what may be changed while it runs.

import { get, post } from "./api.js";
import { button, empty, h, put, say } from "./dom.js";

export async function configuration(view, node) {
  try {
    const answer = await get("/api/config");
    if (!view.closed) node.replaceChildren(form(answer, () => configuration(view, node)));
  } catch (error) {
    if (!view.closed) node.replaceChildren(h("div", { class: "card" }, empty("The settings could not be read", error.message)));
  }
}
