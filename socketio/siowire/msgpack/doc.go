// Package msgpack is the parser for clients that speak MessagePack instead of
// JSON: those of socket.io-msgpack-parser 3, and of python-socketio with
// serializer="msgpack". Server and clients have to agree on it:
//
//	srv, err := socketio.NewServer(socketio.Options{Parser: msgpack.New()})
//
// A packet is one binary message: a map with the keys type, nsp, data and id, of
// which the last two may be absent. Binary data stands in it as it is, so there are
// no attachments, and siowire.Limits.Attachments means nothing here.
//
// # Values
//
// Values are written and read by the rules of siowire, field tags of JSON and
// methods like MarshalJSON included, so handlers need not know which parser their
// server has. The forms that only MessagePack has are these:
//
//   - a []byte is bin. What came as an extension of type 0, as Node.js sends an
//     ArrayBuffer, is read as a []byte too;
//   - a time.Time is a Date of JavaScript, with the precision of a millisecond. It
//     is read into a time.Time in UTC, an any included; for a string or a
//     json.RawMessage it is the text that JSON.stringify makes of the Date;
//   - NaN and the infinities are written and read as what they are;
//   - undefined is read as nil, another extension as the list of its type and its
//     bytes.
//
// All numbers are float64 in an any, as from JSON; int64 and uint64 keep all their
// bits when they are asked for. A float without a fraction is written as an integer
// if it fits 64 bits, as JavaScript does it.
//
// # Reading
//
// A packet is validated in one pass that allocates nothing for up to four
// arguments. What is let pass is what the reference lets pass, except that
//
//   - the payload of CONNECT and DISCONNECT may be nil, which is how Python says
//     that there is none;
//   - text is valid UTF-8, and the keys of maps are strings, numbers, bools or nil.
//     Keys that are not strings are made strings, for receivers that want them;
//   - lengths lie within the message, and nesting within siowire.Limits.Depth;
//   - an event begins with its name, a string or a number, which is not reserved;
//     an acknowledgement id is neither negative nor above 64 bits; a namespace
//     begins with a slash.
//
// What is let pass is safe to send on: a socketio.Raw leaves as the bytes that came.
package msgpack
