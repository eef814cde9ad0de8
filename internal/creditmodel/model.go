package creditmodel

import (
	"slices"
	"time"
)

// Terms are what a feature is given by, from an instant on: the merged plan item and
// overrides, or of an add-on in another rhythm its part alone. The zero value gives nothing.
type Terms struct {
	Has        bool   // the feature is held, by an item or an override
	Amount     *Units // of each window; nil is unlimited
	Soft       bool
	OverageMax *Units // nil is no spend cap
	Windows    Windows
	Rollover   *Rollover
	Burns      *Burns
	Caps       []Cap
}

// Rollover is what stays usable after a window (rule 3).
type Rollover struct {
	Max     Units
	Windows int // 1 to 12
}

// Burns says that each unit uses Rate units of another feature as well.
type Burns struct {
	Pool string
	Rate string // decimal text
}

// Cap is a further limit in windows of its own.
type Cap struct {
	Max     Units
	Windows Windows
}

// Feature is a metered feature. Held features (seats, storage) never reset. Burns applies
// where no terms are in force or they name none. Alone is the window of an override or a
// grant alone; the zero value is Month.
type Feature struct {
	Code  string
	Held  bool
	Burns *Burns
	Alone Windows
}

// Grant is rule "Facts": units given once.
type Grant struct {
	ID, Feature string
	Amount      Units
	Effective   time.Time
	Expires     time.Time // zero is never
	Priority    int
	Kind        string   // "paid" or "promotional"
	Only        []string // the features that may burn it; none is any
	CostBasis   string   // decimal minor units per unit, or empty
	Pack        string
	ExternalID  string
}

// The facts as they are logged. committed is when one was written.
type (
	termsFact struct {
		committed, from time.Time
		feature, chain  string // chain is an add-on's id, or empty for the terms themselves
		terms           Terms
	}
	flagFact struct {
		committed time.Time
		feature   string // empty: the customer is suspended
		on        bool
	}
	grantFact struct {
		committed time.Time
		grant     Grant
		request   string // what was asked, for repetitions
	}
	voidFact struct {
		committed time.Time
		grant     string
		clawBack  bool
		outcome   VoidOutcome
	}
	endFact struct {
		committed, at time.Time
		agreement     string
	}
	agreementFact struct {
		committed time.Time
		agreement Agreement
	}
)

// Draw is so many units from one source.
type Draw struct {
	Source string
	Units  Units
	// rest marks what is not stored: the share of the record's own window's allowance,
	// and what nothing covered. Of a payment it is the share of the allowance of its own window.
	rest bool
}

// leg is what a record or a hold takes from one pool, in burn order.
type leg struct {
	pool  string
	units Units
	draws []Draw
}

// record is one use in the log.
type record struct {
	id, feature        string
	counted, committed time.Time
	units              Units
	own, pool          *leg // pool is nil where nothing is burned
	rate               string
	window             Window // of the feature at counted, for the running total of rule 9
}

// correction is what a correction gave back, per draw of the record's legs.
type correction struct {
	record    string
	committed time.Time
	units     Units
	own, pool []Units // by index of the leg's draws
}

// hold pins its legs until it is closed or expires.
type hold struct {
	id, feature string
	at          time.Time
	units       Units
	own, pool   *leg
	rate        string
	window      Window
	expires     []expiry // the first, and one for each extension
	closed      *closing
}

type expiry struct{ committed, at time.Time }

// closing is how a hold ended other than by time.
type closing struct {
	committed time.Time
	confirmed bool
	units     Units
	over      string
	record    string
	outcome   Answer
}

// payment is what a source paid of a claw-back's debt.
type payment struct {
	feature, grant string
	at, committed  time.Time
	draws          []Draw
	back           []payback
}

// payback is what of a payment went back, by index of its draws.
type payback struct {
	committed time.Time
	draw      int
	units     Units
}

type reading struct {
	committed, stamp time.Time
	feature          string
}

// Model is one customer: facts and a log. Use New.
type Model struct {
	features    map[string]Feature
	packs       map[string]Pack
	terms       []termsFact
	flags       []flagFact
	grants      []grantFact
	agreements  []agreementFact
	ends        []endFact
	voids       []voidFact
	records     []record
	corrections []correction
	holds       []hold
	payments    []payment
	readings    []reading
	writes      []time.Time // when something was written; debts are settled up to the last
	ids         int
	together    bool // parts of one change are under way
}

// New is a customer without facts, in a catalog of features and packs.
func New(features []Feature, packs ...Pack) *Model {
	m := &Model{features: map[string]Feature{}, packs: map[string]Pack{}}
	for _, f := range features {
		if f.Alone.Kind == "" {
			f.Alone = Month
		}
		m.features[f.Code] = f
	}
	for _, p := range packs {
		m.packs[p.Code] = p
	}
	return m
}

// begin is done before each write: what time alone brought is written first (rule 8).
func (m *Model) begin(now time.Time) {
	m.settle(now)
	m.writes = append(m.writes, now)
}

// Together makes one change of parts: debts are settled before it and after, not in between,
// as all of it is of one instant.
func (m *Model) Together(now time.Time, parts func()) {
	m.begin(now)
	m.together = true
	parts()
	m.together = false
	m.settle(now)
}

// SetTerms puts terms in force for a feature from an instant on, now or later.
func (m *Model) SetTerms(now, from time.Time, feature string, terms Terms) Answer {
	return m.setChain(now, from, feature, "", terms)
}

// SetAddOn puts the terms of an allowance in another rhythm in force. chain is one
// unbroken chain of agreements of the add-on (rule 11), and orders by the add-on's code;
// bought again after an end it is a new chain. The zero Terms end it.
func (m *Model) SetAddOn(now, from time.Time, feature, chain string, terms Terms) Answer {
	return m.setChain(now, from, feature, chain, terms)
}

func (m *Model) setChain(now, from time.Time, feature, chain string, terms Terms) Answer {
	if terms.Burns != nil {
		if _, err := parseRate(terms.Burns.Rate); err != nil {
			return Answer{Code: "RATE_INVALID"}
		}
	}
	m.begin(now)
	m.terms = append(m.terms, termsFact{now, from, feature, chain, terms})
	m.settle(now)
	return Answer{Status: "set"}
}

// Suspend and Deny set and clear the two states that come before grants (rule 4).
func (m *Model) Suspend(now time.Time, on bool) Answer { return m.flag(now, "", on) }

// Deny removes a feature from this customer, or gives it back.
func (m *Model) Deny(now time.Time, feature string, on bool) Answer { return m.flag(now, feature, on) }

func (m *Model) flag(now time.Time, feature string, on bool) Answer {
	m.begin(now)
	m.flags = append(m.flags, flagFact{now, feature, on})
	return Answer{Status: "set"}
}

// flagged says whether the state was on at t. feature "" is suspension.
func (m *Model) flagged(feature string, t time.Time) bool {
	on := false
	for _, f := range m.flags {
		if f.feature == feature && !f.committed.After(t) {
			on = f.on
		}
	}
	return on
}

// clone copies all that a write or a view may change.
func (m *Model) clone() *Model {
	c := *m
	c.terms, c.flags, c.grants = slices.Clone(m.terms), slices.Clone(m.flags), slices.Clone(m.grants)
	c.agreements, c.ends, c.voids = slices.Clone(m.agreements), slices.Clone(m.ends), slices.Clone(m.voids)
	c.records, c.corrections = slices.Clone(m.records), slices.Clone(m.corrections)
	c.holds, c.payments = slices.Clone(m.holds), slices.Clone(m.payments)
	c.readings, c.writes = slices.Clone(m.readings), slices.Clone(m.writes)
	for i := range c.payments {
		c.payments[i].back = slices.Clone(c.payments[i].back)
	}
	for i := range c.holds {
		c.holds[i].expires = slices.Clone(c.holds[i].expires)
	}
	return &c
}
