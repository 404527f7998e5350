//go:build linux

package load

import "context"

// connect is the mode Connect: each lane connects, joins, drops and starts over.
type connect struct {
	l       *loop
	lanes   int // connections on their way
	stopped bool
	units   int64
	times   histogram
}

func newConnect(l *loop) *connect { return &connect{l: l} }

func (m *connect) begin(context.Context) error {
	for m.lanes < m.l.cfg.Conns {
		if err := m.l.dial(m.lanes); err != nil {
			return err
		}
		m.lanes++
	}
	return nil
}

func (m *connect) join(c *conn) error {
	m.times.add(m.l.now - c.dial)
	m.units++
	m.l.drop(c)
	if m.stopped {
		m.lanes--
		return nil
	}
	return m.l.dial(c.slot)
}

func (m *connect) packet(*conn, []byte) error { return nil }
func (m *connect) turn(*conn) error           { return nil }
func (m *connect) stop()                      { m.stopped = true }
func (m *connect) idle() bool                 { return m.lanes == 0 }
func (m *connect) done() (int64, *histogram)  { return m.units, &m.times }
