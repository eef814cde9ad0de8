package bench

import (
	"errors"
	"hash/fnv"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/catalog"
	"github.com/allot-dev/allot/internal/feed"
	"github.com/allot-dev/allot/internal/server"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/store"
	"github.com/allot-dev/allot/internal/store/sqlstore"
)

func openStore(t *testing.T, place server.Place) *store.Store {
	t.Helper()
	st, err := store.Open(t.Context(), store.Options{URL: resolve(place).Database, Mode: store.Tool})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	return st
}

// history is all that is stored of a customer.
type history struct {
	Customer   billing.Customer
	Agreements []billing.Agreement
	Changes    []billing.Change
	Owner      billing.CustomerID // by its code
	Verified   []service.Drift
}

func read(t *testing.T, st service.Store, id billing.CustomerID, orgCode string) history {
	t.Helper()
	var h history
	err := st.View(t.Context(), func(r service.Reader) error {
		var errs [4]error
		h.Customer, errs[0] = r.Customer(id)
		h.Agreements, errs[1] = r.Agreements(id, time.Now())
		h.Changes, errs[2] = r.Changes(id.Scope(), 0, 100)
		h.Owner, errs[3] = r.CustomerByCodes(orgCode, "")
		return errors.Join(errs[:]...)
	})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// A seeded customer is what the use cases would have made of the same facts at the
// same instant: what is measured is what is used.
func TestSeededAsSignedUp(t *testing.T) {
	seededPlace := server.Place{Data: t.TempDir()}
	if _, err := Seed(t.Context(), SeedOptions{Place: seededPlace, Customers: 33}); err != nil {
		t.Fatal(err)
	}
	const n = 31
	orgCode := seeded(n, 1).Customer.OrgCode
	got := read(t, openStore(t, seededPlace), customerID(n), orgCode)

	st := openStore(t, server.Place{Data: t.TempDir()})
	now := signedUp(0)
	svc := &service.Service{Store: st, Clock: func() time.Time { return now }}
	err := svc.Do(t.Context(), seeder, func(u *service.Work) error {
		_, err := u.ApplyCatalog(catalog.Parse(catalogFile).Spec)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	now = signedUp(n)
	err = svc.Do(t.Context(), seeder, func(u *service.Work) error {
		_, err := u.CreateCustomer(billing.NewCustomer{
			ID: customerID(n), Type: billing.Organization, OrgCode: orgCode, Name: got.Customer.Name, Plan: seedPlan,
		})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	want := read(t, st, customerID(n), orgCode)
	// All but the random part of the agreement's id.
	want.Changes[1].After["agreement_id"] = agreementID(n).String()
	want.Agreements[0].ID = agreementID(n)
	// Customers are seeded as those of before are: without digests of personal data.
	want.Customer.DigestKey = ""
	for _, c := range want.Changes {
		delete(c.After, "personal")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("a seeded customer differs (-signed up +seeded):\n%s", diff)
	}
}

// Customers spread over whatever goes by their ids, as those do whose ids are made
// by chance: by a hash of all bytes, and by the last byte alone.
func TestSeedSpreads(t *testing.T) {
	const customers = 10_000
	all := func(id billing.CustomerID) uint32 {
		h := fnv.New32a()
		h.Write(id[:])
		return h.Sum32()
	}
	last := func(id billing.CustomerID) uint32 { return uint32(id[len(id)-1]) }
	for name, hash := range map[string]func(billing.CustomerID) uint32{"all bytes": all, "the last byte": last} {
		for _, parts := range []int{2, 3, 4, 6, 16, 64} {
			in := make([]int, parts)
			for n := range customers {
				in[hash(customerID(n))%uint32(parts)]++
			}
			for part, got := range in {
				if fair := customers / parts; got < fair*6/10 || got > fair*14/10 {
					t.Errorf("by %s, part %d of %d has %d customers of %d, want about %d", name, part, parts, got, customers, fair)
				}
			}
		}
	}
}

func TestSeedIsInOrder(t *testing.T) {
	place := server.Place{Data: t.TempDir()}
	var told []int
	for _, upTo := range []int{3, seedBatch + 7} {
		p, err := Seed(t.Context(), SeedOptions{Place: place, Customers: upTo, Progress: func(n int) { told = append(told, n) }})
		if err != nil || p.Customers != upTo {
			t.Fatalf("%+v, %v; want %d customers", p, err, upTo)
		}
	}
	if want := []int{3, seedBatch + 3, seedBatch + 7}; !slices.Equal(told, want) {
		t.Errorf("told of %v customers, want %v", told, want)
	}
	st := openStore(t, place)
	err := st.View(t.Context(), func(r service.Reader) error {
		ids, err := r.CustomerIDs(billing.CustomerID{}, 10_000)
		if err != nil {
			return err
		}
		for n, id := range ids {
			if id != customerID(n) {
				t.Fatalf("customer %d is %s, want %s", n, id, customerID(n))
			}
		}
		if len(ids) != seedBatch+7 {
			t.Errorf("%d customers", len(ids))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	err = st.ForFeed().View(t.Context(), func(r feed.Reader) error {
		// Every change has its place in the feed, one behind the other; the first is
		// the catalog's, if a sequencer has run, which here none has.
		entries, err := r.Feed(0, 100_000)
		if err != nil {
			return err
		}
		for i, e := range entries {
			if want := (feed.Entry{Seq: int64(i + 1), Scope: customerID(i / 2).Scope(), Rev: int64(i%2 + 1)}); e != want {
				t.Fatalf("entry %d of the feed is %+v, want %+v", i, e, want)
			}
		}
		if len(entries) != 2*(seedBatch+7) {
			t.Errorf("the feed has %d entries for %d customers", len(entries), seedBatch+7)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	// The changes that come next go behind those.
	if err := st.ForFeed().Update(t.Context(), func(tx feed.Tx) error {
		n, err := tx.Sequence(10, time.Now())
		if n != 2 {
			t.Errorf("%d without a place, want the change of the catalog and the version that it published", n)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

func TestCensus(t *testing.T) {
	place := server.Place{Data: t.TempDir()}
	st := openStore(t, place)
	count := func() (int, bool) {
		t.Helper()
		found, others, err := census(t.Context(), st)
		if err != nil {
			t.Fatal(err)
		}
		return found, others
	}
	if found, others := count(); found != 0 || others {
		t.Errorf("an empty place has %d customers, others: %t", found, others)
	}
	for n := 1; n <= 20; n++ {
		if _, err := Seed(t.Context(), SeedOptions{Place: place, Customers: n}); err != nil {
			t.Fatal(err)
		}
		if found, others := count(); found != n || others {
			t.Errorf("of %d customers %d are found, others: %t", n, found, others)
		}
	}
	// Somebody's, after and before.
	create := func(id billing.CustomerID, orgCode string) {
		t.Helper()
		svc := &service.Service{Store: st}
		if err := svc.Do(t.Context(), "cli", func(u *service.Work) error {
			_, err := u.CreateCustomer(billing.NewCustomer{ID: id, Type: billing.Organization, OrgCode: orgCode, NoPlan: true})
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	create(billing.CustomerID{}, "acme")
	if found, others := count(); found != 20 || !others {
		t.Errorf("%d are found, others: %t; want 20 and others", found, others)
	}
	if _, err := Seed(t.Context(), SeedOptions{Place: place, Customers: 30}); !errors.Is(err, ErrOthers) {
		t.Errorf("seeding beside others: %v", err)
	}
	if found, _ := count(); found != 20 {
		t.Errorf("what was refused has left %d customers", found)
	}
	if p, err := Seed(t.Context(), SeedOptions{Place: place, Customers: 30, Others: true}); err != nil || p.Added != 10 {
		t.Errorf("asked to, it seeds %+v, %v", p, err)
	}
	place = server.Place{Data: t.TempDir(), Database: "sqlite:" + filepath.Join(t.TempDir(), "other.db")}
	st = openStore(t, place)
	create(billing.CustomerID{1}, "early")
	if found, others := count(); found != 0 || !others {
		t.Errorf("%d are found, others: %t; want none and others", found, others)
	}
}

func TestSeedNeverTwice(t *testing.T) {
	place := server.Place{Data: t.TempDir()}
	if _, err := Seed(t.Context(), SeedOptions{Place: place, Customers: 1}); err != nil {
		t.Fatal(err)
	}
	st := openStore(t, place)
	again := seeded(0, 1)
	again.Customer.OrgCode = "another"
	if err := st.Seed(t.Context(), append([]sqlstore.Seeded{seeded(7, 1)}, again)); !errors.Is(err, billing.ErrExists) {
		t.Errorf("a customer is seeded twice: %v", err)
	}
	if found, others, err := census(t.Context(), st); found != 1 || others || err != nil {
		t.Errorf("what failed has left %d customers, others: %t, %v", found, others, err)
	}
}
