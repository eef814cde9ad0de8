package client

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"strconv"

	"github.com/allot-dev/allot/api"
)

// EntitlementsService asks what a customer has access to. Its scope is
// read:billing_entitlements.
type EntitlementsService struct{ client *Client }

// EntitlementParams choose what to ask. All but CustomerID may be left out.
type EntitlementParams struct {
	CustomerID    string // the billing customer; required
	PageSize      int    // 1 to 500; 0 for the default: 10, with All 100
	StartingAfter string // the page after this entitlement id
	EndingBefore  string // the page just before this entitlement id; not both
	// MaxValue stands in as EntitlementLimitMax wherever there is no maximum.
	MaxValue *int64
	// Expand is api.ExpandPlans to get the plans of the live agreements too.
	Expand string
}

func (p EntitlementParams) page() PageParams {
	return PageParams{p.PageSize, p.StartingAfter, p.EndingBefore}
}

func (p EntitlementParams) query() url.Values {
	q := url.Values{}
	setString(q, "customer_id", p.CustomerID)
	p.page().set(q)
	if p.MaxValue != nil {
		q.Set("max_value", strconv.FormatInt(*p.MaxValue, 10))
	}
	setString(q, "expand", p.Expand)
	return q
}

const entitlementsPath = "/api/v1/billing/entitlements"

// List gets one page of the entitlements that a customer has now.
func (s *EntitlementsService) List(ctx context.Context, p EntitlementParams, opts ...CallOption) (*api.BillingEntitlementList, error) {
	r := s.client.newRequest(http.MethodGet, entitlementsPath, p.query(), opts)
	page, err := get[entitlementList](ctx, s.client, r)
	if err != nil {
		return nil, err
	}
	return page.list(), nil
}

// ListRaw is List without its reading: it returns the answer of any status, with
// the body unread. Close the body; until then the call's timeout runs.
func (s *EntitlementsService) ListRaw(ctx context.Context, p EntitlementParams, opts ...CallOption) (*http.Response, error) {
	r := s.client.newRequest(http.MethodGet, entitlementsPath, p.query(), opts)
	r.raw = true
	return s.client.open(ctx, r)
}

// All goes over the entitlements of a customer, page by page: ascending from
// StartingAfter or the first, or with EndingBefore descending from there. An
// error is the last thing it gives.
func (s *EntitlementsService) All(ctx context.Context, p EntitlementParams, opts ...CallOption) iter.Seq2[api.BillingEntitlement, error] {
	return walk(ctx, p.page(), func(ctx context.Context, at PageParams) ([]api.BillingEntitlement, bool, error) {
		p := p
		p.PageSize, p.StartingAfter, p.EndingBefore = at.PageSize, at.StartingAfter, at.EndingBefore
		page, err := s.List(ctx, p, opts...)
		if err != nil {
			return nil, false, err
		}
		return page.Entitlements, page.HasMore, nil
	}, func(e api.BillingEntitlement) string { return e.ID })
}

// entitlementList and entitlement read what Kinde really sends: see integer.
// Their fields shadow those of the same name in the wire types.
type entitlementList struct {
	api.BillingEntitlementList
	Entitlements []entitlement `json:"entitlements"`
}

type entitlement struct {
	api.BillingEntitlement
	FixedCharge         *integer `json:"fixed_charge"`
	UnitAmount          *integer `json:"unit_amount"`
	EntitlementLimitMax *integer `json:"entitlement_limit_max"`
	EntitlementLimitMin *integer `json:"entitlement_limit_min"`
}

func (l *entitlementList) list() *api.BillingEntitlementList {
	list := l.BillingEntitlementList
	list.Entitlements = make([]api.BillingEntitlement, len(l.Entitlements))
	for i, e := range l.Entitlements {
		list.Entitlements[i] = e.BillingEntitlement
		list.Entitlements[i].FixedCharge = (*int64)(e.FixedCharge)
		list.Entitlements[i].UnitAmount = (*int64)(e.UnitAmount)
		list.Entitlements[i].EntitlementLimitMax = (*int64)(e.EntitlementLimitMax)
		list.Entitlements[i].EntitlementLimitMin = (*int64)(e.EntitlementLimitMin)
	}
	return &list
}
