package creditmodel

import (
	"testing"
	"time"
)

// at reads "1-20", "1-20 15:04" or "1-20 15:04:05.999999" as a time of 2027.
func at(t testing.TB, text string) time.Time {
	t.Helper()
	for _, layout := range []string{"1-2 15:04:05", "1-2 15:04", "1-2"} {
		if when, err := time.Parse("2006-"+layout, "2027-"+text); err == nil {
			return when
		}
	}
	t.Fatalf("%q is not a time", text)
	return time.Time{}
}

func u(t testing.TB, text string) Units {
	t.Helper()
	units, err := ParseUnits(text)
	if err != nil {
		t.Fatal(err)
	}
	return units
}

// customer is one feature, "api", of one customer.
type customer struct {
	t testing.TB
	m *Model
}

// begin is a customer with monthly terms from January.
func begin(t testing.TB, terms Terms) customer {
	c := customer{t, New([]Feature{{Code: "api"}})}
	if terms.Has {
		c.m.SetTerms(at(t, "1-1"), at(t, "1-1"), "api", terms)
	}
	return c
}

// thousand is the usual allowance of the examples.
func thousand() Terms {
	amount := 1000 * One
	return Terms{Has: true, Amount: &amount, Windows: Month}
}

// p is the promotional grant of the examples, Jan 1 to Jan 15.
func (c customer) p(amount Units) string {
	return c.grant("1-1", GrantRequest{Amount: amount, Expires: at(c.t, "1-15"), Kind: promotional})
}

// tt is the paid grant T of the examples: 500 from Jan 5, cost basis 2.
func (c customer) tt(priority *int) string {
	return c.grant("1-1", GrantRequest{Amount: 500 * One, Effective: at(c.t, "1-5"), Priority: priority, CostBasis: "2"})
}

func (c customer) grant(now string, q GrantRequest) string {
	c.t.Helper()
	q.Feature = "api"
	a := c.m.Grant(at(c.t, now), q)
	if a.Code != "" {
		c.t.Fatalf("grant: %s", a)
	}
	return a.ID
}

// consume takes units and answers the id of the record and the draws, by kind or grant.
func (c customer) consume(now, units, reason string, want ...Draw) string {
	c.t.Helper()
	a := c.m.Consume(at(c.t, now), "api", u(c.t, units))
	if a.Decision.Reason != reason {
		c.t.Fatalf("consume %s at %s: %s, want %s", units, now, a, reason)
	}
	c.draws(a.Decision.Draws, want)
	return a.ID
}

func (c customer) draws(got, want []Draw) {
	c.t.Helper()
	if want == nil {
		return
	}
	if len(got) != len(want) {
		c.t.Fatalf("draws %s, want %s", showDraws(got), showDraws(want))
	}
	for i, d := range want {
		if got[i].Units != d.Units || got[i].Source[:min(len(d.Source), len(got[i].Source))] != d.Source {
			c.t.Fatalf("draws %s, want %s", showDraws(got), showDraws(want))
		}
	}
}

func draw(source string, units Units) Draw { return Draw{Source: source, Units: units * One} }

func (c customer) available(when, want string) Credits {
	c.t.Helper()
	return c.availableAt(when, when, want)
}

// availableAt asks at now about a time, and checks what must always hold.
func (c customer) availableAt(now, when, want string) Credits {
	c.t.Helper()
	if err := c.m.Faults(at(c.t, now)); err != nil {
		c.t.Fatal(err)
	}
	a := c.m.Credits(at(c.t, now), at(c.t, when), "api", false)
	if got := bound(a.Credits.Available); got != want {
		c.t.Fatalf("at %s, asked at %s: %s, want %s available", when, now, a, want)
	}
	return *a.Credits
}

func e1(t *testing.T) (c customer, record, tt string) {
	c = begin(t, thousand())
	p, tt := c.p(200*One), c.tt(nil)
	record = c.consume("1-10", "1300", WithinLimit, draw(p, 200), draw(allowance, 1000), draw(tt, 100))
	return c, record, tt
}

func TestE1(t *testing.T) {
	c, _, tt := e1(t)
	got := c.available("1-10", "400")
	if len(got.Sources) != 1 || got.Sources[0].Key != tt {
		t.Fatalf("sources %s", got)
	}
}

func TestE2(t *testing.T) {
	c := begin(t, thousand())
	ten := 10
	p, tt := c.p(200*One), c.tt(&ten)
	c.consume("1-10", "1300", WithinLimit, draw(tt, 500), draw(p, 200), draw(allowance, 600))
	got := c.available("1-10", "400")
	if got.Sources[0].Kind != allowance || got.Sources[0].Ends != at(t, "2-1") {
		t.Fatalf("sources %s", got)
	}
}

func TestE3(t *testing.T) {
	c := begin(t, thousand())
	c.p(100 * One)
	c.available("1-14 23:59:59.999999", "1100")
	c.available("1-15 00:00:00", "1000")
	c.consume("1-15", "1001", LimitReached)
	c.available("1-15", "1000")
}

