// The official parsers behind a line protocol: each line of standard input is a
// JSON list of questions, each answered by one element of a JSON list on a line
// of standard output. Bytes travel in base64. Values are answered in a form that
// has one spelling for each: see canonical.
import { createInterface } from "node:readline";
import { parse } from "node:querystring";
import { decodePayload, encodePayload } from "engine.io-parser";
import v3 from "engine.io-parser-v3";
import msgpack from "socket.io-msgpack-parser";
import { Decoder, Encoder } from "socket.io-parser";

const bytes = (text) => Buffer.from(text, "base64");
const base64 = (data) => Buffer.from(data).toString("base64");

function canonical(v) {
  switch (typeof v) {
    case "undefined":
      return "u";
    case "boolean":
      return v ? "t" : "f";
    case "number": {
      if (Number.isNaN(v)) return "dNaN";
      const bits = Buffer.alloc(8);
      bits.writeDoubleBE(v);
      return "d" + bits.toString("hex");
    }
    case "string":
      return "s" + base64(Buffer.from(v, "utf8"));
  }
  if (v === null) return "n";
  if (Buffer.isBuffer(v) || v instanceof ArrayBuffer) return "b" + base64(v);
  if (v instanceof Date) return "@" + v.getTime();
  if (Array.isArray(v)) return "[" + v.map(canonical).join(",") + "]";
  const members = new Map(Object.keys(v).map((key) => [canonical(key), canonical(v[key])]));
  return "{" + [...members.keys()].sort().map((key) => key + ":" + members.get(key)).join(",") + "}";
}

// revive replaces {"bytes":"<base64>"}, {"time":<milliseconds>} and {"number":"<its name>"} by what JSON has not.
function revive(key, v) {
  if (v === null || typeof v !== "object") return v;
  if (typeof v.bytes === "string") return bytes(v.bytes);
  if (typeof v.time === "number") return new Date(v.time);
  if (typeof v.number === "string") return Number(v.number);
  return v;
}

// defined replaces undefined by null wherever it is.
function defined(v) {
  if (v === undefined) return null;
  if (Array.isArray(v)) return Array.from(v, defined);
  if (Object.prototype.toString.call(v) !== "[object Object]") return v;
  return Object.fromEntries(Object.entries(v).map(([key, value]) => [key, defined(value)]));
}

const answers = {
  engineDecode({ body }) {
    const packets = [];
    for (const { type, data } of decodePayload(bytes(body).toString("utf8"), "nodebuffer")) {
      if (type === "error") return { packets, error: true };
      packets.push({ type, binary: Buffer.isBuffer(data), data: base64(data ?? "") });
    }
    return { packets, error: false };
  },

  engineEncode({ packets }) {
    const list = packets.map(({ type, binary, data }) => ({ type, data: binary ? bytes(data) : bytes(data).toString("utf8") }));
    let body;
    encodePayload(list, (encoded) => (body = encoded));
    return { body: base64(body) };
  },

  engineV3Decode({ body, binary }) {
    const packets = [];
    let error = false;
    v3.decodePayload(binary ? bytes(body) : bytes(body).toString("utf8"), "nodebuffer", ({ type, data }) => {
      error ||= type === "error";
      if (error) return false;
      packets.push({ type: type ?? "?", binary: Buffer.isBuffer(data), data: base64(data ?? "") });
    });
    return { packets, error };
  },

  engineV3Encode({ packets, supportsBinary }) {
    const list = packets.map(({ type, binary, data }) => ({ type, data: binary ? bytes(data) : bytes(data).toString("utf8") }));
    let body;
    v3.encodePayload(list, supportsBinary, (encoded) => (body = encoded));
    return { body: base64(body) };
  },

  // What the reference server does with a POST in JSONP: its form, then its newlines.
  jsonpPost({ body }) {
    const { d } = parse(bytes(body).toString("utf8"));
    if (typeof d !== "string") return { body: "" };
    const newlines = d.replace(/(\\)?\\n/g, (match, slash) => (slash ? match : "\n"));
    return { body: base64(newlines.replace(/\\\\n/g, "\\n")) };
  },

  // How it answers a poll.
  jsonpAnswer({ index, payload }) {
    const text = JSON.stringify(bytes(payload).toString("utf8")).replace(/\u2028/g, "\\u2028").replace(/\u2029/g, "\\u2029");
    return { body: base64("___eio[" + index.replace(/[^0-9]/g, "") + "](" + text + ");") };
  },

  socketDecode({ messages }) {
    const packets = [];
    const decoder = new Decoder();
    decoder.on("decoded", ({ type, nsp, id, data }) =>
      packets.push({ type, nsp: base64(nsp), id: canonical(id), data: canonical(data) }));
    try {
      for (const { text, binary } of messages) {
        decoder.add(text === undefined ? bytes(binary) : bytes(text).toString("utf8"));
      }
    } catch (e) {
      return { packets, error: String(e.message) };
    }
    return { packets, error: "" };
  },

  socketEncode({ packet }) {
    const { type, nsp, id, data } = JSON.parse(packet, revive);
    const [head, ...attachments] = new Encoder().encode({ type, nsp, id, data });
    return { messages: [{ text: base64(head) }, ...attachments.map((a) => ({ binary: base64(a) }))] };
  },

  packDecode({ message }) {
    let packet = null;
    const decoder = new msgpack.Decoder();
    decoder.on("decoded", ({ type, nsp, id, data }) => {
      packet = { type, nsp: base64(nsp), id: canonical(id), data: data === undefined ? "u" : canonical(defined(data)) };
    });
    try {
      decoder.add(bytes(message));
    } catch (e) {
      return { packet: null, error: String(e.message) };
    }
    return { packet, error: "" };
  },

  packEncode({ packet }) {
    return { message: base64(new msgpack.Encoder().encode(JSON.parse(packet, revive))[0]) };
  },
};

createInterface({ input: process.stdin }).on("line", (line) => {
  console.log(JSON.stringify(JSON.parse(line).map((question) => answers[question.ask](question))));
});
