// The connection: one socket, its state in words, its transport, its latency.
//
// The client is the one that the server has for pages, under the path of the sockets.
// The official client reconnects by itself; here it is told not to, because the
// page wants to show the countdown and to offer "Try now".
const { io } = await import(`${document.querySelector('meta[name="socketio"]').content}socket.io.esm.min.js`);

const FIRST_DELAY = 1000; // ms
const LONGEST_DELAY = 15000; // ms
const LATENCY_EVERY = 3000; // ms
const ANSWER_WITHIN = 10000; // ms

// open connects at once, with the first of the transports. The hooks are called with: up() after each connect,
// down(reason) after each loss, state(name, details), transport(name, switched),
// latency(milliseconds).
export function open(path, transports, hooks) {
  const socket = io({ path, transports, reconnection: false, timeout: 8000 });
  let attempt = 0;
  let countdown = 0;
  let stopped = false;

  function retryNow() {
    clearInterval(countdown);
    stopped = false;
    hooks.state("reconnecting", { attempt, seconds: 0, network: navigator.onLine });
    socket.connect();
  }

  function retryLater() {
    clearInterval(countdown);
    attempt += 1;
    const spread = 0.75 + Math.random() / 2;
    const at = performance.now() + Math.min(FIRST_DELAY * 2 ** (attempt - 1), LONGEST_DELAY) * spread;
    const tick = () => {
      const left = at - performance.now();
      if (left <= 0) {
        retryNow();
        return;
      }
      hooks.state(navigator.onLine ? "reconnecting" : "offline", {
        attempt, seconds: Math.ceil(left / 1000), network: navigator.onLine,
      });
    };
    countdown = setInterval(tick, 250);
    tick();
  }

  function watchTransport() {
    const engine = socket.io.engine;
    hooks.transport(engine.transport.name, false);
    engine.once("upgrade", (transport) => hooks.transport(transport.name, true));
  }

  function measure() {
    if (!socket.connected || document.hidden) {
      return;
    }
    const start = performance.now();
    socket.timeout(ANSWER_WITHIN).emit("latency", (err) => {
      if (!err) {
        hooks.latency(performance.now() - start);
      }
    });
  }

  socket.on("connect", () => {
    clearInterval(countdown);
    attempt = 0;
    watchTransport();
    hooks.state("connected", {});
    hooks.up();
    measure();
  });
  socket.on("connect_error", () => {
    if (!stopped) {
      retryLater();
    }
  });
  socket.on("disconnect", (reason) => {
    hooks.down(reason);
    if (reason === "io server disconnect") {
      // The server meant it (this chat goes on in another tab): do not fight.
      stopped = true;
      hooks.state("offline", { attempt: 0, seconds: 0, network: navigator.onLine });
      return;
    }
    retryLater();
  });
  window.addEventListener("online", () => {
    if (!socket.connected && !stopped) {
      retryNow();
    }
  });
  setInterval(measure, LATENCY_EVERY);
  hooks.state("connecting", {});

  return {
    retryNow,
    on: (event, fn) => socket.on(event, fn),
    // tell sends something that is not worth keeping when the way is blocked.
    tell: (event, payload) => socket.volatile.emit(event, payload),
    // ask resolves with the acknowledgement. It rejects with an Error whose
    // code is "lost" when the connection or the answer did not come through,
    // and the server's own code when the server refused.
    ask: (event, payload) => new Promise((resolve, reject) => {
      if (!socket.connected) {
        reject(fault("lost", "There is no connection."));
        return;
      }
      socket.timeout(ANSWER_WITHIN).emit(event, payload, (err, reply) => {
        if (err) {
          reject(fault("lost", socket.connected ? "The server did not answer." : "The connection was lost."));
        } else if (reply?.error) {
          reject(fault(reply.error.data?.code ?? "refused", reply.error.message));
        } else {
          resolve(reply);
        }
      });
    }),
    connected: () => socket.connected,
  };
}

function fault(code, message) {
  return Object.assign(new Error(message), { code });
}
