package websocket_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/sockeye-io/sockeye/engineio/eiowire"
	"github.com/sockeye-io/sockeye/engineio/transport/transporttest"
	"github.com/sockeye-io/sockeye/engineio/transport/websocket"
	"github.com/sockeye-io/sockeye/internal/memnet"
	"github.com/sockeye-io/sockeye/internal/netconn"
)

func TestContract(t *testing.T) {
	t.Parallel()
	transporttest.Run(t, transporttest.Factory{
		Connect: func(t *testing.T, n transporttest.Near) transporttest.Link {
			client, near := memnet.Pipe(memnet.Options{})
			return link(t, n, near, &peer{nc: client, reset: client.Cut})
		},
	})
}

func TestContractOverTCP(t *testing.T) {
	t.Parallel()
	transporttest.Run(t, transporttest.Factory{
		Real: true,
		Connect: func(t *testing.T, n transporttest.Near) transporttest.Link {
			client, near := tcp(t)
			return link(t, n, netconn.New(near, nil), &peer{nc: client, reset: func() {
				_ = client.SetLinger(0)
				_ = client.Close()
			}})
		},
	})
}

// TestContractOverAnyConn runs over a connection whose writes wait, as TLS does.
func TestContractOverAnyConn(t *testing.T) {
	t.Parallel()
	transporttest.Run(t, transporttest.Factory{
		Real: true,
		Connect: func(t *testing.T, n transporttest.Near) transporttest.Link {
			client, near := tcp(t)
			return link(t, n, netconn.New(struct{ net.Conn }{near}, nil), &peer{nc: client, reset: func() {
				_ = client.SetLinger(0)
				_ = client.Close()
			}})
		},
	})
}

func link(t *testing.T, n transporttest.Near, near netconn.Conn, p *peer) transporttest.Link {
	t.Helper()
	p.in = bufio.NewReader(p.nc)
	c := websocket.New(near, &websocket.Config{MaxPayload: n.MaxPayload, CloseTimeout: n.CloseTimeout, Group: n.Group}, n.Sink, n.Queue)
	c.Attach(n.Sink)
	if !c.Start() {
		t.Fatal("Start failed")
	}
	return transporttest.Link{Transport: c, Finish: c.Finish, Peer: p}
}

// tcp returns the two ends of a connection over the loopback interface.
func tcp(t *testing.T) (client, near *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return c.(*net.TCPConn), s.(*net.TCPConn)
}

// peer is a WebSocket client.
type peer struct {
	nc    net.Conn
	in    *bufio.Reader
	reset func()
}

// until lets ctx end a read or a write.
func until(ctx context.Context, set func(time.Time) error) (stop func() bool) {
	return context.AfterFunc(ctx, func() { _ = set(time.Unix(1, 0)) })
}

func (p *peer) Send(ctx context.Context, packets ...eiowire.Packet) error {
	defer until(ctx, p.nc.SetWriteDeadline)()
	var b []byte
	for _, packet := range packets {
		if packet.Binary {
			b = append(b, frame(fin|binry, string(packet.Data))...)
		} else {
			b = append(b, frame(fin|text, string(eiowire.Append(nil, packet)))...)
		}
	}
	_, err := p.nc.Write(b)
	return err
}

func (p *peer) Receive(ctx context.Context) (eiowire.Packet, error) {
	defer until(ctx, p.nc.SetReadDeadline)()
	for {
		f, err := ws.ReadFrame(p.in)
		if err != nil {
			return eiowire.Packet{}, err
		}
		switch f.Header.OpCode {
		case ws.OpClose:
			_, _ = p.nc.Write(frame(fin|closes, string(f.Payload))) // it may have closed first
			_ = p.nc.Close()
			return eiowire.Packet{}, io.EOF
		case ws.OpBinary:
			return eiowire.Packet{Type: eiowire.Message, Binary: true, Data: f.Payload}, nil
		case ws.OpText:
			return eiowire.Decode(f.Payload)
		default: // pings and pongs are nothing to the session
		}
	}
}

func (p *peer) Close(ctx context.Context) error {
	if _, err := p.nc.Write(frame(fin|closes, code(1000, ""))); err != nil {
		return err
	}
	if _, err := p.Receive(ctx); !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

func (p *peer) Vanish() { p.reset() }
