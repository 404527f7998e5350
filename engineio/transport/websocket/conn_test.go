package websocket_test

import (
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sockeye-io/sockeye/engineio/eiowire"
	"github.com/sockeye-io/sockeye/engineio/transport"
	"github.com/sockeye-io/sockeye/engineio/transport/transporttest"
	"github.com/sockeye-io/sockeye/engineio/transport/websocket"
	"github.com/sockeye-io/sockeye/internal/memnet"
	"github.com/sockeye-io/sockeye/internal/netconn"
	"github.com/sockeye-io/sockeye/internal/worker"
)

func TestIdleConnectionHasOneGoroutine(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.open()
		equal(t, "goroutines", r.group.Len(), 1)
		for range 3 {
			r.send(frame(fin|text, "4a"))
			r.write("b")
			equal(t, "reply", r.next(), "14b")
			synctest.Wait()
			equal(t, "goroutines after a message", r.group.Len(), 1)
		}
		equal(t, "packets", packets(r.rec), "4a 4a 4a ")
	})
}

func TestStackOfAnIdleConnectionIsNotKept(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		var g []string
		r.rec.OnPacket = func(eiowire.Packet) error {
			g = append(g, goroutine())
			return nil
		}
		r.open()
		r.send(frame(fin|text, "4first")) // read by the goroutine that Start made
		r.send(frame(fin|text, "4second"))
		<-time.After(websocket.IdleWait)
		r.send(frame(fin|text, "4third"))
		<-time.After(websocket.IdleWait + time.Millisecond)
		r.send(frame(fin|text, "4fourth"))
		r.send(frame(fin|text, "4fifth"))
		for i, changed := range []bool{true, false, false, true} {
			if (g[i] != g[i+1]) != changed {
				t.Errorf("packet %d was read by %s, the next by %s; want another one: %v", i, g[i], g[i+1], changed)
			}
		}
		equal(t, "goroutines", r.group.Len(), 1)
	})
}

func TestTurnRunsForAllOfARead(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.rec.OnTurn = func(*transport.Turn) { r.write("one"); r.write("two") }
		r.open()
		r.send(frame(fin|text, "4a"), frame(fin|text, "4b"))
		equal(t, "history", history(r.rec), "4a, 4b, turn")
	})
}

func TestReadingGoesOnWhileAHandlerWaits(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule  string
		yield bool
	}{
		{"a handler that says so passes the reading on at once", true},
		{"any other after a millisecond", false},
	} {
		t.Run(test.rule, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				release := make(chan struct{})
				first := true
				r.rec.OnTurn = func(turn *transport.Turn) {
					if !first {
						return
					}
					first = false
					r.write("emitted")
					if test.yield {
						turn.Yield()
					}
					<-release
				}
				r.open()
				start := time.Now()
				r.send(frame(fin|text, "4a"))
				equal(t, "emitted", r.next(), "14emitted")
				want := time.Millisecond
				if test.yield {
					want = 0
				}
				equal(t, "time until it left", time.Since(start), want)
				synctest.Wait()
				equal(t, "goroutines", r.group.Len(), 2)
				r.send(frame(fin|text, "4b"), frame(fin|ping, "alive"))
				equal(t, "packets", packets(r.rec), "4a 4b ")
				equal(t, "pong", r.next(), ":alive")
				equal(t, "goroutines", r.group.Len(), 2)
				close(release)
				synctest.Wait()
				equal(t, "goroutines", r.group.Len(), 1)
				r.send(frame(fin|text, "4c"))
				equal(t, "history", history(r.rec), "4a, turn, 4b, turn, 4c, turn")
			})
		})
	}
}

