package transport

import (
	"bytes"
	"compress/flate"
	"io"
	"sync"
)

// finDeflated is the bit that marks a frame's payload as compressed (RFC 7692,
// section 6.1).
const finDeflated = 0x40

// deflateTail is what a flushed deflate stream ends in, and what a compressed
// message is sent without (RFC 7692, section 7.2.1).
var deflateTail = []byte{0x00, 0x00, 0xff, 0xff} //nolint:gochecknoglobals // constant

// Deflate compresses and inflates messages (RFC 7692, permessage-deflate). Every
// message stands alone: no window is kept between two of them, so that an idle
// connection costs nothing and a broadcast is compressed once for all its
// members. It belongs to a server and is safe for concurrent use.
type Deflate struct {
	threshold int
	writers   sync.Pool
	readers   sync.Pool
}

// NewDeflate returns a compressor for payloads of at least threshold bytes, at
// a level of package flate.
func NewDeflate(level, threshold int) (*Deflate, error) {
	if _, err := flate.NewWriter(io.Discard, level); err != nil {
		return nil, err
	}
	d := &Deflate{threshold: threshold}
	d.writers.New = func() any {
		w, _ := flate.NewWriter(io.Discard, level) // the level has been tried
		return w
	}
	d.readers.New = func() any { return flate.NewReader(bytes.NewReader(nil)) }
	return d, nil
}

// appendCompressed appends the compressed form of payload.
func (d *Deflate) appendCompressed(dst, payload []byte) []byte {
	out := bytes.NewBuffer(dst)
	w, _ := d.writers.Get().(*flate.Writer)
	defer d.writers.Put(w)
	w.Reset(out)
	_, _ = w.Write(payload) // a buffer takes everything
	_ = w.Flush()
	return bytes.TrimSuffix(out.Bytes(), deflateTail)
}

// Inflate returns what a compressed message stands for. It fails with
// ErrMessageTooLarge as soon as that is more than limit bytes, whatever is left
// of the input.
func (d *Deflate) Inflate(payload []byte, limit int) ([]byte, error) {
	r, _ := d.readers.Get().(io.ReadCloser)
	defer d.readers.Put(r)
	in := io.MultiReader(bytes.NewReader(payload), bytes.NewReader(deflateTail))
	// The tail ends a block that is not the last: an empty last one ends it.
	in = io.MultiReader(in, bytes.NewReader([]byte{0x01, 0x00, 0x00, 0xff, 0xff}))
	if err := r.(flate.Resetter).Reset(in, nil); err != nil { //nolint:forcetypeassert // every flate reader is one
		return nil, err
	}
	out, err := io.ReadAll(io.LimitReader(r, int64(limit)+1))
	switch {
	case len(out) > limit:
		return nil, ErrMessageTooLarge
	case err != nil:
		return nil, err
	}
	return out, nil
}

// appendFrame appends a data frame, compressed if that is worth it.
func (d *Deflate) appendFrame(dst []byte, first byte, payload []byte) []byte {
	if len(payload) < d.threshold {
		return append(appendHeader(dst, first, len(payload)), payload...)
	}
	small := d.appendCompressed(make([]byte, 0, len(payload)/2), payload)
	return append(appendHeader(dst, first|finDeflated, len(small)), small...)
}

// frames encodes a message like appendFrames, with the frames compressed that
// are worth it. It returns nil if none is.
func (d *Deflate) frames(speak Dialect, text []byte, attachments [][]byte) []byte {
	worth := text != nil && 1+len(text) >= d.threshold
	for _, a := range attachments {
		worth = worth || speak.size(len(a)) >= d.threshold
	}
	if !worth {
		return nil
	}
	var dst []byte
	if text != nil {
		payload := append([]byte{messageType}, text...)
		dst = d.appendFrame(dst, finText, payload)
	}
	for _, a := range attachments {
		payload := a
		if speak != DialectV4 {
			payload = speak.appendPayload(nil, a)
		}
		dst = d.appendFrame(dst, speak.first(), payload)
	}
	return dst
}

// Compress gives the message a compressed form for the peers that take it. It
// is called before the message is shared, or not at all.
func (m *Message) Compress(d *Deflate) {
	var dst []byte
	worth := false
	for rest := m.frames; len(rest) > 0; {
		payload, isBinary, size := nextFrame(rest)
		rest = rest[size:]
		worth = worth || len(payload) >= d.threshold
		first := byte(finText)
		if isBinary {
			first = finBinary
		}
		dst = d.appendFrame(dst, first, payload)
	}
	if worth {
		m.deflated = &Message{frames: dst}
	}
}

// EnableDeflate makes what is written from now on compressed where that is worth
// it. The peer has agreed to it, and only WebSockets drain the queue from now on.
func (q *Queue) EnableDeflate() { q.deflates.Store(true) }

// formOf returns the form of m that the queue's peer takes.
func (q *Queue) formOf(m *Message) *Message {
	if q.dialect != DialectV4 {
		m = m.in(q.dialect, q.flusher.deflate)
	}
	if m.deflated != nil && q.deflates.Load() {
		return m.deflated
	}
	return m
}

// writeCompressed is Write for a message that is worth compressing. It reports
// false for another one.
func (q *Queue) writeCompressed(text []byte, attachments [][]byte, volatile bool) (done bool, err error) {
	frames := q.flusher.deflate.frames(q.dialect, text, attachments)
	if frames == nil {
		return false, nil
	}
	return true, q.WriteMessage(&Message{frames: frames}, volatile)
}
