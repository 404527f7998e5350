package socketio

import (
	"context"
	"errors"
	"net/http"
	"sync"

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
	peers     []peer       // the other servers; none without a cluster
	hardLimit int          // bytes that a connection may hold at all
	life      context.Context
	end       context.CancelFunc // of life

	encoders sync.Pool // of *encoder
	runners  sync.Pool // of *runner
	queues   sync.Pool // of *queue

	mu sync.RWMutex // a leaf: below conn.mu

	// guarded by mu, as what a Namespace says to be
	namespaces  map[string]*Namespace      // without parents
	parents     []*Namespace               // in order of registration; copied at each change
	onNamespace []*entry[func(*Namespace)] // copied at each change
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
	srv.namespaces = make(map[string]*Namespace)
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
