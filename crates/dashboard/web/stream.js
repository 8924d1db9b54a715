// The connection to the server: it comes back by itself, with growing pauses.

const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 15_000;
const SILENCE_IN_TICKS = 10;

/**
 * Calls `on.hello(message)`, `on.update(message)` and `on.state(name, text)`; `name` is connecting, live or lost.
 */
export function connect(url, on) {
  let pause = FIRST_PAUSE;
  let socket = null;
  let retry = 0;
  let silence = 0;
  let patience = 30_000;

  function open() {
    clearInterval(retry);
    retry = 0;
    socket = new WebSocket(url);
    socket.onmessage = ({ data }) => receive(JSON.parse(data));
    socket.onclose = lost;
    listen();
  }

  // A connection that is open but says nothing for long is as good as lost.
  function listen() {
    clearTimeout(silence);
    silence = setTimeout(() => socket.close(), patience);
  }

  function receive(message) {
    if ("history" in message) {
      patience = Math.max(10_000, message.tick_ms * SILENCE_IN_TICKS);
      pause = FIRST_PAUSE;
      on.hello(message);
      on.state("live", "Live");
    } else {
      on.update(message);
    }
    listen();
  }

  function lost() {
    clearTimeout(silence);
    const until = Date.now() + pause * (0.75 + Math.random() / 2);
    pause = Math.min(pause * 2, LONGEST_PAUSE);
    const wait = () => {
      const seconds = Math.ceil((until - Date.now()) / 1000);
      if (seconds <= 0) return open();
      on.state("lost", `Reconnecting in ${seconds} s`);
    };
    clearInterval(retry);
    retry = setInterval(wait, 250);
    wait();
  }

  on.state("connecting", "Connecting");
  open();

  return {
    /** Does not wait any longer, if it was waiting. */
    hurry() {
      if (retry !== 0) open();
    },
  };
}
