package routes

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/catalog"
	"github.com/allot-dev/allot/internal/service"
)

// on reads "1-20", "1-20 15:04" or "1-20 15:04:05.999999" as a time of 2027.
func on(t testing.TB, text string) time.Time {
	t.Helper()
	for _, layout := range []string{"1-2 15:04:05", "1-2 15:04", "1-2"} {
		if when, err := time.Parse("2006-"+layout, "2027-"+text); err == nil {
			return when
		}
	}
	t.Fatalf("%q is not a time", text)
	return time.Time{}
}

// prepaid is one customer with credits, asked over HTTP.
type prepaid struct {
	*world
	t       *testing.T
	records int
}

const ofPrepaid = "/v1/customers/org_code:org_acme"

// begin has the customer on plan pro since 1 January, with one item of credits.
func begin(t *testing.T, w *world, item string) *prepaid {
	t.Helper()
	w.now = on(t, "1-1")
	c := &prepaid{world: w, t: t}
	c.file(`
  - {code: pro, name: Pro, group: teams, status: published, items: [{feature: credits, ` + item + `}]}`)
	ask[api.Customer](t, w, "POST", "/v1/customers", `{"type":"organization","org_code":"org_acme","plan_code":"pro"}`)
	return c
}

const thousand = "max: 1000"

// file applies some plans beside features that they are of.
func (c *prepaid) file(plans string) {
	c.t.Helper()
	doc := catalog.Parse([]byte(`currency: usd
features:
  - {code: credits, name: Credits, type: metered}
  - {code: images, name: Images, type: metered, burns: {feature: credits, rate: 10}}
  - {code: chats, name: Chats, type: metered, burns: {feature: credits, rate: 1}}
  - {code: tokens_in, name: Tokens, type: metered, burns: {feature: credits, rate: 0.000003}}
  - {code: tokens_out, name: Tokens, type: metered, burns: {feature: credits, rate: 0.000015}}
  - {code: third, name: Thirds, type: metered, burns: {feature: credits, rate: 1.5}}
  - {code: gb, name: Storage, type: metered, held: true}
plan_groups:
  - {code: teams, name: Teams, customer_type: organization, default: true}
plans:` + plans + "\n"))
	if len(doc.Faults) > 0 {
		c.t.Fatal(doc.Faults)
	}
	c.apply(c.t, doc.Spec)
}

// change puts the customer on another plan.
func (c *prepaid) change(when, code, item string) {
	c.t.Helper()
	c.now = on(c.t, when)
	c.file(`
  - {code: ` + code + `, name: Other, group: teams, status: published, items: [{feature: credits, ` + item + `}]}`)
	ask[api.Agreement](c.t, c.world, "POST", ofPrepaid+"/agreements", `{"plan_code":"`+code+`"}`)
}

func (c *prepaid) grant(now, fields string) string {
	c.t.Helper()
	c.now = on(c.t, now)
	if !strings.Contains(fields, "feature_code") {
		fields += `,"feature_code":"credits"`
	}
	return ask[api.Grant](c.t, c.world, "POST", ofPrepaid+"/grants", `{`+fields+`}`).ID
}

// p is promotional, from Jan 1 to Jan 15, and paid the T of the examples.
func (c *prepaid) p(units string) {
	c.t.Helper()
	c.grant("1-1", `"amount":"`+units+`","kind":"promotional","expires_on":"2027-01-15"`)
}

func (c *prepaid) paid(more string) string {
	c.t.Helper()
	return c.grant("1-1", `"amount":500,"effective_on":"2027-01-05","cost_basis":2`+more)
}

func shown(draws []api.CreditDraw) string {
	var out []string
	for _, d := range draws {
		out = append(out, d.Kind+" "+string(d.Units))
	}
	return strings.Join(out, ", ")
}

// consume uses units of credits, for a reason, and says what it drew.
func (c *prepaid) consume(now, units, reason, draws string) api.Decision {
	c.t.Helper()
	c.now = on(c.t, now)
	return c.use("credits", units, reason, draws)
}

func (c *prepaid) use(feature, units, reason, draws string) api.Decision {
	c.t.Helper()
	d := ask[api.Decision](c.t, c.world, "POST", "/v1/consume", `{"org_code":"org_acme","feature_code":"`+feature+`","units":"`+units+`"}`)
	got := shown(d.Draws)
	if d.Pool != nil {
		got = shown(d.Pool.Draws)
	}
	if d.Reason != reason || got != draws && draws != "-" {
		c.t.Errorf("on %s %s of %s: %s, drawn %q; want %s, %q", c.now.Format(time.DateTime), units, feature, d.Reason, got, reason, draws)
	}
	return d
}

