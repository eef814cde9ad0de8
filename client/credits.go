package client

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"time"

	"github.com/allot-dev/allot/api"
)

// CreditsService asks what customers can pay use of metered features with, and what was
// paid from what. Its scope is read:usage.
type CreditsService struct{ client *Client }

// CreditParams choose what to ask. CustomerID, as in a path of the API, and FeatureCode are
// required.
type CreditParams struct {
	CustomerID  string
	FeatureCode string
	At          time.Time // zero: now
	// KnownNow counts, of an At of the past, what was recorded since at its own instant.
	KnownNow bool
}

func (p CreditParams) query() url.Values {
	q := url.Values{}
	setTime(q, "at", p.At)
	if p.KnownNow {
		q.Set("known", "now")
	}
	return q
}

func (s *CreditsService) request(p CreditParams, rest string, q url.Values, opts []CallOption) *request {
	r := s.client.newElementRequest(http.MethodGet, customersPath+"/", "customer id", p.CustomerID, "/credits/"+url.PathEscape(p.FeatureCode)+rest, q, opts)
	r.mustName("feature code", p.FeatureCode)
	return r
}

// Get gets what a customer can pay use of a feature with, now or as of any time.
func (s *CreditsService) Get(ctx context.Context, p CreditParams, opts ...CallOption) (*api.Credits, error) {
	return get[api.Credits](ctx, s.client, s.request(p, "", p.query(), opts))
}

// CreditLedgerParams choose what of the ledger to list.
type CreditLedgerParams struct {
	CreditParams // At: what was recorded by then, or with KnownNow what counts by then
	PageParams   // cursors are ids of entries
}

// Ledger gets one page of what used a feature of a customer, gave back or paid debts.
func (s *CreditsService) Ledger(ctx context.Context, p CreditLedgerParams, opts ...CallOption) (*api.CreditLedger, error) {
	q := p.query()
	p.set(q)
	return get[api.CreditLedger](ctx, s.client, s.request(p.CreditParams, "/ledger", q, opts))
}

// AllOfLedger goes over the ledger, page by page: ascending from StartingAfter or the
// first, or with EndingBefore descending from there. An error is the last thing it gives.
func (s *CreditsService) AllOfLedger(ctx context.Context, p CreditLedgerParams, opts ...CallOption) iter.Seq2[api.CreditEntry, error] {
	return walk(ctx, p.PageParams, func(ctx context.Context, at PageParams) ([]api.CreditEntry, bool, error) {
		p := p
		p.PageParams = at
		page, err := s.Ledger(ctx, p, opts...)
		if err != nil {
			return nil, false, err
		}
		return page.Entries, page.HasMore, nil
	}, func(e api.CreditEntry) string { return e.ID })
}

// CreditSeriesParams choose a series of what was drawn.
type CreditSeriesParams struct {
	SeriesParams
	// ByFeature asks for the shares of the features in each bucket.
	ByFeature bool
}

// Series gets what use has drawn of a feature of a customer, its own and that of features
// that burn it, by hour, day, week or month of its time zone.
func (s *CreditsService) Series(ctx context.Context, p CreditSeriesParams, opts ...CallOption) (*api.UsageSeries, error) {
	q := p.query()
	if p.ByFeature {
		q.Set("by", "feature")
	}
	of := CreditParams{CustomerID: p.CustomerID, FeatureCode: p.FeatureCode}
	return get[api.UsageSeries](ctx, s.client, s.request(of, "/series", q, opts))
}
