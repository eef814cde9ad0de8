package storetest

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/feed"
	"github.com/allot-dev/allot/internal/service"
)

var concurrencyTests = []test{
	{"facts are one state", testFactsConsistent},
	{"updates of one customer lose nothing", testNoLostUpdate},
	{"updates of one customer wait for its lock", testLockSerialises},
	{"increments of a counter lose nothing", testNoLostUsage},
	{"racing records with equal ids make one", testRacingUsage},
	{"racing answers under one key make one", testRacingAnswer},
	{"racing creations with equal codes make one customer", testRacingCreate},
	{"racing changes of the catalog lose nothing", testRacingCatalog},
	{"the feed is whole and ordered while changes are made", testRacingFeed},
}

// race runs fn n times at once.
func race(t *testing.T, n int, fn func(i int) error) {
	t.Helper()
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			if err := fn(i); err != nil {
				t.Errorf("%d: %v", i, err)
			}
		})
	}
	wg.Wait()
}

func testNoLostUpdate(t *testing.T, st Store) {
	createCustomers(t, st, newCustomer(1))
	const workers, rounds = 8, 10
	race(t, workers, func(i int) error {
		for range rounds {
			err := st.Update(t.Context(), func(tx service.Tx) error {
				c, err := tx.LockCustomer(customerID(1))
				if err != nil {
					return err
				}
				c.LastAgreementMS++
				c.Metadata[fmt.Sprint("worker ", i)] += "x"
				if err := tx.UpdateCustomer(c); err != nil {
					return err
				}
				rev, err := tx.AppendChange(billing.Change{Scope: c.ID.Scope(), On: on(0)})
				if err == nil && rev != c.Rev+1 {
					err = fmt.Errorf("revision %d after %d", rev, c.Rev)
				}
				return err
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	c := read(t, st, getCustomer(customerID(1)))
	if c.Rev != workers*rounds || c.LastAgreementMS != newCustomer(1).LastAgreementMS+workers*rounds {
		t.Errorf("after %d updates: revision %d, counted %d", workers*rounds, c.Rev,
			c.LastAgreementMS-newCustomer(1).LastAgreementMS)
	}
	for i := range workers {
		if n := len(c.Metadata[fmt.Sprint("worker ", i)]); n != rounds {
			t.Errorf("worker %d: %d of %d updates", i, n, rounds)
		}
	}
	changes := read(t, st, getChanges(c.ID.Scope(), 0, 1000))
	for i, change := range changes {
		if change.Rev != int64(i)+1 {
			t.Fatalf("change %d has revision %d", i, change.Rev)
		}
	}
	if len(changes) != workers*rounds {
		t.Errorf("%d changes", len(changes))
	}
}

func testLockSerialises(t *testing.T, st Store) {
	createCustomers(t, st, newCustomer(1))
	var inside atomic.Int32
	race(t, 8, func(int) error {
		return st.Update(t.Context(), func(tx service.Tx) error {
			if _, err := tx.LockCustomer(customerID(1)); err != nil {
				return err
			}
			defer inside.Add(-1)
			if n := inside.Add(1); n != 1 {
				return fmt.Errorf("%d hold the lock", n)
			}
			for range 20 { // give the others their chance
				if _, err := tx.Customer(customerID(1)); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// CountOne counts one call of a customer, as every user of a counter does: what
// it reads under the lock, and one more, is put into the counters of all time
// and of a window.
func CountOne(tx service.Tx, customer billing.CustomerID, id string) error {
	w := hours(0, 1)
	counters, err := tx.LockCounters(customer, "calls", on(0), on(0))
	if err != nil {
		return err
	}
	if len(counters) == 1 {
		counters = append(counters, newCounter(customer, "calls", w, 0))
	}
	for _, c := range counters {
		c.Used++
		if err := tx.PutCounters(c); err != nil {
			return err
		}
	}
	return tx.CreateUsage(newUsage(customer, id, on(0)))
}

// CheckCounted checks that calls of a customer were counted n times by
// [CountOne].
func CheckCounted(t *testing.T, st service.Store, customer billing.CustomerID, n int) {
	t.Helper()
	sum := read(t, st, sumCalls(customer, allTime, time.Time{}))
	if sum != billing.Units(n) {
		t.Errorf("%d records, want %d", sum, n)
	}
	for _, w := range []billing.Window{allTime, hours(0, 1)} {
		if c := read(t, st, getCounter(customer, "calls", w)); c.Used != sum {
			t.Errorf("the counter of %v says %d, there are %d records", w, c.Used, sum)
		}
	}
}

func testNoLostUsage(t *testing.T, st Store) {
	createCustomers(t, st, newCustomer(1), newCustomer(2))
	const workers, rounds = 8, 20
	race(t, workers, func(i int) error {
		for round := range rounds {
			err := st.Update(t.Context(), func(tx service.Tx) error {
				return CountOne(tx, customerID(1+round%2), fmt.Sprint(i, " ", round))
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	CheckCounted(t, st, customerID(1), workers*rounds/2)
	CheckCounted(t, st, customerID(2), workers*rounds/2)
}

func testRacingUsage(t *testing.T, st Store) {
	createCustomers(t, st, newCustomer(1))
	var created atomic.Int32
	race(t, 8, func(i int) error {
		u := newUsage(customerID(1), "a", on(0))
		u.Feature = billing.Code(fmt.Sprint("feature ", i%4)) // the lock is not the same for all
		err := st.Update(t.Context(), func(tx service.Tx) error {
			if _, err := tx.LockCounters(u.CustomerID, u.Feature, on(0), on(0)); err != nil {
				return err
			}
			return tx.CreateUsage(u)
		})
		if err == nil {
			created.Add(1)
		} else if !errors.Is(err, billing.ErrExists) {
			return err
		}
		return nil
	})
	if n := created.Load(); n != 1 {
		t.Errorf("%d records were created with one id", n)
	}
}

func testRacingAnswer(t *testing.T, st Store) {
	createCustomers(t, st, newCustomer(1))
	race(t, 8, func(i int) error {
		err := st.Update(t.Context(), func(tx service.Tx) error {
			if err := CountOne(tx, customerID(1), fmt.Sprint(i)); err != nil {
				return err
			}
			return tx.CreateAnswers(newAnswer(customerID(1).Scope(), "key"))
		})
		if errors.Is(err, billing.ErrExists) {
			return nil // its work is undone
		}
		return err
	})
	CheckCounted(t, st, customerID(1), 1)
}

func testRacingCreate(t *testing.T, st Store) {
	const rounds, workers = 5, 8
	for round := range rounds {
		var created atomic.Int32
		race(t, workers, func(i int) error {
			c := newCustomer(round*workers + i)
			c.OrgCode, c.UserID = fmt.Sprint("org ", round), "user"
			err := st.Update(t.Context(), func(tx service.Tx) error { return tx.CreateCustomer(c) })
			if err == nil {
				created.Add(1)
			} else if !errors.Is(err, billing.ErrExists) {
				return err
			}
			return nil
		})
		if n := created.Load(); n != 1 {
			t.Errorf("%d customers were created with one pair of codes", n)
		}
	}
	view(t, st, func(r service.Reader) error {
		all, _, err := r.Customers(service.CustomerFilter{}, service.Page[billing.CustomerID]{Size: 100})
		if len(all) != rounds {
			t.Errorf("%d customers in the end, want %d", len(all), rounds)
		}
		return err
	})
}

func testRacingCatalog(t *testing.T, st Store) {
	const workers = 8
	race(t, workers, func(i int) error {
		return st.Update(t.Context(), func(tx service.Tx) error {
			current, err := tx.LockCatalog()
			if err != nil {
				return err
			}
			next := clone(*current)
			next.Features = map[billing.Code]*billing.Feature{}
			for code, f := range current.Features {
				next.Features[code] = f
			}
			code := billing.Code(fmt.Sprint("f", len(next.Features)))
			next.Features[code] = &billing.Feature{Code: code}
			if err := tx.PutCatalog(next); err != nil {
				return err
			}
			_, err = tx.AppendChange(billing.Change{Scope: billing.ScopeCatalog, On: on(i)})
			return err
		})
	})
	c := read(t, st, service.Reader.Catalog)
	if c.Rev != workers || len(c.Features) != workers {
		t.Errorf("revision %d with %d features, want %d of each", c.Rev, len(c.Features), workers)
	}
}

func testRacingFeed(t *testing.T, st Store) {
	const customers, rounds = 4, 10
	for n := range customers {
		createCustomers(t, st, newCustomer(n))
	}
	const total = customers * rounds
	race(t, customers+2, func(i int) error {
		if i >= customers { // two sequencers, as when a lease fails
			for {
				err := st.ForFeed().Update(t.Context(), func(tx feed.Tx) error {
					_, err := tx.Sequence(3, on(0))
					return err
				})
				if err != nil {
					return err
				}
				var done bool
				err = st.ForFeed().View(t.Context(), func(r feed.Reader) error {
					entries, err := r.Feed(0, total+1)
					done = len(entries) >= total
					return errors.Join(err, checkFeed(entries))
				})
				if err != nil || done {
					return err
				}
			}
		}
		for round := range rounds {
			err := st.Update(t.Context(), func(tx service.Tx) error {
				return lockAndAppend(tx, billing.Change{Scope: customerID(i).Scope(), On: on(round)})
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if entries := read(t, st.ForFeed(), getFeed(0, total+1)); len(entries) != total {
		t.Errorf("the feed has %d entries, want %d", len(entries), total)
	}
}

// checkFeed checks the laws of a feed from its start.
func checkFeed(entries []feed.Entry) error {
	revs := map[billing.Scope]int64{}
	for i, e := range entries {
		if e.Seq != int64(i)+1 {
			return fmt.Errorf("entry %d has sequence %d", i, e.Seq)
		}
		if e.Rev != revs[e.Scope]+1 {
			return fmt.Errorf("%s has revision %d after %d", e.Scope, e.Rev, revs[e.Scope])
		}
		revs[e.Scope] = e.Rev
	}
	return nil
}

// A customer has as many overrides as its revision says, and that is what
// everyone sees: in a view, outside of one, and in an update that holds no lock.
func testFactsConsistent(t *testing.T, st Store) {
	c := newCustomer(1)
	createCustomers(t, st, c)
	check := func(how string, facts billing.Facts, err error) {
		t.Helper()
		if err != nil || int64(len(facts.Overrides)) != facts.Customer.Rev {
			t.Errorf("%s: %d overrides at revision %d, %v", how, len(facts.Overrides), facts.Customer.Rev, err)
		}
	}
	const changes = 30
	written := make(chan error, 1)
	go func() {
		for n := range changes {
			err := st.Update(t.Context(), func(tx service.Tx) error {
				_, err := tx.LockCustomer(c.ID)
				if err == nil {
					err = tx.CreateOverride(newOverride(c.ID, n+1))
				}
				if err == nil {
					_, err = tx.AppendChange(billing.Change{Scope: c.ID.Scope(), On: on(n)})
				}
				return err
			})
			if err != nil {
				written <- err
				return
			}
		}
		written <- nil
	}()
	for done := false; !done; {
		select {
		case err := <-written:
			if err != nil {
				t.Error(err)
			}
			done = true
		default:
		}
		text, err := st.Packed(t.Context(), c.ID, on(0))
		check("outside of a view", text.Snapshot(c.ID, nil).Facts, err)
		view(t, st, func(r service.Reader) error {
			facts, err := r.Facts(c.ID, on(0))
			check("in a view", facts, err)
			return nil
		})
		update(t, st, func(tx service.Tx) error {
			facts, err := tx.Facts(c.ID, on(0))
			check("in an update", facts, err)
			return nil
		})
	}
	text, err := st.Packed(t.Context(), c.ID, on(0))
	check("at the end", text.Snapshot(c.ID, nil).Facts, err)
	if text.Rev() != changes {
		t.Errorf("revision %d", text.Rev())
	}
	if _, err := st.Packed(t.Context(), customerID(9), on(0)); !errors.Is(err, billing.ErrNotFound) {
		t.Errorf("nobody's facts: %v", err)
	}
}
