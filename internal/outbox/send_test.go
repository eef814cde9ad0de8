package outbox_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/event"
	"github.com/allot-dev/allot/internal/outbox"
	"github.com/allot-dev/allot/internal/outbox/record"
	"github.com/allot-dev/allot/internal/service"
)

const hook = "https://hooks.example/a"

// What happens is sent once while nothing fails, in order, and nothing of before.
func TestSend(t *testing.T) {
	url := sqliteURL(t)
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, url, "a")
		defer r.close(t)
		r.happen(t, 1)
		w, _ := r.webhook(t, hook, record.Standard)
		r.webhook(t, hook+"/none", record.Standard, "customer.created")
		defer r.run(t)()
		r.happen(t, 1, 2, 1)
		synctest.Wait()
		if got := r.all(); len(got) != 3 {
			t.Fatalf("got %v", got)
		}
		for _, d := range r.deliveriesOf(t, w) {
			if d.Status != record.Delivered || d.Attempts != 1 || d.Answer != 204 {
				t.Errorf("delivery: %+v", d)
			}
		}
		if s := r.Stats(); s.Delivered != 3 || s.Lag != 0 {
			t.Errorf("stats: %+v", s)
		}
	})
}

// A customer's later events wait for its earlier one. Those of other customers, and other
// webhooks, do not.
func TestOrder(t *testing.T) {
	url := sqliteURL(t)
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, url, "a")
		defer r.close(t)
		r.webhook(t, hook, record.Standard)
		r.webhook(t, hook+"/other", record.Standard)
		r.set(func(_ *http.Request, s sent) (*http.Response, error) {
			if s.url == hook && s.event == 1 {
				return status(500), nil
			}
			return status(200), nil
		})
		defer r.run(t)()
		r.happen(t, 1, 1, 2)
		synctest.Wait()
		if got := order(r.all(), hook); got != "1 3" && got != "3 1" {
			t.Errorf("at first: %s", got)
		}
		if got := len(r.all()); got != 5 {
			t.Errorf("%d requests at first", got)
		}
		r.set(nil)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if got := order(r.all()[5:], hook); got != "1 2" {
			t.Errorf("then: %s", got)
		}
		ids := map[string]bool{}
		for _, s := range r.all() {
			ids[s.id] = true
		}
		if len(ids) != 6 {
			t.Errorf("%d ids of six deliveries", len(ids))
		}
	})
}

// order is which events a webhook was told of.
func order(all []sent, url string) string {
	var out []string
	for _, s := range all {
		if s.url == url {
			out = append(out, fmt.Sprint(s.event))
		}
	}
	return strings.Join(out, " ")
}

// One that hangs takes as many requests as it may and stops no other.
func TestOneThatHangs(t *testing.T) {
	url := sqliteURL(t)
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, url, "a")
		defer r.close(t)
		slow, _ := r.webhook(t, hook, record.Standard)
		r.webhook(t, hook+"/other", record.Standard)
		r.set(func(req *http.Request, s sent) (*http.Response, error) {
			if s.url == hook {
				<-req.Context().Done()
				return nil, req.Context().Err()
			}
			return status(200), nil
		})
		defer r.run(t)()
		var customers []int
		for i := range 3 * outbox.PerWebhook {
			customers = append(customers, i)
		}
		r.happen(t, customers...)
		synctest.Wait()
		if got := len(strings.Fields(order(r.all(), hook+"/other"))); got != len(customers) {
			t.Errorf("the other was told of %d", got)
		}
		if got := len(strings.Fields(order(r.all(), hook))); got != outbox.PerWebhook {
			t.Errorf("%d requests hang", got)
		}
		time.Sleep(15*time.Second + outbox.Linger)
		synctest.Wait()
		if d := r.deliveriesOf(t, slow)[0]; d.Fault != "no answer in time" || d.Took != 15*time.Second || d.Attempts != 1 {
			t.Errorf("delivery: %+v", d)
		}
	})
}

// Over five days of failures: the retries of one delivery come as they should, the next one
// goes then, and at the end the webhook is disabled, with an event.
func TestFiveDays(t *testing.T) {
	for format, test := range map[record.Format]struct {
		pauses   []time.Duration
		patience time.Duration
		failed   uint64 // deliveries, before it is disabled
	}{
		record.Standard: {[]time.Duration{5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour}, 120 * time.Hour, 1},
		record.Kinde:    {[]time.Duration{5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, time.Hour, 4 * time.Hour, 12 * time.Hour, 12 * time.Hour, 12 * time.Hour}, 72 * time.Hour, 2},
	} {
		t.Run(string(format), func(t *testing.T) {
			url := sqliteURL(t)
			synctest.Test(t, func(t *testing.T) { testPatience(t, url, format, test.pauses, test.patience, test.failed) })
		})
	}
}

