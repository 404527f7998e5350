// Package bolt keeps the state of connection recovery in a file, so that the
// clients of a server that is restarted go on where they were:
//
//	store, err := bolt.Open("recovery.db", bolt.Options{})
//	if err != nil {
//		log.Fatal(err)
//	}
//	defer store.Close() // behind srv.Shutdown
//	srv, err := socketio.NewServer(socketio.Options{Recovery: &socketio.Recovery{Store: store}})
//
// The file is a bbolt database. It holds the pids of clients, which are secrets, and
// what was emitted; it is made for its owner alone to read. It keeps the log and the
// sessions of a namespace within the bounds of socketio.Recovery, and those of a
// namespace that no server makes any more for as long as the file exists. A file does
// not shrink.
//
// Values that sockets carry (socketio.Key) are of the process and not kept:
// middleware, which runs for clients that come back, sets them anew.
//
// # What survives
//
// Every event and every change of a session is written before a client can know of
// it, in a transaction of its own. Unless Options.Sync is set, that makes it
// survive the end of the process, however it ends, but not that of the machine: a
// file that was in use when the machine went down may be damaged, which Open tells
// from a second file beside it, and begins anew.
package bolt

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"

	"github.com/sockeye-io/sockeye/socketio"
)

// mode is that of the files: they hold secrets.
const mode = 0o600

// defaultLockTimeout is what zero stands for.
const defaultLockTimeout = time.Second

// The keys of a namespace's bucket: two values and two buckets.
const (
	keyName     = "name"
	keyOldest   = "oldest"
	keyEvents   = "events"   // by Seq, big-endian
	keySessions = "sessions" // by PID
)

// errUnknown: the Server has not loaded the namespace, or the file is another's.
var errUnknown = errors.New("bolt: namespace was not loaded")

// Options configures a Store. The zero value works.
type Options struct {
	// Sync waits for the disk at every event and every change of a session, so that
	// the state survives the end of the machine, too. An Emit then takes as long as
	// the disk does, and those of a namespace take it in turn. Where nothing tells
	// that the machine has been started anew, that is everywhere but on Linux, it
	// is always so.
	Sync bool

	// LockTimeout is how long Open waits for another process that has the file open.
	// Zero means a second; negative is a fault.
	LockTimeout time.Duration
}

// Store is a socketio.RecoveryStore in a file. Its methods may be called from any
// goroutine. All but Close are the Server's to call.
type Store struct {
	// static
	db    *bbolt.DB
	inUse string // the file that says that the database may be damaged; "" with Options.Sync

	closed atomic.Bool
}

var _ socketio.RecoveryStore = (*Store)(nil)

// Open opens a file, or makes it; its folder must exist. One process at a time can
// have it open. Errors: those of the options, of the file system, and of bbolt, such
// as for a file that is in use, or none of its own.
func Open(path string, o Options) (*Store, error) {
	return open(path, o, bootID())
}

// bootID names the time since the machine was started; empty if nothing does.
func bootID() string {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(id))
}

