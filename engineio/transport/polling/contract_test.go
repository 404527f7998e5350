package polling_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"

	"github.com/sockeye-io/sockeye/engineio/eiowire"
	"github.com/sockeye-io/sockeye/engineio/transport/polling"
	"github.com/sockeye-io/sockeye/engineio/transport/transporttest"
	"github.com/sockeye-io/sockeye/internal/memnet"
)

func TestContract(t *testing.T) {
	t.Parallel()
	transporttest.Run(t, transporttest.Factory{
		Connect: func(t *testing.T, n transporttest.Near) transporttest.Link {
			l := memnet.Listen(memnet.Options{})
			return link(t, n, l, l.DialContext)
		},
	})
}

func TestContractOverTCP(t *testing.T) {
	t.Parallel()
	transporttest.Run(t, transporttest.Factory{
		Real: true,
		Connect: func(t *testing.T, n transporttest.Near) transporttest.Link {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			return link(t, n, l, func(ctx context.Context, network, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, network, l.Addr().String())
			})
		},
	})
}

func link(t *testing.T, n transporttest.Near, l net.Listener, dial func(ctx context.Context, network, addr string) (net.Conn, error)) transporttest.Link {
	t.Helper()
	tr := polling.New(&polling.Config{MaxPayload: n.MaxPayload, CloseTimeout: n.CloseTimeout, Group: n.Group}, n.Sink, n.Queue, 0)
	n.Queue.SetDrainer(tr, true)
	p := &peer{polled: make(chan struct{}, 1), client: &http.Client{Transport: &http.Transport{DialContext: dial}}}
	serve := handler(tr)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			select {
			case p.polled <- struct{}{}:
			default:
			}
		}
		serve(w, r)
	}), ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(l)
	}()
	t.Cleanup(func() {
		// Requests end with the transport: they are waited for.
		if err := server.Shutdown(context.Background()); err != nil {
			t.Errorf("server: %v", err)
		}
		<-served
		p.client.CloseIdleConnections()
	})
	return transporttest.Link{Transport: tr, Finish: func() { tr.Finish() }, Peer: p}
}

// peer is a polling client. It has no GET open between two calls of Receive.
type peer struct {
	client *http.Client
	polled chan struct{}    // a GET has reached the server
	come   []eiowire.Packet // of the last GET
	ended  bool
}

// do sends a request and returns the body of a good answer.
func (p *peer) do(ctx context.Context, method string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://example.test/", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %d", resp.StatusCode)
	}
	return b, err
}

func (p *peer) Send(ctx context.Context, packets ...eiowire.Packet) error {
	_, err := p.do(ctx, http.MethodPost, eiowire.AppendPayload(nil, packets...))
	return err
}

func (p *peer) Receive(ctx context.Context) (eiowire.Packet, error) {
	for {
		if p.ended {
			return eiowire.Packet{}, io.EOF
		}
		for len(p.come) > 0 {
			packet := p.come[0]
			p.come = p.come[1:]
			switch packet.Type {
			case eiowire.Noop:
			case eiowire.Close:
				p.ended = true
				return eiowire.Packet{}, io.EOF
			default:
				return packet, nil
			}
		}
		body, err := p.do(ctx, http.MethodGet, nil)
		if err != nil {
			return eiowire.Packet{}, err
		}
		for packet, err := range eiowire.Payload(body) {
			if err != nil {
				return eiowire.Packet{}, err
			}
			p.come = append(p.come, packet)
		}
	}
}

func (p *peer) Close(ctx context.Context) error {
	return p.Send(ctx, eiowire.Packet{Type: eiowire.Close})
}

// Vanish goes away from an open GET: with none open, nobody could know.
func (p *peer) Vanish() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	select {
	case <-p.polled: // that was an earlier one
	default:
	}
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		_, _ = p.do(ctx, http.MethodGet, nil)
	}()
	select {
	case <-p.polled:
	case <-gone: // answered already, or refused
	}
	cancel()
	<-gone
}
