package engineio_test

import (
	"testing"

	"github.com/sockeye-io/sockeye/engineio"
)

func TestEchoOverPolling(t *testing.T) {
	t.Parallel()
	bubble(t, engineio.Options{}, func(t *testing.T, r *rig) {
		r.echo()
		q, _ := r.poller()
		equal(t, "POST", r.do("POST", q, "4a\x1e4b\x1ebAQID").body, "ok")
		equal(t, "GET", r.do("GET", q, "").body, "4a\x1e4b\x1ebAQID")
	})
}

func TestEchoOverWebSocket(t *testing.T) {
	t.Parallel()
	bubble(t, engineio.Options{}, func(t *testing.T, r *rig) {
		r.echo()
		c, _ := r.socket()
		c.send("4a", "4b")
		equal(t, "first", c.text(), "4a")
		equal(t, "second", c.text(), "4b")
		c.nc.Close()
	})
}

func TestUpgrade(t *testing.T) {
	t.Parallel()
	bubble(t, engineio.Options{}, func(t *testing.T, r *rig) {
		r.echo()
		q, sid := r.poller()
		c := r.dial("EIO=4&transport=websocket&sid=" + sid).accepted()
		c.send("2probe")
		equal(t, "answer", c.text(), "3probe")
		equal(t, "poll", r.do("GET", q, "").body, "6")
		c.send("5", "4hello")
		equal(t, "message", c.text(), "4hello")
		equal(t, "poll", r.do("GET", q, "").status, 400)
		c.nc.Close()
	})
}
