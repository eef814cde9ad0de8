package billing

import (
	"io"
	"maps"
	"reflect"
	"slices"
	"time"
)

// Book is what is kept of one customer, opened for one change: its record, its
// agreements, its overrides and its grants. A method that changes something does so by the
// rules, or refuses with an error after which the book is of no use. What became
// different is told by [Book.Difference]; a book itself writes nothing.
//
// Its Snapshot are the facts as they are wanted. To have their revision, set
// that of the Customer once the changes are written.
type Book struct {
	Snapshot
	// Now is the instant of the change.
	Now time.Time

	by     Actor
	past   pastReader
	random io.Reader

	stored Facts // as read
	diff   Difference
	// told is what the changes say that the customer is now.
	told Customer
}

// pastReader answers what a change depends on beside the facts that a book has. Every
// reader of a store is one.
type pastReader interface {
	// Overlapping are the agreements to an add-on (or, for the code "", those of
	// kind plan) whose life has an instant in common with [from, to), ascending by
	// StartsOn, at most limit.
	Overlapping(customer CustomerID, addOn Code, from, to time.Time, limit int) ([]Agreement, error)
	// HadTrial reports whether an agreement of the customer has the trial scope.
	HadTrial(customer CustomerID, scope string) (bool, error)
	// AgreementCustomer is whose agreement an id is or was. The error is
	// [ErrNotFound] if it is free.
	AgreementCustomer(AgreementID) (CustomerID, error)
	// GrantsByExternalID are the grants of the customer's purchase of an external id,
	// ascending by Line; none if there is none.
	GrantsByExternalID(customer CustomerID, externalID string) ([]Grant, error)
}

// OpenBook opens the book of a customer at an instant, for a change by an actor.
// The facts are those that had not ended at now, which is that of
// [Snapshot.Now]. They are copied. Random is what new ids are made from.
func OpenBook(facts Snapshot, now time.Time, by Actor, past pastReader, random io.Reader) *Book {
	b := &Book{Snapshot: facts, Now: now, by: by, past: past, random: random, stored: facts.Facts, told: facts.Customer}
	b.Agreements = slices.Clone(b.Agreements)
	b.Overrides = slices.Clone(b.Overrides)
	b.Grants = slices.Clone(b.Grants)
	return b
}

// Difference is what a change makes different: the records to write, and what
// the change log says of it.
type Difference struct {
	Customer  *Customer // nil: as it was
	Withdrawn []Agreement
	Changed   []Agreement
	Created   []Agreement

	OverridesEnded   []Override
	OverridesCreated []Override

	GrantsChanged []Grant
	GrantsCreated []Grant

	Changes []Change // in order
	// Image is what the log gets behind the last change, with all that has not ended; nil
	// where it has one not long before.
	Image *Change
}

// Difference is what became different since the book was opened.
func (b *Book) Difference() Difference {
	d := b.diff
	if len(d.Changes) == 0 {
		b.Customer.DigestKey = b.stored.Customer.DigestKey
	}
	if !reflect.DeepEqual(b.Customer, b.stored.Customer) {
		d.Customer = &b.Customer
	}
	b.tellCustomer(&d)
	from := b.stored.Customer.Rev
	if to := from + int64(len(d.Changes)); imageDue(from, to, len(b.Agreements)+len(b.Overrides)+len(b.Grants)) {
		facts := b.Facts
		facts.Customer.Rev = to
		d.Image = new(facts.image(b.Now, b.by))
	}
	return d
}

// tellCustomer adds to the last change what else became of the customer's record,
// such as an anchor that a first agreement gave it.
func (b *Book) tellCustomer(d *Difference) {
	if len(d.Changes) == 0 {
		return
	}
	was, is := b.told.facts(), b.Customer.facts()
	if maps.Equal(was, is) {
		return
	}
	d.Changes = slices.Clone(d.Changes)
	last := &d.Changes[len(d.Changes)-1]
	last.Before, last.After = withFactsOfCustomer(last.Before, was, is), withFactsOfCustomer(last.After, is, was)
}

// withFactsOfCustomer are facts and those of the customer that are not the same in
// others.
func withFactsOfCustomer(facts, of, others map[string]string) map[string]string {
	out := maps.Clone(facts)
	for name, v := range of {
		if others[name] == v {
			continue
		}
		if out == nil {
			out = make(map[string]string)
		}
		out[factsOfCustomer+name] = v
	}
	return out
}

