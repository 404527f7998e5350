package msgpack

import (
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// place is where a value stands in a text and in the message it was made from.
type place struct{ text, at uint32 }

// translate appends the value at i of the message to the text as JSON, and where
// it stands to the places. Binary data has the placeholder that it would have from
// JSON clients, for those who ask for the text itself. end is the index behind it.
func (u *unmarshaler) translate(i int) (end int) {
	b, it := u.message, parse(u.message, i)
	u.place(i)
	switch it.kind {
	case kindArray, kindMap:
		u.text = append(u.text, "[{"[it.kind-kindArray])
		end = it.body
		for n := range it.n {
			if n > 0 {
				u.text = append(u.text, ',')
			}
			if it.kind == kindMap {
				key := parse(b, end)
				u.quote(key.bytes(b))
				u.text = append(u.text, ':')
				end = int(key.end())
			}
			end = u.translate(end)
		}
		u.text = append(u.text, "]}"[it.kind-kindArray])
		return end
	case kindBool:
		u.text = strconv.AppendBool(u.text, b[i] == 0xc3)
	case kindInt, kindUint, kindFloat:
		u.text = numberAt(b, i).appendText(u.text)
	case kindString:
		u.quote(it.bytes(b))
	case kindBytes:
		u.placeholder()
	case kindTime:
		u.text = timeOf(it.bytes(b)).AppendFormat(u.text, `"2006-01-02T15:04:05.000Z"`) // as JSON.stringify does it
	case kindExtension:
		u.text = strconv.AppendInt(append(u.text, '['), int64(extensionType(b, it)), 10)
		u.text = append(u.text, ',')
		u.place(i) // of its bytes: the second one with this index
		u.placeholder()
		u.text = append(u.text, ']')
	default:
		u.text = append(u.text, "null"...)
	}
	return int(it.end())
}

// place notes that the value at i of the message comes next in the text.
func (u *unmarshaler) place(i int) {
	u.places = append(u.places, place{uint32(len(u.text)), uint32(i)})
}

func (u *unmarshaler) quote(s []byte) {
	u.text, _ = jsontext.AppendQuote(u.text, s) // validated
}

func (u *unmarshaler) placeholder() {
	u.text = append(u.text, `{"_placeholder":true,"num":`...)
	u.text = append(strconv.AppendInt(u.text, int64(u.binaries), 10), '}')
	u.binaries++
}
