package service

import (
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/usage"
)

// facts are a customer's facts at the instant of a use case.
type facts struct {
	snap *billing.Snapshot
	now  time.Time
	by   billing.Actor

	held map[billing.Code]billing.Allowance // what metered has found

	// What reports of usage are looked up in.
	allowances map[billing.Code]billing.Allowance // of now
	past       *billing.Snapshot
	pastFrom   time.Time
	oldest     time.Time // of all of them
}

func (u *Work) facts(id billing.CustomerID) (*facts, error) {
	snap, err := u.snapshot(id)
	if err != nil {
		return nil, err
	}
	return &facts{snap: snap, now: snap.Now(u.clock), by: u.by}, nil
}

// allowance is that of now.
func (f *facts) allowance(feature *billing.Feature) billing.Allowance {
	al, ok := f.allowances[feature.Code]
	if !ok {
		al = f.snap.Allowance(feature, f.now)
		if f.allowances == nil {
			f.allowances = make(map[billing.Code]billing.Allowance)
		}
		f.allowances[feature.Code] = al
	}
	return al
}

func (f *facts) meteredFeature(code billing.Code) (*billing.Feature, error) {
	feature, ok := f.snap.Catalog.Features[code]
	if !ok {
		return nil, billing.UnknownFeature(code)
	}
	if feature.Type != billing.Metered {
		return nil, billing.Refused.Errorf("FEATURE_NOT_METERED", "feature %s is of type %s; only metered features have usage", code, feature.Type)
	}
	return feature, nil
}

// metered is the allowance of a metered feature that the customer holds. One who
// is suspended still holds it: what was used is counted.
func (f *facts) metered(code billing.Code) (billing.Allowance, error) {
	if al, ok := f.held[code]; ok {
		return al, nil
	}
	feature, err := f.meteredFeature(code)
	if err != nil {
		return billing.Allowance{}, err
	}
	al := f.snap.Allowance(feature, f.now)
	if !al.Granted {
		return billing.Allowance{}, notHeld(code)
	}
	if f.held == nil {
		f.held = make(map[billing.Code]billing.Allowance)
	}
	f.held[code] = al
	return al, nil
}

// errNotHeld is the cause of what [notHeld] makes.
var errNotHeld = errors.New("not held")

// notHeld is what is answered of a feature that the customer has nothing of.
func notHeld(code billing.Code) error {
	err := billing.NotFound.Errorf("FEATURE_NOT_FOUND", "the customer has no live agreement with the feature %s", code)
	err.Err = errNotHeld
	return err
}

// record is a report as a record that counts when it happened.
func (f *facts) record(feature *billing.Feature, in usage.Report) usage.Record {
	r := usage.Record{
		CustomerID: f.snap.Customer.ID, ID: in.ID, Feature: feature.Code, Kind: in.Kind, Value: in.Value,
		Stamp: in.Stamp.UTC().Truncate(time.Microsecond), RecordedOn: f.now, By: f.by, Corrects: in.Corrects,
	}
	if r.Kind == "" {
		r.Kind = usage.Delta
	}
	if in.Stamp.IsZero() {
		r.Stamp = f.now
	}
	r.CountedOn = r.Stamp
	return r
}

func isNotFound(err error) bool { return errors.Is(err, billing.ErrNotFound) }

func sortedKeys[V any](m map[billing.Code]V) []billing.Code { return slices.Sorted(maps.Keys(m)) }
