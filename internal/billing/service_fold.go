package billing

import (
	"context"
	"slices"
	"time"
)

// foldBatch bounds how many records one transaction folds.
const foldBatch = 1000

// FoldUsage puts one record in the place of all those of a window that count
// before an instant, for every customer, and answers how many are gone. No
// counter changes. It may be interrupted and started again.
func (s *Service) FoldUsage(ctx context.Context, before time.Time) (int, error) {
	const batch = 200
	gone := 0
	for after := (CustomerID{}); ; {
		var ids []CustomerID
		var counters []Counter
		err := s.Store.View(ctx, func(r Reader) error {
			var err error
			if ids, err = r.CustomerIDs(after, batch); err != nil {
				return err
			}
			counters = nil
			for _, id := range ids {
				own, err := r.Counters(id)
				if err != nil {
					return err
				}
				counters = append(counters, own...)
			}
			return nil
		})
		if err != nil || len(ids) == 0 {
			return gone, err
		}
		after = ids[len(ids)-1]

		for _, span := range spans(counters) {
			if !span.Window.Start.Before(before) {
				continue
			}
			n, err := s.foldWindow(ctx, span, before)
			gone += n
			if err != nil {
				return gone, err
			}
		}
	}
}

// spans cut the time of each feature at every end of one of its windows, so that
// each span is wholly in or wholly out of every window: folding the records of
// one moves no usage out of any window, also where windows cross. The first span
// has a zero Start, the last a zero End.
func spans(counters []Counter) []Counter {
	type of struct {
		customer CustomerID
		feature  Code
	}
	bounds := make(map[of][]time.Time)
	var order []of
	for _, c := range counters {
		k := of{c.CustomerID, c.Feature}
		if _, ok := bounds[k]; !ok {
			order = append(order, k)
			bounds[k] = []time.Time{}
		}
		if !c.Window.AllTime() {
			bounds[k] = append(bounds[k], c.Window.Start, c.Window.End)
		}
	}
	var out []Counter
	for _, k := range order {
		ends := bounds[k]
		slices.SortFunc(ends, time.Time.Compare)
		ends = append(slices.CompactFunc(ends, time.Time.Equal), time.Time{})
		var start time.Time
		for _, end := range ends {
			out = append(out, Counter{CustomerID: k.customer, Feature: k.feature, Window: Window{Cycle{start, end}}})
			start = end
		}
	}
	return out
}

func (s *Service) foldWindow(ctx context.Context, c Counter, before time.Time) (int, error) {
	for gone := 0; ; {
		n := 0
		err := s.Do(ctx, "server", func(u *Unit) error {
			if _, err := u.tx.LockCounters(c.CustomerID, c.Feature, before, before); err != nil {
				return err
			}
			var err error
			n, err = u.tx.FoldUsage(c.CustomerID, c.Feature, c.Window, before, foldBatch)
			return err
		})
		gone += n
		if err != nil || n < foldBatch {
			return gone, err
		}
	}
}
