package native

import (
	"net/http"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/door"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/usage"
	"github.com/allot-dev/allot/internal/wire"
)

func (h *handlers) createHold(c *door.Call) (change, error) {
	var f door.Faults
	b, err := readBody(c.Request, &f)
	if err != nil {
		return change{}, err
	}
	ref := b.customer()
	feature := billing.Code(b.Required("feature_code", wire.AFeatureCode))
	units := door.Needed(b.Body, "units", door.AnAmount, b.units)
	seconds := door.Needed(b.Body, "expires_in", "seconds, from 1 to 86400", func() *int64 { return b.Integer("expires_in", 1, api.MaxHoldSeconds) })
	if err := f.Err(); err != nil {
		return change{}, err
	}
	id, err := h.find(c, ref)
	if err != nil {
		return change{}, err
	}
	return change{Whose: id, Do: func(u *service.Work) (door.Answer, error) {
		h, d, err := u.Hold(id, feature, units, time.Duration(seconds)*time.Second)
		if err != nil {
			return door.Answer{}, err
		}
		ans := door.Answer{Revision: d.Revision.String(), Body: api.Hold{Decision: wire.Decision(&d)}}
		if d.Allowed {
			ans.Status = http.StatusCreated
			ans.Body = api.Hold{ID: h.ID.String(), ExpiresOn: api.NewTime(h.ExpiresOn), Decision: wire.Decision(&d)}
		}
		return ans, nil
	}}, nil
}

func (h *handlers) confirmHold(c *door.Call) (change, error) {
	var f door.Faults
	b, err := readBodyIfAny(c.Request, &f)
	if err != nil {
		return change{}, err
	}
	units := b.units()
	if err := f.Err(); err != nil {
		return change{}, err
	}
	return closeHold(c, func(u *service.Work, id usage.HoldID) (usage.Hold, billing.Units, billing.Decision, error) {
		h, d, err := u.ConfirmHold(id, usage.Confirm{Units: units})
		return h, amountOr(units, h.Units), d, renamedAmount(err, "units")
	})
}

func (h *handlers) releaseHold(c *door.Call) (change, error) {
	if err := noBody(c.Request); err != nil {
		return change{}, err
	}
	return closeHold(c, func(u *service.Work, id usage.HoldID) (usage.Hold, billing.Units, billing.Decision, error) {
		h, d, err := u.ReleaseHold(id)
		return h, 0, d, err
	})
}

// closeHold answers with the units that were counted.
func closeHold(c *door.Call, do func(*service.Work, usage.HoldID) (usage.Hold, billing.Units, billing.Decision, error)) (change, error) {
	id, err := wire.HoldID(c.PathValue("id"))
	if err != nil {
		return change{}, err
	}
	return change{Whose: id.Customer(), Do: func(u *service.Work) (door.Answer, error) {
		h, counted, d, err := do(u, id)
		if err != nil {
			return door.Answer{}, err
		}
		return door.Answer{Revision: d.Revision.String(), Body: api.ClosedHold{
			ID: h.ID.String(), State: string(h.State), Units: wire.Amount(counted), Decision: wire.Decision(&d),
		}}, nil
	}}, nil
}
