package service_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/calendar"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/usage"
)

// series is that of seats.
func (w *world) series(id billing.CustomerID, f service.SeriesFilter) []service.SeriesBucket {
	w.t.Helper()
	out, _, err := w.Series(w.t.Context(), id, "seats", f)
	if err != nil {
		w.t.Fatal(err)
	}
	return out.Buckets
}

// Whatever was used, burned and corrected, in whichever zones: the buckets follow each other
// on the customer's clocks, each is the sum of its records and of its shares, and folding
// moves nothing out of its day.
func TestSeriesIsTheLog(t *testing.T) {
	w := newWorld(t)
	spec := burning()
	spec.Features = append(spec.Features, billing.Feature{Code: "chats", Name: "Chats", Type: billing.Metered, Burns: spec.Features[len(spec.Features)-1].Burns})
	for i := range spec.Plans {
		if p := &spec.Plans[i]; p.Code == "pro" {
			p.Items = append(p.Items, billing.ItemSpec{Feature: "chats"})
		}
	}
	w.apply(spec)
	begin := w.now
	c := must(w, func(u *service.Work) (billing.CustomerAt, error) {
		return u.CreateCustomer(billing.NewCustomer{Type: billing.Organization, Plan: "pro", TimeZone: "America/New_York"})
	})
	random, codes := rand.New(rand.NewPCG(3, 4)), []billing.Code{"seats", "images", "chats"}
	const n = 60
	for i := range n {
		code := codes[random.IntN(len(codes))]
		report := usage.Report{ID: fmt.Sprint(code, i), Feature: code, Value: billing.Units(1 + random.Int64N(1e6))}
		if out := w.use(c.ID, report); out[0].Err != nil {
			t.Fatal(out[0].Err)
		}
		if random.IntN(4) == 0 {
			if out := w.use(c.ID, usage.Report{Feature: code, Value: -report.Value / 2, Corrects: report.ID}); out[0].Err != nil {
				t.Fatal(out[0].Err)
			}
		}
		if i == n/2 {
			c = must(w, func(u *service.Work) (billing.CustomerAt, error) {
				return u.UpdateCustomer(c.ID, billing.CustomerUpdate{TimeZone: new("Asia/Kolkata")})
			})
		}
		w.now = w.now.Add(time.Duration(random.IntN(10*60)) * time.Minute)
	}
	all := map[calendar.Interval][]service.SeriesBucket{}
	for _, every := range service.Buckets() {
		f := service.SeriesFilter{Bucket: every, From: begin, Shares: true}
		all[every] = w.series(c.ID, f)
		var of map[billing.Code]billing.Units
		w.view(func(r service.Reader) error {
			records, _, err := r.UsageRecords(c.ID, "seats", time.Time{}, time.Time{}, service.Page[service.UsageCursor]{Size: 1000})
			if err != nil {
				return err
			}
			of, err = countedBy(r, c.ID, records)
			return err
		})
		if diff := cmp.Diff(of, heldToLog(t, c.Zones, every, all[every])); diff != "" {
			t.Errorf("by %s, all use by feature (-records +shares):\n%s", every, diff)
		}
	}

	w.now = w.now.AddDate(0, 0, 5)
	if gone, err := w.FoldUsage(t.Context(), w.now.AddDate(0, 0, -10)); err != nil || gone < 10 {
		t.Fatalf("%d records are gone, %v", gone, err)
	}
	for _, every := range service.Buckets()[1:] {
		f := service.SeriesFilter{Bucket: every, From: begin, To: all[every][len(all[every])-1].End, Shares: true}
		folded := w.series(c.ID, f)
		if by := heldToLog(t, c.Zones, every, folded); by[""] == 0 {
			t.Errorf("by %s: nothing is of folded days", every)
		}
		if diff := cmp.Diff(all[every], folded, cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".Shares" }, cmp.Ignore())); diff != "" {
			t.Errorf("by %s (-before +folded):\n%s", every, diff)
		}
	}
}

// countedBy is what features have used of a pool, by its records.
func countedBy(r service.Reader, id billing.CustomerID, records []usage.Record) (map[billing.Code]billing.Units, error) {
	out := map[billing.Code]billing.Units{}
	for _, u := range records {
		code := u.Feature
		if u.Of != "" {
			of, err := r.UsageRecord(id, u.Of)
			if err != nil {
				return nil, err
			}
			code = of.Feature
		}
		out[code] += u.Change
	}
	return out, nil
}

// heldToLog reports what is wrong with buckets, and returns what their shares sum to.
func heldToLog(t *testing.T, zones []calendar.Zone, every calendar.Interval, buckets []service.SeriesBucket) map[billing.Code]billing.Units {
	t.Helper()
	grid := calendar.Grid{Every: every, Align: calendar.Calendar, Zones: zones}
	by := map[billing.Code]billing.Units{}
	for i, b := range buckets {
		if span, _ := grid.At(b.Start); span != b.Span || i > 0 && !b.Start.Equal(buckets[i-1].End) {
			t.Errorf("by %s: %v after %v, want %v", every, b.Span, buckets[max(i-1, 0)].Span, span)
		}
		var sum billing.Units
		for _, share := range b.Shares {
			sum += share.Units
			by[share.Feature] += share.Units
		}
		if sum != b.Units {
			t.Errorf("by %s: from %v on %s are used, and the shares are %s", every, b.Start, b.Units, sum)
		}
	}
	return by
}

