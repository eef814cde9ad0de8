package sqlstore

import (
	"errors"
	"fmt"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/event"
	"github.com/allot-dev/allot/internal/service"
)

const (
	selectSearch = `select search from customers where customer_id = $1`

	// A mark is noted with its event, which is told once of each cause.
	selectStrayMarks = `select feature_code || ' ' || mark from marks where customer_id = $1 and not exists (
		select 1 from events as e where e.customer_id = $1 and (
			e.cause = '` + string(event.LimitReached) + ` ' || feature_code || ' ' || replace(mark, ' refused', '')
			or e.cause = '` + string(event.ThresholdReached) + ` ' || feature_code || ' ' || mark
			or substr(e.cause, 1, length(feature_code) + length(mark) + ` + lengthReached + `) = '` + string(event.ThresholdReached) + ` ' || feature_code || ' ' || mark || ' '))
		order by feature_code, mark limit $2`
	lengthReached = `26` // of the type of threshold events, and three blanks

	// A twin has its own record with it.
	selectLoneTwins = `select record_id from record_links where customer_id = $1 and of_record <> ''
		and of_record not in (select record_id from records where customer_id = $1) order by record_id limit $2`

	selectClockRepairs = `select count(*) from changes where customer_id = $1 and kind = '` + string(billing.ClockRepaired) + `'`

	// Where the last change of a customer is in the feed, if it is there.
	selectLastSeq = `select coalesce(seq, 0) from changes where customer_id = $1
		and customer_rev = (select rev from customers where customer_id = $1)`
)

// DerivedDamage is as service.CustomerReader says.
func (r *Reader) DerivedDamage(id billing.CustomerID, now time.Time) (found []string, err error) {
	customer, err := r.Customer(id)
	if err != nil {
		return nil, err
	}
	search, err := one(r.conn, value[string], selectSearch, id.String())
	if err != nil {
		return nil, err
	}
	want := searchText(&customer)
	// The version before had no external ids there.
	if search != want && (customer.ExternalID != "" || search+"\x1f" != want) {
		found = append(found, "what the customer is found by is not what its codes and names say")
	}
	for _, of := range []struct{ query, says string }{
		{selectStrayMarks, "the mark %q is of usage that no event tells of"},
		{selectLoneTwins, "usage record %q burns what another used that is not there"},
	} {
		names, err := list(r.conn, value[string], of.query, id.String(), mostDamage)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			found = append(found, fmt.Sprintf(of.says, name))
		}
	}
	late, err := r.dueDamage(&customer, now)
	if late != "" {
		found = append(found, late)
	}
	return found, err
}

// aheadOfTold is how far a node may be ahead of whoever asks up to when is told.
const aheadOfTold = time.Hour

// dueDamage says why nobody is told of what time causes of a customer, if so.
func (r *Reader) dueDamage(c *billing.Customer, now time.Time) (string, error) {
	told, err := r.Telling()
	if errors.Is(err, billing.ErrNotFound) || err == nil && !told.Walked || !c.DeletedOn.IsZero() {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	due, err := r.Due(c.ID)
	if err == nil {
		if due.ToldOn.After(later(now, c.ChangedOn).Add(aheadOfTold)) {
			return fmt.Sprintf("what time causes is said to be told up to %s, which has not come", due.ToldOn.Format(time.RFC3339)), nil
		}
		return r.dueOtherwise(c, &due)
	}
	if !errors.Is(err, billing.ErrNotFound) {
		return "", err
	}
	if passed, err := r.toldOfLast(c); err != nil || !passed {
		return "", err
	}
	return "nobody looks when time causes something of the customer", nil
}

// toldOfLast reports whether who tells has gone by the last change of a customer.
func (r *Reader) toldOfLast(c *billing.Customer) (bool, error) {
	place, err := r.Place(event.Moments)
	if err != nil {
		return false, ignoreNotFound(err)
	}
	seq, err := one(r.conn, value[int64], selectLastSeq, c.ID.String())
	return err == nil && seq > 0 && seq <= place, ignoreNotFound(err) // a change that is not there is named elsewhere
}

// dueOtherwise says whether time causes something of a customer before anybody looks. Who is
// yet to be told of a change looks then.
func (r *Reader) dueOtherwise(c *billing.Customer, due *event.Due) (string, error) {
	if c.ChangedOn.After(due.ToldOn) {
		return "", nil
	}
	catalog, err := r.Catalog()
	if err != nil {
		return "", err
	}
	facts, err := r.Facts(c.ID, due.ToldOn)
	if err != nil {
		return "", err
	}
	snap := &billing.Snapshot{Catalog: catalog, Facts: facts}
	if !service.IsWhole(snap) {
		return "", nil
	}
	next := event.Next(snap, due.ToldOn, false)
	if next.IsZero() || !due.DueOn.IsZero() && !due.DueOn.After(next) {
		return "", nil
	}
	if passed, err := r.toldOfLast(c); err != nil || !passed {
		return "", err
	}
	// What a repair of the clock moves is told of by when it was to be, too.
	if repaired, err := one(r.conn, value[int64], selectClockRepairs, c.ID.String()); err != nil || repaired > 0 {
		return "", err
	}
	return fmt.Sprintf("what time causes on %s is looked for later than it happens", next.Format(time.RFC3339)), nil
}

func ignoreNotFound(err error) error {
	if errors.Is(err, billing.ErrNotFound) {
		return nil
	}
	return err
}
