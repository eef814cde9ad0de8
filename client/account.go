package client

import (
	"context"
	"iter"
	"net/http"
	"net/url"

	"github.com/allot-dev/allot/api"
)

// AccountService asks what a user has access to, with the user's own token: give
// it [WithToken]. The token of a client is refused here, and a user's everywhere
// else.
type AccountService struct{ client *Client }

// AccountParams choose one page of the user's entitlements.
type AccountParams struct {
	PageSize      int    // 1 to 500; 0 for the default: 10, with All 100
	StartingAfter string // the page after this entitlement id
}

// Entitlements gets one page of what the user has access to now, with the plans
// on the first.
func (s *AccountService) Entitlements(ctx context.Context, p AccountParams, opts ...CallOption) (*api.AccountEntitlementList, error) {
	query := url.Values{}
	PageParams{PageSize: p.PageSize, StartingAfter: p.StartingAfter}.set(query)
	page, err := get[accountEntitlementList](ctx, s.client, s.client.newRequest(http.MethodGet, "/account_api/v1/entitlements", query, opts))
	if err != nil {
		return nil, err
	}
	return page.list(), nil
}

// All goes over the user's entitlements, page by page. An error is the last thing
// it gives.
func (s *AccountService) All(ctx context.Context, p AccountParams, opts ...CallOption) iter.Seq2[api.AccountEntitlement, error] {
	return walk(ctx, PageParams{PageSize: p.PageSize, StartingAfter: p.StartingAfter}, func(ctx context.Context, at PageParams) ([]api.AccountEntitlement, bool, error) {
		page, err := s.Entitlements(ctx, AccountParams{at.PageSize, at.StartingAfter}, opts...)
		if err != nil {
			return nil, false, err
		}
		return page.Data.Entitlements, page.Metadata.HasMore, nil
	}, func(e api.AccountEntitlement) string { return e.ID })
}

// Entitlement gets the user's entitlement to a feature, of several the first. One
// that the user has not is [ErrNotFound].
func (s *AccountService) Entitlement(ctx context.Context, key string, opts ...CallOption) (*api.AccountEntitlement, error) {
	r := s.client.newElementRequest(http.MethodGet, "/account_api/v1/entitlement/", "feature key", key, "", nil, opts)
	one, err := get[struct {
		Data struct {
			Entitlement accountEntitlement `json:"entitlement"`
		} `json:"data"`
	}](ctx, s.client, r)
	if err != nil {
		return nil, err
	}
	return new(one.Data.Entitlement.entitlement()), nil
}

// accountEntitlementList and accountEntitlement read what Kinde really sends, as
// entitlementList does.
type accountEntitlementList struct {
	api.AccountEntitlementList
	Data struct {
		api.AccountEntitlements
		Entitlements []accountEntitlement `json:"entitlements"`
	} `json:"data"`
}

type accountEntitlement struct {
	api.AccountEntitlement
	FixedCharge         *integer `json:"fixed_charge"`
	UnitAmount          *integer `json:"unit_amount"`
	EntitlementLimitMax *integer `json:"entitlement_limit_max"`
	EntitlementLimitMin *integer `json:"entitlement_limit_min"`
}

func (l *accountEntitlementList) list() *api.AccountEntitlementList {
	list := l.AccountEntitlementList
	list.Data = l.Data.AccountEntitlements
	list.Data.Entitlements = make([]api.AccountEntitlement, len(l.Data.Entitlements))
	for i, e := range l.Data.Entitlements {
		list.Data.Entitlements[i] = e.entitlement()
	}
	return &list
}

func (e accountEntitlement) entitlement() api.AccountEntitlement {
	out := e.AccountEntitlement
	out.FixedCharge = (*int64)(e.FixedCharge)
	out.UnitAmount = (*int64)(e.UnitAmount)
	out.EntitlementLimitMax = (*int64)(e.EntitlementLimitMax)
	out.EntitlementLimitMin = (*int64)(e.EntitlementLimitMin)
	return out
}
