package engineio

import (
	"net/http"
	"net/url"

	"github.com/sockeye-io/sockeye/engineio/eiowire"
	"github.com/sockeye-io/sockeye/engineio/transport"
)

// speech is how a client says in its handshake that it wants to be spoken to.
type speech struct {
	v3    bool   // version 3 of the protocol
	text  bool   // binary messages as text
	jsonp bool   // polling by script elements
	index string // of JSONP's callback
}

// speechOf reads the query of a handshake. The parameter j asks for JSONP, b64
// for text: whatever its value, as clients have sent several, but for those
// that say no.
func speechOf(query url.Values) speech {
	lang := speech{v3: query.Get("EIO") == "3", jsonp: query.Has("j")}
	switch query.Get("b64") {
	case "", "0", "false":
	default:
		lang.text = true
	}
	if lang.jsonp {
		lang.index = eiowire.JSONPIndex(query.Get("j"))
		lang.text = true
	}
	return lang
}

// dialect returns how binary messages are framed for the client.
func (l speech) dialect() transport.Dialect {
	switch {
	case l.v3 && l.text:
		return transport.DialectV3Text
	case l.v3:
		return transport.DialectV3
	case l.text:
		return transport.DialectV4Text
	default:
		return transport.DialectV4
	}
}

// speaks reports whether the server allows a version of the protocol.
func (s *Server) speaks(version string) bool {
	return version == "4" || version == "3" && s.opts.AllowEIO3
}

// scriptPage returns the origin of the page that polls with a script element
// (JSONP), as far as the headers tell; empty if the request is another one or
// comes from no page. Such an element sends no Origin and stands on any page, so
// that the page is the Referer's. "null" is a page of another origin that hides
// its own, as in an Origin header.
func scriptPage(r *http.Request, query url.Values) string {
	if !query.Has("j") || r.Header.Get("Origin") != "" {
		return ""
	}
	if page := r.Header.Get("Referer"); page != "" {
		u, err := url.Parse(page)
		if err != nil || u.Host == "" {
			return "null"
		}
		return u.Scheme + "://" + u.Host
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "none", "same-origin":
		return ""
	default:
		return "null"
	}
}
