package service_test

import (
	"strings"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/creditmodel"
)

// example is a worked example of credits, as steps of a script. What must be part of the
// answer to a step is in want.
type example struct {
	t     *testing.T
	world creditmodel.World
	steps []creditmodel.Step
	want  map[int]string
}

const api = "api"

func thousand() creditmodel.Terms {
	amount := 1000 * creditmodel.One
	return creditmodel.Terms{Has: true, Amount: &amount, Windows: creditmodel.Month}
}

func give(feature string, terms creditmodel.Terms) creditmodel.Item {
	return creditmodel.Item{Feature: feature, Terms: terms}
}

// newExample has a plan for each list of items, and buys the first on 1 January.
func newExample(t *testing.T, features []creditmodel.Feature, plans ...[]creditmodel.Item) *example {
	e := &example{t: t, want: map[int]string{}, world: creditmodel.World{Start: day(t, "1-1"), Features: features}}
	for i, items := range plans {
		e.world.Plans = append(e.world.Plans, creditmodel.Plan{Code: "plan" + string(rune('a'+i)), Items: items})
	}
	if len(plans) > 0 {
		e.do("1-1", creditmodel.Step{Op: creditmodel.OpPlan}, "")
	}
	return e
}

func simple(t *testing.T, terms ...creditmodel.Terms) *example {
	var plans [][]creditmodel.Item
	for _, one := range terms {
		plans = append(plans, []creditmodel.Item{give(api, one)})
	}
	return newExample(t, []creditmodel.Feature{{Code: api}}, plans...)
}

// day reads "1-20" or "1-20 15:04:05.999999" as a time of 2027.
func day(t *testing.T, text string) time.Time {
	t.Helper()
	for _, layout := range []string{"1-2 15:04:05", "1-2 15:04", "1-2"} {
		if at, err := time.Parse("2006-"+layout, "2027-"+text); err == nil {
			return at
		}
	}
	t.Fatal(text)
	return time.Time{}
}

func (e *example) do(now string, s creditmodel.Step, want string) int {
	s.N, s.At = len(e.steps), day(e.t, now)
	e.steps = append(e.steps, s)
	e.want[s.N] = want
	return s.N
}

func (e *example) use(op, now string, units creditmodel.Units, want string) int {
	return e.do(now, creditmodel.Step{Op: op, Feature: api, Units: units * creditmodel.One}, want)
}

func (e *example) consume(now string, units creditmodel.Units, want string) int {
	return e.use(creditmodel.OpConsume, now, units, want)
}

func (e *example) correct(now string, ref int, units creditmodel.Units) {
	e.do(now, creditmodel.Step{Op: creditmodel.OpCorrect, Ref: ref, Units: units * creditmodel.One}, "")
}

func (e *example) grant(now string, q creditmodel.GrantRequest) int {
	if q.Feature == "" {
		q.Feature = api
	}
	q.Amount *= creditmodel.One
	return e.do(now, creditmodel.Step{Op: creditmodel.OpGrant, Grant: &q}, "")
}

// p is the promotional grant of the examples, t the paid one.
func (e *example) p(units creditmodel.Units) {
	e.grant("1-1", creditmodel.GrantRequest{Amount: units, Expires: day(e.t, "1-15"), Kind: "promotional"})
}

func (e *example) tt(priority *int) int {
	return e.grant("1-1", creditmodel.GrantRequest{Amount: 500, Effective: day(e.t, "1-5"), Priority: priority, CostBasis: "2"})
}

// available asks at one time about another.
func (e *example) available(now, when, units string) {
	e.do(now, creditmodel.Step{Op: creditmodel.OpCredits, Feature: api, When: day(e.t, when)}, "available "+units+" ")
}

func (e *example) run() {
	e.t.Helper()
	for _, lose := range []bool{false, true} {
		w, db := openWorld(e.t, sqliteURL(e.t))
		texts := heldTo(e.t, w, e.world, e.steps, func(int) {
			if lose {
				loseSums(e.t, db)
			}
		})
		for n, want := range e.want {
			if !strings.Contains(texts[n], want) {
				e.t.Errorf("%s\n%s\nwant %s", e.steps[n], texts[n], want)
			}
		}
		if lose {
			verifyButCounters(e.t, w)
		} else {
			verifyClean(e.t, w)
		}
	}
}

