// What the server said of itself.

export const session = {
  /** The last `hello`; null before the first. */
  hello: null,

  greet(message) {
    this.hello = message;
  },

  /** Whether the service has this part: alerts, profiles, spans, …; unknown counts as yes. */
  has(part) {
    return this.hello?.parts?.includes(part) ?? true;
  },
};
