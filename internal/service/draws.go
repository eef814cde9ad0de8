package service

import (
	"slices"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/usage"
)

// drawnOf is what is drawn of sources of a feature, and what sums of other kinds come to,
// by name: what is kept of them, or where nothing is, their draws. Those that are gathered
// in a session are to be stored before.
func drawnOf(r DrawReader, customer billing.CustomerID, feature billing.Code, names []usage.SourceID) (map[usage.SourceID]billing.Units, error) {
	kept, err := r.SourcesByID(customer, feature, names)
	if err != nil {
		return nil, err
	}
	sums := make(map[usage.SourceID]billing.Units, len(names))
	for _, s := range kept {
		sums[s.Source] = s.Drawn
	}
	var missing []usage.SourceID // those that are drawn from by this name
	for _, name := range names {
		if _, ok := sums[name]; ok || slices.Contains(missing, name) {
			continue
		}
		if w, ok := name.Elsewhere(); ok {
			draws, err := r.SumDraws(customer, feature, w, time.Time{})
			if err != nil {
				return nil, err
			}
			sums[name] = usage.Elsewhere(draws)
		} else if grant, ok := name.Paid(); ok {
			if sums[name], err = r.SumPaid(customer, feature, grant, billing.Window{}, time.Time{}); err != nil {
				return nil, err
			}
		} else {
			missing = append(missing, name)
		}
	}
	draws, err := r.SumDrawsOf(customer, feature, missing, billing.Window{}, time.Time{})
	if err != nil {
		return nil, err
	}
	for _, name := range missing {
		sums[name] = 0
	}
	for _, d := range draws {
		sums[d.Source] = sums[d.Source].Plus(d.Units)
	}
	return sums, nil
}
