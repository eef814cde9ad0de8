package routes

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/catalog"
)

const priced = `
currency: usd
features:
  - {code: base, name: Base, type: charge}
  - {code: setup, name: Set-up, type: charge}
  - {code: seats, name: Seats, type: metered, held: true}
plan_groups:
  - {code: teams, name: Teams, customer_type: organization}
  - {code: people, name: People, customer_type: user}
plans:
  - {code: ask, name: Ask, group: teams, status: published, price: ask, items: [{feature: base, fixed_charge: 1}, {feature: seats, max: 1000, unit_amount: 5, annual: 50}]}
  - {code: pro, name: Pro, group: teams, status: published, quantity: true, items: [{feature: base, fixed_charge: 2500, annual: 25000}, {feature: setup, fixed_charge: 900, interval: once}, {feature: seats, max: 1, per: quantity}]}
  - {code: year, name: Year, group: teams, status: published, items: [{feature: base, fixed_charge: 12000, interval: year}]}
  - {code: free, name: Free, group: teams, status: published, ask_for_card: false, items: [{feature: seats, max: 2}]}
  - {code: old, name: Old, group: teams, status: published, archived: true, items: [{feature: base, fixed_charge: 1}]}
  - {code: secret, name: Secret, group: teams, status: published, hidden: true, metadata: {why: secret}, items: [{feature: base, fixed_charge: 1}]}
  - {code: later, name: Later, group: teams, items: [{feature: base, fixed_charge: 1}]}
  - {code: pack, name: Pack, group: teams, kind: pack, status: published, items: [{feature: base, fixed_charge: 300}, {feature: seats, grants: [{amount: 5, lasts: never}]}]}
  - {code: more, name: More, group: teams, kind: add_on, status: published, items: [{feature: base, fixed_charge: 100}]}
  - {code: me, name: Me, group: people, status: published, items: [{feature: seats, unit_amount: 5, annual: 50}]}
`

// The price list names no plan that is not on it: what goes beside such a plan alone is not on
// it either.
func TestPricingNamesWhatIsListed(t *testing.T) {
	w := pricedWorld(t)
	text := priced + `
  - {code: both, name: Both, group: teams, kind: add_on, status: published, beside: [secret, pro, old], items: [{feature: base, fixed_charge: 100}]}
  - {code: hush, name: Hush, group: teams, kind: add_on, status: published, beside: [secret, old], items: [{feature: base, fixed_charge: 100}]}
`
	w.apply(t, catalog.Parse([]byte(text)).Spec)
	rec := w.ask(t, "GET", "/v1/pricing?group=teams", "")
	for _, hidden := range []string{"secret", `"old"`, "hush", "later"} {
		if strings.Contains(rec.Body.String(), hidden) {
			t.Errorf("the price list names %s", hidden)
		}
	}
	if !strings.Contains(rec.Body.String(), `"beside":["pro"]`) {
		t.Errorf("the add-on is not told with the plan that it goes beside: %s", rec.Body)
	}
}

func pricedWorld(t *testing.T, configure ...func(*Config)) *world {
	t.Helper()
	w := worldOn(t, newStore(t), 0, configure...)
	d := catalog.Parse([]byte(priced))
	if len(d.Faults) > 0 {
		t.Fatal(d.Faults)
	}
	w.apply(t, d.Spec)
	return w
}

// The price list has what is on sale, and of what has no amount none.
func TestPricing(t *testing.T) {
	w := pricedWorld(t)
	list := ask[api.PriceList](t, w, "GET", "/v1/pricing?group=teams", "")
	var order []string
	plans := map[string]api.PricedPlan{}
	for _, p := range list.Plans {
		order = append(order, p.Code)
		plans[p.Code] = p
	}
	if want := "free year pro ask more pack"; strings.Join(order, " ") != want {
		t.Errorf("plans are %v, want %s", order, want)
	}
	pro := plans["pro"]
	if diff := cmp.Diff([]api.PlanCharge{{Amount: 2500, Interval: "month"}, {Amount: 900, Interval: "once"}}, pro.Charges); diff != "" {
		t.Errorf("charges (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]api.PlanCharge{{Amount: 25000, Interval: "year"}, {Amount: 900, Interval: "once"}}, pro.AnnualCharges); diff != "" {
		t.Errorf("annual charges (-want +got):\n%s", diff)
	}
	if plans["free"].Charges != nil || plans["year"].AnnualCharges != nil {
		t.Errorf("free %+v, year %+v", plans["free"], plans["year"])
	}
	if a := plans["ask"]; a.Price != api.PriceAsk || a.Charges != nil || len(a.Items) != 1 || a.Items[0].UnitAmount != "" || a.Items[0].Annual != "" || *a.Items[0].Max != 1000 {
		t.Errorf("what has no amount is %+v", a)
	}
	if all := ask[api.PriceList](t, w, "GET", "/v1/pricing", ""); len(all.Plans) != 7 || all.Plans[0].Code != "me" || all.Currency != "usd" {
		t.Errorf("of all groups: %+v", all)
	} else if me := all.Plans[0]; me.Charges != nil || me.AnnualCharges == nil || len(me.AnnualCharges) > 0 {
		t.Errorf("that only what is used has a price for a year is not told: %+v", me)
	}
	if rec := w.ask(t, "GET", "/v1/pricing?group=gone", ""); rec.Code != http.StatusBadRequest || !strings.Contains(rec.Body.String(), "GROUP_INVALID") {
		t.Errorf("of no group: %d %s", rec.Code, rec.Body)
	}
}

// The price list is the world's only if the server is told so.
func TestPublicPricing(t *testing.T) {
	for _, public := range []bool{false, true} {
		w := pricedWorld(t, func(c *Config) { c.PublicPricing = public })
		get := func(method, path string) *httptest.ResponseRecorder {
			r := httptest.NewRequestWithContext(t.Context(), method, path, nil)
			r.Header.Set("Origin", "https://anywhere.example")
			rec := httptest.NewRecorder()
			w.ServeHTTP(rec, r)
			return rec
		}
		rec := get("GET", "/v1/pricing?group=people")
		var list api.PriceList
		opened := rec.Code == http.StatusOK && json.Unmarshal(rec.Body.Bytes(), &list) == nil && len(list.Plans) == 1
		if opened != public || (rec.Header().Get("Access-Control-Allow-Origin") == "*") != public || !public && rec.Code != http.StatusForbidden {
			t.Errorf("public %v: %d %v %s", public, rec.Code, rec.Header(), rec.Body)
		}
		if rec := get("OPTIONS", "/v1/pricing"); (rec.Code == http.StatusOK && rec.Header().Get("Access-Control-Allow-Origin") == "*") != public {
			t.Errorf("public %v, preflight: %d %v", public, rec.Code, rec.Header())
		}
		if rec := get("GET", "/v1/plans"); rec.Code != http.StatusForbidden || rec.Header().Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("public %v, plans: %d %v", public, rec.Code, rec.Header())
		}
	}
}
