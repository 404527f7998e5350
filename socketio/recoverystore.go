package socketio

import "time"

// RecoveryStore keeps what Recovery needs where it outlives the Server: the log of
// events and the sessions of each namespace. The Server works with a copy in memory
// and reads the store once, when a namespace is first used; from then on it writes every
// change before the client can know of it, so a server that dies without a word has
// left everything. One store belongs to one Server at a time.
//
// Calls that name the same namespace never run at once, others may. An event, or
// the acceptance of a client, waits for them. What they are given is not kept
// beyond the call. An error is logged, and the event is sent all the same: it is
// missing in the store, and the Server tells the store with the next one that
// is kept (oldest) that the log begins anew.
//
// Package socketio/recovery/bolt has one that keeps a file.
type RecoveryStore interface {
	// Load returns what is kept for a namespace. Of a namespace that the store does
	// not know, it keeps log as the name of its log, and returns that.
	Load(namespace, log string) (RecoveryState, error)
	// Append keeps an event, whose Seq is higher than any before, and may forget all
	// those whose Seq is not above oldest.
	Append(namespace string, e RecoveryEntry, oldest uint64) error
	// Save keeps a session, in place of the one with the same PID if there is one.
	Save(namespace string, s RecoverySession) error
	// Delete forgets a session; it may have none of that name.
	Delete(namespace, pid string) error
}

// RecoveryState is what a RecoveryStore keeps for a namespace.
type RecoveryState struct {
	Log      string            // the name of the log
	Oldest   uint64            // the last that Append was given
	Entries  []RecoveryEntry   // by Seq, each above Oldest
	Sessions []RecoverySession // in any order
}

// RecoveryEntry is an event in the log: who it was for, and its encoded form.
type RecoveryEntry struct {
	Seq           uint64
	At            time.Time
	Rooms, Except []string // as in Broadcast; no Rooms means everyone
	Text          []byte   // nil if the Parser writes binary messages only
	Binary        [][]byte // binary messages, behind Text
	Plain         bool     // not to be compressed
}

// RecoverySession is what a client comes back to.
type RecoverySession struct {
	PID       string // the secret that it comes with
	ID        string // of its socket
	Start     uint64 // the Seq behind which it first joined the namespace
	Away      uint64 // the Seq behind which it was away, if Expires is set
	Addressed uint64 // the last Seq that was for it, if Expires is set
	Rooms     []RecoveryStay
	Expires   time.Time // until when it may come back; zero while it is connected
}

// RecoveryStay says that a socket was in a room for the events behind From up to
// and including To.
type RecoveryStay struct {
	Room     string
	From, To uint64 // To is RecoveryOpen while it has not left
}

// RecoveryOpen is the end of a stay that has not ended.
const RecoveryOpen = 1<<64 - 1

// memoryStore keeps nothing beside what the Server has in memory anyway.
type memoryStore struct{}

// Load implements RecoveryStore.
func (memoryStore) Load(_, log string) (RecoveryState, error) { return RecoveryState{Log: log}, nil }

// Append implements RecoveryStore.
func (memoryStore) Append(string, RecoveryEntry, uint64) error { return nil }

// Save implements RecoveryStore.
func (memoryStore) Save(string, RecoverySession) error { return nil }

// Delete implements RecoveryStore.
func (memoryStore) Delete(string, string) error { return nil }
