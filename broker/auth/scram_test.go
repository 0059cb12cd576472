package auth

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
)

func derive(t testing.TB, password, salt string, iterations int) Credentials {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(salt)
	if err != nil {
		t.Fatal(err)
	}
	c, err := DeriveCredentials(password, raw, iterations)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// The example of RFC 7677, section 3.
const (
	vectorFirst       = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
	vectorNonce       = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
	vectorServerFirst = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
	vectorClaim       = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
	vectorProof       = ",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
	vectorServerFinal = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
)

// vector is an exchange that has the nonce of the example.
func vector(t testing.TB, accept func(string) error) *Exchange {
	return vectorOf(derive(t, "pencil", "W22ZaJ0SNY7soEsUEjb6gQ==", 4096), accept)
}

func vectorOf(c Credentials, accept func(string) error) *Exchange {
	x := NewSCRAM(func(_ context.Context, user string) (Credentials, bool) { return c, user == "user" }, nil).Start(accept)
	x.nonce = vectorNonce
	return x
}

func TestExampleOfRFC7677(t *testing.T) {
	var user string
	x := vector(t, func(u string) error { user = u; return nil })
	reply, done, err := x.Step(t.Context(), []byte(vectorFirst))
	if string(reply) != vectorServerFirst || done || err != nil {
		t.Fatalf("%s, %v, %v", reply, done, err)
	}
	reply, done, err = x.Step(t.Context(), []byte(vectorClaim+vectorProof))
	if string(reply) != vectorServerFinal || !done || err != nil {
		t.Fatalf("%s, %v, %v", reply, done, err)
	}
	if user != "user" {
		t.Errorf("user %q", user)
	}
	if _, _, err := x.Step(t.Context(), []byte(vectorClaim+vectorProof)); !errors.Is(err, errAgain) {
		t.Errorf("a step behind the last: %v", err)
	}
}

func TestFirstMessageRefused(t *testing.T) {
	for message, want := range map[string]error{
		"":                              errSyntax,
		"n,,":                           errSyntax,
		"n":                             errSyntax,
		"x,,n=user,r=abc":               errSyntax,
		"n,,n=,r=abc":                   errSyntax,
		"n,,n=user,r=":                  errSyntax,
		"n,,n=user,r=a\x7f":             errSyntax,
		"n,,n=us=er,r=abc":              errSyntax,
		"n,,n=us=3der,r=abc":            errSyntax,
		"n,,m=x,n=user,r=abc":           errSyntax,
		"p=tls-unique,,n=user,r=abc":    errBinding,
		"n,a=somebody else,n=user,r=ab": errProof,
	} {
		x := vector(t, nil)
		if reply, _, err := x.Step(t.Context(), []byte(message)); !errors.Is(err, want) || reply != nil {
			t.Errorf("%q: %s, %v", message, reply, err)
		}
		if _, _, err := x.Step(t.Context(), []byte(vectorFirst)); !errors.Is(err, errAgain) {
			t.Errorf("%q: a second try: %v", message, err)
		}
	}
}

func TestFinalMessageRefused(t *testing.T) {
	for message, want := range map[string]error{
		"":          errSyntax,
		vectorClaim: errSyntax,
		vectorClaim + ",p=" + strings.Repeat("A", 43) + "=":             errProof,
		vectorClaim + vectorProof + "\n":                                errSyntax,
		vectorClaim + ",p=AAAA":                                         errSyntax,
		vectorClaim + ",x=1" + vectorProof:                              errProof, // what is signed is not what is said
		strings.Replace(vectorClaim, "biws", "eSws", 1) + vectorProof:   errProof, // y,,
		strings.Replace(vectorClaim, "r=rOpr", "r=x", 1) + vectorProof:  errProof,
		strings.Replace(vectorClaim, "$k0", "", 1) + vectorProof:        errProof,
		"c=biws" + vectorProof:                                          errSyntax,
		vectorClaim + strings.Replace(vectorProof, "ndVQ=", "ndVR=", 1): errSyntax, // not as base64 ends
	} {
		x := vector(t, nil)
		x.Step(t.Context(), []byte(vectorFirst))
		if reply, done, err := x.Step(t.Context(), []byte(message)); !errors.Is(err, want) || reply != nil || done {
			t.Errorf("%q: %s, %v, %v", message, reply, done, err)
		}
	}
}

func TestAcceptMayRefuse(t *testing.T) {
	other := errors.New("other")
	x := vector(t, func(string) error { return other })
	x.Step(t.Context(), []byte(vectorFirst))
	if reply, done, err := x.Step(t.Context(), []byte(vectorClaim+vectorProof)); !errors.Is(err, other) || reply != nil || done {
		t.Errorf("%s, %v, %v", reply, done, err)
	}
}

// A stranger has one salt as long as the secret is the same, of the size of a
// user's, and no other end than a wrong password.
func TestStrangersLookLikeUsers(t *testing.T) {
	c, err := NewCredentials("secret")
	if err != nil {
		t.Fatal(err)
	}
	lookup := func(_ context.Context, user string) (Credentials, bool) { return c, user == "known" }
	first := func(s *SCRAM, user string) (salt, iterations string) {
		x := s.Start(nil)
		reply, _, err := x.Step(t.Context(), []byte("n,,n="+user+",r=abc"))
		if err != nil {
			t.Fatal(err)
		}
		fields := strings.Split(string(reply), ",")
		_, _, err = x.Step(t.Context(), []byte("c=biws,"+fields[0]+",p="+strings.Repeat("A", 43)+"="))
		if !errors.Is(err, errProof) {
			t.Errorf("%s: %v", user, err)
		}
		return fields[1], fields[2]
	}
	secret := []byte("0123456789abcdef0123456789abcdef")
	known, iterations := first(NewSCRAM(lookup, secret), "known")
	one, same := first(NewSCRAM(lookup, secret), "stranger")
	again, _ := first(NewSCRAM(lookup, secret), "stranger")
	another, _ := first(NewSCRAM(lookup, secret), "another")
	elsewhere, _ := first(NewSCRAM(lookup, nil), "stranger")
	if len(one) != len(known) || same != iterations || one != again || one == another || one == elsewhere {
		t.Errorf("known %s %s, stranger %s %s, %s, another %s, other secret %s", known, iterations, one, same, again, another, elsewhere)
	}
}

func TestUserNamesAreUnescaped(t *testing.T) {
	for name, want := range map[string]string{"a=2Cb=3Dc": "a,b=c", "ü": "ü", "=3D2C": "=2C"} {
		var got string
		s := NewSCRAM(func(_ context.Context, user string) (Credentials, bool) { got = user; return Credentials{}, false }, nil)
		if _, _, err := s.Start(nil).Step(t.Context(), []byte("n,,n="+name+",r=abc")); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", name, got, err, want)
		}
	}
}

