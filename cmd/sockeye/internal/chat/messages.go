package chat

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/sockeye-io/sockeye/socketio"
)

const (
	maxText        = 2000 // characters
	maxNonce       = 64   // bytes
	maxPictureName = 80   // characters
	answerTimeout  = 5 * time.Second
)

// pictureTypes are those that every browser shows and that hold no program.
func pictureTypes() []string { return []string{"image/png", "image/jpeg", "image/gif", "image/webp"} }

// checkText returns why text or nonce cannot be part of a message, if so.
func checkText(text, nonce string) error {
	switch {
	case strings.TrimSpace(text) == "":
		return refuse(codeBadText, "A message needs a text.")
	case utf8.RuneCountInString(text) > maxText:
		return refuse(codeBadText, "This message is too long: %d characters at most.", maxText)
	case !utf8.ValidString(text):
		return refuse(codeBadText, "This message is not UTF-8.")
	}
	return checkNonce(nonce)
}

func checkNonce(nonce string) error {
	if nonce == "" || len(nonce) > maxNonce {
		return refuse(codeBadText, "The nonce must have 1 to %d bytes.", maxNonce)
	}
	return nil
}

// say sends a text to the room.
func (c *Chat) say(_ context.Context, s *socketio.Socket, in utterance) (receipt, error) {
	if err := checkText(in.Text, in.Nonce); err != nil {
		return receipt{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.postLocked(s, in.Room, message{Nonce: in.Nonce, Text: in.Text})
}

// image sends a picture to the room. Its type is what the bytes say, not what the
// page says.
func (c *Chat) image(_ context.Context, s *socketio.Socket, in upload) (receipt, error) {
	if err := checkNonce(in.Nonce); err != nil {
		return receipt{}, err
	}
	if len(in.Data) > c.maxImage {
		return receipt{}, refuse(codeBadPicture, "The picture has %d bytes, the limit is %d.", len(in.Data), c.maxImage)
	}
	kind := http.DetectContentType(in.Data)
	if !slices.Contains(pictureTypes(), kind) {
		return receipt{}, refuse(codeBadPicture, "Only PNG, JPEG, GIF and WebP pictures can be sent.")
	}
	name := strings.Map(func(r rune) rune {
		if !unicode.IsGraphic(r) {
			return -1
		}
		return r
	}, in.Name)
	if r := []rune(name); len(r) > maxPictureName {
		name = string(r[:maxPictureName])
	}
	if name == "" {
		name = "picture"
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.postLocked(s, in.Room, message{
		Nonce: in.Nonce, Image: &attached{Name: name, Type: kind, Size: len(in.Data), Data: in.Data},
	})
}

// postLocked sends m to the room of s and keeps it, unless it was sent before.
func (c *Chat) postLocked(s *socketio.Socket, where string, m message) (receipt, error) {
	p, err := c.presentLocked(s, where)
	if err != nil {
		return receipt{}, err
	}
	r := p.room
	if sent, ok := r.find(p, m.Nonce); ok {
		return receipt{ID: sent.ID, At: sent.At}, nil
	}
	m.ID, m.At, m.Room, m.From = c.nextIDLocked(), c.now(), r.name, p.identity
	if err := socketio.Emit(s.To(r.channel()), someoneSaid, m); err != nil {
		return receipt{}, err
	}
	if m.Image != nil {
		c.pictures.put(m.ID, m.Image.Data)
		kept := *m.Image
		kept.Data = nil
		m.Image = &kept
	}
	if lost, full := r.keep(m); full {
		c.pictures.drop(lost.ID)
	}
	return receipt{ID: m.ID, At: m.At}, nil
}

// picture returns what a picture in the history shows.
func (c *Chat) picture(_ context.Context, s *socketio.Socket, in messageID) (pictureData, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p, err := c.presentLocked(s, "")
	if err != nil {
		return pictureData{}, err
	}
	data, ok := c.pictures.get(in.ID)
	if !ok || !slices.ContainsFunc(p.room.history, func(m message) bool { return m.ID == in.ID }) {
		return pictureData{}, refuse(codePictureGone, "The server does not have this picture any more.")
	}
	return pictureData{Data: data}, nil
}

// whisper takes a private message. It is acknowledged when its reader's page has
// acknowledged it, which the author's other messages do not wait for.
func (c *Chat) whisper(ctx context.Context, s *socketio.Socket, p *socketio.Packet) error {
	var in whisper
	if err := p.Decode(&in); err != nil {
		return err
	}
	if err := checkText(in.Text, in.Nonce); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	from, err := c.presentLocked(s, "")
	if err != nil {
		return err
	}
	to := c.people[in.To]
	switch {
	case to == nil:
		return refuse(codePersonGone, "This person is not here any more.")
	case to == from:
		return refuse(codeBadText, "This would be a message to yourself.")
	case from.whispers >= maxWhispers:
		return refuse(codeFull, "%d of your private messages wait for an answer already.", maxWhispers)
	}
	from.whispers++
	m := message{ID: c.nextIDLocked(), Nonce: in.Nonce, At: c.now(), From: from.identity, Text: in.Text}
	reader := to.socket
	c.whispers.Go(func() {
		refused := deliver(ctx, reader, m)
		c.mu.Lock()
		from.whispers--
		c.mu.Unlock()
		if refused != nil {
			c.tell(p.Reply(refusal{Error: refusalBody{Message: refused.Message, Data: refused.Data}}))
			return
		}
		c.tell(p.Reply(receipt{ID: m.ID, At: m.At}))
	})
	return nil
}

// deliver hands a private message to its reader's page and waits for the page's
// acknowledgement. It returns nil, or what to tell the author instead.
func deliver(ctx context.Context, reader *socketio.Socket, m message) *socketio.Error {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	_, err := socketio.Call[struct{}](ctx, reader, private, m)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, socketio.ErrDisconnected):
		return refuse(codePersonGone, "This person is not here any more.")
	default:
		return refuse(codeNoAnswer, "It was sent, but no answer came.")
	}
}
