package billing

import (
	"slices"
)

// Cancel ends an agreement of the customer, given as it is stored, now or at the
// end of the period; one that has ended stays so. With the plan its add-ons end
// and scheduled changes are dropped. A scheduled agreement is withdrawn, and what
// it would have replaced goes on.
//
// Errors: WHEN_INVALID.
func (b *Book) Cancel(stored Agreement, when When, drop bool) (Outcome, error) {
	out := b.AgreementAt(stored, b.Now)
	if stored.Ended(b.Now) {
		return Outcome{Agreement: out}, nil
	}
	if err := b.end(stored.ID, when); err != nil {
		return Outcome{}, err
	}
	b.settle()
	if b.index(stored.ID) >= 0 {
		return Outcome{Agreement: b.agreementAt(stored.ID)}, nil
	}
	out.ExpiresOn, out.On = out.StartsOn, out.StartsOn // withdrawn: it never lives
	return Outcome{Agreement: out}, nil
}

// Resume takes back the end of an agreement, given as it is stored.
//
// Errors: AGREEMENT_ENDED.
func (b *Book) Resume(stored Agreement) (Outcome, error) {
	return Outcome{Agreement: b.AgreementAt(stored, b.Now)}, nil
}

// UpdateAgreement changes an agreement, given as it is stored.
//
// Errors: AGREEMENT_ENDED, <FIELD>_INVALID.
func (b *Book) UpdateAgreement(stored Agreement, _ AgreementUpdate) (Outcome, error) {
	return Outcome{Agreement: b.AgreementAt(stored, b.Now)}, nil
}

func (b *Book) end(id AgreementID, when When) error {
	i := b.index(id)
	a := &b.Agreements[i]
	if a.Scheduled(b.Now) {
		b.Agreements = slices.Delete(b.Agreements, i, i+1)
		return nil
	}
	end := b.Now
	if when == WhenPeriodEnd {
		var err error
		if end, err = b.periodEnd(); err != nil {
			return err
		}
	}
	a.OwnEnd = earlier(a.OwnEnd, end)
	b.dropScheduled(a.Slot())
	return nil
}

// dropScheduled takes the scheduled agreements of a slot out of the book.
func (b *Book) dropScheduled(slot Code) {
	b.Agreements = slices.DeleteFunc(b.Agreements, func(a Agreement) bool {
		return a.Slot() == slot && a.Scheduled(b.Now)
	})
}

// Move puts the customer on another version of the plan or add-on that it holds,
// now or at the end of the period, and keeps what it chose: quantity, annual
// price, end, trial, and scheduled changes. It reports false, and changes nothing,
// if the customer does not hold it, will not hold it then, or is about to move
// already.
func (b *Book) Move(code Code, version int, when When) (bool, error) {
	a, moves := b.moved(code, version, when)
	if !moves {
		return false, nil
	}
	// A move of the same plan that was scheduled is overtaken.
	b.Agreements = slices.DeleteFunc(b.Agreements, func(o Agreement) bool { return o.Plan == code && o.Scheduled(b.Now) })
	held := b.live(a.Slot())
	a.Quantity, a.OwnEnd = held.Quantity, held.OwnEnd
	a.Annual = held.Annual && b.Catalog.Plans[code].Version(version).hasAnnual()
	if held.TrialEndsOn.After(a.StartsOn) {
		a.TrialEndsOn = held.TrialEndsOn
	}
	if err := b.identify(&a, AgreementID{}); err != nil {
		return false, err
	}
	b.Agreements = append(b.Agreements, a)
	b.settle()
	return true, nil
}

// Moves reports whether [Book.Move] would change something.
func (b *Book) Moves(code Code, version int, when When) bool {
	_, moves := b.moved(code, version, when)
	return moves
}

// moved is the agreement that a move begins with, if there is anything to move.
func (b *Book) moved(code Code, version int, when When) (a Agreement, moves bool) {
	a = Agreement{
		CustomerID: b.Customer.ID, Plan: code, Version: version, Kind: b.Catalog.Plans[code].Kind,
		CreatedOn: b.Now, StartsOn: b.Now,
	}
	held := b.live(a.Slot())
	if held == nil || held.Plan != code || held.Version == version {
		return a, false
	}
	if when == WhenPeriodEnd {
		var err error
		if a.StartsOn, err = b.periodEnd(); err != nil {
			return a, false // this customer's version has no cycle
		}
	}
	for _, other := range b.Agreements {
		if other.Slot() == a.Slot() && other.Scheduled(b.Now) && !other.StartsOn.After(a.StartsOn) {
			return a, false
		}
	}
	end := held.OwnEnd
	return a, end.IsZero() || end.After(a.StartsOn)
}
