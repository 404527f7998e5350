package engineio_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sockeye-io/sockeye/engineio"
)

func TestHandshakeOverPolling(t *testing.T) {
	t.Parallel()
	bubble(t, engineio.Options{InitialMessage: "INIT"}, func(t *testing.T, r *rig) {
		a := r.do("GET", polling, "")
		equal(t, "status", a.status, 200)
		equal(t, "Content-Type", a.header.Get("Content-Type"), "text/plain; charset=UTF-8")
		equal(t, "Cache-Control", a.header.Get("Cache-Control"), "no-store")
		packet, rest, _ := strings.Cut(a.body, "\x1e")
		equal(t, "initial message", rest, "4INIT")
		o := parseOpen(t, packet)
		equal(t, "exact bytes", packet, `0{"sid":"`+o.SID+`","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`)
		equal(t, "length of sid", len(o.SID), 20)
	})
}

func TestHandshakeOverWebSocketIsOneWrite(t *testing.T) {
	t.Parallel()
	bubble(t, engineio.Options{}, func(t *testing.T, r *rig) {
		c, o := r.socket()
		if diff := cmp.Diff(open{o.SID, []string{}, 25000, 20000, 1000000}, o); diff != "" {
			t.Error(diff)
		}
		c.nc.Close()
	})
}

