package service

import (
	"slices"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/usage"
)

// windowed holds the windows that counters and holds say they are of against the plans and
// the instants that a customer's windows follow from. Most are found among what it has; for
// others its log is gone through, as what was dropped before it began has its windows too.
type windowed struct {
	r        Reader
	snap     *billing.Snapshot
	windows  *countable
	recalled bool
}

func (v *verifier) windowed(r Reader, facts *billing.Facts) (*windowed, error) {
	catalog, err := r.Catalog()
	if err != nil {
		return nil, err
	}
	snap := &billing.Snapshot{Catalog: catalog, Facts: *facts}
	return &windowed{r: r, snap: snap, windows: windowsOf(snap)}, nil
}

// has reports whether something can count in a window.
func (w *windowed) has(of billing.Window) (bool, error) {
	if w.windows.has(of) {
		return true, nil
	}
	if w.recalled {
		return false, nil
	}
	w.recalled = true
	w.windows.recallCatalog(w.snap.Catalog)
	for _, scope := range []billing.Scope{billing.ScopeCatalog, w.snap.Customer.ID.Scope()} {
		for c, err := range logOf(w.r.LogReader, scope) {
			if err != nil {
				return false, err
			}
			w.windows.recall(&c)
		}
	}
	return w.windows.has(of), nil
}

// windows holds the windows of counters against what they follow from, and whether a lane says
// that usage was drawn against what it can have been drawn from.
func (v *verifier) windows(r Reader, facts *billing.Facts, counters []usage.Counter) error {
	if len(counters) == 0 || !v.finished {
		return nil
	}
	w, err := v.windowed(r, facts)
	if err != nil {
		return err
	}
	for i := range counters {
		c := &counters[i]
		of := c.Window
		if l := c.Lane.Window; l != nil && l.AllTime() { // which is no counter of its own
			of = *l
		}
		known, err := w.has(of)
		if err != nil {
			return err
		}
		if !known {
			v.drift(c.CustomerID, "the counter of %s is of %s, which is no window of it", c.Feature, written(of))
		}
		if err := v.drawn(w, c); err != nil {
			return err
		}
	}
	return v.holds(w)
}

// drawn holds whether usage was drawn from sources against those that there can have been.
func (v *verifier) drawn(w *windowed, c *usage.Counter) error {
	feature := w.snap.Catalog.Features[c.Feature]
	if !c.Lane.Pooled || feature == nil || mayHaveDrawn(w.snap, feature) {
		return nil
	}
	if !feature.Held {
		draws, err := w.r.SumDraws(c.CustomerID, c.Feature, billing.Window{}, time.Time{})
		if err != nil || slices.ContainsFunc(draws, func(d usage.DrawnSum) bool { return !d.Source.IsSum() }) {
			return err
		}
	}
	v.drift(c.CustomerID, "the lane of %s says that usage was drawn from sources, of which it has never had any", c.Feature)
	return nil
}
