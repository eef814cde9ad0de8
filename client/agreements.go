package client

import (
	"context"
	"iter"
	"net/http"
	"net/url"

	"github.com/allot-dev/allot/api"
)

// AgreementsService lists, makes and cancels agreements as Kinde does. Where a
// version, a quantity or a time is to be chosen, use [CustomersService].
type AgreementsService struct{ client *Client }

// AgreementParams choose which agreements to list. All but CustomerID may be
// left out.
type AgreementParams struct {
	CustomerID    string // the billing customer; required
	PageSize      int    // 1 to 500; 0 for the default: 10, with All 100
	StartingAfter string // the page after this agreement id
	EndingBefore  string // the page just before this agreement id; not both
	FeatureCode   string // only agreements that have this feature
}

func (p AgreementParams) page() PageParams {
	return PageParams{p.PageSize, p.StartingAfter, p.EndingBefore}
}

func (p AgreementParams) query() url.Values {
	q := url.Values{}
	setString(q, "customer_id", p.CustomerID)
	p.page().set(q)
	setString(q, "feature_code", p.FeatureCode)
	return q
}

const agreementsPath = "/api/v1/billing/agreements"

// List gets one page of the live and ended agreements of a customer. Its scope
// is read:billing_agreements.
func (s *AgreementsService) List(ctx context.Context, p AgreementParams, opts ...CallOption) (*api.BillingAgreementList, error) {
	return get[api.BillingAgreementList](ctx, s.client, s.client.newRequest(http.MethodGet, agreementsPath, p.query(), opts))
}

// ListRaw is List without its reading: it returns the answer of any status, with
// the body unread. Close the body; until then the call's timeout runs.
func (s *AgreementsService) ListRaw(ctx context.Context, p AgreementParams, opts ...CallOption) (*http.Response, error) {
	r := s.client.newRequest(http.MethodGet, agreementsPath, p.query(), opts)
	r.raw = true
	return s.client.open(ctx, r)
}

// All goes over the agreements of a customer, page by page: ascending from
// StartingAfter or the first, or with EndingBefore descending from there. An
// error is the last thing it gives.
func (s *AgreementsService) All(ctx context.Context, p AgreementParams, opts ...CallOption) iter.Seq2[api.BillingAgreement, error] {
	return walk(ctx, p.page(), func(ctx context.Context, at PageParams) ([]api.BillingAgreement, bool, error) {
		p := p
		p.PageSize, p.StartingAfter, p.EndingBefore = at.PageSize, at.StartingAfter, at.EndingBefore
		page, err := s.List(ctx, p, opts...)
		if err != nil {
			return nil, false, err
		}
		return page.Agreements, page.HasMore, nil
	}, func(a api.BillingAgreement) string { return a.ID })
}

// Create puts a customer on a plan, ending the one held at the same instant, or
// adds an add-on. The answer names no agreement: List has it. Its scope is
// create:billing_agreements.
func (s *AgreementsService) Create(ctx context.Context, body api.CreateBillingAgreementRequest, opts ...CallOption) error {
	r := s.client.newRequest(http.MethodPost, agreementsPath, nil, opts)
	r.setJSON(body)
	_, err := s.client.read(ctx, r)
	return err
}

// Cancel ends an agreement now. Its scope is delete:billing_agreements.
func (s *AgreementsService) Cancel(ctx context.Context, agreementID string, opts ...CallOption) error {
	query := url.Values{"agreement_id": {agreementID}}
	_, err := s.client.read(ctx, s.client.newRequest(http.MethodDelete, agreementsPath, query, opts))
	return err
}
