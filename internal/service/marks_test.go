package service_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/govalues/decimal"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/calendar"
	"github.com/allot-dev/allot/internal/pgtest"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/store"
	"github.com/allot-dev/allot/internal/usage"
)

// marked sells 10 calls and 10 gigabytes of disk, which are held, told of at 80 and 100
// percent, and credits that are little at 20.
func marked() billing.CatalogSpec {
	spec := catalog()
	spec.Features = append(spec.Features,
		billing.Feature{Code: "calls", Name: "Calls", Type: billing.Metered, Thresholds: []int{80, 100}},
		billing.Feature{Code: "disk", Name: "Disk", Type: billing.Metered, Held: true, Thresholds: []int{80, 100}},
		billing.Feature{Code: "credits", Name: "Credits", Type: billing.Metered, Reset: billing.ResetNever, Low: new(int64(20))},
		billing.Feature{Code: "images", Name: "Images", Type: billing.Metered, Burns: &billing.Burns{Feature: "credits", Rate: decimal.MustParse("10")}},
	)
	item := func(code billing.Code) billing.ItemSpec { return billing.ItemSpec{Feature: code, Max: new(int64(10))} }
	own, soft, none, inc := item("calls"), item("calls"), item("calls"), item("calls")
	own.Thresholds, none.Thresholds = []int{50}, []int{}
	soft.Limit = billing.Soft
	inc.Included = new(int64(4))
	capped, low := item("calls"), item("calls")
	capped.Caps = []billing.Cap{{Max: 3, Reset: billing.Reset(calendar.Day)}}
	low.Low, low.Thresholds = new(int64(5)), []int{}
	plan := func(code billing.Code, items ...billing.ItemSpec) {
		spec.Plans = append(spec.Plans, billing.PlanSpec{Code: code, Name: string(code), Group: "teams", Status: billing.Published, Items: items})
	}
	plan("marked", item("calls"), item("disk"))
	plan("own", own)
	plan("soft", soft)
	plan("none", none)
	plan("included", inc)
	plan("capped", capped)
	plan("low", low)
	plan("unlimited", billing.ItemSpec{Feature: "calls"})
	plan("images", billing.ItemSpec{Feature: "images"})
	return spec
}

// events reads what was told, in the order of the feed.
type events struct {
	*world
	db *sql.DB
	id billing.CustomerID
	n  int // read before
}

func newEvents(t *testing.T, url string, plan billing.Code) *events {
	w, db := openWorld(t, url)
	w.now = instant("2027-01-01T00:00:00Z")
	w.apply(marked())
	return &events{world: w, db: db, id: w.customer(plan)}
}

// all are the events: what happened, and to what.
func (e *events) all() (out []string) {
	e.t.Helper()
	rows, err := e.db.QueryContext(e.t.Context(), `select kind, facts from events order by happened_on, customer_id, cause`)
	if err != nil {
		e.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var kind, text string
		facts := map[string]string{}
		if err := rows.Scan(&kind, &text); err != nil {
			e.t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(text), &facts); err != nil {
			e.t.Fatal(err)
		}
		switch kind {
		case "usage.threshold_reached":
			out = append(out, fmt.Sprintf("%s %s%% of %s: %s", facts["feature_code"], facts["threshold"], facts["limit"], facts["used"]))
		case "pool.low":
			out = append(out, fmt.Sprintf("%s low %s: %s", facts["feature_code"], facts["low"], facts["available"]))
		case "limit.reached":
			out = append(out, fmt.Sprintf("%s %s %s of %s: %s left", facts["feature_code"], facts["reason"], facts["used"], facts["limit"], facts["remaining"]))
		}
	}
	if err := rows.Err(); err != nil {
		e.t.Fatal(err)
	}
	return out
}

// want holds what was told since it was asked for last.
func (e *events) want(what string, told ...string) {
	e.t.Helper()
	all := e.all()
	if got := all[e.n:]; !slices.Equal(got, told) {
		e.t.Errorf("%s: told %q, want %q", what, got, told)
	}
	e.n = len(all)
	e.now = e.now.Add(time.Minute)
}

func (e *events) take(code billing.Code, n float64) {
	e.t.Helper()
	must(e.world, func(u *service.Work) (billing.Decision, error) {
		return u.Consume(e.id, code, billing.Units(n*1e6))
	})
}

