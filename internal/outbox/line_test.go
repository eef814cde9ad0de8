package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/allot-dev/allot/internal/event"
	"github.com/allot-dev/allot/internal/outbox"
	"github.com/allot-dev/allot/internal/outbox/record"
)

// counted is a store that counts its transactions.
type counted struct {
	record.Store
	views, updates atomic.Int64
}

func (c *counted) View(ctx context.Context, fn func(record.Reader) error) error {
	c.views.Add(1)
	return c.Store.View(ctx, fn)
}

func (c *counted) Update(ctx context.Context, fn func(record.Tx) error) error {
	c.updates.Add(1)
	return c.Store.Update(ctx, fn)
}

// Transactions are few for each delivery, whether it is one customer's or that of many, and
// none of them makes it wait.
func TestTripsToTheStore(t *testing.T) {
	for name, test := range map[string]struct {
		customers, each int
		most            int64 // transactions that write, and that read
	}{
		"many customers": {1000, 1, 30},
		"some customers": {40, 25, 30},
		"one customer":   {1, 1000, 80},
	} {
		t.Run(name, func(t *testing.T) {
			url := sqliteURL(t)
			synctest.Test(t, func(t *testing.T) {
				var c *counted
				r := newRig(t, url, "a", func(o *outbox.Options) { c = &counted{Store: o.Store}; o.Store = c })
				defer r.close(t)
				r.webhook(t, hook, record.Standard)
				r.set(func(*http.Request, sent) (*http.Response, error) {
					time.Sleep(time.Millisecond)
					return status(200), nil
				})
				var customers []int
				for range test.each {
					for i := range test.customers {
						customers = append(customers, i)
					}
				}
				r.happen(t, customers...)
				c.views.Store(0)
				c.updates.Store(0)
				began := time.Now()
				stop := r.run(t)
				time.Sleep(5 * time.Second)
				stop()
				all := r.all()
				if len(all) != len(customers) {
					t.Fatalf("%d requests", len(all))
				}
				if c.views.Load() > test.most || c.updates.Load() > test.most {
					t.Errorf("%d transactions that read and %d that write for %d deliveries", c.views.Load(), c.updates.Load(), len(all))
				}
				// Of one customer one at a time, else as many as may be.
				atOnce := min(outbox.PerWebhook, test.customers)
				if took, want := all[len(all)-1].at.Sub(began), time.Duration(len(all)/atOnce)*time.Millisecond; took > want*3/2 {
					t.Errorf("it took %s, want about %s", took, want)
				}
			})
		})
	}
}

// Of what was claimed together nothing goes behind one that failed.
func TestOneInTheMiddleFails(t *testing.T) {
	url := sqliteURL(t)
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, url, "a")
		defer r.close(t)
		w, _ := r.webhook(t, hook, record.Standard)
		r.set(func(_ *http.Request, s sent) (*http.Response, error) {
			if s.event == 3 {
				return status(500), nil
			}
			return status(200), nil
		})
		defer r.run(t)()
		r.happen(t, 1, 1, 1, 1, 1)
		synctest.Wait()
		if got := order(r.all(), hook); got != "1 2 3" {
			t.Errorf("at first: %s", got)
		}
		var attempts []int
		for _, d := range r.deliveriesOf(t, w) {
			attempts = append(attempts, d.Attempts)
		}
		if got := fmt.Sprint(attempts); got != "[1 1 1 0 0]" {
			t.Errorf("attempts %s", got)
		}
		r.set(nil)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if got := order(r.all()[3:], hook); got != "3 4 5" {
			t.Errorf("then: %s", got)
		}
	})
}

// A customer of whom much is to be told does not keep those of others waiting.
func TestOneOfWhomThereIsMuch(t *testing.T) {
	url := sqliteURL(t)
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, url, "a")
		defer r.close(t)
		r.webhook(t, hook, record.Standard)
		r.set(func(*http.Request, sent) (*http.Response, error) {
			time.Sleep(10 * time.Millisecond)
			return status(200), nil
		})
		const busy, others = outbox.PerWebhook, 10
		var customers []int
		for range 100 {
			for c := range busy {
				customers = append(customers, c)
			}
		}
		for c := range others {
			customers = append(customers, busy+c)
		}
		r.happen(t, customers...)
		began := time.Now()
		defer r.run(t)()
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := len(r.all()); n != len(customers) {
			t.Fatalf("%d requests", n)
		}
		for _, s := range r.all() {
			if waited := s.at.Sub(began); s.event > 100*busy && waited > 2*outbox.Stay {
				t.Errorf("event %d came after %s", s.event, waited)
			}
		}
	})
}

