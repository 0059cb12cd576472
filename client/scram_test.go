package client

import (
	"errors"
	"strings"
	"testing"
)

// The example of RFC 7677, section 3.
const (
	exampleNonce  = "rOprNGfwEbeRWgbNEkqO"
	exampleFirst  = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
	exampleAnswer = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
	exampleFinal  = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
)

// example has begun an exchange with the nonce of the example.
func example(t *testing.T, s *scram) *scram {
	t.Helper()
	if data, err := s.Start(); err != nil || string(data) != "n,,n=user,r="+s.nonce || len(s.nonce) < 20 {
		t.Fatalf("%s, %v", data, err)
	}
	s.nonce = exampleNonce
	return s
}

func pencil() *scram { return ScramSHA256("user", "pencil").(*scram) }

// One value serves connection after connection, wherever the last one ended.
func TestScramExampleOfRFC7677(t *testing.T) {
	s := pencil()
	if s.Method() != "SCRAM-SHA-256" {
		t.Error(s.Method())
	}
	for range 2 {
		example(t, s)
		if answer, err := s.Continue([]byte(exampleFirst)); err != nil || string(answer) != exampleAnswer {
			t.Fatalf("%s, %v", answer, err)
		}
		if err := s.Finish([]byte(exampleFinal)); err != nil {
			t.Fatal(err)
		}
		if err := s.Finish([]byte(exampleFinal)); !errors.Is(err, errScramUnproved) {
			t.Errorf("a second end: %v", err)
		}
		example(t, s) // is cut off behind the challenge, with another salt
		if _, err := s.Continue([]byte(strings.Replace(exampleFirst, "W22Z", "X22Z", 1))); err != nil {
			t.Fatal(err)
		}
	}
	first := s.nonce
	if _, err := s.Start(); err != nil || s.nonce == first {
		t.Errorf("the nonce is %q again, %v", s.nonce, err)
	}
	if err := s.Finish([]byte(exampleFinal)); !errors.Is(err, errScramUnproved) {
		t.Errorf("the end of an earlier exchange: %v", err)
	}
}

func TestScramChallengeRefused(t *testing.T) {
	const nonce, salt = "r=" + exampleNonce + "server", ",s=W22ZaJ0SNY7soEsUEjb6gQ=="
	iterations := errors.New("of any text")
	for message, want := range map[string]error{
		"":                                          errScramSyntax,
		"e=other-error":                             errScramSyntax,
		nonce + salt:                                errScramSyntax,
		salt[1:] + "," + nonce + ",i=4096":          errScramSyntax,
		"m=x," + exampleFirst:                       errScramSyntax, // RFC 5802, section 5.1
		nonce + ",s=,i=4096":                        errScramSyntax,
		nonce + ",s=W22Z\n,i=4096":                  errScramSyntax,
		nonce + ",s=W22ZaJ0,i=4096":                 errScramSyntax,
		nonce + "\x00" + salt + ",i=4096":           errScramSyntax,
		"r=" + exampleNonce + salt + ",i=4096":      errScramNonce, // adds nothing
		"r=other" + salt + ",i=4096":                errScramNonce,
		"r=" + salt + ",i=4096":                     errScramNonce,
		nonce + salt + ",i=":                        iterations,
		nonce + salt + ",i=x":                       iterations,
		nonce + salt + ",i=4095":                    iterations,
		nonce + salt + ",i=-5000":                   iterations,
		nonce + salt + ",i=1000001":                 iterations,
		nonce + salt + ",i=4294967296":              iterations,
		nonce + salt + ",i=99999999999999999999999": iterations,
	} {
		s := example(t, pencil())
		answer, err := s.Continue([]byte(message))
		right := errors.Is(err, want)
		if want == iterations {
			right = err != nil && strings.Contains(err.Error(), "expected 4096 to 1000000")
		}
		if !right || answer != nil {
			t.Errorf("%q: %s, %v; want %v", message, answer, err, want)
		}
		if _, err := s.Continue([]byte(exampleFirst)); !errors.Is(err, errScramTurn) {
			t.Errorf("%q: a second try: %v", message, err)
		}
		if err := s.Finish([]byte(exampleFinal)); !errors.Is(err, errScramUnproved) {
			t.Errorf("%q: the end: %v", message, err)
		}
	}
}

