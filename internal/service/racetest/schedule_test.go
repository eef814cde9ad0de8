package racetest

import (
	"context"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/calendar"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/usage"
)

// hooked is a store whose transactions call a hook, once, just before they take
// the first lock of usage: what they have read of facts is read by then.
type hooked struct {
	service.Store
	hook func()
}

func (h *hooked) Update(ctx context.Context, fn func(service.Tx) error) error {
	return h.Store.Update(ctx, func(tx service.Tx) error {
		tx.UsageTx = &hookedUsage{tx.UsageTx, h}
		return fn(tx)
	})
}

type hookedUsage struct {
	service.UsageTx
	*hooked
}

func (tx *hookedUsage) LockCounters(id billing.CustomerID, code billing.Code, from, to time.Time) ([]usage.Counter, error) {
	if hook := tx.hook; hook != nil {
		tx.hook = nil
		hook()
	}
	return tx.UsageTx.LockCounters(id, code, from, to)
}

// meanwhile runs a use case on another node and a change, on the node whose clock
// is right, while it waits for the lock.
func (w *world) meanwhile(change func(), fn func(*service.Work) error) error {
	w.t.Helper()
	waiting := &hooked{Store: w.other.Store, hook: change}
	node := &service.Service{Store: waiting, Clock: w.other.Clock}
	err := node.Do(context.Background(), "test", fn)
	if waiting.hook != nil {
		w.t.Error("nothing was locked")
	}
	return err
}

// scene is a customer who has used 4 calls in this month and day, and holds 3.
type scene struct {
	*world
	id        billing.CustomerID
	agreement billing.AgreementID
	hold      usage.HoldID
}

func newScene(t *testing.T, w *world, plan billing.Code, before func(*scene)) *scene {
	s := &scene{world: w}
	w.now = w.now.AddDate(0, 0, 1)
	w.do(func(u *service.Work) error {
		_, err := u.ApplyCatalog(resetting(billing.Reset(calendar.Day)))
		return err
	})
	s.id = w.customer(plan)
	if before != nil {
		before(s)
	}
	w.now = w.now.AddDate(0, 0, 2)
	w.do(func(u *service.Work) error {
		_, err := u.Consume(s.id, "calls", units(4))
		if err == nil {
			var h usage.Hold
			h, _, err = u.Hold(s.id, "calls", units(3), time.Hour)
			s.hold = h.ID
		}
		return err
	})
	c, err := w.Customer(t.Context(), s.id)
	if err != nil {
		t.Fatal(err)
	}
	s.agreement = c.Agreements[0].ID
	return s
}

// acts are the use cases that wait for a lock.
var acts = map[string]func(*scene, *service.Work) (billing.Decision, error){
	"consume": func(s *scene, u *service.Work) (billing.Decision, error) { return u.Consume(s.id, "calls", units(2)) },
	"hold": func(s *scene, u *service.Work) (billing.Decision, error) {
		_, d, err := u.Hold(s.id, "calls", units(2), time.Hour)
		return d, err
	},
	"confirm": func(s *scene, u *service.Work) (billing.Decision, error) {
		_, d, err := u.ConfirmHold(s.hold, usage.Confirm{})
		return d, err
	},
	"release": func(s *scene, u *service.Work) (billing.Decision, error) {
		_, d, err := u.ReleaseHold(s.hold)
		return d, err
	},
	"meter": func(s *scene, u *service.Work) (billing.Decision, error) {
		_, err := u.MeterUsage(s.id, s.agreement, usage.Report{Feature: "calls", Value: units(2)})
		return billing.Decision{}, err
	},
	"record": func(s *scene, u *service.Work) (billing.Decision, error) {
		out, err := u.RecordUsage(s.id, []usage.Report{{ID: "a", Feature: "calls", Value: units(2)}})
		if err == nil {
			err = out[0].Err
		}
		return billing.Decision{}, err
	},
}

