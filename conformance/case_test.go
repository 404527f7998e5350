package conformance

import (
	"strings"
	"testing"
	"time"

	"github.com/sockeye-io/sockeye/conformance/internal/raw"
)

// The profiles of js/profiles.json: how the server under test is configured.
const (
	profileSuite   = "suite"   // the heartbeat and connect timeout that the official suites ask for
	profileCalm    = "calm"    // timers too slow to be seen
	profileHasty   = "hasty"   // as calm, with a short upgrade timeout
	profilePolling = "polling" // as calm, without WebSocket

	profileV3     = "eio3"     // as suite, for Engine.IO v3 too
	profileV3Calm = "eio3calm" // as calm, for Engine.IO v3 too
)

// An Env is what a case runs against.
type Env struct {
	*raw.Peer

	reference   bool        // the server is the official Node one
	differs     *difference // nil: both servers must do the same
	attachments [][]byte
}

// Reference reports whether the server is the official Node one. Only a case that declares a difference may ask.
func (e *Env) Reference(t raw.T) bool {
	t.Helper()
	if e.differs == nil {
		t.Fatalf("the case asks who answers but declares no difference")
	}
	return e.reference
}

// attach sends the binary messages that follow the case's packets.
func (e *Env) attach(t raw.T, ws *raw.WS) {
	t.Helper()
	for _, b := range e.attachments {
		ws.Binary(t, b...)
	}
}

// A node of a suite's tree: either a group with children or a case with run.
type node struct {
	title    string
	children []node

	run      func(t raw.T, e *Env)
	profile  string
	differs  *difference
	oursOnly bool     // the reference fails it, as differs says
	killedBy []string // mutations that the case must fail under

	attachments [][]byte // binary messages that follow the case's packets
}

// describe groups cases, it makes one. Titles of the official suites are kept to the letter.
func describe(title string, children ...node) node { return node{title: title, children: children} }

func it(title string, run func(t raw.T, e *Env), killedBy ...string) node {
	return node{title: title, run: run, profile: profileCalm, killedBy: killedBy}
}

// on chooses another profile for a case.
func (n node) on(profile string) node { n.profile = profile; return n }

// A difference is where our server is meant to answer otherwise than the reference. All of them stand in
// DIFFERENCES.md, which a test compares with the cases.
type difference struct {
	reference, ours, why string
}

// but declares that our server is meant to differ.
func (n node) but(reference, ours, why string) node {
	return n.differing(difference{reference, ours, why})
}

// differing is but for a difference that several cases share.
func (n node) differing(d difference) node {
	n.differs = &d
	return n
}

// ours keeps a case from the reference, which is known to fail it.
func (n node) ours(reference, ours, why string) node {
	n.oursOnly = true
	return n.but(reference, ours, why)
}

// A suite is a tree of cases and the endpoint that they talk to.
type suite struct {
	name     string
	endpoint string
	cases    []node
}

// A leaf is a case with the titles that lead to it.
type leaf struct {
	node
	suite suite
	path  []string
}

func (l leaf) String() string { return strings.Join(l.path, " > ") }

func (s suite) leaves() []leaf {
	var all []leaf
	var walk func(path []string, nodes []node)
	walk = func(path []string, nodes []node) {
		for _, n := range nodes {
			here := append(path[:len(path):len(path)], n.title)
			if n.run != nil {
				all = append(all, leaf{node: n, suite: s, path: here})
			}
			walk(here, n.children)
		}
	}
	walk([]string{s.name}, s.cases)
	return all
}

// suites is every wire case there is.
func suites() []suite {
	return []suite{
		engineSuite(), engineV3Suite(), socketSuite(),
		requestRows(), pollingRows(), websocketRows(), upgradeRows(), packetRows(), defectRows(),
		engineV3Rows(), versionTwoRows(),
	}
}

// patience is how long a case waits for any one answer.
const patience = 15 * time.Second

// env makes what the case runs against, given the base URL of each profile.
func (l leaf) env(t raw.T, urls map[string]string, reference bool, patience time.Duration) *Env {
	return &Env{
		Peer:        raw.NewPeer(t, urls[l.profile]+l.suite.endpoint, patience),
		reference:   reference,
		differs:     l.differs,
		attachments: l.attachments,
	}
}

// runCases runs every case, in subtests named by the titles, against the servers at urls.
func runCases(t *testing.T, urls map[string]string, reference bool) {
	t.Helper()
	for _, s := range suites() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			runNodes(t, s, s.cases, urls, reference)
		})
	}
}

func runNodes(t *testing.T, s suite, nodes []node, urls map[string]string, reference bool) {
	t.Helper()
	for _, n := range nodes {
		if reference && n.oursOnly {
			continue
		}
		t.Run(n.title, func(t *testing.T) {
			t.Parallel()
			if n.run == nil {
				runNodes(t, s, n.children, urls, reference)
				return
			}
			n.run(t, leaf{node: n, suite: s}.env(t, urls, reference, patience))
		})
	}
}
