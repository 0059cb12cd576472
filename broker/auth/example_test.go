package auth_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

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

// Users and their passwords are in a file, which [auth.SetUser] and fletch passwd
// write.
func ExampleOpenUsers() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "users.txt")
	ann, err := auth.NewCredentials("secret")
	if err != nil {
		log.Fatal(err)
	}
	if err := auth.SetUser(file, "ann", ann); err != nil {
		log.Fatal(err)
	}

	users, err := auth.OpenUsers(file, nil)
	if err != nil {
		log.Fatal(err)
	}
	b, err := broker.New(broker.Config{
		Authenticate: func(ctx context.Context, login *broker.Login) error {
			return users.Check(ctx, login.Username, string(login.Password))
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer b.Shutdown(context.Background())
	fmt.Println(users.Check(context.Background(), "ann", "secret"))
	fmt.Println(users.Check(context.Background(), "ann", "guess"))
	// Output:
	// <nil>
	// auth: wrong password, or unknown user
}
