package websocket_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sockeye-io/sockeye/engineio/eiowire"
	"github.com/sockeye-io/sockeye/engineio/transport"
	"github.com/sockeye-io/sockeye/engineio/transport/transporttest"
	"github.com/sockeye-io/sockeye/engineio/transport/websocket"
	"github.com/sockeye-io/sockeye/internal/memnet"
	"github.com/sockeye-io/sockeye/internal/worker"
)

func TestMessagesOfVersion3(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		rule string
		in   []byte
		want []string
		err  error
	}{
		{"text is a packet", frame(fin|text, "4a"), []string{"4a"}, nil},
		{"bytes begin with the type", frame(fin|binry, "\x04\x00\xff"), []string{"[\x00\xff]"}, nil},
		{"so does base64", frame(fin|text, "b4AQI="), []string{"[\x01\x02]"}, nil},
		{"fragments are one message", frames(frame(binry, "\x04a"), frame(fin|cont, "b")), []string{"[ab]"}, nil},
		{"an empty binary message", frame(fin|binry, ""), []string{}, eiowire.ErrEmpty},
		{"an unknown type", frame(fin|binry, "4"), []string{}, eiowire.ErrType},
	} {
		t.Run(test.rule, func(t *testing.T) {
			t.Parallel()
			group := new(worker.Group)
			group.Close() // nothing leaves the queue
			queue := new(transport.Queue)
			queue.Init(transport.NewFlusher(group), 1<<20)
			_, near := memnet.Pipe(memnet.Options{})
			rec := new(transporttest.Recorder)
			c := websocket.New(near, &websocket.Config{MaxPayload: 1000, Group: group, V3: true}, rec, queue)
			c.Attach(rec)
			if err := c.Feed(test.in); !errors.Is(err, test.err) {
				t.Errorf("Feed: %v, want %v", err, test.err)
			}
			if diff := cmp.Diff(test.want, rec.Packets()); diff != "" {
				t.Errorf("packets (-want +got):\n%s", diff)
			}
		})
	}
}
