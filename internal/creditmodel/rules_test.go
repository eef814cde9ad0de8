package creditmodel

import (
	"strings"
	"testing"
	"time"
)

// pool is a customer with a pool "api", hard 1000 a month, and "images" and "chats" that
// burn 10 and 1 of it.
func pool(t testing.TB) customer {
	c := customer{t, New([]Feature{
		{Code: "api"}, {Code: "images", Burns: &Burns{"api", "10"}}, {Code: "chats", Burns: &Burns{"api", "1"}},
	})}
	now := at(t, "1-1")
	c.m.SetTerms(now, now, "api", thousand())
	for _, f := range []string{"images", "chats"} {
		c.m.SetTerms(now, now, f, Terms{Has: true, Windows: Month})
	}
	return c
}

func (c customer) state(when, id string) GrantState {
	c.t.Helper()
	a := c.m.GrantState(at(c.t, when), id)
	if a.Code != "" {
		c.t.Fatal(a)
	}
	return a.Grants[0]
}

func (c customer) known(now, when, want string) Credits {
	c.t.Helper()
	a := c.m.Credits(at(c.t, now), at(c.t, when), "api", true)
	if got := bound(a.Credits.Available); got != want {
		c.t.Fatalf("at %s, known at %s: %s, want %s", when, now, a, want)
	}
	return *a.Credits
}

func TestOnly(t *testing.T) {
	c := pool(t)
	ten := 10
	g := c.grant("1-1", GrantRequest{Amount: 100 * One, Priority: &ten, Only: []string{"images"}})
	a := c.m.Consume(at(t, "1-2"), "chats", 50*One)
	c.draws(a.Decision.Pool.Draws, []Draw{draw(allowance, 50)})
	a = c.m.Consume(at(t, "1-2"), "images", 11*One)
	c.draws(a.Decision.Pool.Draws, []Draw{draw(g, 100), draw(allowance, 10)})
	a = c.m.Consume(at(t, "1-2"), "api", 900*One)
	c.draws(a.Decision.Draws, []Draw{draw(allowance, 900)})
	if got := a.Decision.Used; got != 1060*One {
		t.Fatalf("used %s", got)
	}
}

// A restricted grant pays for nothing but its features, and is not its pool's remaining.
func TestOnlyPaysForNothingElse(t *testing.T) {
	c := customer{t, New([]Feature{{Code: "api"}, {Code: "images", Burns: &Burns{"api", "10"}}})}
	c.m.SetTerms(at(t, "1-1"), at(t, "1-1"), "images", Terms{Has: true, Windows: Month})
	c.grant("1-1", GrantRequest{Amount: 100 * One, Only: []string{"images"}})
	c.consume("1-2", "1", LimitReached)
	a := c.m.Check(at(t, "1-2"), "images", One)
	if !a.Decision.Allowed || *a.Decision.Remaining != 10*One || *a.Decision.Pool.Remaining != 100*One {
		t.Fatalf("images: %s", a)
	}
	c.available("1-2", "100")
}

func TestGrantAlone(t *testing.T) {
	c := begin(t, Terms{})
	c.consume("1-2", "1", NotEntitled)
	c.grant("1-2", GrantRequest{Amount: 100 * One})
	a := c.m.Consume(at(t, "1-3"), "api", 40*One)
	if d := a.Decision; *d.Limit != 0 || d.Used != 40*One || *d.Remaining != 60*One || d.Resets != at(t, "2-1") || d.Soft {
		t.Fatalf("a grant alone: %s", a)
	}
	c.consume("1-3", "61", LimitReached)
	c.m.Deny(at(t, "1-4"), "api", true)
	c.consume("1-4", "1", NotEntitled)
	c.m.Suspend(at(t, "1-5"), true)
	c.consume("1-5", "1", Suspended)
}

