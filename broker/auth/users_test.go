package auth

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// quick makes credentials that do not take long to check.
func quick(t *testing.T, password string) Credentials {
	t.Helper()
	c, err := DeriveCredentials(password, []byte("salt"), leastIterations)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// usersIn is those of a file that says text, with ann and her password "secret".
func usersIn(t *testing.T, text string) (u *Users, file string, said *bytes.Buffer) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "users")
	if err := os.WriteFile(file, []byte(text), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := SetUser(file, "ann", quick(t, "secret")); err != nil {
		t.Fatal(err)
	}
	said = new(bytes.Buffer)
	u, err := OpenUsers(file, slog.New(slog.NewTextHandler(said, nil)))
	if err != nil {
		t.Fatal(err)
	}
	return u, file, said
}

func TestCheck(t *testing.T) {
	u, file, _ := usersIn(t, "")
	if err := SetUser(file, "a:b c", quick(t, "")); err != nil {
		t.Fatal(err)
	}
	u.interval = 0
	for range 2 { // the second time, what is right is known
		for _, test := range []struct {
			user, password string
			right          bool
		}{
			{"ann", "secret", true},
			{"ann", "Secret", false},
			{"ann", "", false},
			{"a:b c", "", true},
			{"a:b c", "x", false},
			{"a", "", false},
			{"bob", "secret", false},
			{"", "", false},
		} {
			if err := u.Check(t.Context(), test.user, test.password); (err == nil) != test.right || err != nil && err != errProof {
				t.Errorf("%q %q: %v", test.user, test.password, err)
			}
		}
	}
}

// Who has to hash waits for its turn, and not for ever: a stranger like a user
// with a wrong password. A right password that was seen before need not wait.
func TestCheckTakesTurns(t *testing.T) {
	u, _, _ := usersIn(t, "")
	if err := u.Check(t.Context(), "ann", "secret"); err != nil {
		t.Fatal(err)
	}
	for range cap(u.hashing) {
		u.hashing <- struct{}{}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, user := range []string{"ann", "nobody"} {
		if err := u.Check(ctx, user, "wrong"); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", user, err)
		}
	}
	if err := u.Check(ctx, "ann", "secret"); err != nil {
		t.Error(err)
	}
}

// SCRAM has the same users.
func TestUsersStart(t *testing.T) {
	u, _, _ := usersIn(t, "")
	for user, known := range map[string]bool{"ann": true, "bob": false} {
		reply, _, err := u.Start(nil).Step(t.Context(), []byte("n,,n="+user+",r=x"))
		if err != nil || strings.HasSuffix(string(reply), ",s=c2FsdA==,i=4096") != known {
			t.Errorf("%s: %s, %v", user, reply, err)
		}
	}
}

// A changed file is seen, and what was right before is asked about again; a mistake
// keeps the former users, and is said once.
func TestUsersReload(t *testing.T) {
	u, file, said := usersIn(t, "")
	u.interval = 0
	later := time.Now()
	touch := func() {
		later = later.Add(time.Minute)
		if err := os.Chtimes(file, later, later); err != nil {
			t.Fatal(err)
		}
	}
	check := func(password string) bool { return u.Check(t.Context(), "ann", password) == nil }
	if !check("secret") {
		t.Error("not right")
	}
	if err := SetUser(file, "ann", quick(t, "other")); err != nil {
		t.Fatal(err)
	}
	touch()
	if check("secret") || !check("other") || !strings.Contains(said.String(), "users changed") {
		t.Errorf("the change was not seen: %s", said)
	}
	if err := os.WriteFile(file, []byte("bob:secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	touch()
	check("other")
	if !check("other") || strings.Count(said.String(), "cannot be used") != 1 || !strings.Contains(said.String(), file+":1: expected") {
		t.Errorf("a mistake: %s", said)
	}
	os.Remove(file)
	if !check("other") {
		t.Error("the users are gone with the file")
	}
}

// What is wrong, in which line, and what was expected.
func TestUsersMistakes(t *testing.T) {
	good := func(c Credentials) string { b, _ := c.MarshalText(); return string(b) }(quick(t, "x"))
	for text, want := range map[string]string{
		"\n# users\nann":                 ":3: expected NAME:SCRAM-SHA-256$ITERATIONS:SALT$STOREDKEY:SERVERKEY",
		"ann:secret":                     ":1: expected NAME:",
		":" + good:                       `:1: auth: user name ""`,
		"ann\x01:" + good:                `:1: auth: user name "ann\x01"`,
		"ann:" + good + "\nann:" + good:  `:2: user "ann" is in line 1 already`,
		"ann:" + good + "x":              ":1: auth: expected SCRAM-SHA-256$",
		"ann:" + good[:len(good)-4]:      ":1: auth: expected SCRAM-SHA-256$",
		"ann:SCRAM-SHA-256$1:c2FsdA==$:": ":1: auth: expected SCRAM-SHA-256$",
		"ann:" + strings.Replace(good, "4096", "4095", 1): ":1: auth: 4095 iterations",
		"ann:" + strings.Replace(good, "c2FsdA==", "", 1): ":1: auth: 4096 iterations and 0 bytes of salt",
	} {
		file := filepath.Join(t.TempDir(), "users")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := OpenUsers(file, nil)
		if err == nil || !strings.HasPrefix(err.Error(), file+want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
		if err := SetUser(file, "bob", quick(t, "x")); err == nil {
			t.Errorf("%q: another user was added to that", text)
		}
	}
	if _, err := OpenUsers("none", nil); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	for _, name := range []string{"", "#ann", "a\nb", "\xff", strings.Repeat("x", 1<<16)} {
		if err := SetUser(filepath.Join(t.TempDir(), "users"), name, quick(t, "x")); err == nil {
			t.Errorf("user %.10q was added", name)
		}
	}
}

// A user is changed in place. The rest of the file, and who may read it, stay.
func TestSetUser(t *testing.T) {
	_, file, _ := usersIn(t, "# all of them\n")
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"bob", "ann", "bob"} {
		if err := SetUser(link, name, quick(t, name)); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(b), "\n")
	if len(lines) != 4 || lines[0] != "# all of them" || !strings.HasPrefix(lines[1], "ann:SCRAM-SHA-256$4096:") || !strings.HasPrefix(lines[2], "bob:") {
		t.Errorf("the file says %q", lines)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	young := filepath.Join(t.TempDir(), "users")
	if err := SetUser(young, "ann", quick(t, "x")); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(young); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(file), ".users-*")); len(left) > 0 {
		t.Errorf("%q is left", left)
	}
}

func TestCredentialsAsText(t *testing.T) {
	want, err := NewCredentials("secret")
	if err != nil {
		t.Fatal(err)
	}
	text, err := want.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	var got Credentials
	if err := got.UnmarshalText(text); err != nil || !bytes.Equal(got.Salt, want.Salt) || got.StoredKey != want.StoredKey || got.ServerKey != want.ServerKey || got.Iterations != want.Iterations {
		t.Errorf("%s is %+v, %v", text, got, err)
	}
}
