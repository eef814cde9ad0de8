package billing

import (
	"crypto/rand"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/allot-dev/allot/internal/calendar"
)

// lawCatalog sells what the laws of books are about: two versions of a plan with an
// annual price, a yearly and an aligned one, trials that convert and end, quantities,
// add-ons, a grace. With fallback free, the plans fall back to free.
func lawCatalog(t *testing.T, fallback bool) *Catalog {
	now := date("2026-01-01T00:00:00Z")
	base := func(amount int64) ItemSpec {
		return ItemSpec{Feature: "base", FixedCharge: &amount, Annual: new(10 * amount)}
	}
	plan := func(code Code, seats int64, items ...ItemSpec) PlanSpec {
		return PlanSpec{Code: code, Name: string(code), Group: "teams", Status: Published, Items: append(items, ItemSpec{Feature: "seats", Max: &seats})}
	}
	free, pro, yearly, first, tri, trie := plan("free", 3), plan("pro", 100, base(10)), plan("yearly", 50), plan("first", 20), plan("tri", 7), plan("trie", 8)
	free.Items[0].OverLimit = &OverLimit{Policy: Grace, GraceDays: 5}
	yearly.Cycle, first.Align = calendar.Year, calendar.Calendar
	tri.Trial, trie.Trial = &TrialSpec{Days: new(14), Then: convert}, &TrialSpec{Days: new(14), Then: End}
	extra, more := plan("extra", 5), plan("more", 50)
	extra.Kind, more.Kind, more.Cycle = KindAddOn, KindAddOn, calendar.None
	group := PlanGroup{Code: "teams", Name: "Teams", CustomerType: Organization, Default: true}
	if fallback {
		group.Fallback = "free"
	}
	c, _ := mustApply(t, &Catalog{}, CatalogSpec{
		Currency: "usd", Features: []Feature{{Code: "base", Name: "Base", Type: Charge}, {Code: "seats", Name: "Seats", Type: Metered}},
		Groups: []PlanGroup{group}, Plans: []PlanSpec{free, pro, yearly, first, tri, trie, extra, more},
	}, now)
	pro2 := pro
	pro2.Items = append([]ItemSpec{}, base(20), ItemSpec{Feature: "seats", Max: new(int64(90))})
	c, _ = mustApply(t, c, CatalogSpec{Plans: []PlanSpec{pro2}}, now)
	// What catalog files cannot say yet, or what the applying of them leaves out.
	c.Groups["teams"].Fallback = group.Fallback
	for _, v := range c.Plans["first"].Versions {
		v.Align = calendar.Calendar
	}
	for _, v := range c.Plans["pro"].Versions {
		v.Quantity = &Quantity{Max: new(int64(5))}
	}
	return c
}

