package sqlstore

import (
	"context"
	"fmt"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/feed"
)

// Seeded is a customer as the use cases would have left it: with the agreement it
// signed up to and the changes that say so, in the order of their revisions,
// which begin with 1.
type Seeded struct {
	Customer  billing.Customer // Rev and ChangedOn are set from Changes
	Agreement billing.Agreement
	Changes   []billing.Change
}

const (
	seedCustomer = `insert into customers
		(customer_id, type, org_code, user_id, name, email, status, anchor_on, metadata,
		created_on, deleted_on, last_agreement_ms, search, external_id, anchor_given, zones, digest_key, changed_on, rev)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
		on conflict (customer_id) do nothing`

	insertPacked = `insert into packed_facts (customer_id, packed) values ($1, $2)`

	seedChange = `insert into changes
		(customer_id, customer_rev, happened_on, actor, kind, before_facts, after_facts, seq)
		values ($1, $2, $3, $4, $5, $6, $7, $8)`
)

var (
	seedCustomers  = manyRows(seedCustomer)
	seedCodes      = manyRows(insertCustomerCodes)
	seedStems      = manyRows(insertAgreementID)
	seedAgreements = manyRows(insertAgreement)
	seedChanges    = manyRows(seedChange)
	seedFeed       = manyRows(insertFeed)
	seedPacked     = manyRows(insertPacked)
)

// Seed stores customers that nobody has asked for, for a measurement to have
// something to work on, all of them in one transaction. It checks none of the
// rules of the use cases. The changes get their places in the feed at once.
//
// It returns ErrExists, and has stored nothing, if an id or a pair of codes was
// used before.
func (s *Store) Seed(ctx context.Context, customers []Seeded) error {
	changes := 0
	for i := range customers {
		if len(customers[i].Changes) == 0 {
			return fmt.Errorf("%v is seeded without a change", &customers[i].Customer)
		}
		changes += len(customers[i].Changes)
	}
	return s.Write(ctx, func(t *Tx) error {
		last, err := one(t.conn, scanRevision, lockRevision, "feed")
		if err != nil {
			return err
		}
		entries := make([]feed.Place, 0, changes)
		history := make([]*billing.Change, 0, changes)
		for i := range customers {
			for rev := range customers[i].Changes {
				c := &customers[i].Changes[rev]
				history = append(history, c)
				entries = append(entries, feed.Place{
					Entry:    feed.Entry{Seq: last.rev + int64(len(history)), Scope: c.Scope, Rev: int64(rev + 1)},
					PlacedOn: c.On,
				})
			}
		}
		for _, insert := range []struct {
			rows *texts
			n    int
			args func(into []any, i int) []any
		}{
			{&seedCustomers, len(customers), func(into []any, i int) []any { return append(into, seededArgs(&customers[i])...) }},
			{&seedCodes, len(customers), func(into []any, i int) []any {
				c := &customers[i].Customer
				return append(into, c.OrgCode, c.UserID, c.ID.String())
			}},
			{&seedStems, len(customers), func(into []any, i int) []any {
				a := &customers[i].Agreement
				return append(into, stemText(a.ID), a.ID.String(), a.CustomerID.String())
			}},
			{&seedAgreements, len(customers), func(into []any, i int) []any {
				return append(into, agreementArgs(&customers[i].Agreement)...)
			}},
			{&seedChanges, changes, func(into []any, i int) []any {
				c, e := history[i], &entries[i]
				return append(into, e.Scope, e.Rev, instant(c.On), c.By, c.Kind, facts(c.Before), facts(c.After), e.Seq)
			}},
			{&seedFeed, changes, func(into []any, i int) []any {
				e := &entries[i]
				return append(into, e.Seq, e.Scope, e.Rev, "", instant(e.PlacedOn), e.Hash)
			}},
		} {
			if insert.rows == &seedFeed { // what it names is there by now
				if err := t.hash(entries, last.rev); err != nil {
					return err
				}
			}
			written, err := t.insertRows(insert.rows, insert.n, insert.args)
			if err != nil {
				return err
			}
			if written != int64(insert.n) {
				return billing.ErrExists
			}
		}
		if err := t.seedPacked(customers); err != nil {
			return err
		}
		return t.change(updateFeedLength, last.rev+int64(changes))
	})
}

// seedPacked makes the rows of packed facts.
func (t *Tx) seedPacked(customers []Seeded) error {
	if !t.packs {
		return nil
	}
	var rows [][2]any
	for i := range customers {
		s := &customers[i]
		f := billing.Facts{Customer: s.Customer, Agreements: []billing.Agreement{s.Agreement}}
		f.Customer.Rev, f.Customer.ChangedOn = int64(len(s.Changes)), s.Changes[len(s.Changes)-1].On
		if b := seal(&f, f.Customer.ChangedOn); b != nil {
			rows = append(rows, [2]any{s.Customer.ID.String(), b})
		}
	}
	_, err := t.insertRows(&seedPacked, len(rows), func(into []any, i int) []any { return append(into, rows[i][:]...) })
	return err
}

// seededArgs are the arguments of seedCustomer.
func seededArgs(s *Seeded) []any {
	last := s.Changes[len(s.Changes)-1].On
	return append(customerArgs(&s.Customer), instant(last), len(s.Changes))
}
