package eiowire

import (
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Handshake is what a server tells a client with its first packet.
type Handshake struct {
	// SID names the session.
	SID string
	// Upgrades are the transports that the client may change to.
	Upgrades []string
	// PingInterval is the time between the server's pings, PingTimeout how long it
	// waits for an answer. Both travel in whole milliseconds.
	PingInterval, PingTimeout time.Duration
	// MaxPayload is the most bytes that the server takes in one message or body.
	MaxPayload int
}

// AppendOpen appends the JSON text that an Open packet has as its data, with the
// keys in the order of the reference server: sid, upgrades, pingInterval,
// pingTimeout, maxPayload.
func AppendOpen(dst []byte, h Handshake) []byte {
	dst = append(dst, `{"sid":`...)
	dst = appendQuoted(dst, h.SID)
	dst = append(dst, `,"upgrades":[`...)
	for i, name := range h.Upgrades {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendQuoted(dst, name)
	}
	dst = append(dst, `],"pingInterval":`...)
	dst = strconv.AppendInt(dst, h.PingInterval.Milliseconds(), 10)
	dst = append(dst, `,"pingTimeout":`...)
	dst = strconv.AppendInt(dst, h.PingTimeout.Milliseconds(), 10)
	dst = append(dst, `,"maxPayload":`...)
	dst = strconv.AppendInt(dst, int64(h.MaxPayload), 10)
	return append(dst, '}')
}

func appendQuoted(dst []byte, s string) []byte {
	quoted, _ := jsontext.AppendQuote(dst, s) // its error only tells that U+FFFD took the place of something
	return quoted
}
