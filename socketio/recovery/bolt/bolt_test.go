package bolt_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sockeye-io/sockeye/socketio"
	"github.com/sockeye-io/sockeye/socketio/recovery/bolt"
)

// openAt opens a store until the test ends.
func openAt(t testing.TB, path string, o bolt.Options, boot string) *bolt.Store {
	t.Helper()
	s, err := bolt.OpenSince(path, o, boot)
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	return s
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// crashed returns the path of a copy of a store as it is on disk now, as a process
// that dies leaves it.
func crashed(t testing.TB, path string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "copy.db")
	for _, suffix := range []string{"", ".in-use"} {
		b, err := os.ReadFile(path + suffix)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		must(t, err)
		must(t, os.WriteFile(to+suffix, b, 0o600))
	}
	return to
}

// check loads a namespace and compares what there is.
func check(t *testing.T, s *bolt.Store, namespace string, want socketio.RecoveryState) {
	t.Helper()
	got, err := s.Load(namespace, "unused")
	must(t, err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", namespace, diff)
	}
}

// filled returns the path of an open store, and what it has for "/".
func filled(t *testing.T, o bolt.Options) (s *bolt.Store, path string, want socketio.RecoveryState) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "recovery.db")
	s = openAt(t, path, o, "boot 1")
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	entry := func(seq uint64) socketio.RecoveryEntry {
		return socketio.RecoveryEntry{
			Seq: seq, At: at, Rooms: []string{"a", "ü"}, Except: []string{""}, Text: []byte(`51-["x",{}]`),
			Binary: [][]byte{{0, 255}, {}}, Plain: true,
		}
	}
	session := socketio.RecoverySession{
		PID: "pid", ID: "id", Start: 1, Away: 5, Addressed: 4, Expires: at,
		Rooms: []socketio.RecoveryStay{{Room: "id", From: 1, To: socketio.RecoveryOpen}, {Room: "a", From: 2, To: 3}},
	}
	first, err := s.Load("/", "first!")
	must(t, err)
	if diff := cmp.Diff(socketio.RecoveryState{Log: "first!"}, first); diff != "" {
		t.Errorf("of a new namespace (-want +got):\n%s", diff)
	}
	if _, err := s.Load("/other", "other!"); err != nil {
		t.Fatal(err)
	}
	for seq := range uint64(30) {
		must(t, s.Append("/", entry(seq+1), 0))
	}
	must(t, s.Append("/", entry(50), 29))
	must(t, s.Append("/", socketio.RecoveryEntry{Seq: 51, At: at}, 29))
	must(t, s.Append("/other", entry(7), 7)) // which asks for nothing to be kept
	must(t, s.Save("/", socketio.RecoverySession{PID: "pid", ID: "before"}))
	must(t, s.Save("/", socketio.RecoverySession{PID: "gone"}))
	must(t, s.Save("/", session))
	must(t, s.Delete("/", "gone"))
	must(t, s.Delete("/", "never there"))
	return s, path, socketio.RecoveryState{
		Log: "first!", Oldest: 29,
		Entries:  []socketio.RecoveryEntry{entry(30), entry(50), {Seq: 51, At: at}},
		Sessions: []socketio.RecoverySession{session},
	}
}

func TestKeepsWhatItIsGiven(t *testing.T) {
	t.Parallel()
	for _, o := range []bolt.Options{{}, {Sync: true}} {
		t.Run(fmt.Sprintf("%+v", o), func(t *testing.T) {
			t.Parallel()
			s, path, want := filled(t, o)
			check(t, s, "/", want)
			check(t, s, "/other", socketio.RecoveryState{Log: "other!", Oldest: 7})

			after := crashed(t, path)
			check(t, openAt(t, after, o, "boot 1"), "/", want)

			must(t, s.Close())
			must(t, s.Close())
			if err := s.Append("/", socketio.RecoveryEntry{Seq: 600}, 0); err == nil {
				t.Error("Append behind Close: no error")
			}
			if _, err := os.Stat(path + ".in-use"); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the mark behind Close: %v", err)
			}
			check(t, openAt(t, path, o, "boot 2"), "/", want)
			if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("mode of the file: %v, %v", info.Mode(), err)
			}
		})
	}
}

func TestBeginsAnewWhenTheMachineWentDown(t *testing.T) {
	t.Parallel()
	_, path, want := filled(t, bolt.Options{})
	anew := socketio.RecoveryState{Log: "unused"}
	copies := []string{crashed(t, path), crashed(t, path), crashed(t, path)}
	check(t, openAt(t, copies[0], bolt.Options{}, "boot 2"), "/", anew)
	check(t, openAt(t, copies[1], bolt.Options{Sync: true}, "boot 2"), "/", anew)
	s := openAt(t, copies[2], bolt.Options{Sync: true}, "boot 1")
	check(t, s, "/", want)
	check(t, openAt(t, crashed(t, copies[2]), bolt.Options{}, "boot 2"), "/", want) // as it has been synced

	_, path, want = filled(t, bolt.Options{Sync: true})
	check(t, openAt(t, crashed(t, path), bolt.Options{}, "boot 2"), "/", want)
	_, path, _ = filled(t, bolt.Options{})
	check(t, openAt(t, crashed(t, path), bolt.Options{}, ""), "/", anew) // nobody knows
}

