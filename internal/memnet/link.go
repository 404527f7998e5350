package memnet

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// link is what the two ends of a connection share: one direction each way, under
// one lock.
type link struct {
	// static
	limit int

	mu   sync.Mutex
	wake sync.Cond // broadcast when anything below may let a waiter go on

	// guarded by mu
	frozen bool
	cut    bool
}

// stream is one direction of a link.
type stream struct {
	// static
	*link

	// guarded by link.mu
	latency     time.Duration
	queue       []segment
	first       [4]segment // where the queue begins whenever it has been empty
	size        int        // bytes in queue
	last        time.Time  // when the newest segment arrives: latency never reorders
	busy        bool       // a Write is under way
	writeClosed bool       // the end of the stream has been queued
	readClosed  bool       // its reader is gone
	readBy      deadline
	writeBy     deadline
}

// segment is a piece of a stream under way.
type segment struct {
	data []byte    // nil is the end of the stream
	at   time.Time // when it arrives; zero if it has
}

// deadline is the time limit of one side of a stream.
type deadline struct {
	timer  *time.Timer // nil without a limit in the future
	passed bool
}

func newLink(o Options) *link {
	l := &link{limit: o.Buffer}
	if l.limit <= 0 {
		l.limit = DefaultBuffer
	}
	l.wake.L = &l.mu
	return l
}

// waitReadableLocked waits until the stream's head has arrived and returns nil,
// or the error that a Read returns instead.
func (s *stream) waitReadableLocked() error {
	for {
		switch {
		case s.readClosed:
			return net.ErrClosed
		case s.cut:
			return syscall.ECONNRESET
		case s.readBy.passed:
			return os.ErrDeadlineExceeded
		}
		wait, ok := s.arrivalLocked()
		switch {
		case !ok:
			s.wake.Wait()
		case wait > 0:
			timer := time.AfterFunc(wait, s.wakeAll)
			s.wake.Wait()
			timer.Stop()
		case s.queue[0].data == nil:
			return io.EOF // stays at the head
		default:
			return nil
		}
	}
}

// arrivalLocked tells how long the head of the queue takes to arrive; false if
// there is none or the link is frozen.
func (s *stream) arrivalLocked() (time.Duration, bool) {
	if s.frozen || len(s.queue) == 0 {
		return 0, false
	}
	if s.queue[0].at.IsZero() {
		return 0, true
	}
	return time.Until(s.queue[0].at), true
}

// takeLocked moves bytes that have arrived to p.
func (s *stream) takeLocked(p []byte) int {
	n := 0
	for n < len(p) {
		if wait, ok := s.arrivalLocked(); !ok || wait > 0 || s.queue[0].data == nil {
			break
		}
		head := &s.queue[0]
		k := copy(p[n:], head.data)
		n += k
		if head.data = head.data[k:]; len(head.data) > 0 {
			continue
		}
		*head = segment{}
		if s.queue = s.queue[1:]; len(s.queue) == 0 {
			s.queue = s.first[:0]
		}
	}
	s.size -= n
	s.wake.Broadcast()
	return n
}

// writeErrorLocked returns why nothing can be written, if that is so.
func (s *stream) writeErrorLocked() error {
	switch {
	case s.writeClosed:
		return net.ErrClosed
	case s.cut:
		return syscall.ECONNRESET
	case s.writeBy.passed:
		return os.ErrDeadlineExceeded
	case s.readClosed && !s.frozen:
		return syscall.EPIPE
	}
	return nil
}

// putLocked queues as much of p as there is room for, as a copy.
func (s *stream) putLocked(p []byte) int {
	n := min(len(p), s.limit-s.size)
	if n > 0 {
		s.size += n
		s.pushLocked(append([]byte(nil), p[:n]...))
	}
	return n
}

// pushLocked queues data, or with nil the end of the stream.
func (s *stream) pushLocked(data []byte) {
	seg := segment{data: data}
	if s.latency > 0 || !s.last.IsZero() {
		now := time.Now()
		if at := now.Add(s.latency); at.After(s.last) {
			s.last = at
		}
		if s.last.After(now) {
			seg.at = s.last
		}
	}
	s.queue = append(s.queue, seg)
	s.wake.Broadcast()
}

// setLocked makes t the limit; zero is none.
func (s *stream) setLocked(d *deadline, t time.Time) {
	if d.timer != nil {
		d.timer.Stop()
	}
	*d = deadline{}
	switch wait := time.Until(t); {
	case t.IsZero():
	case wait <= 0:
		d.passed = true
	default:
		var timer *time.Timer
		timer = time.AfterFunc(wait, func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			if d.timer == timer {
				d.passed = true
				s.wake.Broadcast()
			}
		})
		d.timer = timer
	}
	s.wake.Broadcast()
}

func (l *link) wakeAll() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wake.Broadcast()
}
