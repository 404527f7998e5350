// Package socketio is a Socket.IO server: it speaks revision 5 of the protocol,
// that of every client since Socket.IO 3, over Engine.IO 4. With
// Options.Engine.AllowEIO3 it also speaks to clients of Socket.IO 1 and 2: they are
// in "/" from the start and know their sockets by other ids ([Socket.ID]), the query
// of a namespace is their Auth, and of a refusal they are told its Data or else its
// message. All else is the same for them, in the same rooms.
//
//	srv, err := socketio.NewServer(socketio.Options{})
//	if err != nil {
//		log.Fatal(err)
//	}
//	socketio.On(srv, "chat message", func(ctx context.Context, s *socketio.Socket, m Message) error {
//		return s.To("lobby").Emit("chat message", m) // everyone in the room but the sender
//	})
//	srv.OnConnect(func(ctx context.Context, s *socketio.Socket) error {
//		s.Join("lobby")
//		return nil
//	})
//	http.Handle("/socket.io/", srv)
//	log.Fatal(http.ListenAndServe(":3000", nil))
//
// A [Server] holds namespaces, of which "/" always exists and is the Server
// itself. A client joins namespaces over one connection; in each of them it is a
// [Socket]. Handlers are registered once per namespace, with a Go type ([On],
// [Handle]) or without ([Namespace.OnPacket]), and get the socket with each event.
// Sockets are addressed one by one, by room, or all together with a [Broadcast].
//
// [Server.Of] makes a namespace that stays; [Server.OfMatch] and [Server.OfFunc] make
// a parent for namespaces that exist while somebody is in them. Middleware for HTTP
// requests is a func(http.Handler) http.Handler around the Server, as for any handler.
//
// # Groups of handlers
//
// A group is a struct of yours: its methods are handlers, its fields what they need,
// and one method registers them. It serves any number of namespaces, servers and
// tests, and the compiler checks every signature:
//
//	type Lobby struct{ Users *UserStore }
//
//	func (l *Lobby) Register(to *socketio.Namespace) {
//		to.OnConnect(l.connect)
//		socketio.On(to, "say", l.say)
//		socketio.Handle(to, "who", l.who)
//	}
//
// # Concurrency
//
// Every function and method may be called from any goroutine and from any handler
// or hook, unless it says otherwise. What follows holds whatever they do.
//
// Order. Events of one socket are handled one at a time, in the order in which
// they arrived ([Namespace.Concurrency] changes that). A handler may wait for an
// acknowledgement of its own client, sleep, or call anything here: pongs,
// acknowledgements and other sockets go on, within a millisecond. An
// acknowledgement does not wait for events that arrived before it. What one
// goroutine emits to one socket arrives in that order, and attachments directly
// follow their event, over either transport and across the upgrade.
//
// Connecting. Middleware ([Namespace.Use]) runs before a client is told that it is
// connected, and can refuse it. Until then the socket is in no room and gets no
// broadcast; what is emitted to it follows the CONNECT packet. [Namespace.OnConnect]
// handlers run behind that and before the socket's first event.
//
// Leaving. A socket ends once, for one reason. It leaves its rooms at once, its
// context ends, its Calls fail, and its OnDisconnecting and OnDisconnect handlers
// run behind the events that are still handled: those that had arrived before a
// client's end, while the server's own end drops them. What was emitted before
// [Socket.Disconnect] or [Socket.Close] is still sent.
//
// Sending. Emit encodes, copies and queues, and never waits for a client. What a
// handler emits leaves when the events of one read are handled, when the handler
// waits in this package, when there are 16 kB, or after a millisecond, whatever is
// first. A client that lets more than Options.Engine.OutboundLimit bytes gather is
// disconnected with ReasonSlowConsumer; volatile events are dropped instead.
//
// Receiving. Events that handlers do not keep up with queue up to
// Options.InboundPackets and InboundBytes for each connection, which is then not
// read until half of them are handled; nobody else notices. While its
// acknowledgements are waited for it is read on, to a second limit, where the Calls
// that wait in its own handlers end with ErrInboundFull.
//
// Acknowledgements. A Call ends once: with the arguments, ctx's error,
// ErrDisconnected, or ErrInboundFull. So does each of those that a [CallAll] waits for.
//
// Handlers. An error or a panic ends the handling of that one event. It is
// reported to the hook of the namespace, to Options.OnError, or to the log, and
// answers the event if the client asked: with an [Error], or "internal error".
//
// Shutdown. [Server.Shutdown] ends everything and waits for all handlers.
//
// # Locks
//
// For those who change this package. The locks, each taken only by who holds none
// behind it: stage.mu, recoverer.mu, the shards of the rooms index, conn.mu,
// Server.mu, those of the session. Of two connections never both conn.mu are held. No
// lock is held while a handler, a hook or an encoder runs; a RecoveryStore is called
// under recoverer.mu. The session may call Receiver.Closed
// wherever it is called itself, so Closed takes nothing but conn.mu and Server.mu, and
// conn.mu is not held while the session is called.
//
// Goroutines: handlers run on the goroutine that reads the connection (see
// engineio.Turn); middleware, and what a socket's end leaves to do, on goroutines
// that engineio.Server.Go starts and Shutdown waits for.
package socketio
