package chat

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/sockeye-io/sockeye/socketio"
)

// whoIs is the person that a socket speaks for, once it has said hello.
var whoIs = socketio.NewKey[*person]("person")

// maxImage is the size of pictures, in bytes, where the connection would allow more.
const maxImage = 500_000

// Options configures a Chat. The zero value works with a server of zero options.
type Options struct {
	// MaxPayload is the limit that the server sets on a message, in bytes; zero
	// means 1,000,000, as in engineio.Options. Pictures are kept small enough to
	// pass it over polling, which makes four bytes of three.
	MaxPayload int
	// Logger takes what goes wrong. Nil means slog.Default().
	Logger *slog.Logger
}

// Chat is the state of the demo.
type Chat struct {
	// static
	srv      *socketio.Server
	log      *slog.Logger
	boot     string
	maxImage int

	whispers sync.WaitGroup // private messages on their way

	mu       sync.Mutex         // above no lock of package socketio that calls back
	people   map[string]*person // by ID
	names    map[string]*person // by nameKey
	rooms    map[string]*room   // by name
	order    []*room            // by age
	pictures pictures
	lastID   uint64
}

// New registers the chat's handlers with srv, in the namespace "/".
func New(srv *socketio.Server, o Options) *Chat {
	if o.MaxPayload == 0 {
		o.MaxPayload = 1_000_000
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	const besideImage = 8 << 10 // bytes that the rest of an upload takes at most
	c := &Chat{
		srv:      srv,
		log:      o.Logger,
		boot:     rand.Text(),
		maxImage: max(0, min(maxImage, (o.MaxPayload-besideImage)*3/4)),
		people:   make(map[string]*person),
		names:    make(map[string]*person),
		rooms:    make(map[string]*room),
		pictures: pictures{data: make(map[string][]byte)},
	}
	for _, name := range firstRooms() {
		c.addRoomLocked(name, true) // nobody else knows c yet
	}
	srv.OnConnect(c.connected)
	srv.OnDisconnect(c.disconnected)
	srv.OnError(c.failed)
	socketio.Handle(srv, hello, c.hello)
	socketio.Handle(srv, enter, c.enter)
	socketio.Handle(srv, leave, c.leave)
	socketio.Handle(srv, say, c.say)
	socketio.Handle(srv, image, c.image)
	socketio.Handle(srv, picture, c.picture)
	srv.OnPacket(private, c.whisper)
	socketio.On(srv, typing, c.typing)
	socketio.On(srv, latency, func(context.Context, *socketio.Socket, struct{}) error { return nil })
	return c
}

// Wait waits for the private messages on their way. Call it after the server's
// Shutdown, which ends them.
func (c *Chat) Wait() { c.whispers.Wait() }

// connected shows the rooms to those who have not joined yet.
func (c *Chat) connected(_ context.Context, s *socketio.Socket) error {
	c.log.Debug("connected", "socket", s.ID(), "transport", s.Transport())
	c.mu.Lock()
	defer c.mu.Unlock()
	return socketio.Emit(s, roomsChanged, c.roomsLocked())
}

func (c *Chat) disconnected(_ context.Context, s *socketio.Socket, why socketio.Disconnect) {
	c.log.Debug("disconnected", "socket", s.ID(), "reason", string(why.Reason), "error", why.Err)
	c.mu.Lock()
	defer c.mu.Unlock()
	if p, ok := whoIs.Get(s); ok {
		c.removeLocked(p)
	}
}

// failed logs a handler's error. A refusal is the page's business and not ours.
func (c *Chat) failed(ctx context.Context, s *socketio.Socket, event string, err error) {
	level := slog.LevelWarn
	var refused *socketio.Error
	if errors.As(err, &refused) {
		level = slog.LevelDebug
	}
	c.log.Log(ctx, level, "event failed", "socket", s.ID(), "event", event, "error", err)
}

// nextIDLocked returns an id for a message, unique across starts of the server.
func (c *Chat) nextIDLocked() string {
	c.lastID++
	return c.boot + "-" + strconv.FormatUint(c.lastID, 36)
}

// now returns the time in milliseconds since 1970.
func (*Chat) now() int64 { return time.Now().UnixMilli() }

// tell logs what nobody else is told. That a page has gone is not worth a word.
func (c *Chat) tell(err error) {
	if err != nil && !errors.Is(err, socketio.ErrDisconnected) {
		c.log.Warn("chat", "error", err)
	}
}
