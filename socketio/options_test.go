package socketio_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sockeye-io/sockeye/engineio"
	"github.com/sockeye-io/sockeye/socketio"
	"github.com/sockeye-io/sockeye/socketio/siowire"
)

func TestOptionsAreChecked(t *testing.T) {
	t.Parallel()
	tests := []struct {
		rule string
		o    socketio.Options
		want string
	}{
		{"ConnectTimeout is not negative", socketio.Options{ConnectTimeout: -time.Second}, "ConnectTimeout"},
		{"InboundPackets is not negative", socketio.Options{InboundPackets: -1}, "InboundPackets"},
		{"InboundBytes is not negative", socketio.Options{InboundBytes: -1}, "InboundBytes"},
		{"Limits.Attachments is not negative", socketio.Options{Limits: siowire.Limits{Attachments: -1}}, "Attachments"},
		{"Limits.Depth is not negative", socketio.Options{Limits: siowire.Limits{Depth: -1}}, "Depth"},
		{"Engine's faults are found too", socketio.Options{Engine: engineio.Options{PingTimeout: -1}}, "PingTimeout"},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			t.Parallel()
			if _, err := socketio.NewServer(tt.o); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error that names %s", err, tt.want)
			}
		})
	}
	_, err := socketio.NewServer(socketio.Options{ConnectTimeout: -1, InboundBytes: -1, Engine: engineio.Options{MaxPayload: -1}})
	for _, want := range []string{"ConnectTimeout", "InboundBytes", "MaxPayload"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("all faults at once: got %v, want %s in it", err, want)
		}
	}
	if _, err := socketio.NewServer(socketio.Options{}); err != nil {
		t.Errorf("the zero Options: %v", err)
	}
}

func TestLimitsReachTheParser(t *testing.T) {
	t.Parallel()
	bubble(t, socketio.Options{Limits: siowire.Limits{Depth: 3}}, func(t *testing.T, r *rig) {
		c, _ := r.socket()
		c.send(`2["x",[[1]]]`)
		c.nothing()
		c.send(`2["x",[[[1]]]]`)
		c.closed()
	})
}