func TestDeriveCredentialsErrors(t *testing.T) {
	if _, err := DeriveCredentials("x", []byte("salt"), 4095); err == nil {
		t.Error("4095 iterations")
	}
	if _, err := DeriveCredentials("x", nil, 4096); err == nil {
		t.Error("no salt")
	}
}

// Nothing but the two messages of the example ends that exchange well.
func FuzzStep(f *testing.F) {
	f.Add(vectorFirst, vectorClaim+vectorProof)
	f.Add("y,a=user,n=user,r=abc,x=1", "c=biws,r=abc,x=1,p=AAAA")
	f.Add("p=tls-exporter,,n=a=2Cb,r=abc", "")
	c := derive(f, "pencil", "W22ZaJ0SNY7soEsUEjb6gQ==", 4096)
	f.Fuzz(func(t *testing.T, first, final string) {
		x := vectorOf(c, nil)
		if _, done, err := x.Step(t.Context(), []byte(first)); done || err != nil {
			if done {
				t.Fatal("done without a proof")
			}
			return
		}
		_, done, err := x.Step(t.Context(), []byte(final))
		if known := first == vectorFirst && final == vectorClaim+vectorProof; done != known || (err == nil) != known {
			t.Fatalf("%v, %v", done, err)
		}
	})
}
