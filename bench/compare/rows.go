//go:build linux

package main

import (
	"strconv"
	"time"

	"github.com/sockeye-io/sockeye/bench/load"
)

// row is one line of the table: a kind of work that every peer is measured at.
type row struct {
	name   string
	unit   string
	config load.Config // without the server
	aim    aim
}

// aim is what the design asks of Sockeye's median.
type aim struct {
	ratio float64 // at most this share of Node's figure, or
	value float64 // at most this, in the row's own measure
}

// value returns what the row compares: kB of memory for idle, us of CPU otherwise.
func (r row) value(res load.Result) float64 {
	if r.config.Mode == load.Idle {
		return res.Memory / 1000
	}
	return res.CPU
}

// measure names what value returns.
func (r row) measure() string {
	if r.config.Mode == load.Idle {
		return "kB per connection"
	}
	return "us per " + r.unit
}

// rows returns the comparison's lines. Quick ones measure for a shorter time;
// the warm-up stays long enough for a just-in-time compiler.
func rows(quick bool) []row {
	warmup, window := 2*time.Second, 3*time.Second
	if quick {
		warmup, window = time.Second, time.Second
	}
	config := func(mode load.Mode, conns, inFlight int) load.Config {
		return load.Config{Mode: mode, Conns: conns, InFlight: inFlight, Payload: 128, Warmup: warmup, Duration: window}
	}
	return []row{
		{"echo, 64 connections, 1 in flight", "message", config(load.Echo, 64, 1), aim{ratio: 0.50}},
		{"echo, 64 connections, 16 in flight", "message", config(load.Echo, 64, 16), aim{ratio: 0.12}},
		{"broadcast to 2,000, 1 in flight", "delivery", config(load.Broadcast, 2000, 1), aim{ratio: 0.65}},
		{"broadcast to 2,000, 16 in flight", "delivery", config(load.Broadcast, 2000, 16), aim{ratio: 0.15}},
		{"10,000 idle connections", "connection", config(load.Idle, 10000, 1), aim{value: 7}},
		{"connect, CONNECT, drop", "connection", config(load.Connect, 32, 1), aim{ratio: 0.20}},
		{"polling echo, 32 clients", "round trip", config(load.Polling, 32, 1), aim{ratio: 0.50}},
	}
}

// args returns the flags of sioload for this row against a server.
func (r row) args(addr string, pid int) []string {
	c := r.config
	return []string{
		"-addr", addr,
		"-pid", strconv.Itoa(pid),
		"-mode", string(c.Mode),
		"-conns", strconv.Itoa(c.Conns),
		"-inflight", strconv.Itoa(c.InFlight),
		"-payload", strconv.Itoa(c.Payload),
		"-warmup", c.Warmup.String(),
		"-duration", c.Duration.String(),
	}
}
