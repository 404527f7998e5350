package chat

import (
	"fmt"

	"github.com/sockeye-io/sockeye/socketio"
)

// code says to a page what kind of refusal it got. The message beside it is for people.
type code string

const (
	codeBadName     code = "bad-name"
	codeNameTaken   code = "name-taken"
	codeFull        code = "full"       // too many people, rooms or unanswered messages
	codeNotJoined   code = "not-joined" // hello comes first, then enter
	codeBadRoom     code = "bad-room"
	codeOtherRoom   code = "other-room" // the room that the message was meant for is not the author's any more
	codeBadText     code = "bad-text"
	codeBadPicture  code = "bad-picture"
	codePictureGone code = "picture-gone"
	codePersonGone  code = "person-gone"
	codeNoAnswer    code = "no-answer"
)

// refusalData is the data of a refusal.
type refusalData struct {
	Code code `json:"code"`
}

// refuse makes an error that the page may see.
func refuse(c code, format string, args ...any) *socketio.Error {
	return &socketio.Error{Message: fmt.Sprintf(format, args...), Data: refusalData{Code: c}}
}

// refusal is the acknowledgement that stands for an error, for one that is sent
// after its handler has returned. It has the form that socketio gives them.
type refusal struct {
	Error refusalBody `json:"error"`
}

type refusalBody struct {
	Message string `json:"message"`
	Data    any    `json:"data"`
}
