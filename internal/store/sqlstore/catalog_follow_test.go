package sqlstore_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/govalues/decimal"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/pgtest"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/store/postgres"
	"github.com/allot-dev/allot/internal/store/sqlite"
	"github.com/allot-dev/allot/internal/store/sqlstore"
)

// places of databases, each empty, by the name of the backend.
var stores = map[string]func(t *testing.T) sqlstore.Backend{
	"sqlite": func(t *testing.T) sqlstore.Backend {
		db, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(t.TempDir(), "allot.db")})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		return db.Backend()
	},
	"postgres": func(t *testing.T) sqlstore.Backend {
		db, err := postgres.Open(t.Context(), postgres.Options{URL: pgtest.URL(t)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		return db.Backend()
	},
}

// applyTo applies a spec as package service does; with rows false it says as little of
// it as a program of the version before.
func applyTo(t *testing.T, st *sqlstore.Store, spec billing.CatalogSpec, at time.Time, rows bool) {
	t.Helper()
	err := st.Update(t.Context(), func(tx service.Tx) error {
		current, err := tx.LockCatalog()
		if err != nil {
			return err
		}
		id := byte(0)
		next, changes, faults, err := current.Apply(spec, at, func() (billing.GroupID, error) {
			id++
			return billing.GroupID{byte(current.Rev), id}, nil
		})
		if err != nil || len(faults) > 0 {
			return fmt.Errorf("%w %v", err, faults)
		}
		if len(changes.Changes) == 0 {
			return nil
		}
		if err := tx.PutCatalog(next); err != nil {
			return err
		}
		before, after, err := next.RowFacts(current, tx.TermsDigest)
		if err != nil {
			return err
		}
		if !rows {
			before, after = nil, nil
		}
		after = maps.Clone(after)
		if after == nil {
			after = map[string]string{}
		}
		after["update"] = "plan p"
		_, err = tx.AppendChange(billing.Change{Scope: billing.ScopeCatalog, On: at, Kind: billing.CatalogApplied, Before: before, After: after})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func catalogOf(t *testing.T, st *sqlstore.Store) (c *billing.Catalog) {
	t.Helper()
	if err := st.View(t.Context(), func(r service.Reader) (err error) { c, err = r.Catalog(); return err }); err != nil {
		t.Fatal(err)
	}
	return c
}

func randomSpec(r *rand.Rand, published map[billing.Code]bool) billing.CatalogSpec {
	var spec billing.CatalogSpec
	if len(published) == 0 && r.IntN(2) == 0 {
		spec.Currency = []string{"usd", "eur"}[r.IntN(2)]
	}
	for i := range 3 {
		spec.Features = append(spec.Features, billing.Feature{Code: billing.Code(fmt.Sprint("f", i)), Name: fmt.Sprint("F", r.IntN(3)), Type: billing.Metered})
		spec.Groups = append(spec.Groups, billing.PlanGroup{Code: billing.Code(fmt.Sprint("g", i)), Name: fmt.Sprint("G", r.IntN(3)), CustomerType: billing.Organization})
	}
	for i := range 6 {
		code := billing.Code(fmt.Sprint("p", i))
		if r.IntN(2) == 0 {
			continue
		}
		p := billing.PlanSpec{Code: code, Name: fmt.Sprint("P", r.IntN(2)), Group: spec.Groups[i%3].Code}
		if published[code] || r.IntN(3) == 0 {
			spec.Currency = ""
			p.Status, published[code] = billing.Published, true
			p.Archived = r.IntN(4) == 0
		}
		for _, f := range spec.Features {
			if r.IntN(2) == 0 {
				p.Items = append(p.Items, billing.ItemSpec{Feature: f.Code, Max: new(int64(r.IntN(3))), UnitAmount: new(decimal.MustParse("0.10"))})
			}
		}
		spec.Plans = append(spec.Plans, p)
	}
	return spec
}

// A catalog that is followed is the one that is read whole, whoever wrote it and
// however far behind it was.
func TestCatalogIsFollowed(t *testing.T) {
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			backend := open(t)
			writer, beside := sqlstore.New(backend), sqlstore.New(backend)
			r := rand.New(rand.NewPCG(1, 2))
			published := map[billing.Code]bool{}
			applyTo(t, writer, billing.CatalogSpec{Currency: "usd"}, time.UnixMilli(1), true)
			for i := range 60 {
				applyTo(t, writer, randomSpec(r, published), time.UnixMilli(int64(i+2)), r.IntN(5) > 0)
				if r.IntN(3) == 0 {
					continue // and be several changes behind
				}
				whole := catalogOf(t, sqlstore.New(backend))
				for who, st := range map[string]*sqlstore.Store{"the writer": writer, "another node": beside} {
					if diff := cmp.Diff(whole, catalogOf(t, st), cmpopts.IgnoreUnexported(billing.Terms{})); diff != "" {
						t.Fatalf("after %d changes %s has another catalog (-whole +followed):\n%s", i, who, diff)
					}
				}
			}
			if len(published) < 6 {
				t.Errorf("published only %v", published)
			}
		})
	}
}

// What stayed is not read: it is the same in memory.
func TestCatalogIsReadWhereItChanged(t *testing.T) {
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			backend := open(t)
			writer, beside := sqlstore.New(backend), sqlstore.New(backend)
			spec := billing.CatalogSpec{
				Currency: "usd",
				Features: []billing.Feature{{Code: "seats", Name: "Seats", Type: billing.Metered}},
				Groups:   []billing.PlanGroup{{Code: "teams", Name: "Teams", CustomerType: billing.Organization}},
			}
			for i := range 300 {
				spec.Plans = append(spec.Plans, billing.PlanSpec{
					Code: billing.Code(fmt.Sprint("p", i)), Name: "P", Group: "teams", Status: billing.Published,
					Items: []billing.ItemSpec{{Feature: "seats", Max: new(int64(5))}},
				})
			}
			applyTo(t, writer, spec, time.UnixMilli(1), true)
			catalogOf(t, writer)
			before := catalogOf(t, beside)
			spec.Plans[7].Items = []billing.ItemSpec{{Feature: "seats", Max: new(int64(6))}}
			spec.Plans[8].Name = "Q"
			spec.Plans = append(spec.Plans, billing.PlanSpec{Code: "new", Name: "New", Group: "teams"})
			applyTo(t, writer, spec, time.UnixMilli(2), true)
			after := catalogOf(t, beside)
			if len(after.Plans) != 301 || len(after.Plans["p7"].Versions) != 2 || after.Plans["p8"].Name != "Q" {
				t.Fatalf("the change is not seen: %v", after.Plans)
			}
			if after.Plans["p7"].Versions[0] != before.Plans["p7"].Versions[0] || len(before.Plans["p7"].Versions) != 1 {
				t.Error("a version is not shared, or the catalog before has changed")
			}
			var read []billing.Code
			for code, p := range after.Plans {
				if p != before.Plans[code] {
					read = append(read, code)
				}
			}
			if len(read) != 3 {
				t.Errorf("read anew %v, want p7, p8 and new", read)
			}
			if fmt.Sprintf("%p", after.Features) != fmt.Sprintf("%p", before.Features) {
				t.Error("features are read anew")
			}
		})
	}
}
