// Package engineio is the transport layer of Socket.IO: sessions over HTTP
// long-polling and WebSocket, with heartbeat and upgrade, as an http.Handler.
// It speaks the Engine.IO protocol, version 4, and version 3 if Options.AllowEIO3
// says so; pages may poll with script elements in either (JSONP, the query
// parameter j), and clients of either may ask for base64 in place of binary
// messages (b64).
//
// A Server used alone echoes messages like this:
//
//	srv, err := engineio.NewServer(engineio.Options{})
//	if err != nil {
//		log.Fatal(err)
//	}
//	srv.OnMessage(func(ctx context.Context, s *engineio.Session, m engineio.Message) error {
//		return s.Reply(m)
//	})
//	http.Handle("/engine.io/", srv)
//
// Package socketio builds on [Server.Bind] instead.
//
// # Path
//
// The server answers every request that a router sends to it; the path is the
// router's business. Clients ask for a path with a trailing slash unless told
// otherwise; register both patterns to serve both.
//
// # Order
//
// Messages of one session are handled one at a time, in the order in which they
// arrived, over either transport and across the upgrade. What one goroutine
// sends to one session arrives in that order; attachments directly follow their
// message.
//
// # Concurrency
//
// All methods of Server and Session may be called from any goroutine, those
// that run handlers included, unless they say otherwise. Writing never waits
// for the network: what is written is queued, within Options.OutboundLimit, and
// a peer that does not read is disconnected.
//
// Handlers may take as long as they like: after a millisecond somebody else
// reads on, and what the handler has written leaves.
package engineio
