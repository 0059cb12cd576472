package auth

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"log/slog"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// checkInterval is how long a changed file may go unseen. It is looked at when
// somebody authenticates, and not more often.
const checkInterval = 2 * time.Second

// Users are those in a file, one a line, each with its name, a colon, and its
// [Credentials] as text:
//
//	ann:SCRAM-SHA-256$15000:salt$StoredKey:ServerKey
//
// Empty lines, and those that begin with #, say nothing. [SetUser] writes such a
// line, and it takes an editor to delete one. The file is read again when it
// has changed; who is connected stays so.
//
// Any number of goroutines may use Users.
type Users struct {
	file     string
	logger   *slog.Logger
	interval time.Duration
	scram    *SCRAM
	hashing  chan struct{} // has room for as many as may hash at once
	current  atomic.Pointer[users]

	mu      sync.Mutex
	checked time.Time
	seen    stamp // of the file that was read last, for better or worse
}

// users are what a file had at one time.
type users struct {
	credentials map[string]Credentials
	right       sync.Map // a [sha256.Size]byte of the last right password, by user
}

// stamp is what changes with a file.
type stamp struct {
	modified time.Time
	size     int64
}

// OpenUsers reads a file of users. The error names the file, the line, and what
// was expected. Later, a file with an error leaves the users as they are, and
// logger, or [slog.Default], gets a line, as it does when they change.
func OpenUsers(file string, logger *slog.Logger) (*Users, error) {
	if logger == nil {
		logger = slog.Default()
	}
	u := &Users{
		file:     file,
		logger:   logger,
		interval: checkInterval,
		hashing:  make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2)),
		checked:  time.Now(),
	}
	u.scram = NewSCRAM(u.Lookup, nil)
	u.seen = u.stamp()
	return u, u.load()
}

func (u *Users) load() error {
	all, err := readUsers(u.file)
	if err != nil {
		return err
	}
	now := &users{credentials: make(map[string]Credentials, len(all))}
	for _, e := range all {
		if e.name != "" {
			now.credentials[e.name] = e.credentials
		}
	}
	u.current.Store(now)
	return nil
}

func (u *Users) stamp() stamp {
	info, err := os.Stat(u.file)
	if err != nil {
		return stamp{}
	}
	return stamp{info.ModTime(), info.Size()}
}

// now is the users of this moment. Who finds that another looks at the file does
// not wait for it.
func (u *Users) now() *users {
	if u.mu.TryLock() {
		defer u.mu.Unlock()
		if now := time.Now(); now.Sub(u.checked) >= u.interval {
			u.checked = now
			u.reload()
		}
	}
	return u.current.Load()
}

func (u *Users) reload() {
	seen := u.stamp()
	if seen == u.seen {
		return
	}
	u.seen = seen
	if err := u.load(); err != nil {
		u.logger.Error("users changed, but cannot be used: the former ones stay", "error", err)
		return
	}
	u.logger.Info("users changed", "file", u.file, "users", len(u.current.Load().credentials))
}

// Len is how many users there are.
func (u *Users) Len() int { return len(u.now().credentials) }

// Lookup is for [NewSCRAM], where another secret is wanted than Start has.
func (u *Users) Lookup(_ context.Context, user string) (Credentials, bool) {
	c, known := u.now().credentials[user]
	return c, known
}

// Start begins SCRAM-SHA-256 for these users: see [SCRAM.Start].
func (u *Users) Start(accept func(user string) error) *Exchange { return u.scram.Start(accept) }

// Check says with nil that a user has that password. That takes milliseconds of
// a processor, and one half of those there are at most, at least one: beyond,
// Check waits, until ctx ends. A right password is known again without that, so
// that many who come back at once need not wait.
//
// Nobody learns from the error, nor by the time it takes, whether there is such a
// user.
func (u *Users) Check(ctx context.Context, user, password string) error {
	now := u.now()
	tag := mac(u.scram.secret, "right "+user+"\x00"+password) // no user name has a NUL
	if known, ok := now.right.Load(user); ok {
		if known := known.([sha256.Size]byte); hmac.Equal(known[:], tag[:]) {
			return nil
		}
	}
	want, known := now.credentials[user]
	if !known {
		want = u.scram.stranger(user)
	}
	got, err := u.hash(ctx, password, want)
	if err != nil {
		return err
	}
	if right := subtle.ConstantTimeCompare(got.StoredKey[:], want.StoredKey[:]) == 1; !right || !known {
		return errProof
	}
	now.right.Store(user, tag)
	return nil
}

// hash derives credentials like c, when its turn has come.
func (u *Users) hash(ctx context.Context, password string, c Credentials) (Credentials, error) {
	select {
	case u.hashing <- struct{}{}:
		defer func() { <-u.hashing }()
	case <-ctx.Done():
		return Credentials{}, ctx.Err()
	}
	if err := ctx.Err(); err != nil {
		return Credentials{}, err
	}
	return DeriveCredentials(password, c.Salt, c.Iterations)
}
