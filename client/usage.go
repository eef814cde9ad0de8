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

// UsageService records usage and reads it back. What is recorded may be above
// the limit: to gate, use [Client.Consume].
type UsageService struct{ client *Client }

// Meter records usage as Kinde does. Its scope is create:meter_usage.
//
// Kinde does not honour an Idempotency-Key, so the call is not tried again by
// itself; against Allot give it [WithIdempotencyKey], and it is.
func (s *UsageService) Meter(ctx context.Context, body api.CreateMeterUsageRequest, opts ...CallOption) error {
	r := s.client.newRequest(http.MethodPost, "/api/v1/billing/meter_usage", nil, opts)
	r.setJSON(body)
	_, err := s.client.read(ctx, r)
	return err
}

// Record records usage in bulk, at most api.MaxUsageRecords at once, and answers
// for each in order: a bad record stops no other and is no error. Its scope is
// create:meter_usage.
func (s *UsageService) Record(ctx context.Context, records []api.UsageReport, opts ...CallOption) ([]api.UsageResult, error) {
	r := s.client.newRequest(http.MethodPost, "/v1/usage", nil, opts)
	if n := len(records); (n == 0 || n > api.MaxUsageRecords) && r.err == nil {
		r.err = fmt.Errorf("%d usage records: want 1 to %d", n, api.MaxUsageRecords)
	}
	r.setWork(api.RecordUsageRequest{Records: records})
	list, err := get[api.UsageResultList](ctx, s.client, r)
	if err != nil {
		return nil, err
	}
	return list.Results, nil
}

// UsageParams choose what usage to read. All but CustomerID may be left out.
type UsageParams struct {
	PageParams            // of the records; cursors are their ids
	CustomerID  string    // required
	FeatureCode string    // only this feature
	From        time.Time // zero: the start of the present window
	To          time.Time // exclusive; zero: no end
}

func (p UsageParams) query() url.Values {
	q := url.Values{}
	p.set(q)
	setString(q, "feature_code", p.FeatureCode)
	setTime(q, "from", p.From)
	setTime(q, "to", p.To)
	return q
}

// List gets the usage of a customer: all windows, and one page of the records.
// Its scope is read:usage.
func (s *UsageService) List(ctx context.Context, p UsageParams, opts ...CallOption) (*api.Usage, error) {
	return get[api.Usage](ctx, s.client, s.client.newElementRequest(http.MethodGet, customersPath+"/", "customer id", p.CustomerID, "/usage", p.query(), opts))
}

// SeriesParams choose a series. CustomerID and FeatureCode are required.
type SeriesParams struct {
	CustomerID  string // as in a path of the API
	FeatureCode string
	Bucket      string    // api.BucketHour, BucketDay (the default), BucketWeek or BucketMonth
	From        time.Time // in the first bucket; zero: so that there are 30
	To          time.Time // exclusive, in the last bucket; zero: now
}

func (p SeriesParams) query() url.Values {
	q := url.Values{}
	setString(q, "bucket", p.Bucket)
	setTime(q, "from", p.From)
	setTime(q, "to", p.To)
	return q
}

// Series gets what counted of a feature of a customer, by hour, day, week or month of its
// time zone; at most api.MaxUsageBuckets. Its scope is read:usage.
func (s *UsageService) Series(ctx context.Context, p SeriesParams, opts ...CallOption) (*api.UsageSeries, error) {
	q := p.query()
	setString(q, "feature_code", p.FeatureCode)
	return get[api.UsageSeries](ctx, s.client, s.client.newElementRequest(http.MethodGet, customersPath+"/", "customer id", p.CustomerID, "/usage/series", q, opts))
}

// All goes over the records, page by page: ascending from StartingAfter or the
// first, or with EndingBefore descending from there. An error is the last thing
// it gives.
func (s *UsageService) All(ctx context.Context, p UsageParams, opts ...CallOption) iter.Seq2[api.UsageRecord, error] {
	return walk(ctx, p.PageParams, func(ctx context.Context, at PageParams) ([]api.UsageRecord, bool, error) {
		p := p
		p.PageParams = at
		page, err := s.List(ctx, p, opts...)
		if err != nil {
			return nil, false, err
		}
		return page.Records, page.HasMore, nil
	}, func(r api.UsageRecord) string { return r.ID })
}
