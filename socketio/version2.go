package socketio

import (
	"bytes"
	"net/url"

	"github.com/sockeye-io/sockeye/engineio"
	"github.com/sockeye-io/sockeye/socketio/siowire"
)

// What is different for clients of Socket.IO 1 and 2 (revision 4 of its protocol,
// over version 3 of Engine.IO): they are in "/" from the start, they take the ids
// of their sockets from that of the connection, they put a query where later ones
// have a payload, and they are told either the data of a refusal or its message. A namespace that
// does not exist they are told of like all others, as the Node.js server does.

// isV2 reports whether the client is one of those.
func (c *conn) isV2() bool { return c.sess.Protocol() == 3 }

// Opened implements engineio.Opener.
func (c *conn) Opened() {
	if !c.isV2() {
		return
	}
	_ = c.enter(c.srv.Namespace, nil) // the first socket of a connection
	c.srv.engine.Go(func() { c.run(nil) })
}

// bare returns what of an error clients of Socket.IO 1 and 2 are told.
func (e errorBody) bare() any {
	if e.Data != nil {
		return e.Data
	}
	return e.Message
}

// socketID returns the id of a new socket.
func (c *conn) socketID(ns *Namespace) string {
	switch {
	case !c.isV2():
		return engineio.NewID()
	case ns.name == "/":
		return c.sess.ID()
	default:
		return ns.name + "#" + c.sess.ID()
	}
}

// splitQuery takes the query off the namespace of a CONNECT packet and returns it
// as the payload that it stands for: an object of strings, or lists of strings for
// names that come more than once. It is nil if there is none.
func (c *conn) splitQuery(p *siowire.Packet) *Raw {
	name, query, found := bytes.Cut(p.Namespace, []byte("?"))
	p.Namespace = name
	if !found {
		return nil
	}
	values, err := url.ParseQuery(string(query))
	if err != nil && len(values) == 0 {
		return nil // what is readable counts
	}
	auth := make(map[string]any, len(values))
	for key, list := range values {
		auth[key] = list
		if len(list) == 1 {
			auth[key] = list[0]
		}
	}
	return c.payload(auth)
}

// payload returns a value as if it had come in a CONNECT packet, or nil if it
// cannot come in one.
func (c *conn) payload(v any) *Raw {
	e := c.srv.encoder()
	defer e.release()
	if e.encodeValue(siowire.Header{Type: siowire.Connect, Namespace: "/"}, v) != nil {
		return nil
	}
	parser := c.srv.opts.Parser
	p, ok, err := parser.NewDecoder(c.srv.opts.Limits).Add(bytes.Clone(e.head), parser.Binary())
	if err != nil || !ok || p.Args.Len() == 0 {
		return nil
	}
	raw := p.Args.Raw(0)
	return &raw
}
