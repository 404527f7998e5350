// Package account is what the examples for web frameworks have in common: people
// who log in with a form, and a Socket.IO server whose sockets know them.
//
// One Session is seen by the pages and by the sockets of a browser alike: what
// one of them changes, the others see.
package account

import (
	"context"
	"crypto/rand"
	"net/http"
	"sync"
)

// CookieName is the name of the cookie that holds a session's token.
const CookieName = "session"

// Session is one browser that has logged in. It may be used by any number of
// requests and sockets at once.
type Session struct {
	// static
	name  string
	token string

	// guarded by mu
	mu   sync.Mutex
	said int
}

// Name returns who logged in.
func (s *Session) Name() string { return s.name }

// Said returns how often Say was called.
func (s *Session) Said() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.said
}

// Say counts one more message and returns how many there were.
func (s *Session) Say() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.said++
	return s.said
}

// Room names the room that all sockets of the session are in.
func (s *Session) Room() string { return "session:" + s.token }

// Cookie returns the cookie that brings the session back. The cookie of a program
// that has TLS is Secure, too.
func (s *Session) Cookie() *http.Cookie {
	//nolint:gosec // the examples are served without TLS, where a Secure cookie would not come back
	return &http.Cookie{Name: CookieName, Value: s.token, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode}
}

// Store keeps the sessions in memory. The zero value is empty and ready.
type Store struct {
	mu       sync.Mutex
	sessions map[string]*Session // by token
}

// Login makes a session. Checking a password would be its caller's work.
func (st *Store) Login(name string) *Session {
	s := &Session{name: name, token: rand.Text()}
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.sessions == nil {
		st.sessions = map[string]*Session{}
	}
	st.sessions[s.token] = s
	return s
}

// Find returns the session with that token, or nil.
func (st *Store) Find(token string) *Session {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.sessions[token]
}

// FromRequest returns the session whose cookie the request has, or nil.
func (st *Store) FromRequest(r *http.Request) *Session {
	c, err := r.Cookie(CookieName)
	if err != nil {
		return nil // no such cookie
	}
	return st.Find(c.Value)
}

// Logout forgets a session.
func (st *Store) Logout(s *Session) {
	st.mu.Lock()
	defer st.mu.Unlock()
	delete(st.sessions, s.token)
}

// ContextKey is under which a request's context holds its *Session.
type ContextKey struct{}

// WithSession returns r with s, which may be nil, in its context.
func WithSession(r *http.Request, s *Session) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), ContextKey{}, s))
}

// FromContext returns the session that the context holds, or nil.
func FromContext(ctx context.Context) *Session {
	s, _ := ctx.Value(ContextKey{}).(*Session)
	return s
}
