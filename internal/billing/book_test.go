package billing

import (
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// reporter is a test, or one case of a property.
type reporter interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
	Errorf(string, ...any)
}

// shelf is one customer whose book tests open again and again: what is stored of
// it, by value.
type shelf struct {
	t       reporter
	now     time.Time
	catalog *Catalog
	facts   Facts // all that ever was
	log     []ChangeKind
}

// newShelf has a customer without a plan. The catalog has plans free (default),
// pro, and max with 3, 10 and 100 seats; trying and ending with trials of 14
// days, which then convert or end; kind, whose over_limit policy is a grace of 5
// days, with 1; and the add-on extra with 5.
func newShelf(t *testing.T) *shelf {
	s := &shelf{t: t, now: date("2027-01-31T10:00:00Z")}
	plan := func(code Code, seats int64) PlanSpec {
		return PlanSpec{Code: code, Name: string(code), Group: "teams", Status: Published, Items: []ItemSpec{{Feature: "seats", Max: &seats}}}
	}
	free, trying, ending, kind, extra := plan("free", 3), plan("trying", 7), plan("ending", 8), plan("kind", 1), plan("extra", 5)
	free.Default = true
	trying.Trial, ending.Trial = &TrialSpec{Days: new(14), Then: convert}, &TrialSpec{Days: new(14), Then: End}
	kind.Items[0].OverLimit = &OverLimit{Policy: Grace, GraceDays: 5}
	extra.Kind = KindAddOn
	s.catalog, _ = mustApply(t, &Catalog{}, CatalogSpec{
		Currency: "usd",
		Features: []Feature{{Code: "seats", Name: "Seats", Type: Metered}},
		Groups:   []PlanGroup{{Code: "teams", Name: "Teams", CustomerType: Organization, Default: true}},
		Plans:    []PlanSpec{free, plan("pro", 10), plan("max", 100), trying, ending, kind, extra},
	}, s.now)
	c, err := NewCustomer{Type: Organization, OrgCode: "acme"}.Record(s.now, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s.facts.Customer = c
	return s
}

func (s *shelf) Overlapping(_ CustomerID, addOn Code, from, to time.Time, _ int) (out []Agreement, err error) {
	for _, a := range s.facts.Agreements {
		if a.slot() == addOn && a.StartsOn.Before(to) && (a.ExpiresOn.IsZero() || a.ExpiresOn.After(from)) {
			out = append(out, a)
		}
	}
	slices.SortFunc(out, func(a, b Agreement) int { return a.StartsOn.Compare(b.StartsOn) })
	return out, nil
}

func (s *shelf) HadTrial(_ CustomerID, scope string) (bool, error) {
	return slices.ContainsFunc(s.facts.Agreements, func(a Agreement) bool { return a.TrialScope == scope }), nil
}

func (s *shelf) AgreementCustomer(id AgreementID) (CustomerID, error) {
	for _, a := range s.facts.Agreements {
		if a.ID == id {
			return a.CustomerID, nil
		}
	}
	return CustomerID{}, ErrNotFound
}

func (s *shelf) GrantsByExternalID(_ CustomerID, externalID string) (out []Grant, err error) {
	for _, g := range s.facts.Grants {
		if g.ExternalID == externalID {
			out = append(out, g)
		}
	}
	return out, nil
}

// open opens the book on what has not ended.
func (s *shelf) open() *Book {
	snap := Snapshot{Catalog: s.catalog, Facts: Facts{Customer: s.facts.Customer}}
	for _, a := range s.facts.Agreements {
		if !a.Ended(s.now) {
			snap.Agreements = append(snap.Agreements, a)
		}
	}
	for _, o := range s.facts.Overrides {
		if !o.ended(s.now) {
			snap.Overrides = append(snap.Overrides, o)
		}
	}
	for _, g := range s.facts.Grants {
		if g.SetAsideOn.IsZero() {
			snap.Grants = append(snap.Grants, g)
		}
	}
	return OpenBook(snap, s.now, "cli", s, rand.Reader)
}

// keep stores what became different in a book.
func (s *shelf) keep(b *Book) {
	s.t.Helper()
	d := b.Difference()
	if d.Customer != nil {
		s.facts.Customer = *d.Customer
	}
	for _, a := range d.Withdrawn {
		s.facts.Agreements = slices.DeleteFunc(s.facts.Agreements, func(o Agreement) bool { return o.ID == a.ID })
	}
	for _, a := range d.Changed {
		s.facts.Agreements[slices.IndexFunc(s.facts.Agreements, func(o Agreement) bool { return o.ID == a.ID })] = a
	}
	s.facts.Agreements = append(s.facts.Agreements, d.Created...)
	for _, o := range d.OverridesEnded {
		s.facts.Overrides[slices.IndexFunc(s.facts.Overrides, func(p Override) bool { return p.ID == o.ID })] = o
	}
	s.facts.Overrides = append(s.facts.Overrides, d.OverridesCreated...)
	for _, g := range d.GrantsChanged {
		s.facts.Grants[slices.IndexFunc(s.facts.Grants, func(o Grant) bool { return o.ID == g.ID })] = g
	}
	s.facts.Grants = append(s.facts.Grants, d.GrantsCreated...)
	s.log = nil
	for _, c := range d.Changes {
		s.facts.Customer.Rev++
		s.log = append(s.log, c.Kind)
	}
}

func (s *shelf) subscribe(in NewAgreement) AgreementAt {
	s.t.Helper()
	b := s.open()
	a, err := b.Subscribe(in)
	if err != nil {
		s.t.Fatalf("subscribe to %s: %v", in.Plan, err)
	}
	s.keep(b)
	return a.Agreement
}

func (s *shelf) cancel(id AgreementID, when When) AgreementAt {
	s.t.Helper()
	i := slices.IndexFunc(s.facts.Agreements, func(a Agreement) bool { return a.ID == id })
	b := s.open()
	a, err := b.Cancel(s.facts.Agreements[i], when, true)
	if err != nil {
		s.t.Fatalf("cancel: %v", err)
	}
	s.keep(b)
	return a.Agreement
}

func (s *shelf) on(day string) { s.now = date(day + "T10:00:00Z") }

// want compares all agreements that are stored, by start, and the changes that
// the last difference logged.
func (s *shelf) want(agreements string, changes ...ChangeKind) {
	s.t.Helper()
	day := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.Format("01-02")
	}
	list := slices.Clone(s.facts.Agreements)
	slices.SortStableFunc(list, func(a, b Agreement) int { return a.StartsOn.Compare(b.StartsOn) })
	var got []string
	for _, a := range list {
		got = append(got, fmt.Sprintf("%s %s…%s", a.Plan, day(a.StartsOn), day(a.ExpiresOn)))
	}
	if text := strings.Join(got, ", "); text != agreements {
		s.t.Errorf("agreements: %s\nwant:       %s", text, agreements)
	}
	if !slices.Equal(s.log, changes) {
		s.t.Errorf("changes: %v\nwant:    %v", s.log, changes)
	}
}

