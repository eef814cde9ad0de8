package billing

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// pastFacts answers what the facts of an instant are made from. Every reader of a store
// is one.
type pastFacts interface {
	// Image is the last image at or before an instant. The error is [ErrNotFound] if
	// there is none.
	Image(customer CustomerID, at time.Time) (Change, error)
	// Changes are those of a scope with Rev > after, ascending, at most limit.
	Changes(scope Scope, after int64, limit int) ([]Change, error)
	// ChangesBefore are those of a scope with Rev < before, descending, at most limit.
	ChangesBefore(scope Scope, before int64, limit int) ([]Change, error)
	// Agreements and Overrides are those that have not ended at an instant.
	Agreements(customer CustomerID, at time.Time) ([]Agreement, error)
	Overrides(customer CustomerID, at time.Time) ([]Override, error)
	// Grants are those that were not set aside at an instant, as they are now.
	Grants(customer CustomerID, at time.Time) ([]Grant, error)
	// Imported are the agreements of origin import made after an instant, ascending by
	// CreatedOn, that end after it, as they are now.
	Imported(customer CustomerID, at time.Time) ([]Agreement, error)
}

// How many changes are read of the log at once: going on from an image there are hardly
// more than imageEvery to the next.
const (
	redoBatch = imageEvery + 1
	undoBatch = 200
)

// FactsThen are the facts of a customer as they were known at an instant, made from the
// record of now: the last image before it and the changes since, however long the log
// is. Where these say too little, as programs of an older version wrote some fields
// only, all changes after the instant are undone from the rows of now. An import stands
// as if it had always been there, as it was made. What the log leaves out of a row, such
// as metadata, may be missing.
func FactsThen(r pastFacts, now *Customer, at time.Time) (Facts, error) {
	if now.ChangedOn.After(at) {
		f, err := redone(r, now, at)
		if !errors.Is(err, errPartial) {
			return f, err
		}
	}
	return undone(r, now, at)
}

// redone is [FactsThen] from an image or the making of the customer; the error is
// errPartial if the log says too little.
func redone(r pastFacts, now *Customer, at time.Time) (Facts, error) {
	f := Facts{Customer: *now}
	f.Customer.CreatedOn = time.Time{}
	var after int64
	image, err := r.Image(now.ID, at)
	if err == nil {
		after, err = image.Rev, f.redo(&image)
	} else if errors.Is(err, ErrNotFound) {
		err = nil
	}
	if err != nil {
		return f, err
	}
	for done := false; !done; {
		changes, err := r.Changes(now.ID.Scope(), after, redoBatch)
		if err != nil {
			return f, err
		}
		done = len(changes) < redoBatch
		for i := range changes {
			c := &changes[i]
			// The customer was from the first, though it is asked of an instant before.
			if c.On.After(at) && !f.Customer.CreatedOn.IsZero() {
				done = true
				break
			}
			if err := f.redo(c); err != nil {
				return f, fmt.Errorf("change %d of %v: %w", c.Rev, c.Scope, err)
			}
			after = c.Rev
		}
	}
	if f.Customer.CreatedOn.IsZero() { // there is no log
		return f, errPartial
	}
	if err := f.bring(r, at); err != nil {
		return f, err
	}
	f.order(at)
	return f, nil
}

// bring adds the agreements that were imported after an instant, each as the change
// that made it says.
func (f *Facts) bring(r pastFacts, at time.Time) error {
	imported, err := r.Imported(f.Customer.ID, at)
	if err != nil {
		return err
	}
	made := map[string]map[string]string{}
	var after int64
	for i := range imported {
		a := &imported[i]
		if made[a.ID.String()] == nil {
			// What is made at an instant is made by a change of that instant.
			image, err := r.Image(f.Customer.ID, a.CreatedOn.Add(-time.Microsecond))
			if err != nil && !errors.Is(err, ErrNotFound) {
				return err
			}
			after = max(after, image.Rev)
		}
		for made[a.ID.String()] == nil {
			changes, err := r.Changes(f.Customer.ID.Scope(), after, redoBatch)
			if err != nil {
				return err
			}
			if len(changes) == 0 || changes[0].On.After(a.CreatedOn) {
				return errPartial
			}
			for j := range changes {
				if c := &changes[j]; c.Kind == AgreementCreated {
					made[c.After["agreement_id"]] = c.After
				}
			}
			after = changes[len(changes)-1].Rev
		}
		as, err := parseAgreement(made[a.ID.String()])
		if err != nil {
			return err
		}
		f.putAgreement(as)
	}
	return nil
}

// undone is [FactsThen] from the rows of now.
func undone(r pastFacts, now *Customer, at time.Time) (f Facts, err error) {
	f.Customer = *now
	if f.Agreements, err = r.Agreements(now.ID, at); err != nil {
		return f, err
	}
	if f.Overrides, err = r.Overrides(now.ID, at); err != nil {
		return f, err
	}
	if f.Grants, err = r.Grants(now.ID, at); err != nil {
		return f, err
	}
	later := now.ChangedOn.After(at)
	for before := int64(math.MaxInt64); later; {
		changes, err := r.ChangesBefore(now.ID.Scope(), before, undoBatch)
		if err != nil {
			return f, err
		}
		later = len(changes) == undoBatch
		for i := range changes {
			c := &changes[i]
			// Their instants do not go back, so the walk ends at the first that is not later.
			if !c.On.After(at) {
				later = false
				break
			}
			if err := f.undo(c); err != nil {
				return f, fmt.Errorf("change %d of %v: %w", c.Rev, c.Scope, err)
			}
			before = c.Rev
		}
	}
	f.order(at)
	return f, nil
}