// lawShelf is a shelf with a new customer.
func lawShelf(t reporter, catalog *Catalog) *shelf {
	s := &shelf{t: t, now: date("2027-01-31T10:00:00Z"), catalog: catalog}
	c, err := NewCustomer{Type: Organization, OrgCode: "acme"}.Record(s.now, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s.facts.Customer = c
	return s
}

// act draws one request and does it; a refusal changes nothing. It answers how to
// do the same again.
func (s *shelf) act(t *rapid.T) func() (Outcome, error) {
	soon := func(name string) time.Time {
		return s.now.Add(time.Duration(rapid.IntRange(1, 24*80).Draw(t, name)) * time.Hour)
	}
	ids := []AgreementID{{}}
	for _, a := range s.facts.Agreements {
		ids = append(ids, a.ID)
	}
	id := rapid.SampledFrom(ids).Draw(t, "agreement")
	when := rapid.SampledFrom([]When{WhenNow, WhenPeriodEnd}).Draw(t, "when")
	var do func(*Book) (Outcome, error)
	switch kind := rapid.IntRange(0, 9).Draw(t, "request"); {
	case kind < 5 || id == AgreementID{}:
		in := NewAgreement{Plan: rapid.SampledFrom([]Code{"free", "pro", "yearly", "first", "tri", "trie", "extra", "more"}).Draw(t, "plan")}
		switch rapid.IntRange(0, 3).Draw(t, "start") {
		case 0:
			in.StartsOn = soon("starts_on")
		case 1:
			in.When = WhenPeriodEnd
		}
		if in.Plan == "pro" {
			in.Annual = rapid.SampledFrom([]*bool{nil, new(true), new(false)}).Draw(t, "annual")
			in.Version = rapid.SampledFrom([]int{0, 0, 1, 2}).Draw(t, "version")
		}
		if in.Plan == "pro" || in.Plan == "extra" {
			in.Quantity = rapid.SampledFrom([]int64{0, 0, 1, 3}).Draw(t, "quantity")
		}
		if rapid.IntRange(0, 4).Draw(t, "ends") == 0 {
			in.ExpiresOn = soon("expires_on")
		}
		in.DropScheduled = rapid.IntRange(0, 5).Draw(t, "drop") == 0
		do = func(b *Book) (Outcome, error) { return b.Subscribe(in) }
	case kind < 7:
		do = func(b *Book) (Outcome, error) { return b.Cancel(s.stored(id), when, kind == 5) }
	case kind < 8:
		do = func(b *Book) (Outcome, error) { return b.Resume(s.stored(id)) }
	case kind < 9:
		in := AgreementUpdate{}
		if rapid.Bool().Draw(t, "trial") {
			in.TrialEndsOn = new(soon("trial_ends_on"))
		} else {
			in.ExpiresOn = new(soon("expires_on"))
		}
		do = func(b *Book) (Outcome, error) { return b.UpdateAgreement(s.stored(id), in) }
	default:
		do = func(b *Book) (Outcome, error) {
			moved, err := b.Move("pro", 2, when)
			return Outcome{Made: moved.Moves}, err
		}
	}
	again := func() (Outcome, error) {
		if id != (AgreementID{}) && !slices.ContainsFunc(s.facts.Agreements, func(a Agreement) bool { return a.ID == id }) {
			return Outcome{}, ErrNotFound
		}
		b := s.open()
		out, err := do(b)
		if err == nil {
			s.keep(b)
		}
		return out, err
	}
	if _, err := again(); err != nil {
		if e := (*Error)(nil); !errors.As(err, &e) && !errors.As(err, new(Errors)) && !errors.Is(err, ErrNotFound) {
			t.Fatal(err)
		}
	}
	return again
}

func (s *shelf) stored(id AgreementID) Agreement {
	return s.facts.Agreements[slices.IndexFunc(s.facts.Agreements, func(a Agreement) bool { return a.ID == id })]
}

// lifeAt is what is live at an instant, with its term, as facts say it.
func (s *shelf) lifeAt(at time.Time) (out []string) {
	snap := Snapshot{Catalog: s.catalog, Facts: s.facts}
	for _, a := range s.facts.Agreements {
		if !a.Live(at) {
			continue
		}
		term, ok := snap.term(&a, at)
		out = append(out, fmt.Sprint(a.slot(), a.ID, a.Plan, a.Version, a.Quantity, a.Annual, a.StartsOn, a.AnchorOn, a.TermFrom, ok, term))
	}
	slices.Sort(out)
	return out
}

// An answer that was given is given again for ever: no later request changes what
// was live at an instant, what it is counted from, and the term of then. A running
// trial's end may move, and with it the term that it is: so terms are compared at
// instants that are over.
func TestThePastStands(t *testing.T) {
	for _, fallback := range []bool{false, true} {
		catalog := lawCatalog(t, fallback)
		rapid.Check(t, func(t *rapid.T) {
			s := lawShelf(t, catalog)
			type answer struct {
				at   time.Time
				said []string
			}
			var given []answer
			for range rapid.IntRange(1, 15).Draw(t, "requests") {
				s.act(t)
				given = append(given, answer{s.now, nil})
				s.now = s.now.Add(time.Duration(rapid.IntRange(1, 24*20).Draw(t, "pass")) * time.Hour)
				for i := range given {
					now := plainLives(s.lifeAt(given[i].at), s, given[i].at)
					if given[i].said != nil && !reflect.DeepEqual(given[i].said, now) {
						t.Fatalf("at %s:\n%s", given[i].at, cmp.Diff(given[i].said, now))
					}
					given[i].said = now
				}
				s.invariants(t)
			}
		})
	}
}

// plainLives leaves the term out where it is that of a trial which still runs, and
// may be moved.
func plainLives(said []string, s *shelf, at time.Time) []string {
	if slices.ContainsFunc(s.facts.Agreements, func(a Agreement) bool { return a.Live(at) && a.TrialEndsOn.After(s.now) }) {
		return nil
	}
	return said
}

// invariants are what holds of the facts after whatever was asked for.
func (s *shelf) invariants(t *rapid.T) {
	snap := Snapshot{Catalog: s.catalog, Facts: s.facts}
	var edges []time.Time
	for _, a := range s.facts.Agreements {
		edges = append(edges, a.StartsOn, a.ExpiresOn)
		if a.AnchorOn.IsZero() || a.TermFrom.IsZero() || a.TermFrom.Equal(a.TrialEndsOn) != a.hasTrial() && a.hasTrial() {
			t.Fatalf("counted from %s and %s: %+v", a.AnchorOn, a.TermFrom, a)
		}
		if a.Ended(s.now) {
			continue
		}
		if trial := snap.trialTerm(&a); !trial.IsZero() && a.hasTrial() && (a.OwnEnd.IsZero() || a.OwnEnd.After(trial)) {
			t.Fatalf("outlives its trial that ends: %+v", a)
		}
	}
	for _, at := range edges {
		live := map[Code]int{}
		for _, a := range s.facts.Agreements {
			if a.Live(at) {
				live[a.slot()]++
			}
		}
		for slot, n := range live {
			if n > 1 || slot != "" && live[""] == 0 {
				t.Fatalf("at %s %d of slot %q are live, and %d plans", at, n, slot, live[""])
			}
		}
	}
}

// A term does not end before what was paid for: the term of an annual agreement
// that begins at a boundary of it, or is new, is a year; and cancelling at the end of
// the term ends it there and not before.
func TestTermsAreWhole(t *testing.T) {
	catalog := lawCatalog(t, false)
	rapid.Check(t, func(t *rapid.T) {
		s := lawShelf(t, catalog)
		for range rapid.IntRange(1, 10).Draw(t, "requests") {
			s.act(t)
			for _, a := range s.facts.Agreements {
				snap := Snapshot{Catalog: s.catalog, Facts: s.facts}
				term, ok := snap.term(&a, s.now)
				if !ok || !a.Live(s.now) {
					continue
				}
				whole := term.Start.Add(28 * 24 * time.Hour)
				switch {
				case a.TrialEndsOn.After(s.now):
					whole = a.TrialEndsOn
				case a.Annual || snap.Terms(&a).Cycle == calendar.Year:
					whole = term.Start.Add(365 * 24 * time.Hour)
				}
				if !term.Contains(s.now) || term.End.Before(whole) {
					t.Fatalf("now %s, term %v of %+v", s.now, term, a)
				}
				b := s.open()
				out, err := b.Cancel(a, WhenPeriodEnd, false)
				if err != nil || !a.Ended(s.now) && !out.Agreement.OwnEnd.Equal(earlier(a.OwnEnd, term.End)) {
					t.Fatalf("cancelled: %v, ends %s, term %v", err, out.Agreement.OwnEnd, term)
				}
			}
			s.now = s.now.Add(time.Duration(rapid.IntRange(1, 24*40).Draw(t, "pass")) * time.Hour)
		}
	})
}

// Any request, done again at once, changes nothing, or is refused.
func TestRepeatingChangesNothing(t *testing.T) {
	for _, fallback := range []bool{false, true} {
		catalog := lawCatalog(t, fallback)
		rapid.Check(t, func(t *rapid.T) {
			s := lawShelf(t, catalog)
			for range rapid.IntRange(1, 12).Draw(t, "requests") {
				again := s.act(t)
				before := s.facts
				before.Agreements = slices.Clone(before.Agreements)
				if out, err := again(); err == nil && out.Made {
					t.Fatalf("made again: %+v", out.Agreement.Agreement)
				}
				if !reflect.DeepEqual(before.Agreements, s.facts.Agreements) || !before.Customer.AnchorOn.Equal(s.facts.Customer.AnchorOn) {
					t.Fatalf("the second time changes\n%s", cmp.Diff(before.Agreements, s.facts.Agreements))
				}
				s.now = s.now.Add(time.Duration(rapid.IntRange(0, 24*30).Draw(t, "pass")) * time.Hour)
			}
		})
	}
}
