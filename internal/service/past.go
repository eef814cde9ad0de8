package service

import (
	"slices"
	"time"

	"github.com/allot-dev/allot/internal/billing"
)

// readThen is a customer's facts at an instant as they were known then.
func readThen(r Reader, now *billing.Snapshot, at time.Time) (*billing.Snapshot, error) {
	facts, err := billing.FactsThen(&r, &now.Customer, at)
	return &billing.Snapshot{Catalog: now.Catalog, Facts: facts}, err
}

// readPast is a customer's facts at an instant as they are known now. What was
// decided of the customer itself counted from when it was.
func readPast(r Reader, now *billing.Snapshot, at time.Time) (*billing.Snapshot, error) {
	past := *now
	id := now.Customer.ID
	var err error
	if past.Agreements, err = r.Agreements(id, at); err != nil {
		return nil, err
	}
	// One that ended as it began never lived.
	past.Agreements = slices.DeleteFunc(past.Agreements, func(a billing.Agreement) bool { return a.Ended(a.StartsOn) })
	if past.Overrides, err = r.Overrides(id, at); err != nil {
		return nil, err
	}
	past.Overrides = slices.DeleteFunc(past.Overrides, func(o billing.Override) bool { return o.StartsOn.After(at) })
	if past.Grants, err = r.Grants(id, at); err != nil {
		return nil, err
	}
	for i := range past.Grants { // what was voided since was not then
		g := &past.Grants[i]
		if g.EndedOn.After(at) {
			g.EndedOn = time.Time{}
		}
		if g.ClawedBackOn.After(at) {
			g.ClawedBackOn = time.Time{}
		}
	}
	then, err := billing.FactsThen(&r, &now.Customer, at)
	if err != nil {
		return nil, err
	}
	past.Customer.Status = then.Customer.Status
	return &past, nil
}

// usagePast is what was used and held of an allowance at an instant, also in the windows
// of its caps: as it was known then, or as it is known now.
func usagePast(r Reader, id billing.CustomerID, al *billing.Allowance, at time.Time, knownNow bool) (used, held billing.Units, err error) {
	if al.Feature.Type != billing.Metered {
		return 0, 0, nil
	}
	in := func(w billing.Window) (used, held billing.Units, err error) {
		return windowPast(r, id, al.Feature.Code, w, at, knownNow)
	}
	if err := fillCaps(al, in); err != nil {
		return 0, 0, err
	}
	return in(al.Window)
}

// windowPast is what was used and held in a window of a feature.
func windowPast(r Reader, id billing.CustomerID, code billing.Code, w billing.Window, at time.Time, knownNow bool) (used, held billing.Units, err error) {
	if !knownNow {
		if held, err = r.HeldUnits(id, code, w, at, at); err != nil {
			return 0, 0, err
		}
		used, err = r.SumUsage(id, code, w, at)
		return used, held, err
	}
	if held, err = r.UnconfirmedUnits(id, code, w, at); err != nil {
		return 0, 0, err
	}
	if until := at.Add(time.Microsecond); w.End.IsZero() || until.Before(w.End) {
		w.End = until
	}
	used, err = r.SumUsage(id, code, w, time.Time{})
	return max(used, 0), held, err
}
