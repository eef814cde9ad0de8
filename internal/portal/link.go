package portal

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"time"

	"github.com/allot-dev/allot/internal/billing"
)

const (
	// LinkLife is for how long a link can be opened.
	LinkLife = 15 * time.Minute

	// sessionLife is for how long, from when the link was made, the session that
	// opened it can read the page.
	sessionLife = time.Hour
)

// Path is where links lead, below the server's URL.
const Path = "/portal/"

// Links makes links to customers' pages and reads them.
type Links struct {
	// Key seals the links: the same on every node, and used for nothing else.
	Key []byte
	// URL is where clients find the server, without a slash at the end.
	URL string
	// Now tells the time.
	Now func() time.Time
	// Random makes the links differ; nobody must be able to guess it.
	Random io.Reader
}

// link is what a link says.
type link struct {
	customer  billing.CustomerID
	made      time.Time // to the second
	name      [16]byte  // of this link alone
	returnURL string    // "" if there is none
}

// New makes a link to the page of a customer. It leads back to returnURL, unless
// that is "".
func (l *Links) New(customer billing.CustomerID, returnURL string) (string, error) {
	made := link{customer: customer, made: l.Now(), returnURL: returnURL}
	if _, err := io.ReadFull(l.Random, made.name[:]); err != nil {
		return "", fmt.Errorf("random bytes for a link: %w", err)
	}
	return l.URL + Path + l.write(made), nil
}

// write is a link as it stands in a URL: its parts, then their seal.
func (l *Links) write(of link) string {
	text := append([]byte(nil), of.customer[:]...)
	text = binary.BigEndian.AppendUint64(text, uint64(of.made.Unix()))
	text = append(text, of.name[:]...)
	text = append(text, of.returnURL...)
	return base64.RawURLEncoding.EncodeToString(append(text, l.seal(text)...))
}

// read reads what write wrote; ok is false of anything else.
func (l *Links) read(s string) (of link, ok bool) {
	const fixed = len(of.customer) + 8 + len(of.name)
	// Strict: no two texts are one link.
	text, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(text) < fixed+sha256.Size {
		return link{}, false
	}
	text, seal := text[:len(text)-sha256.Size], text[len(text)-sha256.Size:]
	if !hmac.Equal(seal, l.seal(text)) {
		return link{}, false
	}
	copy(of.customer[:], text)
	of.made = time.Unix(int64(binary.BigEndian.Uint64(text[len(of.customer):])), 0)
	copy(of.name[:], text[fixed-len(of.name):])
	of.returnURL = string(text[fixed:])
	return of, true
}

func (l *Links) seal(text []byte) []byte {
	mac := hmac.New(sha256.New, l.Key)
	mac.Write(text)
	return mac.Sum(nil)
}
