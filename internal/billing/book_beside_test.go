package billing

import "testing"

// An add-on lives beside the plans that its terms name.
func TestAddOnsBesideSomePlans(t *testing.T) {
	stock := func(t *testing.T) *shelf {
		s := newShelf(t)
		s.catalog.Plans["extra"].Versions[0].Beside = []Code{"pro", "trying"}
		return s
	}
	refused := func(t *testing.T, s *shelf, in NewAgreement) {
		t.Helper()
		_, err := s.open().Subscribe(in)
		wantRefusal(t, err, "PLAN_NOT_AVAILABLE")
	}
	t.Run("only beside those", func(t *testing.T) {
		s := stock(t)
		s.subscribe(NewAgreement{Plan: "free"})
		refused(t, s, NewAgreement{Plan: "extra"})
		s.subscribe(NewAgreement{Plan: "pro", When: WhenPeriodEnd})
		s.subscribe(NewAgreement{Plan: "extra", When: WhenPeriodEnd})
	})
	t.Run("it ends with the change, and comes back with it", func(t *testing.T) {
		s := stock(t)
		s.subscribe(NewAgreement{Plan: "pro"})
		extra := s.subscribe(NewAgreement{Plan: "extra"})
		later := s.subscribe(NewAgreement{Plan: "max", When: WhenPeriodEnd})
		if got := s.stored(extra.ID); !got.ExpiresOn.Equal(later.StartsOn) || !got.OwnEnd.IsZero() {
			t.Fatalf("extra ends on %v; the plan changes on %v", got.ExpiresOn, later.StartsOn)
		}
		s.cancel(later.ID, WhenNow)
		if got := s.stored(extra.ID); !got.ExpiresOn.IsZero() {
			t.Errorf("extra still ends on %v", got.ExpiresOn)
		}
		s.subscribe(NewAgreement{Plan: "max"})
		if got := s.stored(extra.ID); !got.ExpiresOn.Equal(s.now) {
			t.Errorf("after a change at once extra ends on %v", got.ExpiresOn)
		}
	})
	t.Run("it goes on from one to another", func(t *testing.T) {
		s := stock(t)
		s.subscribe(NewAgreement{Plan: "trying"})
		extra := s.subscribe(NewAgreement{Plan: "extra"})
		s.subscribe(NewAgreement{Plan: "pro"})
		if got := s.stored(extra.ID); !got.ExpiresOn.IsZero() {
			t.Errorf("extra ends on %v", got.ExpiresOn)
		}
	})
	t.Run("a fallback ends it, and a resumption takes that back", func(t *testing.T) {
		s := stock(t)
		s.catalog.Groups["teams"].Fallback = "free"
		pro := s.subscribe(NewAgreement{Plan: "pro"})
		extra := s.subscribe(NewAgreement{Plan: "extra"})
		ends := s.cancel(pro.ID, WhenPeriodEnd).ExpiresOn
		if got := s.stored(extra.ID); !got.ExpiresOn.Equal(ends) {
			t.Fatalf("extra ends on %v, pro on %v", got.ExpiresOn, ends)
		}
		b := s.open()
		if _, err := b.Resume(s.stored(pro.ID)); err != nil {
			t.Fatal(err)
		}
		s.keep(b)
		if got := s.stored(extra.ID); !got.ExpiresOn.IsZero() {
			t.Errorf("extra ends on %v", got.ExpiresOn)
		}
	})
	t.Run("it stays on its version where the next would end it", func(t *testing.T) {
		s := stock(t)
		s.subscribe(NewAgreement{Plan: "pro"})
		extra := s.subscribe(NewAgreement{Plan: "extra"})
		v := *s.catalog.Plans["extra"].Versions[0]
		v.Number, v.Beside = 2, []Code{"max"}
		s.catalog.Plans["extra"].Versions = append(s.catalog.Plans["extra"].Versions, &v)
		moved, err := s.open().Move("extra", 2, WhenNow)
		if err != nil || moved.Moves || len(moved.Kept) != 1 {
			t.Errorf("%+v, %v", moved, err)
		}
		if got := s.stored(extra.ID); !got.ExpiresOn.IsZero() {
			t.Errorf("extra ends on %v", got.ExpiresOn)
		}
	})
	t.Run("a preview knows", func(t *testing.T) {
		s := stock(t)
		s.subscribe(NewAgreement{Plan: "pro"})
		s.subscribe(NewAgreement{Plan: "extra"})
		snap := s.open().Snapshot
		effect, err := snap.Effect(s.catalog.Plans["max"].Latest(), s.now, func(*Allowance) (Units, Units, error) { return 0, 0, nil })
		if err != nil || len(effect.Limits) != 1 || *effect.Limits[0].From != 15 || *effect.Limits[0].To != 100 {
			t.Errorf("%+v, %v", effect.Limits, err)
		}
	})
}

