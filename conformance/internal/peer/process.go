package peer

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// A Command says what to run.
type Command struct {
	Path string
	Args []string
	Dir  string
	Env  []string      // added to the environment
	Life time.Duration // the process is killed after this; zero means two minutes
}

// A Process is a running program. Its output lines are read with Line, its standard input is Stdin.
type Process struct {
	Stdin io.WriteCloser

	// static
	cmd    *exec.Cmd
	cancel context.CancelFunc
	lines  chan string
	exited chan struct{}

	// guarded by mu
	mu     sync.Mutex
	stderr bytes.Buffer

	// set before exited is closed
	err error
}

// maxLog bounds what is kept of a process's standard error.
const maxLog = 64 << 10

// Start runs the command. The process ends when its life is over, when ctx ends or at Stop.
func Start(ctx context.Context, c Command) (*Process, error) {
	if c.Life == 0 {
		c.Life = 2 * time.Minute
	}
	ctx, cancel := context.WithTimeout(ctx, c.Life)
	p := &Process{cancel: cancel, lines: make(chan string, 4096), exited: make(chan struct{})}
	p.cmd = exec.CommandContext(ctx, c.Path, c.Args...)
	p.cmd.Dir = c.Dir
	p.cmd.Env = append(os.Environ(), c.Env...)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.cmd.Cancel = func() error { return syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) }
	p.cmd.WaitDelay = 5 * time.Second
	p.cmd.Stderr = (*logWriter)(p)
	stdin, err := p.cmd.StdinPipe()
	if err != nil {
		cancel()
		return nil, err
	}
	p.Stdin = stdin
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		cancel()
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		cancel()
		return nil, err
	}
	go p.run(stdout)
	return p, nil
}

func (p *Process) run(stdout io.Reader) {
	scanner := bufio.NewScanner(stdout)
	scanner.Buffer(nil, 16<<20)
	for scanner.Scan() {
		p.lines <- scanner.Text()
	}
	close(p.lines)
	p.err = p.cmd.Wait()
	close(p.exited)
}

type logWriter Process

func (w *logWriter) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stderr.Write(b[:min(len(b), maxLog-min(maxLog, w.stderr.Len()))])
	return len(b), nil
}

// Log returns what the process wrote to its standard error so far.
func (p *Process) Log() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stderr.String()
}

// Line returns the next line of the standard output, or an error with the log when ctx or the process ends first.
func (p *Process) Line(ctx context.Context) (string, error) {
	select {
	case line, ok := <-p.lines:
		if !ok {
			<-p.exited
			return "", fmt.Errorf("%s ended (%w):\n%s", p.cmd.Path, errors.Join(io.EOF, p.err), p.Log())
		}
		return line, nil
	case <-ctx.Done():
		return "", fmt.Errorf("%s is silent (%w):\n%s", p.cmd.Path, ctx.Err(), p.Log())
	}
}

// Signal sends a signal to the process itself.
func (p *Process) Signal(sig os.Signal) error { return p.cmd.Process.Signal(sig) }

// Wait waits until the process has ended and returns how.
func (p *Process) Wait(ctx context.Context) error {
	for {
		select {
		case _, ok := <-p.lines:
			if ok {
				continue
			}
			<-p.exited
			return p.err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Stop kills the process and what it started, and waits until it is gone.
func (p *Process) Stop() {
	p.cancel()
	for range p.lines {
		continue // the reader must not block on a full channel
	}
	<-p.exited
}
