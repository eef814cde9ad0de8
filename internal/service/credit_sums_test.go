package service_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"github.com/allot-dev/allot/internal/creditmodel"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/store"
)

// openWorld is as newWorld on a database of a test's own, which it may damage.
func openWorld(t *testing.T, url string) (*world, *sql.DB) {
	t.Helper()
	st, err := store.Open(t.Context(), store.Options{URL: url, Mode: store.Serve})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	driver, name := "pgx", url
	if file, ok := strings.CutPrefix(url, "sqlite:"); ok {
		driver, name = "sqlite", "file:"+file+"?_pragma=busy_timeout(10000)"
	}
	db, err := sql.Open(driver, name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	w := &world{t: t, now: instant("2027-01-31T10:00:00Z")}
	w.Service = &service.Service{Store: st, Clock: func() time.Time { return w.now }}
	return w, db
}

func sqliteURL(t *testing.T) string { return "sqlite:" + filepath.Join(t.TempDir(), "allot.db") }

// loseSums deletes every counter and every sum of draws.
func loseSums(t *testing.T, db *sql.DB) {
	t.Helper()
	for _, table := range []string{"counters", "sources"} {
		if _, err := db.ExecContext(context.Background(), "delete from "+table); err != nil {
			t.Fatal(err)
		}
	}
}

// No balance is kept: whenever every counter is deleted, all answers come back from the log
// and the facts.
func TestCreditsWithoutCounters(t *testing.T) {
	for seed := range env("ALLOT_CREDIT_SEEDS", 8) {
		t.Run(strconv.Itoa(seed), func(t *testing.T) {
			w, db := openWorld(t, sqliteURL(t))
			seed := int64(env("ALLOT_CREDIT_SEED", 1) + seed)
			heldTo(t, w, creditmodel.NewWorld(seed), creditmodel.Script(seed, env("ALLOT_CREDIT_STEPS", 60)), func(i int) {
				if i%5 == 4 {
					loseSums(t, db)
				}
			})
			verifyButCounters(t, w)
			loseSums(t, db)
			verifyButCounters(t, w)
		})
	}
}

// verifyButCounters finds that counters are not there, and nothing else.
func verifyButCounters(t *testing.T, w *world) {
	t.Helper()
	_, _, err := w.Verify(t.Context(), func(d service.Drift) {
		if !strings.Contains(d.Message, "and no counter of") {
			t.Errorf("drift: %s", d.Message)
		}
	})
	if err != nil {
		t.Error(err)
	}
}

// Whoever damages draws, grants or debts in the database is found out.
func TestVerifyFindsDamagedCredits(t *testing.T) {
	for name, test := range map[string]struct{ damage, want string }{
		"a draw of another source": {"update draws set source = 'grant_other' where units = 100000000 and pays = ''", "the sum grant_"},
		"a larger grant":           {"update grants set amount = amount + 1000000", "is not what its last change says"},
		"a smaller grant":          {"update grants set amount = 1000000", "which is of 1, "},
		"a debt that is removed":   {"delete from draws where pays <> ''", "the sum pays/grant_"},
	} {
		t.Run(name, func(t *testing.T) {
			w, db := openWorld(t, sqliteURL(t))
			e, _, paid := e1(t, nil, drawn)
			e.do("1-12", creditmodel.Step{Op: creditmodel.OpVoid, Ref: paid, ClawBack: true}, "")
			e.grant("1-25", creditmodel.GrantRequest{Amount: 250})
			e.consume("1-26", 1, "")
			heldTo(t, w, e.world, e.steps)
			verifyClean(t, w)
			if _, err := db.ExecContext(t.Context(), test.damage); err != nil {
				t.Fatal(err)
			}
			var found []string
			if _, _, err := w.Verify(t.Context(), func(d service.Drift) { found = append(found, d.Message) }); err != nil {
				t.Fatal(err)
			}
			if !slices.ContainsFunc(found, func(message string) bool { return strings.Contains(message, test.want) }) {
				t.Errorf("found %q, want %q", found, test.want)
			}
		})
	}
}
