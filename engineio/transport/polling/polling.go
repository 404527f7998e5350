package polling

import (
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/sockeye-io/sockeye/engineio/transport"
	"github.com/sockeye-io/sockeye/internal/worker"
)

// Errors that end a session; they reach the user as Close.Err.
var (
	ErrOverlappingPoll = errors.New("polling: second GET while one is open")
	ErrOverlappingPost = errors.New("polling: second POST while one is open")
	ErrPollAborted     = errors.New("polling: GET ended before it was answered")
	ErrPostAborted     = errors.New("polling: POST ended before its body did")
	ErrBinaryPost      = errors.New("polling: POST with binary content")
)

// Packets that answer a poll by themselves.
const (
	packetClose = "1"
	packetNoop  = "6"
)

// payloadLimit is how many bytes of packets one answer takes, unless its first
// packet is larger.
const payloadLimit = 256 << 10

// writeStall is how long a client may take for writePiece bytes of an answer.
const (
	writeStall = 30 * time.Second
	writePiece = 64 << 10
)

// Config is what all polling transports of a server share.
type Config struct {
	MaxPayload   int           // the largest body of a POST, in bytes
	CloseTimeout time.Duration // how long the last packets wait for a GET
	Group        *worker.Group // runs the goroutines
	// Compress, if set, returns the body of an answer as it is to be sent and
	// sets the headers that say how. It may return body itself.
	Compress func(h http.Header, r *http.Request, body []byte) []byte
}

// Transport carries one session. Its methods may be called from any goroutine.
type Transport struct {
	// Static.
	cfg        *Config
	sink       transport.Sink
	queue      *transport.Queue
	maxPackets int   // packets in one answer; 0 means no limit
	form       *form // nil for protocol v4 without JSONP

	mu sync.Mutex
	// Guarded by mu.
	poll     chan struct{}            // wakes the open GET; nil when there is none
	posting  bool                     // a POST is open
	reading  *http.ResponseController // of the POST whose body is being read
	handing  bool                     // a goroutine runs turns for what POSTs brought
	again    bool                     // a POST brought more meanwhile
	paused   chan struct{}            // closed by Resume; nil when not paused
	probing  bool                     // an upgrade is under way: polls are not held for long
	released bool                     // a GET has been answered with a noop for this upgrade
	ended    bool                     // no GET will be answered with packets any more
	lost     bool                     // the sink has been told
	final    string                   // what answers the open GET and the next after the end
	linger   *time.Timer              // ends the transport if no GET comes for the last packets
	gone     chan struct{}            // closed by the end; made by Finish
}

// New returns a transport for a session whose packets are in queue. MaxPackets
// bounds the packets in one answer; 0 means no bound.
func New(cfg *Config, sink transport.Sink, queue *transport.Queue, maxPackets int) *Transport {
	return &Transport{cfg: cfg, sink: sink, queue: queue, maxPackets: maxPackets}
}

// Drain wakes the open GET, if any.
func (t *Transport) Drain() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.wakeLocked()
}

func (t *Transport) wakeLocked() {
	if t.poll != nil {
		select {
		case t.poll <- struct{}{}:
		default: // already awake
		}
	}
}

// Pause holds the answer to the next POST until Resume.
func (t *Transport) Pause() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.paused == nil && !t.ended {
		t.paused = make(chan struct{})
	}
}

// Resume undoes Pause.
func (t *Transport) Resume() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.paused != nil {
		close(t.paused)
		t.paused = nil
	}
}

// noopInterval is how long a GET is held while an upgrade is under way, but for
// the first, which is answered at once.
const noopInterval = 100 * time.Millisecond

// Probe tells that an upgrade is under way (or over, without success): as long
// as it is, every GET is answered soon, with a noop if there is nothing else, so
// that the client can stop polling. A client that does not stop is kept from
// polling in a tight loop.
func (t *Transport) Probe(underWay bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.probing, t.released = underWay, false
	t.queue.SetStalled(t, underWay || t.poll == nil)
	t.wakeLocked()
}

// Discard ends the transport after an upgrade: an open GET is answered with a
// noop, and packets are somebody else's to send.
func (t *Transport) Discard() { t.end(packetNoop) }

// Close ends the transport at once: an open GET is answered with a close packet.
func (t *Transport) Close() { t.end(packetClose) }

// end ends the transport; final answers the open GET, or the next.
func (t *Transport) end(final string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		return
	}
	t.final = final
	t.endLocked()
	t.wakeLocked()
}

// lose ends the transport and tells the sink, once.
func (t *Transport) lose(c transport.Close) {
	t.end(packetClose)
	t.mu.Lock()
	told := t.lost
	t.lost = true
	t.mu.Unlock()
	if !told {
		t.sink.Lost(c)
	}
}

// endLocked marks the end: a POST that is held is answered, and one whose body
// has not come does not wait for it any more.
func (t *Transport) endLocked() {
	t.ended = true
	if t.paused != nil {
		close(t.paused)
		t.paused = nil
	}
	if t.reading != nil {
		_ = t.reading.SetReadDeadline(time.Now()) // a reader without deadlines has its server's
	}
	if t.linger != nil {
		t.linger.Stop()
	}
	if t.gone != nil {
		close(t.gone)
	}
}

// Finish ends the transport behind what is queued: polls are answered until the
// queue is empty, the last one with a close packet. It gives up after
// Config.CloseTimeout. The channel is closed when the transport has ended.
func (t *Transport) Finish() <-chan struct{} {
	t.queue.Finish(0, "")
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.gone == nil {
		t.gone = make(chan struct{})
		if t.ended {
			close(t.gone)
		} else {
			t.linger = time.AfterFunc(t.cfg.CloseTimeout, t.Close)
		}
	}
	t.wakeLocked()
	return t.gone
}

// hand has the turns run that what a POST brought needs.
func (t *Transport) hand() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.handing {
		t.again = true
		return
	}
	t.handing = t.cfg.Group.Go(t.turns)
}

// turns runs turns until nothing new has come meanwhile. When one yields, the
// next POST starts another goroutine.
func (t *Transport) turns() {
	turn := transport.NewTurn(t.queue, t.handOver)
	for {
		turn.Begin()
		turn.Arm()
		t.sink.Turn(turn)
		if !turn.End() {
			return
		}
		t.mu.Lock()
		if !t.again {
			t.handing = false
			t.mu.Unlock()
			return
		}
		t.again = false
		t.mu.Unlock()
	}
}

// handOver lets the next POST start turns of its own, and starts them now if it
// has come already.
func (t *Transport) handOver() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.again = false
	t.handing = t.cfg.Group.Go(t.turns)
}
