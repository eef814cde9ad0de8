package creditmodel

import (
	"cmp"
	"fmt"
	"math/big"
	"slices"
	"time"
)

// Pack is what a top-up is sold as: each purchase makes one grant per line.
type Pack struct {
	Code  string
	Lines []PackLine
}

// PackLine is one grant of a pack. Days 0 is never ending.
type PackLine struct {
	Feature  string
	Amount   Units
	Days     int
	Priority *int
	Kind     string
}

// GrantRequest asks for a grant. Zero times and nil are unnamed: now, never, 50, paid.
type GrantRequest struct {
	Feature    string
	Amount     Units
	Effective  time.Time
	Expires    time.Time
	Priority   *int
	Kind       string
	Only       []string
	CostBasis  string
	ExternalID string
}

// Rule 13.
const (
	mostGrants = 100
	manyGrants = 80 // said by a warning
	mostAmount = 1_000_000_000_000 * One
)

// text is the content of a request but for its times, by which a repetition is known.
func (q GrantRequest) text() string {
	return fmt.Sprintf("%s %d %d %s %v %s", q.Feature, q.Amount, *orUsual(q.Priority), cmp.Or(q.Kind, paid), q.Only, q.CostBasis)
}

// timed says whether a grant has the times of a request: unnamed times count as the same.
func (q GrantRequest) timed(g Grant) bool {
	same := func(named, is time.Time) bool { return named.IsZero() || named.Equal(is) }
	return same(q.Effective, g.Effective) && same(q.Expires, g.Expires)
}

func orUsual(p *int) *int {
	if p == nil {
		usual := usualRank
		return &usual
	}
	return p
}

// Grant makes a grant, in the past too (rule 10). The same external id with the same content
// answers the first; with another content it is GRANT_EXISTS.
func (m *Model) Grant(now time.Time, q GrantRequest) Answer {
	if _, ok := m.features[q.Feature]; !ok {
		return Answer{Code: "FEATURE_NOT_FOUND"}
	}
	m.begin(now)
	if a, again := m.repeated(now, q.ExternalID, q.text(), q.timed); again {
		return a
	}
	g := Grant{
		Feature: q.Feature, Amount: q.Amount, Effective: q.Effective, Expires: q.Expires,
		Priority: *orUsual(q.Priority), Kind: cmp.Or(q.Kind, paid), Only: q.Only,
		CostBasis: q.CostBasis, ExternalID: q.ExternalID,
	}
	if g.Effective.IsZero() {
		g.Effective = now
	}
	return m.grant(now, q.text(), []Grant{g})
}

// BuyPack makes the grants of one purchase; they share its external id.
func (m *Model) BuyPack(now time.Time, code string, quantity int, external string) Answer {
	pack, ok := m.packs[code]
	if !ok || quantity < 1 {
		return Answer{Code: "PACK_INVALID"}
	}
	m.begin(now)
	request := fmt.Sprintf("pack %s %d", code, quantity)
	if a, again := m.repeated(now, external, request, func(Grant) bool { return true }); again {
		return a
	}
	var all []Grant
	for _, l := range pack.Lines {
		g := Grant{
			Feature: l.Feature, Amount: cut(new(big.Int).Mul(big.NewInt(int64(l.Amount)), big.NewInt(int64(quantity)))),
			Effective: now, Priority: *orUsual(l.Priority), Kind: cmp.Or(l.Kind, paid), Pack: code, ExternalID: external,
		}
		if l.Days > 0 {
			g.Expires = now.Add(time.Duration(l.Days) * 24 * time.Hour)
		}
		all = append(all, g)
	}
	return m.grant(now, request, all)
}

// repeated answers a request whose external id was there before.
func (m *Model) repeated(now time.Time, external, request string, timed func(Grant) bool) (Answer, bool) {
	a := Answer{Status: "repeated"}
	for _, f := range m.grants {
		if external == "" || f.grant.ExternalID != external {
			continue
		}
		if f.request != request || !timed(f.grant) {
			return Answer{Code: "GRANT_EXISTS", ID: f.grant.ID}, true
		}
		a.ID = cmp.Or(a.ID, f.grant.ID)
		a.Grants = append(a.Grants, m.state(now, f.grant))
	}
	return a, len(a.Grants) > 0
}

