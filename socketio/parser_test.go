package socketio_test

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/sockeye-io/sockeye/socketio"
	"github.com/sockeye-io/sockeye/socketio/siowire"
	"github.com/sockeye-io/sockeye/socketio/siowire/msgpack"
)

// The parts that a MessagePack packet of the tests is made of, in the order in which
// the parser writes them.
const (
	packConnect = "\x82\xa4type\x00\xa3nsp\xa1/"
	packEvent   = "\x83\xa4type\x02\xa3nsp\xa1/\xa4data"
	packAck     = "\x84\xa4type\x03\xa3nsp\xa1/\xa2id"
	packCall    = "\x84\xa4type\x02\xa3nsp\xa1/\xa2id"
)

// packed opens a session that speaks MessagePack and joins "/".
func (r *rig) packed() (*client, *socketio.Socket) {
	r.t.Helper()
	c := r.dial()
	c.sendBinary(packConnect)
	m := c.receive()
	id, ok := strings.CutPrefix(m.text, "\x83\xa4type\x00\xa3nsp\xa1/\xa4data\x81\xa3sid\xb4")
	if !ok || !m.binary {
		r.t.Fatalf("got %+v, want CONNECT", m)
	}
	s := r.srv.Socket(id)
	if s == nil {
		r.t.Fatalf("the server does not know %q", id)
	}
	return c, s
}

func TestMessagePack(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{Parser: msgpack.New()}, func(t *testing.T, r *rig) {
		var seen []string
		r.srv.OnAnyOutgoing(func(_ context.Context, _ *socketio.Socket, p *socketio.Packet) error {
			seen = append(seen, p.Event())
			return nil
		})
		type note struct {
			Text string `json:"text"`
			Data []byte `json:"data"`
		}
		socketio.On(r.srv, "note", func(_ context.Context, s *socketio.Socket, n note) error { return s.Broadcast().Emit("note", n) })
		socketio.Handle(r.srv, "size", func(_ context.Context, _ *socketio.Socket, b []byte) (int, error) { return len(b), nil })
		r.srv.OnPacket("relay", func(_ context.Context, s *socketio.Socket, p *socketio.Packet) error {
			return s.Emit("relayed", p.Args().Raw(0))
		})
		socketio.Handle(r.srv, "fail", func(context.Context, *socketio.Socket, struct{}) (int, error) {
			return 0, &socketio.Error{Message: "no"}
		})
		a, s := r.packed()
		b, _ := r.packed()

		const arg = "\x82\xa4text\xa1x\xa4data\xc4\x02\x00\xff"
		a.sendBinary(packEvent + "\x92\xa4note" + arg)
		b.expectBinary(packEvent + "\x92\xa4note" + arg)
		a.sendBinary(packCall + "\x07\xa4data\x92\xa4size\xc4\x03abc")
		a.expectBinary(packAck + "\x07\xa4data\x91\x03")
		a.sendBinary(packCall + "\x08\xa4data\x91\xa4fail")
		a.expectBinary(packAck + "\x08\xa4data\x91\x81\xa5error\x81\xa7message\xa2no")
		a.sendBinary(packEvent + "\x92\xa5relay\xd4\x00\x00")
		a.expectBinary(packEvent + "\x92\xa7relayed\xd4\x00\x00")
		must(t, r.srv.Emit("all", 1))
		a.expectBinary(packEvent + "\x92\xa3all\x01")
		b.expectBinary(packEvent + "\x92\xa3all\x01")

		answer := make(chan string, 1)
		go func() {
			args, err := s.Call(t.Context(), "who")
			var n note
			if err = errors.Join(err, args.Decode(0, &n)); err != nil {
				t.Error(err)
			}
			answer <- n.Text + string(n.Data)
		}()
		a.expectBinary(packCall + "\x00\xa4data\x91\xa3who")
		a.sendBinary(packAck + "\x00\xa4data\x91" + arg)
		equal(t, "answer", wait(t, "answer", answer), "x\x00\xff")

		s.Disconnect()
		a.expectBinary("\x82\xa4type\x01\xa3nsp\xa1/")
		synctest.Wait()
		equal(t, "seen", strings.Join(seen, " "), "note relayed all all who")
	})
}

func TestMessagePackOverPolling(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{Parser: msgpack.New()}, func(t *testing.T, r *rig) {
		p := r.poller()
		equal(t, "answer to the POST", p.post("b"+base64.StdEncoding.EncodeToString([]byte(packConnect))), "ok")
		if got := p.get(); !strings.HasPrefix(got, "b") || strings.ContainsRune(got, '\x1e') {
			t.Errorf("got %q, want one binary packet", got)
		}
	})
}

func TestMessagePackRefusesOthers(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{Parser: msgpack.New()}, func(t *testing.T, r *rig) {
		ends := r.ends()
		c := r.dial()
		c.send("0")
		c.closed()
		c, _ = r.packed()
		c.sendBinary(packEvent + "\xdd\xff\xff\xff\xff")
		if why := wait(t, "end", ends); !errors.Is(why.Err, msgpack.ErrInvalid) {
			t.Errorf("ended with %v", why)
		}
		c.closed()
	})
}

// shouting is a parser of a program's own: JSON with names of events in capitals.
type shouting struct{ siowire.Parser }

func (s shouting) AppendArgs(dst []byte, h siowire.Header, name string, args []any) ([]byte, [][]byte, error) {
	return s.Parser.AppendArgs(dst, h, strings.ToUpper(name), args)
}

func TestParserOfOnesOwn(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{Parser: shouting{siowire.JSON()}}, func(t *testing.T, r *rig) {
		c, s := r.socket()
		must(t, s.Emit("hello", 1))
		must(t, r.srv.Emit("everybody", []byte{2}))
		c.expect(`2["HELLO",1]`, `51-["EVERYBODY",{"_placeholder":true,"num":0}]`)
		c.expectBinary("\x02")
	})
}
