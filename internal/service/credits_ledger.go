package service

import (
	"context"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/credit"
	"github.com/allot-dev/allot/internal/usage"
)

// CreditEntry is a usage record of a feature with what it was paid from.
type CreditEntry struct {
	usage.Record
	// Drawn are its draws, in their order, of all that it changed. What no source has paid for
	// is with the allowance of its window, which may take it in yet.
	Drawn []billing.CreditDraw
	// BurnedBy is the feature that burned, of a record of kind Burned.
	BurnedBy billing.Code
}

// Ledger is a page of what used a metered feature of a customer, gave back or paid debts,
// ascending by CountedOn, then id; cursors are ids of records. With an instant it is what
// was recorded by then, with knownNow what counts by then. What time alone has paid of debts
// is in it once something was written since.
//
// Errors: CUSTOMER_NOT_FOUND, FEATURE_NOT_FOUND, FEATURE_NOT_METERED,
// STARTING_AFTER_INVALID, ENDING_BEFORE_INVALID.
func (s *Service) Ledger(
	ctx context.Context, customer billing.CustomerID, code billing.Code, at time.Time, knownNow bool, page Page[string],
) (entries []CreditEntry, more bool, rev billing.Revision, err error) {
	clock := s.now()
	err = s.Store.View(ctx, func(r Reader) error {
		snap, err := readAny(r, customer, clock)
		if err != nil {
			return err
		}
		feature, err := (&facts{snap: snap}).meteredFeature(code)
		if err != nil {
			return err
		}
		rev = snap.Revision()
		after, err := cursorOf(r.UsageReader, customer, page.After, "STARTING_AFTER_INVALID")
		if err != nil {
			return err
		}
		before, err := cursorOf(r.UsageReader, customer, page.Before, "ENDING_BEFORE_INVALID")
		if err != nil {
			return err
		}
		to := time.Time{}
		if knownNow && !at.IsZero() {
			to = at.Add(time.Microsecond)
		}
		var records []usage.Record
		records, more, err = filterPage(Page[UsageCursor]{Size: page.Size, After: after, Before: before},
			func(p Page[UsageCursor]) ([]usage.Record, bool, error) {
				return r.UsageRecords(customer, code, time.Time{}, to, p)
			},
			func(u usage.Record) (UsageCursor, bool) {
				return UsageCursor{u.CountedOn, u.ID}, knownNow || at.IsZero() || !u.RecordedOn.After(at)
			})
		if err != nil || len(records) == 0 {
			return err
		}
		entries, err = creditEntries(r, snap, feature, records, snap.Now(clock))
		return err
	})
	return entries, more, rev, err
}

// creditEntries are records of a feature, ascending, with what they were paid from.
func creditEntries(r Reader, snap *billing.Snapshot, feature *billing.Feature, records []usage.Record, now time.Time) ([]CreditEntry, error) {
	all, err := history(r, snap, now)
	if err != nil {
		return nil, err
	}
	all.Customer.DeletedOn = time.Time{} // what was drawn before a deletion was drawn from what there was
	draws, err := r.Draws(snap.Customer.ID, records)
	if err != nil {
		return nil, err
	}
	sources, err := creditSources(r, all, feature, records, draws)
	if err != nil {
		return nil, err
	}
	burners, err := burnedBy(r, snap.Customer.ID, records)
	if err != nil {
		return nil, err
	}
	of := make(map[string][]usage.Drawn)
	for _, d := range draws {
		if !d.Source.IsUses() {
			of[d.Record] = append(of[d.Record], d)
		}
	}
	out := make([]CreditEntry, len(records))
	for i, u := range records {
		e := &out[i]
		e.Record, e.BurnedBy = u, burners[u.Of]
		al := all.Allowance(feature, u.CountedOn)
		for _, d := range allDraws(&u, of[u.ID]) {
			shown := shownDraw(sources, d.Draw)
			if d.Source == billing.OwnSource {
				shown.Class, shown.Window = billing.CreditAllowance, al.Window
			}
			e.Drawn, e.Pays = append(e.Drawn, shown), d.Pays
		}
	}
	return out, nil
}

// allDraws are the draws of a record, that on the allowance of its window with all that is
// not on others.
func allDraws(u *usage.Record, draws []usage.Drawn) []usage.Drawn {
	if u.Kind == usage.Debt { // which changes nothing
		return draws
	}
	rest, place := u.Change, -1
	for i, d := range draws {
		if d.Source == billing.OwnSource {
			place = i
		} else {
			rest -= d.Units
		}
	}
	switch {
	case place >= 0:
		draws[place].Units = rest
	case rest != 0:
		draws = append(draws, usage.Drawn{Draw: usage.Draw{Source: billing.OwnSource, Units: rest}})
	}
	return draws
}

// creditSources are what records of a feature, ascending, drew from, also grants that were
// set aside since.
func creditSources(r Reader, all *billing.Snapshot, feature *billing.Feature, records []usage.Record, draws []usage.Drawn) ([]credit.Source, error) {
	var out []credit.Source
	known := make(map[string]bool)
	add := func(c billing.CreditSource) {
		out = append(out, credit.Source{CreditSource: c})
		known[c.ID] = true
	}
	for _, c := range all.CreditSources(feature, records[0].CountedOn, records[len(records)-1].CountedOn) {
		add(c)
	}
	for _, d := range draws {
		id, err := billing.ParseGrantID(string(d.Source))
		if err != nil || known[id.String()] {
			continue
		}
		g, err := r.Grant(id)
		if err != nil {
			return nil, err
		}
		class := billing.CreditPaid
		if g.Kind == billing.Promotional {
			class = billing.CreditPromotional
		}
		add(billing.CreditSource{ID: id.String(), Class: class})
	}
	return out, nil
}

// burnedBy are the features whose use has burned, by the ids of their records.
func burnedBy(r Reader, customer billing.CustomerID, records []usage.Record) (map[string]billing.Code, error) {
	var ids []string
	for i := range records {
		if of := records[i].Of; of != "" {
			ids = append(ids, of)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	found, err := r.UsageRecordsByID(customer, ids)
	out := make(map[string]billing.Code)
	for i := range found {
		out[found[i].ID] = found[i].Feature
	}
	return out, err
}
