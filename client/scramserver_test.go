package client_test

import (
	"context"
	"testing"

	"github.com/fletchmq/fletch/broker/auth"
	"github.com/fletchmq/fletch/client"
)

// exchange is that of a with a server that knows user by credentials c. Served is
// whether the server is content.
func exchange(t *testing.T, a client.Authentication, user string, c auth.Credentials) (served bool, err error) {
	t.Helper()
	server := auth.NewSCRAM(func(_ context.Context, u string) (auth.Credentials, bool) { return c, u == user }, nil).Start(nil)
	data, err := a.Start()
	for err == nil && !served {
		var failed error
		if data, served, failed = server.Step(t.Context(), data); failed != nil {
			return false, a.Finish(nil)
		}
		if !served {
			data, err = a.Continue(data)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return served, a.Finish(data)
}

func credentials(t *testing.T, password string) auth.Credentials {
	t.Helper()
	c, err := auth.NewCredentials(password)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestScramWithServer(t *testing.T) {
	for _, user := range []string{"ann", "a,b=c", "=2C", "ü ñ"} {
		a := client.ScramSHA256(user, "pass,w=örd")
		c := credentials(t, "pass,w=örd")
		for range 2 {
			if served, err := exchange(t, a, user, c); !served || err != nil {
				t.Errorf("%s: served %v, %v", user, served, err)
			}
		}
		// The password is the same, the salt is not.
		if served, err := exchange(t, a, user, credentials(t, "pass,w=örd")); !served || err != nil {
			t.Errorf("%s has a new salt: served %v, %v", user, served, err)
		}
	}
}

func TestScramWithServerThatRefuses(t *testing.T) {
	c := credentials(t, "secret")
	if served, err := exchange(t, client.ScramSHA256("ann", "guess"), "ann", c); served || err == nil {
		t.Errorf("a wrong password: served %v, %v", served, err)
	}
	if served, err := exchange(t, client.ScramSHA256("bob", "secret"), "ann", c); served || err == nil {
		t.Errorf("an unknown user: served %v, %v", served, err)
	}
}

// Who knows only how to tell whether a password is right is not the server.
func TestScramWithServerWithoutServerKey(t *testing.T) {
	c := credentials(t, "secret")
	c.ServerKey[0]++
	if served, err := exchange(t, client.ScramSHA256("ann", "secret"), "ann", c); !served || err == nil {
		t.Errorf("served %v, %v", served, err)
	}
}
