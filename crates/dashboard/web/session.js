// What the server said of itself.

export const session = {
  /** The last `hello`; null before the first. */
  hello: null,

  greet(message) {
    this.hello = message;
  },

  /** Whether the service has this part: alerts, profiles, spans; before it has said so, it may. */
  has(part) {
    return this.hello?.parts.includes(part) ?? true;
  },
};
