package chat_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sockeye-io/sockeye/cmd/sockeye/internal/chat"
)

func TestPicturesAreBoundedByBytes(t *testing.T) {
	t.Parallel()
	p := chat.NewPictures()
	third := make([]byte, chat.MaxPictures/3)
	check := func(rule string, want ...string) {
		t.Helper()
		ids, bytes := p.Held()
		if diff := cmp.Diff(want, ids); diff != "" || bytes != len(want)*len(third) {
			t.Errorf("%s: counted as %d bytes (-want +got):\n%s", rule, bytes, diff)
		}
	}
	for _, id := range []string{"a", "b", "c"} {
		p.Put(id, third)
	}
	check("what fits is kept", "a", "b", "c")
	p.Put("d", third)
	check("the oldest makes way", "b", "c", "d")
	p.Drop("c")
	p.Drop("c")
	p.Drop("never there")
	check("what is dropped is counted once", "b", "d")
	p.Put("e", third)
	check("so there is room again", "b", "d", "e")
}
