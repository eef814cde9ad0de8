package billing

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/govalues/decimal"

	"github.com/allot-dev/allot/internal/calendar"
)

func price0(s string) *decimal.Decimal { return new(decimal.MustParse(s)) }

// baseSpec is a right catalog for tests to change.
func baseSpec() CatalogSpec {
	return CatalogSpec{
		Currency: "usd",
		Features: []Feature{
			{Code: "base", Name: "Base price", Type: Charge},
			{Code: "seats", Name: "Seats", Type: Metered, Unit: "seat"},
			{Code: "sso", Name: "Single sign-on", Type: Unmetered},
		},
		Groups: []PlanGroup{
			{Code: "teams", Name: "Teams", CustomerType: Organization, Default: true},
			{Code: "people", Name: "People", CustomerType: User, Default: true},
		},
		Plans: []PlanSpec{
			{Code: "free", Name: "Free", Group: "teams", Status: Published, Default: true, AskForCard: new(false),
				Items: []ItemSpec{{Feature: "seats", Max: new(int64(3))}}},
			{Code: "pro", Name: "Pro", Group: "teams", Status: Published, Trial: &TrialSpec{},
				Items: []ItemSpec{
					{Feature: "base", PriceName: "Pro base", FixedCharge: new(int64(2500)), Annual: new(int64(25000))},
					{Feature: "seats", Min: new(int64(1)), Max: new(int64(10)), UnitAmount: price0("900.00")},
					{Feature: "sso"},
				}},
			{Code: "extra", Name: "Extra seats", Group: "teams", Kind: KindAddOn, Status: Published,
				Items: []ItemSpec{{Feature: "seats", Max: new(int64(5)), Tiers: []Tier{
					{UpTo: new(int64(5)), UnitAmount: *price0("100")}, {UnitAmount: *price0("0.5")}}}}},
			{Code: "next", Name: "Next", Group: "teams", Items: []ItemSpec{{Feature: "sso"}}},
		},
	}
}

func mustApply(t *testing.T, c *Catalog, spec CatalogSpec, now time.Time) (*Catalog, CatalogChanges) {
	t.Helper()
	next, changes, faults, err := c.Apply(spec, now, func() (GroupID, error) { return GroupID{1}, nil })
	if err != nil || len(faults) > 0 {
		t.Fatal(err, faults)
	}
	return next, changes
}

func TestApplyDefaults(t *testing.T) {
	c, changes := mustApply(t, &Catalog{}, baseSpec(), epoch)
	if c.Rev != 1 || changes.Rev != 1 || c.ChangedOn != epoch || c.Currency != "usd" {
		t.Errorf("catalog %+v, changes %+v", c, changes)
	}
	pro := c.Plans["pro"].Latest()
	want := &PlanVersion{Plan: "pro", Number: 1, PublishedOn: epoch, Terms: Terms{
		Cycle: calendar.Month, AskForCard: true, Trial: &Trial{Days: 30, CardPromptDays: 3, Then: convert},
		Items: []Item{
			{Feature: "base", PriceName: "Pro base", FixedCharge: 2500, Annual: new(int64(25000)), Interval: calendar.Month},
			{Feature: "seats", PriceName: "Seats", PriceNameDefaulted: true, Min: new(int64(1)), Max: new(int64(10)),
				Limit: Hard, Reset: ResetCycle, OverLimit: OverLimit{Policy: Block}, UnitAmount: price0("900")},
			{Feature: "sso", PriceName: "Single sign-on", PriceNameDefaulted: true},
		},
	}}
	if diff := cmp.Diff(want, pro, cmpopts.IgnoreUnexported(Terms{})); diff != "" {
		t.Errorf("pro (-want +got):\n%s", diff)
	}
	if next := c.Plans["next"]; next.Status != draft || !next.Latest().PublishedOn.IsZero() {
		t.Errorf("a plan without status: %+v", next)
	}
}

func TestApplyTwiceChangesNothing(t *testing.T) {
	c, _ := mustApply(t, &Catalog{}, baseSpec(), epoch)
	next, changes := mustApply(t, c, baseSpec(), epoch.Add(time.Hour))
	if next != c || len(changes.Changes) > 0 || changes.Rev != c.Rev {
		t.Errorf("the second time changes %+v", changes)
	}
}

// What a file leaves out stays, and is told.
func TestApplyLeavesTheRest(t *testing.T) {
	c, _ := mustApply(t, &Catalog{}, baseSpec(), epoch)
	spec := baseSpec()
	spec.Currency, spec.Features, spec.Groups, spec.Plans = "", spec.Features[:1], nil, spec.Plans[:2]
	next, changes := mustApply(t, c, spec, epoch)
	want := []reference{{"feature", "seats"}, {"feature", "sso"}, {"plan_group", "people"}, {"plan_group", "teams"}, {"plan", "extra"}, {"plan", "next"}}
	if next != c || !slices.Equal(changes.Untouched, want) {
		t.Errorf("untouched: %v, changes %v", changes.Untouched, changes.Changes)
	}
}

