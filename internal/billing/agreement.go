package billing

import (
	"time"

	"github.com/allot-dev/allot/internal/calendar"
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
	Quantity   int64    // how many of an add-on, or of a plan that has a quantity; else 1
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
	// TrialEndsOn is the end of the trial; zero if there is none. TrialThen is what
	// happens then; "" if there is none, or, of an agreement made before there was
	// this field, as the terms say.
	TrialEndsOn time.Time
	TrialThen   TrialEnd
	// TrialScope is the group (for an add-on, its plan's code with "+" before
	// it) whose one trial this agreement used up; "" if it used none.
	TrialScope string
	// AnchorOn is what its cycles and windows are counted from, and TermFrom what its
	// terms are: see terms.go. Zero in an agreement made before there were these
	// fields: then the customer's anchor, and the terms are the plan's cycles.
	AnchorOn time.Time
	TermFrom time.Time
	// Origin says how the agreement came about; "" as most do, by being asked for.
	Origin Origin
	// AtPeriodEnd says that it was asked for from the end of a term on, with which it
	// moves if that is moved.
	AtPeriodEnd bool
	// ExternalID is what another system, such as a payment provider, calls the
	// agreement; "" if nothing does.
	ExternalID string
	Metadata   map[string]string
	// Carried are the limits of the agreement before this one that hold on for a
	// while, by the over_limit policies of this one's terms.
	Carried []Carry
}

// Origin is how an agreement came about.
type Origin string

// The origins that have a name.
const (
	fromImport   Origin = "import"   // history that was brought along
	fromFallback Origin = "fallback" // made by the fallback of the group when another's end was set
)

var origins = []Origin{fromImport, fromFallback}

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

// slot is what an agreement takes the place of another in: the one place for
// plans (""), or that of its add-on.
func (a *Agreement) slot() Code {
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
	WhenPeriodEnd When = "period_end" // the end of the term
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

	// Trial asks for a trial, or for none; nil: as the terms say.
	Trial *TrialWish
	// Anchor asks for what periods are counted from; zero: see terms.go.
	Anchor AnchorWish
	// DropScheduled withdraws what is scheduled in the same slot after the new
	// agreement's start.
	DropScheduled bool
	// Import says that this is history: no trial, and nobody is told.
	Import bool

	ID         AgreementID // of an imported agreement; default: a new one
	ExternalID *string
	Metadata   map[string]string // nil: none is named
}

// TrialWish is a trial that is asked for: one of its fields is set, or none to have
// no trial.
type TrialWish struct {
	Days   int // of 24 hours
	EndsOn time.Time
}

// AnchorWish is an anchor that is asked for: at most one of its fields is set.
type AnchorWish struct {
	Keep  bool // that of what is held
	Start bool // the new agreement's start
	On    time.Time
}

// AgreementUpdate changes the fields that are set.
type AgreementUpdate struct {
	TrialEndsOn *time.Time // of a trial that runs or is to come
	ExpiresOn   *time.Time // the zero time clears it
	ExternalID  *string
	Metadata    *map[string]string
}

// Outcome is what came of a request about an agreement.
type Outcome struct {
	Agreement AgreementAt
	// Made is whether the agreement is new; else it was there, and may be changed.
	Made bool
	// Withdrawn are scheduled agreements that are no more.
	Withdrawn []AgreementID
	Warnings  []Warning
}

// Warning is what a caller would not expect of something that succeeded.
type Warning struct {
	Code    string
	Message string
}

// AgreementAt is an agreement as it stands at an instant. Its AnchorOn is the
// customer's if it has none of its own.
type AgreementAt struct {
	Agreement
	On      time.Time
	Terms   *PlanVersion
	GroupID GroupID
	Period  calendar.Span // the term; zero if there is none: see Snapshot.AgreementAt

	catalog *Catalog
}

// Off reports whether the item at a position of the terms is a flag that it sets to false:
// by itself it entitles to nothing.
func (a *AgreementAt) Off(position int) bool {
	item := &a.Terms.Items[position]
	return a.catalog.Features[item.Feature].isOff(item.Value)
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
	p, _ := s.term(&a, on)
	a.AnchorOn = s.anchor(&a)
	return AgreementAt{Agreement: a, On: on, Terms: plan.Version(a.Version), GroupID: s.Catalog.Groups[plan.Group].ID, Period: p, catalog: s.Catalog}
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
