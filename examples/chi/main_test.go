package main

import (
	"testing"

	"github.com/sockeye-io/sockeye/examples/internal/account"
	"github.com/sockeye-io/sockeye/examples/internal/account/accounttest"
	"github.com/sockeye-io/sockeye/examples/internal/sioclient"
	"github.com/sockeye-io/sockeye/internal/leak"
)

func TestMain(m *testing.M) { leak.Main(m) }

func TestPagesAndSocketsShareTheSession(t *testing.T) {
	t.Parallel()
	srv, err := account.NewServer()
	if err != nil {
		t.Fatal(err)
	}
	accounttest.Run(t, sioclient.ServeHandler(t, srv, routes(srv, new(account.Store))))
}
