package service_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/event"
	"github.com/allot-dev/allot/internal/pgtest"
	"github.com/allot-dev/allot/internal/service"
)

// dying is a store that fails at some call, and after that no more.
type dying struct {
	service.Store
	left atomic.Int64
}

var errDied = errors.New("died")

func (d *dying) dies() error {
	if d.left.Add(-1) == 0 {
		return errDied
	}
	return nil
}

func (d *dying) View(ctx context.Context, fn func(service.Reader) error) error {
	return errors.Join(d.dies(), d.Store.View(ctx, fn))
}

// Update may die at each write, and when all is committed.
func (d *dying) Update(ctx context.Context, fn func(service.Tx) error) error {
	err := d.Store.Update(ctx, func(tx service.Tx) error {
		tx.EventTx = dyingTx{tx.EventTx, d}
		return fn(tx)
	})
	return errors.Join(err, d.dies())
}

type dyingTx struct {
	service.EventTx
	d *dying
}

func (tx dyingTx) AppendEvent(e event.Event) (bool, error) {
	did, err := tx.EventTx.AppendEvent(e)
	return did, errors.Join(err, tx.d.dies())
}

func (tx dyingTx) CreateDue(due event.Due) (bool, error) {
	did, err := tx.EventTx.CreateDue(due)
	return did, errors.Join(err, tx.d.dies())
}

func (tx dyingTx) MoveDue(from, to event.Due) (bool, error) {
	did, err := tx.EventTx.MoveDue(from, to)
	return did, errors.Join(err, tx.d.dies())
}

// Whatever step the one that tells dies at, the next tells all, and nothing twice.
func TestTellersThatDie(t *testing.T) {
	w := newWorld(t)
	w.apply(catalog())
	l := w.begin(&service.Teller{Store: w.Store})
	died := 0
	for at := int64(1); ; at++ {
		d := &dying{Store: w.Store}
		d.left.Store(at)
		step := func(fn func(*service.Teller) error) {
			t.Helper()
			err := fn(&service.Teller{Store: d})
			if errors.Is(err, errDied) {
				died++
				err = fn(&service.Teller{Store: w.Store})
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		hear := func(id billing.CustomerID) func(*service.Teller) error {
			return func(teller *service.Teller) error { l.teller = teller; return l.hear(id) }
		}
		made := w.now
		id := w.customer("trial")
		w.now = w.now.Add(time.Hour)
		step(hear(id))
		w.subscribe(id, billing.NewAgreement{Plan: "max", StartsOn: made.AddDate(0, 0, 20)})
		w.now = w.now.Add(time.Hour)
		step(hear(id))
		w.now = made.AddDate(0, 1, 0)
		step(w.due)
		step(w.due)
		twin := &service.Teller{Store: w.Store}
		want, err := twin.Between(t.Context(), id, made.Add(-time.Microsecond), w.now)
		if err != nil || len(want) != 6 {
			t.Fatal(err, want)
		}
		if diff := cmp.Diff(inOrder(want), w.told(id)); diff != "" {
			t.Errorf("dead at step %d: %s", at, diff)
		}
		if d.left.Load() > 0 {
			break
		}
	}
	if died < 15 {
		t.Errorf("it died %d times only", died)
	}
}

// Of nodes that tell at once each customer has its events once.
func TestTellersAtOnce(t *testing.T) {
	for name, url := range map[string]func(*testing.T) string{
		"sqlite":   sqliteURL,
		"postgres": func(t *testing.T) string { return pgtest.URL(t) },
	} {
		t.Run(name, func(t *testing.T) { tellersAtOnce(t, url(t)) })
	}
}

func tellersAtOnce(t *testing.T, url string) {
	w, _ := openWorld(t, url)
	w.apply(catalog())
	l := w.begin(&service.Teller{Store: w.Store})
	made := w.now
	var ids []billing.CustomerID
	for range 40 {
		ids = append(ids, w.customer("trial"))
	}
	w.now = w.now.AddDate(0, 0, 12)
	for _, id := range ids[:20] {
		l.tell(id)
	}
	w.now = w.now.AddDate(0, 1, 0)
	var telling sync.WaitGroup
	for range 3 {
		telling.Go(func() {
			other := &listener{w, &service.Teller{Store: w.Store}, map[billing.CustomerID]int64{}}
			for _, id := range ids {
				if err := errors.Join(other.hear(id), w.due(other.teller)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	telling.Wait()
	for _, id := range ids {
		want, err := l.teller.Between(t.Context(), id, made.Add(-time.Microsecond), w.now)
		if err != nil || len(want) != 3 {
			t.Fatal(err, want)
		}
		if diff := cmp.Diff(inOrder(want), w.told(id)); diff != "" {
			t.Error(diff)
		}
	}
}
