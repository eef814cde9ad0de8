package billing

import (
	"time"
)

// Cancel ends an agreement of the customer, given as it is stored, now or at the
// end of its term; one that has ended stays so. With the last plan its add-ons end.
// What is scheduled stays, unless it is dropped, and the warnings name it. An
// agreement that is scheduled itself is withdrawn, and what it would have replaced
// goes on.
//
// Errors: WHEN_INVALID, and those of the past.
func (b *Book) Cancel(stored Agreement, when When, drop bool) (Outcome, error) {
	out := b.AgreementAt(stored, b.Now)
	if stored.Ended(b.Now) {
		return Outcome{Agreement: out}, nil
	}
	slot := stored.slot()
	if a := &b.Agreements[b.index(stored.ID)]; a.Scheduled(b.Now) {
		b.drop(slot, func(o *Agreement) bool { return o.ID == stored.ID })
	} else {
		end := b.Now
		if when == WhenPeriodEnd {
			var err error
			if end, err = b.periodEnd(a); err != nil {
				return Outcome{}, err
			}
		}
		a.OwnEnd = earlier(a.OwnEnd, end)
	}
	if drop {
		b.drop(slot, func(o *Agreement) bool { return o.Origin != fromFallback })
	}
	if err := b.settle(); err != nil {
		return Outcome{}, err
	}
	if b.index(stored.ID) >= 0 {
		out = b.agreementAt(stored.ID)
	} else { // withdrawn: it never lives
		out.ExpiresOn, out.On = out.StartsOn, out.StartsOn
		out.Period.Start, out.Period.End = time.Time{}, time.Time{}
	}
	return b.outcome(out, b.keptWarning(slot, stored.ID)...), nil
}

// Resume takes back the end that an agreement, given as it is stored, was given by
// itself, with what was to begin there in its place. What begins later stays, and the
// warnings name it. The end of a trial that ends it is no such end and stays.
//
// Errors: AGREEMENT_ENDED, and those of the past.
func (b *Book) Resume(stored Agreement) (Outcome, error) {
	if stored.Ended(b.Now) {
		return Outcome{}, agreementIsOver(&stored)
	}
	a := &b.Agreements[b.index(stored.ID)]
	if b.cancelled(a) {
		end, there := a.OwnEnd, a.ExpiresOn.Equal(a.OwnEnd) // or another takes its place before
		a.OwnEnd = b.trialTerm(a)
		b.drop(a.slot(), func(o *Agreement) bool { return there && o.StartsOn.Equal(end) })
	}
	if err := b.settle(); err != nil {
		return Outcome{}, err
	}
	return b.outcome(b.agreementAt(stored.ID), b.keptWarning(stored.slot(), stored.ID)...), nil
}

func agreementIsOver(a *Agreement) error {
	return Conflict.Errorf("AGREEMENT_ENDED", "the agreement ended on %s; subscribe anew", a.ExpiresOn.Format(time.RFC3339Nano))
}
