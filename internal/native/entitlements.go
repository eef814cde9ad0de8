package native

import (
	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/door"
	"github.com/allot-dev/allot/internal/wire"
)

func (h *handlers) entitlements(c *door.Call) (door.Answer, error) {
	q := door.ReadQuery(c.Request, new(door.Faults))
	at := q.Time("at")
	if err := q.Err(); err != nil {
		return door.Answer{}, err
	}
	id, err := h.named(c)
	if err != nil {
		return door.Answer{}, err
	}
	return fresh(c, func() (api.EntitlementList, billing.Revision, error) {
		standing, err := h.Billing.EntitlementsAt(c.Context(), id, at, false)
		return wire.Standing(id, &standing), standing.Revision, err
	})
}