func TestUpgradesFollowTheTransports(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		o    engineio.Options
		want []string
	}{
		"both":              {engineio.Options{}, []string{"websocket"}},
		"polling only":      {engineio.Options{Transports: []string{"polling"}}, []string{}},
		"upgrades disabled": {engineio.Options{DisableUpgrades: true}, []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, tc.o, func(t *testing.T, r *rig) {
				if diff := cmp.Diff(tc.want, parseOpen(t, r.do("GET", polling, "").body).Upgrades); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

// TestErrorTable holds every refusal to the status and body of the protocol.
func TestErrorTable(t *testing.T) {
	t.Parallel()
	const (
		unknownTransport = `{"code":0,"message":"Transport unknown"}`
		unknownSID       = `{"code":1,"message":"Session ID unknown"}`
		badMethod        = `{"code":2,"message":"Bad handshake method"}`
		badRequest       = `{"code":3,"message":"Bad request"}`
		version          = `{"code":5,"message":"Unsupported protocol version"}`
	)
	for name, tc := range map[string]struct {
		method, query string
		status        int
		body          string
	}{
		"transport missing":               {"GET", "EIO=4", 400, unknownTransport},
		"transport unknown":               {"GET", "EIO=4&transport=abc", 400, unknownTransport},
		"transport is an object key":      {"GET", "EIO=4&transport=constructor", 400, unknownTransport},
		"webtransport":                    {"GET", "EIO=4&transport=webtransport", 400, unknownTransport},
		"version missing":                 {"GET", "transport=polling", 400, version},
		"version 3":                       {"GET", "EIO=3&transport=polling", 400, version},
		"version is no number":            {"GET", "EIO=abc&transport=polling", 400, version},
		"version twice":                   {"GET", "EIO=4&EIO=3&transport=polling", 400, version},
		"sid unknown":                     {"GET", polling + "&sid=abc", 400, unknownSID},
		"sid empty":                       {"GET", polling + "&sid=", 400, unknownSID},
		"POST of unknown sid":             {"POST", polling + "&sid=abc", 400, unknownSID},
		"POST without sid":                {"POST", polling, 400, badMethod},
		"PUT":                             {"PUT", polling, 400, badMethod},
		"OPTIONS without CORS":            {"OPTIONS", polling, 400, badMethod},
		"websocket without an upgrade":    {"GET", "EIO=4&transport=websocket", 400, badRequest},
		"HEAD":                            {"HEAD", polling, 400, ""},
		"query that does not parse":       {"GET", "EIO=4&transport=polling&sid=%zz", 0, ""},
		"websocket request for a session": {"GET", "EIO=4&transport=websocket&sid=SID", 400, badRequest},
		"other version for a session":     {"GET", "EIO=3&transport=polling&sid=SID", 400, badRequest},
		"PUT for a session":               {"PUT", polling + "&sid=SID", 405, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var hook *engineio.ConnectionError
			o := engineio.Options{OnConnectionError: func(e *engineio.ConnectionError) { hook = e }}
			bubble(t, o, func(t *testing.T, r *rig) {
				_, sid := r.poller()
				a := r.do(tc.method, strings.Replace(tc.query, "SID", sid, 1), "")
				if tc.status == 0 { // a parameter that cannot be read counts as not given
					equal(t, "status", a.status, 200)
					return
				}
				equal(t, "status", a.status, tc.status)
				equal(t, "body", a.body, tc.body)
				if tc.status == 405 {
					return
				}
				equal(t, "Content-Type", a.header.Get("Content-Type"), "application/json")
				if hook == nil {
					t.Fatal("OnConnectionError was not called")
				}
				if tc.body != "" && !strings.Contains(tc.body, hook.Code.String()) {
					t.Errorf("hook got code %d", hook.Code)
				}
			})
		})
	}
}

func TestRefusedWebSocketIsAnsweredBeforeTheUpgrade(t *testing.T) {
	t.Parallel()
	refuse := func(*http.Request) (any, error) { return nil, &engineio.RefusalError{Message: "no entry"} }
	for name, tc := range map[string]struct {
		o      engineio.Options
		query  string
		status int
		body   string
	}{
		"transport unknown":     {engineio.Options{}, "EIO=4&transport=abc", 400, "Transport unknown"},
		"version":               {engineio.Options{}, "EIO=3&transport=websocket", 400, "Unsupported protocol version"},
		"no version":            {engineio.Options{}, "transport=websocket", 400, "Unsupported protocol version"},
		"sid unknown":           {engineio.Options{}, "EIO=4&transport=websocket&sid=abc", 400, "Session ID unknown"},
		"polling as WebSocket":  {engineio.Options{}, "EIO=4&transport=polling", 400, "Bad request"},
		"transport not allowed": {engineio.Options{Transports: []string{"polling"}}, "EIO=4&transport=websocket", 400, "Transport unknown"},
		"refused by the hook":   {engineio.Options{Handshake: refuse}, "EIO=4&transport=websocket", 403, "no entry"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, tc.o, func(t *testing.T, r *rig) {
				c := r.dial(tc.query)
				resp, err := http.ReadResponse(c.in, nil)
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(resp.Body)
				if err != nil {
					t.Fatal(err)
				}
				equal(t, "status", resp.StatusCode, tc.status)
				equal(t, "body", string(body), tc.body)
				equal(t, "Content-Type", resp.Header.Get("Content-Type"), "text/html")
				equal(t, "connection is closed", resp.Close, true)
				equal(t, "sessions", r.srv.Len(), 0)
				c.nc.Close()
			})
		})
	}
}

func TestHandshakeHookRefusesOrKeepsAValue(t *testing.T) {
	t.Parallel()
	o := engineio.Options{Handshake: func(r *http.Request) (any, error) {
		if user := r.Header.Get("X-User"); user != "" {
			return user, nil
		}
		return nil, errors.New("database password is 123")
	}}
	bubble(t, o, func(t *testing.T, r *rig) {
		a := r.do("GET", polling, "")
		equal(t, "status", a.status, 403)
		equal(t, "body keeps private errors", a.body, `{"code":4,"message":"Forbidden"}`)
		a = r.do("GET", polling, "", "X-User", "ada")
		sess := r.srv.Session(parseOpen(t, a.body).SID)
		equal(t, "value", sess.Handshake().Value, any("ada"))
	})
}