// Rule 5: late usage draws from what was live then, with what is left now, less open holds.
func TestLate(t *testing.T) {
	c := begin(t, thousand())
	p := c.p(200 * One)
	c.consume("1-10", "700", WithinLimit, draw(p, 200), draw(allowance, 500))
	later := c.grant("1-20", GrantRequest{Amount: 50 * One})
	c.m.Hold(at(t, "1-20"), "api", 100*One, 24*time.Hour)
	a := c.m.Use(at(t, "1-20 12:00"), at(t, "1-12"), "api", 450*One)
	if a.Uncovered != 50*One {
		t.Fatalf("late: %s", a)
	}
	c.available("1-20 12:00", "50")
	if s := c.state("1-20 12:00", later); s.Drawn != 0 {
		t.Fatalf("a source that was not live then was drawn: %s", s)
	}
	// Rule 10: a backdated grant is drawn by late usage, and heals nothing.
	g := c.grant("1-20 13:00", GrantRequest{Amount: 100 * One, Effective: at(t, "1-11")})
	c.available("1-20 13:00", "150")
	c.m.Use(at(t, "1-20 14:00"), at(t, "1-12"), "api", 30*One)
	if s := c.state("1-20 14:00", g); s.Drawn != 30*One {
		t.Fatalf("the backdated grant: %s", s)
	}
	if a := c.m.Use(at(t, "1-21"), at(t, "1-1").Add(-instant), "api", One); a.Code != "TIMESTAMP_INVALID" {
		t.Fatalf("before anything was held: %s", a)
	}
}

// Rule 11: what no source covered is taken in by a larger allowance, never by a grant.
func TestUncoveredIsTakenIn(t *testing.T) {
	c := begin(t, thousand())
	c.m.Use(at(t, "1-10"), at(t, "1-9"), "api", 1100*One)
	c.grant("1-11", GrantRequest{Amount: 500 * One})
	c.available("1-11", "500")
	c.change("1-12", 1500)
	c.available("1-12", "900")
}

func TestRolloverLonger(t *testing.T) {
	terms := thousand()
	terms.Rollover = &Rollover{Max: 600 * One, Windows: 2}
	c := begin(t, terms)
	c.consume("1-10", "500", WithinLimit)
	c.available("2-1", "1500")
	// February's allowance ends before January's tail.
	c.consume("2-2", "1100", WithinLimit, draw(allowance, 1000), draw(rollover, 100))
	c.available("3-1", "1400")
	// Rule 2: the tail and March's allowance end together; the tail burns first.
	c.consume("3-2", "450", WithinLimit, draw(rollover, 400), draw(allowance, 50))
	c.available("4-1", "1600") // January's tail is over, March's has 600 of 950
	got := c.availableAt("3-2", "6-1", "2200")
	if len(got.Sources) != 3 || got.Sources[0].Ends != at(t, "7-1") || got.Why != "rollover_ends" {
		t.Fatalf("June: %s", got)
	}
}

// Rule 3: a hold inside counts like a draw, at the hold's own instant; late usage and the
// tail share one amount.
func TestRolloverHeld(t *testing.T) {
	terms := thousand()
	terms.Rollover = &Rollover{Max: 1000 * One, Windows: 1}
	c := begin(t, terms)
	a := c.m.Hold(at(t, "1-31 20:00"), "api", 600*One, 24*time.Hour)
	c.available("2-1", "1400")
	c.m.Confirm(at(t, "2-1 10:00"), a.ID, 200*One, "")
	c.available("2-1 10:00", "1800")
	c.consume("2-2", "700", WithinLimit, draw(rollover, 700))
	late := c.m.Use(at(t, "2-3"), at(t, "1-5"), "api", 150*One)
	if late.Uncovered != 50*One {
		t.Fatalf("late: %s", late)
	}
	c.available("2-3", "1000")
}

