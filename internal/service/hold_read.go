package service

import (
	"context"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/usage"
)

// Hold reads a hold, also of a customer that is deleted, and says when now is, by
// which an open one may be expired.
//
// Errors: HOLD_NOT_FOUND.
func (s *Service) Hold(ctx context.Context, id usage.HoldID) (usage.Hold, time.Time, billing.Revision, error) {
	return usage.Hold{}, time.Time{}, billing.Revision{}, holdNotFound()
}

// Holds is a page of the holds of a customer (of a feature, unless it is ""), open and
// closed, ascending by id, as they were made. A customer that is deleted has them, too.
// Those that were over long ago are gone.
//
// Errors: CUSTOMER_NOT_FOUND, FEATURE_NOT_FOUND.
func (s *Service) Holds(ctx context.Context, customer billing.CustomerID, feature billing.Code, page Page[usage.HoldID]) ([]usage.Hold, bool, time.Time, billing.Revision, error) {
	return nil, false, time.Time{}, billing.Revision{}, errNoCustomer
}

// AnyCustomer reads a customer, a deleted one too. The error is CUSTOMER_NOT_FOUND.
func (s *Service) AnyCustomer(ctx context.Context, id billing.CustomerID) (billing.CustomerAt, error) {
	return s.Customer(ctx, id)
}

// AnyAgreements is as [Service.AgreementHistory], of a deleted customer too.
func (s *Service) AnyAgreements(ctx context.Context, id billing.CustomerID, feature billing.Code, page Page[billing.AgreementID]) ([]billing.AgreementAt, bool, billing.Revision, error) {
	return s.AgreementHistory(ctx, id, feature, page)
}