func e4(t *testing.T) customer {
	terms := thousand()
	terms.Rollover = &Rollover{Max: 300 * One, Windows: 1}
	c := begin(t, terms)
	c.consume("1-20", "600", WithinLimit)
	c.available("2-1", "1300")
	c.consume("2-3", "500", WithinLimit, draw(rollover, 300), draw(allowance, 200))
	c.available("2-3", "800")
	return c
}

func TestE4(t *testing.T) { e4(t).available("3-1", "1300") }

func TestE5(t *testing.T) {
	c := e4(t)
	a := c.m.Use(at(t, "2-4"), at(t, "1-30"), "api", 250*One)
	if a.Uncovered != 150*One {
		t.Fatalf("late usage: %s", a)
	}
	c.draws(c.m.findRecord(a.ID).own.draws, []Draw{draw(allowance, 100), draw(uncovered, 150)})
	c.available("2-4", "800")
}

func TestE6(t *testing.T) {
	c, record, tt := e1(t)
	c.m.Correct(at(t, "1-20"), record, 150*One)
	got := c.available("1-20", "550")
	if s := got.Sources; s[0].Remaining != 50*One || s[1].Key != tt || s[1].Remaining != 500*One {
		t.Fatalf("sources %s", got)
	}
	c, record, _ = e1(t)
	c.m.Correct(at(t, "1-20"), record, 1300*One)
	c.available("1-20", "1500")
}

func TestE7(t *testing.T) {
	start := func() (customer, string, string) {
		c := begin(t, thousand())
		p := c.p(100 * One)
		a := c.m.Hold(at(t, "1-14 23:00"), "api", 150*One, 24*time.Hour)
		c.draws(a.Decision.Draws, []Draw{draw(p, 100), draw(allowance, 50)})
		c.available("1-14 23:00", "950")
		c.available("1-15 12:00", "950")
		return c, a.ID, p
	}
	c, hold, p := start()
	a := c.m.Confirm(at(t, "1-15 12:00"), hold, 120*One, "")
	c.draws(a.Decision.Draws, []Draw{draw(p, 100), draw(allowance, 20)})
	c.available("1-15 12:00", "980")

	c, hold, _ = start()
	c.m.Release(at(t, "1-15 12:00"), hold)
	c.available("1-15 12:00", "1000")

	c, _, _ = start()
	c.available("1-15 22:59:59.999999", "950")
	c.available("1-15 23:00", "1000")
}

func TestE8(t *testing.T) {
	c, _, tt := e1(t)
	a := c.m.Void(at(t, "1-12"), tt, false)
	if a.Void.Refundable != 400*One || a.Void.Money != "800" || a.Void.Debt != 0 {
		t.Fatalf("void: %s", a)
	}
	c.available("1-12", "0")

	c, _, tt = e1(t)
	a = c.m.Void(at(t, "1-12"), tt, true)
	if a.Void.Refundable != 400*One || a.Void.Debt != 100*One {
		t.Fatalf("void: %s", a)
	}
	c.available("1-12", "-100")
	if got := c.availableAt("1-12", "2-1", "900"); got.Debt != 0 {
		t.Fatalf("ahead: %s", got)
	}
	if got := c.available("2-1", "900"); got.Debt != 0 {
		t.Fatalf("without a write: %s", got)
	}
	written := customer{t, c.m.clone()}
	written.m.Deny(at(t, "2-3"), "api", false)
	written.available("2-3", "900")
	written.availableAt("2-3", "2-1", "900")
	written.availableAt("2-3", "1-31", "-100")

	c.grant("1-25", GrantRequest{Amount: 250 * One})
	if got := c.available("1-25", "150"); got.Debt != 0 {
		t.Fatalf("paid: %s", got)
	}
	c.availableAt("1-25", "2-1", "1150")
}

func TestE9(t *testing.T) {
	var total Units
	for _, want := range []string{"0.5", "0.499999", "0.5"} {
		one := u(t, "0.333333")
		if got := Priced(total, one, "1.5"); got != u(t, want) {
			t.Fatalf("after %s: %s, want %s", total, got, want)
		}
		total += one
	}
	var all Units
	total = 0
	one, rate := u(t, "0.333333"), mustRate("1.5")
	for range 1_000_000 {
		all += priced(total, one, rate)
		total += one
	}
	if all != u(t, "499999.5") {
		t.Fatalf("a million: %s", all)
	}
	if got := Priced(0, 1200*One, "0.000003") + Priced(0, 350*One, "0.000015"); got != u(t, "0.00885") {
		t.Fatalf("tokens: %s", got)
	}
}