// grant writes grants, all or none.
//
// READING: a bound on the amounts that a purchase makes holds for each of its lines, and one
// line too many refuses the purchase.
func (m *Model) grant(now time.Time, request string, all []Grant) Answer {
	count := map[string]int{}
	for _, g := range all {
		if g.Amount <= 0 || g.Amount >= mostAmount || g.Priority < 0 || g.Priority > 100 ||
			!g.Expires.IsZero() && !g.Effective.Before(g.Expires) {
			return Answer{Code: "GRANT_INVALID"}
		}
		count[g.Feature]++
		if m.countGrants(now, g.Feature)+count[g.Feature] > mostGrants {
			return Answer{Code: "GRANTS_TOO_MANY"}
		}
	}
	a := Answer{Status: "granted"}
	first := len(m.grants)
	for _, g := range all {
		g.ID = m.nextID("g")
		a.ID = cmp.Or(a.ID, g.ID)
		m.grants = append(m.grants, grantFact{now, g, request})
	}
	m.settle(now)
	for _, f := range m.grants[first:] {
		a.Warned = a.Warned || m.countGrants(now, f.grant.Feature) >= manyGrants
		a.Grants = append(a.Grants, m.state(now, f.grant))
	}
	return a
}

// countGrants is rule 13: those that are not set aside, ended or voided. Set aside is what
// is used up, with no hold or debt on it (rule 15).
//
// READING: grants of agreements do not count; ended is past its expires_on.
func (m *Model) countGrants(now time.Time, feature string) int {
	n := 0
	for _, f := range m.grants {
		g := f.grant
		ended := !g.Expires.IsZero() && !now.Before(g.Expires) || m.voidedBy(g.ID, now)
		s := m.grantSource(g, now)
		if g.Feature == feature && !ended && (s.Remaining > 0 || s.Held > 0) {
			n++
		}
	}
	return n
}

// live is rule 1: effective_on ≤ t < expires_on and t < ended_on.
func (m *Model) live(g Grant, t time.Time) bool {
	return !t.Before(g.Effective) && t.Before(m.grantEnds(g))
}

// grantEnds is the end of a grant: its own or its void's, whichever is first.
func (m *Model) grantEnds(g Grant) time.Time {
	end := Forever
	if !g.Expires.IsZero() {
		end = g.Expires
	}
	if v := m.voidOf(g.ID); v != nil && v.committed.Before(end) {
		end = v.committed
	}
	return end
}

// findGrant finds a grant by its id, also one of an agreement that has begun by now.
func (m *Model) findGrant(id string, now time.Time) (Grant, bool) {
	all := m.allGrants(now)
	i := slices.IndexFunc(all, func(g Grant) bool { return g.ID == id })
	if i < 0 {
		return Grant{}, false
	}
	return all[i], true
}

// GrantState answers about one grant as of now.
func (m *Model) GrantState(now time.Time, id string) Answer {
	v := m.clone()
	v.settle(now)
	g, ok := v.findGrant(id, now)
	if !ok {
		return Answer{Code: "GRANT_NOT_FOUND"}
	}
	return Answer{ID: id, Grants: []GrantState{v.state(now, g)}}
}

// state is what is known of a grant.
//
// READING: before its start all of it remains; after its end nothing does. refundable is
// what is undrawn and unheld (rule 8) also when it has expired; of a held feature, of which
// nothing is drawn, all of it.
func (m *Model) state(now time.Time, g Grant) GrantState {
	s := m.grantSource(g, now)
	st := GrantState{
		Grant: g, Drawn: s.Drawn, Held: s.Held, Debt: atLeastZero(m.debtOf(g, now)),
		Refundable: atLeastZero(sum(g.Amount, -s.Drawn, -s.Held)),
	}
	if v := m.voidOf(g.ID); v != nil {
		st.Ended = v.committed
	}
	if now.Before(m.grantEnds(g)) {
		st.Remaining = s.Remaining
	}
	return st
}
