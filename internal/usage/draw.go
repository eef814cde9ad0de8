package usage

import (
	"strconv"
	"strings"
	"time"

	"github.com/allot-dev/allot/internal/billing"
)

// SourceID names what usage of a metered feature is drawn from, within one customer and
// feature: [billing.OwnSource], or the ID of a [billing.CreditSource]. Some names are of
// sums that nothing is drawn from: see [SourceID.IsSum].
type SourceID string

// The beginnings of names of windows are followed by the start and the end in microseconds,
// with a slash between them; an empty one is none.
const (
	elsewherePrefix = "elsewhere/"
	paysPrefix      = "pays/"
	usesPrefix      = "uses/"
)

// ElsewhereSum is the sum of the draws of records that count in a window: what of the
// window's usage its allowance has not paid. Payments of debts are left out: they
// change no usage. See [Elsewhere].
func ElsewhereSum(w billing.Window) SourceID { return elsewherePrefix + writeWindow(w) }

// PaysSum is the sum of what was paid of the debt of a grant.
func PaysSum(grant SourceID) SourceID { return paysPrefix + grant }

// UsesSum is the running total of the uses of a burning feature, whose sum this is, in a
// window of its own, at a rate as it is written. Each record that was priced at it has a
// draw of this name beside those on sources, of its units.
func UsesSum(w billing.Window, rate string) SourceID {
	return usesPrefix + writeWindow(w) + SourceID("/"+rate)
}

// IsSum reports whether nothing is drawn from it: it is the name of a sum of another kind.
func (s SourceID) IsSum() bool {
	for _, prefix := range []string{elsewherePrefix, paysPrefix, usesPrefix} {
		if strings.HasPrefix(string(s), prefix) {
			return true
		}
	}
	return false
}

// IsUses reports whether it is the running total of uses, by [UsesSum].
func (s SourceID) IsUses() bool { return strings.HasPrefix(string(s), usesPrefix) }

// IsPays reports whether it is what was paid of a debt, by [PaysSum].
func (s SourceID) IsPays() bool { return strings.HasPrefix(string(s), paysPrefix) }

// Elsewhere is the window of which it is the sum, by [ElsewhereSum].
func (s SourceID) Elsewhere() (w billing.Window, ok bool) { return readWindow(s, elsewherePrefix) }

// Paid is the grant of which it is the sum, by [PaysSum].
func (s SourceID) Paid() (grant SourceID, ok bool) {
	rest, ok := strings.CutPrefix(string(s), paysPrefix)
	return SourceID(rest), ok
}

func writeWindow(w billing.Window) SourceID {
	write := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return strconv.FormatInt(t.UnixMicro(), 10)
	}
	return SourceID(write(w.Start) + "/" + write(w.End))
}

func readWindow(s SourceID, prefix string) (w billing.Window, ok bool) {
	rest, ok := strings.CutPrefix(string(s), prefix)
	from, to, found := strings.Cut(rest, "/")
	if !ok || !found {
		return billing.Window{}, false
	}
	for _, bound := range []struct {
		text string
		into *time.Time
	}{{from, &w.Start}, {to, &w.End}} {
		if bound.text == "" {
			continue
		}
		us, err := strconv.ParseInt(bound.text, 10, 64)
		if err != nil {
			return billing.Window{}, false
		}
		*bound.into = time.UnixMicro(us).UTC()
	}
	return w, writeWindow(w) == SourceID(rest)
}

// Draw is what a record takes from a source.
type Draw struct {
	Source SourceID
	Units  billing.Units // not 0; below it, given back
}

// Drawn is a draw as it is kept.
type Drawn struct {
	Draw
	Record    string // its id
	CountedOn time.Time
	// RecordedOn is when the record was recorded.
	RecordedOn time.Time
	// Pays is the grant whose debt is paid; "" of what was used.
	Pays SourceID
}

// SourceSum is what is drawn of a source, or a sum of another kind: see
// [SourceID.IsSum]. It is a sum of the log as a [Counter] is. Where there is none, the
// draws are to be summed: it says nothing.
type SourceSum struct {
	CustomerID billing.CustomerID
	Feature    billing.Code
	Source     SourceID
	Drawn      billing.Units
}

// DrawnSum is a sum of draws on one source that are for the same.
type DrawnSum struct {
	Source SourceID
	Pays   SourceID // as that of [Drawn]
	Units  billing.Units
}

// SumsOf are the sums of all kinds, by their names, but for those of windows, which
// [Elsewhere] is for: of all draws of a pool, each is what [SourceSum] should say.
func SumsOf(draws []DrawnSum) map[SourceID]billing.Units {
	sums := make(map[SourceID]billing.Units, len(draws))
	for _, d := range draws {
		sums[d.Source] = sums[d.Source].Plus(d.Units)
		if d.Pays != "" {
			sums[PaysSum(d.Pays)] = sums[PaysSum(d.Pays)].Plus(d.Units)
		}
	}
	return sums
}

// Elsewhere is, of the draws of the records that count in a window, the sum that
// [ElsewhereSum] names. What a payment takes of the window's own allowance is taken off, as
// if it had been used.
func Elsewhere(draws []DrawnSum) (sum billing.Units) {
	for _, d := range draws {
		own := d.Source == billing.OwnSource
		switch {
		case d.Source.IsUses():
		case own && d.Pays != "":
			sum = sum.Plus(-d.Units)
		case !own && d.Pays == "":
			sum = sum.Plus(d.Units)
		}
	}
	return sum
}
