package engineio

import "net/http"

// SessionCookie returns a value for Options.Cookie: a cookie of the given name
// with the session's id, for all paths, not readable by scripts, SameSite=Lax,
// Secure on requests over TLS, and gone when the browser closes.
func SessionCookie(name string) func(*http.Request, string) *http.Cookie {
	return func(r *http.Request, sid string) *http.Cookie {
		return &http.Cookie{ //nolint:gosec // Secure follows the connection: a cookie that plain HTTP drops would be none
			Name:     name,
			Value:    sid,
			Path:     "/",
			HttpOnly: true,
			Secure:   r.TLS != nil,
			SameSite: http.SameSiteLaxMode,
		}
	}
}

// setHeaders sets what the application wants in the answer to an accepted
// request.
func (s *Server) setHeaders(h http.Header, r *http.Request, sid string, handshake bool) {
	if handshake && s.opts.Cookie != nil {
		if c := s.opts.Cookie(r, sid); c != nil {
			h.Add("Set-Cookie", c.String())
		}
	}
	if s.opts.Headers != nil {
		s.opts.Headers(h, r, sid)
	}
}