func wantRefusal(t *testing.T, err error, code string) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Code != code {
		t.Errorf("error: %v, want %s", err, code)
	}
}

func TestBookOfSignUp(t *testing.T) {
	s := newShelf(t)
	b := s.open()
	if err := b.SignUp(NewCustomer{}); err != nil {
		t.Fatal(err)
	}
	s.keep(b)
	s.want("free 01-31…", customerCreated, AgreementCreated)
	if !s.facts.Customer.AnchorOn.Equal(s.now) {
		t.Errorf("anchor: %v, want that of the sign-up", s.facts.Customer.AnchorOn)
	}
}

func TestBookReplacesThePlan(t *testing.T) {
	s := newShelf(t)
	s.subscribe(NewAgreement{Plan: "free"})
	s.on("2027-02-10")
	s.subscribe(NewAgreement{Plan: "pro"})
	s.want("free 01-31…02-10, pro 02-10…", agreementChanged, AgreementCreated)
	s.subscribe(NewAgreement{Plan: "pro"})
	s.want("free 01-31…02-10, pro 02-10…")
	if d := s.open().Difference(); d.Customer != nil || len(d.Changes) > 0 {
		t.Errorf("a book that was only opened: %+v, want no difference", d)
	}
}

// What is scheduled ends what is held, and its withdrawal takes that end back.
func TestBookSchedulesAndWithdraws(t *testing.T) {
	s := newShelf(t)
	s.subscribe(NewAgreement{Plan: "pro"})
	s.on("2027-02-10")
	next := s.subscribe(NewAgreement{Plan: "max", When: WhenPeriodEnd})
	s.want("pro 01-31…02-28, max 02-28…", agreementChanged, AgreementCreated)
	if got := s.cancel(next.ID, WhenNow); got.Status() != "ended" {
		t.Errorf("a withdrawn agreement is %s, want ended", got.Status())
	}
	s.want("pro 01-31…", agreementChanged, agreementWithdrawn)
	s.subscribe(NewAgreement{Plan: "max", When: WhenPeriodEnd})
	s.subscribe(NewAgreement{Plan: "free", DropScheduled: true})
	s.want("pro 01-31…02-10, free 02-10…", agreementChanged, agreementWithdrawn, AgreementCreated)
}

