package packed

import (
	"math"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/govalues/decimal"
	"pgregory.net/rapid"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/calendar"
)

// sold is a catalog of two plans and an add-on with two versions each.
func sold() *billing.Catalog {
	c := &billing.Catalog{
		Rev: 7, Currency: "usd", ChangedOn: time.UnixMicro(5).UTC(),
		Features: map[billing.Code]*billing.Feature{
			"base":  {Code: "base", Name: "Base", Type: billing.Charge},
			"seats": {Code: "seats", Name: "Seats", Type: billing.Metered, Reset: billing.ResetCycle},
			"sso":   {Code: "sso", Name: "Sign-on", Type: billing.Unmetered},
		},
		Groups: map[billing.Code]*billing.PlanGroup{"teams": {Code: "teams"}},
		Plans:  map[billing.Code]*billing.Plan{},
	}
	for code, kind := range map[billing.Code]billing.PlanKind{"free": billing.KindPlan, "pro": billing.KindPlan, "extra": billing.KindAddOn} {
		p := &billing.Plan{Code: code, Group: "teams", Kind: kind, Status: billing.Published}
		for n := range 2 {
			p.Versions = append(p.Versions, &billing.PlanVersion{Plan: code, Number: n + 1, Terms: billing.Terms{
				Cycle: calendar.Month,
				Items: []billing.Item{{Feature: "base", FixedCharge: 5}, {Feature: "seats", Max: new(int64(n + 3)), Reset: billing.ResetCycle}, {Feature: "sso"}},
			}})
		}
		c.Plans[code] = p
	}
	return c
}

var instants = rapid.Custom(func(t *rapid.T) time.Time {
	if rapid.Bool().Draw(t, "unset") {
		return time.Time{}
	}
	return time.UnixMicro(rapid.Int64Range(-6e16, 2.5e17).Draw(t, "micros")).UTC()
})

func draw[T any](t *rapid.T, name string, values ...T) T {
	return rapid.SampledFrom(values).Draw(t, name)
}