// Rule 3: a window that a plan change cuts ends and rolls then, with the terms before it.
func TestRolloverCut(t *testing.T) {
	terms := thousand()
	terms.Rollover = &Rollover{Max: 300 * One, Windows: 1}
	c := begin(t, terms)
	c.consume("1-10", "900", WithinLimit)
	daily := thousand()
	*daily.Amount, daily.Windows = 40*One, Day
	c.m.SetTerms(at(t, "1-20 12:00"), at(t, "1-20 12:00"), "api", daily)
	// 100 rolled; it is usable for one window, the rest of that day.
	c.available("1-20 12:00", "140")
	c.available("1-21", "40")
}

// A plan that ends ends its allowance; what rolled ends with it.
func TestRolloverNotHeld(t *testing.T) {
	terms := thousand()
	terms.Rollover = &Rollover{Max: 300 * One, Windows: 2}
	c := begin(t, terms)
	c.m.SetTerms(at(t, "1-5"), at(t, "2-1"), "api", Terms{})
	if got := c.availableAt("1-5", "2-1", "0"); len(got.Sources) != 0 {
		t.Fatalf("after the end: %s", got)
	}
	if got := c.available("1-6", "1000"); got.Why != "plan_ends" || got.Next != at(t, "2-1") {
		t.Fatalf("before the end: %s", got)
	}
	c.m.SetTerms(at(t, "2-10"), at(t, "2-10"), "api", terms)
	c.available("2-10", "1000")
	c.available("4-1", "1600") // February's and March's are 300 each
}

// Rule 7 on a burning feature: in all p − round(p·(u − c)/u).
func TestCorrectBurned(t *testing.T) {
	c := customer{t, New([]Feature{{Code: "api"}, {Code: "x", Burns: &Burns{"api", "0.333333"}}})}
	c.m.SetTerms(at(t, "1-1"), at(t, "1-1"), "api", thousand())
	c.m.SetTerms(at(t, "1-1"), at(t, "1-1"), "x", Terms{Has: true, Windows: Month})
	a := c.m.Consume(at(t, "1-2"), "x", 10*One) // 3.33333
	c.available("1-2", "996.66667")
	c.m.Correct(at(t, "1-3"), a.ID, 3*One) // keeps 2.333331
	c.available("1-3", "997.666669")
	c.m.Correct(at(t, "1-3"), a.ID, 7*One)
	c.available("1-3", "1000")
	if a := c.m.Correct(at(t, "1-3"), a.ID, 1); a.Code != "CORRECTION_TOO_LARGE" {
		t.Fatalf("more than all: %s", a)
	}
	// T counts uses; a correction does not lower it.
	if a := c.m.Consume(at(t, "1-4"), "x", 2*One); a.Decision.Pool.Units != Priced(10*One, 2*One, "0.333333") {
		t.Fatalf("after it: %s", a)
	}
}

func TestCorrectOverageFirst(t *testing.T) {
	terms := thousand()
	terms.Soft = true
	c := begin(t, terms)
	g := c.grant("1-1", GrantRequest{Amount: 100 * One})
	a := c.m.Consume(at(t, "1-2"), "api", 1150*One)
	c.draws(a.Decision.Draws, []Draw{draw(allowance, 1000), draw(g, 100), draw(uncovered, 50)})
	c.m.Correct(at(t, "1-3"), a.ID, 80*One)
	c.overage("1-3", 0)
	c.available("1-3", "30")
	c.m.Correct(at(t, "1-3"), a.ID, 90*One)
	if s := c.state("1-3", g); s.Remaining != 100*One {
		t.Fatalf("the grant: %s", s)
	}
	c.available("1-3", "120")
}

