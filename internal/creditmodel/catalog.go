package creditmodel

import (
	"fmt"
	"time"
)

// Agreement is what catalog grants are computed from: they are no rows.
type Agreement struct {
	ID, Plan string
	From     time.Time
	Terms    Windows // its cycles; a term is the stretch of one
	Items    []AgreementItem
}

// AgreementItem are the grants of one item of the agreement's plan.
type AgreementItem struct {
	Feature string
	Grants  []CatalogGrant
}

// CatalogGrant is one line of an item's `grants`.
type CatalogGrant struct {
	Amount   Units
	At       string // start or term
	Lasts    string // term, agreement, never or days
	Days     int
	Priority *int
	Kind     string
}

// SetAgreement makes an agreement's grants count from its start.
func (m *Model) SetAgreement(now time.Time, a Agreement) Answer {
	m.begin(now)
	m.agreements = append(m.agreements, agreementFact{now, a})
	m.settle(now)
	return Answer{Status: "set"}
}

// EndAgreement sets the end of an agreement.
func (m *Model) EndAgreement(now, at time.Time, id string) Answer {
	m.begin(now)
	m.ends = append(m.ends, endFact{now, at, id})
	return Answer{Status: "set"}
}

// endOf is the end of an agreement as it was set last.
func (m *Model) endOf(id string) time.Time {
	end := Forever
	for _, e := range m.ends {
		if e.agreement == id {
			end = e.at
		}
	}
	return end
}

// allGrants are the grants that were made and those of agreements, up to the term after the
// one that contains t.
func (m *Model) allGrants(t time.Time) []Grant {
	var all []Grant
	for _, f := range m.grants {
		all = append(all, f.grant)
	}
	for _, f := range m.agreements {
		all = append(all, m.agreementGrants(f.agreement, t)...)
	}
	return all
}

// agreementGrants are computed: at the start once per customer, feature and plan, ever; at
// each term one. The id is agreement, item (with its line) and the number of the term.
//
// READING: a term that an agreement's end cuts is over then, so a grant that lasts a term
// ends with the agreement; one that lasts days or for ever outlives it. An agreement that
// follows one of the same plan without a gap has no grant for the term it begins in.
func (m *Model) agreementGrants(a Agreement, t time.Time) []Grant {
	end := m.endOf(a.ID)
	var all []Grant
	for _, item := range a.Items {
		for line, c := range item.Grants {
			if c.At == "start" {
				if m.firstStart(a, item.Feature) && a.From.Before(end) {
					all = append(all, c.grant(a, item.Feature, line, 0, a.From, m.heldUntil(a)))
				}
				continue
			}
			start := a.From
			for n := 0; start.Before(end) && start.Before(Forever); n++ {
				if n > 0 || !m.follows(a) {
					all = append(all, c.grant(a, item.Feature, line, n, start, m.heldUntil(a)))
				}
				if start.After(t) {
					break
				}
				start = a.Terms.At(start).End
			}
		}
	}
	return all
}

// follows says whether an agreement goes on within a term with one of the same plan.
func (m *Model) follows(a Agreement) bool {
	for _, f := range m.agreements {
		other := f.agreement
		if other.Plan == a.Plan && other.From.Before(a.From) && m.endOf(other.ID).Equal(a.From) && a.Terms.At(a.From).Start.Before(a.From) {
			return true
		}
	}
	return false
}

// heldUntil is the end of the last of the agreements that follow one without a gap.
func (m *Model) heldUntil(a Agreement) time.Time {
	end := m.endOf(a.ID)
	for _, f := range m.agreements {
		if other := f.agreement; other.Plan == a.Plan && other.From.Equal(end) && end.Before(m.endOf(other.ID)) {
			return m.heldUntil(other)
		}
	}
	return end
}

// firstStart says whether an agreement is the first of its plan with grants at the start on
// a feature.
func (m *Model) firstStart(a Agreement, feature string) bool {
	for _, f := range m.agreements {
		other := f.agreement
		if other.ID == a.ID {
			return true
		}
		if other.Plan != a.Plan || !other.From.Before(m.endOf(other.ID)) {
			continue
		}
		for _, item := range other.Items {
			for _, c := range item.Grants {
				if item.Feature == feature && c.At == "start" {
					return false
				}
			}
		}
	}
	return true
}

func (c CatalogGrant) grant(a Agreement, feature string, line, n int, start, end time.Time) Grant {
	g := Grant{
		ID: fmt.Sprintf("term/%s/%s.%d/%d", a.ID, feature, line, n), Feature: feature, Amount: c.Amount,
		Effective: start, Priority: *orUsual(c.Priority), Kind: c.Kind,
	}
	if g.Kind == "" {
		g.Kind = paid
	}
	switch c.Lasts {
	case "term":
		g.Expires = a.Terms.At(start).End
		if end.Before(g.Expires) {
			g.Expires = end
		}
	case "agreement":
		g.Expires = end
	case "days":
		g.Expires = start.Add(time.Duration(c.Days) * 24 * time.Hour)
	}
	if !g.Expires.Before(Forever) {
		g.Expires = time.Time{}
	}
	return g
}
