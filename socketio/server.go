package socketio

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/sockeye-io/sockeye/engineio"
	"github.com/sockeye-io/sockeye/internal/wheel"
	"github.com/sockeye-io/sockeye/socketio/clientbundle"
)

// hardLimitPayloads is how many payloads of the largest size a connection may
// hold beyond Options.InboundBytes while its acknowledgements are waited for.
const hardLimitPayloads = 4

// Server is a Socket.IO server: an http.Handler, and the namespace "/". All its
// methods may be called from any goroutine, and all but ServeHTTP from any
// handler.
type Server struct {
	*Namespace // "/"

	// static
	opts      Options
	engine    *engineio.Server
	wheel     *wheel.Wheel // connect timeouts
	hardLimit int          // bytes that a connection may hold at all
	life      context.Context
	end       context.CancelFunc // of life

	encoders sync.Pool // of *encoder
	runners  sync.Pool // of *runner
	queues   sync.Pool // of *queue

	namespaces atomic.Pointer[map[string]*Namespace] // never changed, but copied

	mu sync.Mutex // held to change namespaces
}

// NewServer returns a server. An error names all faults of the options at once.
// The server starts no goroutine and uses no memory to speak of until a client
// connects.
func NewServer(o Options) (*Server, error) {
	o, faults := o.withDefaults()
	engine, err := engineio.NewServer(o.Engine)
	if err := errors.Join(faults, err); err != nil {
		return nil, err
	}
	srv := &Server{opts: o, engine: engine, wheel: wheel.New(0)}
	srv.hardLimit = o.InboundBytes + hardLimitPayloads*orDefault(o.Engine.MaxPayload, engineio.DefaultMaxPayload)
	srv.life, srv.end = context.WithCancel(context.Background())
	srv.namespaces.Store(&map[string]*Namespace{})
	srv.Namespace = srv.Of("/")
	engine.Bind(srv.newConn)
	return srv, nil
}

// ServeHTTP serves whatever path is routed to it: by convention "/socket.io/",
// where clients connect unless told otherwise. Of the path it looks at the last
// element only, which may be the name of a file of the client
// (Options.DisableClient).
func (srv *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if srv.opts.DisableClient || !clientbundle.Serves(r.URL.Path) {
		srv.engine.ServeHTTP(w, r)
	} else if srv.engine.CheckOrigin(w, r) {
		clientbundle.Handler().ServeHTTP(w, r)
	}
}

// Engine returns the Engine.IO server below, for its sessions and figures. Its
// Bind must not be called.
func (srv *Server) Engine() *engineio.Server { return srv.engine }

// Of returns the namespace of that name, which it makes if there is none yet; a
// missing "/" in front is added. Clients can join it from then on.
func (srv *Server) Of(name string) *Namespace {
	if !strings.HasPrefix(name, "/") {
		name = "/" + name
	}
	if ns := (*srv.namespaces.Load())[name]; ns != nil {
		return ns
	}
	srv.mu.Lock()
	defer srv.mu.Unlock()
	old := *srv.namespaces.Load()
	if ns := old[name]; ns != nil {
		return ns
	}
	ns := newNamespace(srv, name)
	all := maps.Clone(old)
	all[name] = ns
	srv.namespaces.Store(&all)
	return ns
}

// namespace returns the namespace of exactly that name, or nil.
func (srv *Server) namespace(name []byte) *Namespace {
	return (*srv.namespaces.Load())[string(name)]
}

// Shutdown refuses new connections, closes those that are open, and waits until
// every handler and every goroutine of the server has ended. Sockets end with
// ReasonShutdown; their clients see the connection close, and reconnect if another
// server answers. Call it before http.Server.Shutdown, which would wait for polls.
//
// If ctx ends first, the result is ctx's error, connections that still flush are
// cut off, and the contexts of disconnect handlers end. A handler may call it with
// its ctx, or one made from it: then it waits for all handlers but those that are
// inside Shutdown themselves, and of ctx only the deadline counts, as the end of
// the handler's own socket cancels it. With another ctx a handler waits for itself
// until that ends.
func (srv *Server) Shutdown(ctx context.Context) error {
	inside := 0
	if s := socketOf(ctx); s != nil && s.conn.srv == srv && s.busy() {
		inside = 1
	}
	yield(ctx)
	err := srv.engine.ShutdownExcept(ctx, inside)
	srv.end()
	srv.wheel.Close()
	return err
}