func TestCorrectNewest(t *testing.T) {
	c := begin(t, thousand())
	ten := 10
	g := c.grant("1-1", GrantRequest{Amount: 100 * One, Priority: &ten})
	c.consume("1-2", "100", WithinLimit, draw(g, 100))
	c.consume("1-3", "200", WithinLimit, draw(allowance, 200))
	c.m.CorrectNewest(at(t, "1-4"), at(t, "1-4"), "api", 250*One)
	if s := c.state("1-4", g); s.Drawn != 50*One {
		t.Fatalf("the grant: %s", s)
	}
	c.available("1-4", "1050")
	c.m.Absolute(at(t, "1-5"), at(t, "1-5"), "api", 130*One)
	c.available("1-5", "970")
	c.m.Absolute(at(t, "1-6"), at(t, "1-6"), "api", 20*One)
	c.available("1-6", "1080")
	if a := c.m.Absolute(at(t, "1-7"), at(t, "1-5"), "api", One); a.Status != "superseded" {
		t.Fatalf("an older reading: %s", a)
	}
}

// Rule 6: more than held. What is there is 20 of the hold and 30 of the allowance.
func TestConfirmOver(t *testing.T) {
	for over, want := range map[string]struct {
		code, available string
		used, uncovered Units
	}{
		"reject":    {"HOLD_EXCEEDED", "30", 950, 0},
		"available": {"", "0", 1000, 0},
		"record":    {"", "0", 1030, 30},
	} {
		c := begin(t, thousand())
		c.consume("1-2", "950", WithinLimit)
		hold := c.m.Hold(at(t, "1-2"), "api", 20*One, time.Hour)
		a := c.m.Confirm(at(t, "1-2 00:30"), hold.ID, 80*One, over)
		if a.Code != want.code || a.Uncovered != want.uncovered*One {
			t.Errorf("%s: %s", over, a)
		}
		if used := c.m.usedIn("api", Month.At(at(t, "1-2"))); used != want.used*One {
			t.Errorf("%s: used %s", over, used)
		}
		c.available("1-2 00:30", want.available)
		again := c.m.Confirm(at(t, "1-2 00:40"), hold.ID, 80*One, over)
		if want.code == "" && again.String() != a.String() {
			t.Errorf("%s again: %s", over, again)
		}
	}
}

// Rule 8: a hold on a voided grant stays good; what it releases raises refundable, what it
// confirms the debt.
func TestVoidHeld(t *testing.T) {
	c := begin(t, Terms{})
	g := c.grant("1-1", GrantRequest{Amount: 500 * One})
	c.consume("1-2", "100", WithinLimit)
	hold := c.m.Hold(at(t, "1-3"), "api", 200*One, 24*time.Hour)
	a := c.m.Void(at(t, "1-3 12:00"), g, true)
	if a.Void.Refundable != 200*One || a.Void.Debt != 100*One {
		t.Fatalf("void: %s", a)
	}
	c.m.Confirm(at(t, "1-3 13:00"), hold.ID, 50*One, "")
	if s := c.state("1-3 13:00", g); s.Debt != 150*One || s.Refundable != 350*One || s.Remaining != 0 {
		t.Fatalf("confirmed: %s", s)
	}
	c.available("1-3 13:00", "-150")
}

// A debt is paid in burn order, and a correction of what was drawn gives the payment back in
// reverse order.
func TestDebt(t *testing.T) {
	c := begin(t, Terms{})
	g := c.grant("1-1", GrantRequest{Amount: 300 * One})
	record := c.consume("1-2", "250", WithinLimit)
	if a := c.m.Void(at(t, "1-3"), g, false); a.Void.Debt != 0 || a.Void.Refundable != 50*One {
		t.Fatalf("void: %s", a)
	}
	first := c.grant("1-4", GrantRequest{Amount: 80 * One, Expires: at(t, "3-1"), Only: []string{"other"}})
	a := c.m.Void(at(t, "1-5"), g, true)
	if a.Void.Debt != 170*One {
		t.Fatalf("claw-back after the void: %s", a)
	}
	second := c.grant("1-6", GrantRequest{Amount: 200 * One})
	c.available("1-6", "30")
	c.m.Correct(at(t, "1-7"), record, 190*One)
	// 60 are owed: the first pays them alone and has 20, the second has all of it again.
	if f, s := c.state("1-7", first), c.state("1-7", second); f.Remaining != 20*One || s.Remaining != 200*One {
		t.Fatalf("after the correction: %s, %s", f, s)
	}
	if again := c.m.Void(at(t, "1-8"), g, true); again.Void.Debt != 170*One || again.Status != "repeated" {
		t.Fatalf("again: %s", again)
	}
	c.known("1-8", "1-3 12:00", "0") // the debt counts from its own instant
}

