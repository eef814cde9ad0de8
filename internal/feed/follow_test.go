package feed_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/allot-dev/allot/internal/feed"
)

// worker is a follower that remembers what it was handed, and may fail.
type worker struct {
	mu   sync.Mutex
	seqs []int64
	fail func() error // nil: it does not
}

func (w *worker) Name() string { return "worker" }

func (w *worker) Follow(_ context.Context, entries []feed.Entry) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range entries {
		w.seqs = append(w.seqs, e.Seq)
	}
	if w.fail != nil {
		return w.fail()
	}
	return nil
}

func (w *worker) had() []int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.seqs)
}

// run runs something until the returned function is called.
func run(t *testing.T, fn func(context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { fn(ctx) })
	return func() { cancel(); running.Wait() }
}

func sqliteURL(t *testing.T) string { return "sqlite:" + filepath.Join(t.TempDir(), "allot.db") }

// change commits a change and gives it its place.
func (m *member) change(t testing.TB) {
	t.Helper()
	appendChange(t, m.store)
	err := m.store.ForFeed().Update(t.Context(), func(tx feed.Tx) error { _, err := tx.Sequence(1000, time.Now()); return err })
	if err != nil {
		t.Fatal(err)
	}
}

func (m *member) close(t testing.TB) {
	t.Helper()
	if err := m.store.Close(); err != nil {
		t.Error(err)
	}
}

// A follower is handed everything once while nothing fails: what was there before
// it, what comes, and after a restart what is new.
func TestFollow(t *testing.T) {
	url := sqliteURL(t)
	synctest.Test(t, func(t *testing.T) {
		m := join(t, url, "one")
		defer m.close(t)
		m.change(t)
		w := &worker{}
		stop := run(t, func(ctx context.Context) { m.Follow(ctx, w, time.Millisecond) })
		synctest.Wait()
		m.change(t)
		time.Sleep(feed.FollowTick)
		synctest.Wait()
		stop()
		m.change(t)
		stop = run(t, func(ctx context.Context) { m.Follow(ctx, w, time.Millisecond) })
		synctest.Wait()
		stop()
		if got := w.had(); fmt.Sprint(got) != "[1 2 3]" {
			t.Errorf("it had %v", got)
		}
	})
}

// One that fails or panics is handed the same again, and is not passed by.
func TestFollowerThatFails(t *testing.T) {
	for name, fail := range map[string]func() error{
		"error": func() error { return errors.New("no") },
		"panic": func() error { panic("no") },
	} {
		t.Run(name, func(t *testing.T) {
			url := sqliteURL(t)
			synctest.Test(t, func(t *testing.T) {
				m := join(t, url, "one")
				defer m.close(t)
				m.change(t)
				w := &worker{fail: fail}
				stop := run(t, func(ctx context.Context) { m.Follow(ctx, w, time.Millisecond) })
				defer stop()
				synctest.Wait()
				time.Sleep(feed.FollowTick)
				synctest.Wait()
				w.mu.Lock()
				w.fail = nil
				w.mu.Unlock()
				time.Sleep(feed.FollowTick)
				synctest.Wait()
				m.change(t)
				time.Sleep(feed.FollowTick)
				synctest.Wait()
				if got := w.had(); fmt.Sprint(got) != "[1 1 1 2]" {
					t.Errorf("it had %v", got)
				}
				if log := m.log.String(); strings.Count(log, "stands still") != 1 || strings.Count(log, "goes on") != 1 {
					t.Errorf("the log says:\n%s", log)
				}
			})
		})
	}
}

// Of two nodes one does it, and the other goes on when that one stops, or dies.
func TestFollowersTakeOver(t *testing.T) {
	for _, dies := range []bool{false, true} {
		t.Run(fmt.Sprint("dies ", dies), func(t *testing.T) {
			url := sqliteURL(t)
			synctest.Test(t, func(t *testing.T) {
				one, two := join(t, url, "one"), join(t, url, "two")
				defer one.close(t)
				defer two.close(t)
				first, second := &worker{}, &worker{}
				one.change(t)
				stop := run(t, func(ctx context.Context) { one.Follow(ctx, first, time.Millisecond) })
				synctest.Wait()
				defer run(t, func(ctx context.Context) { two.Follow(ctx, second, time.Millisecond) })()
				one.change(t)
				time.Sleep(feed.FollowTick + feed.FollowTick/2)
				synctest.Wait()
				stop()
				if dies { // it has not given up its lease
					err := one.store.ForFeed().Update(t.Context(), func(tx feed.Tx) error {
						_, err := tx.Lease("follower worker", "one", time.Now(), time.Now().Add(feed.FollowLease))
						return err
					})
					if err != nil {
						t.Fatal(err)
					}
				}
				one.change(t)
				time.Sleep(2 * feed.FollowTick)
				synctest.Wait()
				if n := len(second.had()); (n > 0) == dies {
					t.Errorf("the second was handed %d right after", n)
				}
				time.Sleep(feed.FollowLease)
				synctest.Wait()
				if got := append(first.had(), second.had()...); fmt.Sprint(got) != "[1 2 3]" {
					t.Errorf("both had %v", got)
				}
			})
		})
	}
}

// A follower that is far behind gets everything, in batches.
func TestFollowerThatIsBehind(t *testing.T) {
	m := join(t, sqliteURL(t), "one")
	defer m.close(t)
	const n = feed.FollowBatch + 1
	appendChanges(t, m.store, n)
	for range 2 {
		err := m.store.ForFeed().Update(t.Context(), func(tx feed.Tx) error { _, err := tx.Sequence(n, time.Now()); return err })
		if err != nil {
			t.Fatal(err)
		}
	}
	done := make(chan struct{})
	w := &worker{}
	w.fail = func() error {
		if len(w.seqs) == n {
			close(done)
		}
		return nil
	}
	defer run(t, func(ctx context.Context) { m.Follow(ctx, w, time.Millisecond) })()
	<-done
	for i, seq := range w.had() {
		if seq != int64(i+1) {
			t.Fatalf("entry %d is %d", i, seq)
		}
	}
}

func TestAlone(t *testing.T) {
	url := sqliteURL(t)
	synctest.Test(t, func(t *testing.T) {
		one, two := join(t, url, "one"), join(t, url, "two")
		defer one.close(t)
		defer two.close(t)
		ran := 0
		try := func(m *member, want bool) {
			t.Helper()
			did, err := m.Alone(t.Context(), "tidy", func(context.Context) error { ran++; return nil })
			if did != want || err != nil {
				t.Errorf("it did: %v, %v; want %v", did, err, want)
			}
		}
		did, err := one.Alone(t.Context(), "tidy", func(context.Context) error {
			try(two, false)
			time.Sleep(10 * feed.FollowLease) // the lease is renewed
			try(two, false)
			return nil
		})
		if !did || err != nil || ran != 0 {
			t.Errorf("it did: %v, %v; and others %d times", did, err, ran)
		}
		try(two, true) // it was given up
		did, err = two.Alone(t.Context(), "tidy", func(context.Context) error { panic("no") })
		if !did || err == nil {
			t.Errorf("a panic: %v, %v", did, err)
		}
		try(one, true)
	})
}
