package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
)

// ScramSHA256 is the name of the method that [SCRAM] is.
const ScramSHA256 = "SCRAM-SHA-256"

var (
	errSyntax  = errors.New("auth: not a message of SCRAM")
	errBinding = errors.New("auth: channel binding is not there")
	errAgain   = errors.New("auth: the exchange has ended")
	errProof   = errors.New("auth: wrong password, or unknown user")
)

// Lookup gives the credentials of a user, or false if there is none. It may
// block, until ctx ends.
type Lookup func(ctx context.Context, user string) (Credentials, bool)

// SCRAM is SCRAM-SHA-256 of RFC 7677, the server's side, without channel binding.
// Any number of goroutines may use it.
type SCRAM struct {
	lookup Lookup
	secret []byte
}

// NewSCRAM is SCRAM for the users that lookup knows. For all others there are a
// salt and an end like that of a wrong password, so that nobody learns who
// exists. Their salts come from secret: to have them the same after a restart,
// and at brokers with the same users, give them the same 32 random bytes. Nil is a
// secret that nobody knows. Strangers have [DefaultIterations], and look like
// users who have as many and a salt of 16 bytes.
func NewSCRAM(lookup Lookup, secret []byte) *SCRAM {
	if len(secret) == 0 {
		secret = make([]byte, sha256.Size)
		rand.Read(secret)
	}
	return &SCRAM{lookup: lookup, secret: secret}
}

// Start begins an exchange. If accept is not nil, it is asked about a user who has
// proved to know the password, and may refuse with an error.
func (s *SCRAM) Start(accept func(user string) error) *Exchange {
	return &Exchange{scram: s, accept: accept, nonce: rand.Text(), step: (*Exchange).first}
}

// credentials are those of user, or of nobody: no password leads to them.
func (s *SCRAM) credentials(ctx context.Context, user string) (c Credentials, known bool) {
	if c, known = s.lookup(ctx, user); known {
		return c, true
	}
	return s.stranger(user), false
}

// stranger is the credentials of a user that there is not.
func (s *SCRAM) stranger(user string) Credentials {
	salt := mac(s.secret, "salt "+user)
	return Credentials{
		Salt:       salt[:saltSize],
		Iterations: DefaultIterations,
		StoredKey:  mac(s.secret, "stored "+user),
	}
}

// Exchange is one authentication. One goroutine at a time may use it.
type Exchange struct {
	scram  *SCRAM
	accept func(user string) error
	nonce  string // the server's part of it, then all
	step   func(x *Exchange, ctx context.Context, message string) (reply string, done bool, err error)

	user        string
	known       bool
	credentials Credentials
	binding     string // what c= is to be
	firsts      string // client-first-message-bare and server-first-message
}

// Step takes a message of the client and gives that of the server. It is done
// when the client has proved that it knows the password; the reply then proves to
// the client that the server knows its credentials. Any error is the end.
func (x *Exchange) Step(ctx context.Context, data []byte) (reply []byte, done bool, err error) {
	step := x.step
	x.step = (*Exchange).ended
	text, done, err := step(x, ctx, string(data))
	if err != nil {
		return nil, false, err
	}
	return []byte(text), done, nil
}

func (x *Exchange) ended(context.Context, string) (string, bool, error) { return "", false, errAgain }

// first takes client-first-message: who, and a nonce.
func (x *Exchange) first(ctx context.Context, message string) (string, bool, error) {
	flag, rest, _ := strings.Cut(message, ",")
	identity, bare, ok := strings.Cut(rest, ",")
	switch {
	case !ok:
		return "", false, errSyntax
	case strings.HasPrefix(flag, "p="):
		return "", false, errBinding
	case flag != "n" && flag != "y":
		return "", false, errSyntax
	}
	fields := strings.Split(bare, ",")
	if len(fields) < 2 {
		return "", false, errSyntax // RFC 5802, section 5.1: so is m=, which is not n=
	}
	name, named := strings.CutPrefix(fields[0], "n=")
	nonce, fresh := strings.CutPrefix(fields[1], "r=")
	user, ok := unescape(name)
	if !named || !fresh || !ok || user == "" || nonce == "" || !printable(nonce) {
		return "", false, errSyntax
	}
	if identity != "" && identity != "a="+name {
		return "", false, errProof // nobody may act for another
	}
	x.user, x.nonce = user, nonce+x.nonce
	x.credentials, x.known = x.scram.credentials(ctx, user)
	x.binding = base64.StdEncoding.EncodeToString([]byte(flag + "," + identity + ","))
	reply := "r=" + x.nonce + ",s=" + base64.StdEncoding.EncodeToString(x.credentials.Salt) + ",i=" + strconv.Itoa(x.credentials.Iterations)
	x.firsts = bare + "," + reply
	x.step = (*Exchange).final
	return reply, false, nil
}

// final takes client-final-message: the proof.
func (x *Exchange) final(_ context.Context, message string) (string, bool, error) {
	at := strings.LastIndex(message, ",p=")
	if at < 0 {
		return "", false, errSyntax
	}
	claim := message[:at]
	text := message[at+len(",p="):]
	proof, err := base64.StdEncoding.Strict().DecodeString(text) // which looks past line ends
	fields := strings.Split(claim, ",")
	if err != nil || len(proof) != sha256.Size || strings.ContainsAny(text, "\r\n") || len(fields) < 2 {
		return "", false, errSyntax
	}
	if fields[0] != "c="+x.binding || fields[1] != "r="+x.nonce {
		return "", false, errProof
	}
	signed := x.firsts + "," + claim
	signature := mac(x.credentials.StoredKey[:], signed)
	subtle.XORBytes(proof, proof, signature[:])
	key := sha256.Sum256(proof)
	if right := subtle.ConstantTimeCompare(key[:], x.credentials.StoredKey[:]) == 1; !right || !x.known {
		return "", false, errProof
	}
	if x.accept != nil {
		if err := x.accept(x.user); err != nil {
			return "", false, err
		}
	}
	verifier := mac(x.credentials.ServerKey[:], signed)
	return "v=" + base64.StdEncoding.EncodeToString(verifier[:]), true, nil
}

// unescape reads saslname: a comma is =2C, an equals sign =3D.
func unescape(name string) (string, bool) {
	clean := strings.NewReplacer("=2C", "", "=3D", "").Replace(name)
	return strings.NewReplacer("=2C", ",", "=3D", "=").Replace(name), !strings.Contains(clean, "=")
}

func printable(nonce string) bool {
	return strings.IndexFunc(nonce, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
}