// A future start of a grant pays at that instant, without any write.
func TestDebtPaidByTime(t *testing.T) {
	c := begin(t, Terms{})
	g := c.grant("1-1", GrantRequest{Amount: 100 * One})
	c.consume("1-2", "100", WithinLimit)
	c.m.Void(at(t, "1-3"), g, true)
	later := c.grant("1-4", GrantRequest{Amount: 150 * One, Effective: at(t, "1-10")})
	c.availableAt("1-4", "1-9 23:59:59.999999", "-100")
	c.availableAt("1-4", "1-10", "50")
	c.consume("1-12", "50", WithinLimit, draw(later, 50))
	c.availableAt("1-12", "1-11", "50")
	c.known("1-12", "1-11", "50")
}

// Rule 12 with known=now: a confirmed hold is used from its instant, the rest held until it
// was closed, never both.
func TestKnownNow(t *testing.T) {
	c := begin(t, thousand())
	hold := c.m.Hold(at(t, "1-10"), "api", 100*One, 24*time.Hour)
	c.m.Confirm(at(t, "1-10 12:00"), hold.ID, 30*One, "")
	if got := c.known("1-20", "1-10 06:00", "900"); got.Held != 70*One {
		t.Fatalf("held: %s", got)
	}
	if got := c.availableAt("1-20", "1-10 06:00", "900"); got.Held != 100*One {
		t.Fatalf("as known then: %s", got)
	}
	c.known("1-20", "1-10 12:00", "970")
	c.m.Use(at(t, "1-20"), at(t, "1-5"), "api", 100*One)
	c.grant("1-20", GrantRequest{Amount: 10 * One, Effective: at(t, "1-3")})
	c.known("1-20", "1-4", "1010")
	c.known("1-20", "1-6", "910")
	c.availableAt("1-20", "1-6", "1000")
}

// Rule 11: an allowance in another rhythm goes on with what was drawn while its chain is
// unbroken, and quantity moves its amount.
func TestAddOn(t *testing.T) {
	c := begin(t, thousand())
	more := func(when, chain string, amount Units) {
		amount *= One
		c.m.SetAddOn(at(t, when), at(t, when), "api", chain, Terms{Has: true, Amount: &amount, Windows: Never})
	}
	more("1-2", "extra#1", 500)
	c.consume("1-10", "1200", WithinLimit, draw(allowance, 1000), draw(allowance+"(extra#1)", 200))
	c.available("1-10", "300")
	more("1-15", "extra#1", 1000)
	c.available("1-15", "800")
	c.m.SetAddOn(at(t, "1-20"), at(t, "1-20"), "api", "extra#1", Terms{})
	c.available("1-20", "0")
	more("1-25", "extra#2", 500)
	c.available("1-25", "500")
	if a := c.m.Check(at(t, "1-25"), "api", One); *a.Decision.Limit != 1000*One || *a.Decision.Remaining != 500*One {
		t.Fatalf("check: %s", a)
	}
}