func TestBookCancels(t *testing.T) {
	s := newShelf(t)
	pro := s.subscribe(NewAgreement{Plan: "pro"})
	s.subscribe(NewAgreement{Plan: "extra", Quantity: 2})
	s.on("2027-02-10")
	s.cancel(pro.ID, WhenPeriodEnd)
	s.want("pro 01-31…02-28, extra 01-31…02-28", agreementChanged, agreementChanged)
	s.on("2027-03-05")
	s.cancel(pro.ID, WhenNow)
	s.want("pro 01-31…02-28, extra 01-31…02-28") // what has ended stays so
}

func TestBookOfTrials(t *testing.T) {
	s := newShelf(t)
	s.subscribe(NewAgreement{Plan: "ending"})
	s.want("ending 01-31…02-14", AgreementCreated)
	s.on("2027-02-05")
	if a := s.subscribe(NewAgreement{Plan: "trying"}); !a.TrialEndsOn.IsZero() {
		t.Errorf("the trial ends on %v, want none: who buys a plan in a trial that ends pays", a.TrialEndsOn)
	}
	s.want("ending 01-31…02-05, trying 02-05…", agreementChanged, AgreementCreated)
	s.on("2027-03-01")
	s.subscribe(NewAgreement{Plan: "free"})
	if a := s.subscribe(NewAgreement{Plan: "ending"}); !a.TrialEndsOn.IsZero() || !a.ExpiresOn.IsZero() {
		t.Errorf("a second trial of the group: %v to %v", a.TrialEndsOn, a.ExpiresOn)
	}
}

// Under a policy of grace the larger limit of the plan before holds on for who is
// over, for as long as it would have.
func TestBookCarriesLimits(t *testing.T) {
	s := newShelf(t)
	s.subscribe(NewAgreement{Plan: "pro"})
	s.on("2027-02-10")
	a := s.subscribe(NewAgreement{Plan: "kind"})
	until := date("2027-02-15T10:00:00Z")
	if len(a.Carried) != 1 || *a.Carried[0].Max != 10 || !a.Carried[0].Until.Equal(until) {
		t.Errorf("carried: %+v, want 10 seats until %v", a.Carried, until)
	}
	for now, want := range map[time.Time]int64{s.now: 10, until: 1} {
		al := (&s.open().Snapshot).Allowance(s.catalog.Features["seats"], now)
		if al.Grace != nil {
			al.Grace.Answer(&al, 11*OneUnit, 0)
		}
		if d := al.Decide(OneUnit, 4*OneUnit, 0); *d.Limit.Max != want {
			t.Errorf("seats on %v: %d, want %d", now, *d.Limit.Max, want)
		}
	}
}

