package engineio

import (
	"compress/flate"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"time"
)

// Names of the transports.
const (
	Polling   = "polling"
	WebSocket = "websocket"
)

// Defaults of Options.
const (
	DefaultPingInterval   = 25 * time.Second
	DefaultPingTimeout    = 20 * time.Second
	DefaultUpgradeTimeout = 10 * time.Second
	DefaultCloseTimeout   = 5 * time.Second
	DefaultMaxPayload     = 1_000_000
	DefaultOutboundLimit  = 1 << 20
	// DefaultPollPackets is for clients that may be python-engineio, which
	// gives up on a payload of more packets.
	DefaultPollPackets = 16
)

// Options configure a Server. The zero value is a working, safe server. A
// negative number or duration is an error wherever the field does not say what
// it means.
type Options struct {
	// PingInterval is the time from a pong (or the start) to the next ping.
	// Zero means 25 s. Clients are told in whole milliseconds.
	PingInterval time.Duration
	// PingTimeout is how long a pong may take before the session ends with
	// ReasonPingTimeout. Zero means 20 s.
	PingTimeout time.Duration
	// UpgradeTimeout is how long an upgrade may take from the WebSocket
	// handshake to the upgrade packet. When it is over, the WebSocket is closed
	// and the session goes on over polling. Zero means 10 s.
	UpgradeTimeout time.Duration
	// CloseTimeout is how long a session that is closed may take to deliver
	// what was queued before. Zero means 5 s.
	CloseTimeout time.Duration

	// MaxPayload is the largest message, and the largest body of a POST, that a
	// client may send, in bytes. Clients are told. A larger one ends the
	// session with ErrMessageTooLarge. Zero means 1,000,000.
	MaxPayload int
	// OutboundLimit is how many bytes may wait for one peer, on top of what the
	// operating system buffers. A write that finds more ends the session with
	// ReasonSlowConsumer. A single larger message passes when nothing else
	// waits. Zero means 1 MiB.
	OutboundLimit int
	// PollPackets is how many packets one answer to a poll carries at most.
	// Zero means 16 for clients that may be python-engineio (it refuses more)
	// and no limit for browsers and Node.js; negative means no limit.
	PollPackets int

	// Transports are the transports that clients may use. Nil means Polling
	// and WebSocket.
	Transports []string
	// DisableUpgrades keeps polling sessions on polling.
	DisableUpgrades bool
	// InitialMessage, if not empty, is a text message that every session
	// receives right behind its OPEN packet.
	InitialMessage string

	// AllowEIO3 lets clients connect that speak version 3 of the protocol, as those
	// of Socket.IO 1 and 2 do. Without it they are refused with
	// CodeUnsupportedVersion. The client of such a session keeps the heartbeat: the
	// session ends with ReasonPingTimeout when no ping has come for PingInterval and
	// PingTimeout together.
	AllowEIO3 bool

	// CORS decides which origins may connect. The zero value allows the
	// server's own origin only.
	CORS CORS
	// TrustedProxies are the networks of proxies whose X-Forwarded-For,
	// X-Forwarded-Proto and X-Forwarded-Host headers count. Nil means none.
	TrustedProxies []netip.Prefix
	// KeepHeaders are the request headers that Handshake.Header keeps. Nil
	// means all but Connection, Upgrade and Sec-WebSocket-*; empty means none.
	// Every kept header costs its length in memory for each connection.
	KeepHeaders []string

	// Cookie, if set, makes the cookie that the answer to a handshake sets, on
	// either transport; nil sets none. SessionCookie makes the usual one. A load balancer
	// may use it to keep a session's requests on one server. It is called concurrently.
	Cookie func(r *http.Request, sid string) *http.Cookie
	// Headers, if set, may change the headers of the answer to an accepted
	// request, that to a WebSocket handshake included. The request of a handshake
	// has no sid in its query. It is called concurrently.
	Headers func(h http.Header, r *http.Request, sid string)

	// PerMessageDeflate, if set, compresses WebSocket messages for clients that offer it
	// (permessage-deflate, RFC 7692). It costs processor time for each message
	// and nothing for an idle connection: no window is kept between messages, and
	// a broadcast is compressed once. Answers to polls have Compressors.
	PerMessageDeflate *PerMessageDeflate

	// Compressors are the content codings for answers to polls, in order of
	// preference. Nil means gzip and deflate; empty means none.
	Compressors []Compressor
	// CompressionThreshold is the smallest answer that is compressed, in bytes.
	// Zero means 1024.
	CompressionThreshold int

	// Handshake, if set, is asked about each new session before it exists, on
	// either transport. An error refuses it with status 403; its text is sent to
	// the peer if it is a *RefusalError, "Forbidden" otherwise. The value is kept as
	// Session.Handshake().Value: whatever of the request the application needs
	// later, as the request itself is not kept. It may block; the request's
	// context ends the wait. It is called concurrently.
	Handshake func(*http.Request) (any, error)
	// GenerateID, if set, makes session ids. An id must be unique, not empty
	// and hard to guess: it authorizes requests for its session. An error refuses the
	// session. It is called concurrently.
	GenerateID func(*http.Request) (string, error)
	// OnConnectionError, if set, is told about each refused request, before it
	// is answered. It is called concurrently.
	OnConnectionError func(*ConnectionError)

	// Logger receives what goes wrong without anybody to return an error to.
	// Nil means slog.Default().
	Logger *slog.Logger
}

