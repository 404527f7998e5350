package load

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // RFC 6455 asks for it
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ringSize is the number of different messages. A message is known by three
// digits, firstID plus its index, which are its ack id and the start of its payload.
const (
	ringSize = 64
	firstID  = 100
)

// ring holds everything that is sent and received, built before the run.
type ring struct {
	packets [ringSize][]byte // Engine.IO packets without frame, for polling
	replies [ringSize][]byte // the right answer or delivery to each
	prefix  int              // where the three digits stand in a reply

	stream []byte // the packets as masked frames, twice in a row
	frame  int    // the length of one frame
}

// newRing builds the messages of an event with payloads of the given length.
// With an ack the replies are acknowledgements, otherwise they are events named reply.
func newRing(event string, ack bool, reply string, payload int) *ring {
	r := &ring{}
	for i := range r.packets {
		id := strconv.Itoa(firstID + i)
		text := id + strings.Repeat("abcdefghijklmnopqrstuvwxyz012345", payload/32+1)[:payload-len(id)]
		if ack {
			r.packets[i] = []byte(`42` + id + `["` + event + `","` + text + `"]`)
			r.replies[i] = []byte(`43` + id + `["` + text + `"]`)
			r.prefix = len(`43`)
		} else {
			r.packets[i] = []byte(`42["` + event + `","` + text + `"]`)
			r.replies[i] = []byte(`42["` + reply + `","` + text + `"]`)
			r.prefix = len(`42["`) + len(reply) + len(`","`)
		}
	}
	for range 2 {
		for i, p := range r.packets {
			mask := [4]byte{0xa5, 0x3c, byte(i), 0x96}
			r.stream = appendClientFrame(r.stream, opText, mask, p)
		}
	}
	r.frame = len(r.stream) / (2 * ringSize)
	return r
}

// frames returns n frames beginning with the one at index i, ready to be written.
func (r *ring) frames(i uint32, n int) []byte {
	return r.stream[int(i)*r.frame : (int(i)+n)*r.frame]
}

// index recognizes a reply. It is an error if any byte of it is not as it must be.
func (r *ring) index(packet []byte) (uint32, error) {
	if len(packet) >= r.prefix+3 {
		d := packet[r.prefix:]
		i := int(d[0]-'0')*100 + int(d[1]-'0')*10 + int(d[2]-'0') - firstID
		if i >= 0 && i < ringSize && bytes.Equal(packet, r.replies[i]) {
			return uint32(i), nil
		}
	}
	return 0, fmt.Errorf("wrong reply %.200q", packet)
}

// The WebSocket opcodes that the generator knows (RFC 6455 section 5.2).
const (
	opText  = 0x1
	opClose = 0x8
	opPing  = 0x9
	opPong  = 0xa
)

// appendClientFrame appends a masked frame (RFC 6455 section 5.2).
func appendClientFrame(dst []byte, op byte, mask [4]byte, payload []byte) []byte {
	dst = append(dst, 0x80|op)
	switch n := len(payload); {
	case n < 126:
		dst = append(dst, 0x80|byte(n))
	case n < 1<<16:
		dst = append(dst, 0x80|126)
		dst = binary.BigEndian.AppendUint16(dst, uint16(n))
	default:
		dst = append(dst, 0x80|127)
		dst = binary.BigEndian.AppendUint64(dst, uint64(n))
	}
	dst = append(dst, mask[:]...)
	for i, b := range payload {
		dst = append(dst, b^mask[i&3])
	}
	return dst
}

var errFrame = errors.New("frame that no server without extensions sends here")

// scanFrame finds the server frame that data begins with. n is its length, 0
// when it is not complete yet. The payload points into data.
func scanFrame(data []byte) (op byte, payload []byte, n int, err error) {
	if len(data) < 2 {
		return 0, nil, 0, nil
	}
	if data[0]&0xf0 != 0x80 || data[1]&0x80 != 0 { // fragmented, compressed or masked
		return 0, nil, 0, fmt.Errorf("%w: % x", errFrame, data[:2])
	}
	head, size := 2, int(data[1])
	switch size {
	case 126:
		if head = 4; len(data) >= head {
			size = int(binary.BigEndian.Uint16(data[2:]))
		}
	case 127:
		return 0, nil, 0, fmt.Errorf("%w: 64-bit length", errFrame)
	}
	if len(data) < head || len(data) < head+size {
		return 0, nil, 0, nil
	}
	return data[0] & 0xf, data[head : head+size], head + size, nil
}

// nonce is the Sec-WebSocket-Key of every handshake.
const nonce = "c29ja2V5ZSBiZW5jaCAuLg=="

// upgradeRequest returns the handshake of a WebSocket connection.
func upgradeRequest(addr, path string, browser bool) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "GET %s?EIO=4&transport=websocket HTTP/1.1\r\nHost: %s\r\n", path, addr)
	if browser {
		fmt.Fprintf(&b, browserHeaders, addr, strings.Repeat("0123456789abcdef", 32), strings.Repeat("fedcba98", 16))
	}
	fmt.Fprintf(&b, "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n\r\n", nonce)
	return []byte(b.String())
}

// browserHeaders is what a browser adds for a page of the server's own: its
// address, a session cookie and one for statistics are to be filled in.
const browserHeaders = "Pragma: no-cache\r\nCache-Control: no-cache\r\n" +
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36\r\n" +
	"Origin: http://%s\r\nAccept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-US,en;q=0.9,de;q=0.8\r\n" +
	"Cookie: session=%s; visitor=%s\r\n"

// checkUpgrade judges the server's answer to the handshake, which ends with an empty line.
func checkUpgrade(head []byte) error {
	if !bytes.HasPrefix(head, []byte("HTTP/1.1 101 ")) || !bytes.Contains(head, []byte(acceptKey())) {
		return fmt.Errorf("handshake refused: %.300q", head)
	}
	return nil
}

// acceptKey is the answer to nonce (RFC 6455 section 4.2.2).
func acceptKey() string {
	sum := sha1.Sum([]byte(nonce + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) //nolint:gosec // as above
	return base64.StdEncoding.EncodeToString(sum[:])
}