// report reports usage, and gives the outcome.
func (c *prepaid) report(now, fields string) api.UsageResult {
	c.t.Helper()
	c.now = on(c.t, now)
	c.records++
	body := fmt.Sprintf(`{"records":[{"id":"r%d","org_code":"org_acme","feature_code":"credits",%s}]}`, c.records, fields)
	return ask[api.UsageResultList](c.t, c.world, "POST", "/v1/usage", body).Results[0]
}

func (c *prepaid) correct(now, record, units string) {
	c.t.Helper()
	if out := c.report(now, `"corrects":"`+record+`","value":"-`+units+`"`); out.Status != api.UsageRecorded {
		c.t.Errorf("the correction: %+v", out.Error)
	}
}

// newest is the id of the newest record of credits.
func (c *prepaid) newest() string {
	c.t.Helper()
	l := c.ledger("?page_size=500")
	return l[len(l)-1].ID
}

func (c *prepaid) ledger(query string) []api.CreditEntry {
	c.t.Helper()
	return ask[api.CreditLedger](c.t, c.world, "GET", ofPrepaid+"/credits/credits/ledger"+query, "").Entries
}

func (c *prepaid) credits(query string) api.Credits {
	c.t.Helper()
	return ask[api.Credits](c.t, c.world, "GET", ofPrepaid+"/credits/credits"+query, "")
}

// available moves the clock and says what there is, as "400: paid 400".
func (c *prepaid) available(now, want string) api.Credits {
	c.t.Helper()
	c.now = on(c.t, now)
	return c.availableAt("", want)
}

func (c *prepaid) availableAt(when, want string) api.Credits {
	c.t.Helper()
	query := ""
	if when != "" {
		query = "?at=" + on(c.t, when).Format("2006-01-02T15:04:05.999999Z")
	}
	got := c.credits(query)
	var sources []string
	for _, s := range got.Sources {
		sources = append(sources, s.Kind+" "+string(*s.Remaining))
	}
	said := string(*got.Available)
	if strings.Contains(want, ":") {
		said = strings.TrimSpace(said + ": " + strings.Join(sources, ", "))
	}
	if said != want {
		c.t.Errorf("now %s, at %q: %s, want %s", c.now.Format(time.DateTime), when, said, want)
	}
	return got
}

func (c *prepaid) hold(now, units, seconds string) (api.Hold, bool) {
	c.t.Helper()
	c.now = on(c.t, now)
	h := ask[api.Hold](c.t, c.world, "POST", "/v1/holds", `{"org_code":"org_acme","feature_code":"credits","units":"`+units+`","expires_in":`+seconds+`}`)
	return h, h.Allowed
}

func (c *prepaid) void(now, id, fields string) api.VoidedGrant {
	c.t.Helper()
	c.now = on(c.t, now)
	return ask[api.VoidedGrant](c.t, c.world, "POST", "/v1/grants/"+id+"/void", `{`+fields+`}`)
}

// e1 is the first example, and what others go on from.
func e1(t *testing.T, w *world) (c *prepaid, record, paid string) {
	c = begin(t, w, thousand)
	c.p("200")
	paid = c.paid("")
	c.consume("1-10", "1300", "within_limit", "promotional 200, allowance 1000, paid 100")
	return c, c.newest(), paid
}

func e4(t *testing.T, w *world) *prepaid {
	c := begin(t, w, "max: 1000, rollover: {max: 300, windows: 1}")
	c.consume("1-20", "600", "within_limit", "-")
	c.available("2-1", "1300: rollover 300, allowance 1000")
	c.consume("2-3", "500", "within_limit", "rollover 300, allowance 200")
	c.available("2-3", "800: allowance 800")
	return c
}

func e7(t *testing.T, w *world) (*prepaid, api.Hold) {
	c := begin(t, w, thousand)
	c.p("100")
	h, _ := c.hold("1-14 23:00", "150", "86400")
	if got := shown(h.Draws); got != "promotional 100, allowance 50" {
		t.Errorf("held %q", got)
	}
	c.available("1-14 23:00", "950")
	c.available("1-15 12:00", "950")
	return c, h
}

