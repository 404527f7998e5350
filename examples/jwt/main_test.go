package main

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/sockeye-io/sockeye/examples/internal/sioclient"
	"github.com/sockeye-io/sockeye/internal/leak"
)

func TestMain(m *testing.M) { leak.Main(m) }

var theAuthority = authority{secret: []byte("a secret that only the server knows")}

type auth struct {
	Token string `json:"token"`
}

func issue(t *testing.T, a authority, name string, lifetime time.Duration) string {
	t.Helper()
	token, err := a.issue(name, lifetime)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func start(t *testing.T) sioclient.DialFunc {
	t.Helper()
	srv, err := newServer(theAuthority)
	if err != nil {
		t.Fatal(err)
	}
	return sioclient.Serve(t, srv)
}

func TestTokenSaysWhoItIs(t *testing.T) {
	t.Parallel()
	dial := start(t)
	for _, polling := range []bool{false, true} {
		c, status := sioclient.Open(t, dial, sioclient.Options{Polling: polling})
		if c == nil {
			t.Fatalf("connect: status %d", status)
		}
		c.Join(auth{issue(t, theAuthority, "Ada", time.Hour)})
		c.ExpectConnected()
		if got, want := c.Ask("whoami"), `["Ada"]`; got != want {
			t.Errorf("polling %v: whoami: got %s, want %s", polling, got, want)
		}
	}
}

func TestOtherTokensAreRefused(t *testing.T) {
	t.Parallel()
	dial := start(t)
	now := time.Now()
	sign := func(method jwt.SigningMethod, key any, claims jwt.RegisteredClaims) string {
		t.Helper()
		token, err := jwt.NewWithClaims(method, claims).SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	later := jwt.NewNumericDate(now.Add(time.Hour))
	for rule, payload := range map[string]any{
		"no auth payload": nil,
		"no token":        map[string]string{},
		"not a token":     auth{"abc"},
		"a number":        map[string]int{"token": 1},
		"another secret":  auth{issue(t, authority{secret: []byte("another secret of the same length..")}, "Ada", time.Hour)},
		"expired":         auth{issue(t, theAuthority, "Ada", -time.Second)},
		"unsigned":        auth{sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, jwt.RegisteredClaims{Subject: "Ada", ExpiresAt: later})},
		"another method":  auth{sign(jwt.SigningMethodHS512, theAuthority.secret, jwt.RegisteredClaims{Subject: "Ada", ExpiresAt: later})},
		"valid for ever":  auth{sign(jwt.SigningMethodHS256, theAuthority.secret, jwt.RegisteredClaims{Subject: "Ada"})},
		"of nobody":       auth{sign(jwt.SigningMethodHS256, theAuthority.secret, jwt.RegisteredClaims{ExpiresAt: later})},
	} {
		c := sioclient.Refused(t, dial, payload)
		if got, want := c.Next(), `4{"message":"invalid token"}`; got != want {
			t.Errorf("%s: got %s, want %s", rule, got, want)
		}
		c.Close() // or the shutdown would wait for it
	}
}

func TestSocketEndsWithItsTokenUnlessItIsRenewed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dial := start(t)
		began := time.Now()
		c := sioclient.Dial(t, dial, auth{issue(t, theAuthority, "Ada", time.Minute)})
		if got, want := c.Ask("renew", issue(t, theAuthority, "Bob", time.Hour)), `[{"error":{"message":"invalid token"}}]`; got != want {
			t.Errorf("another user's token: got %s, want %s", got, want)
		}
		renewed := issue(t, theAuthority, "Ada", 2*time.Minute)
		if got, want := c.Ask("renew", renewed), `["`+began.Add(2*time.Minute).Local().Format(time.RFC3339)+`"]`; got != want {
			t.Errorf("renew: got %s, want %s", got, want)
		}
		c.Expect(`1`)
		if took := time.Since(began); took != 2*time.Minute {
			t.Errorf("ended after %v, want the second token's 2 minutes", took)
		}
	})
}
