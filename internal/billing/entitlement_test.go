package billing

import (
	"fmt"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/govalues/decimal"
	"pgregory.net/rapid"

	"github.com/allot-dev/allot/internal/calendar"
)

// drawCatalog makes a catalog of a few features and plans with a few versions.
func drawCatalog(t *rapid.T) *Catalog {
	c := &Catalog{
		Rev: 1, Currency: "usd",
		Features: make(map[Code]*Feature), Plans: make(map[Code]*Plan),
		Groups: map[Code]*PlanGroup{"teams": {Code: "teams", CustomerType: Organization}},
	}
	var codes []Code
	for i := range rapid.IntRange(1, 6).Draw(t, "features") {
		f := &Feature{
			Code: Code(fmt.Sprintf("f%d", i)), Name: fmt.Sprintf("Feature %d", i),
			Type: rapid.SampledFrom([]FeatureType{Charge, Metered, Metered, Unmetered}).Draw(t, "type"),
		}
		c.Features[f.Code] = f
		codes = append(codes, f.Code)
	}
	for i := range rapid.IntRange(1, 4).Draw(t, "plans") {
		p := &Plan{Code: Code(fmt.Sprintf("p%d", i)), Group: "teams", Status: Published,
			Kind: rapid.SampledFrom([]PlanKind{KindPlan, KindAddOn}).Draw(t, "kind")}
		for n := range rapid.IntRange(1, 3).Draw(t, "versions") {
			v := &PlanVersion{Plan: p.Code, Number: n + 1, Terms: Terms{Cycle: calendar.Month}}
			for _, code := range rapid.Permutation(codes).Draw(t, "order")[:rapid.IntRange(0, len(codes)).Draw(t, "items")] {
				v.Items = append(v.Items, drawItem(t, c.Features[code]))
			}
			p.Versions = append(p.Versions, v)
		}
		c.Plans[p.Code] = p
	}
	return c
}

func drawItem(t *rapid.T, f *Feature) Item {
	amount := rapid.Ptr(rapid.OneOf(rapid.Int64Range(0, 100), rapid.Just[int64](MaxAmount)), true)
	it := Item{Feature: f.Code, PriceName: f.Name}
	switch f.Type {
	case Charge:
		it.FixedCharge = rapid.Int64Range(0, 10000).Draw(t, "fixed_charge")
		it.Annual = amount.Draw(t, "annual")
	case Metered:
		it.Min, it.Max = amount.Draw(t, "min"), amount.Draw(t, "max")
		it.Limit = rapid.SampledFrom([]LimitKind{Hard, Soft}).Draw(t, "limit")
		if rapid.Bool().Draw(t, "priced") {
			it.UnitAmount = new(decimal.MustNew(rapid.Int64Range(0, 1000).Draw(t, "unit_amount"), rapid.IntRange(0, 3).Draw(t, "scale")).Trim(0))
		}
	}
	return it
}

var epoch = date("2026-11-22T10:00:00Z")

// drawAgreements makes agreements in the order of their ids, with lives about
// the hours after epoch.
func drawAgreements(t *rapid.T, c *Catalog) []Agreement {
	hour := func(name string) time.Time {
		return epoch.Add(time.Duration(rapid.IntRange(0, 20).Draw(t, name)) * time.Hour)
	}
	var out []Agreement
	for i := range rapid.IntRange(0, 6).Draw(t, "agreements") {
		plan := c.Plans[Code(fmt.Sprintf("p%d", rapid.IntRange(0, len(c.Plans)-1).Draw(t, "plan")))]
		a := Agreement{ID: AgreementID{5: byte(i + 1)}, Plan: plan.Code, Kind: plan.Kind, Quantity: 1,
			Version:  rapid.IntRange(1, len(plan.Versions)).Draw(t, "version"),
			Annual:   rapid.Bool().Draw(t, "annual"),
			StartsOn: hour("starts_on"),
		}
		if a.Kind == KindAddOn {
			a.Quantity = rapid.OneOf(rapid.Int64Range(1, 9), rapid.Just[int64](MaxAmount)).Draw(t, "quantity")
		}
		if rapid.Bool().Draw(t, "expires") {
			a.ExpiresOn = hour("expires_on")
		}
		out = append(out, a)
	}
	return out
}

// naive answers the same question as Entitlements by going through everything
// there is, with integers that cannot overflow.
func naive(s *Snapshot, now time.Time) []string {
	if s.Customer.Status == Suspended {
		return nil
	}
	var out []string
	for _, a := range s.Agreements {
		if !lives(&a, now) {
			continue
		}
		for position, it := range s.Catalog.Plans[a.Plan].Versions[a.Version-1].Items {
			f := s.Catalog.Features[it.Feature]
			line := fmt.Sprintf("entitlement_%x%04x %s %q %q", a.ID[:14], position, f.Code, f.Name, it.PriceName)
			if f.Type == Charge {
				charge := it.FixedCharge
				if a.Annual && it.Annual != nil {
					charge = *it.Annual
				}
				line += fmt.Sprintf(" charge=%d", charge)
			}
			if f.Type == Metered && it.UnitAmount != nil && it.UnitAmount.Scale() == 0 {
				line += " unit=" + it.UnitAmount.String()
			}
			if f.Type == Metered {
				line += " max=" + naiveLimit(s, f.Code, now)
			}
			out = append(out, line)
		}
	}
	slices.Sort(out)
	return out
}

