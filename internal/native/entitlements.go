package native

import (
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/door"
	"github.com/allot-dev/allot/internal/wire"
)

func (h *handlers) entitlements(c *door.Call) (door.Answer, error) {
	q := door.ReadQuery(c.Request, new(door.Faults))
	at, known := asOf(q)
	if err := q.Err(); err != nil {
		return door.Answer{}, err
	}
	id, err := h.named(c)
	if err != nil {
		return door.Answer{}, err
	}
	return fresh(c, func() (api.EntitlementList, billing.Revision, error) {
		standing, err := h.Billing.EntitlementsAt(c.Context(), id, at, known)
		return wire.Standing(id, &standing), standing.Revision, err
	})
}

// asOf is the instant that is asked about, zero for now, and whether what is known now of
// it is.
func asOf(q *door.Query) (at time.Time, known bool) {
	at = q.Time("at")
	known = q.OneOf("known", aKnown, knownNow) == knownNow
	if known && at.IsZero() && q.Wrong() == 0 {
		q.Add(api.InvalidCode("known"), "known goes with at, an instant of the past; without it everything is told as known now")
	}
	return at, known
}

const (
	knownNow = "now"
	aKnown   = knownNow + ", or left out for what was known then"
)
