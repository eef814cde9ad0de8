package service

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/usage"
)

// UsageOutcome is what became of one reported record.
type UsageOutcome struct {
	ID        string
	Duplicate bool // it was counted before, and is not counted again
	// Superseded is a reading with an earlier stamp than one that its window has; it is
	// recorded and changes nothing.
	Superseded bool
	// Uncovered is what no source of a hard pool has paid for.
	Uncovered billing.Units
	Err       error // why it is not counted; of a duplicate, that it says something else
}

// MeterUsage records usage against an agreement of a customer, as Kinde does: a delta stamped
// before the present window counts in it, and the id of an ended agreement
// counts for its customer. Usage is recorded also above the limit.
//
// Errors: AGREEMENT_NOT_FOUND, AGREEMENT_NOT_ACTIVE, FEATURE_NOT_FOUND,
// FEATURE_NOT_METERED, METER_VALUE_INVALID, METER_USAGE_TIMESTAMP_INVALID.
func (u *Work) MeterUsage(customer billing.CustomerID, agreement billing.AgreementID, in usage.Report) (billing.Revision, error) {
	var window billing.Window
	var r usage.Record
	var refused error
	var al billing.Allowance
	f, err := u.openUsage(customer, func(f *facts) ([]span, error) {
		window, r, refused = u.meterReport(f, agreement, in)
		if refused != nil && !isRefusal(refused) {
			return nil, refused
		}
		if refused != nil {
			return nil, nil
		}
		al = f.snap.Allowance(f.snap.Catalog.Features[in.Feature], f.now)
		return poolSpans([]span{{in.Feature, r.CountedOn, r.CountedOn}}, al.Burns), nil
	})
	switch {
	case errors.Is(err, errNoCustomer):
		tx, err := u.stored()
		if err != nil {
			return billing.Revision{}, err
		}
		if _, err := tx.Agreement(customer, agreement); isNotFound(err) {
			return billing.Revision{}, noAgreement()
		} else if err != nil {
			return billing.Revision{}, err
		}
		return billing.Revision{}, billing.Refused.Errorf("AGREEMENT_NOT_ACTIVE", "the agreement has ended with its customer")
	case err != nil:
		return billing.Revision{}, err
	case refused != nil:
		return billing.Revision{}, refused
	}
	if err := u.makeID(&r, f.now); err != nil {
		return billing.Revision{}, err
	}
	l, pools := u.ledgers[meter{customer, in.Feature}], newOpenPools()
	pooled := u.isPooledUse(&al, &r)
	if !pooled {
		if err := l.present(f, window); err != nil {
			return billing.Revision{}, err
		}
	}
	watched, err := u.watchReport(pools, f, &al, &r)
	if err != nil {
		return billing.Revision{}, err
	}
	if pooled {
		err = u.countDrawn(pools, f, new(UsageOutcome), &r, window)
	} else {
		_, err = l.add(window, &r)
	}
	if err == nil {
		err = u.tell(f, watched, r.ID, r.Kind == usage.Absolute)
	}
	if err != nil {
		return billing.Revision{}, err
	}
	return f.snap.Revision(), u.settle()
}

// meterReport is a report against an agreement as a record, with the window that
// it counts in, or what is wrong with it.
func (u *Work) meterReport(f *facts, agreement billing.AgreementID, in usage.Report) (billing.Window, usage.Record, error) {
	a, err := u.agreement(f, agreement)
	switch {
	case isNotFound(err):
		return billing.Window{}, usage.Record{}, noAgreement()
	case err != nil:
		return billing.Window{}, usage.Record{}, err
	case a.Scheduled(f.now):
		return billing.Window{}, usage.Record{}, billing.Refused.Errorf("AGREEMENT_NOT_ACTIVE", "the agreement has not started")
	}
	al, err := f.metered(in.Feature)
	if errors.Is(err, errNotHeld) && a.Ended(f.now) {
		err = billing.Refused.Errorf("AGREEMENT_NOT_ACTIVE", "the agreement has ended, and no live agreement of its customer has this feature")
	}
	if err != nil {
		return billing.Window{}, usage.Record{}, err
	}
	r, err := f.meterRecord(al, in)
	return al.Window, r, err
}

func noAgreement() error {
	return billing.NotFound.Errorf("AGREEMENT_NOT_FOUND", "there is no agreement with this customer_agreement_id")
}

// agreement is one of the customer whose facts f are.
func (u *Work) agreement(f *facts, id billing.AgreementID) (billing.Agreement, error) {
	for _, a := range f.snap.Agreements {
		if a.ID == id {
			return a, nil
		}
	}
	tx, err := u.stored()
	if err != nil {
		return billing.Agreement{}, err
	}
	return tx.Agreement(f.snap.Customer.ID, id) // one that has ended; a withdrawn one is gone
}