func drawID(t *rapid.T) (id [16]byte) {
	copy(id[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id"))
	return id
}

func drawFacts(t *rapid.T) billing.Facts {
	c := billing.Customer{
		ID: drawID(t), Type: draw(t, "type", customerTypes...), Status: draw(t, "status", statuses...),
		OrgCode: rapid.String().Draw(t, "org_code"), UserID: rapid.String().Draw(t, "user_id"),
		AnchorOn: instants.Draw(t, "anchor_on"), ChangedOn: instants.Draw(t, "changed_on"),
		Rev:  rapid.Int64Range(0, math.MaxInt64).Draw(t, "rev"),
		Name: "Ada", ExternalID: "cus_ada", Email: "ada@example.com", Metadata: map[string]string{"a": "b"}, CreatedOn: time.UnixMicro(1).UTC(), LastAgreementMS: 3, AnchorGiven: true,
	}
	zone := time.UnixMicro(0).UTC()
	for i := range rapid.IntRange(0, 3).Draw(t, "zones") {
		from := time.Time{}
		if i > 0 {
			zone = zone.Add(time.Duration(rapid.Int64Range(1, 1e12).Draw(t, "zone")) * time.Microsecond)
			from = zone
		}
		c.Zones = append(c.Zones, calendar.Zone{From: from, Name: []string{"Europe/Berlin", "Asia/Tokyo", "America/New_York"}[i]})
	}
	f := billing.Facts{Customer: c}
	amount := rapid.Ptr(rapid.Int64Range(0, billing.MaxAmount), true)
	for range rapid.IntRange(0, 3).Draw(t, "agreements") {
		a := billing.Agreement{
			ID: drawID(t), CustomerID: c.ID, Plan: draw[billing.Code](t, "plan", "free", "pro", "extra"),
			Version: rapid.IntRange(1, 2).Draw(t, "version"), Kind: draw(t, "kind", planKinds...),
			Quantity: rapid.Int64Range(1, math.MaxInt64).Draw(t, "quantity"), Annual: rapid.Bool().Draw(t, "annual"),
			CreatedOn: instants.Draw(t, "created_on"), StartsOn: instants.Draw(t, "starts_on"), ExpiresOn: instants.Draw(t, "expires_on"),
			OwnEnd: instants.Draw(t, "own_end"), TrialEndsOn: instants.Draw(t, "trial_ends_on"), TrialScope: draw(t, "scope", "", "teams", "+extra"),
			TrialThen: draw(t, "then", trialEnds...), AnchorOn: instants.Draw(t, "anchor"), TermFrom: instants.Draw(t, "term_from"),
			Origin: "fallback", AtPeriodEnd: true, ExternalID: "sub_ada", Metadata: map[string]string{"c": "d"},
		}
		for range rapid.IntRange(0, 2).Draw(t, "carried") {
			c := billing.Carry{Feature: "seats", Max: amount.Draw(t, "max"), Until: instants.Draw(t, "until")}
			for range rapid.IntRange(0, 2).Draw(t, "times") {
				c.OverOn = append(c.OverOn, instants.Draw(t, "over on"))
			}
			a.Carried = append(a.Carried, c)
		}
		f.Agreements = append(f.Agreements, a)
	}
	for range rapid.IntRange(0, 2).Draw(t, "overrides") {
		var value *billing.Value
		if rapid.Bool().Draw(t, "has a value") {
			value = &billing.Value{Text: rapid.String().Draw(t, "text"), Flag: rapid.Bool().Draw(t, "flag"), Number: new(decimal.MustNew(rapid.Int64().Draw(t, "number"), 2))}
		}
		f.Overrides = append(f.Overrides, billing.Override{
			Value: value,
			ID:    drawID(t), CustomerID: c.ID, Feature: draw[billing.Code](t, "feature", "base", "seats", "sso"),
			HasMax: rapid.Bool().Draw(t, "has_max"), Max: amount.Draw(t, "max"), Add: rapid.Int64Range(0, billing.MaxAmount).Draw(t, "add"),
			AtLeast: amount.Draw(t, "at_least"), Deny: rapid.Bool().Draw(t, "deny"), StartsOn: instants.Draw(t, "starts_on"), ExpiresOn: instants.Draw(t, "expires_on"),
			Note: "as agreed with Ada", By: "client:x",
		})
	}
	for range rapid.IntRange(0, 2).Draw(t, "grants") {
		own := drawID(t)
		g := billing.Grant{
			CustomerID: c.ID, Feature: "seats", Amount: billing.Units(rapid.Int64Range(1, 1e18).Draw(t, "amount")),
			EffectiveOn: instants.Draw(t, "effective_on"), ExpiresOn: instants.Draw(t, "expires_on"), Priority: rapid.IntRange(0, 100).Draw(t, "priority"),
			Kind: draw(t, "kind", grantKinds...), CreatedOn: instants.Draw(t, "created_on"), EndedOn: instants.Draw(t, "ended_on"),
			ClawedBackOn: instants.Draw(t, "clawed_back_on"), SetAsideOn: instants.Draw(t, "set_aside_on"),
			CostBasis: new(decimal.MustParse("0.04")), Note: "paid by Ada", Pack: "bundle", Line: 1, ExternalID: "pay_ada", Asked: "ab",
			By: "client:x", VoidedAs: "refund_ada",
		}
		copy(g.ID[:16], c.ID[:])
		copy(g.ID[16:], own[:])
		for range rapid.IntRange(0, 2).Draw(t, "only") {
			g.Only = append(g.Only, draw[billing.Code](t, "only", "base", "seats"))
		}
		f.Grants = append(f.Grants, g)
	}
	return f
}

// without is facts as [Facts] says they are kept.
func without(f billing.Facts) billing.Facts {
	f.Customer.Name, f.Customer.Email, f.Customer.Metadata, f.Customer.ExternalID, f.Customer.DigestKey = "", "", nil, "", ""
	f.Customer.CreatedOn, f.Customer.LastAgreementMS, f.Customer.AnchorGiven = time.Time{}, 0, false
	f.Agreements = append([]billing.Agreement(nil), f.Agreements...)
	for i := range f.Agreements {
		a := &f.Agreements[i]
		a.ExternalID, a.Metadata, a.Origin, a.AtPeriodEnd = "", nil, "", false
	}
	f.Overrides = append([]billing.Override(nil), f.Overrides...)
	for i := range f.Overrides {
		f.Overrides[i].Note, f.Overrides[i].By = "", ""
	}
	f.Grants = append([]billing.Grant(nil), f.Grants...)
	for i := range f.Grants {
		g := &f.Grants[i]
		g.CostBasis, g.Note, g.Pack, g.Line, g.ExternalID, g.Asked, g.By, g.VoidedAs = nil, "", "", 0, "", "", "", ""
	}
	return f
}

func TestPackedFactsAreTheFacts(t *testing.T) {
	catalog := sold()
	rapid.Check(t, func(t *rapid.T) {
		facts := drawFacts(t)
		readFor := instants.Draw(t, "read_for")
		text, err := Pack(&facts, readFor)
		if err != nil {
			t.Fatal(err)
		}
		got := text.Snapshot(facts.Customer.ID, catalog)
		if diff := cmp.Diff(without(facts), got.Facts); diff != "" {
			t.Fatalf("(-packed +unpacked)\n%s", diff)
		}
		if text.Rev() != facts.Customer.Rev {
			t.Errorf("revision %d, want %d", text.Rev(), facts.Customer.Rev)
		}
		if !text.Serves(facts.Customer.Rev, readFor) && !readFor.IsZero() {
			t.Error("does not serve the instant it was read for")
		}
	})
}

// What is left out of packed facts has no say in any answer.
func TestAnswersNeedNoMoreThanIsPacked(t *testing.T) {
	catalog := sold()
	rapid.Check(t, func(t *rapid.T) {
		facts := drawFacts(t)
		clock := instants.Draw(t, "clock")
		text, err := Pack(&facts, clock)
		if err != nil {
			t.Fatal(err)
		}
		type answers struct {
			Now          time.Time
			Revision     billing.Revision
			Entitlements []billing.Entitlement
			Allowances   []billing.Allowance
			Live         []*billing.Agreement
			Agreements   []billing.AgreementAt
		}
		answer := func(s *billing.Snapshot) answers {
			now := s.Now(clock)
			return answers{now, s.Revision(), billing.Entitlements(s, now), s.Allowances(now), s.Live(now), s.At(now).Agreements}
		}
		full := answer(&billing.Snapshot{Catalog: catalog, Facts: facts})
		kept := answer(text.Snapshot(facts.Customer.ID, catalog))
		unexported := cmp.Exporter(func(t reflect.Type) bool { return t.PkgPath() == reflect.TypeFor[billing.Facts]().PkgPath() })
		computed := cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".rhythm" }, cmp.Ignore())
		// No answer about entitlements tells them of an agreement.
		untold := cmpopts.IgnoreFields(billing.Agreement{}, "Origin", "AtPeriodEnd", "ExternalID", "Metadata")
		if diff := cmp.Diff(full, kept, unexported, computed, untold); diff != "" {
			t.Fatalf("(-facts +packed)\n%s", diff)
		}
	})
}

