package websocket_test

import "testing"

// FuzzFeed feeds a stream whole and in chunks: the packets and the end are the
// same, nothing panics, and what is kept is no more than what has arrived.
func FuzzFeed(f *testing.F) {
	for _, rule := range rules {
		f.Add(rule.in, []byte{3, 1})
	}
	f.Add(everything(), []byte{1, 50, 2})
	f.Fuzz(func(t *testing.T, stream, cuts []byte) {
		const limit = 300
		chunks := []int{1}
		for _, c := range cuts {
			chunks = append(chunks, int(c))
		}
		whole, parts := feed(limit), feed(limit)
		wholeErr, partsErr := whole.in(stream, max(1, len(stream))), parts.in(stream, chunks...)
		equal(t, "packets in chunks", packets(parts.rec), packets(whole.rec))
		equal(t, "end in chunks", ending(partsErr), ending(wholeErr))
		for _, c := range []*feeder{whole, parts} {
			if held := c.Held(); held > 2*len(stream)+64 {
				t.Errorf("%d bytes are held after %d", held, len(stream))
			}
			for _, p := range c.rec.Packets() {
				if len(p) > limit+2 { // with brackets
					t.Errorf("a packet of %d bytes", len(p))
				}
			}
		}
	})
}