// meterRecord is a report as a record that counts in the present window, as
// Kinde's do.
func (f *facts) meterRecord(al billing.Allowance, in usage.Report) (usage.Record, error) {
	r := f.record(al.Feature, in)
	switch window := al.Window; {
	case belowZero(&r):
		return r, billing.Invalid.Errorf("METER_VALUE_INVALID", "%s", aReading)
	case r.Stamp.After(f.now.Add(billing.MaxAhead)):
		return r, billing.Invalid.Errorf("METER_USAGE_TIMESTAMP_INVALID", "meter_usage_timestamp must be at most 5 minutes ahead of now")
	case !window.AllTime() && r.Stamp.Before(window.Start):
		if r.Kind == usage.Absolute {
			return r, billing.Invalid.Errorf("METER_USAGE_TIMESTAMP_INVALID", "meter_usage_timestamp is before the present window, which began on %s; an absolute value is for the present one",
				window.Start.Format(time.RFC3339Nano))
		}
		r.CountedOn = window.Start
	case !window.Contains(r.Stamp):
		r.CountedOn = f.now
	}
	return r, nil
}

// belowZero reports whether a record reads less than nothing, which no window has used,
// also if a newer reading supersedes it.
func belowZero(r *usage.Record) bool { return r.Kind == usage.Absolute && r.Value < 0 }

const aReading = "an absolute value is what was used of the window, from 0"

// RecordUsage records usage of one customer, each record in the window of its
// own timestamp, and answers for each in order. A bad record stops no other.
func (u *Work) RecordUsage(customer billing.CustomerID, in []usage.Report) ([]UsageOutcome, error) {
	f, err := u.openUsage(customer, func(f *facts) ([]span, error) { return f.spans(in), nil })
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, n := range in {
		if !n.Stamp.IsZero() && (f.oldest.IsZero() || n.Stamp.Before(f.oldest)) {
			f.oldest = n.Stamp
		}
		if canBeThere(n.ID) {
			ids = append(ids, n.ID)
		}
	}
	reported, err := u.reported(customer, ids)
	if err != nil {
		return nil, err
	}
	out := make([]UsageOutcome, len(in))
	records := make([]usage.Record, len(in))
	allowances := make([]billing.Allowance, len(in))
	for i, n := range in {
		out[i].ID = n.ID
		records[i], allowances[i], err = u.checkUsage(f, n)
		var refused *billing.Error
		if errors.As(err, &refused) {
			out[i].Err = refused
			continue
		} else if err != nil {
			return nil, err
		}
		if records[i].ID == "" {
			if err := u.makeID(&records[i], f.now); err != nil {
				return nil, err
			}
			out[i].ID = records[i].ID
		}
	}
	pools := newOpenPools()
	for _, i := range countingOrder(in) {
		if out[i].Err != nil {
			if err := u.repeated(&out[i], &in[i], reported); err != nil {
				return nil, err
			}
			continue
		}
		l := u.ledgers[meter{customer, in[i].Feature}]
		// Not of a pool: when it was written last says which debts time has paid since.
		if al, ok := f.allowances[in[i].Feature]; ok && al.Window == allowances[i].Window && !u.isPooledUse(&allowances[i], &records[i]) {
			if err := l.present(f, al.Window); err != nil {
				return nil, err
			}
		}
		if err := u.countUsage(pools, f, &out[i], &in[i], &records[i], &allowances[i], reported); err != nil {
			return nil, err
		}
	}
	return out, u.settle()
}

// countingOrder is the order in which reports of one request are counted: corrections
// after what they may correct, which is what stands before the next reading of their
// feature, and an id that is there twice after all others.
func countingOrder(in []usage.Report) []int {
	order := make([]int, len(in))
	rank := make([]int, len(in))
	seen := make(map[string]bool, len(in))
	readings := make(map[billing.Code]int)
	for i, n := range in {
		order[i] = i
		if n.Kind == usage.Absolute {
			readings[n.Feature]++
		}
		rank[i] = 2 * readings[n.Feature]
		switch {
		case n.ID != "" && seen[n.ID]:
			rank[i] = 2*len(in) + 2
		case n.Kind != usage.Absolute && n.Value < 0:
			rank[i]++
		}
		seen[n.ID] = true
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(rank[a], rank[b]) })
	return order
}

