package client

import (
	"context"
	"iter"
	"net/http"
	"net/url"

	"github.com/allot-dev/allot/api"
)

// GrantsService gives customers credits, such as top-ups, and takes them back. Its scope,
// but of what only reads, is create:grants.
type GrantsService struct{ client *Client }

const grantsPath = "/v1/grants"

// Create gives a customer, named as in a path of the API, an amount of a feature. With an
// ExternalID the same again gives the first grant, so that a payment is never credited
// twice.
func (s *GrantsService) Create(ctx context.Context, customerID string, body api.CreateGrantRequest, opts ...CallOption) (*api.Grant, error) {
	return get[api.Grant](ctx, s.client, s.creation(customerID, body, opts))
}

// BuyParams are a purchase of a pack. All but Pack may be left out.
type BuyParams struct {
	Pack       string
	Quantity   int64 // 0: 1
	ExternalID string
}

// Buy gives a customer what a pack has, as Create does.
func (s *GrantsService) Buy(ctx context.Context, customerID string, p BuyParams, opts ...CallOption) (*api.GrantPurchase, error) {
	body := api.CreateGrantRequest{Pack: p.Pack, ExternalID: p.ExternalID}
	if p.Quantity != 0 {
		body.Quantity = &p.Quantity
	}
	return get[api.GrantPurchase](ctx, s.client, s.creation(customerID, body, opts))
}

func (s *GrantsService) creation(customerID string, body api.CreateGrantRequest, opts []CallOption) *request {
	r := s.client.newElementRequest(http.MethodPost, customersPath+"/", "customer id", customerID, "/grants", nil, opts)
	r.setWork(body)
	return r
}

// Get gets a grant as it stands. Its scope is read:usage.
func (s *GrantsService) Get(ctx context.Context, id string, opts ...CallOption) (*api.Grant, error) {
	return get[api.Grant](ctx, s.client, s.client.newElementRequest(http.MethodGet, grantsPath+"/", "grant id", id, "", nil, opts))
}

// Void takes away what remains of a grant. The same again gives the first outcome; with
// ClawBack what was drawn becomes a debt, also after a void that had none.
func (s *GrantsService) Void(ctx context.Context, id string, body api.VoidGrantRequest, opts ...CallOption) (*api.VoidedGrant, error) {
	r := s.client.newElementRequest(http.MethodPost, grantsPath+"/", "grant id", id, "/void", nil, opts)
	r.setWork(body)
	return get[api.VoidedGrant](ctx, s.client, r)
}

// GrantListParams choose which grants to list. All but CustomerID may be left out.
type GrantListParams struct {
	PageParams         // cursors are grant ids
	CustomerID  string // required
	FeatureCode string // only grants of this feature
}

// List gets one page of the grants of a customer, also of those that are over. Its scope
// is read:usage.
func (s *GrantsService) List(ctx context.Context, p GrantListParams, opts ...CallOption) (*api.GrantList, error) {
	q := url.Values{}
	p.set(q)
	setString(q, "feature_code", p.FeatureCode)
	return get[api.GrantList](ctx, s.client, s.client.newElementRequest(http.MethodGet, customersPath+"/", "customer id", p.CustomerID, "/grants", q, opts))
}

// All goes over the grants of a customer, page by page: ascending from StartingAfter or
// the first, or with EndingBefore descending from there. An error is the last thing it
// gives.
func (s *GrantsService) All(ctx context.Context, p GrantListParams, opts ...CallOption) iter.Seq2[api.Grant, error] {
	return walk(ctx, p.PageParams, func(ctx context.Context, at PageParams) ([]api.Grant, bool, error) {
		p := p
		p.PageParams = at
		page, err := s.List(ctx, p, opts...)
		if err != nil {
			return nil, false, err
		}
		return page.Grants, page.HasMore, nil
	}, func(g api.Grant) string { return g.ID })
}
