package client

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestAddresses(t *testing.T) {
	for _, test := range []struct{ list, want string }{
		{"mqtt://a", "mqtt://a:1883"},
		{"mqtt://a:1/", "mqtt://a:1"},
		{"tcp://a", "mqtt://a:1883"},
		{"mqtts://a", "mqtts://a:8883"},
		{"ssl://a:1", "mqtts://a:1"},
		{"TLS://a", "mqtts://a:8883"},
		{"ws://a", "ws://a:80/mqtt"},
		{"ws://a/", "ws://a:80/"},
		{"wss://a/x%20y?token=secret", "wss://a:443/x%20y"},
		{"unix:///a/b", "unix:///a/b"},
		{"unix://u:secret@/a", "unix:///a"},
		{"a", "mqtt://a:1883"},
		{"a:1", "mqtt://a:1"},
		{"127.0.0.1", "mqtt://127.0.0.1:1883"},
		{"::1", "mqtt://[::1]:1883"},
		{"[::1]", "mqtt://[::1]:1883"},
		{"[::1]:1", "mqtt://[::1]:1"},
		{"mqtts://[::1]", "mqtts://[::1]:8883"},
		{"fe80::1%eth0", "mqtt://[fe80::1%eth0]:1883"},
		{"mqtt://[fe80::1%25eth0]:1", "mqtt://[fe80::1%eth0]:1"},
		{"mqtt://u:secret@a", "mqtt://a:1883"},
		{"mqtt://a, wss://b ,c:1", "mqtt://a:1883 wss://b:443/mqtt mqtt://c:1"},
	} {
		targets, err := parseAddresses(test.list)
		if err != nil {
			t.Errorf("%q: %v", test.list, err)
			continue
		}
		if got := strings.Trim(fmt.Sprint(targets), "[]"); strings.Trim(test.want, "[]") != got {
			t.Errorf("%q: got %s, want %s", test.list, got, test.want)
		}
	}
}

// An error names the address and what would be right, and no secret in it, however
// wrong the address is.
func TestAddressErrors(t *testing.T) {
	for _, test := range []struct{ list, says string }{
		{"", "empty address: want mqtt://"},
		{"a,,b", "empty address"},
		{"a,", "empty address"},
		{"http://a", `address "…a": unknown scheme "http"`},
		{"mqtt://", `"mqtt://": want mqtt://`},
		{"mqtt://:1883", `"mqtt://…": want mqtt://`},
		{"mqtt://a/b", `"mqtt://a…": only ws, wss and unix have a path`},
		{"mqtt://a?b", `"mqtt://a…": want mqtt://`},
		{"mqtt://a:0", "want a port from 1 to 65535"},
		{"mqtt://a:65536", "want a port from 1 to 65535"},
		{"a:b", `"a…": want mqtt://`},
		{"a b", `"a b": want mqtt://`},
		{"[a:]", `"[a…": want mqtt://`},
		{"unix://relative", `"unix://relative": want`},
		{"unix:///a?secret", "unix:///path"},
		{"://", "want mqtt://"},
		{"ws://a#secret", `"ws://a…": want`},
		{"mqtt://u:secret", `"mqtt://u…": want`},
		{"mqtt://u:%zzsecret@a", `"mqtt://a": want`},
		{"mqtt://u:sec/ret@a", `"mqtt://a": want`},
		{"mqtt://u:1/secret@a", `"mqtt://a": a / or ? in a user name or password is %2F or %3F`},
		{"ws://u:1/secret@a", `"ws://a": a / or ?`},
		{"ws://u:1?secret@a", `"ws://a": a / or ?`},
		{"mqtt://u:1#secret@a", `"mqtt://a": want`},
		{"mqtt://u:secret,secret@a", `"a": a user name stands behind mqtt://`},
		{"u:secret@a", `"a": a user name stands behind mqtt://`},
		{"u:secret@mqtt://a", `unknown scheme "u"`},
	} {
		_, err := parseAddresses(test.list)
		if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), "sec") {
			t.Errorf("%q: got %v, want an ErrInvalid with %s", test.list, err, test.says)
		}
	}
}

func TestCredentials(t *testing.T) {
	for _, test := range []struct{ address, username, password string }{
		{"mqtt://a", "", ""},
		{"mqtt://u@a", "u", ""},
		{"wss://u:p%2C%40%2Fq@a", "u", "p,@/q"},
		{"unix://u:p@/a", "u", "p"},
	} {
		targets, err := parseAddresses(test.address)
		if err != nil {
			t.Fatal(err)
		}
		if u, p := targets[0].credentials(); u != test.username || p != test.password {
			t.Errorf("%s: %q, %q", test.address, u, p)
		}
	}
}

// Section 4.11 leaves to both sides what a Server Reference means.
func TestServerReference(t *testing.T) {
	const web = "wss://u:p@a:1/path?query"
	for _, test := range []struct{ from, reference, want string }{
		{"mqtts://a:1", "b", "mqtts://b:8883"},
		{"mqtt://a:1", "b:2", "mqtt://b:2"},
		{web, "b:2 c", "wss://b:2/path wss://c:443/path"},
		{"a", "[::1]:2 ::1", "mqtt://[::1]:2 mqtt://[::1]:1883"},
	} {
		targets, _ := parseAddresses(test.from)
		others, err := targets[0].other(test.reference)
		if got := fmt.Sprint(others); err != nil || got != "["+test.want+"]" {
			t.Errorf("%s refers to %s: got %s, %v, want %s", test.from, test.reference, got, err, test.want)
		}
		if test.from == web {
			if u, p := others[0].credentials(); u != "u" || p != "p" || others[0].url.RawQuery != "query" {
				t.Errorf("lost: %+v", others[0].url)
			}
		}
	}
	for _, test := range [][2]string{{"a", ""}, {"a", " "}, {"a", "mqtt://b"}, {"a", "b/c"}, {"a", "u@b"}, {"a", "b:0"}, {"a", "b:c"}, {"a", "b?c"}, {"unix:///a", "b"}} {
		targets, _ := parseAddresses(test[0])
		if others, err := targets[0].other(test[1]); !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), "server reference") {
			t.Errorf("%s refers to %q: got %v, %v", test[0], test[1], others, err)
		}
	}
}

// What a target says of itself is an address of the same target.
func FuzzAddresses(f *testing.F) {
	f.Add("mqtt://u:p@a:1,wss://b/c?d")
	f.Add("unix:///a")
	f.Add("[fe80::1%eth0]:1")
	f.Fuzz(func(t *testing.T, list string) {
		targets, err := parseAddresses(list)
		if err != nil {
			if !errors.Is(err, ErrInvalid) || len(targets) > 0 {
				t.Errorf("got %v, %v", targets, err)
			}
			return
		}
		for _, one := range targets {
			if strings.ContainsAny(one.String(), "%,") || one.url.Scheme == "unix" {
				continue // written as people read it, not as a URL
			}
			again, err := parseAddresses(one.String())
			if err != nil || len(again) != 1 || again[0].String() != one.String() {
				t.Errorf("%q: %v, %v", one, again, err)
			}
			one.other(list)
		}
	})
}
