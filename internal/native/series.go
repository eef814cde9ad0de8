package native

import (
	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/calendar"
	"github.com/allot-dev/allot/internal/door"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/wire"
)

func (h *handlers) usageSeries(c *door.Call) (door.Answer, error) {
	q := door.ReadQuery(c.Request, new(door.Faults))
	feature := q.Required("feature_code", wire.AFeatureCode)
	return h.series(c, q, billing.Code(feature), seriesFilter(q))
}

func (h *handlers) creditSeries(c *door.Call) (door.Answer, error) {
	q := door.ReadQuery(c.Request, new(door.Faults))
	filter := seriesFilter(q)
	filter.Shares = q.OneOf("by", "feature", "feature") != ""
	return h.series(c, q, billing.Code(c.PathValue("feature_code")), filter)
}

func seriesFilter(q *door.Query) service.SeriesFilter {
	f := service.SeriesFilter{Bucket: calendar.Day, From: q.Time("from"), To: q.Time("to")}
	bucket := q.OneOf("bucket", "hour, day, week or month", api.BucketHour, api.BucketDay, api.BucketWeek, api.BucketMonth)
	if bucket != "" {
		f.Bucket = calendar.Interval(bucket)
	}
	if !f.From.IsZero() && !f.To.IsZero() && !f.From.Before(f.To) {
		q.Refuse("to", "after from")
	}
	return f
}

func (h *handlers) series(c *door.Call, q *door.Query, feature billing.Code, filter service.SeriesFilter) (door.Answer, error) {
	if err := q.Err(); err != nil {
		return door.Answer{}, err
	}
	id, err := h.named(c)
	if err != nil {
		return door.Answer{}, err
	}
	return fresh(c, func() (api.UsageSeries, billing.Revision, error) {
		out, rev, err := h.Billing.Series(c.Context(), id, feature, filter)
		return wire.Series(&out), rev, err
	})
}
