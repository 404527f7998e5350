//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// machine describes where and with what the named peers are measured.
func (b *bench) machine(ctx context.Context, names []string) ([]string, error) {
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return nil, err
	}
	kernel, _, _ := strings.Cut(strings.TrimSpace(string(release)), "-")
	cpu, err := cpuModel()
	if err != nil {
		return nil, err
	}
	commit, err := b.output(ctx, "git", "describe", "--always", "--dirty")
	if err != nil {
		return nil, err
	}
	out := []string{
		fmt.Sprintf("machine: %s, %d cores, Linux %s, %s", cpu, runtime.NumCPU(), kernel, runtime.GOARCH),
		fmt.Sprintf("Sockeye %s, %s", bytes.TrimSpace(commit), runtime.Version()),
	}
	if !slices.Contains(names, reference) {
		return out, nil
	}
	node, err := b.output(ctx, "node", "--version")
	if err != nil {
		return nil, err
	}
	var pkg struct{ Version string }
	manifest, err := os.ReadFile(filepath.Join(b.dir, peers()[reference].ready))
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(manifest, &pkg); err != nil {
		return nil, err
	}
	return append(out, fmt.Sprintf("socket.io %s, Node %s", pkg.Version, bytes.TrimSpace(node))), nil
}

// cpuModel returns the processor's name.
func cpuModel() (string, error) {
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(info)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value), nil
		}
	}
	return "a processor without a name", nil
}
