package peer

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// installLife bounds one installation of packages.
const installLife = 5 * time.Minute

// Missing ends the test: skipped with the command that installs the tool, or failed on CI.
func Missing(t testing.TB, what, install string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is missing on CI; install it with: %s", what, install)
	}
	t.Skipf("%s is missing; install it with: %s", what, install)
}

// Node returns the path of node, after making sure that the packages locked in dir are installed.
func Node(t testing.TB, dir string) string {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		Missing(t, "node", "apt-get install -y nodejs npm")
	}
	install(t, dir, "package-lock.json", "node_modules", func(ctx context.Context) *exec.Cmd {
		return exec.CommandContext(ctx, "npm", "ci", "--no-audit", "--no-fund")
	})
	return node
}

// Python returns the path of the interpreter of dir's own virtual environment, with the packages of
// dir/requirements.txt.
func Python(t testing.TB, dir string) string {
	t.Helper()
	if _, err := exec.LookPath("python3"); err != nil {
		Missing(t, "python3", "apt-get install -y python3 python3-venv")
	}
	install(t, dir, "requirements.txt", ".venv", func(ctx context.Context) *exec.Cmd {
		return exec.CommandContext(ctx, "sh", "-c",
			"python3 -m venv .venv && .venv/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.txt")
	})
	python, err := filepath.Abs(filepath.Join(dir, ".venv", "bin", "python"))
	if err != nil {
		t.Fatalf("python: %v", err)
	}
	return python
}

// Chromium returns the path of the browser, as Debian does.
func Chromium(t testing.TB) string {
	t.Helper()
	return Debian(t, "/usr/bin/chromium", "chromium")
}

// Debian returns the path of a program that a package of Debian installs there. On CI, as root of a Debian machine,
// it installs a missing one.
func Debian(t testing.TB, path, pkg string) string {
	t.Helper()
	if _, err := os.Stat(path); err == nil {
		return path
	}
	// Test binaries run side by side, and each step of apt-get takes a lock.
	const patient = "-qq -o DPkg::Lock::Timeout=120"
	command := "apt-get " + patient + " update && apt-get " + patient + " install -y --no-install-recommends " + pkg
	if os.Getenv("CI") == "true" && os.Geteuid() == 0 {
		unlock := lock(t, os.TempDir())
		defer unlock()
		if _, err := os.Stat(path); err == nil {
			return path // another test binary was first
		}
		run(t, func(ctx context.Context) *exec.Cmd {
			cmd := exec.CommandContext(ctx, "sh", "-c", command)
			cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
			return cmd
		}, ".")
	}
	if _, err := os.Stat(path); err != nil {
		Missing(t, path, command)
	}
	return path
}

// install runs the command in dir unless into holds what the lock file asks for. Test binaries run side by
// side, so it holds a file lock meanwhile.
func install(t testing.TB, dir, lockFile, into string, command func(context.Context) *exec.Cmd) {
	t.Helper()
	want, err := os.ReadFile(filepath.Join(dir, lockFile))
	if err != nil {
		t.Fatalf("lock file: %v", err)
	}
	sum := sha256.Sum256(want)
	stamp := filepath.Join(dir, into, ".installed")
	unlock := lock(t, dir)
	defer unlock()
	if have, err := os.ReadFile(stamp); err == nil && string(have) == hex.EncodeToString(sum[:]) {
		return
	}
	if err := os.RemoveAll(filepath.Join(dir, into)); err != nil {
		t.Fatalf("remove a stale %s: %v", into, err)
	}
	run(t, command, dir)
	if err := os.WriteFile(stamp, []byte(hex.EncodeToString(sum[:])), 0o644); err != nil {
		t.Fatalf("stamp: %v", err)
	}
}

func run(t testing.TB, command func(context.Context) *exec.Cmd, dir string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), installLife)
	defer cancel()
	cmd := command(ctx)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		var missing *exec.Error
		if errors.As(err, &missing) {
			Missing(t, missing.Name, "apt-get install -y nodejs npm python3-venv")
		}
		t.Fatalf("%v in %s: %v\n%s", cmd.Args, dir, err, out)
	}
}

// lock takes an exclusive lock on dir that other processes see too.
func lock(t testing.TB, dir string) (unlock func()) {
	t.Helper()
	f, err := os.Open(dir)
	if err != nil {
		t.Fatalf("lock: %v", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatalf("lock %s: %v", dir, err)
	}
	return func() { f.Close() } // closing gives the lock back
}
