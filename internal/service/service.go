package service

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"sync/atomic"
	"time"

	"github.com/allot-dev/allot/internal/billing"
)

// Service has the use cases. Those that read are its methods; those that change
// something are methods of a [Work], which [Service.Do] and [Service.Once] give.
// Each runs at one instant. Errors are [*billing.Error], [billing.Errors] or faults of the store.
type Service struct {
	Store Store
	// Clock tells the time. Nil: the system's.
	Clock func() time.Time
	// Random is where ids come from. Nil: crypto/rand.
	Random io.Reader
	// Known gives facts that are kept in memory. With them [Service.Check] and
	// [Service.Count] need one trip to the store, or none that takes a lock. Nil: all is
	// read and decided in transactions. With them also windows that reads find absent are
	// made present in the background, which [Service.Close] ends.
	Known Known

	queues     queues
	memory     memory
	presenting presenting
	pooled     atomic.Pointer[pooledFeatures] // of the newest catalog that was asked about
}

// now is the clock's time as the store keeps it.
func (s *Service) now() time.Time {
	clock := s.Clock
	if clock == nil {
		clock = time.Now
	}
	return clock().UTC().Truncate(time.Microsecond)
}

func (s *Service) random() io.Reader {
	if s.Random == nil {
		return rand.Reader
	}
	return s.Random
}

// Snapshot reads a customer's facts and the effective now to ask them at. The
// error is CUSTOMER_NOT_FOUND if there is no such customer or it is deleted.
func (s *Service) Snapshot(ctx context.Context, id billing.CustomerID) (*billing.Snapshot, time.Time, error) {
	var snap *billing.Snapshot
	clock := s.now()
	err := s.Store.View(ctx, func(r Reader) error {
		var err error
		snap, err = readSnapshot(r, id, clock, nil)
		return err
	})
	if err != nil {
		return nil, time.Time{}, err
	}
	return snap, snap.Now(clock), nil
}

// readSnapshot reads a customer's facts, and the catalog unless it is known.
func readSnapshot(r Reader, id billing.CustomerID, clock time.Time, catalog *billing.Catalog) (*billing.Snapshot, error) {
	snap, err := readFacts(r, id, clock, catalog)
	if err == nil {
		err = known(snap.Customer, nil)
	}
	if err != nil {
		return nil, err
	}
	return snap, nil
}

func readKnown(r Reader, id billing.CustomerID, clock time.Time) (*billing.Snapshot, error) {
	return readSnapshot(r, id, clock, nil)
}

// readAny is as [readSnapshot], also of a deleted customer: it is read by its id, and
// entitled to nothing.
// One that is purged is gone.
func readAny(r Reader, id billing.CustomerID, clock time.Time) (*billing.Snapshot, error) {
	snap, err := readFacts(r, id, clock, nil)
	if err != nil || snap.Customer.DeletedOn.IsZero() {
		return snap, err
	}
	last, err := r.Changes(id.Scope(), snap.Customer.Rev-1, 1)
	if err == nil && len(last) == 1 && last[0].Purges() {
		err = errNoCustomer
	}
	return snap, err
}

func readFacts(r Reader, id billing.CustomerID, clock time.Time, catalog *billing.Catalog) (*billing.Snapshot, error) {
	facts, err := r.Facts(id, clock)
	if errors.Is(err, billing.ErrNotFound) {
		err = errNoCustomer
	}
	if err != nil {
		return nil, err
	}
	if catalog == nil { // read later, so that it has every version that the facts name
		if catalog, err = r.Catalog(); err != nil {
			return nil, err
		}
	}
	return &billing.Snapshot{Catalog: catalog, Facts: facts}, nil
}

// known turns the look-up of a customer that is not there, or no longer, into
// [errNoCustomer].
func known(c billing.Customer, err error) error {
	if errors.Is(err, billing.ErrNotFound) || err == nil && !c.DeletedOn.IsZero() {
		return errNoCustomer
	}
	return err
}

// errNoCustomer is a customer that is not there, or no longer.
var errNoCustomer = billing.NotFound.Errorf("CUSTOMER_NOT_FOUND", "there is no customer with this customer_id")
