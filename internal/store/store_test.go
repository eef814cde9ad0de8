package store

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/allot-dev/allot/internal/billing"
)

func TestOpenURL(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for _, url := range []string{
		"sqlite:one.db", "sqlite:sub/one.db", "sqlite:" + dir + "/two.db", "sqlite://" + dir + "/three.db",
	} {
		st, err := Open(t.Context(), Options{URL: url})
		if err != nil {
			t.Fatalf("%s: %v", url, err)
		}
		st.Close()
	}
	for _, name := range []string{"one.db", "sub/one.db", "two.db", "three.db"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	for url, want := range map[string]string{
		"postgres://u:secret@h:port/db": "HOST:PORT",
		"sqlite:":                       "names no file",
		"sqlite://":                     "names no file",
		"mysql://u:secret@h/db":         "sqlite:FILE or postgres://",
		"secret.db":                     "sqlite:FILE",
		"":                              "sqlite:FILE",
	} {
		_, err := Open(t.Context(), Options{URL: url})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v, want an error with %q and no secret", url, err, want)
		}
	}
}

// Who is told of a change finds it in the store: a cache that read it before would
// keep what was.
func TestToldAfterCommit(t *testing.T) {
	st, err := Open(t.Context(), Options{URL: "sqlite:" + filepath.Join(t.TempDir(), "allot.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	told := 0
	st.OnCommit(func(changed []billing.FeedEntry) {
		told++
		err := st.View(t.Context(), func(r billing.Reader) error {
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

func TestReplicaOfSQLite(t *testing.T) {
	opts := Options{URL: "sqlite:" + filepath.Join(t.TempDir(), "allot.db"), ReplicaURL: "postgres://h/db"}
	if st, err := Open(t.Context(), opts); err == nil {
		st.Close()
		t.Error("SQLite is opened with a replica")
	}
}

func TestOpenModes(t *testing.T) {
	url := "sqlite:" + filepath.Join(t.TempDir(), "allot.db")
	tool, err := Open(t.Context(), Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	defer tool.Close()
	server, err := Open(t.Context(), Options{URL: url, Mode: Serve})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	if second, err := Open(t.Context(), Options{URL: url, Mode: Serve}); err == nil {
		second.Close()
		t.Error("two servers have one database")
	}
}

// node is a store with its sequencer.
func node(ctx context.Context, t testing.TB, url, holder string) (_ *Store, stop func()) {
	t.Helper()
	st, err := Open(t.Context(), Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	log := new(bytes.Buffer)
	go func() {
		defer close(done)
		st.RunSequencer(ctx, time.Now, holder, slog.New(slog.NewTextHandler(log, nil)))
	}()
	return st, func() {
		cancel()
		<-done
		if err := st.Close(); err != nil {
			t.Error(err)
		}
		if log.Len() > 0 {
			t.Errorf("%s logged: %s", holder, log)
		}
	}
}

func appendChange(t testing.TB, st *Store) {
	t.Helper()
	err := st.Update(t.Context(), func(tx billing.Tx) error {
		_, err := tx.AppendChange(billing.Change{Scope: billing.ScopeKeys, On: time.Now()})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func feedLength(t testing.TB, st *Store) (n int) {
	t.Helper()
	err := st.View(t.Context(), func(r billing.Reader) error {
		feed, err := r.Feed(0, 1_000_000)
		n = len(feed)
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

		appendChange(t, st)
		synctest.Wait()
		if n := feedLength(t, st); n != 1 {
			t.Errorf("after a change of its own: %d", n)
		}

		other, err := Open(t.Context(), Options{URL: url})
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		appendChange(t, other)
		time.Sleep(sequencerTick)
		synctest.Wait()
		if n := feedLength(t, st); n != 2 {
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
		appendChange(t, one)
		synctest.Wait() // one holds the lease
		stopOne()
		two, stopTwo := node(t.Context(), t, url, "two")
		appendChange(t, two)
		synctest.Wait()
		if n := feedLength(t, two); n != 1 {
			t.Errorf("while the lease is held: %d", n)
		}
		time.Sleep(sequencerLease + sequencerTick)
		synctest.Wait()
		if n := feedLength(t, two); n != 2 {
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
		appendChange(t, st)
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
