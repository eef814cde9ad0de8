package service

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/calendar"
	"github.com/allot-dev/allot/internal/usage"
)

// SeriesFilter says which buckets a series has.
type SeriesFilter struct {
	// Bucket is how long each is: an hour, a day, a week or a month of the calendar.
	Bucket calendar.Interval
	// From and To bound the instants that are asked about, half-open. The buckets that
	// contain one are there, each as a whole. Zero To: now, with all of the bucket that
	// runs; zero From: so that there are 30.
	From, To time.Time
	// Shares asks for the shares of each bucket.
	Shares bool
}

// Buckets are all that [SeriesFilter].Bucket can be, ascending.
func Buckets() []calendar.Interval {
	return []calendar.Interval{calendar.Hour, calendar.Day, calendar.Week, calendar.Month}
}

// Series is what counted of a metered feature of a customer, over time.
type Series struct {
	Customer billing.CustomerID
	Feature  billing.Code
	Bucket   calendar.Interval
	TimeZone string // in which the newest buckets begin
	Buckets  []SeriesBucket
}

// SeriesBucket is what counted in one bucket: usage, less what was corrected. What pays
// debts is no usage.
type SeriesBucket struct {
	calendar.Span
	Units  billing.Units
	Shares []SeriesShare // ascending by feature; those of nothing are left out
}

// SeriesShare is what of a bucket one feature used: the feature itself, or one that burns it.
type SeriesShare struct {
	Feature billing.Code // "": of folded records, which do not tell
	Units   billing.Units
}

// usualBuckets are in a series of which no start is asked for, maxBuckets in any.
const (
	usualBuckets = 30
	maxBuckets   = 1000
)

// Series reads what counted of a metered feature of a customer, bucket by bucket, folded
// records included: such a one counts at the start of its day. The buckets are those of the
// customer's clocks; those of before a change of its zone are of the zone then. The cost is
// one range of the log for each bucket; with shares it is two more, and one for each feature
// that is used beside it.
//
// Errors: CUSTOMER_NOT_FOUND, FEATURE_NOT_FOUND, FEATURE_NOT_METERED, FROM_INVALID.
func (s *Service) Series(ctx context.Context, customer billing.CustomerID, code billing.Code, filter SeriesFilter) (Series, billing.Revision, error) {
	var out Series
	var rev billing.Revision
	clock := s.now()
	err := s.Store.View(ctx, func(r Reader) error {
		snap, err := readAny(r, customer, clock)
		if err != nil {
			return err
		}
		if _, err := (&facts{snap: snap}).meteredFeature(code); err != nil {
			return err
		}
		rev = snap.Revision()
		out = Series{Customer: customer, Feature: code, Bucket: filter.Bucket, TimeZone: snap.Customer.TimeZone()}
		if out.Buckets, err = filter.buckets(snap.Customer.Zones, snap.Now(clock)); err != nil {
			return err
		}
		for i := range out.Buckets {
			b := &out.Buckets[i]
			if b.Units, err = r.SumUsage(customer, code, billing.Window{Span: b.Span}, time.Time{}); err != nil {
				return err
			}
		}
		if filter.Shares {
			return out.share(r, snap.Catalog)
		}
		return nil
	})
	return out, rev, err
}

// buckets are the empty ones of a series, ascending.
func (f SeriesFilter) buckets(zones []calendar.Zone, now time.Time) ([]SeriesBucket, error) {
	grid := calendar.Grid{Every: f.Bucket, Align: calendar.Calendar, Zones: zones}
	last := now
	if !f.To.IsZero() {
		last = f.To.Add(-time.Microsecond)
	}
	if !f.From.IsZero() && f.From.After(last) {
		return nil, billing.Invalid.Errorf("FROM_INVALID", "from must be before to, which is now by default")
	}
	var out []SeriesBucket
	for {
		span, ok := grid.At(last)
		if !ok {
			return nil, billing.Invalid.Errorf("BUCKET_INVALID", "there are no buckets of %s", f.Bucket)
		}
		out = append(out, SeriesBucket{Span: span})
		if f.From.IsZero() && len(out) == usualBuckets || !f.From.IsZero() && !f.From.Before(span.Start) {
			slices.Reverse(out)
			return out, nil
		}
		if len(out) == maxBuckets {
			return nil, billing.Invalid.Errorf("FROM_INVALID", "from and to span more than %d buckets; from %s on, or larger buckets, would do",
				maxBuckets, span.Start.Format(time.RFC3339))
		}
		last = span.Start.Add(-time.Microsecond)
	}
}

// share reads the shares of all buckets.
func (s *Series) share(r Reader, catalog *billing.Catalog) error {
	burners, err := s.usedBeside(r, catalog)
	if err != nil {
		return err
	}
	for i := range s.Buckets {
		if err := s.Buckets[i].share(r, s, burners); err != nil {
			return err
		}
	}
	return nil
}

// usedBeside are the other features that count in the buckets, ascending.
func (s *Series) usedBeside(r Reader, catalog *billing.Catalog) (codes []billing.Code, err error) {
	from, to := s.Buckets[0].Start, s.Buckets[len(s.Buckets)-1].End
	for _, code := range slices.Sorted(maps.Keys(catalog.Features)) {
		if code == s.Feature || catalog.Features[code].Type != billing.Metered {
			continue
		}
		found, _, err := r.UsageRecords(s.Customer, code, from, to, Page[UsageCursor]{Size: 1})
		if err != nil {
			return nil, err
		}
		if len(found) > 0 {
			codes = append(codes, code)
		}
	}
	return codes, nil
}

// share reads the shares of a bucket: of the feature itself, and of those that burned it.
// What is left of the whole is of folded records, of the feature or of what burned it.
func (b *SeriesBucket) share(r Reader, s *Series, burners []billing.Code) error {
	w := billing.Window{Span: b.Span}
	burned, err := r.SumKind(s.Customer, s.Feature, usage.Burned, w)
	if err != nil {
		return err
	}
	folded, err := r.SumKind(s.Customer, s.Feature, usage.Folded, w)
	if err != nil {
		return err
	}
	shares := []SeriesShare{{s.Feature, b.Units.Plus(-burned).Plus(-folded)}}
	untold := burned.Plus(folded)
	for _, code := range burners {
		if burned == 0 {
			break
		}
		units, err := r.SumBurned(s.Customer, s.Feature, code, w)
		if err != nil {
			return err
		}
		shares = append(shares, SeriesShare{code, units})
		untold = untold.Plus(-units)
	}
	for _, share := range append(shares, SeriesShare{"", untold}) {
		if share.Units != 0 {
			b.Shares = append(b.Shares, share)
		}
	}
	slices.SortFunc(b.Shares, func(a, b SeriesShare) int { return cmp.Compare(a.Feature, b.Feature) })
	return nil
}
