package auth

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
)

// DefaultIterations is how often [NewCredentials] hashes a password, as RFC 7677
// advises.
const DefaultIterations = 15000

const (
	leastIterations = 4096 // RFC 7677, section 4
	saltSize        = 16   // bytes
)

// Credentials are what a server keeps of a user: enough to tell that someone
// knows the password, not enough to be that someone. RFC 5802, section 3.
type Credentials struct {
	Salt       []byte
	Iterations int
	StoredKey  [sha256.Size]byte
	ServerKey  [sha256.Size]byte
}

// NewCredentials derives credentials with a random salt and [DefaultIterations].
// It takes milliseconds. The password is used as it stands: SASLprep is up to the
// caller, and changes nothing about ASCII.
func NewCredentials(password string) (Credentials, error) {
	salt := make([]byte, saltSize)
	rand.Read(salt)
	return DeriveCredentials(password, salt, DefaultIterations)
}

// DeriveCredentials derives credentials with this salt, which it keeps. The error
// is that there are fewer than 4096 iterations, or no salt.
func DeriveCredentials(password string, salt []byte, iterations int) (Credentials, error) {
	if iterations < leastIterations || len(salt) == 0 {
		return Credentials{}, fmt.Errorf("auth: %d iterations and %d bytes of salt: expected %d or more, and a salt", iterations, len(salt), leastIterations)
	}
	salted, err := pbkdf2.Key(sha256.New, password, salt, iterations, sha256.Size)
	if err != nil {
		return Credentials{}, fmt.Errorf("auth: %w", err)
	}
	c := Credentials{Salt: salt, Iterations: iterations, ServerKey: mac(salted, "Server Key")}
	clientKey := mac(salted, "Client Key")
	c.StoredKey = sha256.Sum256(clientKey[:])
	return c, nil
}

// mac is HMAC-SHA-256.
func mac(key []byte, text string) (sum [sha256.Size]byte) {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	h.Sum(sum[:0])
	return sum
}
