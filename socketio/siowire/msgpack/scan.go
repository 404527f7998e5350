package msgpack

import (
	"encoding/binary"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/tinylib/msgp/msgp"

	"github.com/sockeye-io/sockeye/socketio/siowire"
	"github.com/sockeye-io/sockeye/socketio/siowire/internal/gojson"
)

// kind is what a value is to a Socket.IO peer.
type kind uint8

const (
	kindInvalid kind = iota
	kindNil          // undefined too
	kindBool
	kindInt
	kindUint
	kindFloat
	kindString
	kindBytes // bin, and what an ArrayBuffer leaves as
	kindTime
	kindExtension // of another type than the reference's
	kindArray
	kindMap
)

// item is one value, or the beginning of one that has others in it.
type item struct {
	kind kind
	body int    // where its bytes or elements begin
	n    uint64 // number of bytes, of elements or of members
}

// end returns the index behind an item that has no others in it.
func (it item) end() uint64 { return uint64(it.body) + it.n }

// bytes returns what a string or the like has.
func (it item) bytes(b []byte) []byte { return b[it.body:it.end():it.end()] }

// sized says that a lead byte is followed by a length of so many bytes.
type sized struct {
	kind  kind
	width int
}

// parse returns the item that begins at b[i]; kindInvalid if there is none. It
// does not look whether what the item has lies within b.
func parse(b []byte, i int) item {
	if i >= len(b) {
		return item{}
	}
	lead := b[i]
	switch {
	case lead <= 0x7f:
		return item{kindInt, i + 1, 0}
	case lead <= 0x8f:
		return item{kindMap, i + 1, uint64(lead & 0x0f)}
	case lead <= 0x9f:
		return item{kindArray, i + 1, uint64(lead & 0x0f)}
	case lead <= 0xbf:
		return item{kindString, i + 1, uint64(lead & 0x1f)}
	case lead >= 0xe0:
		return item{kindInt, i + 1, 0}
	case lead >= 0xd4 && lead <= 0xd8:
		return parseExtension(b, i+1, 1<<(lead-0xd4), true)
	}
	var s sized
	switch lead {
	case 0xc0:
		return item{kindNil, i + 1, 0}
	case 0xc2, 0xc3:
		return item{kindBool, i + 1, 0}
	case 0xca:
		return item{kindFloat, i + 1, 4}
	case 0xcb:
		return item{kindFloat, i + 1, 8}
	case 0xcc, 0xcd, 0xce, 0xcf:
		return item{kindUint, i + 1, 1 << (lead - 0xcc)}
	case 0xd0, 0xd1, 0xd2, 0xd3:
		return item{kindInt, i + 1, 1 << (lead - 0xd0)}
	case 0xc4, 0xc5, 0xc6:
		s = sized{kindBytes, 1 << (lead - 0xc4)}
	case 0xc7, 0xc8, 0xc9:
		s = sized{kindExtension, 1 << (lead - 0xc7)}
	case 0xd9, 0xda, 0xdb:
		s = sized{kindString, 1 << (lead - 0xd9)}
	case 0xdc, 0xdd:
		s = sized{kindArray, 2 << (lead - 0xdc)}
	case 0xde, 0xdf:
		s = sized{kindMap, 2 << (lead - 0xde)}
	default:
		return item{}
	}
	body := i + 1 + s.width
	if body > len(b) {
		return item{}
	}
	var wide [8]byte
	copy(wide[8-s.width:], b[i+1:body])
	n := binary.BigEndian.Uint64(wide[:])
	if s.kind == kindExtension {
		return parseExtension(b, body, n, false)
	}
	return item{s.kind, body, n}
}

// parseExtension returns the extension whose type is at b[i]. Of those of type 0
// a fixed length of 1 is undefined, one of 8 a time; with a length of its own it
// has the bytes of an ArrayBuffer.
func parseExtension(b []byte, i int, n uint64, fixed bool) item {
	if i >= len(b) {
		return item{}
	}
	it := item{kindExtension, i + 1, n}
	switch {
	case b[i] != extension:
	case !fixed:
		it.kind = kindBytes
	case n == 1:
		it.kind = kindNil
	case n == 8:
		it.kind = kindTime
	}
	return it
}

