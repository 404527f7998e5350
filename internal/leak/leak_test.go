package leak_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/sockeye-io/sockeye/internal/leak"
)

// leaking makes this test binary, run by itself once more, leave a goroutine.
const leaking = "SOCKEYE_TEST_LEAK"

func TestMain(m *testing.M) { leak.Main(m) }

func TestLeavesGoroutine(t *testing.T) {
	if os.Getenv(leaking) == "" {
		t.Skip("runs inside TestGoroutineThatOutlivesTheTestsFails only")
	}
	go func() { <-make(chan struct{}) }()
}

func TestGoroutineThatOutlivesTheTestsFails(t *testing.T) {
	t.Parallel()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	run := func(env ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), exe, "-test.run=^TestLeavesGoroutine$")
		cmd.Env = append(os.Environ(), env...)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := run(); err != nil {
		t.Errorf("without a leak: %v\n%s", err, out)
	}
	out, err := run(leaking + "=1")
	if err == nil {
		t.Error("with a leak: the tests passed")
	}
	if !strings.Contains(out, "TestLeavesGoroutine") {
		t.Errorf("with a leak: the output does not name the goroutine:\n%s", out)
	}
}
