package transport_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/sockeye-io/sockeye/engineio/eiowire"
	"github.com/sockeye-io/sockeye/engineio/transport"
)

// model is the queue as plainly as it can be said: a list of frames, each with
// what is left of it, and the rules for admission.
type model struct {
	limit     int
	frames    [][]byte
	stalled   bool
	writing   bool
	finishing bool
	closed    bool
	corked    int
}

func (m *model) bytes() int {
	n := 0
	for _, f := range m.frames {
		n += len(f)
	}
	return n
}

// split cuts whole frames apart.
func split(b []byte) [][]byte {
	var frames [][]byte
	for len(b) > 0 {
		_, _, size := transport.NextFrame(b)
		frames = append(frames, b[:size])
		b = b[size:]
	}
	return frames
}

func (m *model) write(frames []byte, volatile bool) error {
	if m.closed || m.finishing {
		return transport.ErrClosed
	}
	allowed := 2 * m.limit
	if m.stalled {
		allowed = m.limit
	}
	size := len(frames)
	switch full := m.bytes() > 0 && m.bytes()+size > allowed; {
	case size == 0, volatile && m.stalled, volatile && full:
		return nil
	case full:
		return transport.ErrSlowConsumer
	}
	m.frames = append(m.frames, split(frames)...)
	return nil
}

func (m *model) control(frame []byte, dropStalled bool) {
	if !m.closed && !m.finishing && (!dropStalled || !m.stalled) {
		m.frames = append(m.frames, frame)
	}
}

// wrote takes n bytes off and returns them.
func (m *model) wrote(n int) []byte {
	var out []byte
	for n > 0 {
		k := min(n, len(m.frames[0]))
		out = append(out, m.frames[0][:k]...)
		if m.frames[0] = m.frames[0][k:]; len(m.frames[0]) == 0 {
			m.frames = m.frames[1:]
		}
		n -= k
	}
	return out
}

func (m *model) payload(maxPackets, maxBytes int) []byte {
	if m.closed || m.writing || len(m.frames) == 0 || m.corked > 0 && m.bytes() < transport.CorkSize {
		return nil
	}
	var out []byte
	for n := 0; len(m.frames) > 0 && (maxPackets == 0 || n < maxPackets); n++ {
		payload, isBinary, _ := transport.NextFrame(m.frames[0])
		var packet []byte
		if isBinary {
			packet = eiowire.Append(nil, eiowire.Packet{Type: eiowire.Message, Binary: true, Data: payload})
		} else {
			packet = payload
		}
		if n > 0 {
			if len(out)+1+len(packet) > maxBytes {
				break
			}
			out = append(out, 0x1e)
		}
		out = append(out, packet...)
		m.frames = m.frames[1:]
	}
	return out
}

// player makes random moves on a queue and on its model and compares.
type player struct {
	t       *testing.T
	r       *rand.Rand
	q       *transport.Queue
	m       *model
	fan     transport.Flusher
	drainer *idle
	scratch [transport.GatherSize]byte
	offered []byte // what Advance returned last
	log     []string
}

func (p *player) say(format string, args ...any) {
	p.log = append(p.log, fmt.Sprintf(format, args...))
}

func (p *player) check(what string, got, want any) {
	p.t.Helper()
	if got != want {
		p.t.Fatalf("%s: got %.200v, want %.200v\nafter %s", what, got, want, strings.Join(p.log[max(0, len(p.log)-30):], ", "))
	}
}

// size picks a length near one of the sizes that matter.
func (p *player) size() int {
	near := []int{0, 3, 125, transport.CopySize, 4080, transport.DirectSize, 65536}
	weight := []int{20, 20, 10, 8, 4, 2, 1}
	n := p.r.IntN(65)
	for i, w := range weight {
		if n < w {
			return max(0, near[i]-3+p.r.IntN(7))
		}
		n -= w
	}
	return 1
}

func (p *player) bytesOf(n int) []byte { return bytes.Repeat([]byte{byte('a' + p.r.IntN(26))}, n) }

func (p *player) content() (text []byte, attachments [][]byte) {
	if p.r.IntN(4) > 0 {
		text = p.bytesOf(p.size())
	}
	for range p.r.IntN(8) - 5 {
		attachments = append(attachments, p.bytesOf(p.size()))
	}
	return text, attachments
}

