package chat

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sockeye-io/sockeye/socketio"
)

const (
	maxRooms    = 50
	maxRoomName = 24 // characters
	maxHistory  = 50 // messages a room
)

// firstRooms are there from the start and stay.
func firstRooms() []string { return []string{"lobby", "gophers", "help"} }

// room is guarded by Chat.mu.
type room struct {
	name    string
	fixed   bool // it never makes way for another one
	people  []*person
	history []message // oldest first, without the data of pictures
}

// channel returns the name of the room for package socketio. The prefix keeps
// people from meeting in a room that is a socket's own, which its id names.
func (r *room) channel() string { return "chat:" + r.name }

// cleanRoom returns a room's name in the form that all people share.
func cleanRoom(name string) (string, error) {
	name = strings.ToLower(strings.TrimPrefix(strings.TrimSpace(name), "#"))
	odd := func(r rune) bool {
		return r == utf8.RuneError || !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '-' && r != '_'
	}
	if name == "" || utf8.RuneCountInString(name) > maxRoomName || strings.ContainsFunc(name, odd) {
		return "", refuse(codeBadRoom, "A room's name has 1 to %d letters, digits, - or _.", maxRoomName)
	}
	return name, nil
}

// enter takes the person of s out of the room and into another one.
func (c *Chat) enter(_ context.Context, s *socketio.Socket, in roomName) (struct{}, error) {
	name, err := cleanRoom(in.Room)
	if err != nil {
		return struct{}{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	p, ok := whoIs.Get(s)
	if !ok {
		return struct{}{}, refuse(codeNotJoined, "Please join the chat first.")
	}
	r, err := c.roomLocked(name, p.room)
	if err != nil {
		return struct{}{}, err
	}
	if r != p.room {
		c.exitLocked(p)
		p.room = r
		r.people = append(r.people, p)
		s.Join(r.channel())
		c.tell(socketio.Emit(s.To(r.channel()), someoneCame, presence{Room: r.name, Person: p.identity}))
		c.tell(socketio.Emit(c.srv, roomsChanged, c.roomsLocked()))
	}
	return struct{}{}, socketio.Emit(s, roomEntered, r.snapshot())
}

// exitLocked takes p out of the room that p is in, if any.
func (c *Chat) exitLocked(p *person) {
	r := p.room
	if r == nil {
		return
	}
	p.room = nil
	r.people = slices.DeleteFunc(r.people, func(x *person) bool { return x == p })
	p.socket.Leave(r.channel())
	c.tell(socketio.Emit(c.srv.To(r.channel()), someoneWent, presence{Room: r.name, Person: p.identity}))
	c.tell(socketio.Emit(c.srv, roomsChanged, c.roomsLocked()))
}

// roomLocked returns the room with that name, a new one if need be. The room
// called from is about to lose a person, but does not make way for a new one.
func (c *Chat) roomLocked(name string, from *room) (*room, error) {
	if r := c.rooms[name]; r != nil {
		return r, nil
	}
	if len(c.rooms) >= maxRooms {
		i := slices.IndexFunc(c.order, func(r *room) bool { return !r.fixed && len(r.people) == 0 && r != from })
		if i < 0 {
			return nil, refuse(codeFull, "There are %d rooms already, and somebody is in each.", maxRooms)
		}
		old := c.order[i]
		for _, m := range old.history {
			c.pictures.drop(m.ID)
		}
		c.order = slices.Delete(c.order, i, i+1)
		delete(c.rooms, old.name)
	}
	return c.addRoomLocked(name, false), nil
}

func (c *Chat) addRoomLocked(name string, fixed bool) *room {
	r := &room{name: name, fixed: fixed}
	c.rooms[name] = r
	c.order = append(c.order, r)
	return r
}

// roomsLocked lists the rooms in the order of their creation.
func (c *Chat) roomsLocked() []roomInfo {
	list := make([]roomInfo, len(c.order))
	for i, r := range c.order {
		list[i] = roomInfo{Name: r.name, People: len(r.people)}
	}
	return list
}

// snapshot describes the room to someone who enters it.
func (r *room) snapshot() snapshot {
	people := make([]identity, len(r.people))
	for i, p := range r.people {
		people[i] = p.identity
	}
	slices.SortFunc(people, func(a, b identity) int { return cmp.Compare(nameKey(a.Name), nameKey(b.Name)) })
	history := r.history
	if history == nil {
		history = []message{}
	}
	return snapshot{Name: r.name, People: people, History: history}
}

// keep appends a message to the history and returns the one that fell out of it.
func (r *room) keep(m message) (lost message, full bool) {
	r.history = append(r.history, m)
	if len(r.history) <= maxHistory {
		return message{}, false
	}
	lost = r.history[0]
	r.history = slices.Delete(r.history, 0, 1)
	return lost, true
}

// find returns the message that p sent with this nonce, if it is in the history.
func (r *room) find(p *person, nonce string) (message, bool) {
	for _, m := range slices.Backward(r.history) {
		if m.Nonce == nonce && m.From.ID == p.ID {
			return m, true
		}
	}
	return message{}, false
}
