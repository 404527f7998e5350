//go:build linux

package load

import (
	"context"
	"fmt"
)

// idle is the driver of Idle: it expects nothing but heartbeats.
type idle struct{}

func (idle) join(*conn) error { return nil }

func (idle) packet(_ *conn, p []byte) error {
	return fmt.Errorf("unexpected packet %.100q", p)
}

func (idle) turn(*conn) error { return nil }

// hold connects all, waits for Settle and reads the server's memory.
func (l *loop) hold(ctx context.Context, r *Result) error {
	l.mode = idle{}
	m := meter{pid: l.cfg.PID}
	if err := m.open(0); err != nil {
		return err
	}
	if err := l.dialAll(ctx); err != nil {
		return err
	}
	if err := m.close(int64(l.joined), &histogram{}, r); err != nil {
		return err
	}
	if err := l.runFor(ctx, l.cfg.Settle); err != nil {
		return err
	}
	if err := l.readRSS(r); err != nil {
		return err
	}
	r.Verified = int64(l.joined)
	r.Memory = float64(r.RSSAfter-r.RSSBefore) / float64(l.joined)
	return nil
}
