package main

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/sockeye-io/sockeye/engineio"
)

// serveCommand has the flags of "sockeye serve" as they were written. They are
// strings, and settings reads them all, so that one run reports every fault.
type serveCommand struct {
	Addr            string   `group:"listen" env:"SOCKEYE_ADDR" default:"127.0.0.1:3000" placeholder:"HOST:PORT" help:"Where to listen. \":3000\" is every interface, port 0 picks a free one."`
	Path            string   `group:"listen" env:"SOCKEYE_PATH" default:"/socket.io/" placeholder:"PATH" help:"Where Socket.IO clients connect, as the option \"path\" of theirs."`
	TrustedProxy    []string `group:"listen" env:"SOCKEYE_TRUSTED_PROXY" placeholder:"ADDRESS" help:"Address or network (10.0.0.0/8) whose X-Forwarded headers are believed. May be repeated."`
	ShutdownTimeout string   `group:"listen" env:"SOCKEYE_SHUTDOWN_TIMEOUT" default:"10s" placeholder:"TIME" help:"How long handlers and requests may take to finish after the first signal."`

	PingInterval  string   `group:"sessions" env:"SOCKEYE_PING_INTERVAL" default:"25s" placeholder:"TIME" help:"Time between two pings to a client."`
	PingTimeout   string   `group:"sessions" env:"SOCKEYE_PING_TIMEOUT" default:"20s" placeholder:"TIME" help:"How long a client may take to answer a ping."`
	MaxPayload    string   `group:"sessions" env:"SOCKEYE_MAX_PAYLOAD" default:"1MB" placeholder:"SIZE" help:"Largest message that a client may send."`
	OutboundLimit string   `group:"sessions" env:"SOCKEYE_OUTBOUND_LIMIT" default:"1MiB" placeholder:"SIZE" help:"What may wait for a slow client before it is disconnected."`
	Transports    []string `group:"sessions" env:"SOCKEYE_TRANSPORTS" default:"polling,websocket" placeholder:"NAME" help:"Transports that clients may use: polling, websocket or both."`
	AllowEIO3     bool     `group:"sessions" name:"allow-eio3" env:"SOCKEYE_ALLOW_EIO3" help:"Let clients of Socket.IO 1 and 2 in, which speak version 3 of Engine.IO."`
	CORSOrigin    []string `group:"sessions" name:"cors-origin" env:"SOCKEYE_CORS_ORIGIN" placeholder:"ORIGIN" help:"Origin whose pages may connect, as https://example.org, or * for all. Pages of this server always may. May be repeated."`

	Demo bool `group:"demo" env:"SOCKEYE_DEMO" default:"true" negatable:"" help:"Serve the chat at /, which is the default. With --no-demo the server has no page and answers no event."`

	LogLevel  string `group:"logging" env:"SOCKEYE_LOG_LEVEL" default:"info" placeholder:"LEVEL" help:"debug, info, warn or error."`
	LogFormat string `group:"logging" env:"SOCKEYE_LOG_FORMAT" default:"text" placeholder:"FORMAT" help:"text or json, written to the standard error output."`
}

func groups() []kong.Group {
	return []kong.Group{
		{Key: "listen", Title: "Listening:"},
		{Key: "sessions", Title: "Connections:"},
		{Key: "demo", Title: "Demo:"},
		{Key: "logging", Title: "Logging:"},
	}
}

// Help is shown below the flags.
func (*serveCommand) Help() string {
	return `Every flag can be given as the variable behind it instead; a flag wins. Times are
written as 500ms, 25s or 2m, sizes as 64kB (64,000 bytes) or 64KiB (65,536).

Examples:

    sockeye serve
    sockeye serve --addr :8080 --cors-origin https://app.example.org
    sockeye serve --addr 127.0.0.1:0 --log-format json --log-level debug
    SOCKEYE_TRANSPORTS=websocket sockeye serve --trusted-proxy 10.0.0.0/8

Clients connect with the official library:

    const socket = io("http://127.0.0.1:3000")`
}

// settings are the flags as the program uses them.
type settings struct {
	addr            string
	path            string // begins and ends with a slash
	shutdownTimeout time.Duration
	demo            bool
	engine          engineio.Options // without its Logger
	logLevel        slog.Level
	logJSON         bool
}

