package siowire

import "strconv"

// Type is the type of a packet.
type Type uint8

// The types of a packet. The wire has two more, 5 and 6, for an event and an
// acknowledgement with attachments; a Decoder reports them as Event and Ack.
const (
	Connect      Type = 0
	Disconnect   Type = 1
	Event        Type = 2
	Ack          Type = 3
	ConnectError Type = 4
)

// The two types that exist on the wire only.
const (
	binaryEvent Type = 5
	binaryAck   Type = 6
)

// String returns the protocol's name of the type, such as "CONNECT_ERROR".
func (t Type) String() string {
	switch t {
	case Connect:
		return "CONNECT"
	case Disconnect:
		return "DISCONNECT"
	case Event:
		return "EVENT"
	case Ack:
		return "ACK"
	case ConnectError:
		return "CONNECT_ERROR"
	case binaryEvent:
		return "BINARY_EVENT"
	case binaryAck:
		return "BINARY_ACK"
	}
	return "Type(" + strconv.Itoa(int(t)) + ")"
}

// Header is what precedes the payload of a packet to be encoded.
type Header struct {
	Type Type
	// Namespace begins with "/" and has no comma in it. Empty means "/", the main
	// namespace.
	Namespace string
	// ID is the acknowledgement id: of an Event the one its sender expects an
	// answer under, of an Ack the one it answers. It counts if HasID is set.
	ID    uint64
	HasID bool
}

// Packet is a decoded packet. Its byte fields alias the messages that were given
// to [Decoder.Add] and must not be written to.
type Packet struct {
	Type Type
	// Namespace begins with "/".
	Namespace []byte
	// ID is the acknowledgement id, if HasID is set.
	ID    uint64
	HasID bool
	// Data is the payload as it came, validated; nil if there was none.
	Data []byte
	// Name is an Event's name without quotes and escapes. A number in place of the
	// name is its JSON text. It is nil for an event without payload.
	Name []byte
	// Args are the arguments behind an Event's name, all values of an Ack, or the
	// one value that a Connect or a ConnectError has or has not.
	Args Args
}

// Reserved reports whether name is an event name that no packet may carry,
// because the libraries on both ends use it for themselves: connect,
// connect_error, disconnect, disconnecting, newListener and removeListener.
func Reserved(name string) bool {
	switch name {
	case "connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener":
		return true
	}
	return false
}
