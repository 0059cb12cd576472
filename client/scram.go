package client

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// How often a server may have a password hashed.
const (
	leastIterations = 4096      // RFC 7677, section 4
	mostIterations  = 1_000_000 // half a second of a processor
)

var (
	errScramText     = errors.New("SCRAM-SHA-256: user name and password: expected UTF-8 without control characters, and a user name that is not empty")
	errScramSyntax   = errors.New("SCRAM-SHA-256: not a message of SCRAM")
	errScramTurn     = errors.New("SCRAM-SHA-256: a message out of turn")
	errScramNonce    = errors.New("SCRAM-SHA-256: not an answer to this nonce")
	errScramUnproved = errors.New("SCRAM-SHA-256: the server has not proved that it knows the user")
)

// ScramSHA256 is SCRAM-SHA-256 of RFC 7677, without channel binding: the server
// never sees the password, and has to prove that it knows the user. A server that
// asks for fewer than 4096 or more than 1 000 000 iterations is refused: the most
// take half a second.
//
// A user name that is empty, and control characters or bytes that are not UTF-8 in
// user name or password, are an error of Start. All else is used as it stands:
// SASLprep is up to the caller, and changes nothing about ASCII.
func ScramSHA256(username, password string) Authentication {
	return &scram{username: username, password: password}
}

type scram struct {
	username, password string

	// the exchange
	nonce  string             // empty but when the server's first message is to come
	verify *[sha256.Size]byte // the server's signature, nil but when it is to come

	// the last password hashed: most servers have one salt for a user
	salt       string
	iterations int
	salted     []byte
}

func (s *scram) Method() string { return "SCRAM-SHA-256" }

// Start gives client-first-message.
func (s *scram) Start() ([]byte, error) {
	s.nonce, s.verify = "", nil
	if s.username == "" || !prepared(s.username) || !prepared(s.password) {
		return nil, errScramText
	}
	s.nonce = rand.Text()
	return []byte("n,," + s.bare()), nil
}

// bare is client-first-message-bare.
func (s *scram) bare() string {
	return "n=" + strings.NewReplacer("=", "=3D", ",", "=2C").Replace(s.username) + ",r=" + s.nonce
}

// Continue takes server-first-message and gives client-final-message.
func (s *scram) Continue(data []byte) ([]byte, error) {
	first, bare, own := string(data), s.bare(), s.nonce
	s.nonce, s.verify = "", nil
	if own == "" {
		return nil, errScramTurn
	}
	nonce, salt, iterations, err := challenge(first)
	if err != nil {
		return nil, err
	}
	if !strings.HasPrefix(nonce, own) || len(nonce) == len(own) {
		return nil, errScramNonce
	}
	if err := s.hash(salt, iterations); err != nil {
		return nil, err
	}
	final := "c=biws,r=" + nonce // biws is n,,
	signed := bare + "," + first + "," + final
	key := mac(s.salted, "Client Key")
	stored := sha256.Sum256(key[:])
	signature := mac(stored[:], signed)
	subtle.XORBytes(key[:], key[:], signature[:])
	server := mac(s.salted, "Server Key")
	verify := mac(server[:], signed)
	s.verify = &verify
	return []byte(final + ",p=" + base64.StdEncoding.EncodeToString(key[:])), nil
}

// Finish takes server-final-message.
func (s *scram) Finish(data []byte) error {
	verify := s.verify
	s.nonce, s.verify = "", nil
	if verify == nil {
		return errScramUnproved
	}
	message, _, _ := strings.Cut(string(data), ",") // extensions follow
	if reason, failed := strings.CutPrefix(message, "e="); failed {
		return fmt.Errorf("%w: %.40q", errScramUnproved, reason)
	}
	text, v := strings.CutPrefix(message, "v=")
	signature, err := strictBase64(text)
	if !v || err != nil || subtle.ConstantTimeCompare(signature, verify[:]) != 1 {
		return errScramUnproved
	}
	return nil
}

// hash sets salted to SaltedPassword.
func (s *scram) hash(salt []byte, iterations int) (err error) {
	if s.salt == string(salt) && s.iterations == iterations {
		return nil
	}
	salted, err := pbkdf2.Key(sha256.New, s.password, salt, iterations, sha256.Size)
	if err != nil {
		return fmt.Errorf("SCRAM-SHA-256: %w", err)
	}
	s.salt, s.iterations, s.salted = string(salt), iterations, salted
	return nil
}

// challenge reads server-first-message. Extensions behind the iterations are of no
// matter; one before all else, m=, must be understood and is not.
func challenge(message string) (nonce string, salt []byte, iterations int, err error) {
	fields := strings.Split(message, ",")
	if len(fields) < 3 {
		return "", nil, 0, errScramSyntax
	}
	nonce, r := strings.CutPrefix(fields[0], "r=")
	text, s := strings.CutPrefix(fields[1], "s=")
	count, i := strings.CutPrefix(fields[2], "i=")
	salt, err = strictBase64(text)
	if !r || !s || !i || err != nil || len(salt) == 0 || !printable(nonce) {
		return "", nil, 0, errScramSyntax
	}
	iterations, err = strconv.Atoi(count)
	if err != nil || iterations < leastIterations || iterations > mostIterations {
		return "", nil, 0, fmt.Errorf("SCRAM-SHA-256: %.20q iterations: expected %d to %d", count, leastIterations, mostIterations)
	}
	return nonce, salt, iterations, nil
}

// prepared is whether SASLprep has no objection to the ASCII in text.
func prepared(text string) bool {
	return utf8.ValidString(text) && strings.IndexFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) < 0
}

func printable(nonce string) bool {
	return strings.IndexFunc(nonce, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
}

// strictBase64 decodes text. The decoder by itself looks past line ends.
func strictBase64(text string) ([]byte, error) {
	if !printable(text) {
		return nil, errScramSyntax
	}
	return base64.StdEncoding.Strict().DecodeString(text)
}

// mac is HMAC-SHA-256.
func mac(key []byte, text string) (sum [sha256.Size]byte) {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	h.Sum(sum[:0])
	return sum
}
