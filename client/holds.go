package client

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/allot-dev/allot/api"
)

// HoldsService sets units aside before they are used. Its scope is
// create:meter_usage.
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
	if p.ExpiresIn%time.Second != 0 && r.err == nil {
		r.err = fmt.Errorf("a hold of %v: want whole seconds", p.ExpiresIn)
	}
	r.setWork(api.CreateHoldRequest{
		CustomerID: p.CustomerID, OrgCode: p.OrgCode, UserID: p.UserID, ExternalID: p.ExternalID,
		FeatureCode: p.FeatureCode, Units: p.Units, ExpiresIn: int64(p.ExpiresIn / time.Second),
	})
	return get[api.Hold](ctx, s.client, r)
}

// Confirm counts the units of a hold, or fewer, and sets the rest free. With
// units "" it counts all of them.
func (s *HoldsService) Confirm(ctx context.Context, id string, units api.Decimal, opts ...CallOption) (*api.ClosedHold, error) {
	r := s.client.newElementRequest(http.MethodPost, holdsPath+"/", "hold id", id, "/confirm", nil, opts)
	r.setWork(api.ConfirmHoldRequest{Units: units})
	return get[api.ClosedHold](ctx, s.client, r)
}

// Release sets the units of a hold free.
func (s *HoldsService) Release(ctx context.Context, id string, opts ...CallOption) (*api.ClosedHold, error) {
	r := s.client.newElementRequest(http.MethodPost, holdsPath+"/", "hold id", id, "/release", nil, opts)
	r.setKey()
	return get[api.ClosedHold](ctx, s.client, r)
}
