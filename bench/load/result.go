//go:build linux

package load

import "time"

// Result is what one run measured. The unit is the message (echo, polling: one
// round trip), the delivery (broadcast) or the connection (idle, connect).
type Result struct {
	Mode     Mode `json:"mode"`
	Conns    int  `json:"conns"`
	InFlight int  `json:"in_flight"`
	Payload  int  `json:"payload_bytes"`

	// Seconds is the length of the measured window; for idle the time it took to connect all.
	Seconds float64 `json:"seconds"`

	// Units is the number of units completed and verified in the window.
	Units int64 `json:"units"`

	// Verified is the number of units found right in the whole run, with
	// warm-up and the replies that came after the window: all that were sent.
	Verified int64 `json:"verified"`

	// PerSecond is Units divided by Seconds.
	PerSecond float64 `json:"per_second"`

	// CPU is the server's user and system time per unit in microseconds, 0 without a PID.
	CPU float64 `json:"server_cpu_us_per_unit"`

	// Load is the share of one core that the server used in the window.
	Load float64 `json:"server_load"`

	// GeneratorLoad is the share of one core that this process used in the
	// window. Near 1 together with a low Load it was the generator that set the pace.
	GeneratorLoad float64 `json:"generator_load"`

	// P50 and P99 are quantiles of the time from sending to receiving in
	// microseconds, within 3 %: of an echo or a round trip, of a delivery, of a connection. 0 for idle.
	P50 float64 `json:"p50_us"`
	P99 float64 `json:"p99_us"`

	// RSSBefore and RSSAfter are the server's resident memory in bytes before the first
	// connection and at the end of the window, for idle Settle after the last connect.
	RSSBefore int64 `json:"server_rss_before"`
	RSSAfter  int64 `json:"server_rss_after"`

	// Memory is the growth of the server's resident memory in bytes per
	// connection, as found. Only for idle.
	Memory float64 `json:"server_bytes_per_connection,omitempty"`
}

// meter takes the readings at both ends of a window.
type meter struct {
	pid   int
	start time.Time
	at    usage // at the start of the window
}

// usage is one reading.
type usage struct {
	server, self time.Duration // CPU time
	units        int64
}

func (m *meter) read(units int64) (usage, error) {
	u := usage{units: units}
	var err error
	if u.self, err = ownCPU(); err != nil {
		return u, err
	}
	if m.pid != 0 {
		u.server, err = processCPU(m.pid)
	}
	return u, err
}

// open begins the window when units have been completed so far.
func (m *meter) open(units int64) (err error) {
	m.at, err = m.read(units)
	m.start = time.Now()
	return err
}

// close ends the window and enters its figures into r.
func (m *meter) close(units int64, h *histogram, r *Result) error {
	took := time.Since(m.start)
	end, err := m.read(units)
	if err != nil {
		return err
	}
	r.Seconds = took.Seconds()
	r.Units = end.units - m.at.units
	r.PerSecond = float64(r.Units) / r.Seconds
	r.Load = (end.server - m.at.server).Seconds() / r.Seconds
	r.GeneratorLoad = (end.self - m.at.self).Seconds() / r.Seconds
	if r.Units > 0 {
		r.CPU = float64((end.server - m.at.server).Microseconds()) / float64(r.Units)
	}
	r.P50, r.P99 = h.quantile(0.50), h.quantile(0.99)
	return nil
}