// What another plan changes of values, flags and caps is told.
func TestEffectOfValuesAndCaps(t *testing.T) {
	version := func(number int, items ...Item) *PlanVersion {
		return &PlanVersion{Plan: "pro", Number: number, Terms: Terms{Items: items}}
	}
	api := func(caps ...Cap) Item { return Item{Feature: "api", Reset: ResetNever, Caps: caps} }
	from := version(1, Item{Feature: "days", Value: numeric("30")}, Item{Feature: "sso", Value: &Value{}}, Item{Feature: "beta", Value: &Value{Flag: true}},
		api(Cap{100, "day"}, Cap{10, "hour"}))
	to := version(2, Item{Feature: "days", Value: numeric("7")}, Item{Feature: "sso", Value: &Value{Flag: true}}, Item{Feature: "beta", Value: &Value{}},
		api(Cap{50, "day"}, Cap{9, "week"}))
	s := &Snapshot{Catalog: &Catalog{
		Features: map[Code]*Feature{
			"days": {Code: "days", Type: Config, Of: valueNumber}, "sso": {Code: "sso", Type: Config, Of: valueFlag},
			"beta": {Code: "beta", Type: Config, Of: valueFlag}, "api": {Code: "api", Type: Metered},
		},
		Plans: map[Code]*Plan{"pro": {Code: "pro", Kind: KindPlan, Versions: []*PlanVersion{from, to}}},
	}}
	s.Customer.AnchorOn = epoch
	s.Agreements = []Agreement{{Plan: "pro", Kind: KindPlan, Version: 1, Quantity: 1, StartsOn: epoch, AnchorOn: epoch, TermFrom: epoch}}
	effect, err := s.Effect(to, epoch, func(al *Allowance) (used, held Units, err error) {
		for i := range al.Caps {
			al.Caps[i].Used = 60 * OneUnit
		}
		return 60 * OneUnit, 0, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(effect.Gains) != 1 || effect.Gains[0] != "sso" || len(effect.Loses) != 1 || effect.Loses[0] != "beta" {
		t.Errorf("gains %v, loses %v", effect.Gains, effect.Loses)
	}
	if len(effect.Values) != 1 || !equalValue(effect.Values[0].From, numeric("30")) || !equalValue(effect.Values[0].To, numeric("7")) {
		t.Errorf("values %+v", effect.Values)
	}
	type change struct {
		reset    Reset
		from, to int64
	}
	want := map[change]bool{{"day", 100, 50}: true, {"week", -1, 9}: true, {"hour", 10, -1}: true}
	for _, c := range effect.Caps {
		got := change{c.Reset, -1, -1}
		if c.From != nil {
			got.from = *c.From
		}
		if c.To != nil {
			got.to = *c.To
		}
		if !want[got] {
			t.Errorf("cap %+v", got)
		}
		delete(want, got)
	}
	if len(want) > 0 || len(effect.Exceeds) != 2 || effect.Exceeds[0].Reset != "day" || effect.Exceeds[0].Limit != 50 {
		t.Errorf("missing %v, exceeds %+v", want, effect.Exceeds)
	}
}
