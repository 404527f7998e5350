package siowire

// Parser is one way to write packets into messages. Its methods may be called
// from any number of goroutines at once and keep nothing of what they are given.
type Parser interface {
	// AppendArgs appends to dst the first message of an Event with that name, or of
	// an Ack, whose name is ignored. It returns the extended dst and the
	// attachments, each a message of its own that has to follow directly. Both are
	// copies: the caller may change the arguments afterwards. An error is an
	// *EncodeError, and dst then comes back as it was.
	AppendArgs(dst []byte, h Header, name string, args []any) (head []byte, attachments [][]byte, err error)
	// AppendValue appends to dst the only message of a Connect, a Disconnect or a
	// ConnectError. A nil v means no payload. A Connect takes a value that is
	// written as a JSON object, a ConnectError an object or a string, a Disconnect
	// nothing. An error is an *EncodeError, and dst then comes back as it was.
	AppendValue(dst []byte, h Header, v any) (head []byte, err error)
	// Binary reports whether first messages are binary messages.
	Binary() bool
	// NewDecoder returns a decoder for the messages of one connection.
	NewDecoder(l Limits) Decoder
}

// Decoder reads the messages of one connection. It is not safe for concurrent use.
type Decoder interface {
	// Add takes the next message, text or binary, which belongs to the decoder from
	// then on, and returns the packet that it completes. ok is false if attachments
	// are still to come. An error is a *ParseError: the connection cannot be
	// understood any more and must be closed.
	Add(msg []byte, binary bool) (p Packet, ok bool, err error)
	// Buffered returns the number of bytes that are held for a packet whose
	// attachments are still to come.
	Buffered() int
}

// Limits bounds what a Decoder lets pass.
type Limits struct {
	// Attachments is the highest number of attachments of one packet. Zero or less
	// means 10, which is also what the JavaScript parser accepts.
	Attachments int
	// Depth is the highest number of arrays and objects within each other, counting
	// the array of arguments itself. Zero or less means 512.
	Depth int
}

// The limits that zero stands for.
const (
	defaultAttachments = 10
	defaultDepth       = 512
)
