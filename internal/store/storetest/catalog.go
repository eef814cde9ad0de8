package storetest

import (
	"errors"
	"testing"

	"github.com/govalues/decimal"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/calendar"
	"github.com/allot-dev/allot/internal/service"
)

var catalogTests = []test{
	{"a catalog is kept exactly", testCatalogRoundTrip},
	{"what has no column of a catalog changes", testMoreOfCatalog},
	{"a catalog changes where it differs", testCatalogChanges},
	{"a published version never changes", testPublishedFixed},
	{"a catalog is shared by pointer", testCatalogShared},
	{"a catalog that was rolled back is not seen", testCatalogRolledBack},
}

func emptyCatalog() *billing.Catalog {
	return &billing.Catalog{
		Features: map[billing.Code]*billing.Feature{},
		Groups:   map[billing.Code]*billing.PlanGroup{},
		Plans:    map[billing.Code]*billing.Plan{},
	}
}

// fullCatalog has every field set somewhere, and every nil beside a zero.
func fullCatalog() *billing.Catalog {
	c := smallCatalog()
	c.Features["calls"] = &billing.Feature{Code: "calls", Name: "API <calls> & \u2028", Type: billing.Metered,
		Unit: "call", Reset: billing.Reset(calendar.Month)}
	c.Groups["people"] = &billing.PlanGroup{ID: billing.GroupID{15: 2}, Code: "people", Name: "People",
		CustomerType: billing.User}
	c.Plans["1e3"] = &billing.Plan{Code: "1e3", Name: "Max", Group: "people", Kind: billing.KindPlan,
		Status: billing.Published, Archived: true, Default: true,
		Versions: []*billing.PlanVersion{
			{Plan: "1e3", Number: 1, PublishedOn: on(1), Terms: billing.Terms{Cycle: calendar.None}},
			{Plan: "1e3", Number: 2, PublishedOn: on(2), Terms: billing.Terms{
				Cycle:      calendar.Year,
				Trial:      &billing.Trial{Days: 30, CardPromptDays: 3, Then: billing.End},
				AskForCard: true,
				Items: []billing.Item{
					{Feature: "b", PriceName: "", PriceNameDefaulted: true},
					{Feature: "a", PriceName: "Base \"x\" <&> é", FixedCharge: billing.MaxAmount,
						Interval: calendar.Month, Annual: new(int64(0))},
					{Feature: "c", Min: new(int64(0)), Max: new(int64(0)), Limit: billing.Hard,
						Reset: billing.ResetNever, UnitAmount: new(decimal.MustParse("0"))},
					{Feature: "d", Max: new(int64(billing.MaxAmount)), Limit: billing.Soft,
						OverLimit:  billing.OverLimit{Policy: billing.Grace, GraceDays: 7},
						UnitAmount: new(decimal.MustParse("0.0400"))},
					{Feature: "calls", Min: new(int64(1)), OverLimit: billing.OverLimit{Policy: billing.Allow},
						Tiers: []billing.Tier{
							{UpTo: new(int64(1000)), UnitAmount: decimal.MustParse("0")},
							{UpTo: new(int64(0)), UnitAmount: decimal.MustParse("9999999999.999999999")},
							{UnitAmount: decimal.MustParse("-0.0000000000000000001")},
						}},
				},
			}},
		}}
	c.Plans["draft"] = &billing.Plan{Code: "draft", Name: "Draft", Kind: billing.KindAddOn, Status: "draft",
		Versions: []*billing.PlanVersion{{Plan: "draft", Number: 1, Terms: billing.Terms{Cycle: calendar.Day}}}}
	return c
}

func testCatalogRoundTrip(t *testing.T, st Store) {
	same(t, "new installation", read(t, st, service.Reader.Catalog), emptyCatalog())
	want := fullCatalog()
	want.Rev, want.ChangedOn = 99, on(99) // are not taken from here
	putCatalog(t, st, on(3), want)
	want.Rev, want.ChangedOn = 1, on(3)
	same(t, "catalog", read(t, st, service.Reader.Catalog), want)
}

func testMoreOfCatalog(t *testing.T, st Store) {
	c := filledCatalog()
	putCatalog(t, st, on(1), c)
	next := clone(*c)
	for code := range next.Features {
		next.Features[code].Metadata = map[string]string{"a": "<b>", "c": "d"}
	}
	for code := range next.Groups {
		next.Groups[code].About = billing.About{}
	}
	for code := range next.Plans {
		next.Plans[code].Hidden = false
	}
	putCatalog(t, st, on(2), next)
	next.Rev, next.ChangedOn = 2, on(2)
	same(t, "changed catalog", read(t, st, service.Reader.Catalog), next)
}