func TestScramExtensionsAreIgnored(t *testing.T) {
	s := example(t, pencil())
	if _, err := s.Continue([]byte(exampleFirst + ",x=ü")); err != nil {
		t.Error(err)
	}
	s = example(t, pencil())
	s.Continue([]byte(exampleFirst))
	if err := s.Finish([]byte(exampleFinal + ",x=1")); err != nil {
		t.Error(err)
	}
}

func TestScramServerMustProveItself(t *testing.T) {
	if err := pencil().Finish([]byte(exampleFinal)); !errors.Is(err, errScramUnproved) {
		t.Errorf("before the start: %v", err)
	}
	if err := example(t, pencil()).Finish([]byte(exampleFinal)); !errors.Is(err, errScramUnproved) {
		t.Errorf("before the challenge: %v", err)
	}
	for _, message := range []string{
		"", "v=", "v=AAAA", exampleFinal[2:], "x" + exampleFinal, exampleFinal + "\n", "x=1," + exampleFinal,
		"v=" + strings.Repeat("A", 43) + "=",
		strings.Replace(exampleFinal, "5G4=", "5G5=", 1), // not as base64 ends
	} {
		s := example(t, pencil())
		s.Continue([]byte(exampleFirst))
		if err := s.Finish([]byte(message)); !errors.Is(err, errScramUnproved) {
			t.Errorf("%q: %v", message, err)
		}
		if err := s.Finish([]byte(exampleFinal)); !errors.Is(err, errScramUnproved) {
			t.Errorf("%q: a second try: %v", message, err)
		}
	}
	s := example(t, pencil())
	s.Continue([]byte(exampleFirst))
	if err := s.Finish([]byte("e=unknown-user")); !errors.Is(err, errScramUnproved) || !strings.Contains(err.Error(), "unknown-user") {
		t.Errorf("an error of the server: %v", err)
	}
	s = example(t, pencil())
	s.Continue([]byte(exampleFirst))
	if _, err := s.Continue([]byte(exampleFirst)); !errors.Is(err, errScramTurn) {
		t.Errorf("a second challenge: %v", err)
	}
	if err := s.Finish([]byte(exampleFinal)); !errors.Is(err, errScramUnproved) {
		t.Errorf("behind a second challenge: %v", err)
	}
}

func TestScramTextRefused(t *testing.T) {
	for _, pair := range [][2]string{{"", "x"}, {"a\x00", "x"}, {"a", "x\n"}, {"a", "\x7f"}, {"\xff", "x"}, {"a", "\xc3"}} {
		if data, err := ScramSHA256(pair[0], pair[1]).Start(); !errors.Is(err, errScramText) || data != nil {
			t.Errorf("%q: %s, %v", pair, data, err)
		}
	}
}

// No server but that of the example is believed.
func FuzzScramServer(f *testing.F) {
	f.Add(exampleFirst, exampleFinal)
	f.Add(exampleFirst+",x=1", "e=other-error")
	f.Add("m=1,"+exampleFirst, "x=1,"+exampleFinal)
	f.Fuzz(func(t *testing.T, first, final string) {
		if _, _, iterations, err := challenge(first); err == nil && iterations > 5000 {
			t.Skip("takes too long")
		}
		s := example(t, pencil())
		_, err := s.Continue([]byte(first))
		final, _, _ = strings.Cut(final, ",")
		right := err == nil && first == exampleFirst && final == exampleFinal
		if err := s.Finish([]byte(final)); (err == nil) != right {
			t.Fatal(err)
		}
	})
}