// settings reads the flags. The error is a *usageError with every fault.
func (c *serveCommand) settings() (settings, error) {
	var r reader
	s := settings{
		addr:            r.addr("--addr", c.Addr),
		path:            r.path("--path", c.Path),
		shutdownTimeout: r.duration("--shutdown-timeout", c.ShutdownTimeout),
		demo:            c.Demo,
		logLevel:        r.level("--log-level", c.LogLevel),
		logJSON:         r.oneOf("--log-format", c.LogFormat, "text", "json") == "json",
		engine: engineio.Options{
			PingInterval:  r.duration("--ping-interval", c.PingInterval),
			PingTimeout:   r.duration("--ping-timeout", c.PingTimeout),
			MaxPayload:    r.size("--max-payload", c.MaxPayload),
			OutboundLimit: r.size("--outbound-limit", c.OutboundLimit),
			AllowEIO3:     c.AllowEIO3,
		},
	}
	for _, name := range c.Transports {
		s.engine.Transports = append(s.engine.Transports, r.oneOf("--transports", strings.TrimSpace(name), "polling", "websocket"))
	}
	for _, origin := range c.CORSOrigin {
		s.engine.CORS.Origins = append(s.engine.CORS.Origins, r.origin("--cors-origin", origin))
	}
	for _, proxy := range c.TrustedProxy {
		s.engine.TrustedProxies = append(s.engine.TrustedProxies, r.prefix("--trusted-proxy", proxy))
	}
	if len(r.faults) > 0 {
		return settings{}, badUsage([]string{serveName}, r.faults...)
	}
	return s, nil
}

// reader turns the text of flags into values and collects what cannot be one,
// with what to write instead.
type reader struct{ faults []error }

func (r *reader) fault(flag, text, advice string, args ...any) {
	r.faults = append(r.faults, fmt.Errorf("%s=%s: %s", flag, text, fmt.Sprintf(advice, args...)))
}

func (r *reader) addr(flag, text string) string {
	_, port, err := net.SplitHostPort(text)
	if n, numErr := strconv.ParseUint(port, 10, 16); err != nil || numErr != nil || n > 65535 {
		r.fault(flag, text, "write HOST:PORT with a port from 0 to 65535, as 127.0.0.1:3000 or :3000")
	}
	return text
}

func (r *reader) path(flag, text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Path != text || !strings.HasPrefix(text, "/") || strings.Trim(text, "/") == "" || strings.ContainsAny(text, "{}") {
		r.fault(flag, text, "write a path that begins with a slash and has a name, as /socket.io/")
	}
	return strings.TrimRight(text, "/") + "/"
}

func (r *reader) duration(flag, text string) time.Duration {
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		r.fault(flag, text, "write a time above zero with its unit, as 500ms, 25s or 2m")
	}
	return d
}

// size reads a number of bytes with an optional unit.
func (r *reader) size(flag, text string) int {
	units := []struct {
		name  string
		bytes uint64
	}{{"kB", 1e3}, {"MB", 1e6}, {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"B", 1}}
	number, factor := strings.TrimSpace(text), uint64(1)
	for _, u := range units {
		if n, ok := strings.CutSuffix(number, u.name); ok {
			number, factor = strings.TrimSpace(n), u.bytes
			break
		}
	}
	const largest = 1 << 30
	n, err := strconv.ParseUint(number, 10, 32)
	if err != nil || n == 0 || n*factor > largest {
		r.fault(flag, text, "write a size from 1 to 1024MiB, as 500000, 64kB or 1MiB")
		return 0
	}
	return int(n * factor)
}

func (r *reader) level(flag, text string) slog.Level {
	var level slog.Level
	if name := r.oneOf(flag, text, "debug", "info", "warn", "error"); name != "" {
		_ = level.UnmarshalText([]byte(name)) // cannot fail for these four
	}
	return level
}

func (r *reader) oneOf(flag, text string, known ...string) string {
	for _, name := range known {
		if strings.EqualFold(text, name) {
			return name
		}
	}
	r.fault(flag, text, "write %s", strings.Join(known[:len(known)-1], ", ")+" or "+known[len(known)-1])
	return ""
}

func (r *reader) origin(flag, text string) string {
	if text == "*" {
		return text
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme == "" || text != u.Scheme+"://"+u.Host {
		r.fault(flag, text, "write scheme and host without a path, as https://example.org or http://localhost:5173, or *")
	}
	return text
}

func (r *reader) prefix(flag, text string) netip.Prefix {
	if a, err := netip.ParseAddr(text); err == nil {
		return netip.PrefixFrom(a, a.BitLen())
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		r.fault(flag, text, "write an address or a network, as 127.0.0.1, 10.0.0.0/8 or fd00::/8")
	}
	return p
}