// PerMessageDeflate configures the compression of WebSocket messages. The zero value
// compresses messages of 1,024 bytes and more, at flate.BestSpeed.
type PerMessageDeflate struct {
	// Threshold is the smallest message that is compressed, in bytes. Zero means
	// 1024.
	Threshold int
	// Level is a level of package compress/flate, from 1 to 9. Zero means 1,
	// flate.BestSpeed: higher ones cost much for little on small messages.
	Level int
}

// check returns what is wrong with d.
func (d *PerMessageDeflate) check() []error {
	var faults []error
	if d.Threshold < 0 {
		faults = append(faults, fmt.Errorf("engineio: Options.PerMessageDeflate.Threshold is %d: must not be negative (0 means %d)", d.Threshold, DefaultCompressionThreshold))
	}
	if d.Level < 0 || d.Level > flate.BestCompression {
		faults = append(faults, fmt.Errorf("engineio: Options.PerMessageDeflate.Level is %d: must be from 1 to 9 (0 means 1)", d.Level))
	}
	return faults
}

// RefusalError is an error of Options.Handshake whose text the peer is told.
type RefusalError struct {
	Message string
}

// Error returns the message.
func (r *RefusalError) Error() string { return r.Message }

// withDefaults returns o with zero values replaced, or all that is wrong with it.
func (o Options) withDefaults() (Options, error) {
	var faults []error
	duration := func(name string, v *time.Duration, def time.Duration) {
		switch {
		case *v < 0:
			faults = append(faults, fmt.Errorf("engineio: Options.%s is %v: must not be negative (0 means %v)", name, *v, def))
		case *v == 0:
			*v = def
		case *v < time.Millisecond:
			faults = append(faults, fmt.Errorf("engineio: Options.%s is %v: must be at least 1ms", name, *v))
		}
	}
	size := func(name string, v *int, def int) {
		switch {
		case *v < 0:
			faults = append(faults, fmt.Errorf("engineio: Options.%s is %d: must not be negative (0 means %d)", name, *v, def))
		case *v == 0:
			*v = def
		}
	}
	duration("PingInterval", &o.PingInterval, DefaultPingInterval)
	duration("PingTimeout", &o.PingTimeout, DefaultPingTimeout)
	duration("UpgradeTimeout", &o.UpgradeTimeout, DefaultUpgradeTimeout)
	duration("CloseTimeout", &o.CloseTimeout, DefaultCloseTimeout)
	size("MaxPayload", &o.MaxPayload, DefaultMaxPayload)
	size("OutboundLimit", &o.OutboundLimit, DefaultOutboundLimit)
	size("CompressionThreshold", &o.CompressionThreshold, DefaultCompressionThreshold)
	if o.Compressors == nil {
		o.Compressors = []Compressor{Gzip(), Deflate()}
	}
	for i, c := range o.Compressors {
		if c == nil {
			faults = append(faults, fmt.Errorf("engineio: Options.Compressors[%d] is nil", i))
		}
	}
	if o.Transports == nil {
		o.Transports = []string{Polling, WebSocket}
	}
	if len(o.Transports) == 0 {
		faults = append(faults, errors.New("engineio: Options.Transports is empty: name at least one, or leave it nil for polling and websocket"))
	}
	for i, t := range o.Transports {
		if t != Polling && t != WebSocket {
			faults = append(faults, fmt.Errorf("engineio: Options.Transports[%d] is %q: the transports are %q and %q", i, t, Polling, WebSocket))
		}
	}
	for i, p := range o.TrustedProxies {
		if !p.IsValid() {
			faults = append(faults, fmt.Errorf("engineio: Options.TrustedProxies[%d] is not a valid network", i))
		}
	}
	faults = append(faults, o.CORS.check()...)
	if o.PerMessageDeflate != nil {
		faults = append(faults, o.PerMessageDeflate.check()...)
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	o.Transports = slices.Clone(o.Transports)
	o.TrustedProxies = slices.Clone(o.TrustedProxies)
	return o, errors.Join(faults...)
}