// open is Open since the machine was started under the name boot.
func open(path string, o Options, boot string) (*Store, error) {
	if o.LockTimeout < 0 {
		return nil, fmt.Errorf("bolt: Options.LockTimeout is negative: %v", o.LockTimeout)
	}
	if o.LockTimeout == 0 {
		o.LockTimeout = defaultLockTimeout
	}
	o.Sync = o.Sync || boot == ""
	mark := path + ".in-use"
	switch since, err := os.ReadFile(mark); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, err
	case boot == "" || string(since) != boot:
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	db, err := bbolt.Open(path, mode, &bbolt.Options{
		Timeout: o.LockTimeout, NoSync: !o.Sync, NoGrowSync: !o.Sync, NoFreelistSync: true, FreelistType: bbolt.FreelistMapType,
	})
	if err != nil {
		return nil, err
	}
	s := &Store{db: db}
	if o.Sync {
		err = errors.Join(db.Sync(), unmark(mark))
	} else {
		s.inUse = mark
		err = writeMark(mark, boot)
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

// writeMark writes the file that says that the database is in use, and waits until
// the disk has it.
func writeMark(mark, boot string) error {
	f, err := os.OpenFile(mark, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = f.WriteString(boot)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(mark))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// unmark removes that file.
func unmark(mark string) error {
	if err := os.Remove(mark); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Close writes what the disk does not have yet, and closes the file. It is called
// when the Server has shut down; what is emitted later is not kept. A second call
// does nothing.
func (s *Store) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	err := errors.Join(s.db.Sync(), s.db.Close())
	if err == nil && s.inUse != "" {
		err = unmark(s.inUse)
	}
	return err
}

// Load implements socketio.RecoveryStore.
func (s *Store) Load(namespace, log string) (socketio.RecoveryState, error) {
	var state socketio.RecoveryState
	err := s.db.Update(func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists([]byte(namespace))
		if err != nil {
			return err
		}
		events, err := b.CreateBucketIfNotExists([]byte(keyEvents))
		if err != nil {
			return err
		}
		sessions, err := b.CreateBucketIfNotExists([]byte(keySessions))
		if err != nil {
			return err
		}
		if b.Get([]byte(keyName)) == nil {
			if err := b.Put([]byte(keyName), []byte(log)); err != nil {
				return err
			}
		}
		state.Log = string(b.Get([]byte(keyName)))
		if v := b.Get([]byte(keyOldest)); len(v) == 8 {
			state.Oldest = binary.BigEndian.Uint64(v)
		}
		return errors.Join(readAll(events, &state.Entries), readAll(sessions, &state.Sessions))
	})
	state.Entries = slices.DeleteFunc(state.Entries, func(e socketio.RecoveryEntry) bool { return e.Seq <= state.Oldest })
	return state, err
}

// readAll appends what the values of a bucket are.
func readAll[T any](b *bbolt.Bucket, list *[]T) error {
	return b.ForEach(func(_, value []byte) error {
		var v T
		if err := json.Unmarshal(value, &v); err != nil {
			return fmt.Errorf("bolt: %w", err)
		}
		*list = append(*list, v)
		return nil
	})
}

// Append implements socketio.RecoveryStore.
func (s *Store) Append(namespace string, e socketio.RecoveryEntry, oldest uint64) error {
	value, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("bolt: %w", err)
	}
	return s.update(namespace, func(b *bbolt.Bucket) error {
		events := b.Bucket([]byte(keyEvents))
		events.FillPercent = 0.9 // they come in order
		if err := events.Put(key(e.Seq), value); err != nil {
			return err
		}
		last := key(oldest)
		if string(b.Get([]byte(keyOldest))) == string(last) {
			return nil
		}
		c := events.Cursor()
		for k, _ := c.First(); k != nil && string(k) <= string(last); k, _ = c.First() {
			if err := c.Delete(); err != nil {
				return err
			}
		}
		return b.Put([]byte(keyOldest), last)
	})
}

// key returns the key of an event.
func key(seq uint64) []byte { return binary.BigEndian.AppendUint64(nil, seq) }

// Save implements socketio.RecoveryStore.
func (s *Store) Save(namespace string, session socketio.RecoverySession) error {
	value, err := json.Marshal(session)
	if err != nil {
		return fmt.Errorf("bolt: %w", err)
	}
	return s.update(namespace, func(b *bbolt.Bucket) error {
		return b.Bucket([]byte(keySessions)).Put([]byte(session.PID), value)
	})
}

// Delete implements socketio.RecoveryStore.
func (s *Store) Delete(namespace, pid string) error {
	return s.update(namespace, func(b *bbolt.Bucket) error {
		return b.Bucket([]byte(keySessions)).Delete([]byte(pid))
	})
}

// update changes what is kept for a namespace, all or nothing.
func (s *Store) update(namespace string, fn func(b *bbolt.Bucket) error) error {
	return s.db.Update(func(tx *bbolt.Tx) error {
		b := tx.Bucket([]byte(namespace))
		if b == nil {
			return errUnknown
		}
		return fn(b)
	})
}
