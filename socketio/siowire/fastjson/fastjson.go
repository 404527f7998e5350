// Package fastjson writes and reads structs with goccy/go-json, which trades
// memory and unsafe code for speed. It is a module of its own, for those who have
// measured that JSON is what their server spends its time on:
//
//	parser := siowire.JSONWith(siowire.JSONOptions{Library: fastjson.Library()})
//	srv, err := socketio.NewServer(socketio.Options{Parser: parser})
//
// The rules for structs are then those of encoding/json, to the letter where
// siowire differs from them: a nil slice or map is null, a null leaves its target
// as it is, and NaN and the infinities are errors. What may hold binary data, and
// every packet with attachments, stays with the library built in.
package fastjson

import (
	"github.com/goccy/go-json"

	"github.com/sockeye-io/sockeye/socketio/siowire"
)

// Library returns the library. It may be shared by any number of parsers.
func Library() siowire.JSONLibrary { return library{} }

type library struct{}

// Marshal implements siowire.JSONLibrary. Unlike json.Marshal it leaves <, > and & as
// they are, as JSON.stringify does.
func (library) Marshal(v any) ([]byte, error) {
	return json.MarshalWithOption(v, json.DisableHTMLEscape())
}

// Unmarshal implements siowire.JSONLibrary.
func (library) Unmarshal(text []byte, dst any) error { return json.Unmarshal(text, dst) }
