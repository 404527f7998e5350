// Drives the official client through every scenario over one kind of connection and prints one JSON line
// for each: {"name", "result"} or {"name", "error"}. Arguments: base URL, mode (polling, websocket or
// upgrade), URL that cuts every connection of the proxy in front of the server, package of a parser (optional, may be
// empty), package of the client (optional).
const [url, mode, cutURL, parserName, clientName] = process.argv.slice(2);
const { io } = await import(clientName ?? "socket.io-client");
const parser = parserName && (await import(parserName)).default;
const transports = { polling: ["polling"], websocket: ["websocket"], upgrade: ["polling", "websocket"] }[mode];

const once = (socket, event, ms = 20_000) =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no ${event} within ${ms} ms`)), ms);
    socket.once(event, (...args) => (clearTimeout(timer), resolve(args)));
  });

const all = (socket, event, n) =>
  new Promise((resolve, reject) => {
    const got = [];
    const timer = setTimeout(() => reject(new Error(`${got.length} of ${n} ${event}`)), 20_000);
    socket.on(event, (...args) => {
      got.push(args);
      if (got.length === n) (clearTimeout(timer), resolve(got));
    });
  });

const emit = (socket, ...args) =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no acknowledgement of ${args[0]}`)), 20_000);
    socket.emit(...args, (...reply) => (clearTimeout(timer), resolve(reply)));
  });

// passed resolves when whatever one of the sockets sent has been handled, and has then arrived at all of them.
const passed = async (sockets) => {
  for (const s of [...sockets, ...sockets]) await emit(s, "message-with-ack");
};

// show makes binary visible in JSON.
const show = (value) => {
  if (Buffer.isBuffer(value)) return `hex:${value.toString("hex")}`;
  if (value instanceof ArrayBuffer) return `arraybuffer:${Buffer.from(value).toString("hex")}`;
  if (Array.isArray(value)) return value.map(show);
  if (value && typeof value === "object") return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, show(v)]));
  return value;
};

const opened = [];
const open = (nsp = "/", options = {}) => {
  const socket = io(url + nsp, { transports, forceNew: true, reconnection: false, timeout: 20_000, ...(parser && { parser }), ...options });
  opened.push(socket);
  return socket;
};

// connect resolves when the socket is connected and, in upgrade mode, has changed to WebSocket.
const connect = async (nsp, options) => {
  const socket = open(nsp, options);
  const failed = new Promise((_, reject) => socket.once("connect_error", reject));
  failed.catch(() => {});
  await Promise.race([once(socket, "connect"), failed]);
  await settled(socket);
  return socket;
};

const settled = async (socket) => {
  const { engine } = socket.io;
  if (mode === "upgrade" && engine.transport.name === "polling") await once(engine, "upgrade");
};

