package wire

import (
	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/usage"
)

func usageRecord(r *usage.Record) api.UsageRecord {
	return api.UsageRecord{
		ID: r.ID, FeatureCode: string(r.Feature), Type: string(r.Kind), Value: Amount(r.Value), Change: Amount(r.Change),
		Timestamp: api.Time{Time: r.Stamp}, CountedOn: api.Time{Time: r.CountedOn}, RecordedOn: api.Time{Time: r.RecordedOn},
		Corrects: r.Corrects, Of: r.Of,
	}
}

// Usage shows the windows and a page of the records of a customer.
func Usage(of billing.CustomerID, windows []service.WindowUsage, records []usage.Record, more bool) api.Usage {
	out := api.Usage{
		CustomerID: of.String(), HasMore: more,
		Windows: make([]api.UsageWindow, len(windows)), Records: make([]api.UsageRecord, len(records)),
	}
	for i, w := range windows {
		out.Windows[i] = api.UsageWindow{
			FeatureCode: string(w.Feature), StartsOn: api.NewTime(w.Window.Start), EndsOn: api.NewTime(w.Window.End), Used: Amount(w.Used),
		}
	}
	for i := range records {
		out.Records[i] = usageRecord(&records[i])
	}
	return out
}

// Series shows what counted of a feature, bucket by bucket.
func Series(s *service.Series) api.UsageSeries {
	out := api.UsageSeries{
		CustomerID: s.Customer.String(), FeatureCode: string(s.Feature), Bucket: string(s.Bucket), TimeZone: s.TimeZone,
		Series: make([]api.UsageBucket, len(s.Buckets)),
	}
	for i := range s.Buckets {
		b := &s.Buckets[i]
		shown := api.UsageBucket{StartsOn: api.Time{Time: b.Start}, EndsOn: api.Time{Time: b.End}, Units: Amount(b.Units)}
		for _, share := range b.Shares {
			shown.By = append(shown.By, api.UsageShare{FeatureCode: string(share.Feature), Units: Amount(share.Units)})
		}
		out.Series[i] = shown
	}
	if n := len(out.Series); n > 0 {
		out.From, out.To = out.Series[0].StartsOn, out.Series[n-1].EndsOn
	}
	return out
}
