//go:build linux

// Compare measures Sockeye and Node's Socket.IO server side by side: a fresh
// server pinned to one core, the load generator pinned to another, both servers in turn in
// every round, so that whatever the machine does meanwhile meets both. It
// prints what a unit of work costs each server, medians and extremes, and the ratio of the two
// round by round.
//
//	go run ./bench/compare              about five minutes
//	go run ./bench/compare -quick       shorter windows, about three
//	go run ./bench/compare -peers floor,node,sockeye -rows echo -rounds 5
//
// It needs Linux, two cores, taskset, Node and npm. All samples are left in
// bench/out/compare.json.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

// options are the flags.
type options struct {
	rounds  int
	rows    []row
	peers   []peer
	results string
}

func parse(args []string) (options, error) {
	var o options
	set := flag.NewFlagSet("compare", flag.ContinueOnError)
	set.IntVar(&o.rounds, "rounds", 3, "how often each figure is taken")
	set.StringVar(&o.results, "results", "", "also write the tables to this Markdown file")
	quick := set.Bool("quick", false, "shorter windows")
	only := set.String("rows", "", "only the rows whose name contains this")
	names := set.String("peers", "node,sockeye", "servers to measure, of floor, node, sockeye")
	if err := set.Parse(args); err != nil {
		return o, err
	}
	var faults []error
	if o.rounds < 1 || o.rounds > 100 {
		faults = append(faults, fmt.Errorf("-rounds %d must be 1 to 100", o.rounds))
	}
	for _, r := range rows(*quick) {
		if strings.Contains(r.name, *only) {
			o.rows = append(o.rows, r)
		}
	}
	if len(o.rows) == 0 {
		faults = append(faults, fmt.Errorf("-rows %q: no row's name contains it", *only))
	}
	for name := range strings.SplitSeq(*names, ",") {
		p, ok := peers()[name]
		if !ok {
			faults = append(faults, fmt.Errorf("-peers: there is no server %q", name))
		}
		o.peers = append(o.peers, p)
	}
	return o, errors.Join(faults...)
}

func run(ctx context.Context, args []string, stdout io.Writer) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	if runtime.NumCPU() < 2 {
		return errors.New("two cores are needed, one for the server and one for the generator")
	}
	if _, err := exec.LookPath("taskset"); err != nil {
		return fmt.Errorf("taskset, of util-linux, pins the processes: %w", err)
	}
	b, err := newBench(ctx)
	if err != nil {
		return err
	}
	if err := b.prepare(ctx, o.peers); err != nil {
		return err
	}
	rep := &report{Rounds: o.rounds, rows: o.rows, Command: strings.Join(append([]string{"go run ./bench/compare"}, args...), " ")}
	for _, p := range o.peers {
		rep.peers = append(rep.peers, p.name)
	}
	if rep.Machine, err = b.machine(ctx, rep.peers); err != nil {
		return err
	}
	for round := range o.rounds {
		if err := b.round(ctx, round, o, rep, stdout); err != nil {
			return err
		}
	}
	return b.publish(rep, o.results, stdout)
}

// round measures every row once with every peer, in an order that is turned around each time.
func (b *bench) round(ctx context.Context, round int, o options, rep *report, stdout io.Writer) error {
	order := slices.Clone(o.peers)
	if round%2 == 1 {
		slices.Reverse(order)
	}
	for _, r := range o.rows {
		for _, p := range order {
			if r.config.Mode == p.lacks {
				continue
			}
			res, err := b.measure(ctx, p, r)
			if err != nil {
				return err
			}
			rep.Samples = append(rep.Samples, sample{r.name, round + 1, p.name, res})
			fmt.Fprintf(stdout, "round %d  %-35s %-8s %8s %s\n", round+1, r.name, p.name, short(r.value(res)), r.measure())
		}
	}
	return nil
}

// publish prints the tables and writes the files.
func (b *bench) publish(rep *report, results string, stdout io.Writer) error {
	if err := rep.print(stdout); err != nil {
		return err
	}
	all, err := json.MarshalIndent(rep, "", "\t")
	if err != nil {
		return err
	}
	const mode = 0o644
	if err := os.WriteFile(filepath.Join(b.dir, "out", "compare.json"), all, mode); err != nil {
		return err
	}
	if results == "" {
		return nil
	}
	var doc strings.Builder
	if err := rep.markdown(&doc); err != nil {
		return err
	}
	return os.WriteFile(results, []byte(doc.String()), mode)
}
