package chat

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sockeye-io/sockeye/socketio"
)

const (
	maxPeople    = 500
	maxName      = 24 // characters
	minToken     = 16 // bytes
	maxToken     = 64 // bytes
	maxWhispers  = 8  // private messages of one person that wait for an answer
	identityHash = 8  // bytes of the token's hash that make an identity's ID
)

// person is someone with a name. The identity never changes, all else is guarded
// by Chat.mu.
type person struct {
	identity
	socket   *socketio.Socket
	room     *room // nil before the first enter
	whispers int   // private messages that wait for an answer
}

// nameKey returns what two names have in common that nobody can tell apart at a
// glance.
func nameKey(name string) string { return strings.ToLower(name) }

// cleanName returns name with single spaces, or why it cannot be one.
func cleanName(name string) (string, error) {
	name = strings.Join(strings.Fields(name), " ")
	switch {
	case name == "":
		return "", refuse(codeBadName, "Please enter a name.")
	case utf8.RuneCountInString(name) > maxName:
		return "", refuse(codeBadName, "This name is too long: %d characters at most.", maxName)
	case !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsGraphic(r) }):
		return "", refuse(codeBadName, "This name has characters that cannot be seen.")
	}
	return name, nil
}

// hello gives a name to a socket. Who holds the token of the name's owner takes it
// over, and the owner's socket is disconnected.
func (c *Chat) hello(_ context.Context, s *socketio.Socket, in introduction) (welcome, error) {
	name, err := cleanName(in.Name)
	if err != nil {
		return welcome{}, err
	}
	if len(in.Token) < minToken || len(in.Token) > maxToken {
		return welcome{}, refuse(codeBadName, "The token must have %d to %d bytes.", minToken, maxToken)
	}
	hash := sha256.Sum256([]byte(in.Token))
	you := identity{ID: hex.EncodeToString(hash[:identityHash]), Name: name}

	c.mu.Lock()
	former, err := c.admitLocked(s, you)
	var w welcome
	if err == nil {
		w = welcome{
			You: you, Boot: c.boot, Now: c.now(), Rooms: c.roomsLocked(),
			Limits: limits{Name: maxName, Text: maxText, Room: maxRoomName, Image: c.maxImage},
		}
	}
	c.mu.Unlock()
	for _, old := range former {
		old.Disconnect()
	}
	return w, err
}

// admitLocked makes you the person of s, and returns the other sockets that were
// that person until now.
func (c *Chat) admitLocked(s *socketio.Socket, you identity) (former []*socketio.Socket, err error) {
	if other := c.names[nameKey(you.Name)]; other != nil && other.ID != you.ID {
		return nil, refuse(codeNameTaken, "Somebody is called %s already.", other.Name)
	}
	if c.people[you.ID] == nil && len(c.people) >= maxPeople {
		return nil, refuse(codeFull, "The chat is full: %d people are here.", maxPeople)
	}
	if mine, ok := whoIs.Get(s); ok {
		c.removeLocked(mine) // the same socket under a new name
	}
	if old := c.people[you.ID]; old != nil {
		c.removeLocked(old)
		former = append(former, old.socket)
	}
	p := &person{identity: you, socket: s}
	c.people[p.ID], c.names[nameKey(p.Name)] = p, p
	whoIs.Set(s, p)
	return former, nil
}

// removeLocked makes p a stranger, if p is not one already.
func (c *Chat) removeLocked(p *person) {
	if c.people[p.ID] != p {
		return
	}
	c.exitLocked(p)
	delete(c.people, p.ID)
	delete(c.names, nameKey(p.Name))
	whoIs.Delete(p.socket)
}

// leave gives the name back; the socket stays and can say hello again.
func (c *Chat) leave(_ context.Context, s *socketio.Socket, _ struct{}) (struct{}, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p, ok := whoIs.Get(s); ok {
		c.removeLocked(p)
	}
	return struct{}{}, nil
}

// presentLocked returns the person of s, who is in the room called where. Empty
// stands for any room.
func (c *Chat) presentLocked(s *socketio.Socket, where string) (*person, error) {
	p, ok := whoIs.Get(s)
	if !ok || p.room == nil {
		return nil, refuse(codeNotJoined, "Please join the chat first.")
	}
	if where != "" && p.room.name != where {
		return nil, refuse(codeOtherRoom, "You are not in #%s any more.", where)
	}
	return p, nil
}

// typing tells the room whether someone is writing. Who misses it misses nothing,
// so it is volatile.
func (c *Chat) typing(_ context.Context, s *socketio.Socket, on bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	p, err := c.presentLocked(s, "")
	if err != nil {
		return err
	}
	return socketio.Emit(s.To(p.room.channel()).Volatile(), someoneTypes, typist{Name: p.Name, On: on})
}
