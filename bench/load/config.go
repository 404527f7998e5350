//go:build linux

package load

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
	"time"
)

// Mode names the kind of work that a run consists of.
type Mode string

// The modes. The package comment says what each one does.
const (
	Echo      Mode = "echo"
	Broadcast Mode = "broadcast"
	Idle      Mode = "idle"
	Connect   Mode = "connect"
	Polling   Mode = "polling"
)

// Config describes one run. Zero means the default in every field but Mode and
// Addr, which must be set; negative values are refused.
type Config struct {
	Mode Mode

	// Addr is the server's IPv4 address and port, as "127.0.0.1:3000".
	Addr string

	// Path is the path of the Socket.IO endpoint. Default "/socket.io/".
	Path string

	// PID is the server process whose CPU time and memory are read. 0 means
	// that none is: the result's server figures are 0, and the mode Idle is refused.
	PID int

	// Conns is the number of connections, for Connect the number of lanes.
	// Default 64 for Echo, 2,000 for Broadcast, 10,000 for Idle, 32 for Connect and Polling.
	Conns int

	// InFlight is the window of Echo (per connection) and Broadcast (in all),
	// 1 to 32. Default 1. The other modes ignore it.
	InFlight int

	// Payload is the length of the string that is sent, in bytes, at least 8. Default 128.
	Payload int

	// Warmup is how long the load runs before the measured window. Default 1 s.
	// Idle has none.
	Warmup time.Duration

	// Duration is the length of the measured window. Default 3 s. Idle has none.
	Duration time.Duration

	// Settle is how long Idle holds the connections before it reads the
	// server's memory. Default 4 s.
	Settle time.Duration

	// Patience bounds every wait for the server outside the windows: how long
	// connecting may go without a success and how long the last replies may
	// take after the window. Default 10 s.
	Patience time.Duration

	// Browser adds the headers that a browser with a few cookies sends to
	// every handshake, about 1 kB. Polling ignores it.
	Browser bool
}

// maxInFlight bounds Config.InFlight: half of the ring, so that a reply that
// others overtook is told apart from one that is missing.
const maxInFlight = ringSize / 2

// prepare fills in the defaults and reports all faults at once.
func (c Config) prepare() (Config, error) {
	var faults []error
	conns := map[Mode]int{Echo: 64, Broadcast: 2000, Idle: 10000, Connect: 32, Polling: 32}
	if conns[c.Mode] == 0 {
		faults = append(faults, fmt.Errorf("mode %q is unknown", c.Mode))
	}
	if _, err := parseAddr(c.Addr); err != nil {
		faults = append(faults, err)
	}
	for _, n := range []struct {
		name       string
		field      *int
		byDefault  int
		min, limit int
	}{
		{"conns", &c.Conns, conns[c.Mode], 1, 60000},
		{"in flight", &c.InFlight, 1, 1, maxInFlight},
		{"payload", &c.Payload, 128, 8, 16384},
	} {
		if *n.field == 0 {
			*n.field = n.byDefault
		}
		if *n.field < n.min || *n.field > n.limit {
			faults = append(faults, fmt.Errorf("%s is %d, must be %d to %d", n.name, *n.field, n.min, n.limit))
		}
	}
	for _, d := range []struct {
		name      string
		field     *time.Duration
		byDefault time.Duration
	}{
		{"warm-up", &c.Warmup, time.Second},
		{"duration", &c.Duration, 3 * time.Second},
		{"settle", &c.Settle, 4 * time.Second},
		{"patience", &c.Patience, 10 * time.Second},
	} {
		if *d.field == 0 {
			*d.field = d.byDefault
		}
		if *d.field < 0 || *d.field > 10*time.Minute {
			faults = append(faults, fmt.Errorf("%s is %v, must be up to 10 min", d.name, *d.field))
		}
	}
	if c.Path == "" {
		c.Path = "/socket.io/"
	}
	if c.PID < 0 || c.PID == 0 && c.Mode == Idle {
		faults = append(faults, fmt.Errorf("pid is %d, must name the server's process", c.PID))
	}
	if err := checkFiles(c.Conns); err != nil {
		faults = append(faults, err)
	}
	if len(faults) > 0 {
		return c, fmt.Errorf("load: %w", errors.Join(faults...))
	}
	return c, nil
}

// checkFiles reports whether this process may open n sockets.
func checkFiles(n int) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("getrlimit: %w", err)
	}
	const ours = 32 // the runtime's own files, with room
	if uint64(n)+ours > limit.Cur {
		return fmt.Errorf("%d connections need %d open files, the limit is %d", n, n+ours, limit.Cur)
	}
	return nil
}

// parseAddr turns "127.0.0.1:3000" into a socket address.
func parseAddr(s string) (*syscall.SockaddrInet4, error) {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return nil, fmt.Errorf("addr %q: %w", s, err)
	}
	ip := net.ParseIP(host).To4()
	number, err := strconv.ParseUint(port, 10, 16)
	if ip == nil || err != nil || number == 0 {
		return nil, fmt.Errorf("addr %q is no IPv4 address with a port", s)
	}
	return &syscall.SockaddrInet4{Port: int(number), Addr: [4]byte(ip)}, nil
}
