//go:build unix

package sqlite_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/store/sqlite"
	"github.com/allot-dev/allot/internal/store/sqlstore"
)

// manyCustomers are enough that what is read is not what was read just now.
const manyCustomers = 200_000

// manyID is the id of one of many customers, in the order of their numbers as
// those that are made one after the other are.
func manyID(n int) (id billing.CustomerID) {
	binary.BigEndian.PutUint64(id[:], uint64(1_700_000_000_000+n)<<16)
	binary.BigEndian.PutUint64(id[8:], rand.New(rand.NewPCG(1, uint64(n))).Uint64())
	return id
}

// manyStore has many customers with a plan each.
func manyStore(tb testing.TB, customers int) *sqlstore.Store {
	tb.Helper()
	db, err := sqlite.Open(tb.Context(), sqlite.Options{Path: filepath.Join(tb.TempDir(), "allot.db")})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { db.Close() })
	st := sqlstore.New(db.Backend())
	err = st.Update(tb.Context(), func(tx service.Tx) error {
		if _, err := tx.LockCatalog(); err != nil {
			return err
		}
		err := tx.PutCatalog(&billing.Catalog{Plans: map[billing.Code]*billing.Plan{"p": {
			Code: "p", Versions: []*billing.PlanVersion{{Plan: "p", Number: 1, PublishedOn: time.UnixMilli(1)}},
		}}})
		if err != nil {
			return err
		}
		_, err = tx.AppendChange(billing.Change{Scope: billing.ScopeCatalog})
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	const batch = 5000
	for from := 0; from < customers; from += batch {
		var some []sqlstore.Seeded
		for n := from; n < min(from+batch, customers); n++ {
			some = append(some, manySeeded(n))
		}
		if err := st.Seed(tb.Context(), some); err != nil {
			tb.Fatal(err)
		}
	}
	return st
}

func manySeeded(n int) sqlstore.Seeded {
	on := time.UnixMilli(1_700_000_000_000 + int64(n)).UTC()
	c := billing.Customer{
		ID: manyID(n), Type: billing.Organization, OrgCode: fmt.Sprintf("org_%08d", n), Name: fmt.Sprintf("Org %d Ltd", n),
		Status: billing.Active, AnchorOn: on, CreatedOn: on, LastAgreementMS: on.UnixMilli(),
	}
	return sqlstore.Seeded{
		Customer: c,
		Agreement: billing.Agreement{
			ID: billing.AgreementID(c.ID), CustomerID: c.ID, Plan: "p", Version: 1, Kind: billing.KindPlan, Quantity: 1,
			CreatedOn: on, StartsOn: on, AnchorOn: on, TermFrom: on,
		},
		Changes: []billing.Change{{Scope: c.ID.Scope(), On: on, By: "bench", Kind: "customer.created"}},
	}
}

// A cold read among many customers.
func BenchmarkPackedOfMany(b *testing.B) {
	st := manyStore(b, manyCustomers)
	now := time.Now()
	b.ReportAllocs()
	before := processorTime()
	for b.Loop() {
		if _, err := st.Packed(b.Context(), manyID(rand.IntN(manyCustomers)), now); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(processorTime()-before)/float64(b.N), "cpu-ns/op")
}

// processorTime is what this process has taken of the processors, which does not grow
// with what else runs beside it.
func processorTime() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		panic(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