func TestGenerateID(t *testing.T) {
	t.Parallel()
	ids := []string{"one", "one", ""}
	var fail error
	o := engineio.Options{GenerateID: func(*http.Request) (string, error) {
		if len(ids) == 0 {
			fail = errors.New("no more")
			return "", fail
		}
		id := ids[0]
		ids = ids[1:]
		return id, nil
	}}
	var names []string
	o.OnConnectionError = func(e *engineio.ConnectionError) { names = append(names, e.Name) }
	bubble(t, o, func(t *testing.T, r *rig) {
		equal(t, "sid", parseOpen(t, r.do("GET", polling, "").body).SID, "one")
		for _, what := range []string{"an id in use", "an empty id", "an error"} {
			a := r.do("GET", polling, "")
			equal(t, what, a.body, `{"code":3,"message":"Bad request"}`)
		}
		if diff := cmp.Diff([]string{"ID_GENERATION_ERROR", "ID_GENERATION_ERROR", "ID_GENERATION_ERROR"}, names); diff != "" {
			t.Error(diff)
		}
		equal(t, "sessions", r.srv.Len(), 1)
	})
}

func TestSIDsAreSecrets(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 10_000 {
		id := engineio.NewID()
		if len(id) != 20 || strings.Trim(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			t.Fatalf("id %q", id)
		}
		if seen[id] || seen[id[:8]] {
			t.Fatalf("id %q has been seen, or its beginning", id)
		}
		seen[id], seen[id[:8]] = true, true
	}
}

