package engineio

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// CORS decides which web pages may connect. It applies to every transport,
// before anything else is done for a request. A request without an Origin
// header does not come from a page and passes, except that of a script element
// (JSONP), whose page the Referer names.
//
// The zero value allows pages of the server's own origin only: the origin's host
// must be the one that the request was sent to, and a server that terminates
// TLS itself also wants the scheme to be https.
type CORS struct {
	// Origins are origins that may connect besides the server's own, such as
	// "https://example.com". "*" allows all of them, and then answers are readable
	// by all pages but never with credentials.
	Origins []string
	// AllowOrigin, if set, decides instead of Origins. The origin is "null" for a
	// page that hides its own. It is called concurrently.
	AllowOrigin func(r *http.Request, origin string) bool
	// Credentials lets pages of other origins send cookies. It cannot be
	// combined with the origin "*".
	Credentials bool
	// Methods are the methods that a preflight allows. Nil means GET and POST.
	Methods []string
	// AllowedHeaders are the request headers that a preflight allows. Nil means
	// those it asks for.
	AllowedHeaders []string
	// ExposedHeaders are the response headers that pages may read.
	ExposedHeaders []string
	// MaxAge is how long a browser may keep a preflight's answer, in whole
	// seconds. Zero leaves it to the browser.
	MaxAge time.Duration
	// Off turns all of this off, for a server behind a layer that does it:
	// every origin passes and no header is set.
	Off bool
}

// check returns what is wrong with c.
func (c *CORS) check() []error {
	var faults []error
	if c.Credentials && c.AllowOrigin == nil && slices.Contains(c.Origins, "*") {
		faults = append(faults, errors.New(`engineio: Options.CORS has Credentials together with the origin "*", which browsers refuse and which would open every user's session to every page: list the origins, or set AllowOrigin`))
	}
	if c.Off && (len(c.Origins) > 0 || c.AllowOrigin != nil) {
		faults = append(faults, errors.New("engineio: Options.CORS is Off but names origins: nothing would be checked"))
	}
	for i, o := range c.Origins {
		if o == "*" {
			continue
		}
		u, err := url.Parse(o)
		if err != nil || u.Scheme == "" || u.Host == "" || u.Path != "" || u.RawQuery != "" || u.Fragment != "" {
			faults = append(faults, fmt.Errorf(`engineio: Options.CORS.Origins[%d] is %q: an origin is a scheme and a host, such as "https://example.com"`, i, o))
		}
	}
	if c.MaxAge < 0 {
		faults = append(faults, fmt.Errorf("engineio: Options.CORS.MaxAge is %v: must not be negative", c.MaxAge))
	}
	return faults
}

// crossOrigin reports whether pages of other origins may connect at all.
func (c *CORS) crossOrigin() bool { return c.AllowOrigin != nil || len(c.Origins) > 0 }

// allows decides over an origin.
func (c *CORS) allows(r *http.Request, origin string, own endpoint) bool {
	switch {
	case c.Off:
		return true
	case c.AllowOrigin != nil:
		return c.AllowOrigin(r, origin)
	case len(c.Origins) > 0:
		return own.matches(origin) ||
			slices.ContainsFunc(c.Origins, func(o string) bool { return o == "*" || strings.EqualFold(o, origin) })
	default:
		return own.matches(origin)
	}
}

// setHeaders sets the headers of an answer to an allowed origin.
func (c *CORS) setHeaders(h http.Header, origin string) {
	if c.Off || !c.crossOrigin() {
		return
	}
	if c.AllowOrigin == nil && slices.Contains(c.Origins, "*") {
		h.Set("Access-Control-Allow-Origin", "*")
	} else {
		h.Add("Vary", "Origin")
		if origin == "" {
			return
		}
		h.Set("Access-Control-Allow-Origin", origin)
		if c.Credentials {
			h.Set("Access-Control-Allow-Credentials", "true")
		}
	}
	if len(c.ExposedHeaders) > 0 {
		h.Set("Access-Control-Expose-Headers", strings.Join(c.ExposedHeaders, ","))
	}
}

// preflight answers an OPTIONS request of an allowed origin (Fetch standard,
// CORS-preflight fetch).
func (c *CORS) preflight(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	methods := c.Methods
	if methods == nil {
		methods = []string{http.MethodGet, http.MethodPost}
	}
	h.Set("Access-Control-Allow-Methods", strings.Join(methods, ","))
	switch {
	case c.AllowedHeaders != nil:
		h.Set("Access-Control-Allow-Headers", strings.Join(c.AllowedHeaders, ","))
	case r.Header.Get("Access-Control-Request-Headers") != "":
		h.Add("Vary", "Access-Control-Request-Headers")
		h.Set("Access-Control-Allow-Headers", r.Header.Get("Access-Control-Request-Headers"))
	}
	if c.MaxAge > 0 {
		h.Set("Access-Control-Max-Age", strconv.Itoa(int(c.MaxAge/time.Second)))
	}
	h.Set("Content-Length", "0")
	w.WriteHeader(http.StatusNoContent)
}
