package servers

import (
	"context"
	"errors"
	"testing"

	"github.com/fletchmq/fletch/client"
	"github.com/fletchmq/fletch/packets"
)

// A wrong password is an error that says so, and a name.
func TestWrongPassword(t *testing.T) {
	each(t, every, func(t *testing.T, s *server, v packets.Version) {
		at := newPlace(t)
		at.users = true
		s.serveAt(t, at)
		right := dial(t, at.url("mqtt"), client.Config{Version: v, Username: "ann", Password: "secret"})
		if err := right.Ping(patient(t)); err != nil {
			t.Error(err)
		}
		fresh := client.Config{Version: v}
		fresh.Credentials = func(context.Context) (username, password string, err error) { return "ann", "secret", nil }
		if err := dial(t, at.url("mqtt"), fresh).Ping(patient(t)); err != nil {
			t.Error(err)
		}
		for _, wrong := range []client.Config{
			{Username: "ann", Password: "guess"},
			{Username: "bob", Password: "secret"},
			{Username: "ann"},
			{},
		} {
			wrong.Version = v
			_, err := client.Dial(patient(t), at.url("mqtt"), wrong)
			var refused *client.RefusedError
			if !errors.As(err, &refused) || refused.Packet != packets.TypeConnack {
				t.Fatalf("%q, %q: %v", wrong.Username, wrong.Password, err)
			}
			if refused.Reason != packets.BadUserNameOrPassword && refused.Reason != packets.NotAuthorized {
				t.Errorf("%q, %q: %v", wrong.Username, wrong.Password, err)
			}
		}
	})
}
