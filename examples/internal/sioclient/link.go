package sioclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
)

const host = "server.test"

type webSocket struct {
	conn net.Conn
	rw   io.ReadWriter
}

func openWebSocket(tb testing.TB, dial DialFunc, o Options) (link, int, error) {
	tb.Helper()
	return dialWebSocket(tb.Context(), dial, o.Header, o.Path+"?EIO=4&transport=websocket")
}

func dialWebSocket(ctx context.Context, dial DialFunc, header http.Header, target string) (link, int, error) {
	d := ws.Dialer{NetDial: dial, Header: ws.HandshakeHeaderHTTP(header)}
	conn, br, _, err := d.Dial(ctx, "ws://"+host+target)
	if status, ok := errors.AsType[ws.StatusError](err); ok {
		return nil, int(status), nil
	}
	if err != nil {
		return nil, 0, err
	}
	l := &webSocket{conn: conn, rw: conn}
	if br != nil { // it holds what came right behind the handshake
		l.rw = struct {
			io.Reader
			io.Writer
		}{br, conn}
	}
	return l, http.StatusSwitchingProtocols, nil
}

func (l *webSocket) read() (string, error) {
	packet, err := wsutil.ReadServerText(l.rw)
	return string(packet), err
}

func (l *webSocket) write(packet string) error {
	return wsutil.WriteClientText(l.conn, []byte(packet))
}

func (l *webSocket) close() error { return l.conn.Close() }

// polling reads with one request after the other, as a browser does.
type polling struct {
	dial   DialFunc
	client *http.Client
	ctx    context.Context
	cancel context.CancelFunc
	header http.Header
	target string   // path and query
	got    []string // packets that no read has taken
}

func openPolling(tb testing.TB, dial DialFunc, o Options) (link, int, error) {
	tb.Helper()
	transport := &http.Transport{DialContext: dial}
	tb.Cleanup(transport.CloseIdleConnections)
	ctx, cancel := context.WithCancel(context.WithoutCancel(tb.Context())) // it is closed after the test
	l := &polling{
		dial:   dial,
		client: &http.Client{Transport: transport},
		ctx:    ctx,
		cancel: cancel,
		header: o.Header,
		target: o.Path + "?EIO=4&transport=polling",
	}
	status, err := l.poll()
	if err != nil || status != http.StatusOK {
		cancel()
		return nil, status, err
	}
	var open struct {
		SID string `json:"sid"`
	}
	if err := json.Unmarshal([]byte(strings.TrimPrefix(l.got[0], "0")), &open); err != nil {
		cancel()
		return nil, status, fmt.Errorf("OPEN packet %q: %w", l.got[0], err)
	}
	l.target += "&sid=" + url.QueryEscape(open.SID)
	return l, status, nil
}

// do makes one request and returns its answer.
func (l *polling) do(method, body string) (int, string, error) {
	req, err := http.NewRequestWithContext(l.ctx, method, "http://"+host+l.target, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	maps.Copy(req.Header, l.header)
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "text/plain;charset=UTF-8")
	}
	resp, err := l.client.Do(req)
	if err != nil {
		return 0, "", err
	}
	answer, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(answer), errors.Join(err, resp.Body.Close())
}

// poll adds the packets of one answer.
func (l *polling) poll() (int, error) {
	status, answer, err := l.do(http.MethodGet, "")
	if err == nil && status == http.StatusOK {
		l.got = append(l.got, strings.Split(answer, "\x1e")...)
	}
	return status, err
}

func (l *polling) read() (string, error) {
	for len(l.got) == 0 {
		status, err := l.poll()
		if err != nil {
			return "", err
		}
		if status != http.StatusOK {
			return "", fmt.Errorf("poll: status %d", status)
		}
	}
	packet := l.got[0]
	l.got = l.got[1:]
	return packet, nil
}

func (l *polling) write(packet string) error {
	status, answer, err := l.do(http.MethodPost, packet)
	if err == nil && (status != http.StatusOK || answer != "ok") {
		err = fmt.Errorf("post: status %d, %q", status, answer)
	}
	return err
}

// upgrade moves the session to a WebSocket and returns that. No packet waits
// meanwhile and no poll is open, so none can be lost.
func (l *polling) upgrade() (link, error) {
	target := strings.Replace(l.target, "transport=polling", "transport=websocket", 1)
	socket, status, err := dialWebSocket(l.ctx, l.dial, l.header, target)
	if err != nil {
		return nil, err
	}
	if socket == nil {
		return nil, fmt.Errorf("upgrade: status %d", status)
	}
	if err := socket.write("2probe"); err != nil {
		return nil, err
	}
	if packet, err := socket.read(); err != nil || packet != "3probe" {
		return nil, fmt.Errorf("upgrade: got packet %q: %w", packet, err)
	}
	return socket, socket.write("5")
}

// vanish sends one more poll and does not wait for its answer.
func (l *polling) vanish() error {
	conn, err := l.dial(l.ctx, "tcp", host)
	if err != nil {
		return err
	}
	l.cancel()
	_, err = io.WriteString(conn, "GET "+l.target+" HTTP/1.1\r\nHost: "+host+"\r\n\r\n")
	return errors.Join(err, conn.Close())
}

// vanish closes the connection, which is all that there is.
func (l *webSocket) vanish() error { return l.conn.Close() }

// close says goodbye: the server would wait for another poll.
func (l *polling) close() error {
	_, _, err := l.do(http.MethodPost, "1")
	l.cancel()
	return err
}
