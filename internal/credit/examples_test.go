package credit_test

import (
	"slices"
	"testing"
	"time"

	"github.com/govalues/decimal"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/calendar"
	"github.com/allot-dev/allot/internal/credit"
	"github.com/allot-dev/allot/internal/usage"
)

const pool = billing.Code("credits")

// world is one customer with one plan, and a log of what was drawn, which sums are made of
// anew for every question.
type world struct {
	t     *testing.T
	snap  *billing.Snapshot
	log   []entry
	pins  map[string]credit.Pin
	last  time.Time // settled until
	given int
}

type entry struct {
	on     time.Time
	change billing.Units
	draws  []usage.Draw
	pays   *billing.GrantID
}

func at(text string) time.Time {
	for _, form := range []string{time.RFC3339Nano, "2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02"} {
		if on, err := time.Parse(form, text); err == nil {
			return on.UTC()
		}
	}
	panic(text)
}

func jan(day int) time.Time { return time.Date(2027, 1, day, 0, 0, 0, 0, time.UTC) }
func feb(day int) time.Time { return time.Date(2027, 2, day, 0, 0, 0, 0, time.UTC) }

func units(n int64) billing.Units { return billing.Units(n) * billing.OneUnit }

// newWorld has an allowance of so many each month from January on.
func newWorld(t *testing.T, item billing.Item) *world {
	if item.Limit == "" {
		item.Limit = billing.Hard
	}
	item.Feature, item.Reset = pool, billing.ResetCycle
	catalog := &billing.Catalog{
		Features: map[billing.Code]*billing.Feature{pool: {Code: pool, Type: billing.Metered, Reset: billing.ResetCycle, Pooled: true}},
		Groups:   map[billing.Code]*billing.PlanGroup{},
		Plans: map[billing.Code]*billing.Plan{"pro": {Code: "pro", Kind: billing.KindPlan, Status: billing.Published, Versions: []*billing.PlanVersion{
			{Plan: "pro", Number: 1, Terms: billing.Terms{Cycle: calendar.Month, Items: []billing.Item{item}}},
		}}},
	}
	snap := &billing.Snapshot{Catalog: catalog, Facts: billing.Facts{
		Customer:   billing.Customer{ID: billing.CustomerID{1}, Status: billing.Active, AnchorOn: jan(1)},
		Agreements: []billing.Agreement{{ID: billing.AgreementID{1}, Plan: "pro", Version: 1, Kind: billing.KindPlan, Quantity: 1, StartsOn: jan(1)}},
	}}
	return &world{t: t, snap: snap, pins: map[string]credit.Pin{}, last: jan(1)}
}

func allowance(n int64) billing.Item { return billing.Item{Max: &n} }

func (w *world) grant(g billing.Grant) *billing.Grant {
	w.given++
	g.ID[31], g.Feature = byte(w.given), pool
	if g.Priority == 0 {
		g.Priority = billing.DefaultPriority
	}
	if g.Kind == "" {
		g.Kind = billing.Paid
	}
	w.snap.Grants = append(w.snap.Grants, g)
	return &w.snap.Grants[len(w.snap.Grants)-1]
}

func (w *world) promotional(n int64) {
	w.grant(billing.Grant{Amount: units(n), Kind: billing.Promotional, EffectiveOn: jan(1), ExpiresOn: jan(15)})
}

func (w *world) paid() *billing.Grant {
	return w.grant(billing.Grant{Amount: units(500), EffectiveOn: jan(5), CostBasis: new(decimal.MustNew(2, 0))})
}

