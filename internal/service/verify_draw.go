package service

import (
	"slices"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/usage"
)

// draws holds what is kept of what a customer's usage drew against the draws: the sums, and
// what the lanes, which are among the counters, say.
func (v *verifier) draws(r Reader, id billing.CustomerID, counters []usage.Counter) error {
	kept, err := r.Sources(id, "")
	if err != nil {
		return err
	}
	of := make(map[billing.Code][]usage.SourceSum)
	for _, s := range kept {
		of[s.Feature] = append(of[s.Feature], s)
	}
	pooled := make(map[billing.Code]bool)
	for _, c := range counters {
		if c.Window.AllTime() {
			pooled[c.Feature] = c.Lane.Pooled
		}
	}
	for _, feature := range slices.Compact(slices.Sorted(slices.Values(slices.Concat(sortedKeys(of), sortedKeys(pooled))))) {
		all, err := r.SumDraws(id, feature, billing.Window{}, time.Time{})
		if err != nil {
			return err
		}
		drawn := slices.ContainsFunc(all, func(d usage.DrawnSum) bool { return !d.Source.IsSum() })
		if drawn && !pooled[feature] {
			v.drift(id, "the lane of %s does not say that usage was drawn from sources", feature)
		}
		// One that is missing is made of the draws when it is needed.
		if err := v.sources(r, of[feature], usage.SumsOf(all)); err != nil {
			return err
		}
	}
	return nil
}

// sources holds the sums of one feature that are kept against those of its draws.
func (v *verifier) sources(r Reader, kept []usage.SourceSum, sums map[usage.SourceID]billing.Units) error {
	for _, s := range kept {
		sum := sums[s.Source]
		if w, ok := s.Source.Elsewhere(); ok {
			within, err := r.SumDraws(s.CustomerID, s.Feature, w, time.Time{})
			if err != nil {
				return err
			}
			sum = usage.Elsewhere(within)
		}
		if sum != s.Drawn {
			v.drift(s.CustomerID, "the sum %s of %s says %s, its draws sum to %s", s.Source, s.Feature, s.Drawn, sum)
		}
	}
	return nil
}

// grants looks for grants of which more was drawn and is held than they are of.
func (v *verifier) grants(r Reader, f *billing.Facts) error {
	of := make(map[billing.Code][]*billing.Grant)
	for i := range f.Grants {
		of[f.Grants[i].Feature] = append(of[f.Grants[i].Feature], &f.Grants[i])
	}
	for _, feature := range sortedKeys(of) {
		draws, err := r.SumDraws(f.Customer.ID, feature, billing.Window{}, time.Time{})
		if err != nil {
			return err
		}
		taken := usage.SumsOf(draws)
		lane, err := r.Counter(f.Customer.ID, feature, billing.Window{})
		if err != nil && !isNotFound(err) {
			return err
		}
		holds, err := r.PinnedHolds(f.Customer.ID, feature, latest(v.now, lane.ChangedOn)) // by no clock that lags
		if err != nil {
			return err
		}
		for i := range holds {
			for _, pin := range holds[i].Pins {
				taken[pin.Source] = taken[pin.Source].Plus(pin.Units)
			}
		}
		for _, g := range of[feature] {
			if n := taken[usage.SourceID(g.ID.String())]; n < 0 || n > g.Amount {
				v.drift(f.Customer.ID, "of %s, which is of %s, %s are drawn and held", g.ID, g.Amount, n)
			}
		}
	}
	return nil
}
