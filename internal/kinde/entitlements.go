package kinde

import (
	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/door"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/wire"
)

// readEntitlementsQuery reads whose entitlements are wanted, and which part.
func readEntitlementsQuery(q *door.Query) (customer string, in wire.ListQuery, err error) {
	customer = q.Required("customer_id", wire.ACustomerID)
	in.Page = service.Page[billing.EntitlementID](door.ReadPage(q, "an entitlement's id, as an earlier page showed it", billing.ParseID[billing.EntitlementID]))
	// Kinde: max_value stands in where an entitlement has no maximum
	in.MaxValue = q.Amount("max_value")
	in.Plans = q.Has("expand", api.ExpandPlans)
	return customer, in, q.Err()
}

func (h *handlers) billingEntitlements(c *door.Call) (door.Answer, error) {
	customer, in, err := readEntitlementsQuery(door.ReadQuery(c.Request, new(door.Faults)))
	if err != nil {
		return door.Answer{}, err
	}
	id, err := wire.CustomerID(customer)
	if err != nil {
		return door.Answer{}, err
	}
	snap, now, err := h.snapshot(c, id)
	if err != nil {
		return door.Answer{}, err
	}
	body := door.NewBuffer()
	if body.Text, err = h.lists.Append(body.Text, snap, &in, now); err != nil {
		return door.Answer{}, err
	}
	return door.Answer{Revision: snap.Revision().String(), Body: body}, nil
}