// scanner validates MessagePack in one pass, without decoding.
type scanner struct {
	b     []byte
	keys  bool  // there are keys that are not strings
	err   error // the first fault
	errAt int   // where it was seen
}

// fail records the first fault and returns an index that stands for none.
func (s *scanner) fail(i int, err error) int {
	if s.err == nil {
		s.err, s.errAt = err, i
	}
	return len(s.b)
}

// value returns the index behind the value that begins at i, which has no meaning
// once err is set. depth is the number of containers that are still allowed.
func (s *scanner) value(i, depth int) int {
	it := parse(s.b, i)
	switch it.kind { //nolint:exhaustive // the others are scalars
	case kindInvalid:
		return s.fail(i, ErrInvalid)
	case kindArray, kindMap:
		if depth == 0 {
			return s.fail(i, siowire.ErrDepth)
		}
		at := it.body
		for n := it.n; n > 0 && s.err == nil; n-- { // each takes a byte at least, or fails
			if it.kind == kindMap {
				at = s.key(at)
			}
			at = s.value(at, depth-1)
		}
		return at
	}
	return s.scalar(i, it)
}

// scalar is value for an item that has no others in it.
func (s *scanner) scalar(i int, it item) int {
	if it.end() > uint64(len(s.b)) {
		return s.fail(i, ErrInvalid)
	}
	if it.kind == kindString && !utf8.Valid(it.bytes(s.b)) {
		return s.fail(i, siowire.ErrUTF8)
	}
	return int(it.end())
}

// key returns the index behind the key of a map.
func (s *scanner) key(i int) int {
	it := parse(s.b, i)
	switch it.kind {
	case kindString:
	case kindNil, kindBool, kindInt, kindUint, kindFloat:
		s.keys = true
	default:
		return s.fail(i, ErrInvalid)
	}
	return s.scalar(i, it)
}

// number is a value that is one.
type number struct {
	kind kind // which of the three below it is
	i    int64
	u    uint64
	f    float64
}

// numberAt returns the number at i, which has been validated.
func numberAt(b []byte, i int) (n number) {
	n.kind = parse(b, i).kind
	switch n.kind { //nolint:exhaustive // others are no numbers
	case kindInt:
		n.i, _, _ = msgp.ReadInt64Bytes(b[i:])
	case kindUint:
		n.u, _, _ = msgp.ReadUint64Bytes(b[i:])
	case kindFloat:
		if b[i] == 0xca {
			f, _, _ := msgp.ReadFloat32Bytes(b[i:])
			n.f = float64(f)
		} else {
			n.f, _, _ = msgp.ReadFloat64Bytes(b[i:])
		}
	}
	return n
}

// float returns n as JavaScript sees it.
func (n number) float() float64 {
	switch n.kind { //nolint:exhaustive // see numberAt
	case kindInt:
		return float64(n.i)
	case kindUint:
		return float64(n.u)
	}
	return n.f
}

// natural returns n if it is a natural number.
func (n number) natural() (u uint64, ok bool) {
	switch n.kind { //nolint:exhaustive // others are no numbers
	case kindInt:
		return uint64(n.i), n.i >= 0
	case kindUint:
		return n.u, true
	case kindFloat:
		return uint64(n.f), n.f >= 0 && n.f < 1<<64 && n.f == math.Trunc(n.f)
	}
	return 0, false
}

// key returns what JavaScript makes of n as the key of an object.
func (n number) key() string {
	switch {
	case math.IsInf(n.f, 1):
		return "Infinity"
	case math.IsInf(n.f, -1):
		return "-Infinity"
	case math.IsNaN(n.f):
		return "NaN"
	case n.kind == kindFloat && n.f == 0:
		return "0" // -0 too
	}
	return string(n.appendText(nil))
}

// appendText appends the text that JSON.stringify makes of n.
func (n number) appendText(dst []byte) []byte {
	switch n.kind { //nolint:exhaustive // see numberAt
	case kindInt:
		return strconv.AppendInt(dst, n.i, 10)
	case kindUint:
		return strconv.AppendUint(dst, n.u, 10)
	}
	return gojson.AppendFloat(dst, n.f, 64)
}
