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

// MeterUsage records usage against an agreement of a customer, as Kinde does: a delta stamped
// before the present window counts in it, and the id of an ended agreement
// counts for its customer. Usage is recorded also above the limit.
//
// Errors: AGREEMENT_NOT_FOUND, AGREEMENT_NOT_ACTIVE, FEATURE_NOT_FOUND,
// FEATURE_NOT_METERED, METER_VALUE_INVALID, METER_USAGE_TIMESTAMP_INVALID.
func (u *Unit) MeterUsage(customer CustomerID, agreement AgreementID, in NewUsage) (Revision, error) {
	f, err := u.facts(customer)
	var refused *Error
	gone := errors.As(err, &refused) && refused.Code == "CUSTOMER_NOT_FOUND"
	if err != nil && !gone {
		return Revision{}, err
	}
	a, err := u.agreement(f, customer, agreement)
	if isNotFound(err) {
		return Revision{}, notFound("AGREEMENT_NOT_FOUND", "there is no agreement with this customer_agreement_id")
	} else if err != nil {
		return Revision{}, err
	}
	if gone {
		return Revision{}, invalidf("AGREEMENT_NOT_ACTIVE", "the agreement has ended with its customer")
	}
	if a.Scheduled(f.now) {
		return Revision{}, invalidf("AGREEMENT_NOT_ACTIVE", "the agreement has not started")
	}
	al, err := f.metered(in.Feature)
	if err != nil {
		if errors.Is(err, errNotHeld) && a.Ended(f.now) {
			err = invalidf("AGREEMENT_NOT_ACTIVE", "the agreement has ended, and no live agreement of its customer has this feature")
		}
		return Revision{}, err
	}
	r, err := f.meterRecord(al, in)
	if err != nil {
		return Revision{}, err
	}
	f, l, err := u.openUsage(f, in.Feature, r.CountedOn, r.CountedOn)
	if err != nil {
		return Revision{}, err
	}
	if al, err = f.metered(in.Feature); err != nil {
		return Revision{}, err
	}
	if r, err = f.meterRecord(al, in); err != nil { // by the facts as they are under the lock
		return Revision{}, err
	}
	if r.ID, err = u.recordID(f.now); err != nil {
		return Revision{}, err
	}
	if err := l.add(al.Window, &r); err != nil {
		return Revision{}, err
	}
	return f.snap.Revision(), u.settle()
}

// agreement is one of a customer, whose facts f are; nil if it has none.
func (u *Unit) agreement(f *facts, customer CustomerID, id AgreementID) (Agreement, error) {
	if f != nil {
		for _, a := range f.snap.Agreements {
			if a.ID == id {
				return a, nil
			}
		}
	}
	return u.tx.Agreement(customer, id) // one that has ended; a withdrawn one is gone
}

// meterRecord is a report as a record that counts in the present window, as
// Kinde's do.
func (f *facts) meterRecord(al Allowance, in NewUsage) (UsageRecord, error) {
	r := f.record(al.Feature, in)
	switch window := al.Window; {
	case r.Stamp.After(f.now.Add(maxAhead)):
		return r, invalidf("METER_USAGE_TIMESTAMP_INVALID", "meter_usage_timestamp must be at most 5 minutes ahead of now")
	case !window.AllTime() && r.Stamp.Before(window.Start):
		if r.Kind == Absolute {
			return r, invalidf("METER_USAGE_TIMESTAMP_INVALID", "meter_usage_timestamp is before the present window, which began on %s; an absolute value is for the present one",
				window.Start.Format(time.RFC3339Nano))
		}
		r.CountedOn = window.Start
	case !window.Contains(r.Stamp):
		r.CountedOn = f.now
	}
	return r, nil
}

// openUsage opens the usage of a feature for records that count in [from, to].
// Facts that changed before the lock was had are read again, and now is not
// before the last use case that held it: what one that asked a faster clock gave
// away, this one does not give again.
func (u *Unit) openUsage(f *facts, feature Code, from, to time.Time) (*facts, *ledger, error) {
	id := f.snap.Customer.ID
	m := meter{id, feature}
	l, opened, err := u.ledger(m, from, to)
	if err != nil {
		return nil, nil, err
	}
	if opened {
		rev := f.snap.Customer.Rev
		if !u.serial {
			if rev, err = u.tx.Revision(id.Scope()); err != nil {
				return nil, nil, err
			}
		}
		if l.changedOn().After(f.now) || rev != f.snap.Customer.Rev {
			u.clock = latest(u.clock, l.changedOn())
			delete(u.known, id)
			if f, err = u.facts(id); err != nil {
				return nil, nil, err
			}
			if l, _, err = u.ledger(m, from, latest(to, f.now)); err != nil {
				return nil, nil, err
			}
		}
	}
	l.now = f.now
	return f, l, nil
}