// A change that is acknowledged while a use case waits for its lock is seen by
// it: the answer is that of one that begins after the change.
func TestChangeWhileWaiting(t *testing.T) {
	for name, test := range map[string]struct {
		plan   billing.Code
		before func(*scene)
		change func(*scene)
		want   map[string]string
	}{
		"downgrade": {"pro", nil, func(s *scene) { s.subscribe(s.id, "free") }, map[string]string{
			"consume": "false limit_reached: 4 used, 3 held of 3",
			"hold":    "false limit_reached: 4 used, 3 held of 3",
			"confirm": "true held: 7 used, 0 held of 3",
			"release": "true held: 4 used, 0 held of 3",
			"meter":   "ok", "record": "ok",
		}},
		"feature lost": {"pro", nil, func(s *scene) { s.subscribe(s.id, "bare") }, map[string]string{
			"consume": "false not_entitled: 4 used, 3 held of 0",
			"hold":    "false not_entitled: 4 used, 3 held of 0",
			"confirm": "true held: 7 used, 0 held of 0",
			"release": "true held: 4 used, 0 held of 0",
			"meter":   "AGREEMENT_NOT_ACTIVE", "record": "TIMESTAMP_INVALID",
		}},
		"override set": {"pro", nil, func(s *scene) { s.override(s.id, 8) }, map[string]string{
			"consume": "false limit_reached: 4 used, 3 held of 8",
			"hold":    "false limit_reached: 4 used, 3 held of 8",
			"confirm": "true held: 7 used, 0 held of 8",
			"release": "true held: 4 used, 0 held of 8",
			"meter":   "ok", "record": "ok",
		}},
		"override ended": {"free", func(s *scene) { s.override(s.id, 20) }, func(s *scene) {
			s.do(func(u *service.Work) error { _, err := u.EndOverride(s.id, "calls"); return err })
		}, map[string]string{
			"consume": "false limit_reached: 4 used, 3 held of 3",
			"hold":    "false limit_reached: 4 used, 3 held of 3",
			"confirm": "true held: 7 used, 0 held of 3",
			"release": "true held: 4 used, 0 held of 3",
			"meter":   "ok", "record": "ok",
		}},
		"suspension": {"pro", nil, func(s *scene) {
			s.do(func(u *service.Work) error {
				_, err := u.UpdateCustomer(s.id, billing.CustomerUpdate{Status: new(billing.Suspended)})
				return err
			})
		}, map[string]string{
			"consume": "false suspended: 4 used, 3 held of 10",
			"hold":    "false suspended: 4 used, 3 held of 10",
			"confirm": "true held: 7 used, 0 held of 10",
			"release": "true held: 4 used, 0 held of 10",
			"meter":   "ok", "record": "ok",
		}},
		"deletion": {"pro", nil, func(s *scene) {
			s.do(func(u *service.Work) error { _, err := u.DeleteCustomer(s.id, false); return err })
		}, map[string]string{
			"consume": "CUSTOMER_NOT_FOUND", "hold": "CUSTOMER_NOT_FOUND",
			"confirm": "HOLD_NOT_FOUND", "release": "HOLD_NOT_FOUND",
			"meter": "AGREEMENT_NOT_ACTIVE", "record": "CUSTOMER_NOT_FOUND",
		}},
		// The feature's own reset, which is that of calls granted by an override
		// alone: what was used the day before yesterday counts again.
		"catalog change": {"bare", func(s *scene) { s.override(s.id, 150); s.record(s.id, 140) },
			func(s *scene) {
				s.do(func(u *service.Work) error { _, err := u.ApplyCatalog(resetting(billing.ResetNever)); return err })
			},
			map[string]string{
				"consume": "true within_limit: 146 used, 3 held of 150",
				"hold":    "true within_limit: 144 used, 5 held of 150",
				"confirm": "true held: 7 used, 0 held of 150",
				"release": "true held: 4 used, 0 held of 150",
				"meter":   "ok", "record": "ok",
			}},
	} {
		w := newWorld(t)
		for act, want := range test.want {
			t.Run(name+"/"+act, func(t *testing.T) {
				s := newScene(t, w, test.plan, test.before)
				var d billing.Decision
				err := s.meanwhile(func() { test.change(s) }, func(u *service.Work) (err error) {
					d, err = acts[act](s, u)
					return err
				})
				if got := said(d, err); got != want {
					t.Errorf("%s during %s: %s, want %s", act, name, got, want)
				}
				s.verify()
			})
		}
	}
}

// A hard limit holds although the window and the limit both change while consume
// waits: what is used up by the one may not be used again by the other.
func TestWindowChangesWhileWaiting(t *testing.T) {
	w := newWorld(t)
	w.now = noon.AddDate(0, 0, -2)
	id := w.customer("bare")
	w.override(id, 0)
	w.record(id, 100)
	w.now = noon
	var d billing.Decision
	err := w.meanwhile(func() {
		w.do(func(u *service.Work) error { _, err := u.ApplyCatalog(resetting(billing.ResetNever)); return err })
		w.override(id, 10)
	}, func(u *service.Work) (err error) {
		d, err = u.Consume(id, "calls", units(1))
		return err
	})
	if got, want := said(d, err), "false limit_reached: 100 used, 0 held of 10"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	w.verify()
}

