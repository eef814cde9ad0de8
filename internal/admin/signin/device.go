package signin

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

// Failed attempts are counted by address, and all callers behind one proxy share theirs: there
// whoever guesses would keep everybody out. So a browser with which somebody has signed in by
// their password is marked, for that name, and its attempts are counted by the mark instead.
// Who steals one may guess as often as from one more address.

// markBytes is how long the random part of a mark is.
const markBytes = 16

// NewMark is a mark for a browser with which somebody has signed in; "" if none is given.
func (a *Accounts) NewMark(name string) string {
	if a.key == nil {
		return ""
	}
	nonce := make([]byte, markBytes)
	rand.Read(nonce)
	encode := base64.RawURLEncoding.EncodeToString
	return encode(nonce) + "." + encode(a.sealOf(nonce, name))
}

func (a *Accounts) sealOf(nonce []byte, name string) []byte {
	mac := hmac.New(sha256.New, a.key)
	mac.Write(nonce)
	mac.Write([]byte(name))
	return mac.Sum(nil)
}

// origin is what attempts of a caller at a name are counted by: the mark of their browser, if
// it is one for the name, else their address.
func (a *Accounts) origin(by Caller, name string) string {
	first, second, ok := strings.Cut(by.Mark, ".")
	nonce, err := base64.RawURLEncoding.DecodeString(first)
	seal, err2 := base64.RawURLEncoding.DecodeString(second)
	if a.key == nil || !ok || err != nil || err2 != nil || len(nonce) != markBytes || !hmac.Equal(seal, a.sealOf(nonce, name)) {
		return by.Address
	}
	return "mark " + first
}
