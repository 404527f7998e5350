// Package mutant is a reverse proxy that makes a correct server wrong in one way at a time. A conformance
// case that still passes behind the mutation that it names proves nothing.
package mutant

import (
	"net/http"
	"strings"
)

// A Mutation is one way of being wrong. Its functions see what the server sends to the client.
type Mutation struct {
	Name   string
	Answer func(a *Answer)             // an HTTP answer that is no upgrade
	Frame  func(f Frame) (Frame, bool) // a WebSocket frame; false drops it
	Accept bool                        // refused upgrades are accepted and the connection stays open
	Hold   bool                        // the connection stays open after the server closed it
	Cut    bool                        // the connection closes after its first frame
}

// An Answer is an HTTP answer on its way to the client.
type Answer struct {
	Method string
	Status int
	Header http.Header
	Body   string
}

// A Frame is a WebSocket frame on its way to the client.
type Frame struct {
	Fin     bool
	Op      byte
	Payload string
}

// The opcodes that mutations look at.
const (
	opText   = 0x1
	opBinary = 0x2
	opClose  = 0x8
)

// None is no mutation: the control.
func None() Mutation { return Mutation{Name: "none"} }

// All returns every mutation.
func All() []Mutation {
	return append([]Mutation{
		answer("status", func(a *Answer) {
			if a.Status >= 400 {
				a.Status = http.StatusOK
			}
		}),
		answer("status-204", func(a *Answer) {
			if a.Status == http.StatusNoContent {
				a.Status = http.StatusOK
			}
		}),
		answer("error-body", func(a *Answer) {
			if a.Status >= 400 {
				a.Body = strings.Replace(a.Body, `"code":`, `"code":1`, 1)
			}
		}),
		answer("error-type", func(a *Answer) {
			if a.Status >= 400 {
				a.Header.Set("Content-Type", "text/plain")
			}
		}),
		answer("content-type", func(a *Answer) { a.Header.Set("Content-Type", "text/plain") }),
		answer("cacheable", func(a *Answer) { a.Header.Del("Cache-Control") }),
		answer("no-cors", func(a *Answer) { a.Header.Del("Access-Control-Allow-Origin") }),
		answer("post-answer", func(a *Answer) {
			if a.Method == http.MethodPost && a.Body == "ok" {
				a.Body = "OK"
			}
		}),
		answer("post-headers", func(a *Answer) {
			if a.Method == http.MethodPost {
				a.Header.Set("Content-Type", "text/plain")
			}
		}),
		answer("split-payload", func(a *Answer) { a.Body, _, _ = strings.Cut(a.Body, "\x1e") }),
		answer("reverse-payload", func(a *Answer) {
			packets := strings.Split(a.Body, "\x1e")
			for i, j := 0, len(packets)-1; i < j; i, j = i+1, j-1 {
				packets[i], packets[j] = packets[j], packets[i]
			}
			a.Body = strings.Join(packets, "\x1e")
		}),
		answer("length", func(a *Answer) { // of the first packet in a payload of protocol v3
			if a.Method != http.MethodGet || a.Body == "" {
				return
			}
			switch c := a.Body[0]; {
			case c >= '0' && c <= '8' && strings.Contains(a.Body, ":"):
				a.Body = string(rune(c+1)) + a.Body[1:]
			case c <= 1:
				a.Body = a.Body[:1] + "\x09" + a.Body[2:]
			}
		}),
		answer("script", func(a *Answer) { a.Body = strings.Replace(a.Body, "___eio[12]", "___eio[1]", 1) }),
		{Name: "accept-all", Accept: true},
		{Name: "stay-open", Hold: true},
		{Name: "close-at-once", Cut: true},
		frame("close-code", func(f Frame) (Frame, bool) {
			if f.Op == opClose {
				f.Payload = "\x03\xf3" // 1011
			}
			return f, true
		}),
		frame("text-as-binary", func(f Frame) (Frame, bool) {
			if f.Op == opText {
				f.Op = opBinary
			}
			return f, true
		}),
		frame("binary-as-text", func(f Frame) (Frame, bool) {
			if f.Op == opBinary {
				f.Op, f.Payload = opText, "bAQI="
			}
			return f, true
		}),
		frame("no-ping", func(f Frame) (Frame, bool) { return f, f.Payload != "2" }),
	}, packets()...)
}

