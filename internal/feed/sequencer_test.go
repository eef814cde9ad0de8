package feed_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/feed"
	"github.com/allot-dev/allot/internal/oauth/record"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/store"
)

// member is one of the nodes that share a store.
type member struct {
	*feed.Feed
	store *store.Store
	log   *bytes.Buffer
}

func join(t testing.TB, url, holder string, configure ...func(*feed.Options)) *member {
	t.Helper()
	st, err := store.Open(t.Context(), store.Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	log := new(bytes.Buffer)
	o := feed.Options{
		Store: st.ForFeed(), Committed: st.Committed(), Nodes: st.Nodes(),
		Holder: holder, Log: slog.New(slog.NewTextHandler(log, nil)),
	}
	for _, f := range configure {
		f(&o)
	}
	return &member{feed.New(o), st, log}
}

// node is a member with its sequencer.
func node(ctx context.Context, t testing.TB, url, holder string) (_ *member, stop func()) {
	t.Helper()
	m := join(t, url, holder)
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		m.Sequence(ctx)
	}()
	return m, func() {
		cancel()
		<-done
		if err := m.store.Close(); err != nil {
			t.Error(err)
		}
		if m.log.Len() > 0 {
			t.Errorf("%s logged: %s", holder, m.log)
		}
	}
}

func appendChange(t testing.TB, st *store.Store) {
	t.Helper()
	appendChanges(t, st, 1)
}

func appendChanges(t testing.TB, st *store.Store, n int) {
	t.Helper()
	err := st.Update(t.Context(), func(tx service.Tx) error {
		for range n {
			if _, err := tx.AppendChange(billing.Change{Scope: record.ScopeKeys, On: time.Now()}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func feedLength(t testing.TB, st *store.Store) (n int) {
	t.Helper()
	err := st.ForFeed().View(t.Context(), func(r feed.Reader) error {
		entries, err := r.Feed(0, 1_000_000)
		n = len(entries)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestSequencer(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		url := "sqlite:" + filepath.Join(dir, "allot.db")
		st, stop := node(t.Context(), t, url, "one")

		appendChange(t, st.store)
		synctest.Wait()
		if n := feedLength(t, st.store); n != 1 {
			t.Errorf("after a change of its own: %d", n)
		}

		other, err := store.Open(t.Context(), store.Options{URL: url})
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		appendChange(t, other)
		time.Sleep(feed.SequencerTick)
		synctest.Wait()
		if n := feedLength(t, st.store); n != 2 {
			t.Errorf("a tick after a change of another process: %d", n)
		}
		stop()
	})
}

func TestSequencerTakesOver(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		url := "sqlite:" + filepath.Join(dir, "allot.db")
		one, stopOne := node(t.Context(), t, url, "one")
		appendChange(t, one.store)
		synctest.Wait() // one holds the lease
		stopOne()
		two, stopTwo := node(t.Context(), t, url, "two")
		appendChange(t, two.store)
		synctest.Wait()
		if n := feedLength(t, two.store); n != 1 {
			t.Errorf("while the lease is held: %d", n)
		}
		time.Sleep(feed.SequencerLease + feed.SequencerTick)
		synctest.Wait()
		if n := feedLength(t, two.store); n != 2 {
			t.Errorf("after the lease has ended: %d", n)
		}
		stopTwo()
	})
}

func TestSequencerIdles(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(dir, "allot.db")
		st, stop := node(t.Context(), t, "sqlite:"+path, "one")
		appendChange(t, st.store)
		synctest.Wait()
		before, err := os.ReadFile(path + "-wal")
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour / 60)
		synctest.Wait()
		after, err := os.ReadFile(path + "-wal")
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(before, after) {
			t.Error("it writes when nothing happens")
		}
		stop()
	})
}

// Who is told of a change finds it in the store: a cache that read it before would
// keep what was.
func TestToldAfterCommit(t *testing.T) {
	st, err := store.Open(t.Context(), store.Options{URL: "sqlite:" + filepath.Join(t.TempDir(), "allot.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	told := 0
	st.OnCommit(func(changed []feed.Entry) {
		told++
		err := st.View(t.Context(), func(r service.Reader) error {
			rev, err := r.Revision(changed[0].Scope)
			if rev != changed[0].Rev {
				t.Errorf("told of revision %d of %s, and found %d", changed[0].Rev, changed[0].Scope, rev)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
	appendChange(t, st)
	appendChange(t, st)
	if told != 2 {
		t.Errorf("told %d times of 2 changes", told)
	}
}
