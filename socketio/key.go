package socketio

// Key names a value of type T that sockets can carry, such as the user who
// logged in. Keys are made by NewKey, usually as a package's variable; two keys
// are two values even under one name.
type Key[T any] struct{ id *keyID }

// keyID is a key's identity.
type keyID struct{ name string }

// value is what a socket carries under a key.
type value struct {
	key *keyID
	v   any
}

// NewKey makes a key. The name is for people: String returns it.
func NewKey[T any](name string) Key[T] { return Key[T]{id: &keyID{name: name}} }

// String returns the key's name.
func (k Key[T]) String() string { return k.id.name }

// Set makes s carry v, in place of what it carried under the key. It may be
// called at any time and from any goroutine, in connection middleware too. The
// value lives as long as the socket does.
func (k Key[T]) Set(s *Socket, v T) {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	for i := range s.values {
		if s.values[i].key == k.id {
			s.values[i].v = v
			return
		}
	}
	s.values = append(s.values, value{key: k.id, v: v})
}

// Get returns what s carries under the key. It may be called at any time and from
// any goroutine, in disconnect handlers too.
func (k Key[T]) Get(s *Socket) (v T, ok bool) {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	for i := range s.values {
		if s.values[i].key == k.id {
			v, ok = s.values[i].v.(T)
			return v, ok
		}
	}
	return v, false
}

// Delete makes s carry nothing under the key.
func (k Key[T]) Delete(s *Socket) {
	s.conn.mu.Lock()
	defer s.conn.mu.Unlock()
	for i := range s.values {
		if s.values[i].key == k.id {
			s.values = append(s.values[:i], s.values[i+1:]...)
			return
		}
	}
}