// packets are the mutations of a single packet, whatever carries it.
func packets() []Mutation {
	exactly := func(name, from, to string) Mutation {
		return packet(name, func(p string) string {
			if p == from {
				return to
			}
			return p
		})
	}
	replace := func(name, from, to string) Mutation {
		return packet(name, func(p string) string { return strings.Replace(p, from, to, 1) })
	}
	return []Mutation{
		exactly("close-packet", "1", "6"),
		exactly("noop-packet", "6", "1"),
		exactly("ping-packet", "2", "2ping"),
		exactly("probe", "3probe", "3"),
		exactly("pong-packet", "3", "3pong"),
		exactly("disconnect-packet", "41", "6"),
		packet("handshake-key", func(p string) string {
			return strings.Replace(p, `"maxPayload":`, `"pid":"x","maxPayload":`, 1)
		}),
		packet("handshake-upgrades", func(p string) string {
			if strings.Contains(p, `"upgrades":[]`) {
				return strings.Replace(p, `[]`, `["websocket"]`, 1)
			}
			return strings.Replace(p, `"upgrades":["websocket"]`, `"upgrades":[]`, 1)
		}),
		replace("handshake-interval", `"pingInterval":300`, `"pingInterval":301`),
		packet("handshake-order", func(p string) string {
			head, tail, ok := strings.Cut(p, `,"maxPayload":1000000`)
			if !ok {
				return p
			}
			return "0{" + `"maxPayload":1000000,` + strings.TrimPrefix(head, "0{") + tail
		}),
		packet("uppercase", func(p string) string {
			if !strings.HasPrefix(p, "4") || strings.HasPrefix(p, "40") {
				return p
			}
			return strings.ToUpper(p)
		}),
		packet("binary-typed", func(p string) string {
			if strings.HasPrefix(p, "b") {
				return "4" + p
			}
			return p
		}),
		packet("binary-text", func(p string) string { return strings.Replace(p, "AQID", "AQIE", 1) }),
		frame("binary-reversed", func(f Frame) (Frame, bool) {
			if f.Op == opBinary {
				b := []byte(f.Payload)
				for i := range b {
					b[i] ^= 0xFF
				}
				f.Payload = string(b)
			}
			return f, true
		}),
		replace("connect-extra", `{"sid":`, `{"pid":"x","sid":`),
		replace("auth", `["auth",{`, `["auth",{"":0,`),
		replace("namespace", "/custom,", "/elsewhere,"),
		replace("connect-error", `{"message":"`, `{"error":"`),
		replace("bad-token", "bad-token", "token"),
		packet("event-name", func(p string) string {
			p = strings.Replace(p, `-back"`, `_back"`, 1)
			return strings.Replace(p, `-result"`, `_result"`, 1)
		}),
		replace("placeholder", `"num":1`, `"num":2`),
		replace("ack-type", "43456", "42456"),
		packet("ack-id", func(p string) string {
			p = strings.Replace(p, "43456", "43457", 1)
			return strings.Replace(p, "462-789", "462-788", 1)
		}),
		replace("reason", "namespace disconnect", "transport close"),
		replace("ack-id-0", "430[", "43["),
	}
}

func answer(name string, fn func(a *Answer)) Mutation { return Mutation{Name: name, Answer: fn} }

func frame(name string, fn func(f Frame) (Frame, bool)) Mutation {
	return Mutation{Name: name, Frame: fn}
}

func packet(name string, fn func(p string) string) Mutation {
	return Mutation{
		Name: name,
		Answer: func(a *Answer) {
			if a.Method != http.MethodGet || a.Status != http.StatusOK {
				return
			}
			packets := strings.Split(a.Body, "\x1e")
			for i, p := range packets {
				packets[i] = fn(p)
			}
			a.Body = strings.Join(packets, "\x1e")
		},
		Frame: func(f Frame) (Frame, bool) {
			if f.Op == opText {
				f.Payload = fn(f.Payload)
			}
			return f, true
		},
	}
}
