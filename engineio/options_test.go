package engineio_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/sockeye-io/sockeye/engineio"
)

func TestEveryRuleOfTheOptions(t *testing.T) {
	t.Parallel()
	for want, o := range map[string]engineio.Options{
		"PingInterval is -1s":        {PingInterval: -time.Second},
		"PingInterval is 1ns":        {PingInterval: 1},
		"PingTimeout is -1s":         {PingTimeout: -time.Second},
		"UpgradeTimeout is -1s":      {UpgradeTimeout: -time.Second},
		"CloseTimeout is -1s":        {CloseTimeout: -time.Second},
		"MaxPayload is -1":           {MaxPayload: -1},
		"OutboundLimit is -1":        {OutboundLimit: -1},
		"CompressionThreshold is -1": {CompressionThreshold: -1},
		"Compressors[1] is nil":      {Compressors: []engineio.Compressor{engineio.Gzip(), nil}},
		"Transports is empty":        {Transports: []string{}},
		`Transports[1] is "carrier"`: {Transports: []string{"polling", "carrier"}},
		"TrustedProxies[0]":          {TrustedProxies: []netip.Prefix{{}}},
		`the origin "*"`:             {CORS: engineio.CORS{Origins: []string{"*"}, Credentials: true}},
		"is Off but names origins":   {CORS: engineio.CORS{Origins: []string{"*"}, Off: true}},
		`Origins[0] is "example"`:    {CORS: engineio.CORS{Origins: []string{"example"}}},
		`Origins[0] is "http://a/b"`: {CORS: engineio.CORS{Origins: []string{"http://a/b"}}},
		"MaxAge is -1s":              {CORS: engineio.CORS{MaxAge: -time.Second}},
	} {
		_, err := engineio.NewServer(o)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
}

func TestAllFaultsAtOnce(t *testing.T) {
	t.Parallel()
	_, err := engineio.NewServer(engineio.Options{PingInterval: -1, MaxPayload: -1, Transports: []string{"x"}})
	if err == nil || strings.Count(err.Error(), "\n") != 2 {
		t.Errorf("got %v, want three lines", err)
	}
}
