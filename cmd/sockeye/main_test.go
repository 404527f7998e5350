package main_test

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// binary is the program under test, which TestMain builds.
var binary string

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	flag.Parse()
	dir, err := os.MkdirTemp("", "sockeye")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "sockeye")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// patience bounds what a loaded machine may take for anything that happens here.
const patience = time.Minute

// command prepares the program, without the variables of whoever runs the test.
func command(t *testing.T, env []string, args ...string) (cmd *exec.Cmd, stdout, stderr *bytes.Buffer) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	cmd = exec.CommandContext(ctx, binary, args...)
	cmd.Env = append([]string{"HOME=" + t.TempDir()}, env...)
	stdout, stderr = new(bytes.Buffer), new(bytes.Buffer)
	cmd.Stdout, cmd.Stderr = stdout, stderr
	return cmd, stdout, stderr
}

// exitCode runs the program to its end.
func exitCode(t *testing.T, cmd *exec.Cmd) int {
	t.Helper()
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode()
}

func TestHelp(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"help.golden":       {"--help"},
		"serve-help.golden": {"serve", "--help"},
	} {
		cmd, stdout, stderr := command(t, nil, args...)
		if code := exitCode(t, cmd); code != 0 || stderr.Len() > 0 {
			t.Errorf("%s: exit code %d, %s", args, code, stderr)
		}
		golden := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(golden, stdout.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), stdout.String()); diff != "" {
			t.Errorf("%s: if this is meant, run go test with -update (-want +got):\n%s", args, diff)
		}
	}
	cmd, stdout, _ := command(t, nil)
	if code := exitCode(t, cmd); code != 0 || !strings.HasPrefix(stdout.String(), "Usage: sockeye <command>") {
		t.Errorf("without arguments: exit code %d, %s", code, stdout)
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	cmd, stdout, _ := command(t, nil, "version")
	if code := exitCode(t, cmd); code != 0 || !regexp.MustCompile(`^sockeye \S+.* \(go1\.\S+, \w+/\w+\)\n$`).MatchString(stdout.String()) {
		t.Errorf("exit code %d, %q", code, stdout)
	}
}

func TestFaultsOfTheCommandLine(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		rule string
		env  []string
		args []string
		want []string // lines on the standard error output
	}{
		{
			"all faults are reported at once, with what to write",
			nil,
			[]string{
				"serve", "--bogus=3", "--addr=nope", "--path=/", "--frob", "--ping-interval=5", "--ping-timeout=-1s", "--max-payload=5XB",
				"--outbound-limit=0", "--transports=polling,carrier", "--cors-origin=example.org", "--trusted-proxy=10.0.0.0/99",
				"--log-format=xml", "--log-level=loud", "--shutdown-timeout=soon",
			},
			[]string{
				`unknown flag --bogus`,
				`unknown flag --frob`,
				`--addr=nope: write HOST:PORT with a port from 0 to 65535, as 127.0.0.1:3000 or :3000`,
				`--path=/: write a path that begins with a slash and has a name, as /socket.io/`,
				`--shutdown-timeout=soon: write a time above zero with its unit, as 500ms, 25s or 2m`,
				`--log-level=loud: write debug, info, warn or error`,
				`--log-format=xml: write text or json`,
				`--ping-interval=5: write a time above zero with its unit, as 500ms, 25s or 2m`,
				`--ping-timeout=-1s: write a time above zero with its unit, as 500ms, 25s or 2m`,
				`--max-payload=5XB: write a size from 1 to 1024MiB, as 500000, 64kB or 1MiB`,
				`--outbound-limit=0: write a size from 1 to 1024MiB, as 500000, 64kB or 1MiB`,
				`--transports=carrier: write polling or websocket`,
				`--cors-origin=example.org: write scheme and host without a path, as https://example.org or http://localhost:5173, or *`,
				`--trusted-proxy=10.0.0.0/99: write an address or a network, as 127.0.0.1, 10.0.0.0/8 or fd00::/8`,
				`Run "sockeye serve --help" for what is possible.`,
			},
		},
		{
			"variables are read like flags",
			[]string{"SOCKEYE_ADDR=x:99999", "SOCKEYE_MAX_PAYLOAD=2000MiB"},
			[]string{"serve"},
			[]string{
				`--addr=x:99999: write HOST:PORT with a port from 0 to 65535, as 127.0.0.1:3000 or :3000`,
				`--max-payload=2000MiB: write a size from 1 to 1024MiB, as 500000, 64kB or 1MiB`,
				`Run "sockeye serve --help" for what is possible.`,
			},
		},
		{
			"a mistyped flag is guessed", nil,
			[]string{"serve", "--adr=:1"},
			[]string{`unknown flag --adr, did you mean "--addr"?`, `Run "sockeye serve --help" for what is possible.`},
		},
		{
			"a mistyped command is guessed", nil,
			[]string{"serv"},
			[]string{`unexpected argument serv, did you mean "serve"?`, `Run "sockeye --help" for what is possible.`},
		},
		{
			"what the library does not take is a fault of usage", nil,
			[]string{"serve", "--ping-timeout=1us"},
			[]string{
				`engineio: Options.PingTimeout is 1µs: must be at least 1ms`,
				`Run "sockeye serve --help" for what is possible.`,
			},
		},
	} {
		cmd, stdout, stderr := command(t, c.env, c.args...)
		code := exitCode(t, cmd)
		var got []string
		for line := range strings.Lines(stderr.String()) {
			got = append(got, strings.TrimPrefix(strings.TrimSuffix(line, "\n"), "sockeye: "))
		}
		if diff := cmp.Diff(c.want, got); code != 2 || stdout.Len() > 0 || diff != "" {
			t.Errorf("%s: exit code %d, stdout %q (-want +got):\n%s", c.rule, code, stdout, diff)
		}
	}
}

