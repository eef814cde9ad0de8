package creditmodel

import (
	"testing"
	"time"
)

// Rule 2 in all its words: sources that are alike but for one of them.
func TestBurnOrder(t *testing.T) {
	terms := thousand()
	terms.Rollover = &Rollover{Max: 100 * One, Windows: 1}
	c := begin(t, terms)
	g := func(q GrantRequest) string {
		q.Amount = 10 * One
		return c.grant("2-1", q)
	}
	end := at(t, "3-1")
	never := g(GrantRequest{Effective: at(t, "1-1"), Kind: promotional})
	paidLater := g(GrantRequest{Effective: at(t, "1-20"), Expires: end})
	paidFirst := g(GrantRequest{Effective: at(t, "1-10"), Expires: end})
	promo := g(GrantRequest{Effective: at(t, "1-25"), Expires: end, Kind: promotional})
	sooner := g(GrantRequest{Effective: at(t, "1-30"), Expires: at(t, "2-20")})
	sixty, forty := 60, 40
	last := g(GrantRequest{Effective: at(t, "1-1"), Expires: at(t, "2-10"), Priority: &sixty})
	first := g(GrantRequest{Effective: at(t, "1-1"), Priority: &forty})
	twin := g(GrantRequest{Effective: at(t, "1-20"), Expires: end})
	c.consume("2-2", "1180", WithinLimit, draw(first, 10), draw(sooner, 10), draw(rollover, 100), draw(allowance, 1000),
		draw(promo, 10), draw(paidFirst, 10), draw(paidLater, 10), draw(twin, 10), draw(never, 10), draw(last, 10))
}

// Nothing remains of a voided grant, also for late usage from when it was live.
func TestVoidedIsNotDrawnLate(t *testing.T) {
	c := begin(t, Terms{})
	g := c.grant("1-1", GrantRequest{Amount: 100 * One})
	c.m.Void(at(t, "1-10"), g, false)
	if a := c.m.Use(at(t, "1-11"), at(t, "1-5"), "api", 30*One); a.Uncovered != 30*One {
		t.Fatalf("late: %s", a)
	}
}

// Rule 9: the total runs per window and per rate. One that comes back goes on.
func TestRunningTotals(t *testing.T) {
	c := customer{t, New([]Feature{{Code: "api"}, {Code: "x"}})}
	c.m.SetTerms(at(t, "1-1"), at(t, "1-1"), "api", thousand())
	rate := func(when, r string) {
		c.m.SetTerms(at(t, when), at(t, when), "x", Terms{Has: true, Windows: Month, Burns: &Burns{"api", r}})
	}
	use := func(when, want string) {
		t.Helper()
		if a := c.m.Consume(at(t, when), "x", u(t, "0.333333")); a.Decision.Pool.Units != u(t, want) {
			t.Errorf("%s: %s, want %s", when, a, want)
		}
	}
	rate("1-1", "1.5")
	use("1-2", "0.5")
	rate("1-3", "1.50")
	use("1-4", "0.499999")
	rate("1-5", "2")
	use("1-6", "0.666666")
	rate("1-7", "1.5")
	use("1-8", "0.5")
	use("1-9", "0.499999")
	use("2-1", "0.5")
	// Late usage is priced by the rate of its instant, and goes on with that window's total.
	rate("2-2", "2")
	a := c.m.Use(at(t, "2-3"), at(t, "1-9"), "x", u(t, "0.333333"))
	if r := c.m.findRecord(a.ID); r.pool.units != u(t, "0.5") || r.rate != "1.5" {
		t.Fatalf("late: %+v", r.pool)
	}
}

// READING: overage is the window's, whichever record brought it.
func TestOverageIsTheWindows(t *testing.T) {
	terms := thousand()
	terms.Soft = true
	c := begin(t, terms)
	g := c.grant("1-1", GrantRequest{Amount: 100 * One})
	record := c.consume("1-2", "1100", WithinLimit)
	c.consume("1-3", "50", OverSoftLimit)
	c.m.Correct(at(t, "1-4"), record, 50*One)
	c.overage("1-4", 0)
	if s := c.state("1-4", g); s.Drawn != 100*One {
		t.Fatalf("the grant: %s", s)
	}
	c.m.Correct(at(t, "1-4"), record, 70*One)
	if s := c.state("1-4", g); s.Drawn != 30*One {
		t.Fatalf("the grant: %s", s)
	}
}

// Without a name, of two records of one instant the later committed goes first.
func TestNewestByCommit(t *testing.T) {
	c := begin(t, thousand())
	ten := 10
	g := c.grant("1-1", GrantRequest{Amount: 100 * One, Priority: &ten})
	c.m.Use(at(t, "1-5"), at(t, "1-2"), "api", 100*One)
	c.m.Use(at(t, "1-6"), at(t, "1-2"), "api", 100*One)
	c.m.CorrectNewest(at(t, "1-7"), at(t, "1-7"), "api", 60*One)
	if s := c.state("1-7", g); s.Drawn != 100*One {
		t.Fatalf("the grant: %s", s)
	}
	c.available("1-7", "960")
}