func TestCatalogGrants(t *testing.T) {
	c := begin(t, thousand())
	item := AgreementItem{"api", []CatalogGrant{
		{Amount: 100 * One, At: "start", Lasts: "days", Days: 10, Kind: promotional},
		{Amount: 50 * One, At: "term", Lasts: "term"},
	}}
	a := Agreement{ID: "a1", Plan: "pro", From: at(t, "1-1"), Terms: Month, Items: []AgreementItem{item}}
	c.m.SetAgreement(at(t, "1-1"), a)
	c.available("1-1", "1150")
	c.available("1-11", "1050")
	c.availableAt("1-11", "2-1", "1050")
	// A later agreement of the same plan has no start again.
	c.m.EndAgreement(at(t, "2-10"), at(t, "2-10"), "a1")
	a.ID, a.From = "a2", at(t, "2-10")
	c.m.SetAgreement(at(t, "2-10"), a)
	c.available("2-10", "1050")
	c.consume("2-11", "1050", WithinLimit, draw(allowance, 1000), draw("term/a1/api.1/1", 50))
	c.available("3-1", "1050")
}

func TestPacksAndRepetitions(t *testing.T) {
	m := New([]Feature{{Code: "api"}, {Code: "sms"}}, Pack{"topup", []PackLine{
		{Feature: "api", Amount: 100 * One}, {Feature: "sms", Amount: 10 * One, Days: 30},
	}})
	now := at(t, "1-5")
	first := m.BuyPack(now, "topup", 3, "pay_1")
	if len(first.Grants) != 2 || first.Grants[0].Remaining != 300*One || first.Grants[1].Grant.Expires != at(t, "2-4") {
		t.Fatalf("bought: %s", first)
	}
	again := m.BuyPack(at(t, "1-6"), "topup", 3, "pay_1")
	if again.Status != "repeated" || again.ID != first.ID || len(again.Grants) != 2 {
		t.Fatalf("again: %s", again)
	}
	if a := m.BuyPack(now, "topup", 2, "pay_1"); a.Code != "GRANT_EXISTS" || a.ID != first.ID {
		t.Fatalf("other content: %s", a)
	}
	q := GrantRequest{Feature: "api", Amount: One, ExternalID: "pay_2"}
	one := m.Grant(now, q)
	if a := m.Grant(at(t, "1-7"), q); a.ID != one.ID || a.Status != "repeated" {
		t.Fatalf("unnamed times: %s", a)
	}
}

func TestTooMany(t *testing.T) {
	c := begin(t, Terms{})
	for i := range 100 {
		a := c.m.Grant(at(t, "1-1"), GrantRequest{Feature: "api", Amount: One})
		if a.Code != "" || a.Warned != (i >= 79) {
			t.Fatalf("grant %d: warned %t, %s", i, a.Warned, a)
		}
	}
	one := GrantRequest{Feature: "api", Amount: One}
	if a := c.m.Grant(at(t, "1-1"), one); a.Code != "GRANTS_TOO_MANY" {
		t.Fatalf("the next: %s", a)
	}
	record := c.consume("1-2", "1", WithinLimit) // one is used up and set aside
	if a := c.m.Grant(at(t, "1-2"), one); a.Code != "" {
		t.Fatalf("after one was used: %s", a)
	}
	c.m.Correct(at(t, "1-3"), record, One)
	c.available("1-3", "101")
}

func TestCaps(t *testing.T) {
	terms := thousand()
	terms.Caps = []Cap{{100 * One, Day}}
	c := begin(t, terms)
	c.consume("1-2", "90", WithinLimit)
	c.consume("1-2", "11", CapReached)
	if a := c.m.Check(at(t, "1-2"), "api", One); *a.Decision.Remaining != 10*One {
		t.Fatalf("check: %s", a)
	}
	c.consume("1-3", "100", WithinLimit)
}

func TestUnlimited(t *testing.T) {
	terms := thousand()
	terms.Amount = nil
	c := begin(t, terms)
	p := c.p(200 * One)
	c.consume("1-2", "5000", Unlimited, draw(allowance, 5000))
	if s := c.state("1-2", p); s.Drawn != 0 {
		t.Fatalf("drawn: %s", s)
	}
	if got := c.available("1-2", "unlimited"); !strings.Contains(got.String(), "available=unlimited") {
		t.Fatal(got)
	}
}
