package service

import (
	"slices"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/usage"
)

// What counters and lanes say follows from the log. Where they are gone it is found there
// again; that costs as much as there is.

// lostLane is what a lane that is gone has said of a feature that has usage: whether
// usage was drawn from sources, and when it was last recorded.
func lostLane(r Reader, customer billing.CustomerID, feature billing.Code) (pooled bool, last time.Time, err error) {
	draws, err := r.SumDraws(customer, feature, billing.Window{}, time.Time{})
	if err != nil {
		return false, time.Time{}, err
	}
	pooled = slices.ContainsFunc(draws, func(d usage.DrawnSum) bool { return !d.Source.IsSum() })
	var after *UsageCursor
	for {
		page, more, err := r.UsageRecords(customer, feature, time.Time{}, time.Time{}, Page[UsageCursor]{Size: 500, After: after})
		if err != nil {
			return false, time.Time{}, err
		}
		for i := range page {
			last = latest(last, page[i].RecordedOn)
		}
		if !more || len(page) == 0 {
			return pooled, last, nil
		}
		after = &UsageCursor{page[len(page)-1].CountedOn, page[len(page)-1].ID}
	}
}

// restoreLane has a lane that was just made for usage that is there say what it said.
func (l *ledger) restoreLane() error {
	all := &l.counters[0]
	if all.Used == 0 || !all.ChangedOn.IsZero() {
		return nil
	}
	pooled, last, err := lostLane(l.tx.Reader(), l.customer, l.feature)
	if err != nil {
		return err
	}
	all.Lane.Pooled, all.ChangedOn, l.dirty[0] = pooled, last, true
	return nil
}
