package billing

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"time"
)

// maxAhead is how far ahead of now a timestamp may be: clocks differ.
const maxAhead = 5 * time.Minute

// maxRecordID is the longest id a caller may give a record, in bytes.
const maxRecordID = 255

// NewUsage is a report of usage.
type NewUsage struct {
	ID      string // counts once per customer; "" makes one
	Feature Code
	Value   Units
	Kind    UsageKind // Delta or Absolute; "" is Delta
	Stamp   time.Time // zero is now
}

// UsageOutcome is what became of one reported record.
type UsageOutcome struct {
	ID        string
	Duplicate bool  // it was counted before, and is not counted again
	Err       error // why it is not counted; of a duplicate, that it says something else
}

// MeterUsage records usage against an agreement, as Kinde does: a delta stamped
// before the present window counts in it, and the id of an ended agreement
// counts for its customer. Usage is recorded also above the limit.
//
// Errors: AGREEMENT_NOT_FOUND, AGREEMENT_NOT_ACTIVE,
// FEATURE_NOT_FOUND, FEATURE_NOT_METERED, METER_VALUE_INVALID,
// METER_USAGE_TIMESTAMP_INVALID.
func (u *Unit) MeterUsage(agreement AgreementID, in NewUsage) (Revision, error) {
	id, err := u.tx.AgreementCustomer(agreement)
	if isNotFound(err) {
		return Revision{}, notFound("AGREEMENT_NOT_FOUND", "there is no agreement with this customer_agreement_id")
	} else if err != nil {
		return Revision{}, err
	}
	f, err := u.facts(id)
	if err != nil {
		return Revision{}, err
	}
	al, err := f.metered(in.Feature)
	if err != nil {
		a, lookup := u.tx.Agreement(id, agreement)
		if lookup == nil && a.Ended(f.now) && f.snap.Catalog.Features[in.Feature] != nil && f.granted(in.Feature, a) {
			return Revision{}, invalidf("AGREEMENT_NOT_ACTIVE", "the agreement has ended, and no live agreement of its customer has the feature %s", in.Feature)
		}
		return Revision{}, err
	}
	window, r := al.Window, f.record(al.Feature, in)
	switch {
	case r.Stamp.After(f.now.Add(maxAhead)):
		return Revision{}, invalidf("METER_USAGE_TIMESTAMP_INVALID", "meter_usage_timestamp is in the future")
	case !window.AllTime() && r.Stamp.Before(window.Start):
		if r.Kind == Absolute {
			return Revision{}, invalidf("METER_USAGE_TIMESTAMP_INVALID", "meter_usage_timestamp is before the present window, which began on %s; an absolute value is for the present one",
				window.Start.Format(time.RFC3339Nano))
		}
		r.CountedOn = window.Start
	case !window.Contains(r.Stamp):
		r.CountedOn = f.now
	}
	if r.ID, err = u.recordID(f.now); err != nil {
		return Revision{}, err
	}
	l, err := openLedger(u.tx, id, in.Feature, r.CountedOn, r.CountedOn)
	if err != nil {
		return Revision{}, err
	}
	if err := l.add(window, &r); err != nil {
		return Revision{}, err
	}
	return f.snap.Revision(), l.save()
}

