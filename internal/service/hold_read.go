package service

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/usage"
)

// Hold reads a hold, also of a customer that is deleted, and says when now is, by
// which an open one may be expired.
//
// Errors: HOLD_NOT_FOUND.
func (s *Service) Hold(ctx context.Context, id usage.HoldID) (usage.Hold, time.Time, billing.Revision, error) {
	var h usage.Hold
	var now time.Time
	var rev billing.Revision
	clock := s.now()
	err := s.Store.View(ctx, func(r Reader) error {
		snap, err := readAny(r, id.Customer(), clock)
		if err != nil {
			return err
		}
		if h, err = r.Hold(id); err == nil && h.Of != (usage.HoldID{}) { // the twin of another
			err = billing.ErrNotFound
		}
		if err != nil {
			return err
		}
		rev = snap.Revision()
		now, err = readNow(r, snap, clock, h.Feature)
		return err
	})
	if errors.Is(err, errNoCustomer) || isNotFound(err) {
		err = holdNotFound()
	}
	return h, now, rev, err
}

// Holds is a page of the holds of a customer (of a feature, unless it is ""), open and
// closed, ascending by id, as they were made. A customer that is deleted has them, too.
// Those that were over long ago are gone.
//
// Errors: CUSTOMER_NOT_FOUND, FEATURE_NOT_FOUND.
func (s *Service) Holds(ctx context.Context, customer billing.CustomerID, feature billing.Code, page Page[usage.HoldID]) ([]usage.Hold, bool, time.Time, billing.Revision, error) {
	var out []usage.Hold
	var more bool
	var now time.Time
	var rev billing.Revision
	clock := s.now()
	err := s.Store.View(ctx, func(r Reader) error {
		snap, err := readAny(r, customer, clock)
		if err != nil {
			return err
		}
		if _, ok := snap.Catalog.Features[feature]; feature != "" && !ok {
			return billing.UnknownFeature(feature)
		}
		rev = snap.Revision()
		out, more, err = filterPage(page, func(p Page[usage.HoldID]) ([]usage.Hold, bool, error) { return r.Holds(customer, feature, p) },
			func(h usage.Hold) (usage.HoldID, bool) { return h.ID, h.Of == (usage.HoldID{}) })
		if err != nil {
			return err
		}
		features := make([]billing.Code, len(out))
		for i := range out {
			features[i] = out[i].Feature
		}
		now, err = readNow(r, snap, clock, features...)
		return err
	})
	return out, more, now, rev, err
}

// AnyCustomer reads a customer, a deleted one too. The error is CUSTOMER_NOT_FOUND.
func (s *Service) AnyCustomer(ctx context.Context, id billing.CustomerID) (billing.CustomerAt, error) {
	var out billing.CustomerAt
	clock := s.now()
	err := s.Store.View(ctx, func(r Reader) error {
		snap, err := readAny(r, id, clock)
		if err == nil {
			out = snap.At(snap.Now(clock))
		}
		return err
	})
	return out, err
}

// AnyAgreements is as [Service.AgreementHistory], of a deleted customer too.
func (s *Service) AnyAgreements(ctx context.Context, id billing.CustomerID, feature billing.Code, page Page[billing.AgreementID]) ([]billing.AgreementAt, bool, billing.Revision, error) {
	return s.agreementHistory(ctx, id, feature, page, readAny)
}

// readNow is the effective now, no earlier than usage or holds of some features were
// last written at: a hold that was closed by a faster clock is not open.
func readNow(r Reader, snap *billing.Snapshot, clock time.Time, features ...billing.Code) (time.Time, error) {
	now := snap.Now(clock)
	slices.Sort(features)
	for _, code := range slices.Compact(features) {
		c, err := r.Counter(snap.Customer.ID, code, billing.Window{})
		if err != nil && !isNotFound(err) {
			return now, err
		}
		now = latest(now, c.ChangedOn)
	}
	return now, nil
}
