package socketio

import (
	"slices"
	"strings"
	"time"

	"github.com/sockeye-io/sockeye/engineio"
)

// An offset is the name of a log and a sequence number, of fixed length, so that
// it can be written over the mark that an event was encoded with.
const (
	logNameSize = 6
	seqSize     = 8 // 48 bits
	offsetSize  = logNameSize + seqSize
)

// digits are those of a sequence number in an offset, in the order of their bytes.
const digits = "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"

// lostSeqs is how far the numbers of a log jump when it is loaded: over all that
// may have been given out and not been stored.
const lostSeqs = 1 << 24

// entryCost is what an entry counts for in Recovery.MaxBytes beside its frames.
const entryCost = 128

// newMark returns what an event is encoded with in place of its offset.
func newMark() string { return engineio.NewID()[:offsetSize] }

// logEntry is one event in a log.
type logEntry struct {
	seq           uint64
	at            time.Time
	message       *engineio.Prepared // as it stands in queues
	rooms, except []string
}

// cost returns what the entry counts for in Recovery.MaxBytes.
func (e *logEntry) cost() int {
	n := entryCost + e.message.Size()
	for _, room := range e.rooms {
		n += len(room)
	}
	for _, room := range e.except {
		n += len(room)
	}
	return n
}

// eventLog is the log of a namespace: the last events, each with the next
// number. It is guarded by recoverer.mu.
type eventLog struct {
	// static
	name    string
	stored  uint64 // the last number that was loaded
	begin   uint64 // the number from which this process counts
	entries []logEntry
	head    int    // the first entry that is kept
	cost    int    // of all entries
	oldest  uint64 // every event behind it is kept
	last    uint64 // the number of the last event
}

// newEventLog returns an empty log that begins behind what was stored.
func newEventLog(name string, stored uint64) eventLog {
	l := eventLog{name: name, stored: stored}
	if stored > 0 {
		l.begin = stored + lostSeqs
		l.last = l.begin
	}
	return l
}

// push appends an entry.
func (l *eventLog) push(e logEntry) {
	if len(l.entries) == cap(l.entries) && l.head > len(l.entries)/2 { // make room in front before growing
		n := copy(l.entries, l.entries[l.head:])
		clear(l.entries[n:])
		l.entries, l.head = l.entries[:n], 0
	}
	l.entries = append(l.entries, e)
	l.cost += e.cost()
}

// trim drops the entries that are beyond a bound or were made before a time.
func (l *eventLog) trim(maxEntries, maxBytes int, before time.Time) {
	for l.head < len(l.entries) {
		e := &l.entries[l.head]
		if len(l.entries)-l.head <= maxEntries && l.cost <= maxBytes && !e.at.Before(before) {
			return
		}
		l.oldest = e.seq
		l.cost -= e.cost()
		*e = logEntry{}
		l.head++
	}
	l.entries, l.head = nil, 0
}

// after returns the entries behind a number.
func (l *eventLog) after(seq uint64) []logEntry {
	kept := l.entries[l.head:]
	i, _ := slices.BinarySearchFunc(kept, seq+1, func(e logEntry, seq uint64) int {
		switch {
		case e.seq < seq:
			return -1
		case e.seq > seq:
			return 1
		}
		return 0
	})
	return kept[i:]
}

// appendOffset appends the offset of a number.
func (l *eventLog) appendOffset(dst []byte, seq uint64) []byte {
	dst = append(dst, l.name...)
	for shift := 6 * (seqSize - 1); shift >= 0; shift -= 6 {
		dst = append(dst, digits[seq>>shift&63])
	}
	return dst
}

// parse returns the number of an offset. One of another log is 0: the client has
// got nothing since this one has begun. ok is false for what is no offset of this
// log or any other, and for numbers that this log has not given out, or of which
// nobody knows what followed them.
func (l *eventLog) parse(offset string) (seq uint64, ok bool) {
	if len(offset) != offsetSize {
		return 0, false
	}
	for _, c := range []byte(offset[logNameSize:]) {
		i := strings.IndexByte(digits, c)
		if i < 0 {
			return 0, false
		}
		seq = seq<<6 | uint64(i)
	}
	if offset[:logNameSize] != l.name {
		return 0, true
	}
	return seq, seq <= l.stored || l.begin <= seq && seq <= l.last
}
