// Drives a client of Socket.IO 1 or 2 through every scenario over one kind of connection and prints one JSON line for
// each: {"name", "result"} or {"name", "error"}. Arguments: base URL, mode (polling, websocket or upgrade), URL that
// cuts every connection of the proxy in front of the server, major version of the client.
import { io as io4 } from "socket.io-client";

const [url, mode, cutURL, major] = process.argv.slice(2);
const { default: io } = await import(`socket.io-client-${major}`);
const transports = { polling: ["polling"], websocket: ["websocket"], upgrade: ["polling", "websocket"] }[mode];

const within = (ms, what, start) =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no ${what} within ${ms} ms`)), ms);
    start((value) => (clearTimeout(timer), resolve(value)));
  });

const once = (socket, event) => within(20_000, event, (done) => socket.once(event, (...args) => done(args)));

const all = (socket, event, n) =>
  within(20_000, `${n} ${event}`, (done) => {
    const got = [];
    socket.on(event, (...args) => got.push(args) === n && done(got));
  });

const emit = (socket, ...args) =>
  within(20_000, `acknowledgement of ${args[0]}`, (done) => socket.emit(...args, (...reply) => done(reply)));

// show makes binary visible in JSON.
const show = (value) => {
  if (Buffer.isBuffer(value)) return `hex:${value.toString("hex")}`;
  if (value instanceof ArrayBuffer) return `arraybuffer:${Buffer.from(value).toString("hex")}`;
  if (Array.isArray(value)) return value.map(show);
  if (value && typeof value === "object") return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, show(v)]));
  return value;
};

const opened = [];
const open = (nsp = "/", options = {}, connect = io) => {
  const socket = connect(url + nsp, { transports, forceNew: true, reconnection: false, timeout: 20_000, ...options });
  opened.push(socket);
  return socket;
};

// connect resolves when the socket is connected and, in upgrade mode, has changed to WebSocket.
const connect = async (nsp, options, by) => {
  const socket = open(nsp, options, by);
  const failed = new Promise((_, reject) => ["connect_error", "error"].forEach((event) => socket.once(event, reject)));
  failed.catch(() => {});
  await Promise.race([once(socket, "connect"), failed]);
  const { engine } = socket.io;
  if (mode === "upgrade" && engine.transport.name === "polling") await once(engine, "upgrade");
  return socket;
};

const scenarios = {
  async transport() {
    const s = await connect();
    const want = mode === "polling" ? "polling" : "websocket";
    const [h] = await emit(s, "handshake");
    return [s.io.engine.transport.name === want, h.transport === want, h.query.EIO];
  },
  async ids() {
    const main = await connect();
    const custom = main.io.socket("/custom");
    opened.push(custom);
    await once(custom, "connect");
    const [rooms] = await emit(main, "rooms"); // those but the room of the id: none, if both call it the same
    const said = once(main, "said");
    main.emit("in", main.id, "said", "by id");
    const known = major === "1" ? main.id : "/custom#" + main.id; // version 1 does not know better
    return [main.id === main.io.engine.id, custom.id === known, rooms, await said];
  },
  async text() {
    const s = await connect();
    s.emit("message", 1, "2", { 3: [true, null, -0.5] });
    return once(s, "message-back");
  },
  async "binary nested"() {
    const s = await connect();
    s.emit("message", { a: [Buffer.from([1, 2]), { b: Buffer.from([3]) }] }, Buffer.from([0, 0]));
    return show(await once(s, "message-back"));
  },
  async "binary interleaved with text"() {
    const s = await connect();
    const got = all(s, "message-back", 6);
    for (let i = 0; i < 3; i++) {
      s.emit("message", i);
      s.emit("message", Buffer.from([i]));
    }
    return show(await got).flat();
  },
  async "base64 when asked for"() {
    const s = await connect("/", { forceBase64: true });
    return show(await emit(s, "message-with-ack", Buffer.from([1, 2, 3]), "text"));
  },
  async "ack from the server"() {
    const s = await connect();
    return [await emit(s, "message-with-ack", 1, "two", { three: [3] }), await emit(s, "message-with-ack")];
  },
  async "binary ack from the server"() {
    const s = await connect();
    return show(await emit(s, "message-with-ack", Buffer.from([1, 2, 3]), { deep: [Buffer.from([4])] }));
  },
  async "ack to the server"() {
    const s = await connect();
    s.on("question", (q, ack) => ack("answer to " + q, { n: 1 }));
    s.emit("call-me", "question", "why");
    return once(s, "call-result");
  },
  async "binary ack to the server"() {
    const s = await connect();
    s.on("question", (q, ack) => ack(q, Buffer.from([9])));
    s.emit("call-me", "question", Buffer.from([8]));
    return show(await once(s, "call-result"));
  },
  async "namespaces share a connection"() {
    const main = await connect();
    const custom = main.io.socket("/custom");
    opened.push(custom);
    await once(custom, "connect");
    custom.emit("message", "c");
    const [c] = await once(custom, "message-back");
    main.emit("message", Buffer.from([1]));
    return [c, show(await once(main, "message-back"))];
  },
  async "the query of a namespace is its auth"() {
    const s = open("/custom", { query: "token=a%20b&n=1" });
    const [auth] = await once(s, "auth");
    const again = open("/custom");
    return [auth, await once(again, "auth")];
  },
  async "refused by middleware"() {
    const s = open("/auth", { query: "token=wrong" });
    const [why] = await once(s, "error");
    const t = await connect("/auth", { query: "token=secret" });
    return [why, s.connected, t.connected];
  },
  async "unknown namespace"() {
    const s = open("/nowhere");
    const [why] = await once(s, "error");
    return [why, s.connected];
  },
  async "rooms with a client of today"() {
    const [a, b] = await Promise.all([connect(), connect("/", {}, io4)]);
    const room = `mixed ${mode} ${major}`;
    await Promise.all([a, b].map((s) => emit(s, "join", room)));
    const both = Promise.all([once(a, "said"), once(b, "said")]);
    a.emit("in", room, "said", "x", Buffer.from([1, 2, 3]), { deep: [Buffer.from([4])] });
    const first = show(await both);
    const one = once(a, "said");
    b.emit("to", room, "said", Buffer.from([5]), "y");
    return [...first, show(await one)];
  },
  async "disconnect by the client"() {
    const [s, witness] = await Promise.all([connect(), connect()]);
    const { id } = s;
    const gone = once(s, "disconnect");
    s.disconnect();
    return [(await gone)[0], await emit(witness, "reason-of", id)];
  },
  async "leave a namespace and join it again"() {
    const main = await connect();
    const custom = main.io.socket("/custom");
    opened.push(custom);
    await once(custom, "connect");
    const { id } = custom;
    custom.emit("disconnect-me", false);
    const [reason] = await once(custom, "disconnect");
    custom.open();
    await once(custom, "connect");
    custom.emit("message", "back");
    return [reason, custom.id === id, await once(custom, "message-back"), main.connected];
  },
  async "disconnect of the connection by the server"() {
    const [s, witness] = await Promise.all([connect(), connect()]);
    const { id } = s;
    const gone = once(s, "disconnect");
    s.emit("disconnect-me", true);
    return [(await gone)[0], await emit(witness, "reason-of", id)];
  },
  async "transport closed by the client"() {
    const [s, witness] = await Promise.all([connect(), connect()]);
    const { id } = s;
    s.io.engine.close();
    return emit(witness, "reason-of", id);
  },
  async "a burst from the server keeps its order"() {
    const s = await connect();
    const got = all(s, "burst", 500);
    s.emit("burst", 500);
    return (await got).every(([n], i) => n === i);
  },
  async "emits during the upgrade keep their order"() {
    const s = open();
    await once(s, "connect");
    const got = all(s, "message-back", 300);
    for (let i = 0; i < 300; i++) {
      s.emit("message", i);
      if (i % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    return (await got).every(([n], i) => n === i);
  },
  async unicode() {
    const s = await connect();
    const words = ["€", "\u{1f41f}", "\u2028\u2029", "\u0000\u001e", '"\\', "\uff41"];
    const [back, bytes] = await emit(s, "message-with-ack", { [words.join("")]: words }, Buffer.from("€"));
    const [text] = await emit(s, "message-with-ack", words);
    return [back[words.join("")].join() === words.join(), show(bytes), text.join() === words.join()];
  },
  async "reconnect after the transport is lost"() {
    const s = await connect("/", { reconnection: true, reconnectionDelay: 50, randomizationFactor: 0 });
    const before = s.id;
    const gone = once(s, "disconnect");
    const cut = setInterval(() => fetch(cutURL), 100); // between two polls there is nothing to cut
    const [reason] = await gone;
    clearInterval(cut);
    const back = once(s, "message-back");
    s.emit("message", "buffered while away");
    await once(s, "connect");
    const [said] = await back;
    const lost = ["transport close", "transport error"];
    return [lost.includes(reason), s.id !== before, said];
  },
};

process.on("unhandledRejection", () => {}); // a scenario that failed leaves waits behind

for (const [name, run] of Object.entries(scenarios)) {
  let line;
  try {
    line = { name, result: await run() };
  } catch (err) {
    line = { name, error: String(err.message ?? err) };
  }
  for (const socket of opened.splice(0)) socket.io.engine?.close();
  console.log(JSON.stringify(line));
}
process.exit(0);