// server is a program that serves.
type server struct {
	t      *testing.T
	cmd    *exec.Cmd
	stderr *bytes.Buffer
	line   string // what it printed at the start
	url    string
}

// serve starts the program and waits until it listens.
func serve(t *testing.T, env []string, args ...string) *server {
	t.Helper()
	cmd, _, stderr := command(t, env, append([]string{"serve"}, args...)...)
	cmd.Stdout = nil
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill() // a failed test leaves it behind
			_ = cmd.Wait()
		}
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	url := regexp.MustCompile(`http://\S+/`).FindString(line)
	if err != nil || url == "" {
		t.Fatalf("it printed %q: %v", line, err)
	}
	return &server{t: t, cmd: cmd, stderr: stderr, line: line, url: url}
}

func (s *server) signal(sig os.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Fatal(err)
	}
}

// wait waits for the end and returns the exit code.
func (s *server) wait() int {
	s.t.Helper()
	if err := s.cmd.Wait(); err != nil && s.cmd.ProcessState == nil {
		s.t.Fatal(err)
	}
	return s.cmd.ProcessState.ExitCode()
}

func (s *server) get(path string) (status int, body string) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.url+path, http.NoBody)
	if err != nil {
		s.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// connect opens a session over polling and returns its id.
func (s *server) connect(path string) string {
	s.t.Helper()
	_, open := s.get(path + "?EIO=4&transport=polling")
	return sid(s.t, open)
}

// sid returns the session's id from an OPEN packet.
func sid(t *testing.T, open string) string {
	t.Helper()
	m := regexp.MustCompile(`^0\{"sid":"([^"]+)"`).FindStringSubmatch(open)
	if m == nil {
		t.Fatalf("handshake: %s", open)
	}
	return m[1]
}

// leave ends a session, for which a shutdown would wait until Options.CloseTimeout.
func (s *server) leave(path, sid string) {
	s.t.Helper()
	resp, err := http.Post(s.url+path+"?EIO=4&transport=polling&sid="+sid, "text/plain", strings.NewReader("1"))
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		s.t.Errorf("leaving: %s", resp.Status)
	}
}

func TestServeUntilASignal(t *testing.T) {
	t.Parallel()
	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		s := serve(t, nil, "--addr=127.0.0.1:0", "--log-format=json")
		if !strings.HasPrefix(s.line, "Sockeye is listening: open http://127.0.0.1:") {
			t.Errorf("it printed %q", s.line)
		}
		if status, page := s.get(""); status != http.StatusOK || !strings.Contains(page, "<title>Sockeye chat</title>") {
			t.Errorf("the page: %d %.80s", status, page)
		}
		sid := s.connect("socket.io/")
		poll := make(chan string, 1)
		go func() {
			resp, err := http.Get(s.url + "socket.io/?EIO=4&transport=polling&sid=" + sid)
			if err != nil {
				poll <- err.Error()
				return
			}
			defer resp.Body.Close()
			body, _ := io.ReadAll(resp.Body)
			poll <- string(body)
		}()
		s.signal(sig)
		if code := s.wait(); code != 0 {
			t.Errorf("%v: exit code %d\n%s", sig, code, s.stderr)
		}
		<-poll // whatever it was told, it does not hang
		if log := s.stderr.String(); !strings.Contains(log, `"msg":"shutting down"`) || !strings.Contains(log, `"msg":"bye"`) {
			t.Errorf("%v: the log is\n%s", sig, log)
		}
	}
}

