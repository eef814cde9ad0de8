package sqlstore

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/event"
	"github.com/allot-dev/allot/internal/feed"
)

const (
	insertEvent = `insert into events (customer_id, cause, kind, happened_on, actor, facts, features)
		values ($1, $2, $3, $4, $5, $6, $7) on conflict (customer_id, cause) do nothing`

	selectEvent = `select customer_id, cause, kind, happened_on, actor, facts, features
		from events where customer_id = $1 and cause = $2`

	selectChange = `select customer_id, customer_rev, happened_on, actor, kind, before_facts, after_facts
		from changes where customer_id = $1 and customer_rev = $2`

	selectDue = `select customer_id, told_on, due_on from dues where customer_id = $1`

	selectDues = `select customer_id, told_on, due_on from dues where due_on <= $1
		order by due_on, customer_id limit $2`

	insertDue = `insert into dues (customer_id, told_on, due_on) values ($1, $2, $3)
		on conflict (customer_id) do nothing`

	updateDue = `update dues set told_on = $2, due_on = $3 where customer_id = $1 and told_on = $4`

	insertUsageMark = `insert into marks (customer_id, feature_code, mark, reached_on) values ($1, $2, $3, $4)
		on conflict (customer_id, feature_code, mark) do nothing`

	deleteUsageMark = `delete from marks where customer_id = $1 and feature_code = $2 and mark = $3`

	selectUsageMarks = `select mark from marks where customer_id = $1 and feature_code = $2 order by mark`
)

var (
	selectSomeEvents  = manyLookups(selectEvent)
	selectSomeChanges = manyLookups(selectChange)
)

// Happenings is as service.EventReader says.
func (r *Reader) Happenings(scope billing.Scope, after int64, limit int) ([]event.Happening, error) {
	var entries []feed.Entry
	var err error
	if scope == "" {
		entries, err = r.Feed(after, limit)
	} else {
		entries, err = list(r.conn, scanFeedEntry, selectFeedOf, scope, after, limit)
	}
	if err != nil || len(entries) == 0 {
		return nil, err
	}
	return r.told(entries)
}

// HappeningsBefore is as service.EventReader says.
func (r *Reader) HappeningsBefore(scope billing.Scope, before int64, limit int) ([]event.Happening, error) {
	var entries []feed.Entry
	var err error
	if scope == "" {
		entries, err = list(r.conn, scanFeedEntry, selectFeedBefore, before, limit)
	} else {
		entries, err = list(r.conn, scanFeedEntry, selectFeedOfBefore, scope, before, limit)
	}
	if err != nil || len(entries) == 0 {
		return nil, err
	}
	return r.told(entries)
}

// Events is as service.EventReader says.
func (r *Reader) Events(from, before int64) ([]event.Happening, error) {
	entries, err := list(r.conn, scanFeedEntry, selectFeedEvents, from, before)
	if err != nil || len(entries) == 0 {
		return nil, err
	}
	return r.told(entries)
}

// told are what some places of the feed have.
func (r *Reader) told(entries []feed.Entry) ([]event.Happening, error) {
	var changed, happened []feed.Entry
	for _, e := range entries {
		if e.Event == "" {
			changed = append(changed, e)
		} else {
			happened = append(happened, e)
		}
	}
	changes, err := listRows(r.conn, scanChange, &selectSomeChanges, len(changed), func(into []any, i int) []any {
		return append(into, changed[i].Scope, changed[i].Rev)
	})
	if err != nil {
		return nil, err
	}
	events, err := listRows(r.conn, scanEvent, &selectSomeEvents, len(happened), func(into []any, i int) []any {
		return append(into, happened[i].Scope, happened[i].Event)
	})
	if err != nil {
		return nil, err
	}
	found := map[feed.Entry]event.Happening{}
	for i := range changes {
		c := &changes[i]
		found[feed.Entry{Scope: c.Scope, Rev: c.Rev}] = event.Happening{Change: c}
	}
	for i := range events {
		e := &events[i]
		found[feed.Entry{Scope: e.Scope, Event: e.Cause}] = event.Happening{Event: e}
	}
	all := make([]event.Happening, len(entries))
	for i, e := range entries {
		h, ok := found[feed.Entry{Scope: e.Scope, Rev: e.Rev, Event: e.Event}]
		if !ok {
			return nil, fmt.Errorf("place %d of the feed names what is not there: %s %d %q", e.Seq, e.Scope, e.Rev, e.Event)
		}
		h.Seq = e.Seq
		all[i] = h
	}
	return all, nil
}