func TestFactsThatCannotBePacked(t *testing.T) {
	good := billing.Customer{Type: billing.User, Status: billing.Active}
	for name, facts := range map[string]billing.Facts{
		"type":   {Customer: billing.Customer{Type: "robot", Status: billing.Active}},
		"status": {Customer: billing.Customer{Type: billing.User, Status: "sleepy"}},
		"kind":   {Customer: good, Agreements: []billing.Agreement{{Kind: "gift"}}},
		"grant":  {Customer: good, Grants: []billing.Grant{{Kind: "gift"}}},
		"trial":  {Customer: good, Agreements: []billing.Agreement{{Kind: billing.KindPlan, TrialThen: "wait"}}},
	} {
		if text, err := Pack(&facts, time.Time{}); err == nil {
			t.Errorf("unknown %s is packed as %q", name, text)
		}
	}
}

// oneAgreement is what most customers are.
func oneAgreement() billing.Facts {
	on := time.Date(2026, 11, 22, 10, 0, 0, 123456000, time.UTC)
	id := billing.CustomerID{1, 2, 3}
	return billing.Facts{
		Customer: billing.Customer{
			ID: id, Type: billing.Organization, OrgCode: "org_0123456789ab", Status: billing.Active, AnchorOn: on, ChangedOn: on, Rev: 2,
		},
		Agreements: []billing.Agreement{{
			ID: billing.AgreementID{3, 2, 1}, CustomerID: id, Plan: "pro", Version: 2, Kind: billing.KindPlan, Quantity: 1, CreatedOn: on, StartsOn: on,
		}},
	}
}

func TestUnpackAllocates(t *testing.T) {
	facts, catalog := oneAgreement(), sold()
	text, err := Pack(&facts, facts.Customer.ChangedOn)
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() { text.Snapshot(facts.Customer.ID, catalog) }); n > 1 {
		t.Errorf("unpacking a customer with one agreement takes %v allocations, want 1", n)
	}
}

func BenchmarkSnapshot(b *testing.B) {
	facts, catalog := oneAgreement(), sold()
	text, err := Pack(&facts, facts.Customer.ChangedOn)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.ReportMetric(float64(len(text)), "bytes")
	for b.Loop() {
		text.Snapshot(facts.Customer.ID, catalog)
	}
}
