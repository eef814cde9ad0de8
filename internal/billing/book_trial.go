package billing

import (
	"time"
)

// trial gives a new agreement its trial: what is left of that of the agreement it
// takes the place of; else the one that is asked for; else that of its terms, if the
// customer had none in that group (of that add-on) and none is scheduled. Who buys a
// plan during a trial that ends starts without one.
func (b *Book) trial(a *Agreement, r *request) error {
	wish := r.Trial
	if r.Import || wish != nil && *wish == (TrialWish{}) {
		return nil
	}
	if running := r.replaced; running != nil && running.TrialEndsOn.After(a.StartsOn) {
		goesOn := r.held != nil && r.held.ID == running.ID || b.trialThen(running) == convert
		switch {
		case wish != nil:
			return Invalid.Errorf("TRIAL_INVALID", "a trial is running until %s and goes on; to move its end, PATCH the agreement with trial_ends_on",
				running.TrialEndsOn.Format(time.RFC3339Nano))
		case !goesOn:
			return nil
		}
		a.TrialEndsOn, a.TrialThen, a.TrialScope = running.TrialEndsOn, b.trialThen(running), running.TrialScope
		return b.endWithTrial(a, r)
	}
	trial := b.Terms(a).Trial
	if wish == nil && trial == nil {
		return nil
	}
	scope := string(b.Catalog.Plans[a.Plan].Group)
	if a.Kind == KindAddOn {
		scope = "+" + string(a.Plan)
	}
	had, err := b.hadTrial(scope)
	if err != nil || had && wish == nil {
		return err
	}
	if had {
		return Invalid.Errorf("TRIAL_INVALID", "the customer had its trial, or has one scheduled; leave out trial")
	}
	a.TrialScope, a.TrialThen = scope, convert
	if trial != nil {
		a.TrialThen = trial.Then
		a.TrialEndsOn = a.StartsOn.Add(time.Duration(trial.Days) * 24 * time.Hour)
	}
	if wish != nil {
		if a.TrialEndsOn, err = wish.end(a.StartsOn, b.Now); err != nil {
			return err
		}
	}
	return b.endWithTrial(a, r)
}

// end is that of the trial that is asked for, of an agreement with a start.
func (w *TrialWish) end(start, now time.Time) (time.Time, error) {
	if w.EndsOn.IsZero() {
		if w.Days < 1 || w.Days > maxTrialDays {
			return time.Time{}, Invalid.Errorf("TRIAL_INVALID", "a trial has from 1 to %d days", maxTrialDays)
		}
		return start.Add(time.Duration(w.Days) * 24 * time.Hour), nil
	}
	if w.Days != 0 || !w.EndsOn.After(start) || !w.EndsOn.After(now) || !plausible(w.EndsOn) {
		return time.Time{}, Invalid.Errorf("TRIAL_INVALID", "give either days or ends_on; ends_on must be in the future, after the start, and before the year %d", lastYear)
	}
	return w.EndsOn, nil
}

// endWithTrial gives an agreement whose trial ends it that end, unless it has an
// earlier one. The request must not have asked for a later one.
func (b *Book) endWithTrial(a *Agreement, r *request) error {
	if a.TrialThen != End {
		return nil
	}
	if r.ExpiresOn.IsZero() {
		a.OwnEnd = earlier(a.OwnEnd, a.TrialEndsOn)
	}
	return b.endsInTime(a)
}

// endsInTime is an error if an agreement has an end of its own after that of a trial
// that ends it: EXPIRES_ON_INVALID.
func (b *Book) endsInTime(a *Agreement) error {
	if term := b.trialTerm(a); !term.IsZero() && a.OwnEnd.After(term) {
		return Invalid.Errorf("EXPIRES_ON_INVALID", "the agreement ends with its trial, on %s; give no later expires_on", term.Format(time.RFC3339Nano))
	}
	return nil
}

// trialThen is what the trial of an agreement turns into; "" if it has none.
func (s *Snapshot) trialThen(a *Agreement) TrialEnd {
	switch {
	case a.TrialEndsOn.IsZero():
		return ""
	case a.TrialThen != "":
		return a.TrialThen
	}
	if trial := s.Terms(a).Trial; trial != nil {
		return trial.Then
	}
	return convert
}

// trialTerm is the end that an agreement's trial gives it; zero if the trial
// converts or there is none.
func (s *Snapshot) trialTerm(a *Agreement) time.Time {
	if s.trialThen(a) == End {
		return a.TrialEndsOn
	}
	return time.Time{}
}

// cancelled reports whether an agreement has an end of its own that is not the one
// its trial gives it.
func (s *Snapshot) cancelled(a *Agreement) bool {
	return !a.OwnEnd.IsZero() && !a.OwnEnd.Equal(s.trialTerm(a))
}

// hadTrial reports whether the trial of a scope is used up or scheduled to be.
func (b *Book) hadTrial(scope string) (bool, error) {
	for i := range b.Agreements {
		if b.Agreements[i].TrialScope == scope {
			return true, nil
		}
	}
	for i := range b.stored.Agreements {
		if b.stored.Agreements[i].TrialScope == scope {
			return false, nil // it is withdrawn
		}
	}
	return b.past.HadTrial(b.Customer.ID, scope)
}