func TestServeWithoutTheDemo(t *testing.T) {
	t.Parallel()
	s := serve(t, []string{"SOCKEYE_ADDR=127.0.0.1:0", "SOCKEYE_LOG_LEVEL=error"}, "--no-demo", "--path=/ws/io")
	if status, body := s.get(""); status != http.StatusOK || body != "Sockeye is running. Socket.IO clients connect to /ws/io/\n" {
		t.Errorf("/: %d %q", status, body)
	}
	if status, _ := s.get("style.css"); status != http.StatusNotFound {
		t.Errorf("/style.css: %d, want 404", status)
	}
	s.leave("ws/io/", s.connect("ws/io/"))
	if status, client := s.get("ws/io/socket.io.esm.min.js"); status != http.StatusOK || !strings.Contains(client, "Socket.IO v4") {
		t.Errorf("the client for pages: %d %.80s", status, client)
	}
	s.signal(os.Interrupt)
	if code := s.wait(); code != 0 || s.stderr.Len() > 0 {
		t.Errorf("exit code %d, log %q", code, s.stderr)
	}
}

func TestFlagsReachTheServer(t *testing.T) {
	t.Parallel()
	s := serve(t, []string{"SOCKEYE_PING_TIMEOUT=3s"}, "--addr=127.0.0.1:0", "--ping-interval=7s", "--max-payload=64kB", "--transports=polling", "--allow-eio3")
	_, open := s.get("socket.io/?EIO=4&transport=polling")
	s.leave("socket.io/", sid(t, open))
	if !strings.Contains(open, `"upgrades":[],"pingInterval":7000,"pingTimeout":3000,"maxPayload":64000`) {
		t.Errorf("handshake: %s", open)
	}
	_, old := s.get("socket.io/?EIO=3&transport=polling")
	_, packet, _ := strings.Cut(old, ":")
	bye, err := http.Post(s.url+"socket.io/?EIO=3&transport=polling&sid="+sid(t, packet), "text/plain", strings.NewReader("1:1"))
	if err != nil {
		t.Fatal(err)
	}
	bye.Body.Close()
	if bye.StatusCode != http.StatusOK {
		t.Errorf("a client of version 3 takes its leave: %s", bye.Status)
	}
	if _, page := s.get(""); !strings.Contains(page, `<meta name="socketio" content="/socket.io/" data-transports="polling">`) {
		t.Error("the page does not say where to connect")
	}
	s.signal(syscall.SIGTERM)
	s.wait()
}

// TestSecondSignalEndsAtOnce holds up the first signal with a request that is not
// finished, whose head has been read.
func TestSecondSignalEndsAtOnce(t *testing.T) {
	t.Parallel()
	s := serve(t, nil, "--addr=127.0.0.1:0", "--shutdown-timeout=10m")
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.Trim(strings.TrimPrefix(s.url, "http://"), "/"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	sid := s.connect("socket.io/")
	// The 100 says that a handler reads the body, which never comes.
	fmt.Fprintf(conn, "POST /socket.io/?EIO=4&transport=polling&sid=%s HTTP/1.1\r\nHost: test\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n", sid)
	if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || !strings.HasPrefix(line, "HTTP/1.1 100") {
		t.Fatalf("got %q, %v", line, err)
	}
	s.signal(syscall.SIGTERM)
	s.signal(os.Interrupt) // may be seen first
	code := s.wait()
	if code != 128+int(syscall.SIGTERM) && code != 128+int(syscall.SIGINT) {
		t.Errorf("exit code %d\n%s", code, s.stderr)
	}
}

func TestTakenAddressIsExplained(t *testing.T) {
	t.Parallel()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	cmd, _, stderr := command(t, nil, "serve", "--addr="+listener.Addr().String())
	if code := exitCode(t, cmd); code != 1 || !strings.Contains(stderr.String(), "another program has it") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
}
