package engineio

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Handshake is what a session keeps of the request that opened it, as a
// compact copy: nothing of net/http is kept. It is immutable and safe for
// concurrent use.
type Handshake struct {
	// Value is what Options.Handshake returned for the request.
	Value any

	url     string
	remote  string
	headers string // name and value of each header kept, each with a newline behind it
	issued  int64  // Unix time in nanoseconds
	secure  bool
}

// URL returns the request's target: path and query.
func (h *Handshake) URL() string { return h.url }

// Query returns the query parameters, decoded anew at each call.
func (h *Handshake) Query() url.Values {
	u, err := url.ParseRequestURI(h.url)
	if err != nil {
		return url.Values{}
	}
	return u.Query()
}

// Header returns the headers that Options.KeepHeaders names, decoded anew at
// each call. Host is among them.
func (h *Handshake) Header() http.Header {
	out := http.Header{}
	for rest := h.headers; rest != ""; {
		var name, value string
		name, rest, _ = strings.Cut(rest, "\n")
		value, rest, _ = strings.Cut(rest, "\n")
		out[name] = append(out[name], value)
	}
	return out
}

// RemoteAddr returns the address of the client: that of the connection, or the
// one that a trusted proxy reports (Options.TrustedProxies), which has no port.
func (h *Handshake) RemoteAddr() string { return h.remote }

// Secure reports whether the client's connection is encrypted, as far as this
// server or a trusted proxy can tell.
func (h *Handshake) Secure() bool { return h.secure }

// Time returns when the session was opened.
func (h *Handshake) Time() time.Time { return time.Unix(0, h.issued) }

// newHandshake copies what is to be kept of r.
func (s *Server) newHandshake(r *http.Request, own endpoint, value any) *Handshake {
	h := &Handshake{
		Value:  value,
		url:    r.URL.RequestURI(),
		remote: own.remote,
		issued: time.Now().UnixNano(),
		secure: own.secure,
	}
	var b strings.Builder
	add := func(name, value string) {
		b.WriteString(name)
		b.WriteByte('\n')
		b.WriteString(value)
		b.WriteByte('\n')
	}
	if s.keeps("Host") {
		add("Host", r.Host)
	}
	for name, values := range r.Header {
		if s.keeps(name) {
			for _, v := range values {
				add(name, v)
			}
		}
	}
	h.headers = b.String()
	return h
}

// keeps reports whether a header is kept.
func (s *Server) keeps(name string) bool {
	if s.opts.KeepHeaders != nil {
		return slices.ContainsFunc(s.opts.KeepHeaders, func(k string) bool { return strings.EqualFold(k, name) })
	}
	return name != "Connection" && name != "Upgrade" && !strings.HasPrefix(name, "Sec-Websocket-")
}

// endpoint is where a request was sent to and where it comes from, as far as
// this server and the proxies that it trusts know.
type endpoint struct {
	host        string
	remote      string
	secure      bool
	schemeKnown bool // secure is certain: a proxy that is not known of may terminate TLS
}

// endpointOf reads the connection and, behind a trusted proxy, the forwarded
// headers.
func (s *Server) endpointOf(r *http.Request) endpoint {
	e := endpoint{host: r.Host, remote: r.RemoteAddr, secure: r.TLS != nil, schemeKnown: r.TLS != nil}
	if len(s.opts.TrustedProxies) == 0 || !s.trusts(r.RemoteAddr) {
		return e
	}
	if proto := firstItem(r.Header.Get("X-Forwarded-Proto")); proto != "" {
		e.secure, e.schemeKnown = strings.EqualFold(proto, "https"), true
	}
	if host := firstItem(r.Header.Get("X-Forwarded-Host")); host != "" {
		e.host = host
	}
	// The last address that no trusted proxy has is the client's: what stands
	// before it is the client's own claim.
	chain := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, addr := range slices.Backward(chain) {
		addr = strings.TrimSpace(addr)
		if addr == "" {
			continue
		}
		e.remote = addr
		if !s.trusts(addr) {
			break
		}
	}
	return e
}

// trusts reports whether an address, with or without port, is a trusted proxy's.
func (s *Server) trusts(addr string) bool {
	if host, _, err := net.SplitHostPort(addr); err == nil {
		addr = host
	}
	ip, err := netip.ParseAddr(strings.Trim(addr, "[]"))
	if err != nil {
		return false
	}
	ip = ip.Unmap().WithZone("")
	return slices.ContainsFunc(s.opts.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(ip) })
}

func firstItem(list string) string {
	first, _, _ := strings.Cut(list, ",")
	return strings.TrimSpace(first)
}

// matches reports whether origin is the endpoint's own.
func (e endpoint) matches(origin string) bool {
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" {
		return false
	}
	https := strings.EqualFold(u.Scheme, "https")
	if !https && !strings.EqualFold(u.Scheme, "http") {
		return false
	}
	if e.schemeKnown && https != e.secure {
		return false
	}
	return strings.EqualFold(withPort(u.Host, https), withPort(e.host, https))
}

// withPort adds the default port of the scheme to a host without one.
func withPort(host string, https bool) string {
	if strings.LastIndexByte(host, ':') > strings.LastIndexByte(host, ']') {
		return host
	}
	if https {
		return host + ":443"
	}
	return host + ":80"
}