func TestApplyChanges(t *testing.T) {
	first, _ := mustApply(t, &Catalog{}, baseSpec(), epoch)
	for _, tt := range []struct {
		name   string
		change func(*CatalogSpec)
		want   []catalogChange
	}{
		{"limit of a published plan", func(s *CatalogSpec) { s.Plans[1].Items[1].Max = new(int64(20)) },
			[]catalogChange{{actionNewVersion, "plan", "pro", 2, []string{"items[seats].max: 10 → 20"}}}},
		{"limit taken away", func(s *CatalogSpec) { s.Plans[1].Items[1].Max = nil },
			[]catalogChange{{actionNewVersion, "plan", "pro", 2, []string{"items[seats].max: 10 → none"}}}},
		{"price with other digits but the same value", func(s *CatalogSpec) { s.Plans[1].Items[1].UnitAmount = price0("900.0000") }, nil},
		{"price", func(s *CatalogSpec) { s.Plans[1].Items[1].UnitAmount = price0("900.01") },
			[]catalogChange{{actionNewVersion, "plan", "pro", 2, []string{"items[seats].unit_amount: 900 → 900.01"}}}},
		{"tier", func(s *CatalogSpec) { s.Plans[2].Items[0].Tiers[1].UnitAmount = *price0("0.4") },
			[]catalogChange{{actionNewVersion, "plan", "extra", 2, []string{"items[seats].tiers: up to 5 100, above 0.5 → up to 5 100, above 0.4"}}}},
		{"items", func(s *CatalogSpec) {
			s.Plans[0].Items = []ItemSpec{{Feature: "sso"}}
		}, []catalogChange{{actionNewVersion, "plan", "free", 2, []string{"items[sso]: new", "items[seats]: removed"}}}},
		{"order of items", func(s *CatalogSpec) { slices.Reverse(s.Plans[1].Items) },
			[]catalogChange{{actionNewVersion, "plan", "pro", 2, []string{"items: another order"}}}},
		{"trial", func(s *CatalogSpec) { s.Plans[1].Trial = nil },
			[]catalogChange{{actionNewVersion, "plan", "pro", 2, []string{"trial: 30 days, card prompt 3 days before, then convert → none"}}}},
		{"names are not versioned", func(s *CatalogSpec) { s.Plans[1].Name, s.Features[1].Name, s.Groups[0].Name = "P", "S", "T" },
			[]catalogChange{
				{actionUpdate, "feature", "seats", 0, []string{"name: Seats → S"}},
				{actionUpdate, "plan_group", "teams", 0, []string{"name: Teams → T"}},
				{actionUpdate, "plan", "pro", 1, []string{"name: Pro → P"}},
			}},
		{"the reset of a feature is that of the items that name none", func(s *CatalogSpec) { s.Features[1].Reset = "day"; s.Plans = s.Plans[:1] },
			[]catalogChange{
				{actionUpdate, "feature", "seats", 0, []string{"reset: cycle → day"}},
				{actionNewVersion, "plan", "free", 2, []string{"items[seats].reset: cycle → day"}},
			}},
		{"a draft stays at version 1", func(s *CatalogSpec) { s.Plans[3].Items = nil },
			[]catalogChange{{actionUpdate, "plan", "next", 1, []string{"items[sso]: removed"}}}},
		{"publish", func(s *CatalogSpec) { s.Plans[3].Status = Published; s.Plans[3].Cycle = calendar.Year },
			[]catalogChange{{actionPublish, "plan", "next", 1, []string{"cycle: month → year"}}}},
		{"archive", func(s *CatalogSpec) { s.Plans[1].Archived = true },
			[]catalogChange{{actionArchive, "plan", "pro", 1, nil}}},
		{"move the default", func(s *CatalogSpec) { s.Plans[0].Default, s.Plans[1].Default = false, true },
			[]catalogChange{
				{actionUpdate, "plan", "free", 1, []string{"default: true → false"}},
				{actionUpdate, "plan", "pro", 1, []string{"default: false → true"}},
			}},
		{"move the default to a file of its own", func(s *CatalogSpec) { s.Plans = s.Plans[1:2]; s.Plans[0].Default = true },
			[]catalogChange{
				{actionUpdate, "plan", "pro", 1, []string{"default: false → true"}},
				{actionUpdate, "plan", "free", 1, []string{"default: true → false"}},
			}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			spec := baseSpec()
			tt.change(&spec)
			before := first.Plans["pro"].Versions[0]
			next, changes := mustApply(t, first, spec, epoch.Add(time.Hour))
			if diff := cmp.Diff(tt.want, changes.Changes); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if next.Plans["pro"].Versions[0] != before {
				t.Error("version 1 of pro was replaced")
			}
			if again, changes := mustApply(t, next, spec, epoch.Add(2*time.Hour)); again != next {
				t.Errorf("applied again: %v", changes.Changes)
			}
		})
	}
}

