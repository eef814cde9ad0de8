package billing

import (
	"strconv"
	"time"
)

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
	// OwnEnd is the end the agreement was given by itself; zero if none. ExpiresOn
	// is that, or the earlier end that follows from another agreement: that of the
	// next one in its place or, for an add-on, of the customer's plans. When such
	// an end is taken back, OwnEnd stays.
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

// AgreementStatus is where an agreement is in its life, which follows from the
// time.
type AgreementStatus string

// The statuses of an agreement.
const (
	agreementScheduled AgreementStatus = "scheduled"
	agreementLive      AgreementStatus = "live"
	agreementEnded     AgreementStatus = "ended"
)

var agreementStatuses = []AgreementStatus{agreementScheduled, agreementLive, agreementEnded}

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

// Slot is what an agreement takes the place of another in: the one place for
// plans (""), or that of its add-on.
func (a *Agreement) Slot() Code {
	if a.Kind == KindAddOn {
		return a.Plan
	}
	return ""
}

// When is the instant a change takes effect at.
type When string

// The instants that have a name.
const (
	WhenNow       When = "now"
	WhenPeriodEnd When = "period_end" // of the customer's plan
)

var whens = []When{WhenNow, WhenPeriodEnd}

// NewAgreement asks for a subscription. Zero fields take the default.
type NewAgreement struct {
	Plan     Code // of a plan or an add-on
	Version  int  // default: the one held, else the latest
	Quantity int64
	Annual   *bool // default: as held, else false

	StartsOn  time.Time // default: by When
	ExpiresOn time.Time // default: no end
	When      When      // default: now

	ID AgreementID // of an imported agreement; default: a new one
}

// AgreementAt is an agreement as it stands at an instant.
type AgreementAt struct {
	Agreement
	On      time.Time
	Terms   *PlanVersion
	GroupID GroupID
	Period  Cycle // zero if there is none: see Snapshot.period
}

// Status is scheduled, live or ended.
func (a *AgreementAt) Status() AgreementStatus {
	switch {
	case a.Scheduled(a.On):
		return agreementScheduled
	case a.Live(a.On):
		return agreementLive
	}
	return agreementEnded
}

// AgreementAt is an agreement of the customer as it stands at an instant.
func (s *Snapshot) AgreementAt(a Agreement, on time.Time) AgreementAt {
	plan := s.Catalog.Plans[a.Plan]
	p, _ := s.period(&a, on)
	return AgreementAt{Agreement: a, On: on, Terms: plan.Version(a.Version), GroupID: s.Catalog.Groups[plan.Group].ID, Period: p}
}

// agreementsAt are the live and scheduled agreements of a snapshot.
func (s *Snapshot) agreementsAt(now time.Time) []AgreementAt {
	out := make([]AgreementAt, 0, len(s.Agreements))
	for _, a := range s.Agreements {
		if !a.Ended(now) {
			out = append(out, s.AgreementAt(a, now))
		}
	}
	return out
}

// agreementFacts are what the change log says of an agreement.
func agreementFacts(a *Agreement) map[string]string {
	f := map[string]string{
		"agreement_id": a.ID.String(),
		"plan_code":    string(a.Plan),
		"version":      strconv.Itoa(a.Version),
		"starts_on":    a.StartsOn.Format(time.RFC3339Nano),
	}
	if a.Kind == KindAddOn {
		f["quantity"] = strconv.FormatInt(a.Quantity, 10)
	}
	if !a.ExpiresOn.IsZero() {
		f["expires_on"] = a.ExpiresOn.Format(time.RFC3339Nano)
	}
	if !a.TrialEndsOn.IsZero() {
		f["trial_ends_on"] = a.TrialEndsOn.Format(time.RFC3339Nano)
	}
	return f
}