// RecordUsage records usage of one customer, each record in the window of its
// own timestamp, and answers for each in order. A bad record stops no other.
func (u *Unit) RecordUsage(customer CustomerID, in []NewUsage) ([]UsageOutcome, error) {
	f, err := u.facts(customer)
	if err != nil {
		return nil, err
	}
	spans := make(map[Code]Cycle) // of each feature that records are for
	for _, n := range in {
		if feature, ok := f.snap.Catalog.Features[n.Feature]; ok && feature.Type == Metered {
			at := f.record(feature, n).CountedOn
			span, ok := spans[n.Feature]
			if !ok || at.Before(span.Start) {
				span.Start = at
			}
			spans[n.Feature] = Cycle{span.Start, latest(at, span.End)}
		}
	}
	ledgers := make(map[Code]*ledger)
	for before := (time.Time{}); !f.now.Equal(before); { // again if a later feature moved now for all
		before = f.now
		for _, feature := range sortedKeys(spans) { // in one order, so that two never wait for each other
			if f, ledgers[feature], err = u.openUsage(f, feature, spans[feature].Start, latest(spans[feature].End, f.now)); err != nil {
				return nil, err
			}
		}
	}
	var ids []string
	for _, n := range in {
		if n.ID != "" && len(n.ID) <= maxRecordID && goodText(n.ID, maxRecordID) {
			ids = append(ids, n.ID)
		}
	}
	reported, err := u.reported(customer, ids)
	if err != nil {
		return nil, err
	}
	out := make([]UsageOutcome, len(in))
	records := make([]UsageRecord, len(in))
	windows := make([]Window, len(in))
	for i, n := range in {
		out[i].ID = n.ID
		records[i], windows[i], err = u.checkUsage(f, n)
		var refused *Error
		if errors.As(err, &refused) {
			out[i].Err = refused
			continue
		} else if err != nil {
			return nil, err
		}
		if records[i].ID == "" {
			if records[i].ID, err = u.recordID(f.now); err != nil {
				return nil, err
			}
			out[i].ID = records[i].ID
		}
	}
	for i := range records {
		if out[i].Err != nil {
			continue
		}
		if first, ok := reported[records[i].ID]; ok {
			out[i].Duplicate = true
			if in[i].Stamp.IsZero() {
				records[i].Stamp = first.Stamp // said nothing else about the time
			}
			if !first.sameReport(&records[i]) {
				out[i].Err = conflictf("ID_REUSED", "the id was recorded before with other content; that record stands")
			}
			continue
		}
		err := ledgers[records[i].Feature].add(windows[i], &records[i])
		var refused *Error
		switch {
		case errors.As(err, &refused) && in[i].ID != "" && !u.careful:
			return nil, errRaced // if it was counted before, it is not refused now
		case errors.As(err, &refused):
			out[i].Err = refused
		case err != nil:
			return nil, err
		case in[i].ID != "":
			reported[in[i].ID] = records[i]
		}
	}
	return out, u.settle()
}

// sameReport reports whether two records say the same thing.
func (r *UsageRecord) sameReport(other *UsageRecord) bool {
	return r.Feature == other.Feature && r.Kind == other.Kind && r.Value == other.Value && r.Stamp.Equal(other.Stamp)
}