// pool is how things stand: known until an instant, with debts paid until it.
func (w *world) pool(now time.Time, write bool) *credit.Pool {
	sums := &credit.Sums{Window: func(win billing.Window) (used, elsewhere, held billing.Units, err error) {
		for _, e := range w.log {
			if !win.Contains(e.on) {
				continue
			}
			used += e.change
			for _, d := range e.draws {
				switch {
				case d.Source == billing.OwnSource && e.pays != nil:
					elsewhere -= d.Units
				case d.Source != billing.OwnSource && e.pays == nil:
					elsewhere += d.Units
				}
			}
		}
		return used, elsewhere, 0, nil
	}}
	for _, e := range w.log {
		sums.Add(e.on, 0, e.draws, e.pays)
	}
	p := &credit.Pool{Facts: w.snap, Feature: w.snap.Catalog.Features[pool], Sums: sums, Now: now}
	for _, pin := range w.pins {
		p.Pins = append(p.Pins, pin)
	}
	payments, err := p.Settle(w.last, now)
	if err != nil {
		w.t.Fatal(err)
	}
	if write {
		for _, pay := range payments {
			w.log = append(w.log, entry{pay.On, 0, pay.Draws, &pay.Grant})
		}
		w.last = now
	}
	return p
}

func (w *world) state(now time.Time) credit.State {
	st, err := w.pool(now, false).At(now)
	if err != nil {
		w.t.Fatal(err)
	}
	return st
}

func (w *world) available(now time.Time, want float64) {
	w.t.Helper()
	st := w.state(now)
	if got := st.Balance(); got != billing.Units(want*float64(billing.OneUnit)) {
		w.t.Errorf("available on %s: %s, want %v (debt %s, sources %v)", now.Format(time.DateTime), got, want, st.Debt, st.Sources)
	}
}

// consume uses units, and reports what it drew and the reason.
func (w *world) consume(now time.Time, n int64) ([]usage.Draw, string) {
	w.t.Helper()
	p := w.pool(now, true)
	st, err := p.At(now)
	if err != nil {
		w.t.Fatal(err)
	}
	d := st.Allowance.DecideCredit(units(n), st.Used, st.Held, billing.Credit{Available: st.Available(pool), Overage: st.Overage})
	if !d.Allowed {
		return nil, string(d.Reason)
	}
	draws, _ := st.Take(pool, units(n))
	w.log = append(w.log, entry{now, units(n), kept(draws), nil})
	return draws, string(d.Reason)
}

// kept are the draws of a record that are stored.
func kept(draws []usage.Draw) []usage.Draw {
	return slices.DeleteFunc(slices.Clone(draws), func(d usage.Draw) bool { return d.Source == billing.OwnSource })
}

// late records use of an earlier instant and returns what nothing paid for.
func (w *world) late(now, on time.Time, n int64) billing.Units {
	p := w.pool(now, true)
	st, err := p.At(on)
	if err != nil {
		w.t.Fatal(err)
	}
	draws, short := st.Take(pool, units(n))
	w.log = append(w.log, entry{on, units(n), kept(draws), nil})
	return short
}

// correct takes back units of a record that drew so.
func (w *world) correct(now, on time.Time, draws []usage.Draw, n int64) {
	p := w.pool(now, true)
	st, err := p.At(on)
	if err != nil {
		w.t.Fatal(err)
	}
	back := credit.GiveBack(draws, st.Overage, units(n))
	w.log = append(w.log, entry{on, -units(n), kept(back), nil})
}

func (w *world) hold(name string, now time.Time, n int64, lasts time.Duration) bool {
	st := w.state(now)
	d := st.Allowance.DecideCredit(units(n), st.Used, st.Held, billing.Credit{Available: st.Available(pool), Overage: st.Overage})
	if d.Allowed {
		draws, _ := st.Take(pool, units(n))
		w.pins[name] = credit.Pin{Made: now, Ends: now.Add(lasts), Draws: draws}
	}
	return d.Allowed
}

func (w *world) confirm(name string, n int64) {
	pin := w.pins[name]
	delete(w.pins, name)
	w.log = append(w.log, entry{pin.Made, units(n), kept(credit.Unpin(pin.Draws, units(n))), nil})
}

