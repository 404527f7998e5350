// Asks the official Node server and ours for the files of the client in many ways, and prints one JSON line for
// each way with what differs. Argument: the base URL of our server.
import { createHash } from "node:crypto";
import http from "node:http";
import zlib from "node:zlib";
import { Server } from "socket.io";

const [ours] = process.argv.slice(2);

const builds = ["socket.io.js", "socket.io.min.js", "socket.io.msgpack.min.js", "socket.io.esm.min.js"];
const files = builds.flatMap((name) => [name, `${name}.map`]);

const web = http.createServer();
const io = new Server(web, { cors: { origin: "https://app.example" } });
await new Promise((resolve) => web.listen(0, "127.0.0.1", resolve));
const reference = `http://127.0.0.1:${web.address().port}`;

function ask(base, { method = "GET", path, headers = {} }) {
  return new Promise((resolve, reject) => {
    http.request(base + path, { method, headers, agent: false }, (res) => {
      const parts = [];
      res.on("data", (part) => parts.push(part));
      res.on("end", () => resolve({ status: res.statusCode, headers: res.headers, body: Buffer.concat(parts) }));
      res.on("error", reject);
    }).on("error", reject).end();
  });
}

const plain = { br: zlib.brotliDecompressSync, gzip: zlib.gunzipSync, deflate: zlib.inflateSync };

// What has to be the same. The reference names an allowed origin even to those who come from none.
function relevant({ status, headers, body }, cors) {
  const out = { status };
  if (status === 304) {
    return { ...out, bytes: body.length };
  }
  for (const name of ["content-type", "content-encoding", "cache-control", "etag",
    ...(cors ? ["access-control-allow-origin", "access-control-allow-credentials"] : [])]) {
    out[name] = headers[name] ?? null;
  }
  const text = body.length > 0 ? (plain[headers["content-encoding"]] ?? ((b) => b))(body) : body;
  return { ...out, bytes: text.length, sha256: createHash("sha256").update(text).digest("hex") };
}

async function compare(name, requests) {
  const line = { name };
  try {
    const differences = [];
    for (const request of requests) {
      const [a, b] = (await Promise.all([ask(reference, request), ask(ours, request)]))
        .map((answer) => relevant(answer, request.headers?.origin !== undefined));
      if (JSON.stringify(a) !== JSON.stringify(b)) differences.push({ request, reference: a, ours: b });
    }
    line.result = { asked: requests.length, differences };
  } catch (err) {
    line.error = String(err.stack ?? err);
  }
  console.log(JSON.stringify(line));
}

const each = (more) => files.map((name) => ({ path: `/socket.io/${name}`, ...more }));

await compare("plain", each({}));
await compare("a query", each({}).map((r) => ({ ...r, path: `${r.path}?a=b` })));
for (const accept of ["gzip", "br", "deflate"]) {
  await compare(accept, each({ headers: { "accept-encoding": accept } }));
}
const one = { path: "/socket.io/socket.io.min.js" };
await compare("order and weights", ["gzip,br,deflate", "br, gzip", "deflate, gzip, br", "gzip;q=0.1, br;q=0.2", "gzip;q=0, br;q=0",
  "*", "*, br;q=0", "*, deflate", "identity", "identity, gzip", "zstd", "zstd, deflate", "gzip, deflate, br, zstd", ""]
  .map((accept) => ({ ...one, headers: { "accept-encoding": accept } })));
const { headers: { etag } } = await ask(reference, one);
await compare("already there", [etag, `W/${etag}`, '"1.0.0"'].map((tag) => ({ ...one, headers: { "if-none-match": tag } })));
await compare("HEAD", [{ ...one, method: "HEAD" }, { ...one, method: "HEAD", headers: { "accept-encoding": "gzip" } }]);
await compare("CORS", [{ ...one, headers: { origin: "https://app.example" } }]);
await compare("another name", [{ path: "/socket.io/foo.js" }]);

io.close();
