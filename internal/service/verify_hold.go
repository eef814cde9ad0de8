package service

import (
	"time"

	"github.com/allot-dev/allot/internal/credit"
	"github.com/allot-dev/allot/internal/usage"
)

// holds holds what a customer's holds set aside against how they were closed and what they
// pin, and the windows that they are of against what those follow from.
func (v *verifier) holds(w *windowed) error {
	id := w.snap.Customer.ID
	for page := (Page[usage.HoldID]{Size: pastBatch}); ; {
		holds, more, err := w.r.Holds(id, "", page)
		if err != nil {
			return err
		}
		for i := range holds {
			h := &holds[i]
			if c := h.Closing; c != nil && c.Of != 0 && c.Of != h.Units {
				v.drift(id, "%s of %s is of another amount than was set aside when it was closed", h.ID, h.Feature)
			}
			if len(h.Pins) > 0 && credit.Total(h.Pins) != h.Units {
				v.drift(id, "%s of %s is of %s, and its pins are of %s", h.ID, h.Feature, h.Units, credit.Total(h.Pins))
			}
			if h.Window == nil {
				continue
			}
			known, err := w.has(*h.Window)
			if err != nil {
				return err
			}
			if !known {
				v.drift(id, "%s of %s is of %s, which is no window of it", h.ID, h.Feature, written(*h.Window))
			}
		}
		if !more || len(holds) == 0 {
			return nil
		}
		page.After = &holds[len(holds)-1].ID
	}
}

// made says when a lane's version and what it holds cannot have come about.
func (v *verifier) made(c *usage.Counter) {
	const most = 1 << 62 // nobody writes so often
	l := &c.Lane
	if l.Version < 0 || l.Version > most {
		v.drift(c.CustomerID, "the lane of %s is at version %d, which it cannot have come to", c.Feature, l.Version)
	}
	// It may be after the last usage: it is counted anew for a decision, refusals included.
	if l.HeldOn.After(latest(v.now, c.ChangedOn).Add(aheadOfNow)) {
		v.drift(c.CustomerID, "the lane of %s says what is held at %s, which has not come", c.Feature, l.HeldOn.Format(time.RFC3339))
	}
}
