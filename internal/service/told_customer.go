package service

import (
	"errors"
	"math"
	"slices"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/event"
)

// telling is what is to be told of one customer.
type telling struct {
	none     bool // nothing: there is no such customer
	known    bool // it has a due, which is from
	from, to event.Due
	events   []event.Event
}

// read works out what is to be told of a customer: of each moment since all was told,
// from the facts as they were known then. So it does not matter when it is told, nor how
// the time since is divided.
func (t *Teller) read(r Reader, begun *event.Telling, a ask, upTo time.Time) (out telling, err error) {
	from, err := t.since(r, begun, a, &out)
	if err != nil || out.known && !a.anyway && (out.from.DueOn.IsZero() || out.from.DueOn.After(upTo)) {
		return telling{none: true}, err // another node has told
	}
	facts, err := r.Facts(a.customer, from)
	if errors.Is(err, billing.ErrNotFound) {
		return telling{none: true}, nil
	}
	if err != nil {
		return out, err
	}
	if !out.known { // who was made since is told of from the making on
		from = latest(from, facts.Customer.CreatedOn.Add(-time.Microsecond))
	}
	to := latest(upTo, facts.Customer.ChangedOn, from.Add(time.Microsecond)) // so that each telling moves the due
	if a.rev > 0 {
		if from, err = beforeChange(r, a, from, begun.BegunOn); err != nil {
			return out, err
		}
	}
	w := &walk{r: r, teller: t, begun: begun}
	if err := w.open(facts, from); err != nil {
		return out, err
	}
	out.to = event.Due{Customer: a.customer}
	out.to.ToldOn, out.to.DueOn, err = w.run(from, to)
	out.events = w.events
	return out, err
}

// since is up to when all is told of a customer: what was there before the telling began
// counts as told.
func (t *Teller) since(r Reader, begun *event.Telling, a ask, out *telling) (time.Time, error) {
	due, err := r.Due(a.customer)
	if errors.Is(err, billing.ErrNotFound) {
		return begun.BegunOn, nil
	}
	out.known, out.from = err == nil, due
	return due.ToldOn, err
}

// beforeChange is just before a change that may have come after its instant was told.
func beforeChange(r Reader, a ask, from, begun time.Time) (time.Time, error) {
	changes, err := r.Changes(a.customer.Scope(), a.rev-1, 1)
	if err != nil || len(changes) == 0 || changes[0].On.After(from) {
		return from, err
	}
	return latest(changes[0].On.Add(-time.Microsecond), begun), nil
}

// walk goes through a customer's moments.
type walk struct {
	r      Reader
	teller *Teller
	begun  *event.Telling
	now    *billing.Customer

	facts   *billing.Snapshot // as known at the moment that the walk has come to
	changes []changedOn       // to come
	events  []event.Event
}

// changedOn is an instant at which a customer was changed.
type changedOn struct {
	on       time.Time
	rev      int64 // of the last change
	by       billing.Actor
	imported bool
}

// open begins at an instant with the facts that had not ended then, as they are now.
func (w *walk) open(facts billing.Facts, from time.Time) error {
	w.now = &facts.Customer
	if w.now.ChangedOn.After(from) {
		if err := w.readChanges(from); err != nil {
			return err
		}
		return w.know(from)
	}
	catalog, err := w.r.Catalog()
	if err != nil {
		return err
	}
	w.facts, err = withPools(w.r, &billing.Snapshot{Catalog: catalog, Facts: facts}, from)
	return err
}

// readChanges reads when the customer was changed after an instant.
func (w *walk) readChanges(from time.Time) error {
	const batch = 200
	for before := int64(math.MaxInt64); ; {
		changes, err := w.r.ChangesBefore(w.now.ID.Scope(), before, batch)
		if err != nil {
			return err
		}
		for i := range changes {
			c := &changes[i]
			if !c.On.After(from) {
				changes = changes[:i]
				break
			}
			before = c.Rev
			if n := len(w.changes); n == 0 || !w.changes[n-1].on.Equal(c.On) {
				w.changes = append(w.changes, changedOn{on: c.On, rev: c.Rev, by: c.By})
			}
			last := &w.changes[len(w.changes)-1]
			last.imported = last.imported || c.Imports()
		}
		if len(changes) < batch {
			slices.Reverse(w.changes)
			return nil
		}
	}
}

// know makes the facts those that were known at an instant. History that was brought along
// later is not among them.
func (w *walk) know(at time.Time) error {
	catalog, err := w.r.Catalog()
	if err != nil {
		return err
	}
	snap, err := readThen(w.r, &billing.Snapshot{Catalog: catalog, Facts: billing.Facts{Customer: *w.now}}, at)
	if err != nil {
		return err
	}
	if snap, err = withPools(w.r, snap, at); err != nil {
		return err
	}
	snap.Agreements = slices.DeleteFunc(slices.Clone(snap.Agreements), func(a billing.Agreement) bool { return a.CreatedOn.After(at) })
	w.facts = snap
	return nil
}

// run goes on to an instant, or until it has told of many moments. It answers up to when
// all is told then, and when the next is due.
func (w *walk) run(from, to time.Time) (told, due time.Time, err error) {
	for range tellMoments {
		at, changed := w.next(from)
		if at.IsZero() || at.After(to) {
			return to, at, nil
		}
		if err := w.moment(at, changed); err != nil {
			return told, due, err
		}
		from = at
	}
	due, _ = w.next(from)
	return from, due, nil
}

// next is the first moment after another, and the change that makes it one.
func (w *walk) next(after time.Time) (time.Time, *changedOn) {
	at := event.Next(w.facts, after, w.resets())
	if len(w.changes) > 0 {
		if c := &w.changes[0]; at.IsZero() || !c.on.After(at) {
			return c.on, c
		}
	}
	return at, nil
}

func (w *walk) resets() bool { return w.teller.Resets }

// moment tells of one.
func (w *walk) moment(at time.Time, changed *changedOn) error {
	m := event.Moment{On: at, Before: w.facts, Resets: w.resets() && at.After(w.begun.ResetsOn)}
	if err := w.graces(&m); err != nil {
		return err
	}
	if changed != nil {
		m.Rev, m.By, m.Imported = changed.rev, changed.by, changed.imported
		if err := w.know(at); err != nil {
			return err
		}
		w.changes = w.changes[1:]
	}
	m.After = w.facts
	w.events = append(w.events, m.Events()...)
	return nil
}

// graces finds out of which features that end at a moment a grace was in force, by what
// was used then as it was known then.
func (w *walk) graces(m *event.Moment) error {
	before := m.On.Add(-time.Microsecond)
	for _, code := range m.Graces() {
		al := m.Before.Allowance(m.Before.Catalog.Features[code], before)
		own := al.Limit.Max
		d, err := decidedPast(w.r, m.Before, &al, before, false)
		if err != nil {
			return err
		}
		if own != nil && (d.Limit.Max == nil || *d.Limit.Max > *own) {
			if m.Over == nil {
				m.Over = map[billing.Code]bool{}
			}
			m.Over[code] = true
		}
	}
	return nil
}
