package billing

import (
	"fmt"
	"slices"
	"time"
)

// givenSources are the grants that plans and add-ons give, by their items, up to an
// instant. They are not stored: they follow from the agreements. The same plan held
// without a gap is one, whatever its versions.
func (s *Snapshot) givenSources(feature *Feature, to time.Time) []CreditSource {
	var out []CreditSource
	had := make(map[Code]bool) // of plans, what they give at the start of the first one ever
	for _, i := range s.byStart() {
		a := &s.Agreements[i]
		if a.StartsOn.After(to) || !a.ExpiresOn.IsZero() && !a.ExpiresOn.After(a.StartsOn) {
			continue
		}
		terms := s.Terms(a)
		j := terms.Find(feature.Code)
		if j < 0 || len(terms.Items[j].Grants) == 0 {
			continue
		}
		item := &terms.Items[j]
		for line := range item.Grants {
			g := &item.Grants[line]
			switch {
			case g.At == AtTerm:
				out = append(out, s.givenByTerm(a, item, line, to)...)
			case g.At == AtStart && !had[a.Plan]:
				out = append(out, s.given(a, item, line, 0, a.StartsOn))
			}
		}
		had[a.Plan] = true
	}
	return out
}

// byStart are the indices of the agreements, ascending by start, then id.
func (s *Snapshot) byStart() []int {
	all := make([]int, len(s.Agreements))
	for i := range all {
		all[i] = i
	}
	slices.SortStableFunc(all, func(i, j int) int { return s.Agreements[i].StartsOn.Compare(s.Agreements[j].StartsOn) })
	return all
}

// givenByTerm are what a line of an item gives with each term that begins while the
// agreement lives, and with the one it begins in, unless the same plan was held before it
// in that term.
func (s *Snapshot) givenByTerm(a *Agreement, item *Item, line int, to time.Time) []CreditSource {
	var out []CreditSource
	at := a.StartsOn
	for range maxTerms {
		if at.After(to) || a.Ended(at) {
			break
		}
		term, ok := s.term(a, at)
		number := at.UnixMicro()
		if ok {
			number = term.Start.UnixMicro()
		}
		first, _ := s.chain(a)
		if at.After(a.StartsOn) || first == a || ok && !term.Start.Before(a.StartsOn) {
			out = append(out, s.given(a, item, line, number, at))
		}
		if !ok {
			break
		}
		at = term.End
	}
	return out
}

// maxTerms is how many terms of an agreement are looked at: those of 50 years, by the day.
const maxTerms = 20_000

// given is one of them, that begins at an instant.
func (s *Snapshot) given(a *Agreement, item *Item, line int, number int64, at time.Time) CreditSource {
	g := &item.Grants[line]
	amount := g.Amount
	if item.PerQuantity || a.Kind == KindAddOn {
		amount = amount.times(a.Quantity)
	}
	c := CreditSource{
		ID:    fmt.Sprintf("term/%s/%s/%d/%d", a.ID, item.Feature, line, number),
		Class: g.Kind.class(), Priority: g.Priority, EffectiveOn: at, Amount: &amount,
	}
	_, last := s.chain(a)
	switch g.Lasts {
	case LastsTerm:
		if term, ok := s.term(a, at); ok {
			c.EndsOn = term.End
		}
		c.EndsOn = earlier(c.EndsOn, last.ExpiresOn)
	case LastsAgreement:
		c.EndsOn = last.ExpiresOn
	case LastsDays:
		c.EndsOn = at.Add(time.Duration(g.Days) * 24 * time.Hour)
	}
	return c
}

// times is an amount n times, cut below 10^12.
func (u Units) times(n int64) Units {
	if n > 0 && u > (maxRecord-1)/Units(n) {
		return maxRecord - 1
	}
	return u * Units(n)
}

// HasPools reports whether a feature may have sources that ended agreements have left
// behind.
func (c *Catalog) HasPools() bool {
	for _, f := range c.Features {
		if f.Pooled {
			return true
		}
	}
	return false
}
