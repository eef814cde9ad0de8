package wire

import (
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/usage"
)

// Hold shows a hold as it stands at an instant, by which an open one may be expired.
func Hold(h *usage.Hold, now time.Time) api.HoldDetail {
	out := api.HoldDetail{
		ID: h.ID.String(), CustomerID: h.CustomerID.String(), FeatureCode: string(h.Feature), State: string(h.State), Units: Amount(h.Units),
		CreatedOn: api.Time{Time: h.MadeOn}, ExpiresOn: api.Time{Time: h.ExpiresOn},
	}
	switch {
	case h.State == usage.HoldOpen && !now.Before(h.ExpiresOn):
		out.State = api.HoldExpired
	case h.State == usage.HoldConfirmed && h.Closing != nil:
		out.Counted = new(Amount(h.Closing.Counted))
	}
	return out
}

// Holds shows a page of holds.
func Holds(holds []usage.Hold, more bool, now time.Time) api.HoldList {
	out := api.HoldList{Holds: make([]api.HoldDetail, len(holds)), HasMore: more}
	for i := range holds {
		out.Holds[i] = Hold(&holds[i], now)
	}
	return out
}

// ClosedHold shows what became of a hold, and how its feature stands.
func ClosedHold(h *usage.Hold, d *billing.Decision) api.ClosedHold {
	var counted, uncovered billing.Units
	if h.Closing != nil {
		counted, uncovered = h.Closing.Counted, h.Closing.Answer.Uncovered
	}
	return api.ClosedHold{
		ID: h.ID.String(), State: string(h.State), Units: Amount(counted), Uncovered: UncoveredUnits(uncovered), Decision: Decision(d),
	}
}
