package auth

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

var errCredentials = errors.New("auth: expected SCRAM-SHA-256$ITERATIONS:SALT$STOREDKEY:SERVERKEY, the last three in base64")

// MarshalText gives the form that databases keep SCRAM credentials in:
//
//	SCRAM-SHA-256$15000:salt$StoredKey:ServerKey
//
// with salt and keys in base64. There is no error.
func (c Credentials) MarshalText() ([]byte, error) {
	text := base64.StdEncoding.EncodeToString
	return fmt.Appendf(nil, "%s$%d:%s$%s:%s", ScramSHA256, c.Iterations, text(c.Salt), text(c.StoredKey[:]), text(c.ServerKey[:])), nil
}

// UnmarshalText reads what MarshalText gives. Its error says what is expected,
// and nothing of text.
func (c *Credentials) UnmarshalText(text []byte) error {
	fields := strings.Split(string(text), "$")
	if len(fields) != 3 || fields[0] != ScramSHA256 {
		return errCredentials
	}
	count, salt, colon := strings.Cut(fields[1], ":")
	stored, server, colon2 := strings.Cut(fields[2], ":")
	var (
		x          Credentials
		err, wrong error
	)
	decode := func(s string) []byte {
		b, err := base64.StdEncoding.Strict().DecodeString(s)
		wrong = errors.Join(wrong, err)
		return b
	}
	x.Salt = decode(salt)
	n := copy(x.StoredKey[:], decode(stored)) + copy(x.ServerKey[:], decode(server))
	x.Iterations, err = strconv.Atoi(count)
	switch {
	case !colon, !colon2, wrong != nil, err != nil, n != 2*sha256.Size, len(server) != len(stored):
		return errCredentials
	case x.Iterations < leastIterations || len(x.Salt) == 0:
		return fmt.Errorf("auth: %d iterations and %d bytes of salt: expected %d or more, and a salt", x.Iterations, len(x.Salt), leastIterations)
	}
	*c = x
	return nil
}