func TestFaults(t *testing.T) {
	t.Parallel()
	if _, err := bolt.Open("", bolt.Options{LockTimeout: -1}); err == nil {
		t.Error("a negative LockTimeout: no error")
	}
	if _, err := bolt.Open(filepath.Join(t.TempDir(), "no folder", "x.db"), bolt.Options{}); err == nil {
		t.Error("without a folder: no error")
	}
	path := filepath.Join(t.TempDir(), "text.db")
	must(t, os.WriteFile(path, []byte(strings.Repeat("no database ", 1000)), 0o600))
	if _, err := bolt.Open(path, bolt.Options{}); err == nil {
		t.Error("what is no database: no error")
	}

	path = filepath.Join(t.TempDir(), "recovery.db")
	s, err := bolt.Open(path, bolt.Options{})
	must(t, err)
	defer s.Close()
	if _, err := bolt.Open(path, bolt.Options{LockTimeout: 10 * time.Millisecond}); err == nil {
		t.Error("opened twice: no error")
	}
	if err := s.Append("/", socketio.RecoveryEntry{}, 0); err == nil {
		t.Error("Append to a namespace that was not loaded: no error")
	}
}

// polling is a client over polling.
type polling struct {
	t   *testing.T
	url string
}

// connect opens a session and joins "/" with an auth payload.
func connect(t *testing.T, url, auth string) *polling {
	t.Helper()
	p := &polling{t: t, url: url + "/socket.io/?EIO=4&transport=polling"}
	p.url += "&sid=" + find(t, p.do(http.MethodGet, ""), `"sid":"([^"]+)"`)
	p.do(http.MethodPost, "40"+auth)
	return p
}

func (p *polling) do(method, body string) string {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), method, p.url, strings.NewReader(body))
	must(p.t, err)
	resp, err := http.DefaultClient.Do(req)
	must(p.t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	must(p.t, err)
	return string(b)
}

func find(t *testing.T, text, expr string) string {
	t.Helper()
	m := regexp.MustCompile(expr).FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("got %q, want %s", text, expr)
	}
	return m[1]
}

// A server that dies without a word leaves everything that its clients need.
func TestClientsOfAServerThatDiedRecover(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "recovery.db")
	start := func(path string) (*socketio.Server, string) {
		store, err := bolt.Open(path, bolt.Options{})
		must(t, err)
		srv, err := socketio.NewServer(socketio.Options{
			Recovery: &socketio.Recovery{Store: store}, Logger: slog.New(slog.DiscardHandler),
		})
		must(t, err)
		hs := httptest.NewServer(srv)
		t.Cleanup(func() {
			must(t, srv.Shutdown(context.Background()))
			hs.Close()
			must(t, store.Close())
		})
		return srv, hs.URL
	}
	srv, url := start(path)
	c := connect(t, url, "")
	hello := c.do(http.MethodGet, "")
	sid, pid := find(t, hello, `"sid":"([^"]+)"`), find(t, hello, `"pid":"([^"]+)"`)
	srv.Socket(sid).Join("room", "left")
	srv.Socket(sid).Leave("left")
	must(t, srv.Emit("seen"))
	offset := find(t, c.do(http.MethodGet, ""), `42\["seen","([^"]+)"\]`)
	must(t, srv.To("room").Emit("text", "ü"))
	must(t, srv.To("left").Emit("not for it"))
	must(t, srv.Emit("binary", []byte{1, 2, 3}))

	for range 2 { // it may die again before anything is emitted
		path = crashed(t, path)
		srv, url = start(path)
		c = connect(t, url, `{"pid":"`+pid+`","offset":"`+offset+`"}`)
		missed := strings.Split(c.do(http.MethodGet, ""), "\x1e")
		if len(missed) != 4 || !strings.HasPrefix(missed[0], `42["text","ü","`) ||
			!strings.HasPrefix(missed[1], `451-["binary",{"_placeholder":true,"num":0},"`) || missed[2] != "bAQID" ||
			missed[3] != `40{"sid":"`+sid+`","pid":"`+pid+`"}` {
			t.Fatalf("got %q", missed)
		}
		offset = find(t, missed[1], `,"([^"]+)"\]$`)
		must(t, srv.To("room").Emit("text", "ü"))
		must(t, srv.Emit("binary", []byte{1, 2, 3}))
	}
	if last := find(t, c.do(http.MethodGet, ""), `42\["text","ü","([^"]+)"`); last <= offset {
		t.Errorf("offset %q behind %q", last, offset)
	}
}

func BenchmarkAppend(b *testing.B) {
	for _, o := range []bolt.Options{{}, {Sync: true}} {
		b.Run(fmt.Sprintf("%+v", o), func(b *testing.B) {
			s := openAt(b, filepath.Join(b.TempDir(), "recovery.db"), o, "boot")
			if _, err := s.Load("/", "name"); err != nil {
				b.Fatal(err)
			}
			e := socketio.RecoveryEntry{At: time.Now(), Rooms: []string{"room"}, Text: make([]byte, 128)}
			b.ReportAllocs()
			for b.Loop() {
				e.Seq++
				must(b, s.Append("/", e, max(e.Seq, 10_000)-10_000))
			}
		})
	}
}
