package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/usage"
)

// movable is a database as an upgrade leaves it, with usage of so many customers where
// the version before keeps it, so many records of each, and the upgrade finished.
func movable(t *testing.T, url string, customers, records int) (*Store, []billing.CustomerID) {
	t.Helper()
	s, st := adoptable(t, url, customers)
	var ids []billing.CustomerID
	for _, text := range texts(t, url, `select customer_id from customers order by customer_id`) {
		id, err := billing.ParseID[billing.CustomerID](text)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
		var reports []usage.Report
		for n := range records {
			r := usage.Report{Feature: "seats", Value: 1_000_000}
			if n%3 > 0 {
				r.ID = fmt.Sprint("given ", n)
			}
			reports = append(reports, r)
		}
		report(t, &s, id, reports...)
	}
	if done, err := s.Finish(t.Context(), "test"); err != nil || !done {
		t.Fatal(done, err)
	}
	return st, ids
}

// report records usage, and answers how many records were new.
func report(t *testing.T, s *service.Service, id billing.CustomerID, reports ...usage.Report) (counted int) {
	t.Helper()
	err := s.Do(context.WithoutCancel(t.Context()), "test", func(u *service.Work) error {
		counted = 0
		out, err := u.RecordUsage(id, reports)
		for _, o := range out {
			if o.Err != nil {
				return o.Err
			}
			if !o.Duplicate {
				counted++
			}
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	return counted
}

// However often the moving is killed, and whatever is written beside it, each record is
// there once, each id is used once, and every reader sees all there is.
func TestMoveIsKilled(t *testing.T) {
	eachBackend(t, func(t *testing.T, url string) {
		const customers, records = 130, 7
		st, ids := movable(t, url, customers, records)
		s := &service.Service{Store: st}
		stop := make(chan struct{})
		var busy sync.WaitGroup
		var more [customers]atomic.Int64
		for w := range 2 {
			busy.Go(func() {
				for n := w; ; n += 2 {
					select {
					case <-stop:
						return
					default:
					}
					i := n % customers
					again, fresh := fmt.Sprint("given ", n%3+1), fmt.Sprint("new ", n)
					got := report(t, s, ids[i],
						usage.Report{ID: again, Feature: "seats", Value: 1_000_000},
						usage.Report{ID: fresh, Feature: "seats", Value: 1_000_000}, usage.Report{Feature: "seats", Value: 1_000_000})
					if got != 2 && n%3 < 2 { // "given 3" is not there
						t.Errorf("%d of 3 records counted, want 2: %q is there", got, again)
					}
					more[i].Add(int64(got))
					low := billing.Units(records) * 1_000_000
					err := st.View(context.WithoutCancel(t.Context()), func(r service.Reader) error {
						sum, err := r.SumUsage(ids[i], "seats", billing.Window{}, time.Time{})
						if err == nil && sum < low+billing.Units(more[i].Load())*1_000_000 {
							t.Errorf("a reader sees %v, and more was there", sum)
						}
						return err
					})
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		killed := 0
		for i := range 16 {
			at := service.Service{Store: &dying{st, 1 + i*3, i%2 == 0}}
			if _, err := at.MoveUsage(t.Context(), nil); errors.Is(err, errKilled) {
				killed++
			} else if err != nil {
				t.Fatal(err)
			}
		}
		if killed < 10 {
			t.Errorf("it was killed %d times", killed)
		}
		var movers sync.WaitGroup // two at a time
		for range 2 {
			movers.Go(func() {
				if _, err := s.MoveUsage(t.Context(), nil); err != nil {
					t.Error(err)
				}
			})
		}
		movers.Wait()
		close(stop)
		busy.Wait()
		if more, err := s.MovingUsage(t.Context()); err != nil || more {
			t.Error(more, err)
		}
		want := customers * records
		for i := range more {
			want += int(more[i].Load())
		}
		if n := texts(t, url, `select cast(count(*) as text) from records`)[0]; n != fmt.Sprint(want) {
			t.Errorf("%s records are there, want %d", n, want)
		}
		if left := texts(t, url, `select record_id from usage_records`); len(left) > 0 {
			t.Errorf("%d are not moved", len(left))
		}
		fresh := &service.Service{Store: open(t, url)}
		if found := drifts(t, fresh); len(found) > 0 {
			t.Errorf("verify finds %q", found)
		}
	})
}

// A copy of a database that is half moved is one, and moving goes on in it.
func TestCopyWhileMoving(t *testing.T) {
	from, to := "sqlite:"+t.TempDir()+"/allot.db", "sqlite:"+t.TempDir()+"/copy.db"
	const customers, records = 130, 3
	st, _ := movable(t, from, customers, records)
	at := service.Service{Store: &dying{st, 115, true}} // behind the first mark
	if _, err := at.MoveUsage(t.Context(), nil); !errors.Is(err, errKilled) {
		t.Fatal(err)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	if done, err := Copy(t.Context(), CopyOptions{From: from, To: to}); err != nil || !done.Whole {
		t.Fatal(done, err)
	}
	half := texts(t, to, `select cast(count(*) as text) from usage_records`)[0]
	if half == "0" || half == fmt.Sprint(customers*records) {
		t.Fatalf("%s records are not moved, want some", half)
	}
	for _, url := range []string{from, to} {
		s := &service.Service{Store: open(t, url)}
		if found := drifts(t, s); len(found) > 0 {
			t.Errorf("half moved: %q", found)
		}
		if n, err := s.MoveUsage(t.Context(), nil); err != nil || n == customers {
			t.Errorf("%d customers are moved then, %v", n, err)
		}
		if found := drifts(t, s); len(found) > 0 {
			t.Errorf("moved: %q", found)
		}
		if n := texts(t, url, `select cast(count(*) as text) from records`)[0]; n != fmt.Sprint(customers*records) {
			t.Errorf("%s records are there", n)
		}
	}
}
