//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/sockeye-io/sockeye/bench/load"
)

// peer is a server under test. Its commands run in the folder of the module bench.
type peer struct {
	name  string
	build []string  // makes what serve needs; may be nil
	serve []string  // serves on the address that is appended
	ready string    // the file that makes build unnecessary; may be empty
	lacks load.Mode // the mode that it does not serve; may be empty
}

// peers returns the servers that can be compared, by name.
func peers() map[string]peer {
	goPeer := func(name, pkg string) peer {
		return peer{
			name:  name,
			build: []string{"go", "build", "-o", filepath.Join("out", name), pkg},
			serve: []string{filepath.Join("out", name), "-addr"},
		}
	}
	floor := goPeer("floor", "./peers/floor")
	floor.lacks = load.Polling
	return map[string]peer{
		"sockeye": goPeer("sockeye", "./server"),
		"floor":   floor,
		"node": {
			name:  "node",
			build: []string{"npm", "ci", "--prefix", "peers/node", "--no-audit", "--no-fund"},
			serve: []string{"node", "peers/node/server.js", "--addr"},
			ready: "peers/node/node_modules/socket.io/package.json",
		},
	}
}

// bench runs commands in the module's folder.
type bench struct {
	dir                  string
	serverCore, loadCore string
}

// newBench finds the folder of the module bench.
func newBench(ctx context.Context) (*bench, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/sockeye-io/sockeye/bench").Output()
	if err != nil {
		return nil, fmt.Errorf("find the module bench: %w", explain(err))
	}
	dir := strings.TrimSpace(string(out))
	if err := os.MkdirAll(filepath.Join(dir, "out"), 0o755); err != nil { //nolint:gosec // results are for everyone
		return nil, err
	}
	return &bench{dir: dir, serverCore: "0", loadCore: "1"}, nil
}

// explain adds what a failed command printed.
func explain(err error) error {
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && len(exit.Stderr) > 0 {
		return fmt.Errorf("%w: %s", err, bytes.TrimSpace(exit.Stderr))
	}
	return err
}

// output runs a command to its end and returns what it printed.
func (b *bench) output(ctx context.Context, argv ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...) //nolint:gosec // the commands stand in this package
	cmd.Dir = b.dir
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", strings.Join(argv, " "), explain(err))
	}
	return out, nil
}

// prepare builds the generator and the peers.
func (b *bench) prepare(ctx context.Context, chosen []peer) error {
	if _, err := b.output(ctx, "go", "build", "-o", filepath.Join("out", "sioload"), "./sioload"); err != nil {
		return err
	}
	for _, p := range chosen {
		if p.ready != "" {
			if _, err := os.Stat(filepath.Join(b.dir, p.ready)); err == nil {
				continue
			}
		}
		if _, err := b.output(ctx, p.build...); err != nil {
			return err
		}
	}
	return nil
}

// measure starts the peer afresh, runs one row against it and stops it.
func (b *bench) measure(ctx context.Context, p peer, r row) (load.Result, error) {
	var res load.Result
	s, err := b.start(ctx, p)
	if err != nil {
		return res, fmt.Errorf("start %s: %w", p.name, err)
	}
	defer s.stop()
	argv := append([]string{"taskset", "-c", b.loadCore, filepath.Join("out", "sioload")}, r.args(s.addr, s.cmd.Process.Pid)...)
	out, err := b.output(ctx, argv...)
	if err != nil {
		return res, fmt.Errorf("%s: %s: %w%s", p.name, r.name, err, s.said())
	}
	if err := json.Unmarshal(out, &res); err != nil {
		return res, fmt.Errorf("%s: %s: %w", p.name, r.name, err)
	}
	return res, nil
}

// process is a running server.
type process struct {
	cmd    *exec.Cmd
	stderr bytes.Buffer
	addr   string
}

// start runs the peer's server on a free port and waits for its line "ready ADDR".
func (b *bench) start(ctx context.Context, p peer) (*process, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer read.Close()
	argv := append([]string{"-c", b.serverCore}, p.serve...)
	s := &process{cmd: exec.CommandContext(ctx, "taskset", append(argv, "127.0.0.1:0")...)} //nolint:gosec // as above
	s.cmd.Dir, s.cmd.Stdout, s.cmd.Stderr = b.dir, write, &s.stderr
	err = s.cmd.Start()
	write.Close()
	if err != nil {
		return nil, err
	}
	const patience = 15 * time.Second
	if err := read.SetReadDeadline(time.Now().Add(patience)); err != nil {
		s.stop()
		return nil, err
	}
	line, err := bufio.NewReader(read).ReadString('\n')
	addr, ok := strings.CutPrefix(strings.TrimSpace(line), "ready ")
	if err != nil || !ok {
		s.stop()
		return nil, fmt.Errorf("%q where a line \"ready ADDR\" was expected: %w%s", line, err, s.said())
	}
	s.addr = addr
	return s, nil
}

// stop ends the server and waits for it.
func (s *process) stop() {
	// The errors say that it has ended, which is what is wanted.
	_ = s.cmd.Process.Signal(syscall.SIGKILL)
	_ = s.cmd.Wait()
}

// said returns what the server wrote to its standard error, for a message. The
// server must have been stopped or be about to: a line may be missing.
func (s *process) said() string {
	s.stop()
	if s.stderr.Len() == 0 {
		return ""
	}
	return "\nthe server said: " + strings.TrimSpace(s.stderr.String())
}
