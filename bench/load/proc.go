//go:build linux

package load

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"
)

// tick is the unit of the times in /proc/PID/stat: USER_HZ is 100 on every
// architecture that Go runs on.
const tick = 10 * time.Millisecond

// processCPU returns the user and system time that the process has used, all threads, ended ones included.
func processCPU(pid int) (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("load: read the server's CPU time: %w", err)
	}
	return parseStat(b)
}

// parseStat reads utime and stime, the 14th and 15th field of proc_pid_stat(5).
// The second field is a name in parentheses that may hold spaces and parentheses.
func parseStat(b []byte) (time.Duration, error) {
	fields := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	const user, system = 14 - 3, 15 - 3
	if len(fields) <= system {
		return 0, fmt.Errorf("load: /proc stat has %d fields after the name", len(fields))
	}
	var ticks int64
	for _, f := range [][]byte{fields[user], fields[system]} {
		n, err := strconv.ParseInt(string(f), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("load: /proc stat: %w", err)
		}
		ticks += n
	}
	return time.Duration(ticks) * tick, nil
}

// processRSS returns the resident memory of the process in bytes.
func processRSS(pid int) (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, fmt.Errorf("load: read the server's memory: %w", err)
	}
	return parseStatus(b)
}

// parseStatus reads VmRSS of proc_pid_status(5).
func parseStatus(b []byte) (int64, error) {
	for line := range bytes.Lines(b) {
		rest, ok := bytes.CutPrefix(line, []byte("VmRSS:"))
		if !ok {
			continue
		}
		number, ok := bytes.CutSuffix(bytes.TrimSpace(rest), []byte(" kB"))
		n, err := strconv.ParseInt(string(number), 10, 64)
		if !ok || err != nil {
			return 0, fmt.Errorf("load: /proc status says %q", bytes.TrimSpace(line))
		}
		return n << 10, nil
	}
	return 0, errors.New("load: /proc status has no VmRSS: the process has ended")
}

// ownCPU returns the user and system time that this process has used.
func ownCPU() (time.Duration, error) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, fmt.Errorf("load: getrusage: %w", err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), nil
}
