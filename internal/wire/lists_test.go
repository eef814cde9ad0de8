package wire

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/govalues/decimal"
	"pgregory.net/rapid"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// encode is how the door writes JSON.
func encode(body any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(body)
	return b.Bytes(), err
}

// listed is what the main endpoint answers, by its wire type.
func listed(snap *billing.Snapshot, in *ListQuery, now time.Time) api.BillingEntitlementList {
	all := billing.Entitlements(snap, now)
	from, to, more := in.Page.Of(len(all), func(i int, key billing.EntitlementID) int { return billing.CompareIDs(all[i].ID, key) })
	out := api.BillingEntitlementList{
		Code: api.CodeOK, Message: api.MessageSuccess, HasMore: more, Entitlements: []api.BillingEntitlement{},
	}
	for i := from; i < to; i++ {
		e := BillingEntitlement(&all[i])
		if e.EntitlementLimitMax == nil {
			e.EntitlementLimitMax = in.MaxValue
		}
		out.Entitlements = append(out.Entitlements, e)
	}
	if in.Plans {
		out.Plans = []api.BillingPlan{}
		for _, a := range snap.Live(now) {
			out.Plans = append(out.Plans, api.BillingPlan{Code: string(a.Plan), SubscribedOn: api.Time{Time: a.StartsOn}})
		}
	}
	return out
}

// What is put together is, byte for byte, what encoding/json makes of the wire
// type: for any texts, any customer and any page, and whatever was kept of this
// catalog or of another one that has the same plan versions.
func TestPutTogetherAsEncodingJSONWould(t *testing.T) {
	soles, merged := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		one := drawCatalog(t)
		two := *one // features are renamed, plan versions stay
		two.Rev, two.Features = one.Rev+rapid.Int64Range(-1, 1).Draw(t, "revisions later"), make(map[billing.Code]*billing.Feature)
		for code, f := range one.Features {
			renamed := *f
			renamed.Name = drawText(t, "new name")
			two.Features[code] = &renamed
		}
		l := NewLists(encode)
		for range 6 {
			snap := &billing.Snapshot{Catalog: rapid.SampledFrom([]*billing.Catalog{one, &two}).Draw(t, "catalog"), Facts: drawFacts(t, one)}
			if snap.Sole(noon) != nil {
				soles++
			} else {
				merged++
			}
			in := drawQuery(t, snap)
			want, err := encode(listed(snap, in, noon))
			if err != nil {
				t.Fatal(err)
			}
			got, err := l.Append(nil, snap, in, noon)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Fatalf("%+v (-encoding/json +put together):\n%s", in, gocmp.Diff(string(want), string(got)))
			}
		}
	})
	if soles < 50 || merged < 50 {
		t.Errorf("%d customers with one agreement and nothing else, %d others: the test sees too little", soles, merged)
	}
}

