package native

import (
	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/door"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/wire"
)

func (h *handlers) credits(c *door.Call) (door.Answer, error) {
	q := door.ReadQuery(c.Request, new(door.Faults))
	at, known := asOf(q)
	if err := q.Err(); err != nil {
		return door.Answer{}, err
	}
	id, err := h.named(c)
	if err != nil {
		return door.Answer{}, err
	}
	feature := billing.Code(c.PathValue("feature_code"))
	return fresh(c, func() (api.Credits, billing.Revision, error) {
		out, err := h.Billing.Credits(c.Context(), id, feature, at, known)
		if err != nil {
			return api.Credits{}, billing.Revision{}, err
		}
		return wire.Credits(id, &out), out.Revision, nil
	})
}

func (h *handlers) creditLedger(c *door.Call) (door.Answer, error) {
	q := door.ReadQuery(c.Request, new(door.Faults))
	at, known := asOf(q)
	page := service.Page[string](door.ReadPage(q, "a usage record's id, as an earlier page showed it", parseRecordID))
	if err := q.Err(); err != nil {
		return door.Answer{}, err
	}
	id, err := h.named(c)
	if err != nil {
		return door.Answer{}, err
	}
	feature := billing.Code(c.PathValue("feature_code"))
	return fresh(c, func() (api.CreditLedger, billing.Revision, error) {
		entries, more, rev, err := h.Billing.Ledger(c.Context(), id, feature, at, known, page)
		return wire.CreditLedger(id, feature, entries, more), rev, err
	})
}