func testPatience(t *testing.T, url string, format record.Format, pauses []time.Duration, patience time.Duration, failed uint64) {
	r := newRig(t, url, "a")
	defer r.close(t)
	w, _ := r.webhook(t, hook, format)
	r.set(func(*http.Request, sent) (*http.Response, error) { return status(503), nil })
	r.update(t, func(tx record.Tx) error {
		now := time.Now().UTC().Truncate(time.Microsecond)
		var all []record.Delivery
		for part := range 3 {
			all = append(all, record.Delivery{Webhook: w.ID, Place: record.Place{Seq: 1, Part: part}, Scope: scope(1), Type: "trial.ended", CreatedOn: now})
		}
		return tx.AddDeliveries(all, now)
	})
	r.readable(t)
	began := time.Now()
	defer r.run(t)()
	synctest.Wait()
	at := time.Duration(0)
	want := []time.Duration{0}
	for _, p := range pauses {
		at += p
		want = append(want, at)
	}
	time.Sleep(at)
	synctest.Wait()
	first := r.deliveriesOf(t, w)[0]
	if first.Status != record.Failed || first.Attempts != len(want) || first.Answer != 503 {
		t.Errorf("after the last attempt: %+v", first)
	}
	got := r.all()
	for i := range want {
		if passed := got[i].at.Sub(began); passed != want[i] || got[i].id != got[0].id {
			t.Errorf("attempt %d after %s with id %s, want %s", i, passed, got[i].id, want[i])
		}
	}
	// The next one goes at once, and on until the patience ends.
	if len(got) <= len(want) || got[len(want)].id == got[0].id || got[len(want)].at.Sub(began) != at {
		t.Errorf("then came %v", got[len(want):])
	}
	time.Sleep(patience + 30*time.Hour - at)
	synctest.Wait()
	now := r.get(t, w)
	if now.State != record.Disabled || now.DisabledOn.Sub(began) < patience || !now.FailingSince.Equal(began) {
		t.Errorf("in the end: %+v", now)
	}
	if s := r.Stats(); s.Failed != failed || s.Disabled != 1 {
		t.Errorf("stats: %+v", s)
	}
	r.place(t)
	var told []event.Happening
	r.update(t, func(tx record.Tx) (err error) { told, err = tx.Happenings(record.Scope, 0, 9); return err })
	told = slices.DeleteFunc(told, func(h event.Happening) bool { return h.Event.Type == record.SettingsSet })
	if len(told) != 1 || told[0].Event.Type != event.WebhookDisabled || told[0].Event.Facts["webhook_id"] != w.ID {
		t.Errorf("told: %+v", told)
	}
	if log := r.log.String(); !strings.Contains(log, "a webhook is disabled") {
		t.Errorf("the log says %q", log)
	}
	sent := len(r.all())
	time.Sleep(100 * time.Hour)
	synctest.Wait()
	if n := len(r.all()); n != sent {
		t.Errorf("%d more were sent to one that is disabled", n-sent)
	}
	r.set(nil)
	r.update(t, func(tx record.Tx) error { _, _, err := r.Enable(tx, w.ID, time.Now()); return err })
	r.Wake()
	synctest.Wait()
	if n := len(r.all()) - sent; n != 3-int(failed) {
		t.Errorf("%d were sent once it was enabled", n)
	}
}

// readable makes place 1 of the feed something that can be told, in any format.
func (r *rig) readable(t *testing.T) {
	t.Helper()
	err := r.store.Update(t.Context(), func(tx service.Tx) error {
		return tx.CreateCustomer(billing.Customer{ID: billing.CustomerID{15: 1}, Type: billing.Organization, Status: billing.Active, CreatedOn: time.Now()})
	})
	if err != nil {
		t.Fatal(err)
	}
	r.append(t, 1)
	r.place(t)
}

