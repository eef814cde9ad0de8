package signin

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"github.com/allot-dev/allot/internal/billing"
)

// argon2id as OWASP recommends it: 19 MiB, two passes, one thread.
const (
	argonMemory  = 19 * 1024 // KiB
	argonTime    = 2
	argonThreads = 1
	saltBytes    = 16
	hashBytes    = 32

	// What a stored hash may ask for, so that a row that somebody made cannot take the
	// memory of the server.
	maxArgonMemory = 256 * 1024
	maxArgonTime   = 10
	maxThreads     = 8
)

// The length of passwords: in characters at least, and in bytes at most.
const (
	MinPassword = 12
	maxPassword = 1024
)

// hashesAtOnce bounds the memory that hashing takes, however many ask for it; who waits
// longer than hashWait is sent away.
const (
	hashesAtOnce = 2
	hashWait     = 5 * time.Second
)

// checkPassword refuses a password that is no good as one.
func checkPassword(name, password string) error {
	switch {
	case !utf8.ValidString(password) || len(password) > maxPassword:
		return billing.Invalid.Errorf("PASSWORD_INVALID", "password: want text of at most %d bytes", maxPassword)
	case utf8.RuneCountInString(password) < MinPassword:
		return billing.Invalid.Errorf("PASSWORD_INVALID", "password: want at least %d characters; a few words are easy to keep in mind", MinPassword)
	case strings.ReplaceAll(strings.ToLower(password), name, "") == "", strings.Trim(password, string([]rune(password)[0])) == "":
		return billing.Invalid.Errorf("PASSWORD_INVALID", "password: want one that is not just your name, or one character, again and again")
	}
	return nil
}

// hasher hashes passwords, a few at once.
type hasher struct{ slots chan struct{} }

func newHasher() *hasher { return &hasher{make(chan struct{}, hashesAtOnce)} }

// run has do run when it is its turn.
func (h *hasher) run(ctx context.Context, do func() error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, hashWait, billing.Unavailable.Errorf("SIGN_IN_BUSY", "too many are signing in: try again in a moment"))
	defer cancel()
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
		return do()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// hash is a password's in PHC form.
func (h *hasher) hash(ctx context.Context, password string) (phc string, err error) {
	salt := make([]byte, saltBytes)
	rand.Read(salt)
	err = h.run(ctx, func() error {
		key := argon2.IDKey([]byte(password), salt, argonTime, argonMemory, argonThreads, hashBytes)
		phc = phcOf(argonMemory, argonTime, argonThreads, salt, key)
		return nil
	})
	return phc, err
}

func phcOf(memory, passes uint32, threads uint8, salt, key []byte) string {
	encode := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, memory, passes, threads, encode(salt), encode(key))
}

// nobodys is the hash of no password, for whom none is kept: it takes as long to find a
// password wrong by it as by another.
var nobodys = phcOf(argonMemory, argonTime, argonThreads, make([]byte, saltBytes), make([]byte, hashBytes))

// matches reports whether a password is the one of a hash in PHC form; "" is nobody's. It is
// to be run by [hasher.run].
func matches(phc, password string) (bool, error) {
	somebodys := phc != ""
	if !somebodys {
		phc = nobodys
	}
	var version int
	var memory, passes uint32
	var threads uint8
	parts := strings.Split(phc, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" {
		return false, errHash
	}
	if _, err := fmt.Sscanf(parts[2]+" "+parts[3], "v=%d m=%d,t=%d,p=%d", &version, &memory, &passes, &threads); err != nil || version != argon2.Version ||
		memory > maxArgonMemory || passes < 1 || passes > maxArgonTime || threads < 1 || threads > maxThreads {
		return false, errHash
	}
	salt, err := base64.RawStdEncoding.DecodeString(parts[4])
	want, err2 := base64.RawStdEncoding.DecodeString(parts[5])
	if err != nil || err2 != nil || len(want) != hashBytes {
		return false, errHash
	}
	got := argon2.IDKey([]byte(password), salt, passes, memory, threads, hashBytes)
	return subtle.ConstantTimeCompare(got, want) == 1 && somebodys, nil
}

// errHash is a stored hash that was not made here.
var errHash = billing.Internal.Errorf("PASSWORD_HASH", "a stored hash of a password cannot be read: allot admin reset makes a new one")
