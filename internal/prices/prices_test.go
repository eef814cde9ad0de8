package prices

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/allot-dev/allot/api"
)

var features = map[string]api.Feature{
	"seats": {Held: true}, "credits": {Unit: "credit"}, "images": {Burns: &api.Burns{Feature: "credits", Rate: "2.5"}},
}

func TestItem(t *testing.T) {
	month := Plan{Cycle: "month", Each: "seat"}
	year := Plan{Cycle: "month", Each: "seat", Annual: true}
	for name, c := range map[string]struct {
		item string // as the API has it
		of   Plan
		in   string // the currency
		want Terms
	}{
		"unmetered":  {`{"feature_type":"unmetered"}`, month, "usd", Terms{Has: true}},
		"a charge":   {`{"feature_type":"charge","fixed_charge":100}`, month, "usd", Terms{}},
		"off":        {`{"feature_type":"config","value":false}`, month, "usd", Terms{}},
		"on":         {`{"feature_type":"config","value":true}`, month, "usd", Terms{Has: true}},
		"a number":   {`{"feature_type":"config","value":1234.5}`, month, "usd", Terms{Has: true, Amount: "1,234.5"}},
		"no bound":   {`{"feature_type":"config","value":"unlimited"}`, month, "usd", Terms{Has: true, Amount: "Unlimited"}},
		"a list":     {`{"feature_type":"config","value":["eu","us"]}`, month, "usd", Terms{Has: true, Amount: "eu, us"}},
		"empty list": {`{"feature_type":"config","value":[]}`, month, "usd", Terms{}},

		"unlimited":             {`{"unit":"call","reset":"month"}`, month, "usd", Terms{Has: true, Amount: "Unlimited"}},
		"a limit":               {`{"unit":"call","reset":"month","max":1000}`, month, "usd", Terms{Has: true, Amount: "1,000 calls a month"}},
		"one":                   {`{"unit":"call","reset":"day","max":1}`, month, "usd", Terms{Has: true, Amount: "1 call a day"}},
		"an abbreviation":       {`{"unit":"GB","reset":"never","max":100}`, month, "usd", Terms{Has: true, Amount: "100 GB"}},
		"a y":                   {`{"unit":"query","reset":"5 hour","max":50}`, month, "usd", Terms{Has: true, Amount: "50 queries each 5 hours"}},
		"no unit":               {`{"reset":"hour","max":50}`, month, "usd", Terms{Has: true, Amount: "50 an hour"}},
		"with the cycle":        {`{"unit":"call","reset":"cycle","max":5}`, Plan{Cycle: "week"}, "usd", Terms{Has: true, Amount: "5 calls a week"}},
		"without a cycle":       {`{"unit":"call","reset":"cycle","max":5}`, Plan{Cycle: "none"}, "usd", Terms{Has: true, Amount: "5 calls"}},
		"none":                  {`{"unit":"call","max":0}`, month, "usd", Terms{Amount: "None"}},
		"by quantity":           {`{"unit":"call","reset":"month","max":200,"per":"quantity"}`, month, "usd", Terms{Has: true, Amount: "200 calls a month for each seat"}},
		"the quantity":          {`{"unit":"seat","reset":"never","max":1,"per":"quantity"}`, month, "usd", Terms{Has: true, Amount: "As many as you buy"}},
		"soft":                  {`{"unit":"call","reset":"month","max":5,"limit":"soft"}`, month, "usd", Terms{Has: true, Amount: "5 calls a month", Notes: []string{"more is possible"}}},
		"soft to a bound":       {`{"unit":"call","reset":"month","max":5,"limit":"soft","overage_max":2000}`, month, "usd", Terms{Has: true, Amount: "5 calls a month", Notes: []string{"up to 2,000 more are possible"}}},
		"at least":              {`{"unit":"seat","min":50}`, month, "usd", Terms{Has: true, Amount: "Unlimited", Notes: []string{"at least 50 seats"}}},
		"caps":                  {`{"unit":"call","caps":[{"max":20,"reset":"day"},{"max":3,"reset":"cycle"}]}`, month, "usd", Terms{Has: true, Amount: "Unlimited", Notes: []string{"at most 20 a day", "at most 3 a month"}}},
		"a rate":                {`{"rate":{"max":5,"per":"second","burst":10}}`, month, "usd", Terms{Has: true, Amount: "Unlimited", Notes: []string{"up to 5 a second, 10 at once"}}},
		"burns":                 {`{"feature":"images"}`, month, "usd", Terms{Has: true, Amount: "Unlimited", Notes: []string{"each uses 2.5 credits"}}},
		"burns nothing here":    {`{"feature":"images","burns":"none"}`, month, "usd", Terms{Has: true, Amount: "Unlimited"}},
		"rollover":              {`{"max":5,"reset":"month","rollover":{"max":2,"windows":3}}`, month, "usd", Terms{Has: true, Amount: "5 a month", Notes: []string{"up to 2 that are left go on for 3 periods"}}},
		"only grants":           {`{"unit":"credit","max":0,"grants":[{"amount":250,"at":"start","lasts":"never"}]}`, month, "usd", Terms{Has: true, Amount: "250 credits once, without an end"}},
		"a pack":                {`{"unit":"credit","grants":[{"amount":1000,"lasts":{"days":365}}]}`, month, "usd", Terms{Has: true, Amount: "1,000 credits, good for 365 days"}},
		"a grant beside":        {`{"unit":"credit","max":5,"reset":"month","grants":[{"amount":2.5,"at":"term","lasts":"term"}]}`, month, "usd", Terms{Has: true, Amount: "5 credits a month", Notes: []string{"2.5 credits with each term, until the term ends"}}},
		"a price":               {`{"unit":"call","max":10,"reset":"month","unit_amount":0.04}`, month, "usd", Terms{Has: true, Amount: "10 calls a month", Price: "0.0004 USD a call"}},
		"a free unit":           {`{"unit":"call","max":10,"reset":"month","unit_amount":0}`, month, "usd", Terms{Has: true, Amount: "10 calls a month"}},
		"what is held":          {`{"feature":"seats","unit":"seat","unit_amount":900}`, month, "usd", Terms{Has: true, Amount: "Unlimited", Price: "9.00 USD a seat a month"}},
		"held, yearly":          {`{"feature":"seats","unit":"seat","unit_amount":900,"annual":9000}`, year, "usd", Terms{Has: true, Amount: "Unlimited", Price: "90.00 USD a seat a year"}},
		"held, not sold yearly": {`{"feature":"seats","unit":"seat","unit_amount":900}`, year, "usd", Terms{Has: true, Amount: "Unlimited", Price: "9.00 USD a seat a month"}},
		"yen":                   {`{"unit":"hour","unit_amount":900}`, month, "jpy", Terms{Has: true, Amount: "Unlimited", Price: "900 JPY an hour"}},
		"dinar":                 {`{"unit_amount":900}`, month, "kwd", Terms{Has: true, Amount: "Unlimited", Price: "0.900 KWD a unit"}},
		"included":              {`{"unit":"mail","included":500,"unit_amount":2}`, month, "usd", Terms{Has: true, Amount: "Unlimited", Price: "500 included, then 0.02 USD a mail"}},
		"included, no more":     {`{"unit":"mail","included":500,"max":500,"reset":"month"}`, month, "usd", Terms{Has: true, Amount: "500 mails a month", Price: "500 included"}},
		"graduated, short":      {`{"unit":"call","tiers":[{"up_to":10000,"unit_amount":0},{"unit_amount":0.04}]}`, month, "usd", Terms{Has: true, Amount: "Unlimited", Price: "the first 10,000 free, then 0.0004 USD a call"}},
		"graduated": {`{"unit":"call","tiers":[{"up_to":10,"unit_amount":50},{"up_to":100,"unit_amount":0,"flat_amount":100},{"unit_amount":5,"flat_amount":200}]}`, month, "usd", Terms{
			Has: true, Amount: "Unlimited", Price: "each by its place:",
			Bands: []string{"1 to 10: 0.50 USD a call", "11 to 100: 1.00 USD in all", "above 100: 2.00 USD and 0.05 USD a call"},
		}},
		"graduated above": {`{"unit":"call","included":3,"tiers":[{"up_to":10,"unit_amount":50},{"unit_amount":0}]}`, month, "usd", Terms{
			Has: true, Amount: "Unlimited", Price: "3 included, then each by its place:", Bands: []string{"1 to 10: 0.50 USD a call", "above 10: free"},
		}},
		"volume": {`{"unit":"call","tiers_mode":"volume","tiers":[{"up_to":10,"unit_amount":0},{"unit_amount":4}]}`, month, "usd", Terms{
			Has: true, Amount: "Unlimited", Price: "all at the price of their number:", Bands: []string{"1 to 10: free", "above 10: 0.04 USD a call"},
		}},
		"tiers by the year": {`{"feature":"seats","unit":"seat","tiers":[{"up_to":10,"unit_amount":100,"annual":1000},{"unit_amount":50}]}`, year, "usd", Terms{
			Has: true, Amount: "Unlimited", Price: "each by its place:", Bands: []string{"1 to 10: 10.00 USD a seat a year", "above 10: 0.50 USD a seat a month"},
		}},
		"a package": {`{"unit":"mail","tiers_mode":"package","package":1000,"tiers":[{"unit_amount":500}]}`, month, "usd", Terms{
			Has: true, Amount: "Unlimited", Price: "5.00 USD for each 1,000 mails, begun ones too",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			item := api.PlanItem{FeatureType: api.FeatureMetered}
			if err := json.Unmarshal([]byte(c.item), &item); err != nil {
				t.Fatal(err)
			}
			words := List{c.in, features}
			if diff := cmp.Diff(c.want, words.Item(&item, c.of), cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWords(t *testing.T) {
	words := List{Currency: "usd"}
	two, ten := int64(2), int64(10)
	seat := api.PlanItem{Item: api.Item{Per: api.PerQuantity, Max: new(int64(1))}, Unit: "seat"}
	for got, want := range map[string]string{
		words.Charge(api.PlanCharge{Amount: 2500, Interval: "month"}, "one"):                  "25.00 USD a month",
		words.Charge(api.PlanCharge{Amount: 2500, Interval: "hour"}, "one"):                   "25.00 USD an hour",
		words.Charge(api.PlanCharge{Amount: 9900, Interval: "once"}, "one"):                   "99.00 USD once",
		words.Charge(api.PlanCharge{Amount: 1200, Interval: "year", Per: "quantity"}, "seat"): "12.00 USD for each seat a year",
		Trial(nil): "",
		Trial(&api.Trial{Days: 14, Then: api.TrialConvert}):      "14 days free, then it goes on",
		Trial(&api.Trial{Days: 1, Then: api.TrialEnd}):           "1 day free, then it ends",
		Quantity(&api.Quantity{Min: &two}, "seat"):               "from 2 seats",
		Quantity(&api.Quantity{Max: &ten}, "seat"):               "for 1 to 10 seats",
		Quantity(&api.Quantity{Min: &two, Max: &ten}, "box"):     "for 2 to 10 boxes",
		Quantity(&api.Quantity{Max: new(int64(1))}, "one") + ".": ".",
		Quantity(&api.Quantity{Min: &two, Max: &ten}, "one"):     "for 2 to 10",
		Quantity(&api.Quantity{}, "seat") + "|":                  "|",
		Noun([]api.PlanItem{{Unit: "call"}, seat}):               "seat",
		Noun([]api.PlanItem{seat, seat}) + ", two":               "one, two",
		Noun(nil): "one",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
