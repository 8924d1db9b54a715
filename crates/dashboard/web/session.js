// What the server said of itself.

export const session = {
  /** The last `hello`; null before the first. */
  hello: null,

  greet(message) {
    this.hello = message;
  },

  /** Whether the service has this part: alerts, profiles, spans, …; a server that names none may have any. */
  has(part) {
    const parts = this.hello?.parts ?? [];
    return parts.length === 0 || parts.includes(part);
  },
};