const scenarios = {
  async transport() {
    const s = await connect();
    const want = mode === "polling" ? "polling" : "websocket";
    const [h] = await emit(s, "handshake");
    return [s.io.engine.transport.name === want, h.transport === want];
  },
  async text() {
    const s = await connect();
    s.emit("message", 1, "2", { 3: [true, null, -0.5] });
    return once(s, "message-back");
  },
  async "no arguments"() {
    const s = await connect();
    s.emit("message");
    return once(s, "message-back");
  },
  async "binary nested"() {
    const s = await connect();
    s.emit("message", { a: [Buffer.from([1, 2]), { b: new Uint8Array([3]) }] }, new ArrayBuffer(2), Buffer.alloc(0));
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
  async "ack timeout at the client"() {
    const s = await connect();
    return s.timeout(200).emitWithAck("nobody handles this").catch((err) => err.message);
  },
  async "ack timeout at the server"() {
    const s = await connect();
    return emit(s, "call-timeout", 200);
  },
  async rooms() {
    const [a, b, c] = await Promise.all([connect(), connect(), connect()]);
    const room = `room ${mode}`;
    await Promise.all([a, b].map((s) => emit(s, "join", room)));
    await emit(a, "join", `${room} 2`);
    const log = [];
    for (const [name, s] of Object.entries({ a, b, c })) s.on("said", (what) => log.push(`${name} ${what}`));
    const fence = async () => (await passed([a, b, c]), log.splice(0).sort());
    const steps = { rooms: [await emit(a, "rooms"), await emit(c, "rooms")] };
    a.emit("to", room, "said", "to");
    steps.to = await fence();
    a.emit("in", room, "said", "in");
    steps.in = await fence();
    c.emit("to", room, "said", "from outside");
    steps.outside = await fence();
    await emit(b, "leave", room);
    c.emit("in", room, "said", "after leave");
    steps.leave = await fence();
    c.emit("to", b.id, "said", "by id");
    steps.id = await fence();
    return steps;
  },
  async "broadcast and except"() {
    const [a, b, c] = await Promise.all([connect("/"), connect("/"), connect("/")]);
    const room = `except ${mode}`;
    await emit(c, "join", room);
    const event = `said ${mode}`;
    const log = [];
    for (const [name, s] of Object.entries({ a, b, c })) s.on(event, (what) => log.push(`${name} ${what}`));
    const fence = async () => (await passed([a, b, c]), log.splice(0).sort());
    const steps = {};
    a.emit("broadcast", event, "broadcast");
    steps.broadcast = await fence();
    a.emit("all", event, "all");
    steps.all = await fence();
    a.emit("except", room, event, "except");
    steps.except = await fence();
    return steps;
  },
  async "namespaces share a connection"() {
    const main = await connect("/", { forceNew: true });
    const custom = main.io.socket("/custom", {});
    const other = main.io.socket("/other", {});
    opened.push(custom, other);
    await Promise.all([custom, other].map((s) => (s.connected ? null : once(s, "connect"))));
    custom.emit("message", "c");
    const [c] = await once(custom, "message-back");
    const [o] = await emit(other, "message-with-ack", Buffer.from([1]));
    main.emit("message", "m");
    const [m] = await once(main, "message-back");
    return [c, show(o), m, new Set([main.id, custom.id, other.id]).size, main.io === other.io];
  },
  async auth() {
    const s = open("/custom", { auth: { token: "t", n: [1] } });
    const first = await once(s, "auth");
    const f = open("/custom", { auth: (done) => done({ from: "function" }) });
    return [first, await once(f, "auth")];
  },
  async "refused by middleware, then accepted"() {
    const s = open("/auth", { auth: { token: "wrong" } });
    const [err] = await once(s, "connect_error");
    const refused = [err.message, err.data, s.connected, s.active];
    s.auth = { token: "secret" };
    s.connect();
    await once(s, "connect");
    return [refused, s.connected];
  },
  async "unknown namespace"() {
    const s = open("/nowhere");
    const [err] = await once(s, "connect_error");
    return [err.message, err.data ?? null, s.connected];
  },
  async "namespaces on demand"() {
    const name = `/room-${mode}-1`;
    const main = await connect();
    const [a, b] = await Promise.all([connect(name), connect(name)]);
    const [c] = await Promise.all([connect(`/room-${mode}-2`)]);
    const said = Promise.all([a, b, c].map((s) => once(s, `said ${mode}`)));
    main.emit("tell-all-rooms", `said ${mode}`, Buffer.from([1]));
    const steps = [await emit(a, "message-with-ack", 1), await emit(c, "message-with-ack"), show(await said).flat()];
    const there = async () => (await emit(main, "namespace-is-there", name))[0];
    steps.push(await there());
    a.disconnect();
    b.disconnect();
    for (let i = 0; i < 200 && (await there()); i++) await new Promise((resolve) => setTimeout(resolve, 20));
    steps.push(await there());
    const [err] = await once(open("/room-none"), "connect_error");
    return [...steps, err.message];
  },
  async "namespaces that a function decides about"() {
    const name = `/fn-${mode}`;
    const s = open(name, { auth: { token: "wrong" } });
    const [err] = await once(s, "connect_error");
    const inside = await connect(name, { auth: { token: "secret" } });
    const [name1] = await emit(inside, "message-with-ack");
    s.connect(); // that the namespace is there now does not help
    const [again] = await once(s, "connect_error");
    s.auth = { token: "secret" };
    s.connect();
    await once(s, "connect");
    const [name2] = await emit(s, "message-with-ack");
    return [err.message, err.data === name, again.message, name1 === name, name2 === name];
  },
  async "broadcast with acknowledgements"() {
    const sockets = await Promise.all([connect(), connect(), connect()]);
    const room = `asked ${mode}`;
    await Promise.all(sockets.map((s) => emit(s, "join", room)));
    const [a, b, c] = sockets;
    a.on("question", (q, done) => done(q));
    b.on("question", (q, done) => setTimeout(done, 50, "later"));
    const never = once(c, "question");
    const [answers, missing] = show(await emit(a, "ask-room", room, 2000, "question", Buffer.from([5])));
    await never;
    const [nobody, none] = await emit(a, "ask-room", "empty room", 2000, "question");
    return [Object.keys(answers).length, answers[a.id], answers[b.id], missing.length, missing[0] === c.id, nobody, none];
  },
  async "handshake"() {
    const s = await connect("/", { query: { room: "a b&c" }, extraHeaders: { "x-custom": "header" }, auth: { a: 1 } });
    const [h] = await emit(s, "handshake");
    return [h.query.room, h.query.EIO, h.custom, h.auth, h.secure, h.url.startsWith("/socket.io/?")];
  },
  async "disconnect by the client"() {
    const [s, witness] = await Promise.all([connect(), connect()]);
    const { id } = s;
    const gone = once(s, "disconnect");
    s.disconnect();
    return [(await gone)[0], await emit(witness, "reason-of", id)];
  },
  async "what was emitted before the disconnect arrives"() {
    const [s, witness] = await Promise.all([connect(), connect()]);
    const said = once(witness, "bye");
    s.emit("to", witness.id, "bye", 1);
    s.disconnect();
    return said;
  },
  async "disconnect of one namespace by the server"() {
    const [main, witness] = await Promise.all([connect(), connect()]);
    const custom = main.io.socket("/custom", {});
    opened.push(custom);
    await once(custom, "connect");
    const { id } = custom;
    custom.emit("disconnect-me", false);
    const [reason] = await once(custom, "disconnect");
    return [reason, await emit(witness, "reason-of", id), main.connected, await emit(main, "message-with-ack", 1)];
  },
  async "disconnect of the connection by the server"() {
    const [main, witness] = await Promise.all([connect(), connect()]);
    const custom = main.io.socket("/custom", {});
    opened.push(custom);
    await once(custom, "connect");
    const ids = [main.id, custom.id];
    const both = Promise.all([once(main, "disconnect"), once(custom, "disconnect")]);
    custom.emit("disconnect-me", true);
    const reasons = (await both).map(([reason]) => reason);
    return [reasons, await emit(witness, "reason-of", ids[0]), await emit(witness, "reason-of", ids[1])];
  },
  async "transport closed by the client"() {
    const [s, witness] = await Promise.all([connect(), connect()]);
    const { id } = s;
    const gone = once(s, "disconnect");
    s.io.engine.close();
    return [(await gone)[0], await emit(witness, "reason-of", id)];
  },
  async volatile() {
    const s = await connect();
    const tick = once(s, "tick");
    const again = setInterval(() => s.emit("volatile", "tick", 1), 50); // between two polls it is rightly dropped
    const args = await tick;
    clearInterval(again);
    return args;
  },
  async "a message near the limit"() {
    const s = await connect();
    const text = "x".repeat(parser ? 740_000 : 990_000); // a binary packet is base64 over polling
    const [back] = await emit(s, "message-with-ack", text);
    const bytes = Buffer.alloc(740_000, 7);
    const [same] = await emit(s, "message-with-ack", bytes);
    return [back === text, bytes.equals(same)];
  },
  async "a message over the limit"() {
    const [s, witness] = await Promise.all([connect(), connect()]);
    const { id } = s;
    const gone = once(s, "disconnect");
    s.emit("message", "x".repeat(1_100_000));
    const [reason] = await gone;
    s.io.engine.close();
    // Over polling the answer to the poll and that to the POST race each other.
    const known = mode === "polling" ? ["transport close", "transport error"] : ["transport close"];
    return [known.includes(reason), await emit(witness, "reason-of", id)];
  },
  async "fifty emits keep their order"() {
    const s = await connect();
    const got = all(s, "message-back", 50);
    for (let i = 0; i < 50; i++) s.emit("message", i);
    return (await got).every(([n], i) => n === i);
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
    const [back] = await emit(s, "message-with-ack", { [words.join("")]: words });
    const room = `ünï ${words.join("")}`;
    await emit(s, "join", room);
    s.emit("in", room, `€-${words[1]}`, words);
    const [again] = await once(s, `€-${words[1]}`);
    return [back[words.join("")].join() === words.join(), again.join() === words.join()];
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
    const [serverReason] = await emit(s, "reason-of", before);
    const lost = ["transport close", "transport error"];
    return [lost.includes(reason), lost.includes(serverReason), s.id !== before, said];
  },
};

if (parser) {
  scenarios["values that JSON has not"] = async () => {
    const s = await connect();
    const [back] = await emit(s, "message-with-ack", { at: new Date(1234567890123), list: [undefined, NaN, -Infinity] });
    return [back.at instanceof Date && back.at.getTime(), "list" in back, back.list.map(String)];
  };
}

// Clients of version 3 have no time-outs of their own.
if (clientName) delete scenarios["ack timeout at the client"];

process.on("unhandledRejection", () => {}); // a scenario that failed leaves waits behind

for (const [name, run] of Object.entries(scenarios)) {
  let line;
  try {
    line = { name, result: await run() };
  } catch (err) {
    line = { name, error: String(err.message) };
  }
  for (const socket of opened.splice(0)) socket.io._close();
  console.log(JSON.stringify(line));
}
process.exit(0);
