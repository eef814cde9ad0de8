package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/feed"
	"github.com/allot-dev/allot/internal/pgtest"
	"github.com/allot-dev/allot/internal/service"
)

// adoptable is a database as an upgrade leaves it, before it is finished: with so many
// customers whose log has not every field.
func adoptable(t *testing.T, url string, customers int) (service.Service, *Store) {
	t.Helper()
	st := open(t, url)
	s := service.Service{Store: st}
	err := s.Do(t.Context(), "test", func(u *service.Work) error {
		_, err := u.ApplyCatalog(billing.CatalogSpec{
			Currency: "usd",
			Features: []billing.Feature{{Code: "seats", Name: "Seats", Type: billing.Metered}},
			Groups:   []billing.PlanGroup{{Code: "teams", Name: "Teams", CustomerType: billing.Organization, Default: true}},
			Plans: []billing.PlanSpec{{
				Code: "pro", Name: "Pro", Group: "teams", Status: billing.Published, Default: true,
				Items: []billing.ItemSpec{{Feature: "seats", Max: new(int64(5))}},
			}},
		})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	err = s.Do(t.Context(), "test", func(u *service.Work) error {
		for i := range customers {
			c, err := u.CreateCustomer(billing.NewCustomer{Type: billing.Organization, OrgCode: fmt.Sprint("org", i)})
			if err == nil && i%2 == 0 {
				_, _, _, err = u.SetOverride(c.Customer.ID, "seats", billing.NewOverride{Add: 2})
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	sequenced(t, st)
	run(t, url, `insert into settings (name, value) values ('unfinished', '4')`)
	run(t, url, `update changes set before_facts = '{}', after_facts = '{}'`)
	again := open(t, url) // which has not read the catalog yet
	return service.Service{Store: again}, again
}

// sequenced gives all changes their places.
func sequenced(t *testing.T, st *Store) (places int) {
	t.Helper()
	err := st.ForFeed().Update(t.Context(), func(tx feed.Tx) (err error) {
		for n := 1; n > 0 && err == nil; places += n {
			n, err = tx.Sequence(1000, time.Now())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return places
}

// drifts are what verify finds.
func drifts(t *testing.T, s *service.Service) (found []string) {
	t.Helper()
	_, _, err := s.Verify(t.Context(), func(d service.Drift) { found = append(found, d.Message) })
	if err != nil {
		t.Fatal(err)
	}
	return found
}

var errKilled = errors.New("killed")

// dying is a store whose updates end after so many more: before they do anything, or
// after they are done.
type dying struct {
	service.Store
	left int
	done bool
}

func (d *dying) Update(ctx context.Context, fn func(service.Tx) error) error {
	if d.left--; d.left > 0 {
		return d.Store.Update(ctx, fn)
	}
	if d.done {
		return errors.Join(errKilled, d.Store.Update(ctx, fn))
	}
	return errKilled
}

func eachBackend(t *testing.T, test func(t *testing.T, url string)) {
	t.Run("sqlite", func(t *testing.T) { test(t, "sqlite:"+t.TempDir()+"/allot.db") })
	t.Run("postgres", func(t *testing.T) { test(t, pgtest.URL(t)) })
}

// However often it is killed, what was there is adopted once for each scope, all of
// it, and nothing else is different: no revision, no place in the feed.
func TestAdoptIsKilled(t *testing.T) {
	eachBackend(t, func(t *testing.T, url string) {
		const customers = 230
		s, st := adoptable(t, url, customers)
		if found := drifts(t, &s); len(found) > 0 {
			t.Errorf("before the finish: %v", found)
		}
		if done, err := s.Finish(t.Context(), "test"); err != nil || !done {
			t.Fatal(done, err)
		}
		sequenced(t, st)
		before := everything(t, url)
		if found := drifts(t, &s); len(found) > 0 {
			t.Errorf("while it is to be adopted: %v", found)
		}
		killed := 0
		for _, done := range slices.Repeat([]bool{false, true}, 4) {
			at := service.Service{Store: &dying{st, 2 + killed%2, done}}
			if _, err := at.Adopt(t.Context(), "test", nil); errors.Is(err, errKilled) {
				killed++
			} else if err != nil {
				t.Fatal(err)
			}
		}
		if killed < 5 {
			t.Errorf("it was killed %d times", killed)
		}
		for range 2 {
			if _, err := s.Adopt(t.Context(), "test", nil); err != nil {
				t.Fatal(err)
			}
		}
		if more, err := s.Adopting(t.Context()); err != nil || more {
			t.Error(more, err)
		}
		if n := sequenced(t, st); n != 0 {
			t.Errorf("%d places were given", n)
		}
		if found := drifts(t, &s); len(found) > 0 {
			t.Errorf("when all is adopted: %v", found)
		}
		after := everything(t, url)
		adopted := slices.DeleteFunc(slices.Clone(after), func(row string) bool { return !strings.Contains(row, "facts.adopted") })
		if len(adopted) != customers+1 {
			t.Errorf("%d scopes are adopted", len(adopted))
		}
		after = slices.DeleteFunc(after, func(row string) bool { return strings.Contains(row, "facts.adopted") })
		before = slices.DeleteFunc(before, func(row string) bool { return strings.HasPrefix(row, "settings adopting") })
		if !slices.Equal(before, after) {
			t.Error("something else is different")
		}
	})
}

// everything is each row that there is.
func everything(t *testing.T, url string) (rows []string) {
	t.Helper()
	st := open(t, url)
	for _, query := range []string{
		`select 'changes ' || customer_id || ' ' || customer_rev || ' ' || kind || ' ' || coalesce(cast(seq as text), 'none') || after_facts from changes`,
		`select 'customers ' || customer_id || ' ' || rev || ' ' || coalesce(cast(changed_on as text), '') from customers`,
		`select 'revisions ' || name || ' ' || rev || ' ' || coalesce(cast(changed_on as text), '') from revisions`,
		`select 'settings ' || name || ' ' || value from settings`,
		`select 'feed ' || seq || ' ' || scope || ' ' || rev from feed`,
	} {
		rows = append(rows, texts(t, url, query)...)
	}
	slices.Sort(rows)
	return append(rows, fmt.Sprint(st.Schema().Now))
}

// Once all is adopted each row is held against the log, also those that no change since
// has written; and what a change since says counts.
func TestAdoptedRowsAreHeld(t *testing.T) {
	eachBackend(t, func(t *testing.T, url string) {
		s, _ := adoptable(t, url, 3)
		if _, err := s.Finish(t.Context(), "test"); err != nil {
			t.Fatal(err)
		}
		if n, err := s.Adopt(t.Context(), "test", nil); err != nil || n != 3 {
			t.Fatal(n, err)
		}
		ids := texts(t, url, `select customer_id from overrides`)
		id, err := billing.ParseID[billing.CustomerID](ids[0])
		if err != nil {
			t.Fatal(err)
		}
		err = s.Do(t.Context(), "test", func(u *service.Work) error {
			_, err := u.UpdateCustomer(id, billing.CustomerUpdate{TimeZone: new("Europe/Berlin")})
			if err == nil {
				_, err = u.EndOverride(id, "seats")
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if found := drifts(t, &s); len(found) > 0 {
			t.Fatal(found)
		}
		for _, broken := range []struct{ change, back, want string }{
			{`update agreements set quantity = 2`, `update agreements set quantity = 1`, "is not what its last change says"},
			{`update overrides set limit_add = 3`, `update overrides set limit_add = 2`, "is not what its last change says"},
			{`update customers set anchor_given = 1`, `update customers set anchor_given = 0`, "the customer's record is not"},
			{`update agreements set term_from = null`, `update agreements set term_from = anchor_on`, "one of anchor and term"},
			{`update agreements set origin = 'moon'`, `update agreements set origin = ''`, `the origin "moon"`},
			{`update agreements set external_id = 'x'`, `update agreements set external_id = ''`, "does not have the external id of agreement"},
			{`update plans set name = 'Max'`, `update plans set name = 'Pro'`, "plan/pro is not what its last change says"},
			{`update plan_versions set terms = replace(terms, '5', '9')`, `update plan_versions set terms = replace(terms, '9', '5')`, "plan_version/pro/1 is not what"},
			{`insert into features (code, name, type, unit, reset_interval) values ('x', 'X', 'unmetered', '', '')`, `delete from features where code = 'x'`, "the log does not have feature/x"},
		} {
			run(t, url, broken.change)
			fresh := service.Service{Store: open(t, url)}
			if found := drifts(t, &fresh); !slices.ContainsFunc(found, func(m string) bool { return strings.Contains(m, broken.want) }) {
				t.Errorf("%s: %q", broken.change, found)
			}
			run(t, url, broken.back)
		}
		if found := drifts(t, &s); len(found) > 0 {
			t.Error(found)
		}
	})
}

// database is one beside the store, for statements of the test's own.
func database(t *testing.T, url string) *sql.DB {
	t.Helper()
	driver, name := "pgx", url
	if file, ok := sqliteFile(url); ok {
		driver, name = "sqlite", file
	}
	db, err := sql.Open(driver, name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func run(t *testing.T, url, statement string) {
	t.Helper()
	if _, err := database(t, url).ExecContext(t.Context(), statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// texts are the values of the one column of a query.
func texts(t *testing.T, url, query string) (all []string) {
	t.Helper()
	rows, err := database(t, url).QueryContext(t.Context(), query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			t.Fatal(err)
		}
		all = append(all, text)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}