// A debt is paid by what was live at the instant, also if that has ended before a write.
func TestDebtPaidByWhatHasEnded(t *testing.T) {
	c := begin(t, Terms{})
	g := c.grant("1-1", GrantRequest{Amount: 100 * One})
	c.consume("1-2", "100", WithinLimit)
	c.m.Void(at(t, "1-3"), g, true)
	short := c.grant("1-4", GrantRequest{Amount: 60 * One, Effective: at(t, "1-10"), Expires: at(t, "1-12")})
	c.grant("1-20", GrantRequest{Amount: 50 * One})
	c.available("1-20", "10")
	if s := c.state("1-20", short); s.Drawn != 60*One {
		t.Fatalf("the short one: %s", s)
	}
	c.known("1-20", "1-11", "-40")
	// A hold that ends by time brings something, too.
	held := begin(t, Terms{})
	g = held.grant("1-1", GrantRequest{Amount: 100 * One})
	held.consume("1-1", "100", WithinLimit)
	held.grant("1-1", GrantRequest{Amount: 80 * One, Expires: at(t, "1-5")})
	held.m.Hold(at(t, "1-2"), "api", 80*One, 12*time.Hour)
	held.m.Void(at(t, "1-2"), g, true)
	held.available("1-2", "-100")
	held.available("1-2 12:00", "-20")
	held.available("1-8", "-20")
	held.m.Deny(at(t, "1-9"), "api", false)
	held.available("1-9", "-20")
}

// A window keeps the amount of its end, and late usage is held against that.
func TestLateKeepsTheWindowsTerms(t *testing.T) {
	c := begin(t, thousand())
	c.change("2-1", 3000)
	if a := c.m.Use(at(t, "2-2"), at(t, "1-5"), "api", 1100*One); a.Uncovered != 100*One {
		t.Fatalf("hard: %s", a)
	}
	soft := thousand()
	soft.Soft = true
	c = begin(t, soft)
	c.m.SetTerms(at(t, "2-1"), at(t, "2-1"), "api", thousand())
	if a := c.m.Use(at(t, "2-2"), at(t, "1-5"), "api", 1100*One); a.Uncovered != 0 {
		t.Fatalf("soft: %s", a)
	}
	if got := c.known("2-2", "1-31", "0"); got.Overage != 100*One {
		t.Fatalf("the overage of January: %s", got)
	}
}

// A plan that ended and came back in one window has one allowance and one tail of it.
func TestResumedWindow(t *testing.T) {
	terms := thousand()
	terms.Rollover = &Rollover{Max: 800 * One, Windows: 1}
	c := begin(t, terms)
	c.consume("1-5", "300", WithinLimit)
	c.m.SetTerms(at(t, "1-10"), at(t, "1-10"), "api", Terms{})
	c.available("1-12", "0")
	c.m.SetTerms(at(t, "1-20"), at(t, "1-20"), "api", terms)
	c.available("1-20", "700")
	c.available("2-1", "1700")
	c.consume("2-2", "1", WithinLimit, draw(rollover, 1))
	c.available("3-1", "1800")
}

// A hold belongs to the window it was made in.
func TestHoldOfAnotherWindow(t *testing.T) {
	c := begin(t, thousand())
	hold := c.m.Hold(at(t, "1-31 20:00"), "api", 100*One, 24*time.Hour)
	if a := c.m.Check(at(t, "2-1"), "api", One); a.Decision.Held != 0 || *a.Decision.Remaining != 1000*One {
		t.Fatalf("February: %s", a)
	}
	a := c.m.Confirm(at(t, "2-1"), hold.ID, 100*One, "")
	if d := a.Decision; d.Reason != "held" || d.Used != 100*One || d.Resets != at(t, "2-1") {
		t.Fatalf("confirm: %s", a)
	}
	if a := c.m.Check(at(t, "2-1"), "api", One); a.Decision.Used != 0 {
		t.Fatalf("February: %s", a)
	}
}

// Rule 8: a change of several parts is of one instant, and what all of them bring pays a debt
// in burn order, whichever was written first.
func TestDebtsArePaidWithAWholeChange(t *testing.T) {
	c := begin(t, Terms{})
	g := c.grant("1-1", GrantRequest{Amount: 100 * One})
	c.consume("1-2", "100", WithinLimit, draw(g, 100))
	c.m.Void(at(t, "1-3"), g, true)
	c.m.Together(at(t, "1-4"), func() {
		c.m.SetTerms(at(t, "1-4"), at(t, "1-4"), "api", thousand())
		c.grant("1-4", GrantRequest{Amount: 150 * One, Priority: new(10)})
	})
	a := c.m.Credits(at(t, "1-5"), at(t, "1-5"), "api", false).Credits
	if len(a.Sources) != 2 || a.Sources[0].Remaining != 50*One || a.Sources[1].Remaining != 1000*One {
		t.Errorf("%+v", a)
	}
}

// Rule 11: what an allowance has paid of a debt stays drawn as what was used does, also where
// a plan change brings a window in another rhythm.
func TestPaymentsStayDrawnWhenTheRhythmChanges(t *testing.T) {
	daily := thousand()
	daily.Windows = Day
	c := begin(t, daily)
	g := c.grant("1-1", GrantRequest{Amount: 100 * One, Priority: new(10)})
	c.consume("1-2", "100", WithinLimit, draw(g, 100))
	c.m.Void(at(t, "1-3"), g, true)
	c.available("1-3", "900")
	c.consume("1-3", "50", WithinLimit)
	c.m.SetTerms(at(t, "1-4"), at(t, "1-4"), "api", thousand())
	c.available("1-4", "850")
}