// checkUsage turns a report into a record, or says what is wrong with it. A
// report that comes late is about what was held when it happened.
func (u *Unit) checkUsage(f *facts, in NewUsage) (UsageRecord, Window, error) {
	if len(in.ID) > maxRecordID || !goodText(in.ID, maxRecordID) {
		return UsageRecord{}, Window{}, invalidf("ID_INVALID", "id must be text of at most %d bytes without control characters", maxRecordID)
	}
	if strings.HasPrefix(in.ID, FoldedPrefix) {
		return UsageRecord{}, Window{}, invalidf("ID_INVALID", "id must not begin with %s, as those made here do", FoldedPrefix)
	}
	al, err := f.metered(in.Feature)
	if errors.Is(err, errNotHeld) && in.Stamp.Before(f.now) && !in.Stamp.IsZero() {
		past, readErr := readPast(u.tx, f.snap, in.Stamp)
		if readErr != nil {
			return UsageRecord{}, Window{}, readErr
		}
		al, err = (&facts{snap: past, now: in.Stamp}).metered(in.Feature)
	}
	if err != nil {
		return UsageRecord{}, Window{}, err
	}
	r := f.record(al.Feature, in)
	if r.Stamp.After(f.now.Add(maxAhead)) {
		return UsageRecord{}, Window{}, invalidf("TIMESTAMP_INVALID", "timestamp must be at most 5 minutes ahead of now")
	}
	if !al.Window.Contains(r.Stamp) {
		al.Window = al.rhythm.window(r.Stamp)
	}
	return r, al.Window, nil
}

// check decides on some units of each feature in order.
func check(r Reader, snap *Snapshot, features []Code, units Units, now time.Time) ([]Decision, error) {
	out := make([]Decision, len(features))
	for i, code := range features {
		feature, ok := snap.Catalog.Features[code]
		if !ok {
			return nil, unknownFeature()
		}
		al := snap.Allowance(feature, now)
		var used, held Units
		var err error
		if feature.Type == Metered {
			if used, err = usedIn(r, snap.Customer.ID, code, al.Window); err != nil {
				return nil, err
			}
			if held, err = r.HeldUnits(snap.Customer.ID, code, al.Window, now, time.Time{}); err != nil {
				return nil, err
			}
		}
		out[i] = al.Decide(units, used, held)
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
	return d.after(units, 0), u.settle()
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
	var l *ledger
	if feature.Type == Metered && al.Granted && !al.Suspended {
		if f, l, err = u.openUsage(f, code, f.now, f.now); err != nil {
			return nil, nil, Decision{}, err
		}
		al = f.snap.Allowance(feature, f.now)
	}
	if feature.Type != Metered || !al.Granted || al.Suspended {
		if err := u.flush(); err != nil { // what is not held may have been used before
			return nil, nil, Decision{}, err
		}
		d, err := check(u.tx, f.snap, []Code{code}, units, f.now)
		if err != nil {
			return nil, nil, Decision{}, err
		}
		return f, nil, d[0], nil
	}
	used, err := l.used(al.Window)
	if err != nil {
		return nil, nil, Decision{}, err
	}
	held, err := l.heldUnits(al.Window)
	if err != nil {
		return nil, nil, Decision{}, err
	}
	d := al.Decide(units, used, held)
	d.Revision = f.snap.Revision()
	if d.Allowed && units > MaxTotal-max(d.counted, 0)-d.Held {
		return nil, nil, Decision{}, invalidf("UNITS_INVALID", "what is used and held of a window is at most %s", MaxTotal)
	}
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

	held map[Code]Allowance // what metered has found
}

func (u *Unit) facts(id CustomerID) (*facts, error) {
	snap, err := u.snapshot(id)
	if err != nil {
		return nil, err
	}
	return &facts{snap: snap, now: snap.Now(u.clock), by: u.by}, nil
}

// metered is the allowance of a metered feature that the customer holds. One who
// is suspended still holds it: what was used is counted.
func (f *facts) metered(code Code) (Allowance, error) {
	if al, ok := f.held[code]; ok {
		return al, nil
	}
	feature, ok := f.snap.Catalog.Features[code]
	if !ok {
		return Allowance{}, unknownFeature()
	}
	if feature.Type != Metered {
		return Allowance{}, invalidf("FEATURE_NOT_METERED", "feature %s is of type %s; only metered features have usage", code, feature.Type)
	}
	al := f.snap.Allowance(feature, f.now)
	if !al.Granted {
		return Allowance{}, errNotHeld
	}
	if f.held == nil {
		f.held = make(map[Code]Allowance)
	}
	f.held[code] = al
	return al, nil
}

var errNotHeld = notFound("FEATURE_NOT_FOUND", "the customer has no live agreement with this feature")

func unknownFeature() error {
	return notFound("FEATURE_NOT_FOUND", "there is no feature with this code")
}

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
