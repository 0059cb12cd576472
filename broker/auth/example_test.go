package auth_test

import (
	"context"
	"errors"
	"log"

	"github.com/fletchmq/fletch/broker"
	"github.com/fletchmq/fletch/broker/auth"
)

// Users come from a map. The user name of CONNECT, if there is one, must be that
// of the password, and a connection stays with the user that it began with.
func ExampleNewSCRAM() {
	ann, err := auth.NewCredentials("secret")
	if err != nil {
		log.Fatal(err)
	}
	users := map[string]auth.Credentials{"ann": ann}
	scram := auth.NewSCRAM(func(_ context.Context, user string) (auth.Credentials, bool) {
		c, ok := users[user]
		return c, ok
	}, nil)
	begin := func(login *broker.Login) broker.Exchange {
		return scram.Start(func(user string) error {
			if login.HasUsername && login.Username != user {
				return errors.New("the password is of another user")
			}
			login.Username, login.HasUsername = user, true
			return nil
		})
	}
	b, err := broker.New(broker.Config{Methods: map[string]broker.Method{auth.ScramSHA256: begin}})
	if err != nil {
		log.Fatal(err)
	}
	defer b.Shutdown(context.Background())
}
