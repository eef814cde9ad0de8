package service

import (
	"context"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/usage"
)

// Check answers, for each feature in order, whether a customer may use some
// units more (0 is 1). It changes nothing, and is exact for everything that was
// answered before it began.
//
// Errors: CUSTOMER_NOT_FOUND, FEATURE_NOT_FOUND, UNITS_INVALID.
func (s *Service) Check(ctx context.Context, customer billing.CustomerID, features []billing.Code, units billing.Units) ([]billing.Decision, error) {
	if units <= 0 {
		return nil, billing.Invalid.Errorf("UNITS_INVALID", "units must be more than 0")
	}
	if out, ok := s.checkKnown(ctx, customer, features, units); ok {
		return out, nil
	}
	var out []billing.Decision
	var absent []billing.Code
	clock := s.now()
	err := s.Store.View(ctx, func(r Reader) error {
		snap, err := readAny(r, customer, clock)
		if err != nil {
			return err
		}
		out, absent, err = check(r, snap, features, units, snap.Now(clock))
		return err
	})
	if err == nil {
		s.present(customer, absent...)
	}
	return out, err
}

// Standing is what a customer is entitled to at an instant, and what of it was
// used by then.
type Standing struct {
	At       time.Time
	Revision billing.Revision
	Features []billing.Decision // on no more units, ascending by code
}

// EntitlementsAt answers what a customer is, was or will be entitled to at an
// instant (zero: now): per feature its limit, where it comes from, and what was used
// by then. Of the past that is what was answered then, by the facts and the usage
// that were known; with knownNow it is by what is known now: usage counts at its own
// instant, whenever it was recorded. A deleted customer was entitled until then.
//
// Errors: CUSTOMER_NOT_FOUND.
func (s *Service) EntitlementsAt(ctx context.Context, customer billing.CustomerID, at time.Time, knownNow bool) (Standing, error) {
	if at.IsZero() {
		if out, ok := s.entitledKnown(ctx, customer); ok {
			return out, nil
		}
	}
	var out Standing
	var absent []billing.Code
	clock := s.now()
	err := s.Store.View(ctx, func(r Reader) error {
		absent = nil
		snap, err := readAny(r, customer, clock)
		if err != nil {
			return err
		}
		now := snap.Now(clock)
		if at.Before(now) && !at.IsZero() {
			out, err = standingPast(r, snap, at, knownNow)
		} else {
			out, absent, err = standingFrom(r, snap, now, at)
		}
		return err
	})
	if err == nil && at.IsZero() {
		s.present(customer, absent...)
	}
	return out, err
}

// standingFrom is what a customer is entitled to at an instant that is not before now, zero
// being now, as [standing] says.
func standingFrom(r Reader, snap *billing.Snapshot, now, at time.Time) (Standing, []billing.Code, error) {
	all, err := withPools(r, snap, now)
	if err != nil {
		return Standing{}, nil, err
	}
	return standing(snap, all, latest(now, at), at.IsZero(), func(al *billing.Allowance, at time.Time) (stands, error) {
		return usageAt(r, snap, al, at)
	})
}

// standing is what a customer is entitled to at an instant that is not past. If
// that is to be now, it is no earlier than its usage was last written at. It says of which
// features the window is not present.
func standing(
	snap, all *billing.Snapshot, at time.Time, now bool, usageAt func(*billing.Allowance, time.Time) (stands, error),
) (out Standing, absent []billing.Code, err error) {
	for {
		out, absent = Standing{At: at, Revision: snap.Revision()}, nil
		if !snap.Customer.DeletedOn.IsZero() {
			return out, nil, nil
		}
		for _, al := range all.Allowances(at) {
			if !al.Granted || al.Suspended {
				continue
			}
			u, err := usageAt(&al, at)
			if err != nil {
				return Standing{}, nil, err
			}
			if now {
				at = latest(at, u.last)
			}
			if u.absent {
				absent = append(absent, al.Feature.Code)
			}
			out.add(u.decide(&al, 0))
		}
		if at.Equal(out.At) {
			return out, absent, nil
		}
	}
}

// standingPast is what a customer was entitled to at an instant, and what was
// used by then.
func standingPast(r Reader, now *billing.Snapshot, at time.Time, knownNow bool) (Standing, error) {
	out := Standing{At: at, Revision: now.Revision()}
	read := readThen
	if knownNow {
		read = readPast
	}
	snap, err := read(r, now, at)
	if err != nil {
		return Standing{}, err
	}
	if deleted := snap.Customer.DeletedOn; !deleted.IsZero() && !at.Before(deleted) {
		return out, nil
	}
	if snap, err = withPools(r, snap, at); err != nil {
		return Standing{}, err
	}
	for _, al := range snap.Allowances(at) {
		if !al.Granted || al.Suspended {
			continue
		}
		d, err := decidedPast(r, snap, &al, at, knownNow)
		if err != nil {
			return Standing{}, err
		}
		out.add(d)
	}
	return out, nil
}

