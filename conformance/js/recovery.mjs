// Has the official client lose its connection and recover, over one kind of connection, and prints one JSON line for
// each scenario: {"name", "result"} or {"name", "error"}. Arguments: base URL of the proxy, mode (polling, websocket or
// upgrade), URL that takes the proxy down and up, base URL of the server itself, URL that kills it and starts it again.
import { io } from "socket.io-client";

const [url, mode, cutURL, serverURL, restartURL] = process.argv.slice(2);
const transports = { polling: ["polling"], websocket: ["websocket"], upgrade: ["polling", "websocket"] }[mode];

const within = (promise, what, ms = 30_000) => {
  let timer;
  const late = new Promise((_, reject) => (timer = setTimeout(() => reject(new Error(`no ${what} within ${ms} ms`)), ms)));
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
};
const once = (socket, event) => within(new Promise((resolve) => socket.once(event, (...args) => resolve(args))), event);
const ask = async (socket, ...args) => socket.timeout(20_000).emitWithAck(...args);
const down = () => fetch(`${cutURL}/down`);
const up = () => fetch(`${cutURL}/up`);
const restart = () => fetch(restartURL);
const emit = (n, options = {}) => fetch(`${serverURL}/emit?${new URLSearchParams({ n, ...options })}`);

const show = (v) => (Buffer.isBuffer(v) ? `hex:${v.toString("hex")}` : v);

let opened;
const connect = async () => {
  const socket = io(url, { transports, forceNew: true, reconnectionDelay: 50, reconnectionDelayMax: 100, timeout: 5_000 });
  opened = socket;
  socket.got = [];
  socket.on("n", (n, ...rest) => {
    socket.got.push(show(n));
    socket.emitter?.();
    if (typeof rest.at(-1) !== "string") throw new Error(`no offset behind ${n}`);
  });
  await once(socket, "connect");
  await settled(socket);
  return socket;
};

// settled resolves when the client has changed to WebSocket, if it is going to. A client that loses both connections
// while it has stopped to poll for the sake of the other notices nothing until it misses a ping.
const settled = async (socket) => {
  const { engine } = socket.io;
  if (mode === "upgrade" && engine.transport.name === "polling") {
    await within(new Promise((resolve) => engine.once("upgrade", resolve)), "upgrade");
  }
};

const arrived = async (socket, n) =>
  within(
    new Promise((resolve) => {
      const check = () => socket.got.length >= n && resolve();
      socket.emitter = check;
      check();
    }),
    `event number ${n}`,
  );

// away takes the connection down while fn runs, and resolves when the client is back.
const away = async (socket, fn) => {
  const gone = once(socket, "disconnect");
  await down();
  await gone;
  const back = once(socket, "connect");
  await fn?.();
  await up();
  await back;
  await settled(socket);
};

const final = async (socket, end) => {
  await emit(1);
  await arrived(socket, 1);
  await away(socket); // which leaves a session behind in other servers
  const before = socket.id;
  const gone = once(socket, "disconnect");
  end();
  const [reason] = await gone;
  await emit(2);
  socket.got = [];
  const back = once(socket, "connect");
  socket.connect();
  await back;
  return [reason, socket.recovered, socket.id === before, socket.got];
};

const scenarios = {
  async "missed events"() {
    const s = await connect();
    await ask(s, "join", "room");
    await ask(s, "value", "ann");
    await emit(1);
    await arrived(s, 1);
    const before = s.id;
    let atConnect;
    s.once("disconnect", () => s.once("connect", () => (atConnect = s.got.slice(1))));
    await away(s, async () => {
      await emit(2);
      await emit(3, { to: "room", kind: "binary" });
      await emit(4, { to: "another room" });
      await emit(4, { kind: "volatile" });
      await emit(5, { to: before });
    });
    const value = await ask(s, "value", "bob");
    await emit(6, { to: "room" });
    await arrived(s, 5);
    return {
      recovered: s.recovered, "same id": s.id === before, value,
      "before connect": atConnect, "reached the old room": s.got.at(-1) === 6, all: s.got,
    };
  },
  async "a client that never got an event"() {
    const s = await connect();
    const before = s.id;
    await away(s, () => emit(1));
    return [s.recovered, s.id === before, s.got];
  },
  async "a volatile event with a string"() {
    const s = await connect();
    for (let waiting = true; waiting; ) { // for a poll, without which it is dropped
      await emit(7, { kind: "volatile" });
      waiting = s.got.length === 0 && (await new Promise((resolve) => setTimeout(resolve, 100, true)));
    }
    await away(s, () => emit(8));
    return [s.recovered, [...new Set(s.got)]];
  },
  async "again and again"() {
    const s = await connect();
    const recovered = [];
    for (let i = 0; i < 4; i++) {
      await away(s, () => emit(i));
      recovered.push(s.recovered);
    }
    return [recovered, s.got];
  },
  async "a server that was killed"() {
    const s = await connect();
    const before = s.id;
    const results = [[], []];
    await ask(s, "join", "room");
    for (const n of [0, 10]) {
      await away(s, async () => {
        await emit(n);
        await emit(n + 1, { to: "room", kind: "binary" });
        await restart();
        await emit(n + 2, { to: "room" });
      });
      results[0].push(s.recovered);
      results[1].push(s.id === before);
    }
    return [...results, s.got];
  },
  async "not after a disconnect by the server"() {
    const s = await connect();
    return final(s, () => s.emit("kick"));
  },
  async "not after a disconnect by the client"() {
    const s = await connect();
    return final(s, () => s.disconnect());
  },
  async "a new session after one that was final"() {
    const s = await connect();
    await emit(1);
    await arrived(s, 1);
    const gone = once(s, "disconnect");
    s.emit("kick");
    await gone;
    const back = once(s, "connect");
    s.connect();
    await back;
    s.got = [];
    const before = s.id;
    await away(s, () => emit(2)); // with the offset that it still has from the old one
    return [s.recovered, s.id === before, s.got];
  },
};

process.on("unhandledRejection", () => {}); // a scenario that failed leaves waits behind

for (const [name, run] of Object.entries(scenarios)) {
  let line;
  try {
    line = { name, result: await run() };
  } catch (err) {
    line = { name, error: String(err.message) };
  }
  await up();
  opened.io._close();
  console.log(JSON.stringify(line));
}
process.exit(0);