func drawText(t *rapid.T, label string) string {
	return rapid.OneOf(
		rapid.String(), // any UTF-8
		rapid.SampledFrom([]string{"", `"`, `\`, "<b>&amp;", "\u2028\u2029", "a\tb\nc\x00", "Zürich 東京 🙂", `","id":"entitlement_`}),
	).Draw(t, label)
}

func drawCatalog(t *rapid.T) *billing.Catalog {
	c := &billing.Catalog{Rev: 2, Features: make(map[billing.Code]*billing.Feature), Plans: make(map[billing.Code]*billing.Plan)}
	amount := rapid.Ptr(rapid.Int64Range(0, 3), true)
	var codes []billing.Code
	for i := range rapid.IntRange(1, 5).Draw(t, "features") {
		f := &billing.Feature{
			Code: billing.Code(fmt.Sprintf("f_%d", i)), Name: drawText(t, "name"),
			Type: rapid.SampledFrom([]billing.FeatureType{billing.Charge, billing.Metered, billing.Metered, billing.Unmetered, billing.Config}).Draw(t, "type"),
		}
		if f.Type == billing.Config {
			f.Of = "flag"
		}
		c.Features[f.Code] = f
		codes = append(codes, f.Code)
	}
	for i, kind := range []billing.PlanKind{billing.KindPlan, billing.KindPlan, billing.KindAddOn} {
		p := &billing.Plan{Code: billing.Code(fmt.Sprintf("p.%d", i)), Kind: kind}
		v := &billing.PlanVersion{Plan: p.Code, Number: 1}
		for _, code := range rapid.Permutation(codes).Draw(t, "order")[:rapid.IntRange(0, len(codes)).Draw(t, "items")] {
			item := billing.Item{Feature: code, PriceName: drawText(t, "price name")}
			switch c.Features[code].Type {
			case billing.Charge:
				item.FixedCharge, item.Annual = rapid.Int64().Draw(t, "charge"), amount.Draw(t, "annual")
			case billing.Config:
				item.Value = &billing.Value{Flag: rapid.Bool().Draw(t, "flag")}
			case billing.Metered:
				item.Min, item.Max, item.Limit = amount.Draw(t, "min"), amount.Draw(t, "max"), billing.Hard
				if rapid.Bool().Draw(t, "priced") {
					item.UnitAmount = new(decimal.MustNew(rapid.Int64Range(0, 99).Draw(t, "unit_amount"), rapid.IntRange(0, 1).Draw(t, "scale")).Trim(0))
				}
			}
			v.Items = append(v.Items, item)
		}
		p.Versions = []*billing.PlanVersion{v}
		c.Plans[p.Code] = p
	}
	return c
}

// drawFacts makes a customer, who usually has one agreement.
func drawFacts(t *rapid.T, c *billing.Catalog) billing.Facts {
	facts := billing.Facts{Customer: billing.Customer{Status: billing.Active}}
	if rapid.IntRange(0, 9).Draw(t, "suspended") == 0 {
		facts.Customer.Status = billing.Suspended
	}
	kinds := []billing.Code{"p.0", "p.1", "p.2"}
	for range rapid.SampledFrom([]int{0, 1, 1, 1, 2, 3}).Draw(t, "agreements") {
		plan := c.Plans[rapid.SampledFrom(kinds).Draw(t, "plan")]
		a := billing.Agreement{
			ID: billing.AgreementID(drawID(t)), Plan: plan.Code, Version: 1, Kind: plan.Kind, Quantity: 1, Annual: rapid.Bool().Draw(t, "annual"),
			StartsOn: noon.Add(-time.Duration(rapid.Int64Range(0, 1e15).Draw(t, "since"))),
		}
		if plan.Kind == billing.KindAddOn {
			a.Quantity = rapid.Int64Range(1, 2).Draw(t, "quantity")
		}
		facts.Agreements = append(facts.Agreements, a)
	}
	slices.SortFunc(facts.Agreements, func(a, b billing.Agreement) int { return billing.CompareIDs(a.ID, b.ID) })
	for range rapid.SampledFrom([]int{0, 0, 1, 2}).Draw(t, "overrides") {
		id := drawID(t)
		id[14], id[15] = 0, 0
		facts.Overrides = append(facts.Overrides, billing.Override{
			ID: id, Feature: billing.Code(fmt.Sprintf("f_%d", rapid.IntRange(0, len(c.Features)-1).Draw(t, "feature"))), StartsOn: noon,
			Add: rapid.Int64Range(0, 2).Draw(t, "add"), Deny: rapid.IntRange(0, 4).Draw(t, "deny") == 0, HasMax: rapid.Bool().Draw(t, "has_max"),
		})
	}
	return facts
}

func drawID(t *rapid.T) (id [16]byte) {
	copy(id[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id"))
	return id
}

func drawQuery(t *rapid.T, snap *billing.Snapshot) *ListQuery {
	in := &ListQuery{Plans: rapid.Bool().Draw(t, "plans"), MaxValue: rapid.Ptr(rapid.Int64Range(0, 3), true).Draw(t, "max_value")}
	in.Page.Size = cmp.Or(rapid.IntRange(0, 4).Draw(t, "page_size"), api.MaxPageSize)
	cursor := billing.EntitlementID(drawID(t))
	if all := billing.Entitlements(snap, noon); len(all) > 0 {
		cursor = all[rapid.IntRange(0, len(all)-1).Draw(t, "cursor")].ID
	}
	switch rapid.IntRange(0, 3).Draw(t, "direction") {
	case 0:
		in.Page.After = &cursor
	case 1:
		in.Page.Before = &cursor
	}
	return in
}

// What is kept is kept for one catalog, and that is the newest.
func TestTextsGoWithTheirCatalog(t *testing.T) {
	feature := &billing.Feature{Code: "sso", Name: "SSO", Type: billing.Unmetered}
	version := &billing.PlanVersion{Plan: "pro", Number: 1, Terms: billing.Terms{Items: []billing.Item{{Feature: "sso"}}}}
	catalog := func(rev int64) *billing.Catalog {
		return &billing.Catalog{
			Rev: rev, Features: map[billing.Code]*billing.Feature{"sso": feature},
			Plans: map[billing.Code]*billing.Plan{"pro": {Code: "pro", Kind: billing.KindPlan, Versions: []*billing.PlanVersion{version}}},
		}
	}
	l := NewLists(encode)
	on := func(c *billing.Catalog) {
		t.Helper()
		agreement := billing.Agreement{Plan: "pro", Version: 1, Kind: billing.KindPlan, Quantity: 1}
		if texts, err := l.planText(&billing.Snapshot{Catalog: c}, &agreement); err != nil || len(texts.items) != 1 {
			t.Fatalf("%d texts, %v", len(texts.items), err)
		}
	}
	older, newer := catalog(1), catalog(2)
	for _, step := range []struct{ asked, kept *billing.Catalog }{{older, older}, {newer, newer}, {older, newer}, {newer, newer}} {
		on(step.asked)
		if kept := l.texts.Load().catalog; kept != step.kept {
			t.Errorf("asked for revision %d: kept are texts of %d, want %d", step.asked.Rev, kept.Rev, step.kept.Rev)
		}
	}
}

// A year that cannot be written is a fault of ours, as it is to encoding/json.
func TestPlanOfAnUnwritableYear(t *testing.T) {
	snap := &billing.Snapshot{Catalog: &billing.Catalog{}, Facts: billing.Facts{Agreements: []billing.Agreement{
		{StartsOn: time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC)},
	}}}
	if _, err := appendPlans(nil, snap, noon); err == nil {
		t.Error("no error")
	}
}