func (w *world) draws(got []usage.Draw, want ...billing.Units) {
	w.t.Helper()
	if len(got) != len(want) {
		w.t.Fatalf("draws %v, want %v", got, want)
	}
	for i := range want {
		if got[i].Units != want[i] {
			w.t.Fatalf("draws %v, want %v", got, want)
		}
	}
}

func (w *world) refused(now time.Time, n int64, want string) {
	w.t.Helper()
	before := len(w.log)
	if _, reason := w.consume(now, n); reason != want || len(w.log) != before {
		w.t.Errorf("consume of %d on %s: %s, want %s", n, now, reason, want)
	}
}

func TestE1E6E13(t *testing.T) {
	w := newWorld(t, allowance(1000))
	w.promotional(200)
	w.paid()
	w.available(jan(3), 1200)
	w.available(jan(5), 1700)
	w.available(at("2027-01-09 23:59:59"), 1700)
	draws, _ := w.consume(jan(10), 1300)
	w.draws(draws, units(200), units(1000), units(100))
	w.available(jan(10), 400)
	w.available(jan(15), 400)
	w.available(feb(1), 1400)
	w.correct(jan(20), jan(10), draws, 150)
	w.available(jan(20), 550)

	w.log = w.log[:1]
	w.correct(jan(20), jan(10), draws, 1300)
	w.available(jan(20), 1500)
}

func TestE2(t *testing.T) {
	w := newWorld(t, allowance(1000))
	w.promotional(200)
	w.paid().Priority = 10
	draws, _ := w.consume(jan(10), 1300)
	w.draws(draws, units(500), units(200), units(600))
	w.available(jan(10), 400)
	w.available(feb(1), 1000)
}

func TestE3(t *testing.T) {
	w := newWorld(t, allowance(1000))
	w.promotional(100)
	w.available(at("2027-01-14 23:59:59"), 1100)
	w.available(jan(15), 1000)
	w.refused(jan(15), 1001, "limit_reached")
}

func TestE4E5(t *testing.T) {
	item := allowance(1000)
	item.Rollover = &billing.Rollover{Max: new(int64(300)), Windows: 1}
	w := newWorld(t, item)
	w.consume(jan(20), 600)
	w.available(feb(1), 1300)
	draws, _ := w.consume(feb(3), 500)
	w.draws(draws, units(300), units(200))
	w.available(feb(3), 800)
	w.available(time.Date(2027, 3, 1, 0, 0, 0, 0, time.UTC), 1300)
	if short := w.late(feb(4), jan(30), 250); short != units(150) {
		t.Errorf("uncovered %s, want 150", short)
	}
	w.available(feb(4), 800)
}

func TestE7(t *testing.T) {
	for _, end := range []string{"confirm", "release", "expire"} {
		w := newWorld(t, allowance(1000))
		w.promotional(100)
		w.hold("h", at("2027-01-14 23:00"), 150, 24*time.Hour)
		w.available(at("2027-01-14 23:00"), 950)
		w.available(at("2027-01-15 12:00"), 950)
		switch end {
		case "confirm":
			w.confirm("h", 120)
			w.available(at("2027-01-15 12:00"), 980)
		case "release":
			delete(w.pins, "h")
			w.available(at("2027-01-15 12:00"), 1000)
		default:
			w.available(at("2027-01-15 23:00"), 1000)
		}
	}
}

func TestE8(t *testing.T) {
	void := func(claw bool) *world {
		w := newWorld(t, allowance(1000))
		w.promotional(200)
		g := w.paid()
		w.consume(jan(10), 1300)
		w.pool(jan(12), true)
		g.EndedOn = jan(12)
		if claw {
			g.ClawedBackOn = jan(12)
		}
		w.pool(jan(12), true)
		return w
	}
	void(false).available(jan(12), 0)
	w := void(true)
	w.available(jan(12), -100)
	w.available(feb(1), 900)
	w.grant(billing.Grant{Amount: units(250), EffectiveOn: jan(25)})
	w.available(jan(25), 150)
	w.available(feb(1), 1150)
	if st := w.state(feb(1)); st.Debt != 0 {
		t.Errorf("debt %s", st.Debt)
	}
}

