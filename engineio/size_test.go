package engineio

import (
	"testing"
	"unsafe"

	"github.com/sockeye-io/sockeye/engineio/transport/websocket"
)

// TestSizes holds what an idle session costs to the size classes of the
// allocator: a field more in the wrong place is felt ten thousand times.
func TestSizes(t *testing.T) {
	t.Parallel()
	for what, sizes := range map[string][2]uintptr{
		"Session":        {unsafe.Sizeof(Session{}), 288},
		"Handshake":      {unsafe.Sizeof(Handshake{}), 80},
		"websocket.Conn": {unsafe.Sizeof(websocket.Conn{}), 128},
	} {
		if sizes[0] > sizes[1] {
			t.Errorf("%s takes %d bytes, more than %d", what, sizes[0], sizes[1])
		}
	}
}