func naiveLimit(s *Snapshot, feature Code, now time.Time) string {
	sum := new(big.Int)
	for _, a := range s.Agreements {
		for _, it := range s.Catalog.Plans[a.Plan].Versions[a.Version-1].Items {
			if it.Feature != feature || !lives(&a, now) {
				continue
			}
			if it.Max == nil {
				return "none"
			}
			sum.Add(sum, new(big.Int).Mul(big.NewInt(*it.Max), big.NewInt(a.Quantity)))
		}
	}
	if sum.Cmp(big.NewInt(MaxAmount)) > 0 {
		return fmt.Sprint(int64(MaxAmount))
	}
	return sum.String()
}

func lives(a *Agreement, now time.Time) bool {
	return a.StartsOn.Compare(now) <= 0 && (a.ExpiresOn.IsZero() || now.Compare(a.ExpiresOn) < 0)
}

func TestEntitlementsAgainstNaiveModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &Snapshot{Catalog: drawCatalog(t)}
		s.Agreements = drawAgreements(t, s.Catalog)
		s.Customer.Status = rapid.SampledFrom([]CustomerStatus{Active, Active, Active, Suspended}).Draw(t, "status")
		for range 10 {
			now := epoch.Add(time.Duration(rapid.IntRange(-1, 21*3600).Draw(t, "now")) * time.Second)
			var got []string
			for _, e := range Entitlements(s, now) {
				line := fmt.Sprintf("%s %s %q %q", e.ID, e.Feature.Code, e.Feature.Name, e.Item.PriceName)
				if charge, ok := e.FixedCharge(); ok {
					line += fmt.Sprintf(" charge=%d", charge)
				}
				if unit, ok := e.UnitAmount(); ok {
					line += fmt.Sprintf(" unit=%d", unit)
				}
				if e.Feature.Type == Metered {
					line += " max=none"
				}
				if e.LimitMax != nil {
					line = fmt.Sprintf("%s%d", line[:len(line)-len("none")], *e.LimitMax)
				}
				got = append(got, line)
			}
			if diff := cmp.Diff(naive(s, now), got); diff != "" {
				t.Fatalf("at %s (-naive +got):\n%s", now, diff)
			}
		}
	})
}

func TestLimitIsSoftOnlyIfAllPartsAre(t *testing.T) {
	item := func(kind LimitKind) []Item { return []Item{{Feature: "api", Max: new(int64(5)), Limit: kind}} }
	plan := func(code Code, kind LimitKind) *Plan {
		return &Plan{Code: code, Versions: []*PlanVersion{{Plan: code, Number: 1, Terms: Terms{Items: item(kind)}}}}
	}
	s := &Snapshot{
		Catalog: &Catalog{
			Features: map[Code]*Feature{"api": {Code: "api", Type: Metered}},
			Plans:    map[Code]*Plan{"soft": plan("soft", Soft), "hard": plan("hard", Hard)},
		},
		Facts: Facts{Agreements: []Agreement{{Plan: "soft", Version: 1, Quantity: 1, StartsOn: epoch}, {Plan: "soft", Kind: KindAddOn, Version: 1, Quantity: 2, StartsOn: epoch}}},
	}
	if l := s.Allowance(s.Catalog.Features["api"], epoch).Limit; !l.Soft || *l.Max != 15 {
		t.Errorf("soft and soft: %v of %d", l.Soft, *l.Max)
	}
	s.Agreements[1].Plan = "hard"
	if l := s.Allowance(s.Catalog.Features["api"], epoch).Limit; l.Soft || *l.Max != 15 {
		t.Errorf("soft and hard: %v of %d", l.Soft, *l.Max)
	}
}

func TestNowNeverBeforeTheFacts(t *testing.T) {
	s := &Snapshot{Catalog: &Catalog{ChangedOn: epoch.Add(time.Second)}, Facts: Facts{Customer: Customer{ChangedOn: epoch.Add(2 * time.Second)}}}
	last := epoch.Add(2 * time.Second)
	if got := s.Now(epoch); got != last.Add(time.Microsecond) {
		t.Errorf("a lagging clock: now = %s, want what is after the change", got)
	}
	if got := s.Now(last); got != last {
		t.Errorf("the clock of the change: now = %s", got)
	}
	if got := s.Now(epoch.Add(time.Hour)); got != epoch.Add(time.Hour) {
		t.Errorf("a clock ahead: now = %s", got)
	}
}

