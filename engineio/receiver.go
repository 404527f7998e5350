package engineio

import "github.com/sockeye-io/sockeye/engineio/transport"

// Turn is the stretch in which handlers run for what a read delivered; see
// [transport.Turn]. Its Yield flushes what the session's handlers have written
// and lets somebody else read: a protocol calls it before anything that waits.
type Turn = transport.Turn

// Opener is a Receiver that is told when its session is open: from then on
// other goroutines may use the session.
type Opener interface {
	// Opened is called once, when the session's OPEN packet is queued and before
	// anything is received. It runs no user code and does not block.
	Opened()
}

// Receiver is the protocol above a session. See [Server.Bind].
type Receiver interface {
	// Receive takes one message, whose bytes belong to the receiver from then
	// on. It runs no user code and does not block: it decodes and queues. Calls
	// come one at a time, in the order of arrival.
	Receive(data []byte, binary bool)
	// Turn handles what Receive has queued. It may run user code and take as
	// long as it likes, but calls t.Yield before it waits for something. Turns
	// of one session may overlap: a turn that has yielded goes on while another
	// one handles what came since.
	Turn(t *Turn)
	// Closed reports the end of the session, once. It runs no user code and
	// does not block. No Receive starts after it; one may be under way, and may
	// itself have caused the end. Turns may still be under way, but no new one
	// need come: what has to run because of the end is started with Server.Go.
	Closed(c Close)
}