func (e *events) report(reports ...usage.Report) {
	e.t.Helper()
	for _, out := range must(e.world, func(u *service.Work) ([]service.UsageOutcome, error) { return u.RecordUsage(e.id, reports) }) {
		if out.Err != nil {
			e.t.Error(out.Err)
		}
	}
}

func report(code billing.Code, n float64) usage.Report {
	return usage.Report{Feature: code, Value: billing.Units(n * 1e6)}
}

func (e *events) atMost(code billing.Code, n int64) {
	e.t.Helper()
	must(e.world, func(u *service.Work) (billing.OverrideAt, error) {
		o, _, _, err := u.SetOverride(e.id, code, billing.NewOverride{HasMax: true, Max: &n})
		return o, err
	})
	e.now = e.now.Add(time.Minute)
}

func TestThresholdsAreTold(t *testing.T) {
	e := newEvents(t, sqliteURL(t), "marked")
	e.take("calls", 7.9)
	e.want("below")
	e.take("calls", 0.1)
	e.want("exactly on it", "calls 80% of 10: 8")
	e.report(report("calls", -5))
	e.report(report("calls", 6))
	e.want("again in the same window")
	e.atMost("calls", 20)
	e.take("calls", 8)
	e.want("under a larger limit", "calls 80% of 20: 17")
	e.now = e.now.AddDate(0, 1, 0)
	e.report(usage.Report{ID: "late", Feature: "calls", Value: 20e6, Stamp: instant("2027-01-02T00:00:00Z")})
	e.want("late use")
	e.report(usage.Report{Feature: "calls", Kind: usage.Absolute, Value: 17e6})
	e.want("a reading")
	e.report(usage.Report{ID: "once", Feature: "calls", Value: 3e6})
	e.want("the rest", "calls 100% of 20: 20")
	e.report(usage.Report{ID: "once", Feature: "calls", Value: 3e6})
	e.want("the same record")
	e.now = e.now.AddDate(0, 1, 0)
	e.report(report("calls", 15), report("calls", 1), report("calls", 9))
	e.want("a bulk in the next window", "calls 80% of 20: 16", "calls 100% of 20: 25")
	e.now = e.now.AddDate(0, 1, 0)
	e.take("calls", 20)
	e.want("both at once", "calls 80% of 20: 20", "calls 100% of 20: 20")
	var marks int
	if err := e.db.QueryRowContext(t.Context(), `select count(*) from marks`).Scan(&marks); err != nil || marks != 2 {
		t.Errorf("%d marks are kept, %v; want those of the present window", marks, err)
	}
	verifyClean(t, e.world)
}

func TestThresholdsOfItems(t *testing.T) {
	for plan, want := range map[billing.Code][]string{
		"own": {"calls 50% of 10: 10"}, "soft": {"calls 80% of 10: 10", "calls 100% of 10: 10"}, "none": nil, "unlimited": nil,
		"included": {"calls 80% of 4: 10", "calls 100% of 4: 10"},
	} {
		t.Run(string(plan), func(t *testing.T) {
			e := newEvents(t, sqliteURL(t), plan)
			e.take("calls", 10)
			e.want("all", want...)
		})
	}
}

// A hold reaches nothing before it is confirmed.
func TestHoldsAndThresholds(t *testing.T) {
	e := newEvents(t, sqliteURL(t), "marked")
	h := must(e.world, func(u *service.Work) (usage.Hold, error) {
		h, _, err := u.Hold(e.id, "calls", 9e6, time.Hour)
		return h, err
	})
	e.want("held")
	if _, err := e.confirm(h.ID, 8, ""); err != nil {
		t.Fatal(err)
	}
	e.want("confirmed", "calls 80% of 10: 8")
}