func TestE9(t *testing.T) {
	rate := decimal.MustParse("1.5")
	third := billing.Units(333333)
	for i, want := range []billing.Units{500000, 499999, 500000} {
		if got := credit.Burned(third*billing.Units(i), third, rate); got != want {
			t.Errorf("%d: %s, want %s", i, got, want)
		}
	}
	if got := credit.Burned(0, third*1_000_000, rate); got != billing.Units(499999.5*1e6) {
		t.Errorf("a million times %s", got)
	}
	a, b := credit.Burned(0, units(1200), decimal.MustParse("0.000003")), credit.Burned(0, units(350), decimal.MustParse("0.000015"))
	if a+b != 8850 {
		t.Errorf("%s, want 0.00885", a+b)
	}
}

func TestE10(t *testing.T) {
	w := newWorld(t, allowance(0))
	w.grant(billing.Grant{Amount: units(500), EffectiveOn: jan(1)})
	if !w.hold("a", jan(2), 400, time.Hour) || w.hold("b", jan(2), 400, time.Hour) {
		t.Error("of two holds of 400 on 500 one is made")
	}
	w.available(jan(2), 100)
	delete(w.pins, "a")
	made := 0
	for i := range 20 {
		if w.hold(string(rune('a'+i)), jan(2), 75, time.Hour) {
			made++
		}
	}
	if made != 6 {
		t.Errorf("%d holds of 75, want 6", made)
	}
	w.available(jan(2), 50)
}

func TestE11(t *testing.T) {
	item := allowance(1000)
	item.Limit, item.OverageMax = billing.Soft, new(int64(200))
	w := newWorld(t, item)
	w.consume(jan(2), 1150)
	w.refused(jan(2), 60, "overage_limit_reached")
	w.consume(jan(2), 50)
	if st := w.state(jan(2)); st.Overage != units(200) {
		t.Errorf("overage %s", st.Overage)
	}
	if st := w.state(feb(1)); st.Overage != 0 || st.Available(pool) != units(1000) {
		t.Errorf("on Feb 1: overage %s, available %s", st.Overage, st.Available(pool))
	}
}

func TestE12(t *testing.T) {
	w := newWorld(t, allowance(1000))
	w.consume(jan(2), 900)
	w.change(jan(3), allowance(3000))
	w.available(jan(3), 2100)
	w.change(jan(4), allowance(500))
	w.available(jan(4), 0)
	w.refused(jan(4), 1, "limit_reached")
	w.available(feb(1), 500)

	item := allowance(1000)
	item.Limit = billing.Soft
	w = newWorld(t, item)
	w.consume(jan(2), 1150)
	w.change(jan(3), allowance(3000))
	w.available(jan(3), 1850)
}

// change puts the customer on another plan.
func (w *world) change(on time.Time, item billing.Item) {
	item.Feature, item.Limit, item.Reset = pool, billing.Hard, billing.ResetCycle
	plan := w.snap.Catalog.Plans["pro"]
	plan.Versions = append(plan.Versions, &billing.PlanVersion{Plan: "pro", Number: len(plan.Versions) + 1, Terms: billing.Terms{Cycle: calendar.Month, Items: []billing.Item{item}}})
	last := &w.snap.Agreements[len(w.snap.Agreements)-1]
	last.ExpiresOn = on
	w.snap.Agreements = append(w.snap.Agreements, billing.Agreement{
		ID: billing.AgreementID{byte(len(w.snap.Agreements) + 1)}, Plan: "pro", Version: len(plan.Versions), Kind: billing.KindPlan, Quantity: 1, StartsOn: on,
	})
}
