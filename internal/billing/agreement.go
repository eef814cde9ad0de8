package billing

import "time"

// Agreement is a customer's subscription to one version of a plan or add-on.
// Its plan, version, quantity and start never change: a move to another makes a
// new agreement, so that an entitlement id never changes its meaning.
type Agreement struct {
	ID         AgreementID
	CustomerID CustomerID
	Plan       Code
	Version    int
	Kind       PlanKind // of the plan, kept here because it decides the life cycle
	Quantity   int64    // 1 for a plan; how many of an add-on
	Annual     bool     // the annual price was chosen

	CreatedOn time.Time
	// StartsOn and ExpiresOn bound the half-open life [StartsOn, ExpiresOn). A
	// zero ExpiresOn means no end is set.
	StartsOn  time.Time
	ExpiresOn time.Time
	// OwnEnd is the end an add-on was given by itself. ExpiresOn is that or the
	// end of the customer's plan, whichever is first; when the plan's end is
	// taken back, OwnEnd stays. For a plan, OwnEnd is ExpiresOn.
	OwnEnd time.Time
	// TrialEndsOn is the end of the trial; zero if there is none.
	TrialEndsOn time.Time
	// TrialScope is the group (for an add-on, its plan's code with "+" before
	// it) whose one trial this agreement used up; "" if it used none.
	TrialScope string
	// Carried are the limits of the agreement before this one that hold on for a
	// while, by the over_limit policies of this one's terms.
	Carried []Carry
}

// Live reports whether StartsOn ≤ now < ExpiresOn.
func (a *Agreement) Live(now time.Time) bool {
	return !now.Before(a.StartsOn) && !a.Ended(now)
}

// Scheduled reports whether the agreement's life is still to begin.
func (a *Agreement) Scheduled(now time.Time) bool { return now.Before(a.StartsOn) }

// Ended reports whether the agreement's life is over.
func (a *Agreement) Ended(now time.Time) bool {
	return !a.ExpiresOn.IsZero() && !now.Before(a.ExpiresOn)
}