// Late usage goes into every counter of the span it counts in, also if a change of
// plan puts it into one that was not asked for before the lock: by the month it
// counts now, by the year when it happened.
func TestSpanChangesWhileWaiting(t *testing.T) {
	w := newWorld(t)
	w.now = noon.AddDate(0, -2, 0)
	id := w.customer("pro")
	agreement := w.subscribe(id, "pro").ID
	happened := w.now.AddDate(0, 0, 3)
	w.record(id, 7)
	w.now = noon
	err := w.meanwhile(func() { w.subscribe(id, "yearly") }, func(u *service.Work) error {
		_, err := u.MeterUsage(id, agreement, usage.Report{Feature: "calls", Value: units(3), Stamp: happened})
		return err
	})
	if err != nil {
		t.Error(err)
	}
	w.verify()
	d, err := w.Check(t.Context(), id, []billing.Code{"calls"}, units(1))
	if got, want := said(d[0], err), "false limit_reached: 10 used, 0 held of 10"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// A record for a feature that is made and granted while the bulk waits is
// recorded as one that comes after.
func TestFeatureMadeWhileWaiting(t *testing.T) {
	w := newWorld(t)
	id := w.customer("pro")
	var out []service.UsageOutcome
	err := w.meanwhile(func() {
		w.do(func(u *service.Work) error {
			_, err := u.ApplyCatalog(billing.CatalogSpec{Features: []billing.Feature{{Code: "new", Name: "New", Type: billing.Metered}}})
			if err == nil {
				_, _, _, err = u.SetOverride(id, "new", billing.NewOverride{Add: 5})
			}
			return err
		})
	}, func(u *service.Work) (err error) {
		out, err = u.RecordUsage(id, []usage.Report{
			{ID: "old", Feature: "calls", Value: units(1)}, {ID: "new", Feature: "new", Value: units(1)},
		})
		return err
	})
	if err != nil || out[0].Err != nil || out[1].Err != nil {
		t.Errorf("%+v, %v", out, err)
	}
	w.verify()
}

// A hold that another node closes while this one waits is closed once: the same again
// is told what the other is, anything else what became of the hold.
func TestHoldClosedWhileWaiting(t *testing.T) {
	for name, test := range map[string]struct {
		act  func(*scene, *service.Work) (billing.Decision, error)
		want string
	}{
		"confirm": {acts["confirm"], "true held: 7 used, 0 held of 10"},
		"confirm more": {func(s *scene, u *service.Work) (billing.Decision, error) {
			_, d, err := u.ConfirmHold(s.hold, usage.Confirm{Units: new(units(9)), Over: usage.OverAvailable})
			return d, err
		}, "HOLD_CONFIRMED"},
		"release": {acts["release"], "HOLD_CONFIRMED"},
		"extend": {func(s *scene, u *service.Work) (billing.Decision, error) {
			_, d, err := u.ExtendHold(s.hold, time.Hour)
			return d, err
		}, "HOLD_CONFIRMED"},
	} {
		s := newScene(t, newWorld(t), "pro", nil)
		var d billing.Decision
		err := s.meanwhile(func() {
			s.do(func(u *service.Work) error { _, _, err := u.ConfirmHold(s.hold, usage.Confirm{}); return err })
		}, func(u *service.Work) (err error) {
			d, err = test.act(s, u)
			return err
		})
		if got := said(d, err); got != test.want {
			t.Errorf("%s of one that is closed meanwhile: %s, want %s", name, got, test.want)
		}
		checked, err := s.Check(t.Context(), s.id, []billing.Code{"calls"}, units(1))
		if got, want := said(checked[0], err), "true within_limit: 7 used, 0 held of 10"; got != want {
			t.Errorf("after %s: %s, want %s", name, got, want)
		}
		s.verify()
	}
}

// A confirm of more than was held is decided by what others have used while it waits,
// and a hold that expires meanwhile is not confirmed.
func TestConfirmAboveWhileWaiting(t *testing.T) {
	for name, test := range map[string]struct {
		meanwhile func(*scene)
		want      string
	}{
		"consumed": {func(s *scene) { s.record(s.id, 2) }, "true held: 10 used, 0 held of 10"},
		"extended": {func(s *scene) {
			s.do(func(u *service.Work) error { _, _, err := u.ExtendHold(s.hold, time.Minute); return err })
		}, "true held: 10 used, 0 held of 10"},
		"expired": {func(s *scene) {
			s.do(func(u *service.Work) error { _, _, err := u.ExtendHold(s.hold, time.Second); return err })
			s.now = s.now.Add(2 * time.Second)
			s.record(s.id, 1) // on a node that knows the time
		}, "HOLD_EXPIRED"},
	} {
		s := newScene(t, newWorld(t), "pro", nil) // 4 used, 3 held of 10
		var d billing.Decision
		err := s.meanwhile(func() { test.meanwhile(s) }, func(u *service.Work) (err error) {
			_, d, err = u.ConfirmHold(s.hold, usage.Confirm{Units: new(units(9)), Over: usage.OverAvailable})
			return err
		})
		if got := said(d, err); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
		s.verify()
	}
}

// A twin that is done on another node while this one waits is done once: its
// record is a duplicate, its answer is said again.
func TestTwinWhileWaiting(t *testing.T) {
	w := newWorld(t)
	id := w.customer("pro")
	bulk := []usage.Report{{ID: "a", Feature: "calls", Value: units(1), Stamp: noon}, {ID: "b", Feature: "calls", Value: units(1), Stamp: noon}}
	var out []service.UsageOutcome
	err := w.meanwhile(func() {
		w.do(func(u *service.Work) error { _, err := u.RecordUsage(id, bulk[:1]); return err })
	}, func(u *service.Work) (err error) {
		out, err = u.RecordUsage(id, bulk)
		return err
	})
	if err != nil || !out[0].Duplicate || out[0].Err != nil || out[1].Duplicate || out[1].Err != nil {
		t.Errorf("%+v, %v", out, err)
	}
	w.verify()

	once := service.Once{Customer: id, Key: "key", Fingerprint: []byte{1},
		Refusal: func(error) (service.Answer, bool) { return service.Answer{}, false }}
	consume := func(s *service.Service) (string, bool) {
		a, again, err := s.Once(t.Context(), "test", once, func(u *service.Work) (service.Answer, error) {
			d, err := u.Consume(id, "calls", units(1))
			return service.Answer{Status: 200, Body: []byte(said(d, nil))}, err
		})
		if err != nil {
			t.Error(err)
		}
		return string(a.Body), again
	}
	var first string
	waiting := &hooked{Store: w.other.Store, hook: func() { first, _ = consume(w.Service) }}
	second, replayed := consume(&service.Service{Store: waiting, Clock: w.other.Clock})
	if want := "true within_limit: 3 used, 0 held of 10"; first != want || second != want || !replayed {
		t.Errorf("the twin is told %q, the other %q, replayed %t; want %q for both", first, second, replayed, want)
	}
	w.verify()

	// The same if the customer is gone once the other's turn comes.
	once.Key = "another"
	waiting = &hooked{Store: w.other.Store, hook: func() {
		first, _ = consume(w.Service)
		w.do(func(u *service.Work) error { _, err := u.DeleteCustomer(id, false); return err })
	}}
	second, replayed = consume(&service.Service{Store: waiting, Clock: w.other.Clock})
	if want := "true within_limit: 4 used, 0 held of 10"; first != want || second != want || !replayed {
		t.Errorf("before the deletion the twin is told %q, the other %q, replayed %t; want %q for both", first, second, replayed, want)
	}
}

// A check on a node whose clock lags sees that a hold is closed which a faster one
// closed, and what was counted in a window that only the faster one has begun.
func TestCheckOnLaggingNode(t *testing.T) {
	w := newWorld(t)
	slow := w.node(-2 * time.Second)
	check := func(id billing.CustomerID) string {
		t.Helper()
		d, err := slow.Check(t.Context(), id, []billing.Code{"calls"}, units(1))
		if err != nil {
			t.Fatal(err)
		}
		return said(d[0], nil)
	}
	for name, test := range map[string]struct {
		end  func(*service.Work, usage.HoldID) error
		want string
	}{
		"confirmed": {func(u *service.Work, id usage.HoldID) error {
			_, _, err := u.ConfirmHold(id, usage.Confirm{})
			return err
		},
			"true within_limit: 7 used, 0 held of 8"},
		"released": {func(u *service.Work, id usage.HoldID) error { _, _, err := u.ReleaseHold(id); return err },
			"true within_limit: 5 used, 0 held of 8"},
	} {
		t.Run(name, func(t *testing.T) {
			w.now = noon
			id := w.customer("pro")
			w.override(id, 8)
			w.record(id, 5)
			var hold usage.HoldID
			w.do(func(u *service.Work) error {
				h, _, err := u.Hold(id, "calls", units(2), time.Hour)
				hold = h.ID
				return err
			})
			w.now = w.now.Add(time.Second)
			w.do(func(u *service.Work) error { return test.end(u, hold) })
			if got := check(id); got != test.want {
				t.Errorf("%s, want %s", got, test.want)
			}
		})
	}
	t.Run("in the next window", func(t *testing.T) {
		w.now = noon
		id := w.customer("daily")
		w.record(id, 9)
		w.now = noon.AddDate(0, 0, 1).Add(time.Second) // the slow node is still in the day before
		w.record(id, 6)
		if got, want := check(id), "true within_limit: 6 used, 0 held of 10"; got != want {
			t.Errorf("%s, want %s", got, want)
		}
	})
}