// Who stops sending stores what came of the requests that were under way, and begins no
// other.
func TestParting(t *testing.T) {
	url := sqliteURL(t)
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, url, "a")
		defer r.close(t)
		w, _ := r.webhook(t, hook, record.Standard)
		r.set(func(req *http.Request, s sent) (*http.Response, error) {
			select {
			case <-time.After(time.Duration(s.event) * time.Second):
				return status(200), nil
			case <-req.Context().Done():
				return nil, req.Context().Err()
			}
		})
		stop := r.run(t)
		r.happen(t, 1, 2, 3, 1)
		synctest.Wait()
		stop()
		if got := len(r.all()); got != 3 {
			t.Errorf("%d requests", got)
		}
		for i, want := range []record.Status{record.Delivered, record.Pending, record.Pending, record.Pending} {
			d := r.deliveriesOf(t, w)[i]
			if i == 1 {
				continue // it lands when the patience ends
			}
			if d.Status != want || d.Status == record.Pending && d.Attempts != 0 {
				t.Errorf("delivery %d: %+v", i, d)
			}
		}
	})
}

// A webhook that is changed, disabled or deleted is so for what was claimed, too: within the
// time for which what another node did may go unseen.
func TestChangedMeanwhile(t *testing.T) {
	for name, change := range map[string]func(r *rig, tx record.Tx, w record.Webhook) error{
		"deleted": func(r *rig, tx record.Tx, w record.Webhook) error { return r.Delete(tx, w.ID, time.Now()) },
		"moved": func(r *rig, tx record.Tx, w record.Webhook) error {
			to := hook + "/moved"
			_, _, err := r.Update(tx, w.ID, outbox.Patch{URL: &to}, time.Now().UTC().Truncate(time.Microsecond))
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			url := sqliteURL(t)
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, url, "a")
				defer r.close(t)
				r.SetPoll(time.Second)
				w, _ := r.webhook(t, hook, record.Standard)
				r.set(func(*http.Request, sent) (*http.Response, error) {
					time.Sleep(50 * time.Millisecond)
					return status(200), nil
				})
				var customers []int
				for i := range 4000 {
					customers = append(customers, i%100)
				}
				r.happen(t, customers...)
				defer r.run(t)()
				time.Sleep(2 * time.Second)
				r.update(t, func(tx record.Tx) error { return change(r, tx, w) })
				changed := time.Now()
				time.Sleep(5 * time.Second)
				late, to := time.Duration(0), 0
				for _, s := range r.all() {
					if s.url == hook {
						late = max(late, s.at.Sub(changed))
					} else {
						to++
					}
				}
				if late > time.Second || name == "moved" && to == 0 {
					t.Errorf("the last request to where it was came %s after it, %d to where it is", late, to)
				}
			})
		})
	}
}

// A success ends what a webhook has failed since, also one that was begun before the failure.
func TestSuccessAfterFailure(t *testing.T) {
	url := sqliteURL(t)
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, url, "a")
		defer r.close(t)
		w, _ := r.webhook(t, hook, record.Standard)
		r.set(func(_ *http.Request, s sent) (*http.Response, error) {
			if s.event == 1 {
				return status(500), nil
			}
			time.Sleep(time.Second)
			return status(200), nil
		})
		defer r.run(t)()
		r.happen(t, 1, 2)
		time.Sleep(outbox.Linger)
		synctest.Wait()
		if r.get(t, w).FailingSince.IsZero() {
			t.Error("it does not fail")
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if since := r.get(t, w).FailingSince; !since.IsZero() {
			t.Errorf("it fails since %s", since)
		}
	})
}

