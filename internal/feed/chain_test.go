package feed_test

import (
	"database/sql"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/feed"
	"github.com/allot-dev/allot/internal/store"
)

// The form of what is hashed is documented: whoever has the log can make the hash again.
func TestSum(t *testing.T) {
	p := feed.Place{
		Entry: feed.Entry{Seq: 7, Scope: billing.ScopeCatalog, Rev: 3},
		On:    time.UnixMicro(1_600_000_000_000_000),
		By:    "cli", Kind: "catalog.applied", Before: "{}", After: `{"a":"b"}`,
	}
	// printf '12:allot feed 1,0:,1:7,7:catalog,1:3,0:,16:1600000000000000,3:cli,15:catalog.applied,2:{},9:{"a":"b"},0:,' | sha256sum
	if got, want := p.Sum(""), "6fbaf17f4fd9a09f863ed2b28b4e74ebe62232fd98f3f3ad24fe1b3bae55205b"; got != want {
		t.Errorf("the hash is %s, want %s", got, want)
	}
	first := p.Sum("")
	for name, change := range map[string]func(*feed.Place){
		"seq":      func(p *feed.Place) { p.Seq++ },
		"scope":    func(p *feed.Place) { p.Scope = "keys" },
		"rev":      func(p *feed.Place) { p.Rev++ },
		"cause":    func(p *feed.Place) { p.Event = "x" },
		"instant":  func(p *feed.Place) { p.On = p.On.Add(time.Microsecond) },
		"actor":    func(p *feed.Place) { p.By = "client:x" },
		"kind":     func(p *feed.Place) { p.Kind = "x" },
		"before":   func(p *feed.Place) { p.Before = "" },
		"after":    func(p *feed.Place) { p.After = "{}" },
		"features": func(p *feed.Place) { p.Features = "[]" },
		"moved":    func(p *feed.Place) { p.Before, p.After = p.After, p.Before },
	} {
		other := p
		if change(&other); other.Sum("") == first {
			t.Errorf("%s: the hash is the same", name)
		}
	}
	if p.Sum(first) == first {
		t.Error("the hash before does not count")
	}
}

// Places from before there were hashes get theirs, and those that come meanwhile too.
func TestChainOfBefore(t *testing.T) {
	url := "sqlite:" + filepath.Join(t.TempDir(), "allot.db")
	st, err := store.Open(t.Context(), store.Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	appendChanges(t, st, 1300)
	err = st.ForFeed().Update(t.Context(), func(tx feed.Tx) error { _, err := tx.Sequence(1200, time.Now()); return err })
	if err != nil {
		t.Fatal(err)
	}
	want := placesOf(t, st)
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	forget(t, url)

	m, stop := node(t.Context(), t, url, "one")
	defer stop()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		var chained int64
		err := m.store.ForFeed().View(t.Context(), func(r feed.Reader) (err error) { chained, err = r.Chained(); return err })
		if err != nil {
			t.Fatal(err)
		}
		if chained == 1300 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d places have hashes", chained)
		}
	}
	got := placesOf(t, m.store)
	before := ""
	for i := range got {
		if i < len(want) && got[i].Hash != want[i].Hash || got[i].Hash != got[i].Sum(before) {
			t.Fatalf("place %d has the hash %q", i+1, got[i].Hash)
		}
		before = got[i].Hash
	}
}

func placesOf(t *testing.T, st *store.Store) (places []feed.Place) {
	t.Helper()
	err := st.ForFeed().View(t.Context(), func(r feed.Reader) (err error) { places, err = r.Places(0, 5000); return err })
	if err != nil {
		t.Fatal(err)
	}
	return places
}

// forget makes a database what one of before is after its upgrade.
func forget(t *testing.T, url string) {
	t.Helper()
	db, err := sql.Open("sqlite", strings.TrimPrefix(url, "sqlite:"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), `update feed set hash = ''; update revisions set rev = 0 where name = 'chain'`); err != nil {
		t.Fatal(err)
	}
}
