package creditmodel

import (
	"math/big"
	"strings"
	"time"
)

// Void is rule 8: nothing remains of a grant from now on. With clawBack what was drawn
// becomes a debt. Again it answers the first outcome; clawBack after a void without it adds
// the debt, from that instant, once.
//
// READING: the debt in the answer is what is left of it after what could be paid at once;
// money is refundable × cost_basis exactly, in decimal minor units.
func (m *Model) Void(now time.Time, id string, clawBack bool) Answer {
	m.begin(now)
	g, ok := m.findGrant(id, now)
	if !ok {
		return Answer{Code: "GRANT_NOT_FOUND"}
	}
	first := m.voidOf(id)
	if first != nil && (!clawBack || m.clawedBack(id, now)) {
		outcome := m.lastVoid(id).outcome
		return Answer{ID: id, Status: "repeated", Void: &outcome}
	}
	m.voids = append(m.voids, voidFact{committed: now, grant: id, clawBack: clawBack})
	m.settle(now)
	s := m.state(now, g)
	outcome := VoidOutcome{Grant: id, Refundable: s.Refundable, Money: money(s.Refundable, g.CostBasis), Debt: s.Debt}
	m.lastVoid(id).outcome = outcome
	return Answer{ID: id, Status: "voided", Void: &outcome}
}

// voidOf is a grant's void, the first fact of it.
func (m *Model) voidOf(id string) *voidFact {
	for i := range m.voids {
		if m.voids[i].grant == id {
			return &m.voids[i]
		}
	}
	return nil
}

func (m *Model) lastVoid(id string) *voidFact {
	var last *voidFact
	for i := range m.voids {
		if m.voids[i].grant == id {
			last = &m.voids[i]
		}
	}
	return last
}

// voidedBy says whether a grant was voided at or before t.
func (m *Model) voidedBy(id string, t time.Time) bool {
	v := m.voidOf(id)
	return v != nil && !v.committed.After(t)
}

// clawedBack says whether its debt counts at t.
func (m *Model) clawedBack(id string, t time.Time) bool {
	for _, v := range m.voids {
		if v.grant == id && v.clawBack && !v.committed.After(t) {
			return true
		}
	}
	return false
}

// money is units × a cost basis as a decimal text, exactly.
func money(units Units, basis string) string {
	if basis == "" {
		return ""
	}
	r, ok := new(big.Rat).SetString(basis)
	if !ok {
		return ""
	}
	text := new(big.Rat).Mul(units.rat(), r).FloatString(24)
	return strings.TrimRight(strings.TrimRight(text, "0"), ".")
}
