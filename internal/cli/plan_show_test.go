package cli

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/allot-dev/allot/api"
)

func TestMoreOfAnItem(t *testing.T) {
	var item api.Item
	if err := json.Unmarshal([]byte(`{"feature":"f","value":["a","b"],"included":5,"overage_max":7,"caps":[{"max":20,"reset":{"every":5,"unit":"hour"}}],
		"rollover":{"max":30,"windows":2},"burns":{"feature":"credits","rate":1.5},"thresholds":[80],"low":3,"rate":{"max":100,"per":"second","burst":200},
		"grants":[{"amount":500,"at":"start","lasts":{"days":30},"kind":"promotional","priority":10},{"amount":0.5,"lasts":"never","priority":50}]}`), &item); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"is a, b", "5 included", "at most 7 above the limit", "at most 20, reset every 5 hours", "at most 30 rolls over, for 2 windows", "burns 1.5 of credits",
		"grants 500 (promotional) at the start for 30 days, priority 10", "grants 0.5 without end", "told of at 80 %", "told of when 3 are left", "100 a second, at once 200",
	}
	if diff := cmp.Diff(want, more(&item)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestPricesOfItems(t *testing.T) {
	for text, want := range map[string]string{
		`{"fixed_charge":500,"interval":"once"}`: "USD 5.00 once",
		`{"unit_amount":50,"annual":400}`:        "USD 0.50 a GB; USD 4.00 a GB",
		`{"tiers":[{"up_to":5,"unit_amount":3,"flat_amount":100},{"unit_amount":2}],"tiers_mode":"volume"}`: "USD 0.03 and USD 1.00 flat up to 5, then USD 0.02 a GB, all by their number",
		`{"tiers":[{"unit_amount":200}],"tiers_mode":"package","package":1000}`:                             "USD 2.00 each 1000 begun, by the GB",
	} {
		var item api.Item
		if err := json.Unmarshal([]byte(text), &item); err != nil {
			t.Fatal(err)
		}
		got := price("usd", "GB", &item)
		if a := year("usd", "GB", &item); a != "" {
			got += "; " + a
		}
		if got != want {
			t.Errorf("%s is %q, want %q", text, got, want)
		}
	}
}

// A plan in a list costs what the plan that it extends does, too.
func TestItemsOfWhatExtends(t *testing.T) {
	list := planList{Plans: []api.Plan{
		{Code: "a", Items: []api.Item{{Feature: "x"}, {Feature: "y"}, {Feature: "z"}}},
		{Code: "b", Extends: "a", Without: []string{"y"}, Items: []api.Item{{Feature: "z", PriceName: "own"}}},
		{Code: "c", Extends: "b", Items: []api.Item{{Feature: "w"}}},
		{Code: "d", Extends: "d"}, // no server says so
	}}
	for i, want := range []string{"x y z", "x z", "x z w", ""} {
		var got []string
		for _, it := range list.items(&list.Plans[i], len(list.Plans)) {
			got = append(got, it.Feature)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s has %v, want %s", list.Plans[i].Code, got, want)
		}
	}
}
