package billing

import (
	"slices"
	"time"

	"github.com/allot-dev/allot/internal/calendar"
)

// place sets what a new agreement is counted from, by the agreement it follows.
func (b *Book) place(a *Agreement, wish AnchorWish) error {
	c := chain{wish: wish}
	var err error
	if c.before, err = b.before(a.slot(), a.StartsOn); err != nil {
		return err
	}
	if c.anchor, err = b.customerAnchor(a.StartsOn); err != nil {
		return err
	}
	_, unit := b.Terms(a).Cycle.Parts()
	// An add-on is never the first: it goes beside a plan.
	if c.before == nil && a.Kind == KindPlan && (a.Annual || unit == calendar.Year) {
		if c.first, err = b.nothingBefore(a.StartsOn); err != nil {
			return err
		}
	}
	b.count(a, c)
	return nil
}

// before is the agreement of a slot that is live just before an instant, or nil.
func (b *Book) before(slot Code, at time.Time) (*Agreement, error) {
	for i := range b.Agreements {
		a := &b.Agreements[i]
		if a.slot() == slot && a.StartsOn.Before(at) && (a.ExpiresOn.IsZero() || !a.ExpiresOn.Before(at)) {
			return a, nil
		}
	}
	if at.After(b.Now) || b.stored.Customer.LastAgreementMS == 0 {
		return nil, nil
	}
	found, err := b.past.Overlapping(b.Customer.ID, slot, at.Add(-time.Microsecond), at, 1)
	if err != nil || len(found) == 0 || b.storedAgreement(found[0].ID) != nil {
		return nil, err
	}
	return &found[0], nil
}

// nothingBefore reports whether no agreement of the customer begins before an instant.
func (b *Book) nothingBefore(at time.Time) (bool, error) {
	if slices.ContainsFunc(b.Agreements, func(a Agreement) bool { return a.StartsOn.Before(at) }) {
		return false, nil
	}
	if b.stored.Customer.LastAgreementMS == 0 {
		return true, nil
	}
	lived, err := b.lived(at)
	return !lived, err
}

// lived reports whether a plan of the customer was live before an instant that is
// not in the future.
func (b *Book) lived(at time.Time) (bool, error) {
	if at.After(b.Now) {
		at = b.Now
	}
	from := time.Date(firstYear, 1, 1, 0, 0, 0, 0, time.UTC)
	found, err := b.past.Overlapping(b.Customer.ID, "", from, at, 1)
	return len(found) > 0, err
}

// customerAnchor is the customer's anchor: the one it was given; else the start of
// the first agreement that was ever live; else, as long as none was, that of the
// first that is scheduled, with those that begin at some more instants.
func (b *Book) customerAnchor(more ...time.Time) (time.Time, error) {
	if b.Customer.AnchorGiven {
		return b.Customer.AnchorOn, nil
	}
	fixed, err := b.anchorStands()
	if err != nil {
		return time.Time{}, err
	}
	var first time.Time
	if fixed {
		first = b.stored.Customer.AnchorOn
	}
	for i := range b.Agreements {
		a := &b.Agreements[i]
		// Only plans count: an add-on begins with one, or later.
		if lives := a.Kind == KindPlan && (a.OwnEnd.IsZero() || a.OwnEnd.After(a.StartsOn)); lives && (!fixed || b.isNew(a.ID)) {
			first = earlier(first, a.StartsOn)
		}
	}
	for _, t := range more {
		first = earlier(first, t)
	}
	return first, nil
}

// anchorStands reports whether the anchor that was stored is that of an agreement
// that was live, so that only history that is brought along can move it.
func (b *Book) anchorStands() (bool, error) {
	is := b.stored.Customer.AnchorOn
	if is.IsZero() {
		return false, nil
	}
	// What was given before there was AnchorGiven is the start of nothing.
	ofNone := !slices.ContainsFunc(b.stored.Agreements, func(a Agreement) bool { return a.StartsOn.Equal(is) })
	if ofNone || slices.ContainsFunc(b.stored.Agreements, func(a Agreement) bool { return a.StartsOn.Before(b.Now) }) {
		return true, nil
	}
	return b.lived(b.Now)
}

// anchorFixed reports whether a sign-up has fixed the customer's anchor: one that
// was ever live, or is scheduled.
func (b *Book) anchorFixed() (bool, error) {
	if b.Customer.LastAgreementMS == 0 || b.Customer.AnchorOn.IsZero() {
		return false, nil
	}
	if len(b.Agreements) > 0 {
		return true, nil
	}
	return b.lived(b.Now)
}
