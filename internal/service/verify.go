package service

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/allot-dev/allot/internal/billing"
)

// Drift is something in the store that contradicts something else there.
type Drift struct {
	Customer billing.CustomerID
	Message  string
}

// Verify recomputes every counter from the records and checks the invariants of
// this package, customer by customer, each in one consistent state, so that a
// server may go on beside it. It calls report for what it finds and answers how
// many customers and counters it went through.
func (s *Service) Verify(ctx context.Context, report func(Drift)) (customers, counters int, err error) {
	const batch = 200
	var after billing.CustomerID
	for {
		var ids []billing.CustomerID
		err := s.Store.View(ctx, func(r Reader) error {
			var err error
			ids, err = r.CustomerIDs(after, batch)
			return err
		})
		if err != nil || len(ids) == 0 {
			return customers, counters, err
		}
		for _, id := range ids {
			err := s.Store.View(ctx, func(r Reader) error {
				n, err := verifyCustomer(r, id, report)
				counters += n
				return err
			})
			if err != nil {
				return customers, counters, err
			}
			customers++
		}
		after = ids[len(ids)-1]
	}
}

func verifyCustomer(r Reader, id billing.CustomerID, report func(Drift)) (int, error) {
	drift := func(format string, args ...any) { report(Drift{id, fmt.Sprintf(format, args...)}) }
	counters, err := r.Counters(id)
	if err != nil {
		return 0, err
	}
	for _, c := range counters {
		sum, err := r.SumUsage(id, c.Feature, c.Window, time.Time{})
		if err != nil {
			return 0, err
		}
		if sum != c.Used {
			drift("the counter of %s for %s says %s, its records sum to %s", c.Feature, written(c.Window), c.Used, sum)
		}
	}
	customer, err := r.Customer(id)
	if err != nil {
		return 0, err
	}
	if customer.ExternalID != "" && customer.DeletedOn.IsZero() {
		if of, err := r.CustomerByExternalID(customer.ExternalID); isNotFound(err) || err == nil && of != id {
			drift("the directory does not have the customer's external id as its own")
		} else if err != nil {
			return 0, err
		}
	}
	var plans []billing.Agreement
	err = eachAgreement(r.AgreementReader, id, func(a billing.Agreement) {
		if !a.ExpiresOn.IsZero() && a.ExpiresOn.Before(a.StartsOn) {
			drift("agreement %s ends before it starts", a.ID)
		}
		plans = append(plans, a)
	})
	if err != nil {
		return 0, err
	}
	verifySlots(plans, drift)
	changes, err := r.Changes(id.Scope(), customer.Rev-1, 2)
	if err != nil {
		return 0, err
	}
	if len(changes) != 1 || changes[0].Rev != customer.Rev {
		drift("the customer is at revision %d, which is not that of its last change", customer.Rev)
	}
	overrides, err := r.Overrides(id, farPast)
	if err != nil {
		return 0, err
	}
	facts := billing.Facts{Customer: customer, Agreements: plans, Overrides: overrides}
	differences, err := facts.LogDiffers(eachChange(r.LogReader, id))
	if err != nil {
		return 0, err
	}
	for _, message := range differences {
		drift("%s", message)
	}
	return len(counters), nil
}

// verifySlots finds agreements that live at the same time in one place.
func verifySlots(agreements []billing.Agreement, drift func(format string, args ...any)) {
	slices.SortFunc(agreements, func(a, b billing.Agreement) int { return a.StartsOn.Compare(b.StartsOn) })
	last := make(map[billing.Code]billing.Agreement)
	for _, a := range agreements {
		if before, ok := last[a.Slot()]; ok && (before.ExpiresOn.IsZero() || before.ExpiresOn.After(a.StartsOn)) && !emptyLife(&a) {
			drift("agreements %s and %s to %s live at the same time", before.ID, a.ID, a.Plan)
		}
		if !emptyLife(&a) {
			last[a.Slot()] = a
		}
	}
}

// eachChange goes over all changes of a customer in their order. What it ends with
// may be an error.
func eachChange(r LogReader, id billing.CustomerID) iter.Seq2[billing.Change, error] {
	return func(yield func(billing.Change, error) bool) {
		for after := int64(0); ; {
			changes, err := r.Changes(id.Scope(), after, pastBatch)
			if err != nil {
				yield(billing.Change{}, err)
				return
			}
			for i := range changes {
				if after = changes[i].Rev; !yield(changes[i], nil) {
					return
				}
			}
			if len(changes) < pastBatch {
				return
			}
		}
	}
}

func emptyLife(a *billing.Agreement) bool {
	return !a.ExpiresOn.IsZero() && !a.ExpiresOn.After(a.StartsOn)
}

// farPast is before everything that ends.
var farPast = time.UnixMicro(-1 << 55).UTC()

// farFuture is after everything that starts.
var farFuture = time.UnixMicro(1 << 61).UTC()

// eachAgreement goes over all agreements of a customer, ascending by id.
func eachAgreement(r AgreementReader, id billing.CustomerID, fn func(billing.Agreement)) error {
	for page := (Page[billing.AgreementID]{Size: 500}); ; {
		list, more, err := r.AgreementHistory(id, farFuture, page)
		for _, a := range list {
			fn(a)
		}
		if err != nil || !more {
			return err
		}
		page.After = &list[len(list)-1].ID
	}
}

// written is a window for a reader.
func written(w billing.Window) string {
	if w.AllTime() {
		return "all time"
	}
	return w.Start.Format(time.RFC3339) + " to " + w.End.Format(time.RFC3339)
}
