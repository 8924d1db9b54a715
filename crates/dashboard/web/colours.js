// The page's colours as canvas needs them; the style sheet has them, light and dark.

const NAMES = [
  "card", "text", "muted", "grid", "baseline", "blue", "teal", "red", "amber", "violet", "slate", "green", "pink", "heat",
];

export const SERIES = ["blue", "teal", "violet", "amber", "pink", "green", "red", "slate"];

export const colours = {};

export function readColours() {
  const style = getComputedStyle(document.documentElement);
  for (const name of NAMES) colours[name] = style.getPropertyValue(`--${name}`).trim();
}

/** A colour of six digits with a share of opacity. */
export function fade(colour, share) {
  return colour + Math.round(share * 255).toString(16).padStart(2, "0");
}