func TestAnswers(t *testing.T) {
	url := sqliteURL(t)
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, url, "a")
		defer r.close(t)
		gone, _ := r.webhook(t, hook+"/gone", record.Standard)
		later, _ := r.webhook(t, hook+"/later", record.Standard)
		moved, _ := r.webhook(t, hook+"/moved", record.Standard)
		broken, _ := r.webhook(t, hook+"/broken", record.Standard)
		began := time.Now()
		r.set(func(_ *http.Request, s sent) (*http.Response, error) {
			switch s.url {
			case gone.URL:
				return status(410), nil
			case later.URL:
				return status(429, "Retry-After", "7200"), nil
			case moved.URL:
				return status(302, "Location", hook+"/elsewhere"), nil
			}
			return nil, errors.New("secret words of the network")
		})
		defer r.run(t)()
		r.happen(t, 1)
		synctest.Wait()
		if w := r.get(t, gone); w.State != record.Disabled || !strings.Contains(w.Reason, "410") {
			t.Errorf("one that is gone: %+v", w)
		}
		if d := r.deliveriesOf(t, moved)[0]; d.Answer != 302 || d.Status != record.Pending {
			t.Errorf("one that has moved: %+v", d)
		}
		if d := r.deliveriesOf(t, broken)[0]; d.Fault != "no connection, or it broke" {
			t.Errorf("one that is broken: %+v", d)
		}
		time.Sleep(2*time.Hour - time.Second)
		synctest.Wait()
		if n := len(strings.Fields(order(r.all(), later.URL))); n != 1 {
			t.Errorf("one that asked for two hours got %d requests after %s", n, time.Since(began))
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if n := len(strings.Fields(order(r.all(), later.URL))); n != 2 {
			t.Errorf("after two hours %d", n)
		}
		if n := len(strings.Fields(order(r.all(), hook+"/elsewhere"))); n != 0 {
			t.Error("a redirect was followed")
		}
	})
}

// What fell into the time in which it was disabled, and what failed, comes by a replay.
func TestReplay(t *testing.T) {
	url := sqliteURL(t)
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, url, "a")
		defer r.close(t)
		w, _ := r.webhook(t, hook, record.Standard)
		r.set(func(*http.Request, sent) (*http.Response, error) { return status(410), nil })
		defer r.run(t)()
		r.happen(t, 1)
		synctest.Wait()
		r.happen(t, 2, 1)
		r.set(nil)
		missed := int64(0)
		r.update(t, func(tx record.Tx) (err error) { _, missed, err = r.Enable(tx, w.ID, time.Now()); return err })
		r.Wake()
		synctest.Wait()
		if got := order(r.all(), hook); got != "1 1" || missed != 1 {
			t.Errorf("enabled, it was told of %s, and missed what is behind %d", got, missed)
		}
		r.update(t, func(tx record.Tx) error { _, err := r.Replay(tx, w.ID, missed, time.Now()); return err })
		r.Wake()
		synctest.Wait()
		// One of the three is that it was disabled.
		if got := order(r.all(), hook); len(got) != len("1 1 2 3 4") || !strings.HasPrefix(got, "1 1 ") {
			t.Errorf("by the replay it was told of %s", got)
		}
		r.update(t, func(tx record.Tx) error {
			if _, err := r.Replay(tx, w.ID, 1000, time.Now()); !strings.Contains(fmt.Sprint(err), "AFTER_INVALID") {
				t.Errorf("a replay behind the end: %v", err)
			}
			return nil
		})
		ids := r.all()
		r.update(t, func(tx record.Tx) error { _, err := r.Replay(tx, w.ID, 0, time.Now()); return err })
		r.Wake()
		synctest.Wait()
		again := r.all()[len(ids):]
		if len(again) != 4 {
			t.Errorf("all again: %v", again)
		}
		for _, s := range again {
			if !strings.HasSuffix(s.id, fmt.Sprint("_", s.event)) {
				t.Errorf("event %d has the id %s", s.event, s.id)
			}
		}
		if now := r.get(t, w); now.ReplayAfter != now.ReplayUntil {
			t.Errorf("it still replays: %+v", now)
		}
	})
}

// One that is deleted is sent nothing, and nothing of it stays.
func TestDelete(t *testing.T) {
	url := sqliteURL(t)
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, url, "a")
		defer r.close(t)
		w, _ := r.webhook(t, hook, record.Standard)
		r.set(func(*http.Request, sent) (*http.Response, error) { return status(500), nil })
		defer r.run(t)()
		r.happen(t, 1, 2)
		synctest.Wait()
		r.update(t, func(tx record.Tx) error { return r.Delete(tx, w.ID, time.Now()) })
		r.Wake()
		synctest.Wait()
		if _, err := r.Get(t.Context(), w.ID); err == nil {
			t.Error("it is shown")
		}
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		r.update(t, func(tx record.Tx) error {
			all, err := tx.Webhooks()
			left, err2 := tx.Deliveries(w.ID, record.Place{}, 9)
			if len(all) != 0 || len(left) != 0 {
				t.Errorf("left: %v, %v", all, left)
			}
			return errors.Join(err, err2)
		})
		if n := len(r.all()); n != 2 {
			t.Errorf("%d requests, want those of before", n)
		}
	})
}
