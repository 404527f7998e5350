// Package load drives a Socket.IO server over loopback and measures what each
// unit of work costs the server. It is the generator behind bench/sioload.
//
// Every server under test keeps one contract on the namespace "/":
//
//	echo(payload, ack)   -> ack(payload)
//	broadcast(payload)   -> every connected client receives msg(payload)
//
// # Modes
//
//   - echo: every connection keeps InFlight echoes on the way.
//   - broadcast: one connection keeps InFlight broadcasts on the way; a
//     broadcast is over when every member has received it. One unit is one delivery.
//   - idle: connections are opened and held; the unit is one connection and
//     the figure is the server's resident memory.
//   - connect: upgrade, CONNECT, its answer, drop, and again, on Conns lanes.
//   - polling: each client sends an echo with a POST and fetches the answer
//     with a GET, on one kept-alive HTTP connection.
//
// All modes are closed loops: nothing is sent before what came before it was
// answered, beyond the window InFlight.
//
// # What is counted
//
// The server's user and system CPU time is read from /proc at both ends of the
// measured window and divided by the units completed in it. Every reply is
// compared byte by byte with the one that is right; the first wrong, doubled or
// missing one ends the run with an error, so there is no figure for a run
// in which anything was wrong. After the window the generator stops
// sending and waits until all outstanding replies have arrived.
//
// # Lean on purpose
//
// The WebSocket modes use one epoll loop on raw sockets: one read per readable
// connection, one write for everything that the read called for. Frames
// are built and masked before the run, replies are recognized by three digits
// and compared with a prebuilt one, and nothing is allocated while measuring. The
// polling mode uses one goroutine per client.
//
// # Concurrency
//
// A call of [Run] may be made from any goroutine; several at once are allowed but
// measure each other. Linux only.
package load