func TestE9Pool(t *testing.T) {
	m := New([]Feature{
		{Code: "pool"}, {Code: "images", Burns: &Burns{"pool", "10"}}, {Code: "chats", Burns: &Burns{"pool", "1"}},
	})
	now := at(t, "1-1")
	m.SetTerms(now, now, "pool", thousand())
	for _, f := range []string{"images", "chats"} {
		m.SetTerms(now, now, f, Terms{Has: true, Windows: Month})
	}
	if a := m.Consume(now, "images", 40*One); !a.Decision.Allowed || *a.Decision.Remaining != 60*One {
		t.Fatalf("images: %s", a)
	}
	if a := m.Consume(now, "chats", 600*One); !a.Decision.Allowed || *a.Decision.Remaining != 0 {
		t.Fatalf("chats: %s", a)
	}
	if a := m.Consume(now, "images", One); a.Decision.Reason != PoolEmpty {
		t.Fatalf("the next image: %s", a)
	}
}

func TestE10(t *testing.T) {
	c := begin(t, Terms{})
	c.grant("1-1", GrantRequest{Amount: 500 * One})
	c.m.Hold(at(t, "1-2"), "api", 400*One, time.Hour)
	if a := c.m.Hold(at(t, "1-2"), "api", 400*One, time.Hour); a.Decision.Allowed || *a.Decision.Remaining != 100*One {
		t.Fatalf("second hold: %s", a)
	}
	c = begin(t, Terms{})
	c.grant("1-1", GrantRequest{Amount: 500 * One})
	held := 0
	for range 20 {
		if a := c.m.Hold(at(t, "1-2"), "api", 75*One, time.Hour); a.Decision.Allowed {
			held++
		}
	}
	if held != 6 {
		t.Fatalf("%d held", held)
	}
	c.available("1-2", "50")
}

func TestE11(t *testing.T) {
	terms := thousand()
	most := 200 * One
	terms.Soft, terms.OverageMax = true, &most
	c := begin(t, terms)
	c.consume("1-10", "1150", OverSoftLimit)
	c.overage("1-10", 150)
	c.consume("1-10", "60", OverageLimit)
	c.overage("1-10", 150)
	c.consume("1-10", "50", OverSoftLimit)
	c.overage("1-10", 200)
	c.available("2-1", "1000")
	c.overage("2-1", 0)
}

func (c customer) overage(when string, want Units) {
	c.t.Helper()
	a := c.m.Credits(at(c.t, when), at(c.t, when), "api", false)
	if a.Credits.Overage != want*One {
		c.t.Fatalf("at %s: %s, want overage %d", when, a, want)
	}
}

func (c customer) change(now string, amount Units) {
	terms := thousand()
	terms.Soft = c.m.termsAt("api", "", at(c.t, "1-1")).Soft
	*terms.Amount = amount * One
	c.m.SetTerms(at(c.t, now), at(c.t, now), "api", terms)
}

func TestE12(t *testing.T) {
	c := begin(t, thousand())
	c.consume("1-5", "900", WithinLimit)
	c.change("1-10", 3000)
	c.available("1-10", "2100")
	c.change("1-12", 500)
	c.available("1-12", "0")
	c.consume("1-12", "1", LimitReached)
	c.available("2-1", "500")

	terms := thousand()
	terms.Soft = true
	c = begin(t, terms)
	c.consume("1-5", "1150", OverSoftLimit)
	c.overage("1-5", 150)
	c.change("1-10", 3000)
	c.overage("1-10", 0)
	c.available("1-10", "1850")
}

func TestE13(t *testing.T) {
	c, _, _ := e1(t)
	for when, want := range map[string]string{
		"1-3": "1200", "1-5": "1700", "1-9 23:59:59": "1700", "1-10": "400", "1-15": "400", "2-1": "1400",
	} {
		c.availableAt("1-10", when, want)
		c.availableAt("3-1", when, want)
	}
}

func TestE14(t *testing.T) {
	m := New([]Feature{{Code: "gb", Held: true}})
	now := at(t, "1-1")
	ten := 10 * One
	m.SetTerms(now, now, "gb", Terms{Has: true, Amount: &ten})
	m.Grant(now, GrantRequest{Feature: "gb", Amount: 5 * One, Expires: at(t, "2-1"), Kind: promotional})
	if a := m.Consume(at(t, "1-10"), "gb", 12*One); !a.Decision.Allowed || *a.Decision.Limit != 15*One {
		t.Fatalf("stored: %s", a)
	}
	a := m.Consume(at(t, "2-1"), "gb", One)
	if a.Decision.Allowed || *a.Decision.Limit != 10*One || a.Decision.Used != 12*One {
		t.Fatalf("over the limit: %s", a)
	}
	if a := m.CorrectNewest(at(t, "2-2"), at(t, "2-2"), "gb", 3*One); a.Code != "" {
		t.Fatalf("less: %s", a)
	}
	if a := m.Consume(at(t, "2-2"), "gb", One); !a.Decision.Allowed {
		t.Fatalf("below: %s", a)
	}
}
