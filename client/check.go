package client

import (
	"context"
	"net/http"

	"github.com/allot-dev/allot/api"
)

// CheckParams say what is asked of whom. The customer is named by CustomerID, or
// OrgCode, or UserID, with OrgCode if the user is one of an organization's, or
// ExternalID.
type CheckParams struct {
	CustomerID  string
	OrgCode     string
	UserID      string
	ExternalID  string
	FeatureCode string      // required
	Units       api.Decimal // above 0; "" for 1
}

// Check asks whether a customer may use a feature, and changes nothing. A refusal
// is a decision, not an error. Its scope is check:entitlements.
func (c *Client) Check(ctx context.Context, p CheckParams, opts ...CallOption) (*api.Decision, error) {
	r := c.newCheck(api.CheckRequest{CustomerID: p.CustomerID, OrgCode: p.OrgCode, UserID: p.UserID, ExternalID: p.ExternalID, FeatureCode: p.FeatureCode, Units: p.Units}, opts)
	return get[api.Decision](ctx, c, r)
}

// CheckAllParams are [CheckParams] for several features.
type CheckAllParams struct {
	CustomerID   string
	OrgCode      string
	UserID       string
	ExternalID   string
	FeatureCodes []string    // at least one
	Units        api.Decimal // of each, above 0; "" for 1
}

// CheckAll is Check for several features at one instant. The decisions are in the
// order of the features.
func (c *Client) CheckAll(ctx context.Context, p CheckAllParams, opts ...CallOption) ([]api.Decision, error) {
	r := c.newCheck(api.CheckRequest{CustomerID: p.CustomerID, OrgCode: p.OrgCode, UserID: p.UserID, ExternalID: p.ExternalID, FeatureCodes: p.FeatureCodes, Units: p.Units}, opts)
	list, err := get[api.DecisionList](ctx, c, r)
	if err != nil {
		return nil, err
	}
	return list.Results, nil
}

func (c *Client) newCheck(body api.CheckRequest, opts []CallOption) *request {
	r := c.newRequest(http.MethodPost, "/v1/check", nil, opts)
	r.setJSON(body)
	r.asks = true
	return r
}

// ConsumeParams say who uses what. The customer is named as in [CheckParams].
type ConsumeParams struct {
	CustomerID  string
	OrgCode     string
	UserID      string
	ExternalID  string
	FeatureCode string      // required
	Units       api.Decimal // above 0; "" for 1
}

// Consume checks and records in one step: a hard limit is never exceeded, and a
// refusal, which is a decision and not an error, records nothing. It is tried
// again without counting twice. Its scope is create:meter_usage.
func (c *Client) Consume(ctx context.Context, p ConsumeParams, opts ...CallOption) (*api.Decision, error) {
	r := c.newRequest(http.MethodPost, "/v1/consume", nil, opts)
	r.setWork(api.ConsumeRequest{CustomerID: p.CustomerID, OrgCode: p.OrgCode, UserID: p.UserID, ExternalID: p.ExternalID, FeatureCode: p.FeatureCode, Units: p.Units})
	return get[api.Decision](ctx, c, r)
}