func testCatalogChanges(t *testing.T, st Store) {
	putCatalog(t, st, on(1), fullCatalog())
	old := read(t, st, service.Reader.Catalog)

	next := clone(*fullCatalog())
	next.Currency = "eur"
	next.Features["sso"].Name = "SSO"
	next.Features["new"] = &billing.Feature{Code: "new", Type: billing.Charge}
	next.Groups["teams"].Default = false
	next.Plans["pro"].Name = "Professional"
	next.Plans["pro"].Archived = true
	next.Plans["pro"].Versions = append(next.Plans["pro"].Versions, &billing.PlanVersion{
		Plan: "pro", Number: 2, PublishedOn: on(2), Terms: billing.Terms{Cycle: calendar.Week},
	})
	next.Plans["draft"].Versions[0].Terms.Cycle = calendar.Week // still a draft
	putCatalog(t, st, on(2), next)
	next.Rev, next.ChangedOn = 2, on(2)
	same(t, "changed catalog", read(t, st, service.Reader.Catalog), next)

	next = clone(*next)
	draft := *next.Plans["draft"]
	draft.Status = billing.Published
	draft.Versions = []*billing.PlanVersion{{Plan: "draft", Number: 1, PublishedOn: on(3),
		Terms: billing.Terms{Cycle: calendar.Month}}}
	next.Plans["draft"] = &draft
	putCatalog(t, st, on(3), next)
	next.Rev, next.ChangedOn = 3, on(3)
	same(t, "catalog with the draft published", read(t, st, service.Reader.Catalog), next)

	if old.Rev != 1 || old.Currency != "usd" || old.Plans["pro"].Name != "pro" {
		t.Error("a catalog that was read has changed")
	}

	// What is left out stays; two puts in one update add up.
	update(t, st, func(tx service.Tx) error {
		current, err := tx.LockCatalog()
		if err != nil {
			return err
		}
		same(t, "locked catalog", current, next)
		part := clone(*current)
		part.Features = map[billing.Code]*billing.Feature{"x": {Code: "x", Type: billing.Unmetered}}
		part.Plans = nil
		if err := tx.PutCatalog(part); err != nil {
			return err
		}
		part = clone(*part)
		part.Currency = "gbp"
		if err := tx.PutCatalog(part); err != nil {
			return err
		}
		_, err = tx.AppendChange(billing.Change{Scope: billing.ScopeCatalog, On: on(4)})
		return err
	})
	next.Rev, next.ChangedOn, next.Currency = 4, on(4), "gbp"
	next.Features["x"] = &billing.Feature{Code: "x", Type: billing.Unmetered}
	same(t, "catalog in the end", read(t, st, service.Reader.Catalog), next)
}

func testPublishedFixed(t *testing.T, st Store) {
	putCatalog(t, st, on(1), smallCatalog())
	for name, change := range map[string]func(*billing.PlanVersion){
		"terms":        func(v *billing.PlanVersion) { v.Terms.Cycle = calendar.Day },
		"published on": func(v *billing.PlanVersion) { v.PublishedOn = on(5) },
	} {
		next := smallCatalog()
		change(next.Plans["pro"].Versions[0])
		err := st.Update(t.Context(), func(tx service.Tx) error {
			if _, err := tx.LockCatalog(); err != nil {
				return err
			}
			if tx.PutCatalog(next) == nil {
				t.Errorf("%s of a published version may change", name)
			}
			return errStop
		})
		if !errors.Is(err, errStop) {
			t.Error(err)
		}
	}
	want := smallCatalog()
	want.Rev, want.ChangedOn = 1, on(1)
	same(t, "catalog", read(t, st, service.Reader.Catalog), want)
}

func testCatalogShared(t *testing.T, st Store) {
	putCatalog(t, st, on(1), fullCatalog())
	first := read(t, st, service.Reader.Catalog)
	if read(t, st, service.Reader.Catalog) != first {
		t.Error("one revision is read into two catalogs")
	}
	update(t, st, func(tx service.Tx) error {
		if c, err := tx.Catalog(); c != first || err != nil {
			t.Errorf("an update has a catalog of its own: %v", err)
		}
		return nil
	})
	next := fullCatalog()
	next.Plans["pro"].Name = "Professional"
	next.Plans["draft"].Versions[0].Terms.Cycle = calendar.Week
	putCatalog(t, st, on(2), next)
	second := read(t, st, service.Reader.Catalog)
	if second == first || second.Plans["pro"].Name != "Professional" {
		t.Fatal("the next revision is not seen")
	}
	for code, plan := range first.Plans {
		for _, v := range plan.Versions {
			shared := second.Plans[code].Version(v.Number) == v
			if published := !v.PublishedOn.IsZero(); shared != published {
				t.Errorf("%s version %d: shared %v, published %v", code, v.Number, shared, published)
			}
		}
	}
}

func testCatalogRolledBack(t *testing.T, st Store) {
	putCatalog(t, st, on(1), smallCatalog())
	lost := smallCatalog()
	lost.Plans["pro"].Name = "lost"
	lost.Plans["pro"].Versions = append(lost.Plans["pro"].Versions, &billing.PlanVersion{
		Plan: "pro", Number: 2, PublishedOn: on(2), Terms: billing.Terms{Cycle: calendar.Day},
	})
	err := st.Update(t.Context(), func(tx service.Tx) error {
		if _, err := tx.LockCatalog(); err != nil {
			return err
		}
		if err := tx.PutCatalog(lost); err != nil {
			return err
		}
		if c, err := tx.Catalog(); err != nil || c.Plans["pro"].Name != "lost" {
			t.Errorf("the update does not read what it put: %v", err)
		}
		if _, err := tx.AppendChange(billing.Change{Scope: billing.ScopeCatalog, On: on(2)}); err != nil {
			return err
		}
		if c, err := tx.Catalog(); err != nil || c.Rev != 2 {
			t.Errorf("the update does not read its revision: %v", err)
		}
		return errStop
	})
	if !errors.Is(err, errStop) {
		t.Fatal(err)
	}
	want := smallCatalog()
	want.Rev, want.ChangedOn = 1, on(1)
	same(t, "catalog", read(t, st, service.Reader.Catalog), want)

	// The revision that was rolled back is given again, to this.
	kept := smallCatalog()
	kept.Plans["pro"].Name = "kept"
	kept.Plans["pro"].Versions = append(kept.Plans["pro"].Versions, &billing.PlanVersion{
		Plan: "pro", Number: 2, PublishedOn: on(3), Terms: billing.Terms{Cycle: calendar.Year},
	})
	putCatalog(t, st, on(3), kept)
	kept.Rev, kept.ChangedOn = 2, on(3)
	same(t, "catalog of the same revision", read(t, st, service.Reader.Catalog), kept)
}
