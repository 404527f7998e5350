package msgpack

import (
	"encoding/binary"
	"time"
)

// keepElements is for how many members a map is made room for ahead of them:
// duplicate keys must not make it large.
const keepElements = 16

// DecodeValue implements siowire.Codec. The value has been validated when it came in.
func (p *parser) DecodeValue(value []byte, _ [][]byte, dst any) error {
	if decodePlain(value, dst) {
		return nil
	}
	return p.unmarshal(value, dst)
}

// decodePlain decodes into the types that are most common, if the value has the
// form that they take. It reports whether it did.
func decodePlain(value []byte, dst any) bool {
	it := parse(value, 0)
	switch p := dst.(type) {
	case *string:
		if p == nil || it.kind != kindString {
			return false
		}
		*p = string(it.bytes(value))
	case *any:
		if p == nil || *p != nil {
			return false
		}
		*p, _ = decodeAny(value, 0)
	case *[]byte:
		if p == nil || it.kind != kindBytes {
			return false
		}
		*p = it.bytes(value)
	case *time.Time:
		if p == nil || it.kind != kindTime {
			return false
		}
		*p = timeOf(it.bytes(value))
	case *bool:
		if p == nil || it.kind != kindBool {
			return false
		}
		*p = value[0] == 0xc3
	case *int:
		n, ok := numberAt(value, 0).signed()
		if p == nil || !ok || int64(int(n)) != n {
			return false
		}
		*p = int(n)
	case *int64:
		n, ok := numberAt(value, 0).signed()
		if p == nil || !ok {
			return false
		}
		*p = n
	case *uint64:
		n, ok := numberAt(value, 0).natural()
		if p == nil || !ok {
			return false
		}
		*p = n
	case *float64:
		if p == nil || it.kind != kindInt && it.kind != kindUint && it.kind != kindFloat {
			return false
		}
		*p = numberAt(value, 0).float()
	default:
		return false
	}
	return true
}

// signed returns n if it was written as an integer that fits.
func (n number) signed() (i int64, ok bool) {
	switch n.kind { //nolint:exhaustive // others are no integers
	case kindInt:
		return n.i, true
	case kindUint:
		return int64(n.u), n.u < 1<<63
	}
	return 0, false
}

// timeOf returns the time that milliseconds stand for.
func timeOf(ms []byte) time.Time {
	return time.UnixMilli(int64(binary.BigEndian.Uint64(ms))).UTC()
}

// decodeAny decodes the value at i into what encoding/json makes of its like, with
// a []byte and a time.Time in their places. end is the index behind it.
func decodeAny(b []byte, i int) (v any, end int) {
	it := parse(b, i)
	switch it.kind { //nolint:exhaustive // nil is left
	case kindArray:
		list := make([]any, it.n) // each takes a byte at least
		end = it.body
		for k := range list {
			list[k], end = decodeAny(b, end)
		}
		return list, end
	case kindMap:
		m := make(map[string]any, min(it.n, keepElements))
		end = it.body
		for range it.n {
			key := parse(b, end)
			m[string(key.bytes(b))], end = decodeAny(b, int(key.end()))
		}
		return m, end
	case kindBool:
		v = b[i] == 0xc3
	case kindInt, kindUint, kindFloat:
		v = numberAt(b, i).float()
	case kindString:
		v = string(it.bytes(b))
	case kindBytes:
		v = it.bytes(b)
	case kindTime:
		v = timeOf(it.bytes(b))
	case kindExtension:
		v = []any{extensionType(b, it), it.bytes(b)}
	}
	return v, int(it.end())
}

// extensionType returns the type of an extension, which stands ahead of its bytes.
func extensionType(b []byte, it item) float64 { return float64(int8(b[it.body-1])) }

// skip returns the index behind the value at i, which has been validated.
func skip(b []byte, i int) int {
	it := parse(b, i)
	if it.kind != kindArray && it.kind != kindMap {
		return int(it.end())
	}
	n := it.n
	if it.kind == kindMap {
		n *= 2
	}
	i = it.body
	for range n {
		i = skip(b, i)
	}
	return i
}
