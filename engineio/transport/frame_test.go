package transport_test

import (
	"bytes"
	"io"
	"testing"

	"github.com/gobwas/ws"

	"github.com/sockeye-io/sockeye/engineio/transport"
)

// frameLengths are those at which the header changes its form (RFC 6455,
// section 5.2), payload by payload.
var frameLengths = []int{0, 1, 124, 125, 126, 127, 128, 65534, 65535, 65536, 65537, 1 << 20}

func TestFramesAreReadByAnotherDecoder(t *testing.T) {
	t.Parallel()
	for _, n := range frameLengths {
		attachment := bytes.Repeat([]byte{0xfe}, n)
		var text []byte
		if n > 0 {
			text = bytes.Repeat([]byte("x"), n-1) // the packet type is the first byte
		}
		m := transport.NewMessage(text, [][]byte{attachment})
		r := bytes.NewReader(m.Frames())
		want := []ws.Frame{
			ws.NewTextFrame(append([]byte("4"), text...)),
			ws.NewBinaryFrame(attachment),
		}
		if text == nil {
			want = want[1:]
		}
		for _, w := range want {
			f, err := ws.ReadFrame(r)
			if err != nil {
				t.Fatalf("length %d: %v", n, err)
			}
			if f.Header != w.Header || !bytes.Equal(f.Payload, w.Payload) {
				t.Errorf("length %d: read %+v, want %+v (or the payload differs)", n, f.Header, w.Header)
			}
			if size := ws.HeaderSize(f.Header); n > 0 && size > 10 {
				t.Errorf("length %d: header of %d bytes", n, size)
			}
		}
		if _, err := r.ReadByte(); err != io.EOF {
			t.Errorf("length %d: %d bytes behind the last frame", n, r.Len()+1)
		}
	}
}

func TestFramesAreTheShortestForm(t *testing.T) {
	t.Parallel()
	for _, n := range frameLengths {
		var want bytes.Buffer
		if err := ws.WriteFrame(&want, ws.NewBinaryFrame(make([]byte, n))); err != nil {
			t.Fatal(err)
		}
		got := transport.NewMessage(nil, [][]byte{make([]byte, n)}).Frames()
		if !bytes.Equal(got, want.Bytes()) {
			t.Errorf("length %d: header % x, want % x", n, got[:min(10, len(got))], want.Bytes()[:min(10, want.Len())])
		}
	}
}

func TestNextFrameUndoesTheEncoding(t *testing.T) {
	t.Parallel()
	for _, n := range frameLengths {
		data := bytes.Repeat([]byte{0x81}, n)
		b := append(transport.NewPacket(data).Frames(), 0x82, 0x00)
		payload, isBinary, size := transport.NextFrame(b)
		if !bytes.Equal(payload, data) || isBinary || size != len(b)-2 {
			t.Errorf("length %d: %d bytes, binary %v, size %d of %d", n, len(payload), isBinary, size, len(b)-2)
		}
		if payload, isBinary, size = transport.NextFrame(b[size:]); len(payload) != 0 || !isBinary || size != 2 {
			t.Errorf("length %d: the frame behind: %d bytes, binary %v, size %d", n, len(payload), isBinary, size)
		}
	}
}

func TestMessageCopiesItsArguments(t *testing.T) {
	t.Parallel()
	text, attachment := []byte("abc"), []byte("def")
	m := transport.NewMessage(text, [][]byte{attachment})
	equal(t, "Size", m.Size(), 2+4+2+3)
	clear(text)
	clear(attachment)
	equal(t, "frames", readable(m.Frames()), "4abc [def] ")
}
