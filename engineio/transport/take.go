package transport

import "github.com/sockeye-io/sockeye/engineio/eiowire"

// TakePayloadV3 is TakePayload for protocol v3. The payload is a binary one if a
// packet in it is: in the dialect of a queue for clients that read text only,
// none is.
func (q *Queue) TakePayloadV3(by Drainer, maxPackets, maxBytes int) (payload []byte, isBinary bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.takeableLocked(by) {
		return nil, false
	}
	packets, bytes, isBinary := q.peekLocked(maxPackets, maxBytes)
	payload = make([]byte, 0, bytes)
	for range packets {
		packet, raw, size := q.frontLocked()
		if isBinary {
			payload = eiowire.AppendPartV3(payload, packet, raw)
		} else {
			payload = eiowire.AppendTextV3(payload, packet)
		}
		q.consumeLocked(size)
	}
	return payload, isBinary
}

// headerV3 is about how many bytes the header of a packet takes.
const headerV3 = 8

// peekLocked returns how many of the queued packets one payload takes, about
// how many bytes they are in it, and whether one of them is binary.
func (q *Queue) peekLocked(maxPackets, maxBytes int) (packets, bytes int, isBinary bool) {
	for i := range q.segs.n {
		rest := q.segs.at(i).data()
		if i == 0 {
			rest = rest[q.segs.head:]
		}
		for len(rest) > 0 {
			payload, raw, size := nextFrame(rest)
			need := headerV3 + len(payload)
			if packets > 0 && bytes+need > maxBytes || maxPackets > 0 && packets == maxPackets {
				return packets, bytes, isBinary
			}
			packets++
			bytes += need
			isBinary = isBinary || raw
			rest = rest[size:]
		}
	}
	return packets, bytes, isBinary
}

// takeableLocked reports whether the asking drainer may take packets: there are
// some, no turn is under way that will bring company, and the queue is its own.
// After an upgrade the bytes, perhaps half of a frame, are on their way elsewhere.
func (q *Queue) takeableLocked(by Drainer) bool {
	return q.drainer == by && !q.writing && !q.closed && q.segs.n > 0 && (q.corked == 0 || q.bytes >= corkSize)
}

// frontLocked returns the packet of the first frame.
func (q *Queue) frontLocked() (payload []byte, isBinary bool, size int) {
	return nextFrame(q.segs.inline[0].data()[q.segs.head:])
}

// consumeLocked removes the first frame.
func (q *Queue) consumeLocked(size int) {
	q.bytes -= size
	q.segs.head += int32(size)
	if int(q.segs.head) == len(q.segs.inline[0].data()) {
		q.segs.pop()
	}
}
