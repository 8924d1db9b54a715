// Questions to the server; what is wrong is an Error with the server's own sentence. Paths begin with a slash, and are
// meant relative to the page.

async function ask(path, options) {
  let answer;
  try {
    answer = await fetch(new URL(path.slice(1), document.baseURI), { cache: "no-store", credentials: "same-origin", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The service does not answer.");
  }
  if (answer.ok) return answer;
  throw Object.assign(new Error(await reason(answer)), { status: answer.status });
}

async function reason(answer) {
  const text = (await answer.text()).trim();
  try {
    return JSON.parse(text).error ?? text;
  } catch {
    return text.slice(0, 400) || `The service answers with ${answer.status}.`;
  }
}

export async function get(path, signal) {
  return (await ask(path, { signal })).json();
}

export async function send(method, path, body) {
  const headers = { "Content-Type": "application/json" };
  return (await ask(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) })).json();
}

export const post = (path, body) => send("POST", path, body);

/** Asks again and again until it is stopped: `every` ms after each answer, and not while the page is hidden. */
export function poll(path, every, got, failed = () => {}) {
  const control = new AbortController();
  let timer = 0;
  async function turn() {
    clearTimeout(timer);
    if (!document.hidden) {
      try {
        const value = await get(typeof path === "function" ? path() : path, control.signal);
        if (!control.signal.aborted) got(value);
      } catch (error) {
        if (!control.signal.aborted) failed(error);
      }
    }
    if (!control.signal.aborted) timer = setTimeout(turn, every);
  }
  turn();
  return {
    now: turn,
    stop() {
      control.abort();
      clearTimeout(timer);
    },
  };
}
