// The connection to the server: it comes back by itself, with growing pauses.

const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 15_000;
const PING = 5000;
const SILENCE = 12_000;

/** Calls `on.message(object)`, `on.frame(buffer)` and `on.state(name, text)`; `name` is connecting, live or lost. */
export function connect(url, on) {
  let pause = FIRST_PAUSE;
  let socket = null;
  let retry = 0;
  let pings = 0;
  let heard = 0;

  function open() {
    clearInterval(retry);
    retry = 0;
    socket = new WebSocket(url);
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }) => receive(data);
    socket.onclose = lost;
    heard = performance.now();
    clearInterval(pings);
    pings = setInterval(listen, PING);
  }

  // A connection that is open but says nothing for long is as good as lost.
  function listen() {
    if (performance.now() - heard > SILENCE) socket.close();
    else send({ type: "ping", client: performance.now() });
  }

  function receive(data) {
    heard = performance.now();
    if (typeof data !== "string") return on.frame(data);
    const message = JSON.parse(data);
    if (message.type === "hello") {
      pause = FIRST_PAUSE;
      on.state("live", "Live");
    }
    return on.message(message);
  }

  function lost() {
    clearInterval(pings);
    const until = Date.now() + pause * (0.75 + Math.random() / 2);
    pause = Math.min(pause * 2, LONGEST_PAUSE);
    const wait = () => {
      const seconds = Math.ceil((until - Date.now()) / 1000);
      if (seconds <= 0) return open();
      on.state("lost", `Lost, again in ${seconds} s`);
    };
    clearInterval(retry);
    retry = setInterval(wait, 250);
    wait();
  }

  function send(message) {
    if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
  }

  on.state("connecting", "Connecting");
  open();

  return {
    send,
    /** Does not wait any longer, if it was waiting. */
    hurry() {
      if (retry !== 0) open();
    },
  };
}