// Two webhooks are told of one event in the same words, which are written once.
func TestWrittenOnce(t *testing.T) {
	url := sqliteURL(t)
	synctest.Test(t, func(t *testing.T) {
		var written atomic.Int64
		r := newRig(t, url, "a", func(o *outbox.Options) {
			body := o.Body
			o.Body = func(h event.Happening) ([]byte, bool) { written.Add(1); return body(h) }
		})
		defer r.close(t)
		for i := range 5 {
			r.webhook(t, fmt.Sprint(hook, "/", i), record.Standard)
		}
		defer r.run(t)()
		r.happen(t, 1, 2, 3)
		synctest.Wait()
		if n := len(r.all()); n != 15 || written.Load() != 3 {
			t.Errorf("%d requests, of which %d were written", n, written.Load())
		}
	})
}

// down is a store that can be unreachable.
type down struct {
	record.Store
	is atomic.Bool
}

var errDown = errors.New("unreachable")

func (d *down) Update(ctx context.Context, fn func(record.Tx) error) error {
	if d.is.Load() {
		return errDown
	}
	return d.Store.Update(ctx, fn)
}

// Of a webhook that another node has deleted and removed, while what came of an attempt could
// not be stored, nothing comes back.
func TestNothingComesBackOfADeletedWebhook(t *testing.T) {
	for name, answer := range map[string]int{"delivered": 200, "failed": 500, "gone": 410} {
		t.Run(name, func(t *testing.T) {
			url := sqliteURL(t)
			synctest.Test(t, func(t *testing.T) {
				var d *down
				r := newRig(t, url, "a", func(o *outbox.Options) { d = &down{Store: o.Store}; o.Store = d })
				defer r.close(t)
				r.SetPoll(time.Second)
				w, _ := r.webhook(t, hook, record.Standard)
				other, _ := r.webhook(t, hook+"/other", record.Standard)
				r.set(func(*http.Request, sent) (*http.Response, error) {
					d.is.Store(true)
					return status(answer), nil
				})
				r.happen(t, 1, 1, 2)
				defer r.run(t)()
				time.Sleep(2 * time.Second)
				r.update(t, func(tx record.Tx) error { return r.Delete(tx, w.ID, time.Now()) })
				time.Sleep(2 * time.Minute)
				r.update(t, func(tx record.Tx) error {
					_, err := tx.RemoveDeliveries(w.ID, 100)
					return errors.Join(err, tx.DeleteWebhook(w.ID))
				})
				r.set(nil)
				d.is.Store(false)
				time.Sleep(10 * time.Second)
				synctest.Wait()
				err := r.store.ForWebhooks().View(t.Context(), func(tx record.Reader) error {
					deliveries, err := tx.Deliveries(w.ID, record.Place{}, 9)
					queues, err2 := tx.Queues(w.ID, 9)
					if len(deliveries) > 0 || len(queues) > 0 {
						t.Errorf("there are %+v and %+v", deliveries, queues)
					}
					return errors.Join(err, err2)
				})
				if err != nil {
					t.Error(err)
				}
				if len(r.deliveriesOf(t, other)) != 3 || answer == 200 && r.deliveriesOf(t, other)[0].Status != record.Delivered {
					t.Errorf("of the other one: %+v", r.deliveriesOf(t, other))
				}
			})
		})
	}
}

// What a receiver answers says nothing of a webhook that was moved away from it meanwhile.
func TestMovedBeforeTheAnswer(t *testing.T) {
	url := sqliteURL(t)
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, url, "a")
		defer r.close(t)
		w, _ := r.webhook(t, hook, record.Standard)
		r.set(func(_ *http.Request, s sent) (*http.Response, error) {
			if s.url != hook {
				return status(200), nil
			}
			time.Sleep(time.Second)
			return status(410), nil
		})
		defer r.run(t)()
		r.happen(t, 1, 1)
		time.Sleep(time.Second / 2)
		r.update(t, func(tx record.Tx) error {
			to := hook + "/moved"
			_, _, err := r.Update(tx, w.ID, outbox.Patch{URL: &to}, time.Now().UTC().Truncate(time.Microsecond))
			return err
		})
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := r.get(t, w); got.State != record.Enabled || !got.FailingSince.IsZero() {
			t.Errorf("it is %s and fails since %s: %s", got.State, got.FailingSince, got.Reason)
		}
		if got := order(r.all(), hook+"/moved"); got != "1 2" {
			t.Errorf("to where it is: %q", got)
		}
	})
}
