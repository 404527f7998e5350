package transporttest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/sockeye-io/sockeye/engineio/eiowire"
	"github.com/sockeye-io/sockeye/engineio/transport"
)

// rules are the contract.
var rules = []struct { //nolint:gochecknoglobals // a table that nobody changes
	rule string
	test func(g *game)
}{
	{"packets are delivered in order", orderIn},
	{"messages leave in order", orderOut},
	{"attachments follow their message whoever else writes", adjacency},
	{"what is written outside a turn leaves by itself", drain},
	{"a turn follows what was received", turnFollows},
	{"what a turn writes leaves when it ends", turnEnds},
	{"what a handler writes leaves while it goes on", turnWrites},
	{"reading and handling go on while a handler waits", turnWaits},
	{"they go on at once when a handler yields", turnYields},
	{"pause stops the reading and resume goes on", pause},
	{"a volatile message is dropped whole while the peer is behind", volatileDropped},
	{"a volatile message arrives while the peer reads", volatileArrives},
	{"finish delivers what is queued", finish},
	{"finish gives a silent peer up", finishSilent},
	{"close ends it at once", closeAtOnce},
	{"the peer closes", peerCloses},
	{"the peer vanishes", peerVanishes},
	{"the session refuses a packet", sinkRefuses},
	{"bytes that are no packet", parseError},
}

func orderIn(g *game) {
	g.connect()
	var want []string
	for n := 0; n < 300; {
		var batch []eiowire.Packet
		for range 1 + n%7 {
			p := message(fmt.Sprint("message ", n, strings.Repeat(".", n)))
			if n%5 == 0 {
				p = binary(fmt.Sprint("binary ", n))
			}
			batch = append(batch, p)
			want = append(want, Show(p))
			n++
		}
		g.send(batch...)
	}
	g.await("all have been delivered", func() bool { return len(g.rec.Packets()) >= len(want) })
	if got := g.rec.Packets(); !slices.Equal(got, want) {
		g.Errorf("delivered %.300q, want %.300q", got, want)
	}
}

func orderOut(g *game) {
	g.connect()
	var want []string
	for n := range 300 {
		text := fmt.Sprint(n, strings.Repeat(".", n*n%70_001))
		g.write(false, text)
		want = append(want, "4"+text)
	}
	g.expect(want...)
}

func adjacency(g *game) {
	g.connect()
	const writers, each = 4, 60
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for n := range each {
				text := fmt.Sprintf("%d/%d", w, n)
				g.write(false, text, []byte(text), nil, []byte(strings.Repeat(text, 300)))
			}
		})
	}
	var next [writers]int
	for range writers * each {
		text := g.receive()[1:]
		var w, n int
		if _, err := fmt.Sscanf(text, "%d/%d", &w, &n); err != nil || next[w] != n {
			g.Errorf("received message %q of writer %d, want %d", text, w, next[w])
		}
		next[w]++
		g.expect("["+text+"]", "[]", "["+strings.Repeat(text, 300)+"]")
	}
	wg.Wait()
}

func drain(g *game) {
	g.connect()
	for range 3 {
		got := g.waiting()
		g.write(false, "a")
		if packet := <-got; packet != "4a" {
			g.Errorf("the peer received %q, want 4a", packet)
		}
		g.settle()
	}
	if n := g.queue.Len(); n != 0 {
		g.Errorf("%d bytes are left in the queue", n)
	}
}

func turnFollows(g *game) {
	g.connect()
	g.send(message("a"), message("b"))
	g.await("a turn has run", func() bool { return slices.Contains(g.rec.History(), "turn") })
	g.settle()
	history := g.rec.History()
	if history[0] != "4a" || !slices.Contains(history, "4b") || history[len(history)-1] != "turn" {
		g.Errorf("history %q, want a, b and a turn behind them", history)
	}
}

func turnEnds(g *game) {
	g.rec.OnTurn = func(*transport.Turn) {
		g.write(false, "one", []byte("1"))
		g.write(true, "two") // company, not a peer that is behind
	}
	g.connect()
	got := g.waiting()
	g.send(message("a"))
	if packet := <-got; packet != "4one" {
		g.Errorf("the peer received %q, want 4one", packet)
	}
	g.expect("[1]", "4two")
}

// onFirstTurn makes the first turn run fn. No other turn does anything.
func (g *game) onFirstTurn(fn func(turn *transport.Turn)) {
	var once sync.Once
	g.rec.OnTurn = func(turn *transport.Turn) { once.Do(func() { fn(turn) }) }
}

func turnWrites(g *game) {
	arrived := make(chan struct{})
	g.onFirstTurn(func(*transport.Turn) {
		g.write(false, "emitted")
		select {
		case <-arrived:
		case <-g.ctx.Done():
		}
	})
	g.connect()
	g.send(message("a"))
	g.expect("4emitted")
	close(arrived)
}

func turnWaits(g *game) { g.waitInTurn(false) }

func turnYields(g *game) { g.waitInTurn(true) }

// waitInTurn has a handler wait until the next packet has been handled.
func (g *game) waitInTurn(yield bool) {
	first, second := make(chan struct{}), make(chan struct{})
	handled := make(chan bool, 1)
	var turns atomic.Int32
	g.rec.OnTurn = func(turn *transport.Turn) {
		if n := turns.Add(1); n > 1 {
			if n == 2 {
				close(second)
			}
			return
		}
		close(first)
		if yield {
			turn.Yield()
		}
		select {
		case <-second:
			handled <- true
		case <-g.ctx.Done():
			handled <- false
		}
	}
	g.connect()
	g.send(message("a"))
	<-first // else both might be handled by one turn
	g.send(message("b"))
	if !<-handled {
		g.Error("the next packet was not handled while a handler waited for that")
	}
	g.send(message("c"))
	g.await("the reading goes on", func() bool { return len(g.rec.Packets()) == 3 })
}

