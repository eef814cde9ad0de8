package oauth

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/allot-dev/allot/internal/auth"
	"github.com/allot-dev/allot/internal/oauth/record"
)

// newSecret is 260 random bits as 52 letters and digits: they mean the same in a
// URL, a form, a shell and a header, which not every client escapes them for.
//
// Kinde: a secret is 40 to 60 letters and digits, or its TypeScript SDK refuses it
func newSecret() (secret string, hash []byte) {
	secret = rand.Text() + rand.Text()
	sum := sha256.Sum256([]byte(secret))
	return secret, sum[:]
}

// A token's id begins with the mark of the secret that it was made with, and a dot:
// so it is known whose end is its own. Ids of tokens from before have no dot.
const markBytes = 8

// markOf is the mark of a secret. Nothing of the secret follows from it.
func markOf(hash []byte) string {
	sum := sha256.Sum256(append([]byte("mark of a secret:"), hash...))
	return hex.EncodeToString(sum[:markBytes])
}

// newTokenID is the id of a token that is made with a secret.
func newTokenID(mark string) string { return mark + "." + rand.Text() }

// outlasting are the old secrets with which tokens may have been made that have not
// ended.
func outlasting(old []record.OldSecret, now time.Time) []record.OldSecret {
	return slices.DeleteFunc(slices.Clone(old), func(o record.OldSecret) bool {
		return !now.Before(o.Until.Add(MaxTokenLife))
	})
}

// standing is a client as the copy has it.
type standing struct {
	record.Client
	marks []string // of its secret, and of the old ones
}

func newStanding(c record.Client) standing {
	s := standing{c, []string{markOf(c.SecretHash)}}
	for _, o := range c.OldSecrets {
		s.marks = append(s.marks, markOf(o.Hash))
	}
	return s
}

// by reports whether a secret is good for the client now, and its mark. Which of
// several it is does not show in the time it takes.
func (s standing) by(hash []byte, now time.Time) (mark string, good bool) {
	if subtle.ConstantTimeCompare(hash, s.SecretHash) == 1 {
		good = true
	}
	for _, o := range s.OldSecrets {
		if subtle.ConstantTimeCompare(hash, o.Hash) == 1 && now.Before(o.Until) {
			good = true
		}
	}
	if !good {
		return "", false
	}
	return markOf(hash), true
}

// made reports whether a token was made with a secret that is good, or was replaced
// with an overlap.
func (s standing) made(from auth.Origin) bool {
	mark, _, marked := strings.Cut(from.ID, ".")
	if marked {
		return slices.Contains(s.marks, mark)
	}
	// Whole seconds, as tokens have them: one of the same second goes too.
	return s.TokensFrom.IsZero() || from.IssuedOn.After(s.TokensFrom)
}
