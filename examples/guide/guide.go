// Package guide is the code of the guide in docs/: each block of Go there is cut
// out of this folder, or of one of the examples beside it, and the tests here run
// it. One file is one page.
package guide

// Message is what the guide's events carry.
type Message struct {
	Text string `json:"text"`
}
