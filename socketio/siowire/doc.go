// Package siowire turns bytes into Socket.IO packets and back: revision 5 of the
// protocol, the one that every client since Socket.IO 3 speaks.
//
// A packet is one text message, followed by one binary message for each
// attachment:
//
//	<type>[<attachments>-][<namespace>,][<acknowledgement id>][JSON]
//
// The package is pure: no goroutines, no clock, no I/O. A [Parser] makes and
// reads packets; [JSON] is the one that clients use unless told otherwise, and a
// program may change how it treats values with [JSONWith], or bring a parser of its
// own with [NewArgs] and a [Codec].
//
// # Reading
//
// A [Decoder] reads a packet's text once. That one pass validates all of it,
// finds where each argument begins and ends and checks every placeholder of an
// attachment, but decodes no argument: [Args] keeps them as they came until
// somebody asks with a Go type. So an event that only travels on is never
// decoded, and what a Decoder lets pass is safe to send on as it is: any
// Socket.IO peer reads it.
//
// What is let pass is what JSON.parse lets pass, with these limits, each of them
// an error that calls for the connection's end:
//
//   - at most Limits.Attachments attachments and Limits.Depth nested arrays and
//     objects, where JavaScript knows no depth limit;
//   - the number of attachments is written in digits, and is at least 1;
//   - an acknowledgement id is written in digits and fits 64 bits, where
//     JavaScript reads white space as the id 0 and rounds ids above 2^53; so white
//     space ahead of the JSON text is refused too;
//   - every attachment has exactly one placeholder, which has the two members
//     _placeholder and num, in either order, and num is written in digits;
//   - a packet type is a digit, and no packet is empty.
//
// White space within and behind the JSON text, duplicate keys and lone
// surrogates, written as \ud800, are let pass. Go strings cannot hold a lone
// surrogate: they show U+FFFD instead, while a Raw keeps what came.
//
// An event without any payload (the two bytes "42" on the wire) is let pass, as
// the reference does, and has a nil Name: no handler can be meant by it.
//
// # Writing
//
// Arguments are written as JSON.stringify writes them, without escaping HTML.
// A []byte, or a value of a named type made of one, leaves as an attachment
// wherever in an argument it stands, and an argument that holds one is read back
// the same way. NaN and the infinities leave as null, as from JavaScript.
//
// Structs are read and written with the rules of encoding/json, field tags
// included: omitempty omits false, 0, nil and empty values, a time.Duration is its
// nanoseconds, an array of bytes is an array of numbers, and a member finds its
// field whatever its case if no field has its exact name. The exceptions are the
// ones that a JavaScript reader asks for: nil slices and maps are written as
// empty ones, a nil []byte is an empty attachment, and a null sets its target to
// the zero value.
package siowire