// RecordUsage records usage of one customer, each record in the window of its
// own timestamp, and answers for each in order. A bad record stops no other.
func (u *Unit) RecordUsage(customer CustomerID, in []NewUsage) ([]UsageOutcome, error) {
	f, err := u.facts(customer)
	if err != nil {
		return nil, err
	}
	out := make([]UsageOutcome, len(in))
	records := make([]UsageRecord, len(in))
	windows := make([]Window, len(in))
	spans := make(map[Code]Cycle)
	for i, n := range in {
		out[i].ID = n.ID
		records[i], windows[i], out[i].Err = f.check(n)
		if out[i].Err != nil {
			continue
		}
		if records[i].ID == "" {
			if records[i].ID, err = u.recordID(f.now); err != nil {
				return nil, err
			}
			out[i].ID = records[i].ID
		}
		at := records[i].CountedOn
		span, ok := spans[n.Feature]
		if !ok {
			span = Cycle{at, at}
		}
		if at.Before(span.Start) {
			span.Start = at
		}
		spans[n.Feature] = Cycle{span.Start, latest(at, span.End)}
	}
	ledgers := make(map[Code]*ledger)
	for _, feature := range sortedKeys(spans) { // in one order, so that two never wait for each other
		if ledgers[feature], err = openLedger(u.tx, customer, feature, spans[feature].Start, spans[feature].End); err != nil {
			return nil, err
		}
	}
	for i := range records {
		if out[i].Err != nil {
			continue
		}
		err := ledgers[records[i].Feature].add(windows[i], &records[i])
		var refused *Error
		switch {
		case errors.Is(err, ErrExists):
			out[i].Duplicate = true
			first, err := u.tx.UsageRecord(customer, records[i].ID)
			if err != nil {
				return nil, err
			}
			if in[i].Stamp.IsZero() {
				records[i].Stamp = first.Stamp // said nothing else about the time
			}
			if !first.sameReport(&records[i]) {
				out[i].Err = conflictf("ID_REUSED", "the id was recorded before with other content; that record stands")
			}
		case errors.As(err, &refused):
			out[i].Err = refused
		case err != nil:
			return nil, err
		}
	}
	for _, feature := range sortedKeys(ledgers) {
		if err := ledgers[feature].save(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// sameReport reports whether two records say the same thing.
func (r *UsageRecord) sameReport(other *UsageRecord) bool {
	return r.Feature == other.Feature && r.Kind == other.Kind && r.Value == other.Value && r.Stamp.Equal(other.Stamp)
}

// check turns a report into a record, or says what is wrong with it.
func (f *facts) check(in NewUsage) (UsageRecord, Window, error) {
	if len(in.ID) > maxRecordID || !goodText(in.ID, maxRecordID) {
		return UsageRecord{}, Window{}, invalidf("ID_INVALID", "id must be text of at most %d bytes without control characters", maxRecordID)
	}
	if strings.HasPrefix(in.ID, FoldedPrefix) {
		return UsageRecord{}, Window{}, invalidf("ID_INVALID", "id must not begin with %s, as those made here do", FoldedPrefix)
	}
	al, err := f.metered(in.Feature)
	if err != nil {
		return UsageRecord{}, Window{}, err
	}
	r := f.record(al.Feature, in)
	if r.Stamp.After(f.now.Add(maxAhead)) {
		return UsageRecord{}, Window{}, invalidf("TIMESTAMP_INVALID", "timestamp is in the future")
	}
	return r, al.rhythm.window(r.Stamp), nil
}

// check decides on some units of each feature in order.
func check(r Reader, snap *Snapshot, features []Code, units Units, now time.Time) ([]Decision, error) {
	holds, err := r.Holds(snap.Customer.ID, now)
	if err != nil {
		return nil, err
	}
	out := make([]Decision, len(features))
	for i, code := range features {
		feature, ok := snap.Catalog.Features[code]
		if !ok {
			return nil, unknownFeature()
		}
		al := snap.Allowance(feature, now)
		var used Units
		if feature.Type == Metered {
			if used, err = usedIn(r, snap.Customer.ID, code, al.Window); err != nil {
				return nil, err
			}
		}
		out[i] = al.Decide(units, used, heldIn(holds, code, al.Window))
		out[i].Revision = snap.Revision()
	}
	return out, nil
}

// usedIn is the usage in a window: its counter, or before there is one the sum
// of the records.
func usedIn(r Reader, customer CustomerID, feature Code, w Window) (Units, error) {
	c, err := r.Counter(customer, feature, w)
	if isNotFound(err) {
		return r.SumUsage(customer, feature, w, time.Time{})
	}
	return c.Used, err
}

// heldIn is the sum of the holds of a feature that belong to a window.
func heldIn(holds []Hold, feature Code, w Window) Units {
	var sum Units
	for _, h := range holds {
		if h.Feature == feature && w.Contains(h.MadeOn) {
			sum += h.Units
		}
	}
	return sum
}

// Consume decides whether a customer may use some units more and, if it may,
// records them, in one step: whatever else goes on, a hard limit is not
// exceeded. A refusal is a decision, not an error.
//
// Errors: CUSTOMER_NOT_FOUND, FEATURE_NOT_FOUND, UNITS_INVALID.
func (u *Unit) Consume(customer CustomerID, feature Code, units Units) (Decision, error) {
	f, l, d, err := u.decide(customer, feature, units)
	if err != nil || !d.Allowed || d.Feature.Type != Metered {
		return d, err
	}
	r := f.record(d.Feature, NewUsage{Feature: feature, Value: units, Kind: Consumed})
	if r.ID, err = u.recordID(f.now); err != nil {
		return Decision{}, err
	}
	if err := l.add(d.Window, &r); err != nil {
		return Decision{}, err
	}
	if err := l.save(); err != nil {
		return Decision{}, err
	}
	return d.after(units, 0), nil
}

// decide locks the usage of a feature and decides on some more.
func (u *Unit) decide(customer CustomerID, code Code, units Units) (*facts, *ledger, Decision, error) {
	if units <= 0 {
		return nil, nil, Decision{}, invalidf("UNITS_INVALID", "units must be more than 0")
	}
	f, err := u.facts(customer)
	if err != nil {
		return nil, nil, Decision{}, err
	}
	feature, ok := f.snap.Catalog.Features[code]
	if !ok {
		return nil, nil, Decision{}, unknownFeature()
	}
	al := f.snap.Allowance(feature, f.now)
	if feature.Type != Metered || !al.Granted || al.Suspended {
		d, err := check(u.tx, f.snap, []Code{code}, units, f.now)
		if err != nil {
			return nil, nil, Decision{}, err
		}
		return f, nil, d[0], nil
	}
	l, err := openLedger(u.tx, customer, code, f.now, f.now)
	if err != nil {
		return nil, nil, Decision{}, err
	}
	used, err := l.used(al.Window)
	if err != nil {
		return nil, nil, Decision{}, err
	}
	holds, err := u.tx.Holds(customer, f.now)
	if err != nil {
		return nil, nil, Decision{}, err
	}
	d := al.Decide(units, used, heldIn(holds, code, al.Window))
	d.Revision = f.snap.Revision()
	return f, l, d, nil
}

// after is a decision as it stands once its units are counted or held.
func (d Decision) after(used, held Units) Decision {
	d.counted += used
	d.Used, d.Held = max(d.counted, 0), d.Held+held
	if d.Remaining != nil {
		d.Remaining = new(d.room())
	}
	return d
}

// facts are a customer's facts at the instant of a use case.
type facts struct {
	snap *Snapshot
	now  time.Time
	by   Actor
}

func (u *Unit) facts(id CustomerID) (*facts, error) {
	snap, err := readSnapshot(u.tx, id, u.clock)
	if err != nil {
		return nil, err
	}
	return &facts{snap: snap, now: snap.Now(u.clock), by: u.by}, nil
}

// metered is the allowance of a metered feature that the customer holds. One who
// is suspended still holds it: what was used is counted.
func (f *facts) metered(code Code) (Allowance, error) {
	feature, ok := f.snap.Catalog.Features[code]
	if !ok {
		return Allowance{}, unknownFeature()
	}
	if feature.Type != Metered {
		return Allowance{}, invalidf("FEATURE_NOT_METERED", "feature %s is of type %s; only metered features have usage", code, feature.Type)
	}
	al := f.snap.Allowance(feature, f.now)
	if !al.Granted {
		return Allowance{}, notFound("FEATURE_NOT_FOUND", "the customer has no live agreement with this feature")
	}
	return al, nil
}

func unknownFeature() error {
	return notFound("FEATURE_NOT_FOUND", "there is no feature with this code")
}

// granted reports whether an agreement's terms have a feature.
func (f *facts) granted(feature Code, a Agreement) bool { return f.snap.Terms(&a).Find(feature) >= 0 }

// record is a report as a record that counts when it happened.
func (f *facts) record(feature *Feature, in NewUsage) UsageRecord {
	r := UsageRecord{
		CustomerID: f.snap.Customer.ID, ID: in.ID, Feature: feature.Code, Kind: in.Kind, Value: in.Value,
		Stamp: in.Stamp.UTC().Truncate(time.Microsecond), RecordedOn: f.now, By: f.by,
	}
	if r.Kind == "" {
		r.Kind = Delta
	}
	if in.Stamp.IsZero() {
		r.Stamp = f.now
	}
	r.CountedOn = r.Stamp
	return r
}

func isNotFound(err error) bool { return errors.Is(err, ErrNotFound) }

func sortedKeys[V any](m map[Code]V) []Code { return slices.Sorted(maps.Keys(m)) }