func TestPause(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.open()
		r.conn.Resume() // nothing to undo
		r.conn.Pause()
		r.conn.Pause()
		r.send(frame(fin|text, "4a")) // the read was under way
		equal(t, "packets", packets(r.rec), "4a ")
		equal(t, "goroutines while nobody reads", r.group.Len(), 0)
		r.send(frame(fin|text, "4b"))
		equal(t, "packets while paused", packets(r.rec), "4a ")
		r.write("still written")
		equal(t, "written while paused", r.next(), "14still written")
		r.conn.Resume()
		r.conn.Resume()
		synctest.Wait()
		equal(t, "packets", packets(r.rec), "4a 4b ")
		equal(t, "goroutines", r.group.Len(), 1)
		r.conn.Pause()
		r.conn.Resume() // before the reader has noticed
		r.send(frame(fin|text, "4c"))
		r.send(frame(fin|text, "4d"))
		equal(t, "packets", packets(r.rec), "4a 4b 4c 4d ")
		equal(t, "goroutines", r.group.Len(), 1)
	})
}

func TestPauseWithinATurn(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.rec.OnPacket = func(eiowire.Packet) error { r.conn.Pause(); return nil }
		r.open()
		r.send(frame(fin|text, "4a"), frame(fin|text, "4b"))
		r.send(frame(fin|text, "4c"))
		equal(t, "history", history(r.rec), "4a, 4b, turn")
		r.conn.Resume()
		synctest.Wait()
		equal(t, "history", history(r.rec), "4a, 4b, turn, 4c, turn")
	})
}

func TestPeerCloses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ rule, payload, echo string }{
		{"the code is echoed", code(1000, "bye"), code(1000, "")},
		{"no code is answered with none", "", ""},
		{"a code of the application too", code(4321, ""), code(4321, "")},
	} {
		t.Run(test.rule, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.rec.OnTurn = func(*transport.Turn) { r.write("reply") }
				r.open()
				r.send(frame(fin|text, "4a"), frame(fin|closes, test.payload))
				equal(t, "reply", r.next(), "14reply")
				equal(t, "close", r.next(), "8"+test.echo)
				r.eof()
				r.closed()
				equal(t, "history", history(r.rec), "4a, turn, lost: transport close")
			})
		})
	}
}

func TestPeerGoesWithoutAWord(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule string
		end  func(r *rig)
		err  error
	}{
		{"closed", func(r *rig) { r.client.Close() }, io.EOF},
		{"its side closed", func(r *rig) { r.client.CloseWrite() }, io.EOF},
		{"reset", func(r *rig) { r.client.Cut() }, syscall.ECONNRESET},
	} {
		t.Run(test.rule, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.open()
				r.send(frame(fin|text, "4a"), frame(text, "4half"))
				test.end(r)
				synctest.Wait()
				end := r.end()
				equal(t, "reason", end.Reason, transport.ReasonTransportClose)
				if !errors.Is(end.Err, test.err) {
					t.Errorf("detail %v, want %v", end.Err, test.err)
				}
				r.closed()
			})
		})
	}
}

func TestPeerIsResetWhileNobodyReads(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.open()
		r.conn.Pause()
		r.send(frame(fin|text, "4a"))
		r.client.Cut()
		synctest.Wait()
		equal(t, "reason, before anything is written", r.end().Reason, "")
		r.write("b")
		synctest.Wait()
		equal(t, "reason", r.end().Reason, transport.ReasonTransportClose)
		equal(t, "Len", r.queue.Len(), 0)
		r.closed()
	})
}

func TestFinish(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.open()
		r.write("a")
		r.write("b")
		r.conn.Finish()
		equal(t, "first", r.next(), "14a")
		equal(t, "second", r.next(), "14b")
		equal(t, "close", r.next(), "8")
		r.eof()
		equal(t, "reason before the peer has answered", r.end().Reason, "")
		r.send(frame(fin|text, "4on its way"), frame(fin|closes, ""))
		r.closed()
		equal(t, "history", history(r.rec), "4on its way, turn, lost: transport close")
	})
}

