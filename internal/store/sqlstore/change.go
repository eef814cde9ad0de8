package sqlstore

import (
	"errors"
	"fmt"
	"time"

	signin "github.com/allot-dev/allot/internal/admin/signin/record"
	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/feed"
	"github.com/allot-dev/allot/internal/oauth/record"
)

const (
	selectCustomerRevision = `select rev, changed_on from customers where customer_id = $1`

	selectRevisionOf = `select coalesce((select rev from revisions where name = 'catalog'), 0), rev
		from customers where customer_id = $1`

	// The instant of a scope's last change never goes back, not even if a clock
	// did: the order of the feed rests on it.
	bumpRevision = `update revisions set rev = rev + 1,
		changed_on = case when changed_on > $2 then changed_on else $2 end
		where name = $1 returning rev, changed_on`

	bumpCustomer = `update customers set rev = rev + 1,
		changed_on = case when changed_on > $2 then changed_on else $2 end
		where customer_id = $1 returning rev, changed_on`

	insertChange = `insert into changes
		(customer_id, customer_rev, happened_on, actor, kind, before_facts, after_facts)
		values ($1, $2, $3, $4, $5, $6, $7)`

	selectChanges = `select customer_id, customer_rev, happened_on, actor, kind, before_facts, after_facts
		from changes where customer_id = $1 and customer_rev > $2 order by customer_rev limit $3`

	// Revision 0 is no change: see adopt.go.
	selectChangesBefore = `select customer_id, customer_rev, happened_on, actor, kind, before_facts, after_facts
		from changes where customer_id = $1 and customer_rev < $2 and customer_rev > 0 order by customer_rev desc limit $3`

	upsertLease = `insert into leases (name, holder, held_until) values ($1, $2, $3)
		on conflict (name) do update set holder = excluded.holder, held_until = excluded.held_until
		where leases.holder = excluded.holder or leases.held_until <= $4`

	selectLease = `select holder from leases where name = $1 and held_until > $2`

	selectPlace = `select place from followers where name = $1`

	upsertPlace = `insert into followers (name, place) values ($1, $2)
		on conflict (name) do update set place = excluded.place`
)

// isShared reports whether a scope's revision is kept in the table of revisions
// and not with a customer.
func isShared(s billing.Scope) bool {
	return s == billing.ScopeCatalog || s == record.ScopeClients || s == record.ScopeKeys || s == signin.ScopeAdministrators
}

// Revision is as service.LogReader says.
func (r *Reader) Revision(scope billing.Scope) (int64, error) {
	query := selectCustomerRevision
	if isShared(scope) {
		query = selectRevision
	}
	v, err := one(r.conn, scanRevision, query, scope)
	if errors.Is(err, billing.ErrNotFound) {
		return 0, nil
	}
	return v.rev, err
}

// RevisionOf is as service.LogReader says.
func (r *Reader) RevisionOf(customer billing.CustomerID) (billing.Revision, error) {
	rev, err := one(r.conn, scanRevisionOf, selectRevisionOf, customer.String())
	if !errors.Is(err, billing.ErrNotFound) {
		return rev, err
	}
	rev.Catalog, err = r.Revision(billing.ScopeCatalog)
	return rev, err
}

func scanRevisionOf(r row) (rev billing.Revision, err error) {
	return rev, r.Scan(&rev.Catalog, &rev.Customer)
}

// Changes is as service.LogReader says.
func (r *Reader) Changes(scope billing.Scope, after int64, limit int) ([]billing.Change, error) {
	return list(r.conn, scanChange, selectChanges, scope, after, limit)
}

// ChangesBefore is as service.LogReader says.
func (r *Reader) ChangesBefore(scope billing.Scope, before int64, limit int) ([]billing.Change, error) {
	return list(r.conn, scanChange, selectChangesBefore, scope, before, limit)
}

func scanChange(r row) (c billing.Change, err error) {
	err = r.Scan(&c.Scope, &c.Rev, (*instant)(&c.On), &c.By, &c.Kind, (*facts)(&c.Before), (*facts)(&c.After))
	return c, err
}

// AppendChange is as service.LogTx says.
func (t *Tx) AppendChange(c billing.Change) (int64, error) {
	bump := bumpRevision
	var customer billing.CustomerID
	switch {
	case c.Scope == billing.ScopeCatalog:
		if t.lockedCatalog == nil {
			return 0, errors.New("a change of the catalog is appended without its lock")
		}
		t.catalogTouched, t.catalogPut = true, false
	case !isShared(c.Scope):
		id, err := billing.ParseID[billing.CustomerID](string(c.Scope))
		if err != nil {
			return 0, fmt.Errorf("scope of a change: %w", err)
		}
		if err := t.requireLock(id); err != nil {
			return 0, err
		}
		bump, customer = bumpCustomer, id
	}
	v, err := one(t.conn, scanRevision, bump, c.Scope, instant(c.On))
	if err != nil {
		return 0, err
	}
	if _, err := t.exec(insertChange, c.Scope, v.rev, instant(v.changedOn), c.By, c.Kind,
		facts(c.Before), facts(c.After)); err != nil {
		return 0, err
	}
	t.appended = append(t.appended, feed.Entry{Scope: c.Scope, Rev: v.rev})
	if bump != bumpCustomer {
		return v.rev, nil
	}
	t.changed[customer] = v.changedOn
	return v.rev, t.moveLanes(c.Scope, v.rev)
}

// Lease is as feed.Tx says.
func (t *Tx) Lease(name, holder string, now, until time.Time) (bool, error) {
	n, err := t.exec(upsertLease, name, holder, instant(until), instant(now))
	return n > 0, err
}

// LeasedTo implements [feed.Reader].
func (r *Reader) LeasedTo(name string, now time.Time) (string, error) {
	holder, err := one(r.conn, value[string], selectLease, name, instant(now))
	if errors.Is(err, billing.ErrNotFound) {
		return "", nil
	}
	return holder, err
}

// Place implements [feed.Reader].
func (r *Reader) Place(follower string) (int64, error) {
	place, err := one(r.conn, value[int64], selectPlace, follower)
	if errors.Is(err, billing.ErrNotFound) {
		return 0, nil
	}
	return place, err
}

// PutPlace implements [feed.Tx].
func (t *Tx) PutPlace(follower string, place int64) error {
	_, err := t.exec(upsertPlace, follower, place)
	return err
}