func TestHandshakeIsACompactCopy(t *testing.T) {
	t.Parallel()
	o := engineio.Options{CloseTimeout: time.Millisecond, TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}
	srv, err := engineio.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	var sess *engineio.Session
	srv.Bind(func(s *engineio.Session) engineio.Receiver {
		sess = s
		return discard{}
	})
	req := httptest.NewRequest("GET", "/engine.io/?EIO=4&transport=polling&room=a+b", nil)
	req.Host = "example.com"
	req.RemoteAddr = "10.1.2.3:999"
	req.Header.Set("Cookie", "a=b")
	req.Header.Set("Connection", "keep-alive")
	req.Header.Set("Sec-WebSocket-Key", "x")
	req.Header.Set("X-Forwarded-For", "1.1.1.1, 203.0.113.7, 10.9.9.9")
	req.Header.Set("X-Forwarded-Proto", "https")
	req.Header["X-Multi"] = []string{"1", "2"}
	srv.ServeHTTP(httptest.NewRecorder(), req)
	h := sess.Handshake()
	equal(t, "URL", h.URL(), "/engine.io/?EIO=4&transport=polling&room=a+b")
	equal(t, "query", h.Query().Get("room"), "a b")
	equal(t, "remote address behind trusted proxies", h.RemoteAddr(), "203.0.113.7")
	equal(t, "secure", h.Secure(), true)
	want := http.Header{
		"Host": {"example.com"}, "Cookie": {"a=b"}, "X-Multi": {"1", "2"},
		"X-Forwarded-For": {"1.1.1.1, 203.0.113.7, 10.9.9.9"}, "X-Forwarded-Proto": {"https"},
	}
	if diff := cmp.Diff(want, h.Header()); diff != "" {
		t.Error(diff)
	}
	if d := time.Since(h.Time()); d < 0 || d > time.Minute {
		t.Errorf("opened %v ago", d)
	}
	if err := srv.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func TestForwardedHeadersOfStrangersDoNotCount(t *testing.T) {
	t.Parallel()
	bubble(t, engineio.Options{KeepHeaders: []string{"x-forwarded-for"}}, func(t *testing.T, r *rig) {
		a := r.do("GET", polling, "", "X-Forwarded-For", "203.0.113.7", "X-Forwarded-Proto", "https", "Cookie", "a=b")
		h := r.srv.Session(parseOpen(t, a.body).SID).Handshake()
		equal(t, "secure", h.Secure(), false)
		if h.RemoteAddr() == "203.0.113.7" {
			t.Error("the address is the one that the client claims")
		}
		if diff := cmp.Diff(http.Header{"X-Forwarded-For": {"203.0.113.7"}}, h.Header()); diff != "" {
			t.Errorf("KeepHeaders: %s", diff)
		}
	})
}

func TestOriginRules(t *testing.T) {
	t.Parallel()
	proxies := []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")} // where httptest's requests come from
	for name, tc := range map[string]struct {
		cors    engineio.CORS
		proxies []netip.Prefix
		host    string
		tls     bool
		header  []string
		allowed bool
		// Headers of the answer.
		allowOrigin, vary, credentials string
	}{
		"no origin":                          {host: "a.example", allowed: true},
		"own origin":                         {host: "a.example", header: []string{"Origin", "http://a.example"}, allowed: true},
		"own origin, default port":           {host: "a.example:80", header: []string{"Origin", "http://A.example"}, allowed: true},
		"own origin behind a TLS proxy":      {host: "a.example", header: []string{"Origin", "https://a.example"}, allowed: true},
		"own origin over TLS":                {host: "a.example", tls: true, header: []string{"Origin", "https://a.example"}, allowed: true},
		"plain page of a TLS server":         {host: "a.example", tls: true, header: []string{"Origin", "http://a.example"}},
		"other host":                         {host: "a.example", header: []string{"Origin", "http://b.example"}},
		"other port":                         {host: "a.example:3000", header: []string{"Origin", "http://a.example:5173"}},
		"null":                               {host: "a.example", header: []string{"Origin", "null"}},
		"no origin at all":                   {host: "a.example", header: []string{"Origin", "\x7f"}},
		"forwarded host of a stranger":       {host: "inner", header: []string{"Origin", "https://a.example", "X-Forwarded-Host", "a.example"}},
		"forwarded host of a trusted proxy":  {proxies: proxies, host: "inner", header: []string{"Origin", "https://a.example", "X-Forwarded-Host", "a.example", "X-Forwarded-Proto", "https"}, allowed: true},
		"forwarded proto of a trusted proxy": {proxies: proxies, host: "a.example", header: []string{"Origin", "http://a.example", "X-Forwarded-Proto", "https"}},
		"listed":                             {cors: engineio.CORS{Origins: []string{"http://b.example"}}, host: "a.example", header: []string{"Origin", "http://b.example"}, allowed: true, allowOrigin: "http://b.example", vary: "Origin"},
		"own origin when others are listed":  {cors: engineio.CORS{Origins: []string{"http://b.example"}}, host: "a.example", header: []string{"Origin", "http://a.example"}, allowed: true, allowOrigin: "http://a.example", vary: "Origin"},
		"stranger when others are listed":    {cors: engineio.CORS{Origins: []string{"http://b.example"}}, host: "a.example", header: []string{"Origin", "http://c.example"}},
		"listed with credentials":            {cors: engineio.CORS{Origins: []string{"http://b.example"}, Credentials: true}, host: "a.example", header: []string{"Origin", "http://b.example"}, allowed: true, allowOrigin: "http://b.example", vary: "Origin", credentials: "true"},
		"any":                                {cors: engineio.CORS{Origins: []string{"*"}}, host: "a.example", header: []string{"Origin", "http://b.example"}, allowed: true, allowOrigin: "*"},
		"listed, request without origin":     {cors: engineio.CORS{Origins: []string{"http://b.example"}}, host: "a.example", allowed: true, vary: "Origin"},
		"function":                           {cors: engineio.CORS{AllowOrigin: func(_ *http.Request, o string) bool { return strings.HasSuffix(o, ".example") }}, host: "x", header: []string{"Origin", "http://b.example"}, allowed: true, allowOrigin: "http://b.example", vary: "Origin"},
		"function refuses":                   {cors: engineio.CORS{AllowOrigin: func(*http.Request, string) bool { return false }}, host: "x", header: []string{"Origin", "http://x"}},
		"off":                                {cors: engineio.CORS{Off: true}, host: "a.example", header: []string{"Origin", "http://b.example"}, allowed: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, upgrade := range []bool{false, true} {
				srv, err := engineio.NewServer(engineio.Options{CORS: tc.cors, TrustedProxies: tc.proxies, Handshake: func(*http.Request) (any, error) {
					return nil, &engineio.RefusalError{Message: "allowed so far"}
				}})
				if err != nil {
					t.Fatal(err)
				}
				req := httptest.NewRequest("GET", "/engine.io/?EIO=4&transport=polling", nil)
				if upgrade {
					req = httptest.NewRequest("GET", "/engine.io/?EIO=4&transport=websocket", nil)
					req.Header.Set("Connection", "keep-alive, Upgrade")
					req.Header.Set("Upgrade", "WebSocket")
				}
				req.Host = tc.host
				if tc.tls {
					req.TLS = &tls.ConnectionState{}
				}
				for i := 0; i < len(tc.header); i += 2 {
					req.Header.Set(tc.header[i], tc.header[i+1])
				}
				w := httptest.NewRecorder()
				srv.ServeHTTP(w, req)
				equal(t, "status", w.Code, 403) // by the hook, if the origin passes
				if got := strings.Contains(w.Body.String(), "allowed so far"); got != tc.allowed {
					t.Errorf("upgrade %v: allowed is %v, answer %q", upgrade, got, w.Body)
				}
				if !tc.allowed && !strings.Contains(w.Body.String(), "CORS.Origins") {
					t.Errorf("the answer %q does not name the option", w.Body)
				}
				equal(t, "Access-Control-Allow-Origin", w.Header().Get("Access-Control-Allow-Origin"), tc.allowOrigin)
				equal(t, "Vary", w.Header().Get("Vary"), tc.vary)
				equal(t, "Access-Control-Allow-Credentials", w.Header().Get("Access-Control-Allow-Credentials"), tc.credentials)
			}
		})
	}
}

