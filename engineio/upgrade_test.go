package engineio_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"

	"github.com/sockeye-io/sockeye/engineio"
)

func TestSecondWebSocketIsClosed(t *testing.T) {
	t.Parallel()
	bubble(t, engineio.Options{}, func(t *testing.T, r *rig) {
		r.echo()
		_, sid := r.poller()
		query := "EIO=4&transport=websocket&sid=" + sid
		first := r.dial(query).accepted()
		first.send("2probe")
		equal(t, "answer", first.text(), "3probe")
		equal(t, "close code during the upgrade", r.dial(query).accepted().closed(), 0)
		first.send("5")
		synctest.Wait()
		equal(t, "close code after the upgrade", r.dial(query).accepted().closed(), 0)
		first.send("4hello")
		equal(t, "message", first.text(), "4hello")
		first.nc.Close()
	})
}

func TestFailedProbeLeavesPollingAlive(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*conn){
		"wrong probe":           func(c *conn) { c.send("2prob") },
		"message first":         func(c *conn) { c.send("4hello") },
		"upgrade without probe": func(c *conn) { c.send("5") },
		"binary":                func(c *conn) { c.nc.Write(frame(ws.OpBinary, "x")) },
		"garbage":               func(c *conn) { c.nc.Write([]byte{0xff, 0xff, 0xff, 0xff}) },
		"message after probe": func(c *conn) {
			c.send("2probe")
			equal(c.t, "answer", c.text(), "3probe")
			c.send("4hello")
		},
		"cut after probe": func(c *conn) {
			c.send("2probe")
			equal(c.t, "answer", c.text(), "3probe")
			c.nc.Close()
		},
		"silence":             func(*conn) { time.Sleep(11 * time.Second) },                     //nolint:forbidigo // virtual time
		"silence after probe": func(c *conn) { c.send("2probe"); time.Sleep(11 * time.Second) }, //nolint:forbidigo // virtual time
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, engineio.Options{}, func(t *testing.T, r *rig) {
				r.echo()
				q, sid := r.poller()
				for range 2 { // and again: nothing of the first probe is left
					c := r.dial("EIO=4&transport=websocket&sid=" + sid).accepted()
					spoil(c)
					synctest.Wait()
					equal(t, "POST", r.do("POST", q, "4hello").body, "ok")
					equal(t, "poll", r.do("GET", q, "").body, "4hello")
					c.nc.Close()
				}
				c := r.dial("EIO=4&transport=websocket&sid=" + sid).accepted()
				c.send("2probe", "5", "4a")
				equal(t, "answer", c.text(), "3probe")
				equal(t, "message", c.text(), "4a")
				c.nc.Close()
			})
		})
	}
}

// TestAbandonedUpgradeLeavesNothing: an upgrade that is never completed must
// not keep a session alive, nor hold back what the session is sent.
func TestAbandonedUpgradeLeavesNothing(t *testing.T) {
	t.Parallel()
	bubble(t, engineio.Options{}, func(t *testing.T, r *rig) {
		ends := r.closes()
		q, sid := r.poller()
		c := r.dial("EIO=4&transport=websocket&sid=" + sid).accepted()
		c.send("2probe")
		equal(t, "answer", c.text(), "3probe")
		equal(t, "poll while probing", r.do("GET", q, "").body, "6")
		if err := r.srv.Session(sid).Send("data"); err != nil {
			t.Fatal(err)
		}
		equal(t, "poll while probing, with data", r.do("GET", q, "").body, "4data")
		time.Sleep(11 * time.Second) //nolint:forbidigo // virtual time
		equal(t, "close code", c.closed(), 0)
		start := time.Now()
		equal(t, "poll after the probe", r.do("GET", q, "").body, "2")
		if time.Since(start) == 0 {
			t.Error("a poll was answered at once although the probe is over")
		}
		time.Sleep(21 * time.Second) //nolint:forbidigo // virtual time
		wantEnd(t, ends, engineio.ReasonPingTimeout)
		c.nc.Close()
	})
}

func TestCloseDuringAnUpgrade(t *testing.T) {
	t.Parallel()
	bubble(t, engineio.Options{}, func(t *testing.T, r *rig) {
		ends := r.closes()
		q, sid := r.poller()
		c := r.dial("EIO=4&transport=websocket&sid=" + sid).accepted()
		c.send("2probe")
		equal(t, "answer", c.text(), "3probe")
		s := r.srv.Session(sid)
		if err := s.Send("bye"); err != nil {
			t.Fatal(err)
		}
		s.Close()
		wantEnd(t, ends, engineio.ReasonForcedClose)
		equal(t, "poll", r.do("GET", q, "").body, "4bye")
		equal(t, "poll", r.do("GET", q, "").body, "1")
		c.nc.Close()
	})
}

// upgrader is a client that upgrades while messages flow both ways, with delays
// drawn at random between all its steps, and extra polls while it probes.
type upgrader struct {
	*rig
	rnd    *rand.Rand
	query  string
	mu     sync.Mutex
	got    []string // what the server has sent, in order
	extra  int      // polls beyond the first while probing
	probed chan struct{}
}

func (u *upgrader) pause() {
	time.Sleep(time.Duration(u.rnd.IntN(5)) * time.Millisecond) //nolint:forbidigo // virtual time
}

