package websocket

// ErrPeerClosed is what Feed returns at the peer's close frame.
var ErrPeerClosed = errPeerClosed

// Limits that the rules are stated in.
const (
	DrainSize = drainSize
	IdleWait  = idleWait
)

// Held returns how many bytes of memory the connection keeps for what is
// incomplete.
func (c *Conn) Held() int {
	if c.in == nil {
		return 0
	}
	return cap(c.in.head) + cap(c.in.payload) + cap(c.in.fragments)
}