func TestPreflight(t *testing.T) {
	t.Parallel()
	o := engineio.Options{CORS: engineio.CORS{Origins: []string{"http://b.example"}, Credentials: true, MaxAge: time.Hour, ExposedHeaders: []string{"X-A"}}}
	bubble(t, o, func(t *testing.T, r *rig) {
		a := r.do("OPTIONS", polling, "", "Origin", "http://b.example", "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "content-type,x-b")
		equal(t, "status", a.status, 204)
		for k, want := range map[string]string{
			"Access-Control-Allow-Origin":      "http://b.example",
			"Access-Control-Allow-Methods":     "GET,POST",
			"Access-Control-Allow-Headers":     "content-type,x-b",
			"Access-Control-Allow-Credentials": "true",
			"Access-Control-Max-Age":           "3600",
		} {
			equal(t, k, a.header.Get(k), want)
		}
		if diff := cmp.Diff([]string{"Origin", "Access-Control-Request-Headers"}, a.header.Values("Vary")); diff != "" {
			t.Errorf("Vary: %s", diff)
		}
		a = r.do("GET", "EIO=4&transport=abc", "", "Origin", "http://b.example")
		equal(t, "header on an error", a.header.Get("Access-Control-Allow-Origin"), "http://b.example")
		equal(t, "exposed", a.header.Get("Access-Control-Expose-Headers"), "X-A")
		a = r.do("OPTIONS", polling, "", "Origin", "http://c.example")
		equal(t, "status for a stranger", a.status, 403)
	})
}

// discard is a protocol that ignores everything.
type discard struct{}

func (discard) Receive([]byte, bool)  {}
func (discard) Turn(*engineio.Turn)   {}
func (discard) Closed(engineio.Close) {}

// TestPathWithAndWithoutTrailingSlash: the path is the router's, and a client
// that leaves the trailing slash out is served by a pattern without it.
func TestPathWithAndWithoutTrailingSlash(t *testing.T) {
	t.Parallel()
	route := func(h http.Handler) http.Handler {
		mux := http.NewServeMux()
		mux.Handle("/engine.io/", h)
		mux.Handle("/engine.io", h)
		mux.Handle("/deep/below/", http.StripPrefix("/deep", h))
		return mux
	}
	bubbleWith(t, engineio.Options{}, route, func(t *testing.T, r *rig) {
		r.echo()
		for path, status := range map[string]int{"/engine.io/": 200, "/engine.io": 200, "/deep/below/": 200, "/other/": 404} {
			resp, err := r.client.Get("http://example.test" + path + "?" + polling)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if err != nil {
				t.Fatal(err)
			}
			equal(t, path, resp.StatusCode, status)
			if status == 200 {
				parseOpen(t, string(body))
			}
		}
	})
}
