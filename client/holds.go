package client

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"time"

	"github.com/allot-dev/allot/api"
)

// HoldsService sets units aside before they are used. Its scope, but of what only
// reads, is create:meter_usage.
type HoldsService struct{ client *Client }

// HoldParams say what is held for whom. The customer is named as in
// [CheckParams].
type HoldParams struct {
	CustomerID  string
	OrgCode     string
	UserID      string
	ExternalID  string
	FeatureCode string        // required
	Units       api.Decimal   // required; above 0
	ExpiresIn   time.Duration // whole seconds, at most a day
}

const holdsPath = "/v1/holds"

// Create holds units if they may be used. A refusal is no error: the answer is
// not Allowed then, and has no ID.
func (s *HoldsService) Create(ctx context.Context, p HoldParams, opts ...CallOption) (*api.Hold, error) {
	r := s.client.newRequest(http.MethodPost, holdsPath, nil, opts)
	r.mustBeSeconds(p.ExpiresIn)
	r.setWork(api.CreateHoldRequest{
		CustomerID: p.CustomerID, OrgCode: p.OrgCode, UserID: p.UserID, ExternalID: p.ExternalID,
		FeatureCode: p.FeatureCode, Units: p.Units, ExpiresIn: int64(p.ExpiresIn / time.Second),
	})
	return get[api.Hold](ctx, s.client, r)
}

// mustBeSeconds stops a request that asks for a part of a second.
func (r *request) mustBeSeconds(d time.Duration) {
	if d%time.Second != 0 && r.err == nil {
		r.err = fmt.Errorf("a hold of %v: want whole seconds", d)
	}
}

// Confirm counts the units of a hold, or fewer, and sets the rest free. With
// units "" it counts all of them. The same again gives the same answer.
func (s *HoldsService) Confirm(ctx context.Context, id string, units api.Decimal, opts ...CallOption) (*api.ClosedHold, error) {
	return s.ConfirmWith(ctx, id, api.ConfirmHoldRequest{Units: units}, opts...)
}

// ConfirmWith is Confirm that may count more than was held, as body.Over says.
func (s *HoldsService) ConfirmWith(ctx context.Context, id string, body api.ConfirmHoldRequest, opts ...CallOption) (*api.ClosedHold, error) {
	r := s.one(http.MethodPost, id, "/confirm", opts)
	r.setWork(body)
	return get[api.ClosedHold](ctx, s.client, r)
}

// Release sets the units of a hold free. The same again gives the same answer.
func (s *HoldsService) Release(ctx context.Context, id string, opts ...CallOption) (*api.ClosedHold, error) {
	r := s.one(http.MethodPost, id, "/release", opts)
	r.setKey()
	return get[api.ClosedHold](ctx, s.client, r)
}

// Extend keeps a hold open for some time from now: whole seconds, at most a day.
func (s *HoldsService) Extend(ctx context.Context, id string, lasts time.Duration, opts ...CallOption) (*api.HoldDetail, error) {
	r := s.one(http.MethodPost, id, "/extend", opts)
	r.mustBeSeconds(lasts)
	r.setWork(api.ExtendHoldRequest{ExpiresIn: int64(lasts / time.Second)})
	return get[api.HoldDetail](ctx, s.client, r)
}

// Get gets a hold as it stands. Its scope is read:usage.
func (s *HoldsService) Get(ctx context.Context, id string, opts ...CallOption) (*api.HoldDetail, error) {
	return get[api.HoldDetail](ctx, s.client, s.one(http.MethodGet, id, "", opts))
}

func (s *HoldsService) one(method, id, rest string, opts []CallOption) *request {
	return s.client.newElementRequest(method, holdsPath+"/", "hold id", id, rest, nil, opts)
}

// HoldListParams choose which holds to list. All but CustomerID may be left out.
type HoldListParams struct {
	PageParams         // cursors are hold ids
	CustomerID  string // required
	FeatureCode string // only holds of this feature
}

// List gets one page of the holds of a customer, open and closed. Its scope is
// read:usage.
func (s *HoldsService) List(ctx context.Context, p HoldListParams, opts ...CallOption) (*api.HoldList, error) {
	q := url.Values{}
	p.set(q)
	setString(q, "feature_code", p.FeatureCode)
	return get[api.HoldList](ctx, s.client, s.client.newElementRequest(http.MethodGet, customersPath+"/", "customer id", p.CustomerID, "/holds", q, opts))
}

// All goes over the holds of a customer, page by page: ascending from StartingAfter
// or the first, or with EndingBefore descending from there. An error is the last
// thing it gives.
func (s *HoldsService) All(ctx context.Context, p HoldListParams, opts ...CallOption) iter.Seq2[api.HoldDetail, error] {
	return walk(ctx, p.PageParams, func(ctx context.Context, at PageParams) ([]api.HoldDetail, bool, error) {
		p := p
		p.PageParams = at
		page, err := s.List(ctx, p, opts...)
		if err != nil {
			return nil, false, err
		}
		return page.Holds, page.HasMore, nil
	}, func(h api.HoldDetail) string { return h.ID })
}
