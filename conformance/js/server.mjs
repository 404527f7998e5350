// The reference server: the official Node packages with the handlers of internal/sut, one listener
// for each profile. Prints {"<profile>": "<base URL>", ...} when all listen and ends with its stdin.
import { readFileSync } from "node:fs";
import http from "node:http";
import { Server as EngineServer } from "engine.io";
import { Server } from "socket.io";

const profiles = JSON.parse(readFileSync(new URL("./profiles.json", import.meta.url), "utf8"));

function serve({ connectTimeout, ...engine }) {
  const server = http.createServer((req, res) => res.writeHead(404).end());
  const options = {
    ...engine,
    destroyUpgrade: false,
    cors: { origin: "*" },
    allowRequest: (req, done) => done(null, !req.url.includes("refuse=1")),
  };
  echo(new EngineServer(options), server, options);
  handlers(new Server(server, { ...options, connectTimeout, serveClient: false }));
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve(`http://127.0.0.1:${server.address().port}`));
  });
}

function echo(engine, server, options) {
  engine.attach(server, { path: "/engine.io/", ...options });
  engine.on("connection", (socket) => {
    socket.on("data", (data) => {
      if (data === "close me") socket.close();
      else socket.send(data);
    });
  });
}

function handlers(io) {
  const reasons = new Map(); // socket id -> promise with resolve
  const gates = new Map();
  const later = (map, key) => {
    if (!map.has(key)) {
      let resolve;
      const promise = new Promise((r) => (resolve = r));
      map.set(key, { promise, resolve });
    }
    return map.get(key);
  };

  const common = (nsp) => {
    nsp.on("connection", (socket) => {
      socket.emit("auth", socket.handshake.auth);
      socket.on("disconnect", (reason) => later(reasons, socket.id).resolve(reason));
    });
  };

  common(io.of("/"));
  io.on("connection", (socket) => {
    socket.on("message", (...args) => socket.emit("message-back", ...args));
    socket.on("message-with-ack", (...args) => args.pop()(...args));
    socket.on("call-me", async (event, ...args) => {
      socket.timeout(5000).emit(event, ...args, (err, ...reply) => {
        socket.emit("call-result", err ? "timeout" : "ok", ...reply);
      });
    });
    socket.on("call-timeout", (ms, done) => {
      socket.timeout(ms).emit("never-acked", (err) => done(err ? "timeout" : "ok"));
    });
    socket.on("join", (room, done) => (socket.join(room), done()));
    socket.on("leave", (room, done) => (socket.leave(room), done()));
    socket.on("rooms", (done) => done([...socket.rooms].filter((r) => r !== socket.id).sort()));
    socket.on("to", (room, ...args) => socket.to(room).emit(...args));
    socket.on("in", (room, ...args) => io.to(room).emit(...args));
    socket.on("except", (room, ...args) => io.except(room).emit(...args));
    socket.on("broadcast", (...args) => socket.broadcast.emit(...args));
    socket.on("all", (...args) => io.emit(...args));
    socket.on("burst", (n) => {
      for (let i = 0; i < n; i++) socket.emit("burst", i);
    });
    socket.on("volatile", (event, ...args) => socket.volatile.emit(event, ...args));
    socket.on("disconnect-me", (close) => socket.disconnect(close));
    socket.on("handshake", (done) => {
      const { query, auth, headers, secure, url } = socket.handshake;
      done({ query, auth, secure, url, custom: headers["x-custom"] ?? "", transport: socket.conn.transport.name });
    });
    socket.on("reason-of", async (id, done) => done(await later(reasons, id).promise));
    socket.on("gate-waiting", async (id, done) => (await later(gates, id).promise, done()));
    socket.on("gate-broadcast", (...args) => io.of("/gate").emit(...args));
    socket.on("gate-open", async (id, allow) => (await later(gates, id).promise)(allow));
  });

  for (const name of ["/custom", "/other", "/auth", "/gate"]) common(io.of(name));
  for (const name of ["/custom", "/other"]) {
    io.of(name).on("connection", (socket) => {
      socket.on("message", (...args) => socket.emit("message-back", ...args));
      socket.on("message-with-ack", (...args) => args.pop()(...args));
      socket.on("disconnect-me", (close) => socket.disconnect(close));
      socket.on("all", (...args) => io.of(name).emit(...args));
    });
  }
  io.of("/auth").use((socket, next) => {
    if (socket.handshake.auth.token === "secret") return next();
    const err = new Error("not authorized");
    err.data = { code: "bad-token", retry: false };
    next(err);
  });
  io.of("/gate").use((socket, next) => {
    const id = socket.handshake.auth.gate;
    socket.join("waiting");
    later(gates, id).resolve((allow) => next(allow ? undefined : new Error("gate closed")));
  });
}

const urls = {};
for (const [name, options] of Object.entries(profiles)) urls[name] = await serve(options);
console.log(JSON.stringify(urls));
process.stdin.on("end", () => process.exit(0)).resume();