func (w *world) view(fn func(service.Reader) error) {
	w.t.Helper()
	if err := w.Store.View(w.t.Context(), fn); err != nil {
		w.t.Fatal(err)
	}
}

// A series has at most 1,000 buckets, by default 30; it ends with the one that runs, or that
// contains the last instant before its end. What pays a debt is no use, and a deleted
// customer has used what it has.
func TestSeriesHasItsBuckets(t *testing.T) {
	w := newWorld(t)
	w.apply(catalog())
	id := w.customer("pro")
	w.now = w.now.Add(30 * time.Minute)
	from := func(hours int) time.Time { return w.now.Truncate(time.Hour).Add(time.Duration(-hours) * time.Hour) }
	ask := func(f service.SeriesFilter) (int, error) {
		out, _, err := w.Series(t.Context(), id, "seats", f)
		if err == nil && !out.Buckets[len(out.Buckets)-1].Contains(w.now) && f.To.IsZero() {
			t.Errorf("%+v ends with %v, and it is %v", f, out.Buckets[len(out.Buckets)-1].Span, w.now)
		}
		return len(out.Buckets), err
	}
	for _, test := range []struct {
		filter service.SeriesFilter
		want   int
		code   string
	}{
		{service.SeriesFilter{Bucket: calendar.Hour}, 30, ""},
		{service.SeriesFilter{Bucket: calendar.Hour, From: w.now}, 1, ""},
		{service.SeriesFilter{Bucket: calendar.Hour, From: from(0).Add(-time.Microsecond)}, 2, ""},
		{service.SeriesFilter{Bucket: calendar.Hour, From: from(999)}, 1000, ""},
		{service.SeriesFilter{Bucket: calendar.Hour, From: from(999).Add(-time.Microsecond)}, 0, "FROM_INVALID"},
		{service.SeriesFilter{Bucket: calendar.Hour, From: from(1000), To: from(0)}, 1000, ""},
		{service.SeriesFilter{Bucket: calendar.Month, From: w.now.AddDate(9000, 0, 0)}, 0, "FROM_INVALID"},
		{service.SeriesFilter{Bucket: calendar.Month, From: from(0), To: w.now.AddDate(9000, 0, 0)}, 0, "FROM_INVALID"},
	} {
		n, err := ask(test.filter)
		if test.code != "" {
			wantCode(t, err, test.code)
		} else if err != nil || n != test.want {
			t.Errorf("%+v: %d buckets, %v; want %d", test.filter, n, err, test.want)
		}
	}

	g := w.grant(id, billing.NewGrant{Feature: "seats", Amount: 5 * billing.OneUnit, Priority: new(1)})
	w.use(id, usage.Report{Feature: "seats", Value: 5 * billing.OneUnit})
	w.void(g.Grants[0].Grant.ID, true)
	w.use(id, usage.Report{Feature: "seats", Value: billing.OneUnit})
	if err := w.delete(id, false); err != nil {
		t.Fatal(err)
	}
	got := w.series(id, service.SeriesFilter{Bucket: calendar.Day, Shares: true})
	if b := got[len(got)-1]; b.Units != 6*billing.OneUnit || !slices.Equal(b.Shares, []service.SeriesShare{{Feature: "seats", Units: 6 * billing.OneUnit}}) {
		t.Errorf("used %+v, want 6", b)
	}
}

// A sum that 64 bits do not hold is cut and never wraps, in its shares as in the whole, and
// what is taken back is taken off before.
func TestSeriesNeverWraps(t *testing.T) {
	w := newWorld(t)
	w.apply(catalog())
	id := w.customer("forever")
	day := w.now.Truncate(24 * time.Hour)
	put := func(changes ...billing.Units) {
		t.Helper()
		if err := w.Store.Update(t.Context(), func(tx service.Tx) error {
			if _, err := tx.LockCounters(id, "seats", day, day); err != nil {
				return err
			}
			for _, change := range changes {
				n := len(changes)
				r := usage.Record{
					CustomerID: id, ID: fmt.Sprint(change, n), Feature: "seats", Kind: usage.Delta, Value: change, Change: change,
					Stamp: day, CountedOn: day, RecordedOn: w.now, By: "test",
				}
				if err := tx.CreateUsage(r); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	f := service.SeriesFilter{Bucket: calendar.Day, From: day, Shares: true}
	put(math.MaxInt64, math.MaxInt64-1)
	if b := w.series(id, f)[0]; b.Units != math.MaxInt64 || b.Shares[0].Units != math.MaxInt64 {
		t.Errorf("%+v, want all that 64 bits hold", b)
	}
	put(-math.MaxInt64, -math.MaxInt64+2, 5)
	if b := w.series(id, f)[0]; b.Units != 6 || b.Shares[0].Units != 6 {
		t.Errorf("%+v, want 6", b)
	}
}
