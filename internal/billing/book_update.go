package billing

import (
	"time"
)

// UpdateAgreement changes an agreement, given as it is stored. With the end of a
// trial move the end that it gives, what the agreement is counted from, and what was
// scheduled for the end of the term. Of an agreement that has ended only metadata and
// external id can be changed.
//
// Errors: AGREEMENT_ENDED, <FIELD>_INVALID, and those of the past.
func (b *Book) UpdateAgreement(stored Agreement, in AgreementUpdate) (Outcome, error) {
	if err := checkNames(in.ExternalID, orEmpty(in.Metadata)); err != nil {
		return Outcome{}, err
	}
	over := stored.Ended(b.Now)
	if over && (in.TrialEndsOn != nil || in.ExpiresOn != nil) {
		return Outcome{}, agreementIsOver(&stored)
	}
	if over && b.index(stored.ID) < 0 {
		b.Agreements = append(b.Agreements, stored)
		b.stored.Agreements = append(b.stored.Agreements[:len(b.stored.Agreements):len(b.stored.Agreements)], stored)
	}
	a := &b.Agreements[b.index(stored.ID)]
	set(&a.ExternalID, in.ExternalID)
	set(&a.Metadata, in.Metadata)
	if in.TrialEndsOn != nil {
		if err := b.moveTrial(a, *in.TrialEndsOn); err != nil {
			return Outcome{}, err
		}
	}
	if in.ExpiresOn != nil {
		if err := b.moveEnd(a, *in.ExpiresOn); err != nil {
			return Outcome{}, err
		}
	}
	if err := b.settle(); err != nil {
		return Outcome{}, err
	}
	return b.outcome(b.agreementAt(stored.ID)), nil
}

func orEmpty(m *map[string]string) map[string]string {
	if m == nil {
		return nil
	}
	return *m
}

// moveTrial moves the end of a trial that runs or is to come. An instant a little in
// the past is now.
func (b *Book) moveTrial(a *Agreement, end time.Time) error {
	if !end.After(b.Now) && !end.Before(b.Now.Add(-MaxAhead)) {
		end = b.Now
	}
	switch old := a.TrialEndsOn; {
	case !a.hasTrial() || !old.After(b.Now):
		return Invalid.Errorf("TRIAL_ENDS_ON_INVALID", "the agreement has no trial that runs or is to come")
	case !end.After(a.StartsOn) || end.Before(b.Now) || !plausible(end):
		return Invalid.Errorf("TRIAL_ENDS_ON_INVALID", "trial_ends_on must be now or later, after the agreement starts, and before the year %d", lastYear)
	case end.Equal(old):
		return nil
	}
	old := a.TrialEndsOn
	if a.OwnEnd.Equal(old) { // also of who cancelled at the end of the trial
		a.OwnEnd = end
	} else if b.trialTerm(a).Equal(old) {
		a.OwnEnd = earlier(a.OwnEnd, end)
	}
	for i := range b.Agreements {
		phase := &b.Agreements[i]
		if phase.slot() == a.slot() && phase.Scheduled(b.Now) && phase.TrialEndsOn.Equal(old) && phase.StartsOn.Before(old) {
			phase.moveKeptTrial(end)
			continue
		}
		if phase.slot() != a.slot() || !phase.AtPeriodEnd || !phase.Scheduled(b.Now) || !phase.StartsOn.Equal(old) {
			continue
		}
		if !phase.OwnEnd.IsZero() && !phase.OwnEnd.After(end) {
			return Invalid.Errorf("TRIAL_ENDS_ON_INVALID", "%s begins with the end of the trial and ends on %s; give an earlier trial_ends_on, or cancel that",
				phase.Plan, phase.OwnEnd.Format(time.RFC3339Nano))
		}
		phase.moveStart(end)
	}
	moveFrom(&a.AnchorOn, old, end)
	moveFrom(&a.TermFrom, old, end)
	a.TrialEndsOn = end
	return nil
}

// moveKeptTrial moves the end of a trial that the agreement goes on with; it has none
// if that is over before it starts.
func (a *Agreement) moveKeptTrial(to time.Time) {
	old := a.TrialEndsOn
	if a.OwnEnd.Equal(old) {
		a.OwnEnd = to
	}
	from := to
	if a.TrialEndsOn = to; !to.After(a.StartsOn) {
		from = a.StartsOn
		a.TrialEndsOn, a.TrialThen, a.TrialScope = time.Time{}, "", ""
	}
	moveFrom(&a.AnchorOn, old, from)
	moveFrom(&a.TermFrom, old, from)
}

// moveStart moves the start of an agreement that is scheduled, with what is counted
// from there.
func (a *Agreement) moveStart(to time.Time) {
	moveFrom(&a.AnchorOn, a.StartsOn, to)
	moveFrom(&a.TermFrom, a.StartsOn, to)
	a.StartsOn = to
}

func moveFrom(t *time.Time, from, to time.Time) {
	if t.Equal(from) {
		*t = to
	}
}

// moveEnd gives an agreement an end of its own; with the zero time, the one that its
// trial gives it, or none.
func (b *Book) moveEnd(a *Agreement, end time.Time) error {
	trial := b.trialTerm(a)
	switch {
	case end.IsZero():
		a.OwnEnd = trial
		return nil
	case !end.After(b.Now) || !end.After(a.StartsOn) || !plausible(end):
		return Invalid.Errorf("EXPIRES_ON_INVALID", "expires_on must be in the future, after the agreement starts, and before the year %d; to end it now, cancel it", lastYear)
	case !trial.IsZero() && end.After(trial):
		return Invalid.Errorf("EXPIRES_ON_INVALID", "the agreement ends with its trial, on %s; give trial_ends_on", trial.Format(time.RFC3339Nano))
	}
	a.OwnEnd = end
	return nil
}