func (b *Book) index(id AgreementID) int {
	return slices.IndexFunc(b.Agreements, func(a Agreement) bool { return a.ID == id })
}

func (b *Book) agreementAt(id AgreementID) AgreementAt {
	return b.AgreementAt(b.Agreements[b.index(id)], b.Now)
}

// live is the live agreement of a slot, or nil.
func (b *Book) live(slot Code) *Agreement {
	for i := range b.Agreements {
		if a := &b.Agreements[i]; a.slot() == slot && a.Live(b.Now) {
			return a
		}
	}
	return nil
}

// log notes a change for the change log.
func (b *Book) log(kind ChangeKind, before, after map[string]string) {
	b.diff.Changes = append(b.diff.Changes, Change{
		Scope: b.Customer.ID.Scope(), On: b.Now, By: b.by, Kind: kind, Before: before, After: after,
	})
}

// logCustomer notes a change of the customer's record; old is what it was.
func (b *Book) logCustomer(kind ChangeKind, old *Customer) {
	before, after := old.facts(), b.Customer.facts()
	factWriter(after).text("changed", changedFields(old, &b.Customer))
	b.log(kind, before, after)
	b.told = b.Customer
}

// settle ends a change that may bear on agreements: it derives what follows from
// it for each of them, and notes what became different. A book is settled once.
func (b *Book) settle() error {
	if err := b.fallBack(); err != nil {
		return err
	}
	for _, i := range slices.Backward(settle(b.Agreements, b.Now, b.goesBeside)) {
		b.Agreements = slices.Delete(b.Agreements, i, i+1)
	}
	if err := b.carry(); err != nil {
		return err
	}
	var err error
	if b.Customer.AnchorOn, err = b.customerAnchor(); err != nil {
		return err
	}
	slices.SortStableFunc(b.Agreements, func(x, y Agreement) int { return CompareIDs(x.ID, y.ID) })
	for _, old := range b.stored.Agreements {
		i := b.index(old.ID)
		if i < 0 {
			b.diff.Withdrawn = append(b.diff.Withdrawn, old)
			b.log(agreementWithdrawn, b.Customer.agreementFacts(&old), nil)
			continue
		}
		a := b.Agreements[i]
		if !sameAgreement(&a, &old) {
			b.diff.Changed = append(b.diff.Changed, a)
			after := b.Customer.agreementFacts(&a)
			factWriter(after).text("changed", changedNames(&old, &a))
			b.log(agreementChanged, b.Customer.agreementFacts(&old), after)
		}
	}
	for _, a := range b.Agreements {
		if !b.isNew(a.ID) {
			continue
		}
		b.diff.Created = append(b.diff.Created, a)
		b.log(AgreementCreated, nil, b.Customer.agreementFacts(&a))
	}
	return nil
}

// sameAgreement reports whether two agreements have the same facts, whatever fields
// there are.
func sameAgreement(a, b *Agreement) bool {
	return reflect.DeepEqual(plainAgreement(a), plainAgreement(b))
}

// plainAgreement is an agreement in a form in which equal facts are equal in memory.
func plainAgreement(a *Agreement) Agreement {
	plain := *a
	for _, t := range []*time.Time{
		&plain.CreatedOn, &plain.StartsOn, &plain.ExpiresOn, &plain.OwnEnd, &plain.TrialEndsOn, &plain.AnchorOn, &plain.TermFrom,
	} {
		*t = t.UTC()
	}
	if len(plain.Metadata) == 0 {
		plain.Metadata = nil
	}
	plain.Carried = nil
	for _, c := range a.Carried {
		c.Until = c.Until.UTC()
		c.OverOn = slices.Clone(c.OverOn)
		for i, on := range c.OverOn {
			c.OverOn[i] = on.UTC()
		}
		plain.Carried = append(plain.Carried, c)
	}
	return plain
}

// storedAgreement is one as it was when the book was opened, or nil.
func (b *Book) storedAgreement(id AgreementID) *Agreement {
	i := slices.IndexFunc(b.stored.Agreements, func(old Agreement) bool { return old.ID == id })
	if i < 0 {
		return nil
	}
	return &b.stored.Agreements[i]
}

// isNew reports whether an agreement was not there when the book was opened.
func (b *Book) isNew(id AgreementID) bool {
	return b.storedAgreement(id) == nil
}

// stamp is the time, in Unix milliseconds, for the id of something new: later
// than that of every agreement of the customer.
func (b *Book) stamp() int64 { return max(b.Now.UnixMilli(), b.Customer.LastAgreementMS+1) }