func TestFinishWhilePaused(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.open()
		r.conn.Pause()
		r.send(frame(fin|text, "4a"))
		r.conn.Finish()
		equal(t, "close", r.next(), "8")
		r.send(frame(fin|closes, ""))
		r.closed()
	})
}

func TestFinishBehindMuch(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.open()
		for range 20 { // of sizes that make the writer give others their turn
			r.write(strings.Repeat("x", websocket.DrainSize/3))
		}
		for range 20 {
			r.write(strings.Repeat("y", 1000))
		}
		start := time.Now()
		r.conn.Finish()
		for range 20 {
			equal(t, "large", len(r.next()), websocket.DrainSize/3+2)
		}
		for range 20 {
			equal(t, "small", len(r.next()), 1002)
		}
		equal(t, "close", r.next(), "8")
		r.eof()
		equal(t, "time until the end", time.Since(start), 0)
	})
}

func TestEndIsToldWhateverTheWriterHasWrittenBefore(t *testing.T) {
	t.Parallel()
	// The last write may take the writer over the bytes after which it gives
	// others their turn: the end must be told nevertheless.
	for _, rest := range []int{1, 100, 5000} {
		t.Run("", func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.conn.Attach(r.rec)
				r.queue.Cork()
				big := strings.Repeat("x", websocket.DrainSize)
				done := make(chan int)
				go func() {
					b, _ := io.ReadAll(r.client)
					done <- len(b)
				}()
				r.write(big)
				for range rest {
					r.write("y")
				}
				start := time.Now()
				r.conn.Finish()
				got := <-done
				if want := websocket.DrainSize + 11 + 4*rest + 2; got != want {
					t.Errorf("%d bytes arrived, want %d", got, want)
				}
				equal(t, "time until the end", time.Since(start), 0)
			})
		})
	}
}

func TestPeerThatDoesNotAnswerTheClose(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.open()
		r.conn.Finish()
		equal(t, "close", r.next(), "8")
		<-time.After(closeTimeout - 1)
		synctest.Wait()
		equal(t, "goroutines before the time is over", r.group.Len(), 1)
		<-time.After(1)
		r.closed()
		equal(t, "reason", r.end().Reason, transport.ReasonTransportClose)
	})
}

func TestPeerThatDoesNotReadIsGivenUp(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.open()
		r.write(strings.Repeat("x", 1<<20))
		r.conn.Finish()
		<-time.After(closeTimeout)
		synctest.Wait()
		equal(t, "reason", r.end().Reason, transport.ReasonTransportClose)
		equal(t, "Len", r.queue.Len(), 0)
		equal(t, "goroutines", r.group.Len(), 0)
	})
}

func TestPeerBreaksARule(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule  string
		in    []byte
		code  string
		close transport.Close
	}{
		{"of the protocol", frame(0x70, ""), code(1002, ""), transport.Close{Reason: transport.ReasonTransportError}},
		{"of UTF-8", frame(fin|text, "4\xff"), code(1007, ""), transport.Close{Reason: transport.ReasonTransportError}},
		{"of size", frame(fin|text, "4"+strings.Repeat("x", 1<<20)), code(1009, ""), transport.Close{Reason: transport.ReasonTransportError, Err: transport.ErrMessageTooLarge}},
		{"of Engine.IO", frame(fin|text, "x"), "", transport.Close{Reason: transport.ReasonParseError, Err: eiowire.ErrType}},
	} {
		t.Run(test.rule, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				r.open()
				r.send(frame(fin|text, "4a"))
				// The peer goes on sending all the time: it must see the close frame
				// nevertheless.
				sent := make(chan struct{})
				go func() {
					defer close(sent)
					if _, err := r.client.Write(test.in); err != nil {
						return // it may be closed in the middle
					}
					for {
						if _, err := r.client.Write(make([]byte, 1000)); err != nil {
							return
						}
						<-time.After(time.Millisecond)
					}
				}()
				equal(t, "close", r.next(), "8"+test.code)
				r.eof()
				synctest.Wait()
				end := r.end()
				equal(t, "reason", end.Reason, test.close.Reason)
				if test.close.Err != nil && !errors.Is(end.Err, test.close.Err) {
					t.Errorf("detail %v, want %v", end.Err, test.close.Err)
				}
				start := time.Now()
				<-sent
				if took := time.Since(start); took > closeTimeout+time.Millisecond {
					t.Errorf("the connection was open for %v after the close frame", took)
				}
				r.closed()
				equal(t, "packets", packets(r.rec), "4a ")
			})
		})
	}
}

