package auth

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"
)

// mostName is the longest user name that MQTT has, in bytes.
const mostName = 1<<16 - 1

// checkName reports what is wrong with a user name for a file.
func checkName(name string) error {
	if name == "" || len(name) > mostName || name[0] == '#' || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
		return fmt.Errorf("auth: user name %.100q: expected 1 to %d bytes of UTF-8 without control characters, and no # to begin with", name, mostName)
	}
	return nil
}

// entry is a line of a file of users. It has no name if it says nothing.
type entry struct {
	text        string // as it stands, without its end
	name        string
	credentials Credentials
}

// readUsers reads a file of users. The error names file and line.
func readUsers(file string) ([]entry, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("auth: users: %w", err)
	}
	var all []entry
	seen := make(map[string]int)
	for line := range strings.Lines(string(b)) {
		e := entry{text: strings.TrimRight(line, "\r\n")}
		all = append(all, e)
		if e.text == "" || e.text[0] == '#' {
			continue
		}
		at := strings.LastIndex(e.text, ":"+ScramSHA256+"$") // a name may have colons
		if at < 0 {
			return nil, fmt.Errorf("%s:%d: expected NAME:%s$ITERATIONS:SALT$STOREDKEY:SERVERKEY", file, len(all), ScramSHA256)
		}
		e.name = e.text[:at]
		err := checkName(e.name)
		if err == nil {
			err = e.credentials.UnmarshalText([]byte(e.text[at+1:]))
		}
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", file, len(all), err)
		}
		if first := seen[e.name]; first > 0 {
			return nil, fmt.Errorf("%s:%d: user %q is in line %d already: expected each user once", file, len(all), e.name, first)
		}
		seen[e.name] = len(all)
		all[len(all)-1] = e
	}
	return all, nil
}

// SetUser gives a user in a file for [OpenUsers] these credentials, or adds it.
// The rest of the file stays as it is. If there is none, it is made, for its owner
// only. The file is replaced as a whole: who reads it sees it before or after. Two
// that do so at the same time may lose one of the users.
func SetUser(file, name string, c Credentials) error {
	if err := checkName(name); err != nil {
		return err
	}
	all, err := readUsers(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	text, err := c.MarshalText()
	if err != nil {
		return err
	}
	line := name + ":" + string(text)
	found := false
	var b strings.Builder
	for _, e := range all {
		if e.name == name {
			e.text, found = line, true
		}
		b.WriteString(e.text + "\n")
	}
	if !found {
		b.WriteString(line + "\n")
	}
	if err := replace(file, b.String()); err != nil {
		return fmt.Errorf("auth: users: %w", err)
	}
	return nil
}

// replace makes text what file has. Its permissions and its owner stay.
func replace(file, text string) error {
	if target, err := filepath.EvalSymlinks(file); err == nil {
		file = target
	}
	f, err := os.CreateTemp(filepath.Dir(file), ".users-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // which is gone if all is well
	defer f.Close()
	if old, err := os.Stat(file); err == nil {
		if err := keepOwner(f, old); err != nil {
			return err
		}
		if err := f.Chmod(old.Mode().Perm()); err != nil {
			return err
		}
	}
	if _, err := f.WriteString(text); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil { // before it gets its name, which some systems want
		return err
	}
	return os.Rename(f.Name(), file)
}