func (p *player) append() {
	text, attachments := p.content()
	msg := transport.NewMessage(text, attachments)
	volatile := p.r.IntN(4) == 0
	want := p.m.write(msg.Frames(), volatile)
	var got error
	switch p.r.IntN(3) {
	case 0:
		p.say("write(%d+%d, %v)", msg.Size(), len(attachments), volatile)
		got = p.q.Write(text, attachments, volatile)
	case 1:
		p.say("share(%d+%d, %v)", msg.Size(), len(attachments), volatile)
		got = p.q.WriteMessage(msg, volatile)
	default:
		p.say("fan(%d+%d, %v)", msg.Size(), len(attachments), volatile)
		f := transport.NewFanout(&p.fan, msg, volatile)
		got = f.Add(p.q)
	}
	p.check("error", errors.Is(got, want) && (got == nil) == (want == nil), true)
}

// offer takes the writer role if need be and asks for bytes, of which n have
// been written already.
func (p *player) offer(n int) {
	p.say("advance(%d)", n)
	p.check("written bytes", string(p.offered[:n]), string(p.m.wrote(n)))
	b, progress := p.q.Advance(n, &p.scratch)
	if p.m.closed {
		p.m.frames = nil
	}
	if len(p.m.frames) > 0 {
		p.check("progress", progress, transport.ProgressWrite)
		if len(b) == 0 {
			p.check("bytes to write", len(b), ">0")
		}
		p.offered = b
		return
	}
	p.m.writing, p.m.stalled, p.offered = false, false, nil
	if p.m.finishing && !p.m.closed {
		p.m.closed = true
		p.check("progress", progress, transport.ProgressFinished)
	} else {
		p.check("progress", progress, transport.ProgressEmpty)
	}
}

func (p *player) writer() {
	if !p.m.writing {
		p.say("acquire")
		want := !p.m.closed && (p.m.finishing || p.m.bytes() > 0)
		p.check("Acquire", p.q.Acquire(), want)
		if want {
			p.m.writing = true
			p.offer(0)
		}
		return
	}
	switch n := p.r.IntN(10); {
	case n == 0 && len(p.offered) > 0:
		p.say("requeue")
		p.q.Requeue()
		p.m.writing, p.offered = false, nil
		if p.m.closed {
			p.m.frames = nil
		}
	case n < 6:
		p.offer(len(p.offered))
	default:
		p.offer(p.r.IntN(len(p.offered) + 1))
	}
}

func (p *player) move(partial bool) {
	switch n := p.r.IntN(100); {
	case n < 40:
		p.append()
	case n < 45:
		p.say("packet")
		p.q.WritePacket("2")
		p.m.control([]byte{0x81, 1, '2'}, false)
	case n < 48 && partial:
		p.say("control")
		p.q.WriteControl(0x8a, "pong")
		p.m.control([]byte("\x8a\x04pong"), true)
	case n < 51:
		stalled := p.r.IntN(2) == 0
		p.say("stalled(%v)", stalled)
		p.q.SetStalled(p.drainer, stalled)
		p.m.stalled = stalled
	case n < 54:
		p.say("cork")
		p.q.Cork()
		p.m.corked++
	case n < 57:
		p.say("uncork")
		p.q.Uncork()
		p.m.corked = max(0, p.m.corked-1)
	case n == 57 && p.r.IntN(8) == 0:
		p.say("finish")
		p.q.Finish(0x88, "")
		if !p.m.closed && !p.m.finishing {
			p.m.frames = append(p.m.frames, []byte{0x88, 0})
			p.m.finishing, p.m.corked = true, 0
		}
	case n == 58 && p.r.IntN(8) == 0:
		p.say("discard")
		p.q.Discard()
		p.m.closed = true
		if !p.m.writing {
			p.m.frames = nil
		}
	case partial:
		p.writer()
	default:
		packets, size := p.r.IntN(20), 1<<p.r.IntN(18)
		p.say("payload(%d, %d)", packets, size)
		p.check("payload", string(p.q.TakePayload(p.drainer, packets, size)), string(p.m.payload(packets, size)))
	}
	p.check("Len", p.q.Len(), p.m.bytes())
}

// TestQueueAgainstModel makes random moves, as a WebSocket writes or as a poll
// takes, and finds the queue like its model after each.
func TestQueueAgainstModel(t *testing.T) {
	t.Parallel()
	for seed := range uint64(60) {
		q, _ := newWire(t, 30_000)
		p := &player{
			t: t, q: q, r: rand.New(rand.NewPCG(seed, 1)),
			m: &model{limit: 30_000}, drainer: new(idle),
		}
		p.say("seed %d", seed)
		q.SetDrainer(p.drainer, false)
		for range 400 {
			p.move(seed%2 == 0)
		}
	}
}