// A threshold of what is held is told again once usage was below nine tenths of it,
// whatever the limit was meanwhile.
func TestHeldThresholds(t *testing.T) {
	e := newEvents(t, sqliteURL(t), "marked")
	e.take("disk", 8)
	e.want("first", "disk 80% of 10: 8")
	e.report(report("disk", -0.8))
	e.take("disk", 0.8)
	e.want("on nine tenths")
	e.report(report("disk", -0.800001))
	e.take("disk", 1)
	e.want("below nine tenths", "disk 80% of 10: 8.199999")
	e.atMost("disk", 30)
	e.report(report("disk", -5))
	e.atMost("disk", 10)
	e.take("disk", 5)
	e.want("it fell under another limit", "disk 80% of 10: 8.199999")
	e.report(usage.Report{Feature: "disk", Kind: usage.Absolute, Value: 1e6})
	e.report(usage.Report{Feature: "disk", Kind: usage.Absolute, Value: 9e6})
	e.take("disk", 1)
	e.want("after readings", "disk 100% of 10: 10")
}

func TestPoolLow(t *testing.T) {
	e := newEvents(t, sqliteURL(t), "images")
	pay := func(n int64) {
		e.grant(e.id, billing.NewGrant{Feature: "credits", Amount: billing.Units(n) * billing.OneUnit})
		e.now = e.now.Add(time.Minute)
	}
	pay(100)
	e.take("credits", 79)
	e.want("above")
	e.take("credits", 1)
	e.want("down to it", "credits low 20: 20")
	e.take("credits", 1)
	e.want("lower")
	pay(50)
	e.want("paid")
	e.take("images", 4.5)
	e.want("burned")
	e.take("images", 0.4)
	e.want("down to it again", "credits low 20: 20")
	h := must(e.world, func(u *service.Work) (usage.Hold, error) {
		h, _, err := u.Hold(e.id, "images", 1e6, time.Hour)
		return h, err
	})
	pay(15)
	e.want("paid again")
	if _, err := e.confirm(h.ID, 2, usage.OverRecord); err != nil {
		t.Fatal(err)
	}
	e.want("more than was held", "credits low 20: 15")
}

// Of a feature with one source, what is available is what its limit leaves.
func TestLowOfALimit(t *testing.T) {
	e := newEvents(t, sqliteURL(t), "low")
	e.take("calls", 3)
	e.want("above")
	h := must(e.world, func(u *service.Work) (usage.Hold, error) {
		h, _, err := u.Hold(e.id, "calls", 2e6, time.Hour)
		return h, err
	})
	e.want("held down to it", "calls low 5: 5")
	if _, err := e.release(h.ID); err != nil {
		t.Fatal(err)
	}
	e.take("calls", 6)
	e.want("used down to it", "calls low 5: 1")
	e.report(report("calls", -6))
	e.report(usage.Report{Feature: "calls", Kind: usage.Absolute, Value: 8e6})
	e.want("read down to it", "calls low 5: 2")
}

// What is not committed is not told, and is when it comes again.
func TestNothingIsToldOfWhatIsUndone(t *testing.T) {
	e := newEvents(t, sqliteURL(t), "marked")
	undone := errors.New("undone")
	if err := e.Do(t.Context(), "test", func(u *service.Work) error {
		for range 2 {
			if _, err := u.Consume(e.id, "calls", 9e6); err != nil {
				return err
			}
		}
		return undone
	}); !errors.Is(err, undone) {
		t.Fatal(err)
	}
	e.want("undone")
	e.take("calls", 9)
	e.take("calls", 9)
	e.want("again", "calls limit_reached 9 of 10: 1 left", "calls 80% of 10: 9")
}

// A refusal by a cap is one in the window of the cap.
func TestRefusalByACap(t *testing.T) {
	e := newEvents(t, sqliteURL(t), "capped")
	for range 2 {
		e.take("calls", 3)
		for range 3 {
			e.take("calls", 1)
		}
		e.want("a day", "calls cap_reached 3 of 3: 0 left")
		e.now = e.now.AddDate(0, 0, 1)
	}
	e.take("calls", 2)
	e.want("most of the month", "calls 80% of 10: 8")
	e.take("calls", 3)
	e.want("by the limit of the month, before the cap", "calls limit_reached 8 of 10: 1 left")
}

