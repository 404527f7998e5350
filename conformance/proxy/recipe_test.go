package proxy_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A recipe is a page of docs/deploy and the program that it is for.
type recipe struct {
	name    string // of the page
	program string // where Debian's package of that name puts it
	// files makes the files that the program is started with, from the recipe's configuration, in an empty folder,
	// and returns the arguments.
	files func(t *testing.T, dir, config string, c certificate) (args []string)
	// section is the part of the first recipe that the others replace; nil means all of it.
	section *regexp.Regexp
	// public is how the recipe says where it listens, local how a test says it with a port.
	public, local string
	// variants are the headings of the recipes for several servers. Each has the line that makes it sticky, or none
	// if only WebSockets go through it.
	variants []variant
}

// A variant is a recipe for several servers.
type variant struct {
	heading string
	sticky  string // the line, without which it is not
	cookie  bool   // the client keeps a cookie; otherwise each client has its own address
}

func recipes() []recipe {
	return []recipe{
		{
			name: "nginx", program: "/usr/sbin/nginx", files: nginxFiles,
			section: regexp.MustCompile(`(?s)upstream sockeye \{.*?\n\}\n`),
			public:  "listen 443 ", local: "listen 127.0.0.1:%d ",
			variants: []variant{
				{heading: "Several servers, by address", sticky: "    hash $remote_addr consistent;\n"},
				{heading: "Several servers, WebSocket only"},
			},
		},
		{
			name: "haproxy", program: "/usr/sbin/haproxy", files: haproxyFiles,
			section: regexp.MustCompile(`(?s)backend sockeye\n.*`),
			public:  "bind :443 ", local: "bind 127.0.0.1:%d ",
			variants: []variant{
				{heading: "Several servers, by cookie", sticky: "    cookie node insert indirect nocache httponly secure\n", cookie: true},
				{heading: "Several servers, by address", sticky: "    balance source\n"},
				{heading: "Several servers, WebSocket only"},
			},
		},
		{
			name: "caddy", program: "/usr/bin/caddy", files: caddyFiles,
			public: "example.org {\n", local: "example.org:%d {\n\tbind 127.0.0.1\n",
			variants: []variant{
				{heading: "Several servers, by cookie", sticky: "\t\tlb_policy cookie node\n", cookie: true},
				{heading: "Several servers, by address", sticky: "\t\tlb_policy ip_hash\n"},
				{heading: "Several servers, WebSocket only"},
			},
		},
	}
}

// block returns the first block of code under a heading of the recipe's page.
func (r recipe) block(t *testing.T, heading string) string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("../../docs/deploy", r.name+".md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(page), "\n## "+heading+"\n")
	section, _, _ = strings.Cut(section, "\n## ")
	_, code, fenced := strings.Cut(section, "\n```"+r.name+"\n")
	code, _, closed := strings.Cut(code, "```\n")
	if !ok || !fenced || !closed {
		t.Fatalf("%s.md has no block of %s under %q", r.name, r.name, heading)
	}
	return code
}

// one returns the configuration for one server.
func (r recipe) one(t *testing.T) string {
	t.Helper()
	return r.block(t, "One server")
}

// several returns the configuration of a variant.
func (r recipe) several(t *testing.T, v variant) string {
	t.Helper()
	block := r.block(t, v.heading)
	if r.section == nil {
		return block
	}
	whole := r.one(t)
	if n := len(r.section.FindAllString(whole, -1)); n != 1 {
		t.Fatalf("%s.md: the first recipe has %d sections to replace, want one", r.name, n)
	}
	return r.section.ReplaceAllLiteralString(whole, block)
}

// replace puts text in the place of old, which must be there once.
func replace(t *testing.T, config, old, text string) string {
	t.Helper()
	if n := strings.Count(config, old); n != 1 {
		t.Fatalf("the recipe has %q %d times, want once:\n%s", old, n, config)
	}
	return strings.Replace(config, old, text, 1)
}

func write(t *testing.T, dir, name, content string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// nginxFiles puts the recipe where nginx.conf would include it from.
func nginxFiles(t *testing.T, dir, config string, c certificate) []string {
	t.Helper()
	config = replace(t, config, "/etc/ssl/example.org.pem", write(t, dir, "cert.pem", c.cert))
	config = replace(t, config, "/etc/ssl/example.org.key", write(t, dir, "key.pem", c.key))
	site := write(t, dir, "sockeye.conf", config)
	var temp strings.Builder // where Debian's nginx.conf relies on folders of the system
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		fmt.Fprintf(&temp, "%s_temp_path %s;\n", kind, filepath.Join(dir, kind))
	}
	user := ""
	if os.Geteuid() == 0 {
		user = "user root;\n"
	}
	main := write(t, dir, "nginx.conf", user+"daemon off;\nworker_processes 2;\npid "+filepath.Join(dir, "nginx.pid")+
		";\nerror_log stderr;\nevents {}\nhttp {\naccess_log off;\n"+temp.String()+"include "+site+";\n}\n")
	return []string{"-p", dir, "-e", "stderr", "-c", main}
}

func haproxyFiles(t *testing.T, dir, config string, c certificate) []string {
	t.Helper()
	config = replace(t, config, "/etc/haproxy/example.org.pem", write(t, dir, "example.org.pem", c.cert+c.key))
	return []string{"-db", "-f", write(t, dir, "haproxy.cfg", config)}
}

// caddyFiles gives Caddy a certificate, which it would otherwise ask an authority for.
func caddyFiles(t *testing.T, dir, config string, c certificate) []string {
	t.Helper()
	tls := "\ttls " + write(t, dir, "cert.pem", c.cert) + " " + write(t, dir, "key.pem", c.key) + "\n"
	config = replace(t, config, "\tbind 127.0.0.1\n", "\tbind 127.0.0.1\n"+tls)
	file := write(t, dir, "Caddyfile", "{\n\tadmin off\n\tauto_https disable_redirects\n}\n"+config)
	return []string{"run", "--adapter", "caddyfile", "--config", file}
}