// Where one agreement alone is said to say everything, the entitlements by all
// the rules are those of that agreement alone.
func TestSoleAgreement(t *testing.T) {
	soles, others := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		s := &Snapshot{Catalog: drawCatalog(t)}
		s.Agreements = drawAgreements(t, s.Catalog)
		s.Agreements = s.Agreements[:min(len(s.Agreements), rapid.SampledFrom([]int{1, 1, 2, 3}).Draw(t, "at most"))]
		s.Customer.Status = rapid.SampledFrom([]CustomerStatus{Active, Active, Active, Suspended}).Draw(t, "status")
		if rapid.Bool().Draw(t, "overridden") {
			s.Overrides = drawOverrides(t, s.Catalog)
		}
		for i := range s.Agreements {
			if a := &s.Agreements[i]; rapid.IntRange(0, 9).Draw(t, "carries") == 0 {
				for code := range s.Catalog.Features {
					a.Carried = append(a.Carried, Carry{Feature: code, Max: new(int64(50))})
				}
			}
		}
		from := epoch
		if len(s.Agreements) > 0 {
			from = s.Agreements[0].StartsOn
		}
		for range 10 {
			now := from.Add(time.Duration(rapid.IntRange(-1, 5).Draw(t, "hours later")) * time.Hour)
			sole := s.Sole(now)
			if sole == nil {
				others++
				continue
			}
			soles++
			want, _ := s.Alone(sole)
			for i := range want {
				want[i].Agreement = sole
			}
			if diff := cmp.Diff(want, Entitlements(s, now), cmpopts.EquateEmpty(), cmp.AllowUnexported(decimal.Decimal{})); diff != "" {
				t.Fatalf("at %s (-alone +entitlements):\n%s", now, diff)
			}
		}
	})
	if soles < 20 || others < 20 {
		t.Errorf("%d times one agreement alone, %d times not: the test sees too little", soles, others)
	}
}

// drawOverrides makes overrides with lives about the hours after epoch.
func drawOverrides(t *rapid.T, c *Catalog) []Override {
	var out []Override
	for i := range rapid.IntRange(0, 2).Draw(t, "overrides") {
		o := Override{
			ID: OverrideID{4: byte(i + 1)}, Feature: Code(fmt.Sprintf("f%d", rapid.IntRange(0, len(c.Features)-1).Draw(t, "feature"))),
			StartsOn: epoch.Add(time.Duration(rapid.IntRange(0, 20).Draw(t, "starts_on")) * time.Hour),
			Deny:     rapid.Bool().Draw(t, "deny"), HasMax: rapid.Bool().Draw(t, "has_max"),
			Add: rapid.Int64Range(0, 9).Draw(t, "add"),
		}
		o.ExpiresOn = o.StartsOn.Add(time.Duration(rapid.IntRange(1, 4).Draw(t, "hours")) * time.Hour)
		out = append(out, o)
	}
	return out
}

func TestSole(t *testing.T) {
	later := epoch.Add(time.Hour)
	live := Agreement{ID: AgreementID{5: 1}, Quantity: 1, StartsOn: epoch}
	past, next, two, carrying := live, live, live, live
	past.ExpiresOn = epoch
	next.StartsOn = later
	two.Quantity = 2
	carrying.Carried = []Carry{{Feature: "f0"}}
	for name, test := range map[string]struct {
		facts Facts
		sole  bool
	}{
		"one":             {Facts{Agreements: []Agreement{live}}, true},
		"one of three":    {Facts{Agreements: []Agreement{past, live, next}}, true},
		"override ended":  {Facts{Agreements: []Agreement{live}, Overrides: []Override{{StartsOn: epoch, ExpiresOn: epoch}}}, true},
		"override to be":  {Facts{Agreements: []Agreement{live}, Overrides: []Override{{StartsOn: later}}}, true},
		"none":            {Facts{Agreements: []Agreement{past, next}}, false},
		"two":             {Facts{Agreements: []Agreement{live, live}}, false},
		"twice":           {Facts{Agreements: []Agreement{two}}, false},
		"carrying":        {Facts{Agreements: []Agreement{carrying}}, false},
		"override":        {Facts{Agreements: []Agreement{live}, Overrides: []Override{{StartsOn: epoch}}}, false},
		"suspended":       {Facts{Agreements: []Agreement{live}, Customer: Customer{Status: Suspended}}, false},
		"deleted":         {Facts{Agreements: []Agreement{live}, Customer: Customer{DeletedOn: epoch}}, false},
		"nothing at all":  {Facts{}, false},
		"override, alone": {Facts{Overrides: []Override{{StartsOn: epoch}}}, false},
	} {
		if sole := (&Snapshot{Facts: test.facts}).Sole(epoch); (sole != nil) != test.sole || sole != nil && !sole.Live(epoch) {
			t.Errorf("%s: %v", name, sole)
		}
	}
}
