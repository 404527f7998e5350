package engineio_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"
	"github.com/google/go-cmp/cmp"

	"github.com/sockeye-io/sockeye/engineio"
)

// closes collects the ends of sessions.
func (r *rig) closes() <-chan engineio.Close {
	ends := make(chan engineio.Close, 100)
	r.srv.OnClose(func(_ context.Context, _ *engineio.Session, c engineio.Close) { ends <- c })
	return ends
}

// wantEnd waits for the end of one session.
func wantEnd(t *testing.T, ends <-chan engineio.Close, reason engineio.Reason) engineio.Close {
	t.Helper()
	synctest.Wait()
	select {
	case c := <-ends:
		equal(t, "reason", c.Reason, reason)
		return c
	default:
		t.Errorf("the session has not ended, want %q", reason)
		return engineio.Close{}
	}
}

func TestPingsOverWebSocket(t *testing.T) {
	t.Parallel()
	bubble(t, engineio.Options{}, func(t *testing.T, r *rig) {
		ends := r.closes()
		c, _ := r.socket()
		start := time.Now()
		for range 4 {
			equal(t, "ping", c.text(), "2")
			c.send("3")
		}
		// The next ping counts from the pong.
		if d := time.Since(start); d < 100*time.Second || d > 101*time.Second {
			t.Errorf("four pings took %v", d)
		}
		equal(t, "ping", c.text(), "2")
		time.Sleep(19 * time.Second) //nolint:forbidigo // virtual time
		equal(t, "sessions", r.srv.Len(), 1)
		time.Sleep(2 * time.Second) //nolint:forbidigo // virtual time
		wantEnd(t, ends, engineio.ReasonPingTimeout)
		equal(t, "sessions", r.srv.Len(), 0)
		c.nc.Close()
	})
}

func TestPingsOverPolling(t *testing.T) {
	t.Parallel()
	bubble(t, engineio.Options{}, func(t *testing.T, r *rig) {
		ends := r.closes()
		q, _ := r.poller()
		for range 3 {
			equal(t, "poll", r.do("GET", q, "").body, "2")
			equal(t, "pong", r.do("POST", q, "3").body, "ok")
		}
		time.Sleep(46 * time.Second) //nolint:forbidigo // virtual time
		wantEnd(t, ends, engineio.ReasonPingTimeout)
		equal(t, "later poll", r.do("GET", q, "").body, `{"code":1,"message":"Session ID unknown"}`)
	})
}

func TestPingTimeoutAnswersTheOpenPoll(t *testing.T) {
	t.Parallel()
	bubble(t, engineio.Options{}, func(t *testing.T, r *rig) {
		ends := r.closes()
		q, _ := r.poller()
		equal(t, "poll", r.do("GET", q, "").body, "2")
		equal(t, "poll", r.do("GET", q, "").body, "1")
		wantEnd(t, ends, engineio.ReasonPingTimeout)
	})
}

// TestHeartbeatSurvivesAnUpgrade: an upgrade between ping and pong must not
// make a dead client immortal.
func TestHeartbeatSurvivesAnUpgrade(t *testing.T) {
	t.Parallel()
	for _, pong := range []bool{true, false} {
		bubble(t, engineio.Options{}, func(t *testing.T, r *rig) {
			ends := r.closes()
			q, sid := r.poller()
			equal(t, "poll", r.do("GET", q, "").body, "2")
			c := r.dial("EIO=4&transport=websocket&sid=" + sid).accepted()
			c.send("2probe")
			equal(t, "answer", c.text(), "3probe")
			c.send("5")
			if pong {
				c.send("3") // the pong to a ping of the other transport
				equal(t, "ping", c.text(), "2")
			}
			time.Sleep(21 * time.Second) //nolint:forbidigo // virtual time
			wantEnd(t, ends, engineio.ReasonPingTimeout)
			c.nc.Close()
		})
	}
}