// examples are the worked examples of docs/credits.md.
var examples = map[string]func(*testing.T, *world){
	"E1": func(t *testing.T, w *world) {
		c, _, paid := e1(t, w)
		if got := c.available("1-10", "400: paid 400"); got.Sources[0].ID != paid {
			t.Errorf("the source is %+v", got.Sources[0])
		}
	},
	"E2": func(t *testing.T, w *world) {
		c := begin(t, w, thousand)
		c.p("200")
		c.paid(`,"priority":10`)
		c.consume("1-10", "1300", "within_limit", "paid 500, promotional 200, allowance 600")
		got := c.available("1-10", "400: allowance 400")
		if s := got.Sources[0]; !s.ExpiresOn.Equal(on(t, "2-1")) || !s.Window.StartsOn.Equal(on(t, "1-1")) {
			t.Errorf("the source is %+v", s)
		}
		c.available("2-1", "1000")
	},
	"E3": func(t *testing.T, w *world) {
		c := begin(t, w, thousand)
		c.p("100")
		c.available("1-14 23:59:59.999999", "1100")
		c.available("1-15", "1000: allowance 1000")
		c.consume("1-15", "1001", "limit_reached", "")
		c.available("1-15", "1000")
	},
	"E4": func(t *testing.T, w *world) { e4(t, w).available("3-1", "1300") },
	"E5": func(t *testing.T, w *world) {
		c := e4(t, w)
		if out := c.report("2-4", `"value":250,"timestamp":"2027-01-30"`); out.Status != api.UsageRecorded || out.Uncovered != "150" {
			t.Errorf("the late usage: %+v", out)
		}
		c.available("2-4", "800")
		if then, known := c.ledger("?at=2027-01-31"), c.ledger("?at=2027-01-31&known=now"); len(then) != 1 || len(known) != 2 {
			t.Errorf("the ledger of January: %d entries, known now %d", len(then), len(known))
		}
	},
	"E6": func(t *testing.T, w *world) {
		c, record, _ := e1(t, w)
		c.correct("1-20", record, "150")
		c.available("1-20", "550: allowance 50, paid 500")
	},
	"E6 all": func(t *testing.T, w *world) {
		c, record, _ := e1(t, w)
		c.correct("1-20", record, "1300")
		c.available("1-20", "1500: allowance 1000, paid 500")
		if out := c.report("1-20", `"corrects":"`+record+`","value":"-0.5"`); out.Error == nil || out.Error.Code != "VALUE_INVALID" {
			t.Errorf("more than there was: %+v", out)
		}
	},
	"E7 confirm": func(t *testing.T, w *world) {
		c, h := e7(t, w)
		for range 2 { // the same again is answered the same
			out := ask[api.ClosedHold](t, w, "POST", "/v1/holds/"+h.ID+"/confirm", `{"units":120}`)
			if got := shown(out.Draws); got != "promotional 100, allowance 20" {
				t.Errorf("drawn %q", got)
			}
			c.available("1-15 12:00", "980")
		}
	},
	"E7 release": func(t *testing.T, w *world) {
		c, h := e7(t, w)
		ask[api.ClosedHold](t, w, "POST", "/v1/holds/"+h.ID+"/release", "")
		c.available("1-15 12:00", "1000")
	},
	"E7 nothing": func(t *testing.T, w *world) {
		c, _ := e7(t, w)
		c.available("1-15 23:00", "1000")
	},
	"E8": func(t *testing.T, w *world) {
		c, _, paid := e1(t, w)
		out := c.void("1-12", paid, "")
		if out.Refundable.Units != "400" || *out.Refundable.Amount != 800 || out.Debt != "0" {
			t.Errorf("voided: %+v", out)
		}
		c.available("1-12", "0:")
	},
	"E8 claw-back": func(t *testing.T, w *world) {
		c, _, paid := e1(t, w)
		if out := c.void("1-12", paid, `"claw_back":true`); out.Refundable.Units != "400" || out.Debt != "100" {
			t.Errorf("voided: %+v", out)
		}
		c.available("1-12", "-100:")
		c.availableAt("2-1", "900: allowance 900")
		c.grant("1-25", `"amount":250`)
		if got := c.available("1-25", "150: paid 150"); got.Debt != "0" {
			t.Errorf("debt %s", got.Debt)
		}
	},
	"E8 February pays": func(t *testing.T, w *world) {
		c, _, paid := e1(t, w)
		c.void("1-12", paid, `"claw_back":true`)
		if got := c.available("2-1", "900: allowance 900"); got.Debt != "0" {
			t.Errorf("debt %s", got.Debt)
		}
		c.consume("2-3", "100", "within_limit", "-")
		c.available("2-3", "800: allowance 800")
		if l := c.ledger(""); l[1].Type != api.UsageDebt || l[1].PaysFor != paid || shown(l[1].Draws) != "allowance 100" || !l[1].CountedOn.Equal(on(t, "2-1")) {
			t.Errorf("the ledger: %+v", l)
		}
	},
	"E9": func(t *testing.T, w *world) {
		c := begin(t, w, thousand+"}, {feature: third}, {feature: tokens_in}, {feature: tokens_out")
		for _, want := range []api.Decimal{"0.5", "0.499999", "0.5"} {
			if d := c.use("third", "0.333333", "within_limit", ""); d.Pool.Units != want || d.Pool.FeatureCode != "credits" {
				t.Errorf("burned %+v, want %s", d.Pool, want)
			}
		}
		c.use("tokens_in", "1200", "within_limit", "")
		c.use("tokens_out", "350", "within_limit", "")
		c.available("1-1", "998.491151: allowance 998.491151") // less 1.499999 and 0.00885
	},
	"E9 a million": func(t *testing.T, w *world) {
		c := begin(t, w, "max: 600000}, {feature: third")
		c.use("third", "333333", "within_limit", "") // the sum of a million times
		c.available("1-1", "100000.5")
	},
	"E9 pool": func(t *testing.T, w *world) {
		c := begin(t, w, thousand+"}, {feature: images}, {feature: chats")
		for range 40 {
			c.use("images", "1", "within_limit", "")
		}
		d := c.use("chats", "600", "within_limit", "")
		if *d.Pool.Remaining != "0" || d.Pool.Units != "600" {
			t.Errorf("the pool: %+v", d.Pool)
		}
		c.use("images", "1", "pool_empty", "")
		c.available("1-1", "0:")
		by := map[string]int{}
		for _, e := range c.ledger("?page_size=500") {
			by[e.Type+" by "+e.BurnedBy]++
		}
		if by["burned by images"] != 40 || by["burned by chats"] != 1 || len(by) != 2 {
			t.Errorf("the ledger: %v", by)
		}
	},
	"E10": func(t *testing.T, w *world) {
		c := begin(t, w, "max: 0")
		c.grant("1-1", `"amount":500`)
		_, first := c.hold("1-2", "400", "60")
		if _, second := c.hold("1-2", "400", "60"); !first || second {
			t.Error("of two holds of 400 on 500 one is made")
		}
		c.available("1-2", "100")
	},
	"E10 at once": func(t *testing.T, w *world) {
		c := begin(t, w, "max: 0")
		c.grant("1-1", `"amount":500`)
		var wg sync.WaitGroup
		made := make([]bool, 20)
		for i := range made {
			wg.Go(func() {
				rec := w.ask(t, "POST", "/v1/holds", `{"org_code":"org_acme","feature_code":"credits","units":75,"expires_in":60}`)
				made[i] = rec.Code == 201
			})
		}
		wg.Wait()
		n := 0
		for _, ok := range made {
			if ok {
				n++
			}
		}
		if n != 6 {
			t.Errorf("%d holds are made, want 6", n)
		}
		c.available("1-1", "50")
	},
	"E11": func(t *testing.T, w *world) {
		c := begin(t, w, "max: 1000, limit: soft, overage_max: 200, unit_amount: 3")
		if d := c.consume("1-2", "1150", "over_soft_limit", "-"); d.Overage != "150" {
			t.Errorf("overage %q", d.Overage)
		}
		if d := c.consume("1-2", "60", "overage_limit_reached", ""); d.Used != "1150" || d.Overage != "150" {
			t.Errorf("refused: %+v", d)
		}
		if d := c.consume("1-2", "50", "over_soft_limit", "-"); d.Overage != "200" {
			t.Errorf("overage %q", d.Overage)
		}
		if got := c.available("2-1", "1000"); got.Overage != "0" {
			t.Errorf("overage %s", got.Overage)
		}
	},
	"E12": func(t *testing.T, w *world) {
		c := begin(t, w, thousand)
		c.consume("1-2", "900", "within_limit", "-")
		c.change("1-3", "large", "max: 3000")
		c.available("1-3", "2100")
		c.change("1-4", "small", "max: 500")
		c.available("1-4", "0:")
		c.consume("1-4", "1", "limit_reached", "")
		c.available("2-1", "500")
	},
	"E12 overage": func(t *testing.T, w *world) {
		c := begin(t, w, "max: 1000, limit: soft")
		c.consume("1-2", "1150", "over_soft_limit", "-")
		c.change("1-3", "large", "max: 3000")
		c.available("1-3", "1850")
	},
	"E13": func(t *testing.T, w *world) {
		c, _, _ := e1(t, w)
		for when, want := range map[string]string{
			"1-3": "1200", "1-5": "1700", "1-9 23:59:59": "1700", "1-10": "400", "1-15": "400", "2-1": "1400",
		} {
			c.availableAt(when, want)
		}
		c.now = on(t, "2-5")
		for when, want := range map[string]string{"1-3": "1200", "1-5": "1700", "1-9 23:59:59": "1700", "1-10": "400", "1-15": "400", "2-1": "1400"} {
			c.availableAt(when, want)
		}
		got := c.credits("?at=2027-01-10&known=now")
		if *got.Available != "400" {
			t.Errorf("as known now: %s", *got.Available)
		}
	},
	"E14": func(t *testing.T, w *world) {
		c := begin(t, w, thousand+"}, {feature: gb, max: 10")
		c.grant("1-1", `"feature_code":"gb","amount":5,"kind":"promotional","expires_on":"2027-02-01"`)
		w.now = on(t, "1-10")
		if d := c.use("gb", "12", "within_limit", ""); *d.Limit != 15 {
			t.Errorf("limit %d", *d.Limit)
		}
		w.now = on(t, "2-1")
		if d := c.use("gb", "1", "limit_reached", ""); *d.Limit != 10 || d.Used != "12" {
			t.Errorf("limit %d, used %s", *d.Limit, d.Used)
		}
		got := ask[api.Credits](t, w, "GET", ofPrepaid+"/credits/gb", "")
		if *got.Available != "-2" || len(got.Sources) != 1 || *got.Sources[0].Amount != "10" {
			t.Errorf("credits of what is held: %+v", got)
		}
	},
}