func TestBookOfThePast(t *testing.T) {
	s := newShelf(t)
	first := s.subscribe(NewAgreement{Plan: "pro"})
	s.on("2027-02-10")
	s.cancel(first.ID, WhenNow)
	s.on("2027-03-10")
	_, err := s.open().Subscribe(NewAgreement{Plan: "free", StartsOn: date("2027-02-05T10:00:00Z")})
	wantRefusal(t, err, "STARTS_ON_INVALID")
	_, err = s.open().Subscribe(NewAgreement{Plan: "free", ID: first.ID})
	wantRefusal(t, err, "AGREEMENT_EXISTS")
	_, err = s.open().Subscribe(NewAgreement{Plan: "extra"})
	wantRefusal(t, err, "PLAN_NOT_AVAILABLE")
	s.subscribe(NewAgreement{Plan: "free", StartsOn: date("2027-02-20T10:00:00Z")})
	s.want("pro 01-31…02-10, free 02-20…", AgreementCreated)
}

func TestBookOfOverrides(t *testing.T) {
	s := newShelf(t)
	s.subscribe(NewAgreement{Plan: "pro"})
	set := func(add int64) Override {
		t.Helper()
		b := s.open()
		o, _, err := b.SetOverride("seats", NewOverride{Add: add})
		if err != nil {
			t.Fatal(err)
		}
		s.keep(b)
		return o
	}
	first := set(1)
	s.want("pro 01-31…", overrideSet)
	if again := set(1); again.ID != first.ID {
		t.Error("the same terms have another id")
	}
	s.want("pro 01-31…")
	set(2)
	if ended := s.facts.Overrides[0]; !ended.ExpiresOn.Equal(s.now) {
		t.Errorf("the first override ends on %v, want now", ended.ExpiresOn)
	}
	s.on("2027-02-10")
	b := s.open()
	if err := b.EndOverride("seats"); err != nil {
		t.Fatal(err)
	}
	s.keep(b)
	s.want("pro 01-31…", overrideEnded)
	wantRefusal(t, s.open().EndOverride("seats"), "OVERRIDE_NOT_FOUND")
}

// An override is warned of by what it says itself, not by what others do.
func TestOverrideWarnsOfItself(t *testing.T) {
	s := newShelf(t)
	s.subscribe(NewAgreement{Plan: "pro"})
	spec := s.catalog.Plans["pro"].Latest().Items[0]
	calls := Item{Feature: "calls", Max: spec.Max, Limit: spec.Limit, Reset: spec.Reset}
	s.catalog.Features["calls"] = &Feature{Code: "calls", Name: "Calls", Type: Metered}
	s.catalog.Plans["pro"].Latest().Items = append(s.catalog.Plans["pro"].Latest().Items, calls)
	for _, c := range []struct {
		feature Code
		in      NewOverride
		want    int
	}{
		{"seats", NewOverride{HasMax: true, Max: new(int64(2))}, 1},
		{"calls", NewOverride{HasMax: true, Max: new(int64(2))}, 1},
		{"calls", NewOverride{HasMax: true, Max: new(int64(10))}, 0},
		{"calls", NewOverride{HasMax: true}, 0},
		{"calls", NewOverride{Add: 1}, 0},
	} {
		b := s.open()
		_, warnings, err := b.SetOverride(c.feature, c.in)
		if err != nil {
			t.Fatal(err)
		}
		s.keep(b)
		if len(warnings) != c.want {
			t.Errorf("%s %+v: warnings %v, want %d", c.feature, c.in, warnings, c.want)
		}
	}
}

func TestBookOfDeletion(t *testing.T) {
	s := newShelf(t)
	s.subscribe(NewAgreement{Plan: "pro"})
	s.subscribe(NewAgreement{Plan: "extra"})
	s.subscribe(NewAgreement{Plan: "max", When: WhenPeriodEnd})
	s.on("2027-02-10")
	b := s.open()
	if err := b.Delete(true); err != nil {
		t.Fatal(err)
	}
	s.keep(b)
	s.want("pro 01-31…02-10, extra 01-31…02-10", agreementChanged, agreementChanged, agreementWithdrawn, customerDeleted)
	if c := s.facts.Customer; !c.DeletedOn.Equal(s.now) || c.OrgCode != "" {
		t.Errorf("the customer: %+v, want it deleted and without codes", c)
	}
}