func e1(t *testing.T, priority *int, draws string) (e *example, record, paid int) {
	e = simple(t, thousand())
	e.p(200)
	paid = e.tt(priority)
	record = e.consume("1-10", 1300, draws)
	e.available("1-10", "1-10", "400")
	return e, record, paid
}

const drawn = "draws 200 of step 1.0; draws 1000 of own; draws 100 of step 2.0"

func TestExampleE1E13(t *testing.T) {
	e, _, _ := e1(t, nil, drawn)
	for _, now := range []string{"1-10", "3-1"} {
		for _, at := range [][2]string{{"1-3", "1200"}, {"1-5", "1700"}, {"1-9 23:59:59", "1700"}, {"1-10", "400"}, {"1-15", "400"}, {"2-1", "1400"}} {
			e.available(now, at[0], at[1])
		}
	}
	e.run()
}

func TestExampleE2(t *testing.T) {
	e, _, _ := e1(t, new(10), "draws 500 of step 2.0; draws 200 of step 1.0; draws 600 of own")
	e.available("2-1", "2-1", "1000")
	e.run()
}

func TestExampleE3(t *testing.T) {
	e := simple(t, thousand())
	e.p(100)
	e.available("1-14 23:59:59.999999", "1-14 23:59:59.999999", "1100")
	e.available("1-15", "1-15", "1000")
	e.consume("1-15", 1001, "allowed false limit_reached")
	e.available("1-15", "1-15", "1000")
	e.run()
}

func rolling(t *testing.T) *example {
	terms := thousand()
	terms.Rollover = &creditmodel.Rollover{Max: 300 * creditmodel.One, Windows: 1}
	e := simple(t, terms)
	e.consume("1-20", 600, "")
	e.available("2-1", "2-1", "1300")
	e.consume("2-3", 500, "draws 300 of tail; draws 200 of own")
	e.available("2-3", "2-3", "800")
	return e
}

func TestExampleE4(t *testing.T) {
	e := rolling(t)
	e.available("3-1", "3-1", "1300")
	e.run()
}

func TestExampleE5(t *testing.T) {
	e := rolling(t)
	e.do("2-4", creditmodel.Step{Op: creditmodel.OpUse, Feature: api, Units: 250 * creditmodel.One, When: day(t, "1-30")}, "uncovered 150")
	e.available("2-4", "2-4", "800")
	e.run()
}

func TestExampleE6(t *testing.T) {
	e, record, _ := e1(t, nil, drawn)
	e.correct("1-20", record, 150)
	e.available("1-20", "1-20", "550")
	e.run()
	e, record, _ = e1(t, nil, drawn)
	e.correct("1-20", record, 1300)
	e.available("1-20", "1-20", "1500")
	e.run()
}

func TestExampleE7(t *testing.T) {
	begin := func() (*example, int) {
		e := simple(t, thousand())
		e.p(100)
		h := e.do("1-14 23:00", creditmodel.Step{Op: creditmodel.OpHold, Feature: api, Units: 150 * creditmodel.One, Lasts: 24 * time.Hour}, "draws 100 of step 1.0; draws 50 of own")
		e.available("1-14 23:00", "1-14 23:00", "950")
		e.available("1-15 12:00", "1-15 12:00", "950")
		return e, h
	}
	e, h := begin()
	e.do("1-15 12:00", creditmodel.Step{Op: creditmodel.OpConfirm, Ref: h, Units: 120 * creditmodel.One}, "held")
	e.available("1-15 12:00", "1-15 12:00", "980")
	e.run()
	e, h = begin()
	e.do("1-15 12:00", creditmodel.Step{Op: creditmodel.OpRelease, Ref: h}, "")
	e.available("1-15 12:00", "1-15 12:00", "1000")
	e.run()
	e, _ = begin()
	e.available("1-15 22:59:59.999999", "1-15 22:59:59.999999", "950")
	e.available("1-15 23:00", "1-15 23:00", "1000")
	e.run()
}