// moreOfCredits are what the examples leave open.
var moreOfCredits = map[string]func(*testing.T, *world){
	"a void pays at once": func(t *testing.T, w *world) {
		c := begin(t, w, thousand)
		paid := c.paid(`,"priority":10`)
		c.consume("1-10", "300", "within_limit", "paid 300")
		if out := c.void("1-12", paid, `"claw_back":true`); out.Debt != "0" || out.Grant.Drawn != "300" || out.Refundable.Units != "200" {
			t.Errorf("voided: %+v", out)
		}
		c.available("1-12", "700: allowance 700")
		l := c.ledger("")
		if e := l[1]; e.Type != api.UsageDebt || e.PaysFor != paid || shown(e.Draws) != "allowance 300" || !e.RecordedOn.Equal(on(t, "1-12")) || e.Change != "0" {
			t.Errorf("the payment: %+v", e)
		}
		if out := c.void("1-13", paid, `"claw_back":true`); out.Debt != "0" || !out.Grant.EndedOn.Equal(on(t, "1-12")) {
			t.Errorf("voided again: %+v", out)
		}
	},
	"a grant of the past pays when it is made": func(t *testing.T, w *world) {
		c, _, paid := e1(t, w)
		c.void("1-12", paid, `"claw_back":true`)
		c.grant("1-25", `"amount":250,"effective_on":"2027-01-02"`)
		c.available("2-1", "1150: allowance 1000, paid 150")
	},
	"a void while units are held": func(t *testing.T, w *world) {
		c := begin(t, w, "max: 0")
		id := c.grant("1-1", `"amount":500,"cost_basis":0.5`)
		h, _ := c.hold("1-2", "200", "3600")
		if out := c.void("1-2", id, ""); out.Refundable.Units != "300" || *out.Refundable.Amount != 150 || out.Grant.Held != "200" {
			t.Errorf("voided: %+v", out)
		}
		ask[api.ClosedHold](t, w, "POST", "/v1/holds/"+h.ID+"/confirm", `{"units":50}`)
		g := ask[api.Grant](t, w, "GET", "/v1/grants/"+id, "")
		if g.Drawn != "50" || g.Held != "0" || g.Refundable != "450" || g.Remaining != "0" {
			t.Errorf("afterwards: %+v", g)
		}
	},
	"a hold that burns": func(t *testing.T, w *world) {
		c := begin(t, w, "max: 30}, {feature: images")
		c.grant("1-1", `"amount":100`)
		w.now = on(t, "1-2")
		body := `{"org_code":"org_acme","feature_code":"images","units":5,"expires_in":60}`
		h := ask[api.Hold](t, w, "POST", "/v1/holds", body)
		if h.Pool.Units != "50" || *h.Pool.Remaining != "80" || shown(h.Pool.Draws) != "allowance 30, paid 20" {
			t.Errorf("held: %+v", h.Pool)
		}
		for range 2 {
			out := ask[api.ClosedHold](t, w, "POST", "/v1/holds/"+h.ID+"/confirm", `{"units":4}`)
			if out.Units != "4" || out.Pool.Units != "40" || *out.Pool.Remaining != "90" || shown(out.Pool.Draws) != "allowance 30, paid 10" {
				t.Errorf("confirmed: %+v", out.Pool)
			}
			c.use("chats", "1", "not_entitled", "")
		}
		h = ask[api.Hold](t, w, "POST", "/v1/holds", body)
		out := ask[api.ClosedHold](t, w, "POST", "/v1/holds/"+h.ID+"/release", "")
		if out.Pool.Units != "0" || *out.Pool.Remaining != "90" || out.Pool.Draws != nil {
			t.Errorf("released: %+v", out.Pool)
		}
	},
	"a correction of what burned": func(t *testing.T, w *world) {
		c := begin(t, w, "max: 30}, {feature: images")
		c.grant("1-1", `"amount":100`)
		w.now = on(t, "1-2")
		c.use("images", "4", "within_limit", "allowance 30, paid 10")
		record := ask[api.Usage](t, w, "GET", ofPrepaid+"/usage?feature_code=images", "").Records[0].ID
		w.now = on(t, "1-3")
		body := `{"records":[{"org_code":"org_acme","feature_code":"images","value":-1.5,"corrects":"` + record + `"}]}`
		if out := ask[api.UsageResultList](t, w, "POST", "/v1/usage", body).Results[0]; out.Status != api.UsageRecorded {
			t.Errorf("corrected: %+v", out)
		}
		c.available("1-3", "105: allowance 5, paid 100")
		l := c.ledger("")
		if n := len(l); n != 2 || shown(l[0].Draws)+"; "+shown(l[1].Draws) != "allowance 30, paid 10; paid -10, allowance -5" &&
			shown(l[1].Draws)+"; "+shown(l[0].Draws) != "allowance 30, paid 10; paid -10, allowance -5" {
			t.Errorf("the ledger: %+v", l)
		}
	},
	"what a hard limit has not paid": func(t *testing.T, w *world) {
		c := begin(t, w, thousand)
		c.p("200")
		if out := c.report("1-2", `"value":1300`); out.Uncovered != "100" {
			t.Errorf("reported: %+v", out)
		}
		if d := c.use("credits", "1", "limit_reached", ""); d.Overage != "" || d.Used != "1300" {
			t.Errorf("refused: %+v", d)
		}
	},
	"what a soft limit has not paid": func(t *testing.T, w *world) {
		c := begin(t, w, "max: 1000, limit: soft")
		c.grant("1-1", `"amount":100,"priority":60`)
		if out := c.report("1-2", `"value":1250`); out.Status != api.UsageRecorded || out.Uncovered != "" {
			t.Errorf("reported: %+v", out)
		}
		got := c.available("1-2", "0:")
		if got.Overage != "150" || c.ledger("")[0].Change != "1250" {
			t.Errorf("credits: %+v", got)
		}
		if d := c.use("credits", "50", "over_soft_limit", ""); d.Overage != "200" {
			t.Errorf("overage %s", d.Overage)
		}
		h, _ := c.hold("1-2", "10", "60")
		out := ask[api.ClosedHold](t, w, "POST", "/v1/holds/"+h.ID+"/confirm", "")
		if h.Draws != nil || h.Overage != "200" || out.Overage != "210" || out.Draws != nil {
			t.Errorf("held %+v, confirmed %+v", h, out)
		}
	},
}

// The worked examples, over HTTP, on each database; afterwards every sum is that of the log.
func TestCreditExamples(t *testing.T) {
	for kind, database := range databases {
		for _, table := range []map[string]func(*testing.T, *world){examples, moreOfCredits} {
			for name, example := range table {
				t.Run(kind+"/"+name, func(t *testing.T) {
					w := worldOn(t, openStore(t, database(t)), 0)
					example(t, w)
					w.verify(t)
				})
			}
		}
	}
}

func (w *world) verify(t *testing.T) {
	t.Helper()
	if _, _, err := w.billing.Verify(t.Context(), func(d service.Drift) { t.Errorf("verify: %+v", d) }); err != nil {
		t.Error(err)
	}
}
