package service

import (
	"errors"
	"slices"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/usage"
)

// keepsFolded refuses agreements whose windows would part what is folded. Windows
// count from the one that contains an agreement's start; so of one that begins now it
// is that window's start, where its anchor is of another time of day than any
// before, or it is some hours long. A new time zone needs no such care: it moves no
// boundary that is past.
//
// The error is HISTORY_FOLDED.
func (u *Work) keepsFolded(b *billing.Book, created []billing.Agreement) error {
	// Nothing younger is ever folded, and no more is known of when it was.
	until := b.Now.Add(-AnswerLifetime)
	for i := range created {
		a := &created[i]
		if a.StartsOn.After(b.Now) {
			continue // until then more is folded, of which its windows are known
		}
		for _, item := range b.Terms(a).Items {
			feature := b.Catalog.Features[item.Feature]
			if feature.Type != billing.Metered {
				continue
			}
			al := b.Allowance(feature, a.StartsOn)
			brought := []windows{{feature.Code, al.Window, al.WindowAt}}
			for i := range al.Caps {
				at := func(t time.Time) billing.Window { return al.CapWindowAt(i, t) }
				brought = append(brought, windows{feature.Code, al.Caps[i].Window, at})
			}
			for _, w := range brought {
				if err := u.partsFolded(b, a, &w, until); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// windows are those of a feature, from the first that is of account.
type windows struct {
	feature billing.Code
	first   billing.Window
	at      func(time.Time) billing.Window // the one that contains an instant
}

// mostParted bounds how many windows of an agreement that began in the past are
// looked at: those after them begin at the same times of day.
const mostParted = 1000

// partsFolded is an error if a window that an agreement brings to a feature begins
// within a folded record.
func (u *Work) partsFolded(b *billing.Book, a *billing.Agreement, brought *windows, until time.Time) error {
	if first := brought.first; first.AllTime() || !first.Start.Before(until) {
		return nil
	}
	const someDays = 2 * 24 * time.Hour // more than a folded record spans
	folded, err := u.anyFolded(a.CustomerID, brought.feature, brought.first.Start.Add(-someDays), until)
	if err != nil || !folded {
		return err
	}
	all, err := agreementHistory(u.tx.Reader(), a.CustomerID, b.Now)
	if err != nil {
		return err
	}
	for w, n := brought.first, 0; w.Start.Before(until) && n < mostParted; w, n = brought.at(w.End), n+1 {
		// What was had when this was folded, at the earliest.
		had := func(on time.Time) bool { return !on.After(w.Start.Add(AnswerLifetime)) }
		customer := b.Customer
		customer.Zones = slices.Clone(customer.Zones)
		for len(customer.Zones) > 1 && !had(customer.Zones[len(customer.Zones)-1].From) {
			customer.Zones = customer.Zones[:len(customer.Zones)-1]
		}
		history := slices.DeleteFunc(slices.Clone(all), func(old billing.Agreement) bool { return old.ID == a.ID || !had(old.CreatedOn) })
		stretch := cutsOf(b.Catalog, &customer, history, brought.feature).Around(w.Start)
		if stretch.Start.Equal(w.Start) {
			continue
		}
		folded, err := u.anyFolded(a.CustomerID, brought.feature, stretch.Start, w.Start)
		if err != nil {
			return err
		}
		if folded {
			return billing.Conflict.Errorf("HISTORY_FOLDED",
				"usage of %s is kept by the day around %s, where a window would begin: an anchor at the time of day of an earlier one, or of now, would do",
				brought.feature, w.Start.Format(time.RFC3339))
		}
	}
	return nil
}

// anyFolded reports whether there are folded records of a feature that count in a
// span of time.
func (u *Work) anyFolded(id billing.CustomerID, feature billing.Code, from, to time.Time) (bool, error) {
	page := Page[UsageCursor]{Size: 100} // folding takes the oldest first
	records, _, err := u.tx.UsageRecords(id, feature, from, to, page)
	if errors.Is(err, billing.ErrNotFound) {
		return false, nil
	}
	return slices.ContainsFunc(records, func(r usage.Record) bool { return r.Kind == usage.Folded }), err
}
