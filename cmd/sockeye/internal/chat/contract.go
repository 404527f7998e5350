package chat

import "github.com/sockeye-io/sockeye"

// What a page asks for. Each is answered with its result, or with an error whose
// data holds a Code.
const (
	hello   sockeye.Request[introduction, welcome]  = "hello"   // take up a name
	enter   sockeye.Request[roomName, struct{}]     = "enter"   // go to a room, which is created if need be
	leave   sockeye.Request[struct{}, struct{}]     = "leave"   // give the name back
	say     sockeye.Request[utterance, receipt]     = "say"     // to everyone in the room
	image   sockeye.Request[upload, receipt]        = "image"   // likewise
	picture sockeye.Request[messageID, pictureData] = "picture" // of a message in the history
)

// What a page tells without waiting for more than an empty acknowledgement.
const (
	latency sockeye.Event[struct{}] = "latency" // is acknowledged at once
	typing  sockeye.Event[bool]     = "typing"
)

// What pages are told.
const (
	roomEntered  sockeye.Event[snapshot]   = "room" // the first thing about a room
	roomsChanged sockeye.Event[[]roomInfo] = "rooms"
	someoneCame  sockeye.Event[presence]   = "joined"
	someoneWent  sockeye.Event[presence]   = "left"
	someoneSaid  sockeye.Event[message]    = "message"
	someoneTypes sockeye.Event[typist]     = "typing"
)

// private goes both ways: from the page of the author to the server, and on to
// the page that it is for, whose acknowledgement becomes the author's.
const private = "private"

// introduction is how a page says who it is. The token is a secret of one
// browser tab: with it a name can be taken over from a connection that is lost
// but not given up yet.
type introduction struct {
	Name  string `json:"name"`
	Token string `json:"token"`
}

type welcome struct {
	You    identity   `json:"you"`
	Boot   string     `json:"boot"` // another one after each start of the server
	Now    int64      `json:"now"`  // ms since 1970
	Limits limits     `json:"limits"`
	Rooms  []roomInfo `json:"rooms"`
}

// limits are what a page needs to know before it sends.
type limits struct {
	Name  int `json:"name"`  // characters
	Text  int `json:"text"`  // characters
	Room  int `json:"room"`  // characters
	Image int `json:"image"` // bytes
}

type identity struct {
	ID   string `json:"id"` // the same for one token, whatever the connection
	Name string `json:"name"`
}

type roomName struct {
	Room string `json:"room"`
}

type roomInfo struct {
	Name   string `json:"name"`
	People int    `json:"people"`
}

type snapshot struct {
	Name    string     `json:"name"`
	People  []identity `json:"people"`
	History []message  `json:"history"` // oldest first, without the data of pictures
}

type presence struct {
	Room   string   `json:"room"`
	Person identity `json:"person"`
}

type typist struct {
	Name string `json:"name"`
	On   bool   `json:"on"`
}

// utterance is a text for a room. The nonce is made by the page: a second attempt
// with the same one is answered with the first one's receipt.
type utterance struct {
	Room  string `json:"room"`
	Nonce string `json:"nonce"`
	Text  string `json:"text"`
}

type upload struct {
	Room  string `json:"room"`
	Nonce string `json:"nonce"`
	Name  string `json:"name"`
	Type  string `json:"type"`
	Data  []byte `json:"data"`
}

// whisper is a text for one person.
type whisper struct {
	To    string `json:"to"` // an identity's ID
	Nonce string `json:"nonce"`
	Text  string `json:"text"`
}

type message struct {
	ID    string    `json:"id"`
	Nonce string    `json:"nonce"`
	At    int64     `json:"at"`             // ms since 1970
	Room  string    `json:"room,omitempty"` // none if private
	From  identity  `json:"from"`
	Text  string    `json:"text"`
	Image *attached `json:"image,omitempty"`
}

type attached struct {
	Name string `json:"name"`
	Type string `json:"type"`
	Size int    `json:"size"`           // bytes
	Data []byte `json:"data,omitempty"` // none in the history
}

type receipt struct {
	ID string `json:"id"`
	At int64  `json:"at"` // ms since 1970
}

type messageID struct {
	ID string `json:"id"`
}

type pictureData struct {
	Data []byte `json:"data"`
}
