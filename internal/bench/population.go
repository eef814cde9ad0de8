package bench

import (
	"context"
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/catalog"
	"github.com/allot-dev/allot/internal/server"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/store"
	"github.com/allot-dev/allot/internal/store/sqlstore"
)

// The plan that seeded customers are on, and the feature of it that is consumed.
const (
	seedPlan    = "bench_pro"
	seedFeature = "bench_calls"
	seedItems   = 20
)

//go:embed catalog.yaml
var catalogFile []byte

// seedEpoch is when customer 0 signed up. Each one after did so a second later.
var seedEpoch = time.Date(2020, time.January, 1, 0, 0, 0, 0, time.UTC)

// seedMark is what ids of seeded customers have behind their time. What follows is
// mixed from the number: ids end as differently as those that are made by chance,
// and customers spread as others do over all that goes by an id.
const seedMark = "bs"

func signedUp(n int) time.Time { return seedEpoch.Add(time.Duration(n) * time.Second) }

// customerID is the id of a seeded customer, by its number from 0.
func customerID(n int) billing.CustomerID { return billing.CustomerID(seedID(n)) }

// agreementID is the id of the one agreement of a seeded customer.
func agreementID(n int) billing.AgreementID {
	id := billing.AgreementID(seedID(n))
	id[14], id[15] = 0, 0
	return id
}

func seedID(n int) [16]byte {
	var id [16]byte
	binary.BigEndian.PutUint64(id[:8], uint64(signedUp(n).UnixMilli())<<16)
	copy(id[6:], seedMark)
	binary.BigEndian.PutUint64(id[8:], mix(uint64(n)))
	return id
}

// seeded is a customer as it is after it has signed up.
func seeded(n, version int) sqlstore.Seeded {
	on := signedUp(n)
	c := billing.Customer{
		ID: customerID(n), Type: billing.Organization, OrgCode: fmt.Sprintf("bench-%08d", n),
		Name: fmt.Sprintf("Bench %d Ltd", n), Status: billing.Active,
		AnchorOn: on, CreatedOn: on, LastAgreementMS: on.UnixMilli(),
	}
	a := billing.Agreement{
		ID: agreementID(n), CustomerID: c.ID, Plan: seedPlan, Version: version, Kind: billing.KindPlan, Quantity: 1,
		CreatedOn: on, StartsOn: on, AnchorOn: on, TermFrom: on,
	}
	change := billing.Change{Scope: c.ID.Scope(), On: on, By: seeder}
	created, signed, at := change, change, on.Format(time.RFC3339Nano)
	created.Kind, created.After = "customer.created", map[string]string{
		"type": string(c.Type), "status": string(c.Status), "created_on": at,
	}
	signed.Kind, signed.After = billing.AgreementCreated, map[string]string{
		"agreement_id": a.ID.String(), "plan_code": string(a.Plan), "version": strconv.Itoa(a.Version),
		"kind": string(a.Kind), "quantity": "1", "created_on": at, "starts_on": at,
		"anchor_on": at, "term_from": at, "customer.anchor_on": at,
	}
	return sqlstore.Seeded{Customer: c, Agreement: a, Changes: []billing.Change{created, signed}}
}

const seeder billing.Actor = "bench"

// ErrOthers is a database that has customers that were not seeded.
var ErrOthers = errors.New("the database has customers that were not seeded by allot bench")

// SeedOptions say what to seed.
type SeedOptions struct {
	Place     server.Place
	Customers int // that there shall be, with those seeded before
	// Others allows customers that were not seeded beside those that are.
	Others bool
	// Progress is told how many there are, now and then. It may be nil.
	Progress func(customers int)
}

// Population is what was seeded.
type Population struct {
	Customers int `json:"customers"` // there are now
	Added     int `json:"added"`
}

// seedBatch is how many customers are stored in one transaction.
const seedBatch = 5000

// Seed puts customers on a plan of 20 items into a database, and that plan into
// its catalog, as far as they are not there: it goes on where it was interrupted.
// It returns [ErrOthers], and has changed nothing, if there are customers that
// were not seeded.
func Seed(ctx context.Context, o SeedOptions) (_ Population, err error) {
	st, err := store.Open(ctx, store.Options{URL: resolve(o.Place).Database, Mode: store.Tool})
	if err != nil {
		return Population{}, err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	found, others, err := census(ctx, st)
	if err != nil {
		return Population{}, err
	}
	if others && !o.Others {
		return Population{}, ErrOthers
	}
	version, err := applyCatalog(ctx, st)
	if err != nil {
		return Population{}, err
	}
	p := Population{Customers: found}
	for p.Customers < o.Customers {
		batch := make([]sqlstore.Seeded, min(seedBatch, o.Customers-p.Customers))
		for i := range batch {
			batch[i] = seeded(p.Customers+i, version)
		}
		if err := st.Seed(ctx, batch); err != nil {
			return p, err
		}
		p.Customers += len(batch)
		p.Added += len(batch)
		if o.Progress != nil {
			o.Progress(p.Customers)
		}
	}
	return p, nil
}

// applyCatalog makes sure of the plan and returns its latest version.
func applyCatalog(ctx context.Context, st *store.Store) (int, error) {
	doc := catalog.Parse(catalogFile)
	if len(doc.Faults) > 0 {
		return 0, fmt.Errorf("catalog.yaml: %s", doc.Faults[0])
	}
	svc := service.Service{Store: st}
	err := svc.Do(ctx, seeder, func(u *service.Work) error {
		_, err := u.ApplyCatalog(doc.Spec)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("the catalog's plan for measurements: %w", err)
	}
	current, err := svc.Catalog(ctx)
	if err != nil {
		return 0, err
	}
	return len(current.Plans[seedPlan].Versions), nil
}

// census counts the seeded customers and reports whether there are others. As the
// seeded come first in the order of ids, and one after the other, that takes a few
// look-ups. (Not seen are customers imported with ids of 2020 among them.)
func census(ctx context.Context, st service.Store) (found int, others bool, err error) {
	err = st.View(ctx, func(r service.Reader) error {
		found, others = 0, false
		exists := func(n int) (bool, error) {
			_, err := r.Customer(customerID(n))
			if errors.Is(err, billing.ErrNotFound) {
				return false, nil
			}
			return err == nil, err
		}
		// All below found are there; beyond, at or above it, is one that is not.
		beyond := 1
		for ; ; beyond *= 2 {
			there, err := exists(beyond - 1)
			if err != nil {
				return err
			}
			if !there {
				break
			}
			found = beyond
		}
		for found < beyond-1 {
			middle := (found + beyond - 1) / 2
			there, err := exists(middle)
			if err != nil {
				return err
			}
			if there {
				found = middle + 1
			} else {
				beyond = middle + 1
			}
		}
		var last billing.CustomerID
		if found > 0 {
			last = customerID(found - 1)
			first, err := r.CustomerIDs(billing.CustomerID{}, 1)
			if err != nil {
				return err
			}
			others = first[0] != customerID(0)
		}
		after, err := r.CustomerIDs(last, 1)
		others = others || len(after) > 0
		return err
	})
	return found, others, err
}