func TestExampleE8(t *testing.T) {
	begin := func(clawBack bool, want string) *example {
		e, _, paid := e1(t, nil, drawn)
		e.do("1-12", creditmodel.Step{Op: creditmodel.OpVoid, Ref: paid, ClawBack: clawBack}, want)
		return e
	}
	e := begin(false, "void refundable 400 debt 0")
	e.available("1-12", "1-12", "0")
	e.run()
	e = begin(true, "void refundable 400 debt 100")
	e.available("1-12", "1-12", "-100")
	e.grant("1-25", creditmodel.GrantRequest{Amount: 250})
	e.available("1-25", "1-25", "150")
	e.available("2-1", "2-1", "1150")
	e.run()
	e = begin(true, "")
	e.available("1-12", "2-1", "900")
	e.available("2-1", "2-1", "900")
	e.consume("2-3", 1, "")
	e.available("2-3", "2-1", "900")
	e.available("2-3", "1-31", "-100")
	e.run()
}

func TestExampleE9(t *testing.T) {
	const images, chats = "images", "chats"
	e := newExample(t, []creditmodel.Feature{
		{Code: api}, {Code: images, Burns: &creditmodel.Burns{Pool: api, Rate: "10"}}, {Code: chats, Burns: &creditmodel.Burns{Pool: api, Rate: "1"}},
		{Code: "tokens", Burns: &creditmodel.Burns{Pool: api, Rate: "1.5"}},
	}, []creditmodel.Item{
		give(api, thousand()), give(images, creditmodel.Terms{Has: true, Windows: creditmodel.Month}),
		give(chats, creditmodel.Terms{Has: true, Windows: creditmodel.Month}), give("tokens", creditmodel.Terms{Has: true, Windows: creditmodel.Month}),
	})
	use := func(feature string, units creditmodel.Units, want string) {
		e.do("1-2", creditmodel.Step{Op: creditmodel.OpConsume, Feature: feature, Units: units}, want)
	}
	use(images, 40*creditmodel.One, "remaining 60; ")
	use(chats, 600*creditmodel.One, "remaining 0; ")
	use(images, creditmodel.One, "allowed false pool_empty")
	for _, want := range []string{"0.5", "0.499999", "0.5"} {
		e.do("2-2", creditmodel.Step{Op: creditmodel.OpConsume, Feature: "tokens", Units: 333333}, "pool api units "+want)
	}
	e.run()
}

func TestExampleE10(t *testing.T) {
	for _, test := range []struct {
		units creditmodel.Units
		n     int
		left  string
	}{{400, 2, "100"}, {75, 20, "50"}} {
		e := simple(t)
		e.grant("1-1", creditmodel.GrantRequest{Amount: 500})
		for i := range test.n {
			want := "allowed true"
			if test.units*creditmodel.Units(i+1) > 500 {
				want = "allowed false limit_reached"
			}
			e.do("1-2", creditmodel.Step{Op: creditmodel.OpHold, Feature: api, Units: test.units * creditmodel.One, Lasts: time.Hour}, want)
		}
		e.available("1-2", "1-2", test.left)
		e.run()
	}
}

func TestExampleE11(t *testing.T) {
	terms, most := thousand(), 200*creditmodel.One
	terms.Soft, terms.OverageMax = true, &most
	e := simple(t, terms)
	e.consume("1-10", 1150, "overage 150")
	e.consume("1-10", 60, "allowed false overage_limit_reached")
	e.consume("1-10", 50, "overage 200")
	e.available("2-1", "2-1", "1000")
	e.run()
}

func TestExampleE12(t *testing.T) {
	of := func(units creditmodel.Units, soft bool) creditmodel.Terms {
		terms := thousand()
		*terms.Amount, terms.Soft = units*creditmodel.One, soft
		return terms
	}
	e := simple(t, of(1000, false), of(3000, false), of(500, false))
	e.consume("1-5", 900, "")
	e.do("1-10", creditmodel.Step{Op: creditmodel.OpPlan, Plan: 1}, "")
	e.available("1-10", "1-10", "2100")
	e.do("1-12", creditmodel.Step{Op: creditmodel.OpPlan, Plan: 2}, "")
	e.available("1-12", "1-12", "0")
	e.consume("1-12", 1, "allowed false limit_reached")
	e.available("2-1", "2-1", "500")
	e.run()
	e = simple(t, of(1000, true), of(3000, true))
	e.consume("1-5", 1150, "allowed true over_soft_limit")
	e.do("1-10", creditmodel.Step{Op: creditmodel.OpPlan, Plan: 1}, "")
	e.available("1-10", "1-10", "1850")
	e.run()
}