// spans are those of the features that reports are for, up to now, so that an
// instant that moved for one feature is within the spans of all.
func (f *facts) spans(in []usage.Report) []span {
	of := make(map[billing.Code]span)
	for _, n := range in {
		feature, ok := f.snap.Catalog.Features[n.Feature]
		if !ok || feature.Type != billing.Metered {
			continue
		}
		at := f.record(feature, n).CountedOn
		s, ok := of[n.Feature]
		if !ok || at.Before(s.from) {
			s.from = at
		}
		of[n.Feature] = span{n.Feature, s.from, latest(at, latest(s.to, f.now))}
	}
	for _, code := range sortedKeys(of) {
		if al := f.snap.Allowance(f.snap.Catalog.Features[code], f.now); al.Burns != nil {
			pool, s := al.Burns.Feature, of[code]
			if t, ok := of[pool]; ok {
				if t.from.Before(s.from) {
					s.from = t.from
				}
				s.to = latest(s.to, t.to)
			}
			of[pool] = span{pool, s.from, s.to}
		}
	}
	spans := make([]span, 0, len(of))
	for _, code := range sortedKeys(of) {
		spans = append(spans, of[code])
	}
	return spans
}

// canBeThere reports whether a record can have an id that was given.
func canBeThere(id string) bool {
	return id != "" && len(id) <= usage.MaxRecordID && billing.OneLine(id, usage.MaxRecordID)
}

// repeated has a report that would be refused now be the duplicate that it is, if its id
// was recorded before.
func (u *Work) repeated(out *UsageOutcome, in *usage.Report, reported map[string]usage.Record) error {
	if !canBeThere(in.ID) {
		return nil
	}
	first, ok := reported[in.ID]
	switch {
	case ok:
		r := usage.Record{Feature: in.Feature, Kind: cmp.Or(in.Kind, usage.Delta), Value: in.Value, Corrects: in.Corrects, Stamp: in.Stamp.UTC().Truncate(time.Microsecond)}
		out.duplicate(&first, in, &r)
	case !u.careful:
		return errRaced // what was recorded is to be looked up
	}
	return nil
}

// duplicate says that an id was recorded before, and what is wrong if it says something
// else now.
func (out *UsageOutcome) duplicate(first *usage.Record, in *usage.Report, r *usage.Record) {
	out.Duplicate, out.Err = true, nil
	if in.Stamp.IsZero() {
		r.Stamp = first.Stamp // said nothing else about the time
	}
	if !first.SameReport(r) {
		out.Err = billing.Conflict.Errorf("ID_REUSED", "the id was recorded before with other content; that record stands")
	}
}

// countUsage counts a record, unless one of its id is among those that are
// reported already.
func (u *Work) countUsage(ps openPools, f *facts, out *UsageOutcome, in *usage.Report, r *usage.Record, al *billing.Allowance, reported map[string]usage.Record) error {
	if first, ok := reported[r.ID]; ok {
		out.duplicate(&first, in, r)
		return nil
	}
	watched, err := u.watchReport(ps, f, al, r)
	if err != nil {
		return err
	}
	if u.isPooledUse(al, r) {
		err = u.countDrawn(ps, f, out, r, al.Window)
	} else {
		out.Superseded, err = u.ledgers[meter{r.CustomerID, r.Feature}].add(al.Window, r)
	}
	if err == nil {
		err = u.tell(f, watched, r.ID, r.Kind == usage.Absolute)
	}
	var refused *billing.Error
	switch {
	case errors.As(err, &refused) && in.ID != "" && !u.careful:
		return errRaced // if it was counted before, it is not refused now
	case errors.As(err, &refused):
		out.Err = refused
	case err != nil:
		return err
	case in.ID != "":
		reported[in.ID] = *r
	}
	return nil
}