func TestBadPacketsEndTheSession(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		packet string
		reason engineio.Reason
	}{
		"unknown type":  {"abc", engineio.ReasonParseError},
		"empty":         {"", engineio.ReasonParseError},
		"client's ping": {"2", engineio.ReasonTransportError},
		"close":         {"1", engineio.ReasonTransportClose},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, engineio.Options{}, func(t *testing.T, r *rig) {
				ends := r.closes()
				var got []string
				r.srv.OnMessage(func(_ context.Context, _ *engineio.Session, m engineio.Message) error {
					got = append(got, m.Text())
					return nil
				})
				c, _ := r.socket()
				c.send("4before", tc.packet, "4after")
				c.closed()
				wantEnd(t, ends, tc.reason)

				q, _ := r.poller()
				a := r.do("POST", q, "4before\x1e"+tc.packet+"\x1e4after")
				wantEnd(t, ends, tc.reason)
				if tc.packet == "1" {
					equal(t, "answer to a close packet", a.body, "ok")
				} else {
					equal(t, "status", a.status, 400)
				}
				equal(t, "later poll", r.do("GET", q, "").status, 400)
				if diff := cmp.Diff([]string{"before", "before"}, got); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

func TestPacketsWithoutMeaningAreIgnored(t *testing.T) {
	t.Parallel()
	bubble(t, engineio.Options{}, func(t *testing.T, r *rig) {
		r.echo()
		c, _ := r.socket()
		c.send("0", "6", "5", "3", "3probe", "4still here")
		equal(t, "echo", c.text(), "4still here")
		c.nc.Close()
	})
}

func TestClosePacketReleasesTheOpenPoll(t *testing.T) {
	t.Parallel()
	bubble(t, engineio.Options{}, func(t *testing.T, r *rig) {
		q, _ := r.poller()
		polled := make(chan string)
		go func() { polled <- r.do("GET", q, "").body }()
		synctest.Wait()
		equal(t, "POST", r.do("POST", q, "1").body, "ok")
		equal(t, "poll", <-polled, "6")
	})
}

func TestOversizeMessages(t *testing.T) {
	t.Parallel()
	bubble(t, engineio.Options{MaxPayload: 100}, func(t *testing.T, r *rig) {
		r.echo()
		ends := r.closes()
		c, _ := r.socket()
		c.send("4" + strings.Repeat("a", 99))
		equal(t, "at the limit", len(c.text()), 100)
		c.send("4" + strings.Repeat("a", 100))
		equal(t, "close code", c.closed(), 1009)
		if e := wantEnd(t, ends, engineio.ReasonTransportError); !errors.Is(e.Err, engineio.ErrMessageTooLarge) {
			t.Errorf("detail is %v", e.Err)
		}
		q, _ := r.poller()
		equal(t, "status", r.do("POST", q, "4"+strings.Repeat("a", 100)).status, http.StatusRequestEntityTooLarge)
		if e := wantEnd(t, ends, engineio.ReasonTransportError); !errors.Is(e.Err, engineio.ErrMessageTooLarge) {
			t.Errorf("detail is %v", e.Err)
		}
	})
}

func TestCloseDeliversWhatIsQueued(t *testing.T) {
	t.Parallel()
	bubble(t, engineio.Options{}, func(t *testing.T, r *rig) {
		ends := r.closes()
		r.srv.OnMessage(func(_ context.Context, s *engineio.Session, _ engineio.Message) error {
			for _, m := range []string{"a", "b", "bye"} {
				if err := s.Send(m); err != nil {
					return err
				}
			}
			s.Close()
			if err := s.Send("late"); !errors.Is(err, engineio.ErrClosed) {
				t.Errorf("Send after Close: %v", err)
			}
			return nil
		})
		c, _ := r.socket()
		c.send("4go")
		for _, want := range []string{"4a", "4b", "4bye"} {
			equal(t, "message", c.text(), want)
		}
		f := c.read()
		equal(t, "frame", f.Header.OpCode, ws.OpClose)
		c.nc.Write(frame(ws.OpClose, ""))
		if _, err := c.in.ReadByte(); err != io.EOF {
			t.Errorf("after the close frame: %v", err)
		}
		wantEnd(t, ends, engineio.ReasonForcedClose)
		c.nc.Close()

		q, _ := r.poller()
		r.do("POST", q, "4go")
		equal(t, "poll", r.do("GET", q, "").body, "4a\x1e4b\x1e4bye")
		equal(t, "next poll", r.do("GET", q, "").body, "1")
		wantEnd(t, ends, engineio.ReasonForcedClose)
		equal(t, "last poll", r.do("GET", q, "").status, 400)
	})
}

func TestCloseDoesNotWaitForAPeerForEver(t *testing.T) {
	t.Parallel()
	bubble(t, engineio.Options{CloseTimeout: 3 * time.Second}, func(t *testing.T, r *rig) {
		r.srv.OnMessage(func(_ context.Context, s *engineio.Session, _ engineio.Message) error {
			s.Close()
			return nil
		})
		c, _ := r.socket()
		c.send("4go")
		q, _ := r.poller()
		r.do("POST", q, "4go")
		synctest.Wait()
		equal(t, "sessions that are closing", r.srv.Len(), 2)
		time.Sleep(4 * time.Second) //nolint:forbidigo // virtual time
		equal(t, "sessions", r.srv.Len(), 0)
		c.nc.Close()
	})
}

func TestOrderAndAdjacency(t *testing.T) {
	t.Parallel()
	const senders, each = 8, 50
	check := func(t *testing.T, packets []string) {
		t.Helper()
		next := map[byte]int{}
		for i := 0; i < len(packets); i += 2 {
			// <sender><number> and then its attachment <sender><number>.
			head, att := packets[i], packets[i+1]
			if head[1:] != att[1:] || head[0] != '4' || att[0] != 'B' {
				t.Fatalf("attachment %q follows %q", att, head)
			}
			if got := int(head[2] - '0'); got != next[head[1]] {
				t.Fatalf("sender %c: message %d, want %d", head[1], got, next[head[1]])
			}
			next[head[1]]++
		}
		equal(t, "packets", len(packets), senders*each*2)
	}
	run := func(s *engineio.Session) {
		var wg sync.WaitGroup
		for i := range senders {
			wg.Go(func() {
				for n := range each {
					b := []byte{'a' + byte(i), '0' + byte(n)}
					if err := s.Write(b, [][]byte{b}, engineio.WriteOptions{}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
	}
	bubble(t, engineio.Options{}, func(t *testing.T, r *rig) {
		c, o := r.socket()
		go run(r.srv.Session(o.SID))
		var packets []string
		for len(packets) < senders*each*2 {
			f := c.read()
			if f.Header.OpCode == ws.OpBinary {
				packets = append(packets, "B"+string(f.Payload))
			} else {
				packets = append(packets, string(f.Payload))
			}
		}
		check(t, packets)
		c.nc.Close()

		q, sid := r.poller()
		run(r.srv.Session(sid))
		packets = nil
		for len(packets) < senders*each*2 {
			body := r.do("GET", q, "").body
			for p := range strings.SplitSeq(body, "\x1e") {
				if p[0] == 'b' {
					p = "B" + decode64(t, p[1:])
				}
				packets = append(packets, p)
			}
		}
		check(t, packets)
	})
}

func TestPollPacketsDependOnTheClient(t *testing.T) {
	t.Parallel()
	for agent, want := range map[string]int{"python-requests/2": 16, "": 16, "Mozilla/5.0": 40, "node-XMLHttpRequest": 40} {
		bubble(t, engineio.Options{}, func(t *testing.T, r *rig) {
			r.header.Set("User-Agent", agent)
			q, sid := r.poller()
			for range 40 {
				if err := r.srv.Session(sid).Send("x"); err != nil {
					t.Fatal(err)
				}
			}
			equal(t, agent, strings.Count(r.do("GET", q, "").body, "4x"), want)
		})
	}
}

func TestVolatileIsDroppedOnlyBehindThePeer(t *testing.T) {
	t.Parallel()
	volatile := engineio.WriteOptions{Volatile: true}
	bubble(t, engineio.Options{}, func(t *testing.T, r *rig) {
		q, sid := r.poller()
		s := r.srv.Session(sid)
		if err := s.Write([]byte("lost"), nil, volatile); err != nil {
			t.Error(err)
		}
		polled := make(chan string)
		go func() { polled <- r.do("GET", q, "").body }()
		synctest.Wait()
		if err := s.Write([]byte("kept"), nil, volatile); err != nil {
			t.Error(err)
		}
		equal(t, "poll", <-polled, "4kept")

		r.srv.OnMessage(func(_ context.Context, s *engineio.Session, _ engineio.Message) error {
			return errors.Join(s.Send("a"), s.Write([]byte("b"), nil, volatile))
		})
		c, _ := r.socket()
		c.send("4go")
		equal(t, "normal", c.text(), "4a")
		equal(t, "volatile behind it in the same turn", c.text(), "4b")
		c.nc.Close()
	})
}

func TestFrozenReaderIsDisconnectedAndNobodyElseNotices(t *testing.T) {
	t.Parallel()
	bubble(t, engineio.Options{}, func(t *testing.T, r *rig) {
		ends := r.closes()
		frozen, f := r.socket()
		lively, l := r.socket()
		sessions := []*engineio.Session{r.srv.Session(f.SID), r.srv.Session(l.SID)}
		const size, count = 16 << 10, 100
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			p := engineio.Prepare(make([]byte, size), nil)
			for range count {
				fan := r.srv.NewFanout(p, engineio.WriteOptions{})
				for _, s := range sessions {
					fan.Add(s)
				}
				fan.Done()
				time.Sleep(10 * time.Millisecond) //nolint:forbidigo // virtual time
			}
		}()
		start := time.Now()
		for range count {
			equal(t, "message", len(lively.text()), size+1)
		}
		<-sent
		if d := time.Since(start); d > time.Second {
			t.Errorf("the lively reader needed %v", d)
		}
		end := wantEnd(t, ends, engineio.ReasonSlowConsumer)
		if !errors.Is(end.Err, engineio.ErrSlowConsumer) {
			t.Errorf("detail is %v", end.Err)
		}
		if err := sessions[0].Send("x"); !errors.Is(err, engineio.ErrClosed) {
			t.Errorf("Send: %v", err)
		}
		frozen.nc.Close()
		lively.nc.Close()
	})
}

func TestOneLargeMessagePasses(t *testing.T) {
	t.Parallel()
	bubble(t, engineio.Options{OutboundLimit: 1000}, func(t *testing.T, r *rig) {
		c, o := r.socket()
		if err := r.srv.Session(o.SID).Send(strings.Repeat("a", 500_000)); err != nil {
			t.Fatal(err)
		}
		equal(t, "length", len(c.text()), 500_001)
		c.nc.Close()
	})
}

func TestAHandlerThatWaitsHasSentWithinAMillisecond(t *testing.T) {
	t.Parallel()
	bubble(t, engineio.Options{}, func(t *testing.T, r *rig) {
		release := make(chan struct{})
		r.srv.OnMessage(func(_ context.Context, s *engineio.Session, m engineio.Message) error {
			err := s.Reply(m)
			<-release
			return err
		})
		c, o := r.socket()
		start := time.Now()
		c.send("4a")
		equal(t, "reply", c.text(), "4a")
		if d := time.Since(start); d > time.Millisecond {
			t.Errorf("the reply took %v", d)
		}
		// Meanwhile pongs are read, and messages wait their turn.
		c.send("4b")
		for range 3 {
			equal(t, "ping", c.text(), "2")
			c.send("3")
		}
		if r.srv.Session(o.SID) == nil {
			t.Error("the session has ended")
		}
		close(release)
		equal(t, "next", c.text(), "4b")
		c.nc.Close()
	})
}

func TestFlooderWaitsForItsHandler(t *testing.T) {
	t.Parallel()
	bubble(t, engineio.Options{}, func(t *testing.T, r *rig) {
		release := make(chan struct{})
		n := 0
		r.srv.OnMessage(func(_ context.Context, s *engineio.Session, _ engineio.Message) error {
			<-release
			n++
			return nil
		})
		ends := r.closes()
		c, _ := r.socket()
		wrote := make(chan struct{})
		go func() {
			defer close(wrote)
			for range 100 {
				c.send("4" + strings.Repeat("a", 10_000))
			}
		}()
		time.Sleep(10 * time.Minute) //nolint:forbidigo // virtual time: its silence while unread is not held against it
		equal(t, "sessions", r.srv.Len(), 1)
		select {
		case <-wrote:
			t.Error("everything was read although the handler stood still")
		default:
		}
		close(release)
		<-wrote
		synctest.Wait()
		equal(t, "handled", n, 100)
		c.nc.Close()
		wantEnd(t, ends, engineio.ReasonTransportClose)
	})
}

func TestPanicEndsOneMessageOnly(t *testing.T) {
	t.Parallel()
	bubble(t, engineio.Options{}, func(t *testing.T, r *rig) {
		r.srv.OnMessage(func(_ context.Context, s *engineio.Session, m engineio.Message) error {
			if m.Text() == "panic" {
				panic(m.Text())
			}
			return s.Reply(m)
		})
		c, _ := r.socket()
		c.send("4panic", "4go on")
		equal(t, "reply", c.text(), "4go on")
		c.nc.Close()
	})
}

func TestConnectHandler(t *testing.T) {
	t.Parallel()
	bubble(t, engineio.Options{}, func(t *testing.T, r *rig) {
		r.echo()
		refuse := false
		r.srv.OnConnect(func(_ context.Context, s *engineio.Session) error {
			if refuse {
				return errors.New("no")
			}
			return s.Send("welcome")
		})
		c, _ := r.socket()
		c.send("4first")
		equal(t, "greeting", c.text(), "4welcome")
		equal(t, "echo", c.text(), "4first")
		c.nc.Close()
		refuse = true
		c, _ = r.socket()
		equal(t, "close code", c.closed(), 0)
	})
}

func TestShutdown(t *testing.T) {
	t.Parallel()
	bubble(t, engineio.Options{}, func(t *testing.T, r *rig) {
		ends := r.closes()
		c, _ := r.socket()
		q, _ := r.poller()
		polled := make(chan string)
		go func() { polled <- r.do("GET", q, "").body }()
		synctest.Wait()
		down := make(chan error)
		go func() { down <- r.srv.Shutdown(context.Background()) }()
		equal(t, "poll", <-polled, "1")
		equal(t, "frame", c.read().Header.OpCode, ws.OpClose)
		c.nc.Close()
		if err := <-down; err != nil {
			t.Error(err)
		}
		wantEnd(t, ends, engineio.ReasonShutdown)
		wantEnd(t, ends, engineio.ReasonShutdown)
		equal(t, "status of a late handshake", r.do("GET", polling, "").status, 503)
	})
}

func TestShutdownCutsOffWhoDoesNotLeave(t *testing.T) {
	t.Parallel()
	bubble(t, engineio.Options{CloseTimeout: time.Hour}, func(t *testing.T, r *rig) {
		c, _ := r.socket()
		r.poller()
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		start := time.Now()
		if err := r.srv.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		equal(t, "time", time.Since(start), time.Second)
		equal(t, "frame", c.read().Header.OpCode, ws.OpClose)
		if _, err := c.in.ReadByte(); err == nil {
			t.Error("the connection is open")
		}
		c.nc.Close()
	})
}

func TestShutdownFromAHandler(t *testing.T) {
	t.Parallel()
	bubble(t, engineio.Options{}, func(t *testing.T, r *rig) {
		down := make(chan error, 2)
		var both sync.WaitGroup
		both.Add(2)
		r.srv.OnMessage(func(ctx context.Context, _ *engineio.Session, _ engineio.Message) error {
			both.Done()
			both.Wait()
			ctx, cancel := context.WithTimeout(ctx, time.Minute)
			defer cancel()
			down <- r.srv.Shutdown(ctx)
			return nil
		})
		a, _ := r.socket()
		b, _ := r.socket()
		a.send("4go")
		b.send("4go")
		equal(t, "frame", a.read().Header.OpCode, ws.OpClose)
		equal(t, "frame", b.read().Header.OpCode, ws.OpClose)
		a.nc.Close()
		b.nc.Close()
		for range 2 {
			if err := <-down; err != nil {
				t.Error(err)
			}
		}
	})
}