func TestExampleE14(t *testing.T) {
	ten := 10 * creditmodel.One
	e := newExample(t, []creditmodel.Feature{{Code: api, Held: true}},
		[]creditmodel.Item{give(api, creditmodel.Terms{Has: true, Amount: &ten, Windows: creditmodel.Never})})
	e.grant("1-1", creditmodel.GrantRequest{Amount: 5, Expires: day(t, "2-1"), Kind: "promotional"})
	e.consume("1-10", 12, "limit 15 ")
	e.consume("2-1", 1, "allowed false limit_reached used 12")
	e.do("2-2", creditmodel.Step{Op: creditmodel.OpCorrectAny, Feature: api, Units: 3 * creditmodel.One, When: day(t, "2-2")}, "")
	e.consume("2-2", 1, "allowed true")
	e.run()
}

// A window that a change of plan cuts is over then: what counts later in another rhythm takes
// nothing of it.
func TestLateUsageBeforeACut(t *testing.T) {
	daily := thousand()
	daily.Windows = creditmodel.Day
	terms := thousand()
	terms.Rollover = &creditmodel.Rollover{Max: creditmodel.One, Windows: 1}
	e := simple(t, terms, daily)
	e.consume("1-10", 600, "")
	e.do("1-15", creditmodel.Step{Op: creditmodel.OpPlan, Plan: 1}, "")
	e.consume("1-16", 500, "")
	e.do("1-17", creditmodel.Step{Op: creditmodel.OpUse, Feature: api, Units: 500 * creditmodel.One, When: day(t, "1-12")}, "uncovered 100")
	e.run()
}

// What an allowance has paid of a debt stays drawn, as what was used does, when a change of plan
// brings a window in another rhythm that contains it.
func TestPaymentsBeforeACut(t *testing.T) {
	daily := thousand()
	daily.Windows = creditmodel.Day
	e := simple(t, daily, thousand())
	g := e.grant("1-1", creditmodel.GrantRequest{Amount: 100, Priority: new(10)})
	e.consume("1-2", 100, "draws 100 of step")
	e.do("1-3", creditmodel.Step{Op: creditmodel.OpVoid, Ref: g, ClawBack: true}, "void refundable 0 debt 0")
	e.available("1-3", "1-3", "900")
	e.consume("1-3", 50, "")
	e.do("1-4", creditmodel.Step{Op: creditmodel.OpPlan, Plan: 1}, "")
	e.available("1-4", "1-4", "850")
	e.run()
}

// What paid a debt at the void has paid it when the plan that did ends right after, whenever it
// is forgotten when usage was written last.
func TestPaidAtTheVoidBeforeAnEnd(t *testing.T) {
	e := simple(t, thousand())
	first := e.grant("1-1", creditmodel.GrantRequest{Amount: 100, Priority: new(10)})
	e.consume("1-2", 100, "")
	e.do("1-3", creditmodel.Step{Op: creditmodel.OpVoid, Ref: first, ClawBack: true}, "")
	second := e.grant("1-4", creditmodel.GrantRequest{Amount: 40, Priority: new(10)})
	e.consume("1-5", 40, "")
	e.do("1-6", creditmodel.Step{Op: creditmodel.OpVoid, Ref: second, ClawBack: true}, "")
	e.do("1-7", creditmodel.Step{Op: creditmodel.OpCancel, When: day(t, "1-7")}, "")
	e.available("1-7", "1-7", "0")
	for lost := range e.steps {
		w, db := openWorld(t, sqliteURL(t))
		heldTo(t, w, e.world, e.steps, func(step int) {
			if step == lost {
				loseSums(t, db)
			}
		})
		verifyButCounters(t, w)
	}
}

// A refusal says what was used of what is no longer held, also where no counter does.
func TestUsedBeforeAnEndWithoutCounters(t *testing.T) {
	e := simple(t, thousand())
	e.consume("1-5", 600, "")
	e.do("1-7", creditmodel.Step{Op: creditmodel.OpCancel, When: day(t, "1-7")}, "")
	e.consume("1-8", 1, "not_entitled used 600")
	e.run()
}