func (u *upgrader) take(packet string) {
	if rest, ok := strings.CutPrefix(packet, "4"); ok {
		u.mu.Lock()
		u.got = append(u.got, rest)
		u.mu.Unlock()
	}
}

// poll polls until the client has been told to stop, as the official client
// does: after the answer to the probe it finishes the poll that is open.
func (u *upgrader) poll() {
	for range 1000 {
		stop := false
		select {
		case <-u.probed:
			stop = true
		default:
		}
		if stop {
			if u.extra == 0 {
				return
			}
			u.extra--
		}
		for p := range strings.SplitSeq(u.do("GET", u.query, "").body, "\x1e") {
			u.take(p)
		}
	}
}

// TestUpgradeUnderFire upgrades thousands of sessions while both sides send:
// nothing may be lost, doubled or reordered, no noop may reach the WebSocket,
// and no upgrade may take longer than its round trips.
func TestUpgradeUnderFire(t *testing.T) {
	t.Parallel()
	rounds, each := 40, 50
	if testing.Short() {
		rounds = 4
	}
	const messages = 40
	for seed := range rounds {
		bubble(t, engineio.Options{}, func(t *testing.T, r *rig) {
			r.echo()
			var wg sync.WaitGroup
			for i := range each {
				u := &upgrader{rig: r, rnd: rand.New(rand.NewPCG(uint64(seed), uint64(i))), probed: make(chan struct{})}
				wg.Go(func() { u.run(t, messages) })
			}
			wg.Wait()
		})
	}
}

func (u *upgrader) run(t *testing.T, messages int) {
	t.Helper()
	var sid string
	u.query, sid = u.poller()
	sess := u.srv.Session(sid)
	u.extra = u.rnd.IntN(3)
	// The server sends on its own account throughout.
	served := make(chan struct{})
	serverDelays := rand.New(rand.NewPCG(u.rnd.Uint64(), 0))
	go func() {
		defer close(served)
		for i := range messages {
			if err := sess.Send("s" + strconv.Itoa(i)); err != nil {
				t.Errorf("message %d: %v", i, err)
			}
			time.Sleep(time.Duration(serverDelays.IntN(2000)) * time.Microsecond) //nolint:forbidigo // virtual time
		}
	}()
	polled := make(chan struct{})
	go func() {
		defer close(polled)
		u.poll()
	}()
	sent := 0
	post := func() {
		u.do("POST", u.query, "4c"+strconv.Itoa(sent)+"\x1e4c"+strconv.Itoa(sent+1))
		sent += 2
	}
	for range u.rnd.IntN(4) {
		post()
		u.pause()
	}
	c := u.dial("EIO=4&transport=websocket&sid=" + sid).accepted()
	u.pause()
	c.send("2probe")
	if u.rnd.IntN(2) == 0 {
		post() // the official client may have a POST under way
	}
	equal(t, "answer", c.text(), "3probe")
	u.pause()
	start := time.Now()
	limit := time.Duration(1+u.extra) * 100 * time.Millisecond
	close(u.probed)
	<-polled
	if d := time.Since(start); d > limit {
		t.Errorf("polling needed %v to pause, want at most %v", d, limit)
	}
	u.pause()
	c.send("5", "4c"+strconv.Itoa(sent))
	sent++
	for sent < messages {
		c.send("4c" + strconv.Itoa(sent))
		sent++
	}
	for len(u.got) < 2*messages {
		p := c.text()
		if p == "6" {
			t.Error("a noop reached the WebSocket")
		}
		u.take(p)
	}
	<-served
	next := map[byte]int{}
	for _, m := range u.got {
		if want := fmt.Sprintf("%c%d", m[0], next[m[0]]); m != want {
			t.Fatalf("got %s, want %s; all: %v", m, want, u.got)
		}
		next[m[0]]++
	}
	c.nc.Close()
}

// TestUpgradeAgainstClose runs the upgrade against every way to end a session.
func TestUpgradeAgainstClose(t *testing.T) {
	t.Parallel()
	for seed := range 200 {
		bubble(t, engineio.Options{}, func(t *testing.T, r *rig) {
			ends := r.closes()
			q, sid := r.poller()
			sess := r.srv.Session(sid)
			c := r.dial("EIO=4&transport=websocket&sid=" + sid).accepted()
			var wg sync.WaitGroup
			wg.Go(func() { c.nc.Write(append(frame(ws.OpText, "2probe"), frame(ws.OpText, "5")...)) })
			wg.Go(func() {
				switch seed % 4 {
				case 0:
					sess.Close()
				case 1:
					c.nc.Close()
					sess.Close()
				case 2:
					ctx, cancel := context.WithTimeout(t.Context(), time.Second)
					defer cancel()
					_, _ = r.try(ctx, "POST", q, "1")
					sess.Close()
				default:
					ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
					defer cancel()
					_, _ = r.try(ctx, "GET", q, "")
					sess.Close()
				}
			})
			wg.Wait()
			time.Sleep(time.Minute) //nolint:forbidigo // virtual time
			equal(t, "sessions", r.srv.Len(), 0)
			equal(t, "ends", len(ends), 1)
			c.nc.Close()
		})
	}
}