// The name of a price is what programs match on: it stays as it was published,
// also when the feature it came from is renamed.
func TestPriceNameIsStable(t *testing.T) {
	c, _ := mustApply(t, &Catalog{}, baseSpec(), epoch)
	spec := baseSpec()
	spec.Features[1].Name = "Places"
	c, _ = mustApply(t, c, spec, epoch)
	if got := c.Plans["pro"].Latest(); got.Number != 1 || got.Items[1].PriceName != "Seats" {
		t.Errorf("renamed feature: version %d, price name %q", got.Number, got.Items[1].PriceName)
	}
	spec.Plans[1].Items[1].Max = new(int64(11))
	c, _ = mustApply(t, c, spec, epoch)
	if got := c.Plans["pro"].Latest(); got.Number != 2 || got.Items[1].PriceName != "Places" {
		t.Errorf("next version: version %d, price name %q", got.Number, got.Items[1].PriceName)
	}
}

func TestApplyFaults(t *testing.T) {
	published, _ := mustApply(t, &Catalog{}, baseSpec(), epoch)
	for _, tt := range []struct {
		path, message string
		change        func(*CatalogSpec)
	}{
		{"currency", "fixed to usd", func(s *CatalogSpec) { s.Currency = "eur" }},
		{"features[3].code", "twice", func(s *CatalogSpec) { s.Features = append(s.Features, s.Features[0]) }},
		{"features[1].type", "plan extra has it", func(s *CatalogSpec) { s.Features[1] = Feature{Code: "seats", Name: "S", Type: Unmetered} }},
		{"features[2].unit", "only metered", func(s *CatalogSpec) { s.Features[2].Unit = "u" }},
		{"features[2].reset", "only metered", func(s *CatalogSpec) { s.Features[2].Reset = "day" }},
		{"plan_groups[2].code", "twice", func(s *CatalogSpec) { s.Groups = append(s.Groups, s.Groups[1]) }},
		{"plan_groups[0].customer_type", "for customers of type organization", func(s *CatalogSpec) { s.Groups[0].CustomerType = User; s.Groups[1].Default = false }},
		{"plan_groups[2].default", "only one", func(s *CatalogSpec) {
			s.Groups = append(s.Groups, PlanGroup{Code: "g", Name: "G", CustomerType: User, Default: true})
		}},
		{"plans[4].code", "twice", func(s *CatalogSpec) { s.Plans = append(s.Plans, s.Plans[3]) }},
		{"plans[0].group", "there is no plan group clubs", func(s *CatalogSpec) { s.Plans[0].Group = "clubs" }},
		{"plans[0].group", "stays there", func(s *CatalogSpec) { s.Plans[0].Group = "people" }},
		{"plans[0].kind", "stays so", func(s *CatalogSpec) { s.Plans[0].Kind = KindAddOn; s.Plans[0].Default = false }},
		{"plans[1].status", "cannot become a draft", func(s *CatalogSpec) { s.Plans[1].Status = draft }},
		{"plans[2].default", "add-on", func(s *CatalogSpec) { s.Plans[0].Default, s.Plans[2].Default = false, true }},
		{"plans[3].default", "draft", func(s *CatalogSpec) { s.Plans[0].Default, s.Plans[3].Default = false, true }},
		{"plans[1].default", "only one", func(s *CatalogSpec) { s.Plans[1].Default = true }},
		{"plans[0].default", "archived", func(s *CatalogSpec) { s.Plans[0].Archived = true }},
		{"plans[3].archived", "draft", func(s *CatalogSpec) { s.Plans[3].Archived = true }},
		{"plans[0].trial", "needs a card", func(s *CatalogSpec) { s.Plans[0].Trial = &TrialSpec{} }},
		{"plans[1].trial.days", "from 1", func(s *CatalogSpec) { s.Plans[1].Trial.Days = new(0) }},
		{"plans[1].trial.card_prompt_days", "from 0 to 6", func(s *CatalogSpec) {
			s.Plans[1].Trial = &TrialSpec{Days: new(7), CardPromptDays: new(7)}
		}},
		{"plans[0].ask_for_card", "without charges", func(s *CatalogSpec) { s.Plans[0].Items[0].UnitAmount = price0("1") }},
		{"plans[0].items[1].feature", "twice", func(s *CatalogSpec) { s.Plans[0].Items = append(s.Plans[0].Items, s.Plans[0].Items[0]) }},
		{"plans[0].items[0].feature", "there is no feature seat;", func(s *CatalogSpec) { s.Plans[0].Items[0].Feature = "seat" }},
		{"plans[1].items[0].fixed_charge", "needs fixed_charge", func(s *CatalogSpec) { s.Plans[1].Items[0].FixedCharge = nil }},
		{"plans[1].items[0].annual", "no annual option", func(s *CatalogSpec) { s.Plans[1].Items[0].Interval = calendar.Year }},
		{"plans[1].items[3].annual", "at most one", func(s *CatalogSpec) {
			s.Features = append(s.Features, Feature{Code: "support", Name: "Support", Type: Charge})
			s.Plans[1].Items = append(s.Plans[1].Items, ItemSpec{Feature: "support", FixedCharge: new(int64(1)), Annual: new(int64(10))})
		}},
		{"plans[1].items[0].max", "goes with metered", func(s *CatalogSpec) { s.Plans[1].Items[0].Max = new(int64(1)) }},
		{"plans[1].items[1].fixed_charge", "goes with charge", func(s *CatalogSpec) { s.Plans[1].Items[1].FixedCharge = new(int64(1)) }},
		{"plans[1].items[2].tiers", "goes with metered", func(s *CatalogSpec) { s.Plans[1].Items[2].Tiers = []Tier{{UnitAmount: *price0("1")}} }},
		{"plans[1].items[1].min", "must not be more", func(s *CatalogSpec) { s.Plans[1].Items[1].Min = new(int64(11)) }},
		{"plans[1].items[1].over_limit", "at least one day", func(s *CatalogSpec) { s.Plans[1].Items[1].OverLimit = &OverLimit{Policy: Grace} }},
		{"plans[2].items[0].tiers", "either unit_amount or tiers", func(s *CatalogSpec) { s.Plans[2].Items[0].UnitAmount = price0("1") }},
		{"plans[2].items[0].tiers", "tiers is empty", func(s *CatalogSpec) { s.Plans[2].Items[0].Tiers = []Tier{} }},
		{"plans[2].items[0].tiers[0].up_to", "only the last tier is open", func(s *CatalogSpec) { s.Plans[2].Items[0].Tiers[0].UpTo = nil }},
		{"plans[2].items[0].tiers[1].up_to", "must be open", func(s *CatalogSpec) { s.Plans[2].Items[0].Tiers[1].UpTo = new(int64(9)) }},
		{"plans[2].items[0].tiers[1].up_to", "more than the 5", func(s *CatalogSpec) {
			s.Plans[2].Items[0].Tiers = slices.Insert(s.Plans[2].Items[0].Tiers, 1, Tier{UpTo: new(int64(5))})
		}},
		{"plans[2].items[0].tiers[0].up_to", "at least 1", func(s *CatalogSpec) { s.Plans[2].Items[0].Tiers[0].UpTo = new(int64(0)) }},
	} {
		t.Run(tt.path, func(t *testing.T) {
			spec := baseSpec()
			tt.change(&spec)
			_, _, faults, err := published.Apply(spec, epoch, func() (GroupID, error) { return GroupID{2}, nil })
			if err != nil || len(faults) != 1 || faults[0].Path != tt.path || !strings.Contains(faults[0].Message, tt.message) {
				t.Errorf("got %v, %v; want %s: …%s…", faults, err, tt.path, tt.message)
			}
		})
	}
}

func TestApplyReportsEveryFault(t *testing.T) {
	spec := baseSpec()
	spec.Currency = ""
	spec.Plans[0].Items[0].Feature = "gone"
	spec.Plans[1].Items[1].Min = new(int64(11))
	spec.Plans[2].Default = true
	_, _, faults, _ := (&Catalog{}).Apply(spec, epoch, func() (GroupID, error) { return GroupID{}, nil })
	var paths []string
	for _, f := range faults {
		paths = append(paths, f.Path)
	}
	want := []string{"plans[2].default", "plans[2].default", "plans[0].items[0].feature", "plans[1].items[1].min", "currency"}
	if !slices.Equal(paths, want) {
		t.Errorf("faults at %v, want %v", paths, want)
	}
}

func TestWarnsOfLimitsThatSomeClientsCannotRead(t *testing.T) {
	spec := baseSpec()
	spec.Plans[1].Items[1].Max = new(int64(1 << 31))
	_, changes := mustApply(t, &Catalog{}, spec, epoch)
	if len(changes.Warnings) != 1 || !strings.Contains(changes.Warnings[0].Message, "plans[1].items[1].max") {
		t.Errorf("warnings: %q", changes.Warnings)
	}
}