// checkUsage turns a report into a record, with the allowance whose window it counts in, or says what is wrong with
// it. A report is about what was held when it happened.
func (u *Work) checkUsage(f *facts, in usage.Report) (r usage.Record, al billing.Allowance, err error) {
	fail := func(err error) (usage.Record, billing.Allowance, error) {
		return usage.Record{}, billing.Allowance{}, err
	}
	if len(in.ID) > usage.MaxRecordID || !billing.OneLine(in.ID, usage.MaxRecordID) {
		return fail(billing.Invalid.Errorf("ID_INVALID", "id must be text of at most %d bytes without control characters", usage.MaxRecordID))
	}
	if strings.HasPrefix(in.ID, usage.FoldedPrefix) {
		return fail(billing.Invalid.Errorf("ID_INVALID", "id must not begin with %s, as those made here do", usage.FoldedPrefix))
	}
	feature, err := f.meteredFeature(in.Feature)
	if err != nil {
		return fail(err)
	}
	r = f.record(feature, in)
	if belowZero(&r) {
		return fail(billing.Invalid.Errorf("VALUE_INVALID", "%s", aReading))
	}
	switch {
	case in.Corrects == "":
	case r.Kind != usage.Delta:
		return fail(billing.Invalid.Errorf("CORRECTS_INVALID", "only a delta corrects a record; this is of type %s", r.Kind))
	case f.snap.Catalog.Unfinished:
		return fail(billing.Refused.Errorf("CORRECTS_INVALID", "corrects %s", billing.WaitMessage))
	}
	if r.Stamp.After(f.now.Add(billing.MaxAhead)) {
		return fail(billing.Invalid.Errorf("TIMESTAMP_INVALID", "timestamp must be at most 5 minutes ahead of now"))
	}
	al, ok := f.steady(feature, r.Stamp)
	if ok || in.Corrects != "" { // which is about when its record counts
		return r, al, nil
	}
	snap := f.snap
	if r.Stamp.Before(f.now) {
		tx, err := u.stored()
		if err != nil {
			return fail(err)
		}
		if snap, err = f.factsSince(tx.Reader(), r.Stamp); err != nil {
			return fail(err)
		}
	}
	al = snap.Allowance(feature, r.Stamp)
	if !al.Held() {
		if al, err = u.leftThen(snap, feature, r.Stamp); err != nil {
			return fail(err)
		}
	}
	if !al.Held() {
		return fail(u.notHeldThen(f, feature, r.Stamp))
	}
	al.Pooled = al.Pooled || f.allowances[feature.Code].Pooled
	return r, al, nil
}

// steady is the allowance of now with the window of an instant, if the plan that is held now has the feature and
// was held then: then it gives the rhythm, whatever else was held. It needs no reading.
func (f *facts) steady(feature *billing.Feature, at time.Time) (billing.Allowance, bool) {
	al := f.allowance(feature)
	for _, a := range f.snap.Agreements {
		if a.Kind == billing.KindPlan && a.Live(f.now) && a.Live(at) && f.snap.Terms(&a).Find(feature.Code) >= 0 {
			al.Window = al.WindowAt(at)
			return al, true
		}
	}
	return billing.Allowance{}, false
}

// factsSince are facts that have all that was held at an instant or later.
func (f *facts) factsSince(r Reader, at time.Time) (*billing.Snapshot, error) {
	if f.past != nil && !at.Before(f.pastFrom) {
		return f.past, nil
	}
	if f.oldest.Before(at) && !f.oldest.IsZero() { // once for all
		at = f.oldest
	}
	past := *f.snap
	id := past.Customer.ID
	var err error
	if past.Agreements, err = r.Agreements(id, at); err != nil {
		return nil, err
	}
	if past.Overrides, err = r.Overrides(id, at); err != nil {
		return nil, err
	}
	f.past, f.pastFrom = &past, at
	return f.past, nil
}

// leftThen is the allowance of an instant with all that gives access, also what is used up
// and set aside, and what ended agreements have left.
func (u *Work) leftThen(snap *billing.Snapshot, feature *billing.Feature, at time.Time) (billing.Allowance, error) {
	tx, err := u.stored()
	if err != nil {
		return billing.Allowance{}, err
	}
	all, err := history(tx.Reader(), snap, latest(at, u.clock))
	if err != nil {
		return billing.Allowance{}, err
	}
	var after *billing.GrantID
	for {
		page, more, err := tx.GrantHistory(all.Customer.ID, Page[billing.GrantID]{Size: 500, After: after})
		if err != nil {
			return billing.Allowance{}, err
		}
		for _, g := range page {
			if g.Feature == feature.Code && !g.SetAsideOn.IsZero() {
				all.Grants = append(slices.Clip(all.Grants), g)
			}
		}
		if !more || len(page) == 0 {
			return all.Allowance(feature, at), nil
		}
		after = &page[len(page)-1].ID
	}
}

// notHeldThen is why a report of usage is refused that nothing was held for.
func (u *Work) notHeldThen(f *facts, feature *billing.Feature, stamp time.Time) error {
	if !stamp.Before(f.now) {
		tx, err := u.stored()
		if err != nil {
			return err
		}
		all, err := f.factsSince(tx.Reader(), farPast)
		if err != nil {
			return err
		}
		if !all.EverHeld(feature.Code, f.now) {
			return notHeld(feature.Code)
		}
	}
	return billing.Refused.Errorf("TIMESTAMP_INVALID", "the customer did not hold feature %s on %s; a record must be of a time when it did",
		feature.Code, stamp.Format(time.RFC3339Nano))
}
