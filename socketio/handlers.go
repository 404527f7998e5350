package socketio

import (
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
)

// HandlerSet is where handlers are registered: a *Server, which stands for its
// namespace "/", a *Namespace or a *Socket. Handlers of a socket run after those
// of its namespace.
//
// Registration may happen at any time and from any goroutine, handlers included.
// It copies the set, so it counts from the next event on and never waits for
// one. In a connection middleware or an OnConnect handler it is early enough for
// all events of that socket.
type HandlerSet interface{ handlerSet() *handlerSet }

// Middleware is a function that accepts a socket, or refuses it with an error.
type Middleware = func(ctx context.Context, s *Socket) error

// PacketHandler is the untyped form of an event handler.
type PacketHandler = func(ctx context.Context, s *Socket, p *Packet) error

// DisconnectHandler is told how a socket ended.
type DisconnectHandler = func(ctx context.Context, s *Socket, why Disconnect)

// ErrorHandler is told what went wrong in a handler for event.
type ErrorHandler = func(ctx context.Context, s *Socket, event string, err error)

// answerer says who acknowledges an event.
type answerer uint8

const (
	answersNothing answerer = iota // the library: [] when all handlers have returned nil
	answersResult                  // the handler's result, sent when it returns
	answersItself                  // the handler, with Packet.Reply, when it likes
)

// handler is one registered event handler.
type handler struct {
	event   string
	answers answerer
	run     PacketHandler
	take    func() bool // of a handler that runs once: whether this is the time; else nil
}

// eventHandlers are the handlers of one event. It is immutable.
type eventHandlers struct {
	event   string
	list    []*handler
	result  bool // one of them answers with its result
	retains bool // one of them is the application's and may keep the Packet
}

// entry is one registered function; its address is its identity.
type entry[F any] struct{ fn F }

// table is what is registered at one moment. It is immutable.
type table struct {
	events        map[string]*eventHandlers
	use           []*entry[Middleware]
	connect       []*entry[Middleware]
	useEvent      []*entry[PacketHandler]
	any           []*entry[PacketHandler]
	anyOutgoing   []*entry[PacketHandler]
	disconnecting []*entry[DisconnectHandler]
	disconnect    []*entry[DisconnectHandler]
	onError       []*entry[ErrorHandler]
	server        []*entry[serverEvent]
}

// handlerSet holds a table that is copied at each change.
type handlerSet struct {
	// static
	parent *handlerSet // whose handlers come first; nil for none

	table  atomic.Pointer[table]  // nil = empty
	merged atomic.Pointer[merged] // of the parent's table and this one; nil = not needed yet

	mu sync.Mutex // held to change table
}

// merged is a table made of two, for as long as they are what it was made of.
type merged struct{ first, second, both *table }

// emptyTable stands for a set that nothing was registered with.
var emptyTable = new(table) //nolint:gochecknoglobals // immutable

// load returns what is registered now, here and with the parent.
func (h *handlerSet) load() *table {
	if h == nil {
		return emptyTable
	}
	own := h.own()
	if h.parent == nil {
		return own
	}
	first := h.parent.load()
	switch {
	case own == emptyTable:
		return first
	case first == emptyTable:
		return own
	}
	m := h.merged.Load()
	if m == nil || m.first != first || m.second != own {
		m = &merged{first: first, second: own, both: merge(first, own)}
		h.merged.Store(m)
	}
	return m.both
}

// own returns what is registered here.
func (h *handlerSet) own() *table {
	if t := h.table.Load(); t != nil {
		return t
	}
	return emptyTable
}

// merge returns a table of all that is in two, each list in that order.
func merge(a, b *table) *table {
	both := &table{
		events:        maps.Clone(a.events),
		use:           slices.Concat(a.use, b.use),
		connect:       slices.Concat(a.connect, b.connect),
		useEvent:      slices.Concat(a.useEvent, b.useEvent),
		any:           slices.Concat(a.any, b.any),
		anyOutgoing:   slices.Concat(a.anyOutgoing, b.anyOutgoing),
		disconnecting: slices.Concat(a.disconnecting, b.disconnecting),
		disconnect:    slices.Concat(a.disconnect, b.disconnect),
		onError:       slices.Concat(a.onError, b.onError),
		server:        slices.Concat(a.server, b.server),
	}
	for event, more := range b.events {
		list := more.list
		if a := both.events[event]; a != nil {
			list = slices.Concat(a.list, list)
		}
		both.setEvent(event, list)
	}
	return both
}

// change replaces the table by a copy that f has changed.
func (h *handlerSet) change(f func(t *table)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	t := *h.own()
	f(&t)
	h.table.Store(&t)
}

// register adds fn to one of the lists of a table.
func register[F any](h *handlerSet, list func(*table) *[]*entry[F], fn F) (stop func()) {
	e := &entry[F]{fn: fn}
	h.change(func(t *table) {
		l := list(t)
		*l = append(slices.Clone(*l), e)
	})
	return func() {
		h.change(func(t *table) {
			l := list(t)
			*l = slices.DeleteFunc(slices.Clone(*l), func(x *entry[F]) bool { return x == e })
		})
	}
}

// addEvent registers an event handler. A second one that answers with its result
// is a bug of the program that no peer's input can bring about, as a second
// pattern of an http.ServeMux is, so it panics.
func (h *handlerSet) addEvent(n *handler) (stop func()) {
	h.change(func(t *table) {
		var list []*handler
		if old := t.events[n.event]; old != nil {
			if old.result && n.answers == answersResult {
				panic("socketio: second Handle for event " + n.event) //nolint:forbidigo // documented at Handle
			}
			list = slices.Clone(old.list)
		}
		t.setEvent(n.event, append(list, n))
	})
	return func() { h.removeEvent(n) }
}

// removeEvent undoes addEvent; twice does no harm.
func (h *handlerSet) removeEvent(n *handler) {
	h.change(func(t *table) {
		if old := t.events[n.event]; old != nil {
			t.setEvent(n.event, slices.DeleteFunc(slices.Clone(old.list), func(x *handler) bool { return x == n }))
		}
	})
}

// setEvent puts list in place of an event's handlers, in a copy of the map.
func (t *table) setEvent(event string, list []*handler) {
	events := maps.Clone(t.events)
	if events == nil {
		events = make(map[string]*eventHandlers)
	}
	if len(list) == 0 {
		delete(events, event)
	} else {
		e := &eventHandlers{event: event, list: list}
		for _, n := range list {
			e.result = e.result || n.answers == answersResult
			e.retains = e.retains || n.answers == answersItself
		}
		events[event] = e
	}
	t.events = events
}
