//go:build linux

package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/sockeye-io/sockeye/bench/load"
)

// sample is one run.
type sample struct {
	Row    string      `json:"row"`
	Round  int         `json:"round"`
	Peer   string      `json:"peer"`
	Result load.Result `json:"result"`
}

// report is everything that a comparison found.
type report struct {
	Machine []string `json:"machine"`
	Command string   `json:"command"`
	Rounds  int      `json:"rounds"`
	Samples []sample `json:"samples"`

	rows  []row
	peers []string
}

// spread is the median and the extremes of some figures, all 0 if there are none.
type spread struct{ median, min, max float64 }

func spreadOf(values []float64) spread {
	if len(values) == 0 {
		return spread{}
	}
	v := slices.Sorted(slices.Values(values))
	mid := v[len(v)/2]
	if len(v)%2 == 0 {
		mid = (v[len(v)/2-1] + mid) / 2
	}
	return spread{mid, v[0], v[len(v)-1]}
}

func (s spread) String() string {
	if s == (spread{}) {
		return "-"
	}
	return fmt.Sprintf("%s (%s..%s)", short(s.median), short(s.min), short(s.max))
}

// short prints three digits or so, and a dash for what was not measured.
func short(v float64) string {
	switch {
	case v == 0:
		return "-"
	case v < 10:
		return fmt.Sprintf("%.2f", v)
	case v < 100:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.0f", v)
}

// each returns a figure of every round of one row and peer.
func (r *report) each(line row, peer string, figure func(load.Result) float64) []float64 {
	var out []float64
	for _, s := range r.Samples {
		if s.Row == line.name && s.Peer == peer {
			out = append(out, figure(s.Result))
		}
	}
	return out
}

// ratios returns, round by round, the share that the first peer's figure is of the second's.
func (r *report) ratios(line row, peer, of string) []float64 {
	ours, theirs := r.each(line, peer, line.value), r.each(line, of, line.value)
	var out []float64
	for i := range min(len(ours), len(theirs)) {
		if theirs[i] > 0 {
			out = append(out, ours[i]/theirs[i])
		}
	}
	return out
}

// The peers whose ratio has an aim.
const (
	subject   = "sockeye"
	reference = "node"
)

// verdict says whether the medians meet the row's aim.
func (r *report) verdict(line row) string {
	said, got := fmt.Sprintf("<= %.2f", line.aim.ratio), spreadOf(r.ratios(line, subject, reference)).median
	bound := line.aim.ratio
	if line.aim.value > 0 {
		said, bound = fmt.Sprintf("<= %.1f kB", line.aim.value), line.aim.value
		got = spreadOf(r.each(line, subject, line.value)).median
	}
	switch {
	case got == 0:
		return said
	case got <= bound:
		return said + ", met"
	}
	return said + ", missed"
}

// cost returns the table of what a unit costs each peer.
func (r *report) cost() [][]string {
	table := [][]string{slices.Concat([]string{"work", "measure"}, r.peers)}
	compared := slices.Contains(r.peers, subject) && slices.Contains(r.peers, reference)
	if compared {
		table[0] = append(table[0], subject+"/"+reference, "aim")
	}
	for _, line := range r.rows {
		cells := []string{line.name, line.measure()}
		for _, p := range r.peers {
			cells = append(cells, spreadOf(r.each(line, p, line.value)).String())
		}
		if compared {
			cells = append(cells, spreadOf(r.ratios(line, subject, reference)).String(), r.verdict(line))
		}
		table = append(table, cells)
	}
	return table
}

// pace returns the table of medians of how fast the work went.
func (r *report) pace() [][]string {
	table := [][]string{{"work", "peer", "units/s", "p50 us", "p99 us", "server's core", "generator's core"}}
	percent := func(v float64) string { return fmt.Sprintf("%.0f %%", 100*v) }
	for _, line := range r.rows {
		for _, p := range r.peers {
			if len(r.each(line, p, line.value)) == 0 {
				continue
			}
			median := func(figure func(load.Result) float64) float64 { return spreadOf(r.each(line, p, figure)).median }
			table = append(table, []string{
				line.name, p,
				short(median(func(res load.Result) float64 { return res.PerSecond })),
				short(median(func(res load.Result) float64 { return res.P50 })),
				short(median(func(res load.Result) float64 { return res.P99 })),
				percent(median(func(res load.Result) float64 { return res.Load })),
				percent(median(func(res load.Result) float64 { return res.GeneratorLoad })),
			})
		}
	}
	return table
}

// print writes the tables for a terminal.
func (r *report) print(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, table := range [][][]string{r.cost(), r.pace()} {
		fmt.Fprintln(tw)
		for _, cells := range table {
			fmt.Fprintln(tw, strings.Join(cells, "\t"))
		}
		if err := tw.Flush(); err != nil {
			return err
		}
	}
	return nil
}

// markdown writes the report as a document.
func (r *report) markdown(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# Measured\n\nThe server on one core, the load generator on another, loopback, 128-byte payloads, %d interleaved rounds,\n", r.Rounds)
	b.WriteString("a fresh server process for every figure. Cost is the server process's own user and system time divided by the\n" +
		"units of work, for idle connections the growth of its resident memory as found 4 s after the last connect.\n" +
		"Figures are medians with the extremes in parentheses; a ratio compares the two servers of one round. The pace\n" +
		"of idle connections is how fast they were made.\n\n")
	for _, line := range r.Machine {
		fmt.Fprintf(&b, "- %s\n", line)
	}
	fmt.Fprintf(&b, "- command: `%s`\n\n## What a unit of work costs the server\n\n", r.Command)
	writeMarkdown(&b, r.cost())
	b.WriteString("\n## How fast it went\n\n")
	writeMarkdown(&b, r.pace())
	_, err := io.WriteString(w, b.String())
	return err
}

func writeMarkdown(b *strings.Builder, table [][]string) {
	for i, cells := range table {
		fmt.Fprintf(b, "| %s |\n", strings.Join(cells, " | "))
		if i == 0 {
			b.WriteString(strings.Repeat("|---", len(cells)) + "|\n")
		}
	}
}