func pause(g *game) {
	g.connect()
	const messages = 64
	text := strings.Repeat("x", 64<<10)
	g.Transport.Pause()
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		for n := range messages {
			g.send(message(fmt.Sprint(n, text)))
		}
	}()
	g.settle()
	if n := len(g.rec.Packets()); n > 2 {
		g.Errorf("%d messages were delivered while paused, want only what was under way", n)
	}
	g.write(false, "still written")
	g.expect("4still written")
	g.Transport.Resume()
	<-sent
	g.await("everything has been delivered", func() bool { return len(g.rec.Packets()) >= messages })
	for n, packet := range g.rec.Packets() {
		if packet != fmt.Sprint("4", n, text) {
			g.Fatalf("message %d is %.20q", n, packet)
		}
	}
}

// fall lets the peer fall behind and returns how many messages wait for it.
func (g *game) fall() int {
	g.Helper()
	for n := range 1000 {
		if g.settle(); g.queue.Len() > 0 {
			return n
		}
		for range 16 {
			g.write(false, strings.Repeat("x", 64<<10))
		}
	}
	g.Fatal("whatever is written, nothing waits for the peer")
	return 0
}

func volatileDropped(g *game) {
	g.connect()
	n := g.fall()
	g.write(true, "dropped", []byte("attachment"))
	g.write(false, "last")
	for range 16 * n {
		if packet := g.receive(); len(packet) != 1+64<<10 {
			g.Fatalf("the peer received %.100q", packet)
		}
	}
	g.expect("4last")
}

func volatileArrives(g *game) {
	g.connect()
	for range 3 {
		got := g.waiting()
		g.write(true, "volatile", []byte("attachment"))
		if packet := <-got; packet != "4volatile" {
			g.Fatalf("the peer received %q, want 4volatile", packet)
		}
		g.expect("[attachment]")
		g.settle()
	}
}

func finish(g *game) {
	g.connect()
	var want []string
	for n := range 100 {
		text := fmt.Sprint(n, strings.Repeat(".", n*n))
		g.write(false, text)
		want = append(want, "4"+text)
	}
	g.Finish()
	if err := g.queue.Write([]byte("late"), nil, false); !errors.Is(err, transport.ErrClosed) {
		g.Errorf("Write after Finish: %v, want ErrClosed", err)
	}
	g.expect(want...)
	g.expectEnd()
	if err := g.group.Wait(g.ctx); err != nil {
		g.Errorf("goroutines are left after the end: %v", err)
	}
	if ends := g.rec.Ends(); len(ends) > 1 {
		g.Errorf("Lost was called %d times: %v", len(ends), ends)
	}
}

func finishSilent(g *game) {
	g.connect()
	g.fall()
	g.Finish()
	if err := g.group.Wait(g.ctx); err != nil {
		g.Errorf("goroutines are left after Finish, with a peer that does not read: %v", err)
	}
	g.expectEnd()
}

func closeAtOnce(g *game) {
	g.connect()
	g.fall()
	g.Transport.Close()
	if err := g.group.Wait(g.ctx); err != nil {
		g.Errorf("goroutines are left after Close: %v", err)
	}
	g.expectEnd()
}

func peerCloses(g *game) {
	g.connect()
	g.send(message("a"))
	if err := g.Peer.Close(g.ctx); err != nil {
		g.Errorf("the peer closes: %v", err)
	}
	if end := g.end(); end.Reason != transport.ReasonTransportClose || end.Err != nil {
		g.Errorf("told %+v, want %q without a detail", end, transport.ReasonTransportClose)
	}
	if got := g.rec.Packets()[0]; got != "4a" {
		g.Errorf("the packet before the end is %q", got)
	}
	g.Transport.Close()
	g.settle()
}

func peerVanishes(g *game) {
	g.connect()
	g.send(message("a"))
	g.Peer.Vanish()
	end := g.end()
	if end.Reason != transport.ReasonTransportClose && end.Reason != transport.ReasonTransportError {
		g.Errorf("told %q, want the transport's end or error", end.Reason)
	}
	if end.Err == nil {
		g.Error("told no detail")
	}
	g.Transport.Close()
	g.settle()
}

func sinkRefuses(g *game) {
	detail := errors.New("detail")
	g.rec.OnPacket = func(p eiowire.Packet) error {
		if string(p.Data) == "b" {
			return &transport.EndError{Close: transport.Close{Reason: transport.ReasonForcedClose, Err: detail}}
		}
		return nil
	}
	g.connect()
	_ = g.Peer.Send(g.ctx, message("a"), message("b"), message("c")) // it may be refused
	end := g.end()
	if end.Reason != transport.ReasonForcedClose || !errors.Is(end.Err, detail) {
		g.Errorf("told %+v, want what the session said", end)
	}
	if got := g.rec.Packets(); !slices.Equal(got, []string{"4a", "4b"}) {
		g.Errorf("delivered %q, want nothing behind what was refused", got)
	}
	g.expectEnd()
}

func parseError(g *game) {
	g.connect()
	_ = g.Peer.Send(g.ctx, message("a"), eiowire.Packet{Type: 9}, message("b")) // it may be refused
	end := g.end()
	if end.Reason != transport.ReasonParseError || !errors.Is(end.Err, eiowire.ErrType) {
		g.Errorf("told %+v, want a parse error", end)
	}
	if got := g.rec.Packets(); !slices.Equal(got, []string{"4a"}) {
		g.Errorf("delivered %q, want what precedes the error", got)
	}
	g.expectEnd()
}
