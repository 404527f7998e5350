//go:build linux

package load

import (
	"context"
	"fmt"
)

// Run carries out one run and returns what it measured. It takes the time to
// connect plus Warmup, Duration and at most Patience; canceling ctx ends it within
// 20 ms, polling within one round trip, with the context's cause. The first wrong reply, closed
// connection or refused handshake ends it with an error. All
// sockets are closed when it returns.
func Run(ctx context.Context, c Config) (Result, error) {
	cfg, err := c.prepare()
	if err != nil {
		return Result{}, err
	}
	r := Result{Mode: cfg.Mode, Conns: cfg.Conns, InFlight: cfg.InFlight, Payload: cfg.Payload}
	if cfg.PID != 0 {
		if r.RSSBefore, err = processRSS(cfg.PID); err != nil {
			return Result{}, err
		}
	}
	if cfg.Mode == Polling {
		err = runPolling(ctx, cfg, &r)
	} else {
		err = runLoop(ctx, cfg, &r)
	}
	if err != nil {
		return Result{}, fmt.Errorf("load: %s: %w", cfg.Mode, err)
	}
	return r, nil
}

// worker is a mode that has a window.
type worker interface {
	driver
	// begin connects and sends what keeps the loop going from then on.
	begin(ctx context.Context) error
	// stop makes the mode send nothing more.
	stop()
	// idle reports whether every message was answered.
	idle() bool
	// done returns the number of units completed and the times they took.
	done() (int64, *histogram)
}

// runLoop carries out a mode on WebSocket connections.
func runLoop(ctx context.Context, cfg Config, r *Result) error {
	l, err := newLoop(cfg)
	if err != nil {
		return err
	}
	defer l.close()
	switch cfg.Mode {
	case Echo:
		return l.work(ctx, newEcho(l), r)
	case Broadcast:
		return l.work(ctx, newBroadcast(l), r)
	case Connect:
		return l.work(ctx, newConnect(l), r)
	default:
		return l.hold(ctx, r)
	}
}

// work runs a worker through warm-up, window and the last replies.
func (l *loop) work(ctx context.Context, w worker, r *Result) error {
	l.mode = w
	if err := w.begin(ctx); err != nil {
		return err
	}
	if err := l.runFor(ctx, l.cfg.Warmup); err != nil {
		return err
	}
	units, times := w.done()
	times.reset()
	m := meter{pid: l.cfg.PID}
	if err := m.open(units); err != nil {
		return err
	}
	if err := l.runFor(ctx, l.cfg.Duration); err != nil {
		return err
	}
	units, _ = w.done()
	if err := m.close(units, times, r); err != nil {
		return err
	}
	if err := l.readRSS(r); err != nil {
		return err
	}
	w.stop()
	if err := l.runUntil(ctx, w.idle); err != nil {
		return err
	}
	r.Verified, _ = w.done()
	if r.Units == 0 {
		return fmt.Errorf("nothing was answered in %v", l.cfg.Duration)
	}
	return nil
}

func (l *loop) readRSS(r *Result) (err error) {
	if l.cfg.PID != 0 {
		r.RSSAfter, err = processRSS(l.cfg.PID)
	}
	return err
}
