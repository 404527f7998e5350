package socketio

import (
	"context"
	"errors"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// maxLeft bounds the namespaces that a connection remembers to have been thrown
// out of: more than a client can have packets under way for.
const maxLeft = 64

// pattern is what makes a Namespace a parent: it has no sockets of its own, but
// namespaces with them.
type pattern struct {
	// static: one of the two
	expr *regexp.Regexp
	fn   func(ctx context.Context, name string, auth Raw) error

	// guarded by Server.mu
	children map[string]*Namespace
}

// OfMatch returns a parent for all namespaces whose names match the expression,
// which is asked with the "/" in front and has to name ^ and $ itself. They are made
// when the first client asks for one, and go with the last: their rooms are empty
// then, and what was registered with such a namespace itself goes too. With
// Options.Recovery that is when nobody can come back to it any more.
//
// Handlers and middleware of the parent count for all its namespaces, the existing
// ones included, and run before those of the namespace itself. Emit, To and all
// other operators of the parent reach the sockets of all its namespaces; an event
// is encoded once for each of them. Its Name is the expression.
//
// A name that Server.Of has made before the call is not the parent's. If several
// parents match a name, the one that was made first gets it.
func (srv *Server) OfMatch(expr *regexp.Regexp) *Namespace {
	return srv.addParent(expr.String(), &pattern{expr: expr})
}

// OfFunc is OfMatch with a function in place of the expression. It is asked at
// every CONNECT for a name that Server.Of has not made and no earlier parent
// takes, with the auth payload of the client, and accepts it with a nil error. Any
// error passes the question on to the parents that were made later. If all say no,
// the client is refused with the message and data of the first *Error, or else
// with "Invalid namespace". A panic goes to the log and counts as an error.
//
// It runs on a goroutine of its own and may wait; ctx ends if the connection does.
// Its name is empty. Server.Of does not ask it, as there is nobody to let in.
func (srv *Server) OfFunc(fn func(ctx context.Context, name string, auth Raw) error) *Namespace {
	return srv.addParent("", &pattern{fn: fn})
}

func (srv *Server) addParent(name string, p *pattern) *Namespace {
	n := newNamespace(srv, name, nil)
	n.pattern = p
	p.children = make(map[string]*Namespace)
	srv.mu.Lock()
	defer srv.mu.Unlock()
	srv.parents = append(slices.Clip(srv.parents), n)
	return n
}

// OnNamespace adds a hook for namespaces that are made, by Of or for a client that
// asks for a name with a parent. What it registers with the namespace counts for
// the first client already. Of runs it before it returns; for a client it runs on a
// goroutine of its own, while those who join the namespace wait; hooks for two namespaces may run at once.
// A panic goes to the log.
func (srv *Server) OnNamespace(fn func(n *Namespace)) (stop func()) {
	e := &entry[func(*Namespace)]{fn: fn}
	srv.mu.Lock()
	defer srv.mu.Unlock()
	srv.onNamespace = append(slices.Clip(srv.onNamespace), e)
	return func() {
		srv.mu.Lock()
		defer srv.mu.Unlock()
		srv.onNamespace = slices.DeleteFunc(slices.Clone(srv.onNamespace), func(x *entry[func(*Namespace)]) bool { return x == e })
	}
}

// Of returns the namespace of that name, which it makes if there is none yet; a
// missing "/" in front is added. Clients can join it from then on, and it stays
// when it is empty. If the name matches an OfMatch, it is one of that parent's.
func (srv *Server) Of(name string) *Namespace {
	name = slashed(name)
	srv.mu.RLock()
	n := srv.namespaces[name]
	kept := n != nil && n.kept
	parents := srv.parents
	srv.mu.RUnlock()
	if kept {
		return n
	}
	var parent *Namespace
	if i := slices.IndexFunc(parents, func(p *Namespace) bool { return p.pattern.expr != nil && p.pattern.expr.MatchString(name) }); i >= 0 {
		parent = parents[i]
	}
	srv.mu.Lock()
	n, made := srv.ofLocked(name, parent)
	n.kept = true
	srv.mu.Unlock()
	if made {
		n.announce()
	}
	return n
}

// Lookup returns the namespace of that name, or nil if there is none now. Unlike Of
// it makes none, and keeps none that its last client leaves.
func (srv *Server) Lookup(name string) *Namespace {
	name = slashed(name)
	srv.mu.RLock()
	defer srv.mu.RUnlock()
	return srv.namespaces[name]
}

// Namespaces returns the namespaces that there are now, parents not included, in
// order of their names.
func (srv *Server) Namespaces() []*Namespace {
	srv.mu.RLock()
	defer srv.mu.RUnlock()
	return sorted(srv.namespaces)
}

func sorted(m map[string]*Namespace) []*Namespace {
	return slices.SortedFunc(maps.Values(m), func(a, b *Namespace) int { return strings.Compare(a.name, b.name) })
}

func slashed(name string) string {
	if strings.HasPrefix(name, "/") {
		return name
	}
	return "/" + name
}

// ofLocked returns the namespace of that name. If there is none it makes one, which
// somebody has to announce.
func (srv *Server) ofLocked(name string, parent *Namespace) (n *Namespace, made bool) {
	if n := srv.namespaces[name]; n != nil {
		return n, false
	}
	n = newNamespace(srv, name, parent)
	if len(srv.onNamespace) > 0 {
		n.announced = make(chan struct{})
	}
	srv.namespaces[name] = n
	if parent != nil {
		parent.pattern.children[name] = n
	}
	return n, true
}

// announce runs the OnNamespace hooks for a new namespace.
func (n *Namespace) announce() {
	if n.announced == nil {
		return
	}
	defer close(n.announced)
	n.srv.mu.RLock()
	hooks := n.srv.onNamespace
	n.srv.mu.RUnlock()
	for _, h := range hooks {
		var err error
		func() {
			defer recovered(&err)
			h.fn(n)
		}()
		if err != nil {
			n.srv.opts.Logger.Error("socketio: namespace hook failed", "namespace", n.name, "error", err)
		}
	}
}

// isAnnounced reports whether the hooks of a namespace have run.
func (n *Namespace) isAnnounced() bool {
	if n.announced == nil {
		return true
	}
	select {
	case <-n.announced:
		return true
	default:
		return false
	}
}

// retain holds the namespace until release.
func (n *Namespace) retain() {
	if n.parent == nil {
		return
	}
	n.srv.mu.Lock()
	defer n.srv.mu.Unlock()
	n.users++
}

// release takes back what hold, ask and retain gave, and removes a parent's namespace with
// its last user. Srv.mu is a leaf, so this may be called wherever conn.mu may be
// taken.
func (n *Namespace) release() {
	if n.parent == nil {
		return
	}
	n.srv.mu.Lock()
	defer n.srv.mu.Unlock()
	if n.users--; n.users == 0 && !n.kept {
		delete(n.srv.namespaces, n.name)
		delete(n.parent.pattern.children, n.name)
	}
}

// spread returns the namespaces that have the sockets of n: n itself, unless it is
// a parent.
func (n *Namespace) spread() []*Namespace {
	if n.pattern == nil {
		return []*Namespace{n}
	}
	n.srv.mu.RLock()
	defer n.srv.mu.RUnlock()
	return sorted(n.pattern.children)
}

// hold returns the namespace that a client may join, which stays until release. If
// that takes a function of the application to know, or its hooks still run, ask is
// true.
func (srv *Server) hold(name []byte) (n *Namespace, ask bool) {
	srv.mu.RLock()
	n, parents := srv.namespaces[string(name)], srv.parents
	srv.mu.RUnlock()
	switch {
	case n != nil && n.parent == nil:
		return n, !n.isAnnounced()
	case n != nil:
		parents = []*Namespace{n.parent}
	}
	for _, p := range parents {
		if p.pattern.fn != nil {
			return nil, true
		}
		if p.pattern.expr.Match(name) {
			n := srv.child(p, string(name))
			return n, n == nil || !n.isAnnounced()
		}
	}
	return nil, false
}

// child returns the namespace of that name, held, which it makes if need be; nil if
// another parent has made it meanwhile.
func (srv *Server) child(parent *Namespace, name string) *Namespace {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	n, made := srv.ofLocked(name, parent)
	if made && n.announced != nil {
		srv.engine.Go(n.announce)
	}
	if n.parent != nil && n.parent != parent {
		return nil
	}
	n.users++
	return n
}

// ask is hold for a name that functions have to be asked about. The error is what
// the client is refused with.
func (srv *Server) ask(ctx context.Context, name string, auth Raw) (*Namespace, *Error) {
	for {
		srv.mu.RLock()
		parents := srv.parents
		n := srv.namespaces[name]
		srv.mu.RUnlock()
		switch {
		case n == nil:
		case n.parent == nil: // Of has made it meanwhile
			return n, nil
		default: // no other can have the name now
			parents = []*Namespace{n.parent}
		}
		parent, refusal := srv.askParents(ctx, parents, name, auth)
		if parent == nil {
			return nil, refusal
		}
		if n := srv.child(parent, name); n != nil {
			return n, nil
		}
	}
}

// askParents returns the first parent that takes a name.
func (srv *Server) askParents(ctx context.Context, parents []*Namespace, name string, auth Raw) (*Namespace, *Error) {
	refusal := errNoMatch
	for _, p := range parents {
		err := srv.askOne(ctx, p.pattern, name, auth)
		if err == nil {
			return p, nil
		}
		if refusal == errNoMatch {
			errors.As(err, &refusal)
		}
	}
	return nil, refusal
}

// errNoMatch is what nobody hears but a client that asked for a name of nobody's.
var errNoMatch = &Error{Message: invalidNamespace}

// askOne asks one parent.
func (srv *Server) askOne(ctx context.Context, p *pattern, name string, auth Raw) error {
	if p.expr != nil {
		if p.expr.MatchString(name) {
			return nil
		}
		return errNoMatch
	}
	err := func() (err error) {
		defer recovered(&err)
		return p.fn(ctx, name, auth)
	}()
	var panicked *PanicError
	if errors.As(err, &panicked) {
		srv.opts.Logger.Error("socketio: namespace function failed", "namespace", name, "error", err, "stack", string(panicked.Stack))
	}
	return err
}

// connectLater is connect for a namespace that has to be asked for, or whose hooks
// still run.
func (c *conn) connectLater(name string, n *Namespace, auth *Raw) error {
	ctx, cancel := context.WithCancel(context.Background())
	c.mu.Lock()
	taken := c.findLocked([]byte(name)) != nil || c.asking[name] != nil
	start := !taken && !c.closing
	if start {
		if c.asking == nil {
			c.asking = make(map[string]context.CancelFunc)
		}
		c.asking[name] = cancel
	}
	c.mu.Unlock()
	if !start {
		cancel()
		if n != nil {
			n.release()
		}
		if taken {
			return errSecondConnect
		}
		return nil
	}
	c.srv.engine.Go(func() {
		defer cancel()
		c.connectAsked(ctx, name, n, auth)
	})
	return nil
}

// connectAsked finds out whether the client may join, and connects or refuses it.
func (c *conn) connectAsked(ctx context.Context, name string, n *Namespace, auth *Raw) {
	if n == nil {
		var payload Raw
		if auth != nil {
			payload = *auth
		}
		var refusal *Error
		if n, refusal = c.srv.ask(ctx, name, payload); n == nil {
			c.mu.Lock()
			delete(c.asking, name)
			c.mu.Unlock()
			c.sendRefusal(name, publicError(refusal), refusal != errNoMatch && c.isV2())
			return
		}
	}
	if n.announced != nil {
		select {
		case <-n.announced:
		case <-ctx.Done():
		}
	}
	s, use, _ := c.link(n, auth, true) // cannot be a second one
	if s != nil {
		s.admit(use)
	}
}

// leftLocked remembers that the server ended the socket of a namespace.
func (c *conn) leftLocked(name string) {
	if c.left == nil {
		c.left = make(map[string]struct{})
	}
	if len(c.left) >= maxLeft {
		for some := range c.left {
			delete(c.left, some)
			break
		}
	}
	c.left[name] = struct{}{}
}