// decidedPast is the decision on no more units of an allowance at an instant of the past.
func decidedPast(r Reader, snap *billing.Snapshot, al *billing.Allowance, at time.Time, knownNow bool) (billing.Decision, error) {
	used, held, err := usagePast(r, snap.Customer.ID, al, at, knownNow)
	if err != nil {
		return billing.Decision{}, err
	}
	recordedBy := at
	if knownNow {
		recordedBy = time.Time{}
	}
	if err := answerGrace(r, snap, al, recordedBy); err != nil {
		return billing.Decision{}, err
	}
	if pooled, err := wasPooled(r, snap.Customer.ID, al); err != nil || !pooled {
		return al.Decide(0, used, held), err
	}
	c, err := readCreditsPast(r, snap, al.Feature, pastAt(at, knownNow))
	if err != nil {
		return billing.Decision{}, err
	}
	c.ownState.Allowance.Caps = al.Caps
	return c.decide(&c.ownState.Allowance, 0, used, held, false), nil
}

func (s *Standing) add(d billing.Decision) {
	d.Revision = s.Revision
	s.Features = append(s.Features, d)
}

// UsageFilter narrows the usage of a customer.
type UsageFilter struct {
	Feature  billing.Code // "" is all metered features with usage
	From, To time.Time    // of CountedOn, half-open; zero From: the present window's start; zero To: no end
}

// WindowUsage is what was used of a feature in one of its windows.
type WindowUsage struct {
	Feature billing.Code
	Window  billing.Window
	Used    billing.Units
}

// maxWindows bounds how many windows one answer has.
const maxWindows = 1000

// Usage reads the usage of a customer: per window, by the windows the feature
// has now, and a page of the records, ascending by CountedOn and id.
//
// Errors: CUSTOMER_NOT_FOUND, FEATURE_NOT_FOUND, FROM_INVALID,
// STARTING_AFTER_INVALID, ENDING_BEFORE_INVALID.
func (s *Service) Usage(ctx context.Context, customer billing.CustomerID, filter UsageFilter, page Page[string]) ([]WindowUsage, []usage.Record, bool, billing.Revision, error) {
	var windows []WindowUsage
	var records []usage.Record
	var more bool
	var rev billing.Revision
	clock := s.now()
	err := s.Store.View(ctx, func(r Reader) error {
		snap, err := readAny(r, customer, clock)
		if err != nil {
			return err
		}
		rev = snap.Revision()
		if windows, err = readWindows(r, snap, filter, snap.Now(clock)); err != nil {
			return err
		}
		from := filter.From
		if from.IsZero() {
			for _, w := range windows {
				if from.IsZero() || w.Window.Start.Before(from) {
					from = w.Window.Start
				}
			}
		}
		after, err := cursorOf(r.UsageReader, customer, page.After, "STARTING_AFTER_INVALID")
		if err != nil {
			return err
		}
		before, err := cursorOf(r.UsageReader, customer, page.Before, "ENDING_BEFORE_INVALID")
		if err != nil {
			return err
		}
		records, more, err = r.UsageRecords(customer, filter.Feature, from, filter.To, Page[UsageCursor]{Size: page.Size, After: after, Before: before})
		return err
	})
	return windows, records, more, rev, err
}

// UsageCursor is the place of a record in the order of [UsageReader].UsageRecords.
type UsageCursor struct {
	CountedOn time.Time
	ID        string
}

func cursorOf(r UsageReader, customer billing.CustomerID, id *string, code string) (*UsageCursor, error) {
	if id == nil {
		return nil, nil
	}
	record, err := r.UsageRecord(customer, *id)
	if isNotFound(err) {
		return nil, billing.Invalid.Errorf(code, "the cursor must be the id of a usage record of this customer")
	}
	return &UsageCursor{record.CountedOn, record.ID}, err
}

func readWindows(r Reader, snap *billing.Snapshot, filter UsageFilter, now time.Time) ([]WindowUsage, error) {
	codes := []billing.Code{filter.Feature}
	if filter.Feature == "" {
		counters, err := r.Counters(snap.Customer.ID)
		if err != nil {
			return nil, err
		}
		codes = nil
		for _, c := range counters {
			if c.Window.AllTime() {
				codes = append(codes, c.Feature)
			}
		}
	}
	var out []WindowUsage
	for _, code := range codes {
		feature, ok := snap.Catalog.Features[code]
		if !ok {
			return nil, billing.UnknownFeature(code)
		}
		if feature.Type != billing.Metered {
			if filter.Feature == "" {
				continue // its type was changed before it was published
			}
			return nil, billing.Refused.Errorf("FEATURE_NOT_METERED", "feature %s is of type %s; only metered features have usage", code, feature.Type)
		}
		al := snap.Allowance(feature, now)
		last := now
		if !filter.To.IsZero() {
			last = filter.To.Add(-time.Microsecond)
		}
		w := al.Window
		if !filter.From.IsZero() {
			w = al.WindowAt(filter.From)
		}
		for {
			used, err := usedIn(r.UsageReader, snap.Customer.ID, code, w)
			if err != nil {
				return nil, err
			}
			out = append(out, WindowUsage{code, w, used})
			if len(out) > maxWindows {
				return nil, billing.Invalid.Errorf("FROM_INVALID", "from and to span more than %d windows; ask for fewer", maxWindows)
			}
			if w.AllTime() || w.End.After(last) {
				break
			}
			w = al.WindowAt(w.End)
		}
	}
	return out, nil
}
