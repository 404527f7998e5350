package account_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/sockeye-io/sockeye/examples/internal/account"
	"github.com/sockeye-io/sockeye/examples/internal/sioclient"
	"github.com/sockeye-io/sockeye/internal/leak"
)

func TestMain(m *testing.M) { leak.Main(m) }

func TestSessionsAreFoundUntilTheLogout(t *testing.T) {
	t.Parallel()
	var store account.Store
	ada, bob := store.Login("Ada"), store.Login("Bob")
	request := func(s *account.Session) *http.Request {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.AddCookie(s.Cookie())
		return r
	}
	if store.FromRequest(request(ada)) != ada || store.FromRequest(request(bob)) != bob {
		t.Error("a session's cookie does not bring it back")
	}
	store.Logout(ada)
	if store.FromRequest(request(ada)) != nil {
		t.Error("a session is found after its logout")
	}
	if store.FromRequest(request(bob)) != bob {
		t.Error("the logout ended another session")
	}
	if store.FromRequest(httptest.NewRequest(http.MethodGet, "/", nil)) != nil {
		t.Error("a request without a cookie has a session")
	}
}

func TestSocketsKeepTheSessionOfTheirRequest(t *testing.T) {
	t.Parallel()
	srv, err := account.NewServer()
	if err != nil {
		t.Fatal(err)
	}
	var store account.Store
	ada := store.Login("Ada")
	c := sioclient.Dial(t, sioclient.ServeHandler(t, srv, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		srv.ServeHTTP(w, account.WithSession(r, ada))
	})), nil)
	if got, want := c.Ask("whoami"), `["Ada"]`; got != want {
		t.Errorf("whoami: got %s, want %s", got, want)
	}
	if got, want := c.Ask("say", "hi"), `[1]`; got != want || ada.Said() != 1 {
		t.Errorf("say: got %s and %d in the session, want %s and 1", got, ada.Said(), want)
	}
}

func TestNobodyIsRefused(t *testing.T) {
	t.Parallel()
	srv, err := account.NewServer()
	if err != nil {
		t.Fatal(err)
	}
	if c, status := sioclient.Open(t, sioclient.Serve(t, srv), sioclient.Options{}); c != nil || status != http.StatusForbidden {
		t.Errorf("without a session: status %d, want 403", status)
	}
}