func TestSessionRefusesAPacket(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		detail := errors.New("detail")
		r.rec.OnPacket = func(p eiowire.Packet) error {
			if string(p.Data) == "b" {
				return &transport.EndError{Close: transport.Close{Reason: transport.ReasonForcedClose, Err: detail}}
			}
			return nil
		}
		r.open()
		r.send(frame(fin|text, "4a"), frame(fin|text, "4b"), frame(fin|text, "4c"))
		equal(t, "close", r.next(), "8")
		r.eof()
		equal(t, "history", history(r.rec), "4a, 4b, turn, lost: forced close")
		equal(t, "detail", r.end().Err, detail)
		r.client.Close()
		r.closed()
	})
}

func TestWriteThatThePeerDoesNotTakeHoldsNobodyUp(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.open()
		start := time.Now()
		for range 10 {
			r.write(strings.Repeat("x", 200_000))
		}
		equal(t, "time that ten writes took", time.Since(start), 0)
		synctest.Wait()
		equal(t, "goroutines: the reader, and one that waits", r.group.Len(), 2)
		if err := r.queue.Write([]byte("volatile"), [][]byte{[]byte("whole")}, true); err != nil {
			t.Fatal(err)
		}
		r.send(frame(fin|text, "4a"), frame(fin|ping, "unanswered"))
		equal(t, "packets", packets(r.rec), "4a ")
		equal(t, "goroutines", r.group.Len(), 2)
		r.write("last")
		for range 10 {
			equal(t, "message", len(r.next()), 200_002)
		}
		equal(t, "what follows", r.next(), "14last")
		synctest.Wait()
		equal(t, "goroutines", r.group.Len(), 1)
		if err := r.queue.Write([]byte("volatile"), nil, true); err != nil {
			t.Fatal(err)
		}
		equal(t, "volatile when the peer reads", r.next(), "14volatile")
	})
}

func TestMuchToWriteGivesOthersTheirTurn(t *testing.T) {
	t.Parallel()
	flushers := new(worker.Group)
	flushers.Close() // whoever is put at the back of the list stays there
	queue := new(transport.Queue)
	queue.Init(transport.NewFlusher(flushers), 16<<20)
	client, near := memnet.Pipe(memnet.Options{Buffer: 16 << 20})
	defer client.Close()
	c := websocket.New(near, &websocket.Config{Group: new(worker.Group)}, new(transporttest.Recorder), queue)
	c.Attach(new(transporttest.Recorder))
	defer c.Close()
	for range 16 {
		if err := queue.Write(make([]byte, 64<<10), nil, false); err != nil {
			t.Fatal(err)
		}
	}
	all := queue.Len()
	c.Drain()
	if wrote := all - queue.Len(); wrote < websocket.DrainSize || wrote > 2*websocket.DrainSize {
		t.Errorf("one Drain wrote %d bytes, want %d and a little", wrote, websocket.DrainSize)
	}
	c.Drain() // the role is free for whoever comes next
	if wrote := all - queue.Len(); wrote < 2*websocket.DrainSize {
		t.Errorf("two Drains wrote %d bytes", wrote)
	}
}

func TestPeerIsResetWhileAWriteWaits(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.open()
		r.write(strings.Repeat("x", 1<<20))
		synctest.Wait()
		r.client.Cut()
		r.closed()
		equal(t, "reason", r.end().Reason, transport.ReasonTransportClose)
	})
}

func TestCloseAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.open()
		r.write(strings.Repeat("x", 1<<20))
		synctest.Wait()
		r.conn.Close()
		r.conn.Close()
		r.closed()
		equal(t, "reason", r.end().Reason, transport.ReasonTransportClose)
	})
}

func TestStartOnAServerThatHasShutDown(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.group.Close()
		r.conn.Attach(r.rec)
		equal(t, "Start", r.conn.Start(), false)
		r.closed()
	})
}

// A connection that an upgrade probes has no queue yet.
func TestBeforeTheQueueIsItsOwn(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.queue.SetDrainer(nil, false)
		r.write("for another transport")
		r.rec.OnPacket = func(p eiowire.Packet) error {
			switch transporttest.Show(p) {
			case "2probe":
				return r.conn.Answer("3probe")
			case "5":
				r.conn.Attach(r.rec)
				r.conn.Drain()
			}
			return nil
		}
		if err := r.conn.Respond([]byte("\x81\x03101")); err != nil {
			t.Fatal(err)
		}
		if !r.conn.Start() {
			t.Fatal("Start failed")
		}
		equal(t, "answer to the handshake", r.next(), "1101")
		r.send(frame(fin|ping, "p"), frame(fin|text, "2probe"))
		equal(t, "pong", r.next(), ":p")
		equal(t, "answer to the probe", r.next(), "13probe")
		r.send(frame(fin|text, "5"), frame(fin|text, "4a"))
		equal(t, "what was queued", r.next(), "14for another transport")
		equal(t, "packets", packets(r.rec), "2probe 5 4a ")
		r.send(frame(fin|closes, ""))
		equal(t, "close", r.next(), "8")
	})
}

func TestRuleIsBrokenBeforeTheQueueIsItsOwn(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.queue.SetDrainer(nil, false)
		r.write("for another transport")
		if !r.conn.Start() {
			t.Fatal("Start failed")
		}
		r.send(frame(0x70, ""))
		equal(t, "close", r.next(), "8"+code(1002, ""))
		r.eof()
		equal(t, "reason", r.end().Reason, transport.ReasonTransportError)
		r.client.Close()
		r.closed()
		equal(t, "Len", r.queue.Len(), 2+1+len("for another transport"))
	})
}

func TestRefuse(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.group.Go(r.conn.Refuse)
		equal(t, "close", r.next(), "8")
		r.eof()
		r.send(frame(fin|text, "4ignored"))
		<-time.After(closeTimeout)
		r.closed()
		equal(t, "packets", packets(r.rec), "")
		equal(t, "reason", r.end().Reason, transport.ReasonForcedClose)
	})
}

// TestVolatileOverAConnWhoseWritesWait: a write that has to wait its turn says
// nothing about the peer, and one that takes long does.
func TestVolatileOverAConnWhoseWritesWait(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		cfg := &websocket.Config{MaxPayload: 1 << 20, CloseTimeout: closeTimeout, Group: r.group}
		r.conn = websocket.New(netconn.New(struct{ net.Conn }{r.near}, nil), cfg, r.rec, r.queue)
		r.open()
		volatile := func(text string) {
			t.Helper()
			if err := r.queue.Write([]byte(text), nil, true); err != nil {
				t.Fatal(err)
			}
		}
		for range 100 {
			r.write("a")
			volatile("v")
		}
		for range 100 {
			equal(t, "message", r.next(), "14a")
			equal(t, "volatile behind it", r.next(), "14v")
		}
		r.write(strings.Repeat("x", 200_000)) // more than the network takes
		time.Sleep(time.Second)               //nolint:forbidigo // virtual time
		volatile("dropped")
		r.write("last")
		equal(t, "message", len(r.next()), 200_002)
		equal(t, "what follows", r.next(), "14last")
	})
}