func scanEvent(r row) (e event.Event, err error) {
	return e, r.Scan(&e.Scope, &e.Cause, &e.Type, (*instant)(&e.On), &e.By, (*facts)(&e.Facts), (*featureChanges)(&e.Features))
}

// AppendEvent is as service.EventTx says.
func (t *Tx) AppendEvent(e event.Event) (bool, error) {
	if e.Cause == "" {
		return false, errors.New("an event without a cause")
	}
	n, err := t.exec(insertEvent, e.Scope, e.Cause, e.Type, instant(e.On), e.By, facts(e.Facts), featureChanges(e.Features))
	if err != nil || n == 0 {
		return false, err
	}
	t.appended = append(t.appended, feed.Entry{Scope: e.Scope, Event: e.Cause})
	return true, nil
}

func scanDue(r row) (d event.Due, err error) {
	return d, r.Scan(customerColumn(&d.Customer), (*instant)(&d.ToldOn), (*end)(&d.DueOn))
}

// Due is as service.EventReader says.
func (r *Reader) Due(customer billing.CustomerID) (event.Due, error) {
	return one(r.conn, scanDue, selectDue, customer.String())
}

// Dues is as service.EventReader says.
func (r *Reader) Dues(at time.Time, limit int) ([]event.Due, error) {
	return list(r.conn, scanDue, selectDues, instant(at), limit)
}

// CreateDue is as service.EventTx says.
func (t *Tx) CreateDue(d event.Due) (bool, error) {
	n, err := t.exec(insertDue, d.Customer.String(), instant(d.ToldOn), end(d.DueOn))
	return n > 0, err
}

// MoveDue is as service.EventTx says.
func (t *Tx) MoveDue(from, to event.Due) (bool, error) {
	n, err := t.exec(updateDue, to.Customer.String(), instant(to.ToldOn), end(to.DueOn), instant(from.ToldOn))
	return n > 0, err
}

// Mark is as service.EventTx says.
func (t *Tx) Mark(customer billing.CustomerID, feature billing.Code, mark string, on time.Time) (bool, error) {
	n, err := t.exec(insertUsageMark, customer.String(), feature, mark, instant(on))
	return n > 0, err
}

// Unmark is as service.EventTx says.
func (t *Tx) Unmark(customer billing.CustomerID, feature billing.Code, mark string) error {
	_, err := t.exec(deleteUsageMark, customer.String(), feature, mark)
	return err
}

// Marks is as service.EventReader says.
func (r *Reader) Marks(customer billing.CustomerID, feature billing.Code) ([]string, error) {
	return list(r.conn, value[string], selectUsageMarks, customer.String(), feature)
}

// featureChanges are written as a JSON array.
type featureChanges []event.FeatureChange

// featureText is how one of them is written.
type featureText struct {
	Feature billing.Code `json:"feature"`
	Before  stateText    `json:"before"`
	After   stateText    `json:"after"`
}

type stateText struct {
	Entitled bool   `json:"entitled"`
	Limit    *int64 `json:"limit,omitempty"`
	Soft     bool   `json:"soft,omitempty"`
	Value    string `json:"value,omitempty"`
}

// Value implements [driver.Valuer].
func (c featureChanges) Value() (driver.Value, error) {
	all := make([]featureText, len(c))
	for i := range c {
		all[i] = featureText{c[i].Feature, stateText(c[i].Before), stateText(c[i].After)}
	}
	return marshal(all)
}

// Scan implements [sql.Scanner].
func (c *featureChanges) Scan(v any) error {
	*c = nil
	var all []featureText
	if err := unmarshal(v, &all); err != nil {
		return err
	}
	for i := range all {
		*c = append(*c, event.FeatureChange{Feature: all[i].Feature, Before: event.FeatureState(all[i].Before), After: event.FeatureState(all[i].After)})
	}
	return nil
}
