package feed

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"time"
)

// Place is a place of the feed with what its hash is of. What it names may be of any
// kind, so it is kept as the texts that are stored.
type Place struct {
	Entry
	PlacedOn time.Time // a repair of the clock moves it: the hash is not of it
	Hash     string    // "" until it has one

	// What is stored of the change or event that the place names.
	Found         bool  // it is there
	Own           int64 // the place that it says it has; 0 is none
	On            time.Time
	By, Kind      string
	Before, After string // of an event After are its facts, and Before is ""
	Features      string // of an event
}

// chainForm stands before what is hashed. Another form of it gets another number.
const chainForm = "allot feed 1"

// Sum is the hash of the place, given that of the place before ("" of the first): the
// SHA-256, in 64 hexadecimal digits, of these texts, each with its length in bytes and a
// colon before it and a comma behind it: the name of the form, the hash before, the place, the scope, the revision, the cause, the instant, who did it, the kind,
// what was before, what is after, and the features. Numbers are decimal, instants are
// microseconds since 1970.
func (p *Place) Sum(before string) string {
	var buf []byte
	for _, text := range [...]string{
		chainForm, before, decimal(p.Seq), string(p.Scope), decimal(p.Rev), p.Event,
		decimal(p.On.UnixMicro()), p.By, p.Kind, p.Before, p.After, p.Features,
	} {
		buf = append(strconv.AppendInt(buf, int64(len(text)), 10), ':')
		buf = append(append(buf, text...), ',')
	}
	sum := sha256.Sum256(buf)
	return hex.EncodeToString(sum[:])
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }
