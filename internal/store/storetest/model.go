package storetest

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/feed"
	"github.com/allot-dev/allot/internal/store/sqlstore"
)

// model is what a store should hold, in plain maps.
type model struct {
	customers   map[billing.CustomerID]billing.Customer
	agreements  map[billing.AgreementID]billing.Agreement
	owners      map[billing.AgreementID]billing.CustomerID // of withdrawn ones too
	changes     map[billing.Scope][]billing.Change
	unsequenced []billing.Change
	feed        []feed.Entry
	metered
}

func (m *model) clone() *model {
	changes := map[billing.Scope][]billing.Change{}
	for scope, list := range m.changes {
		changes[scope] = slices.Clone(list)
	}
	return &model{maps.Clone(m.customers), maps.Clone(m.agreements), maps.Clone(m.owners), changes,
		slices.Clone(m.unsequenced), slices.Clone(m.feed), m.metered.clone()}
}

func (m *model) byCodes(org, user string) (billing.CustomerID, error) {
	for _, c := range m.customers {
		if c.DeletedOn.IsZero() && c.OrgCode+c.UserID != "" && c.OrgCode == org && c.UserID == user {
			return c.ID, nil
		}
	}
	return billing.CustomerID{}, billing.ErrNotFound
}

func (m *model) byExternalID(external string) (billing.CustomerID, error) {
	for _, c := range m.customers {
		if c.DeletedOn.IsZero() && c.ExternalID != "" && c.ExternalID == external {
			return c.ID, nil
		}
	}
	return billing.CustomerID{}, billing.ErrNotFound
}

func (m *model) putCustomer(c billing.Customer) error {
	if id, err := m.byExternalID(c.ExternalID); err == nil && id != c.ID && c.DeletedOn.IsZero() {
		return billing.ErrExists
	}
	if id, err := m.byCodes(c.OrgCode, c.UserID); err == nil && id != c.ID && c.DeletedOn.IsZero() {
		return billing.ErrExists
	}
	m.customers[c.ID] = c
	return nil
}

func (m *model) createCustomer(c billing.Customer) error {
	if _, ok := m.customers[c.ID]; ok {
		return billing.ErrExists
	}
	return m.putCustomer(c)
}

func (m *model) createAgreement(a billing.Agreement) error {
	for id := range m.owners {
		if id.Stem() == a.ID.Stem() {
			return billing.ErrExists
		}
	}
	m.owners[a.ID], m.agreements[a.ID] = a.CustomerID, a
	return nil
}

func (m *model) putAgreement(a billing.Agreement) error {
	old, ok := m.agreements[a.ID]
	if !ok || old.CustomerID != a.CustomerID {
		return billing.ErrNotFound
	}
	old.ExpiresOn, old.OwnEnd, old.TrialEndsOn, old.TrialScope = a.ExpiresOn, a.OwnEnd, a.TrialEndsOn, a.TrialScope
	old.StartsOn, old.AnchorOn, old.TermFrom, old.TrialThen = a.StartsOn, a.AnchorOn, a.TermFrom, a.TrialThen
	old.ExternalID, old.Metadata, old.Carried = a.ExternalID, a.Metadata, a.Carried
	m.agreements[a.ID] = old
	return nil
}

func (m *model) withdraw(customer billing.CustomerID, id billing.AgreementID) error {
	if a, ok := m.agreements[id]; !ok || a.CustomerID != customer {
		return billing.ErrNotFound
	}
	delete(m.agreements, id)
	return nil
}

func (m *model) appendChange(id billing.CustomerID, at time.Time) {
	c := m.customers[id]
	if at.Before(c.ChangedOn) {
		at = c.ChangedOn
	}
	c.Rev, c.ChangedOn = c.Rev+1, at
	m.customers[id] = c
	change := billing.Change{Scope: id.Scope(), Rev: c.Rev, On: at}
	m.changes[id.Scope()] = append(m.changes[id.Scope()], change)
	m.unsequenced = append(m.unsequenced, change)
}

func (m *model) sequence(limit int) int {
	slices.SortFunc(m.unsequenced, func(a, b billing.Change) int {
		return cmp.Or(a.On.Compare(b.On), cmp.Compare(a.Scope, b.Scope), cmp.Compare(a.Rev, b.Rev))
	})
	n := min(limit, len(m.unsequenced))
	for _, c := range m.unsequenced[:n] {
		m.feed = append(m.feed, feed.Entry{Seq: int64(len(m.feed)) + 1, Scope: c.Scope, Rev: c.Rev})
	}
	m.unsequenced = slices.Clone(m.unsequenced[n:])
	return n
}

// those are the agreements of a customer that a condition keeps, by id.
func (m *model) those(customer billing.CustomerID, keep func(*billing.Agreement) bool) []billing.Agreement {
	var found []billing.Agreement
	for _, a := range m.agreements {
		if a.CustomerID == customer && keep(&a) {
			found = append(found, a)
		}
	}
	slices.SortFunc(found, func(a, b billing.Agreement) int { return billing.CompareIDs(a.ID, b.ID) })
	return found
}

// run is one run of random operations on a part of the store that is its own:
// ids from base on, names with a tag, and the feed after what was there.
type run struct {
	*rapid.T
	st   everything
	m    *model
	base int
	tag  string
	feed int64
}

func testModel(t *testing.T, st Store) {
	putCatalog(t, st, on(0), smallCatalog())
	base := 0
	rapid.Check(t, func(rt *rapid.T) {
		base += 100
		r := &run{T: rt, st: whole(st), base: base, tag: fmt.Sprintf("run %d;", base), m: &model{
			customers:  map[billing.CustomerID]billing.Customer{},
			agreements: map[billing.AgreementID]billing.Agreement{},
			owners:     map[billing.AgreementID]billing.CustomerID{},
			changes:    map[billing.Scope][]billing.Change{},
			metered:    newMetered(),
		}}
		sequence(t, st, 1_000_000)
		if entries := read(t, st.ForFeed(), getFeed(0, 1_000_000)); len(entries) > 0 {
			r.feed = entries[len(entries)-1].Seq
		}
		rt.Repeat(map[string]func(*rapid.T){
			"update": func(rt *rapid.T) { r.T = rt; r.update() },
			"":       func(rt *rapid.T) { r.T = rt; r.view(r.checkSome); r.checkPacked(r.customer()) },
		})
		r.T = rt
		r.view(r.checkAll)
		for n := range customers {
			r.checkPacked(customerID(r.base + n))
		}
	})
}

// How many there may be of each in one run.
const customers, agreements = 4, 8

func (r *run) number(name string, below int) int { return rapid.IntRange(0, below-1).Draw(r.T, name) }

func (r *run) customer() billing.CustomerID {
	return customerID(r.base + r.number("customer", customers))
}

func (r *run) agreement() billing.AgreementID {
	return agreementID(r.base + r.number("agreement", agreements))
}

func (r *run) code(name string) string {
	if n := r.number(name, 3); n > 0 {
		return fmt.Sprint(r.tag, n)
	}
	return ""
}

// hour is an instant; sometimes, if it may, none.
func (r *run) hour(name string, orNone bool) time.Time {
	if n := r.number(name, 10); n > 0 || !orNone {
		return on(n)
	}
	return time.Time{}
}

func (r *run) newCustomer() billing.Customer {
	c := newCustomer(0)
	c.ID, c.OrgCode, c.UserID = r.customer(), r.code("org"), r.code("user")
	c.ExternalID = r.code("external")
	c.Name = r.tag + rapid.StringMatching(`[a-cA-C%_!]{0,2}`).Draw(r.T, "name")
	if r.number("deleted", 5) == 0 {
		c.DeletedOn = on(1)
	}
	return c
}

func (r *run) newAgreement() billing.Agreement {
	a := newAgreement(r.customer(), 0)
	a.ID = r.agreement()
	a.Plan = rapid.SampledFrom([]billing.Code{"pro", "free", "boost", "extra"}).Draw(r.T, "plan")
	a.Kind = smallCatalog().Plans[a.Plan].Kind
	a.StartsOn, a.ExpiresOn = r.hour("starts", false), r.hour("expires", true)
	a.TrialEndsOn, a.TrialScope = r.hour("trial", true), r.code("scope")
	a.AnchorOn, a.TermFrom = r.hour("anchor", true), r.hour("term", true)
	a.Carried = a.Carried[:r.number("carried", 4)]
	return a
}

// update runs some operations in one update, which is committed or not.
func (r *run) update() {
	next := r.m.clone()
	commit := r.number("fate", 4) > 0
	err := r.st.Update(r.Context(), func(tx *sqlstore.Tx) error {
		for range 1 + r.number("operations", 4) {
			if err := r.operate(tx, next); err != nil {
				return err
			}
		}
		if !commit {
			return errStop
		}
		return nil
	})
	switch {
	case commit && err != nil, !commit && !errors.Is(err, errStop):
		r.Fatal(err)
	case commit:
		r.m = next
	}
}

// operate runs one operation on store and model. They agree on the error.
func (r *run) operate(tx *sqlstore.Tx, m *model) error {
	var got, want error
	locked := func(id billing.CustomerID, real, modelled func() error) {
		_, got = tx.LockCustomer(id)
		if _, ok := m.customers[id]; !ok {
			want = billing.ErrNotFound
			return
		}
		if got == nil {
			got, want = real(), modelled()
		}
	}
	operation := rapid.SampledFrom([]string{
		"create customer", "update customer", "create agreement", "update agreement", "withdraw", "append", "sequence",
		"create override", "update override", "create grant", "update grant", "put counter", "create usage", "create usage", "put source", "fold usage",
		"create hold", "update hold", "create answer", "sweep answers",
		"sweep holds",
	}).Draw(r.T, "operation")
	switch operation {
	case "create customer":
		c := r.newCustomer()
		got, want = tx.CreateCustomer(c), m.createCustomer(c)
	case "update customer":
		c := r.newCustomer()
		locked(c.ID, func() error { return tx.UpdateCustomer(c) }, func() error {
			c.Rev, c.ChangedOn = m.customers[c.ID].Rev, m.customers[c.ID].ChangedOn
			return m.putCustomer(c)
		})
	case "create agreement":
		a := r.newAgreement()
		locked(a.CustomerID, func() error { return tx.CreateAgreement(a) }, func() error { return m.createAgreement(a) })
	case "update agreement":
		a := r.newAgreement()
		locked(a.CustomerID, func() error { return tx.UpdateAgreement(a) }, func() error { return m.putAgreement(a) })
	case "withdraw":
		c, a := r.customer(), r.agreement()
		locked(c, func() error { return tx.WithdrawAgreement(c, a) }, func() error { return m.withdraw(c, a) })
	case "append":
		c, at := r.customer(), r.hour("on", false)
		locked(c, func() error {
			_, err := tx.AppendChange(billing.Change{Scope: c.Scope(), On: at})
			return err
		}, func() error { m.appendChange(c, at); return nil })
	case "sequence":
		limit := r.number("limit", 5)
		n, err := tx.Sequence(limit, on(0))
		if got = err; err == nil && n != m.sequence(limit) {
			return fmt.Errorf("sequenced %d", n)
		}
	default:
		got, want = r.operateMetered(tx, m, operation)
	}
	switch {
	case got == nil && want == nil, want != nil && errors.Is(got, want):
		return nil
	default:
		return fmt.Errorf("%s: %w, want %w", operation, errors.Join(got), errors.Join(want))
	}
}