func TestFirstRefusal(t *testing.T) {
	e := newEvents(t, sqliteURL(t), "marked")
	e.take("calls", 7)
	for range 3 {
		e.take("calls", 4)
	}
	e.want("refused", "calls limit_reached 7 of 10: 3 left")
	other := &service.Service{Store: e.Store, Clock: e.Clock}
	if err := other.Do(t.Context(), "test", func(u *service.Work) error {
		_, err := u.Consume(e.id, "calls", 4e6)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	e.want("by another node")
	e.now = e.now.AddDate(0, 1, 0)
	e.take("calls", 11)
	e.want("in the next window", "calls limit_reached 0 of 10: 10 left")
	e.take("images", 1)
	e.want("not entitled")
}

// A use that reaches nothing is decided in memory; one that does is not.
func TestMarksAreKeptOutOfMemory(t *testing.T) {
	e := newEvents(t, sqliteURL(t), "marked")
	k := &keeper{watched: &watched{Store: e.Store}, t: t, id: e.id}
	k.Service = &service.Service{Store: k.watched, Clock: e.Clock}
	var facts *billing.Snapshot
	k.Known = func(ctx context.Context, id billing.CustomerID, _ billing.Revision) (*billing.Snapshot, error) {
		var err error
		if facts == nil {
			facts, _, err = e.Snapshot(ctx, id)
		}
		return facts, err
	}
	use := func(code billing.Code, n billing.Units) func() {
		return func() {
			if err := k.Count(t.Context(), "test", service.Counting{Customer: e.id, Features: []billing.Code{code}, Records: 1}, func(u *service.Work) error {
				out, err := u.RecordUsage(e.id, []usage.Report{{Feature: code, Value: n}})
				if err == nil {
					err = out[0].Err
				}
				return err
			}); err != nil {
				t.Error(err)
			}
		}
	}
	refuse := func() {
		if err := k.Count(t.Context(), "test", service.Counting{Customer: e.id, Features: []billing.Code{"calls"}, Records: 1}, func(u *service.Work) error {
			_, err := u.Consume(e.id, "calls", 1e6)
			return err
		}); err != nil {
			t.Error(err)
		}
	}
	for i, c := range []struct {
		do    func()
		asks  string
		event string
	}{
		{use("calls", 1e6), "1 0 1", ""}, {use("calls", 1e6), "1 1 0", ""}, {use("calls", 1e6), "0 1 0", ""},
		{use("calls", 5e6), "0 0 1", "calls 80% of 10: 8"}, {use("calls", 1e6), "1 1 0", ""},
		{use("calls", 1e6), "0 0 1", "calls 100% of 10: 10"},
		{refuse, "1 0 1", "calls limit_reached 10 of 10: 0 left"}, {refuse, "1 0 0", ""}, {refuse, "1 0 0", ""},
		{use("disk", 5e6), "1 0 1", ""}, {use("disk", 1e6), "1 1 0", ""}, {use("disk", 1e6), "0 1 0", ""}, {use("disk", -1e6), "0 0 1", ""},
	} {
		if got := k.asks(c.do); got != c.asks {
			t.Errorf("%d: standings, applies and updates: %s, want %s", i, got, c.asks)
		}
		if c.event == "" {
			e.want(fmt.Sprint(i))
		} else {
			e.want(fmt.Sprint(i), c.event)
		}
	}
	verifyClean(t, e.world)
}

// model is what is to be told by the letter of the contract, without a window, a lane or a
// mark: numbers in millionths, and for each threshold whether it may fire.
type model struct {
	limit    map[billing.Code]int64
	used     map[billing.Code]int64
	fired    map[string]bool
	expected []string
}

func (m *model) use(code billing.Code, change int64, reading bool) {
	before := m.used[code]
	after := before + change
	m.used[code] = after
	for key := range m.fired {
		var of billing.Code
		var percent, limit int64
		if _, err := fmt.Sscanf(key, "%s %d %d", &of, &percent, &limit); err != nil {
			panic(err)
		}
		if of == code && code == "disk" && after < before && after*1000 < limit*percent*9e6 {
			delete(m.fired, key)
		}
	}
	for _, percent := range []int64{80, 100} {
		limit := m.limit[code]
		key := fmt.Sprintf("%s %d %d", code, percent, limit)
		if mark := limit * percent * 1e4; !reading && before < mark && after >= mark && !m.fired[key] {
			m.fired[key] = true
			m.expected = append(m.expected, fmt.Sprintf("%s %d%% of %d: %s", code, percent, limit, billing.Units(after)))
		}
	}
}

func TestThresholdsAreThoseOfTheModel(t *testing.T) {
	for name, c := range map[string]struct {
		url   func(*testing.T) string
		steps int
	}{
		"sqlite":   {sqliteURL, 400},
		"postgres": {func(t *testing.T) string { return pgtest.URL(t) }, 100},
	} {
		t.Run(name, func(t *testing.T) { heldToModel(t, newEvents(t, c.url(t), "marked"), c.steps) })
	}
}

func heldToModel(t *testing.T, e *events, steps int) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	m := &model{limit: map[billing.Code]int64{"calls": 10, "disk": 10}, used: map[billing.Code]int64{}, fired: map[string]bool{}}
	e.Known = func(ctx context.Context, id billing.CustomerID, _ billing.Revision) (*billing.Snapshot, error) {
		snap, _, err := e.Snapshot(ctx, id)
		return snap, err
	}
	for range steps {
		e.now = e.now.Add(time.Minute)
		code := []billing.Code{"calls", "disk"}[r.IntN(2)]
		switch n := r.IntN(20); {
		case n == 0: // the next window
			e.now = e.now.AddDate(0, 1, 0)
			m.used["calls"] = 0
			for key := range m.fired {
				if strings.HasPrefix(key, "calls") {
					delete(m.fired, key)
				}
			}
		case n == 1:
			m.limit[code] = r.Int64N(15)
			e.atMost(code, m.limit[code])
		case n == 2:
			to := r.Int64N(12e6)
			e.report(usage.Report{Feature: code, Kind: usage.Absolute, Value: billing.Units(to)})
			m.use(code, to-m.used[code], true)
		default:
			var reports []usage.Report
			for range 1 + r.IntN(3) { // what takes back comes last within a request
				change := r.Int64N(4e6) / 500_000 * 500_000
				reports = append(reports, usage.Report{Feature: code, Value: billing.Units(change)})
				m.use(code, change, false)
			}
			if back := min(m.used[code], r.Int64N(9e6)/500_000*500_000); back > 0 && r.IntN(2) == 0 {
				reports = append(reports, usage.Report{Feature: code, Value: billing.Units(-back)})
				m.use(code, -back, false)
			}
			if err := e.Count(t.Context(), "test", service.Counting{Customer: e.id, Features: []billing.Code{code}, Records: len(reports)}, func(u *service.Work) error {
				_, err := u.RecordUsage(e.id, reports)
				return err
			}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got := e.all(); !slices.Equal(got, m.expected) {
		t.Errorf("seed %d: told\n%s\nwant\n%s", seed, strings.Join(got, "\n"), strings.Join(m.expected, "\n"))
	}
	if inMemory, read, inStore := e.Decided(); inMemory+read == 0 || inStore == 0 {
		t.Errorf("decided in memory %d, on what was read %d, in a transaction %d", inMemory, read, inStore)
	}
	verifyClean(t, e.world)
}

// Three nodes reach marks at once: each is told once, as is the first refusal.
func TestManyReachMarksAtOnce(t *testing.T) {
	url := pgtest.URL(t)
	e := newEvents(t, url, "marked")
	e.atMost("calls", 100)
	nodes := make([]*service.Service, 3)
	for i := range nodes {
		st, err := store.Open(t.Context(), store.Options{URL: url})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = st.Close() })
		nodes[i] = &service.Service{Store: st, Clock: e.Clock}
		nodes[i].Known = func(ctx context.Context, id billing.CustomerID, _ billing.Revision) (*billing.Snapshot, error) {
			snap, _, err := e.Snapshot(ctx, id)
			return snap, err
		}
	}
	var working sync.WaitGroup
	for i := range 120 {
		working.Go(func() {
			err := nodes[i%3].Count(t.Context(), "test", service.Counting{Customer: e.id, Features: []billing.Code{"calls"}, Records: 1}, func(u *service.Work) error {
				_, err := u.Consume(e.id, "calls", billing.OneUnit)
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	working.Wait()
	got := e.all()
	slices.Sort(got)
	if want := []string{"calls 100% of 100: 100", "calls 80% of 100: 80", "calls limit_reached 100 of 100: 0 left"}; !slices.Equal(got, want) {
		t.Errorf("told %q, want %q", got, want)
	}
	verifyClean(t, e.world)
}
