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

// lasts is for how long units are to be set aside.
func (b body) lasts() time.Duration {
	seconds := door.Needed(b.Body, "expires_in", "seconds, from 1 to 86400", func() *int64 { return b.Integer("expires_in", 1, api.MaxHoldSeconds) })
	return time.Duration(seconds) * time.Second
}

func (h *handlers) createHold(c *door.Call) (change, error) {
	var f door.Faults
	b, err := readBody(c.Request, &f)
	if err != nil {
		return change{}, err
	}
	ref := b.customer()
	feature := billing.Code(b.Required("feature_code", wire.AFeatureCode))
	units := door.Needed(b.Body, "units", door.AnAmount, b.units)
	lasts := b.lasts()
	if err := f.Err(); err != nil {
		return change{}, err
	}
	id, err := h.find(c, ref)
	if err != nil {
		return change{}, err
	}
	return change{Whose: id, Do: func(u *service.Work) (door.Answer, error) {
		h, d, err := u.Hold(id, feature, units, lasts)
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
	in := usage.Confirm{Units: b.units(), Over: usage.Over(b.OneOf("over", "reject, available or record", api.OverReject, api.OverAvailable, api.OverRecord))}
	if err := f.Err(); err != nil {
		return change{}, err
	}
	return closeHold(c, func(u *service.Work, id usage.HoldID) (usage.Hold, billing.Decision, error) {
		h, d, err := u.ConfirmHold(id, in)
		return h, d, renamedAmount(err, "units")
	})
}

func (h *handlers) releaseHold(c *door.Call) (change, error) {
	if err := noBody(c.Request); err != nil {
		return change{}, err
	}
	return closeHold(c, (*service.Work).ReleaseHold)
}

// closeHold answers with the units that were counted.
func closeHold(c *door.Call, do func(*service.Work, usage.HoldID) (usage.Hold, billing.Decision, error)) (change, error) {
	id, err := wire.HoldID(c.PathValue("id"))
	if err != nil {
		return change{}, err
	}
	return change{Whose: id.Customer(), Do: func(u *service.Work) (door.Answer, error) {
		h, d, err := do(u, id)
		if err != nil {
			return door.Answer{}, err
		}
		return door.Answer{Revision: d.Revision.String(), Body: wire.ClosedHold(&h, &d)}, nil
	}}, nil
}

func (h *handlers) extendHold(c *door.Call) (change, error) {
	var f door.Faults
	b, err := readBody(c.Request, &f)
	if err != nil {
		return change{}, err
	}
	lasts := b.lasts()
	if err := f.Err(); err != nil {
		return change{}, err
	}
	id, err := wire.HoldID(c.PathValue("id"))
	if err != nil {
		return change{}, err
	}
	return change{Whose: id.Customer(), Do: func(u *service.Work) (door.Answer, error) {
		h, d, err := u.ExtendHold(id, lasts)
		if err != nil {
			return door.Answer{}, err
		}
		// It is open, for it was extended from now on.
		return door.Answer{Revision: d.Revision.String(), Body: wire.Hold(&h, h.MadeOn)}, nil
	}}, nil
}

func (h *handlers) hold(c *door.Call) (door.Answer, error) {
	id, err := wire.HoldID(c.PathValue("id"))
	if err != nil {
		return door.Answer{}, err
	}
	return fresh(c, func() (api.HoldDetail, billing.Revision, error) {
		found, now, rev, err := h.Billing.Hold(c.Context(), id)
		return wire.Hold(&found, now), rev, err
	})
}

func (h *handlers) holds(c *door.Call) (door.Answer, error) {
	q := door.ReadQuery(c.Request, new(door.Faults))
	feature := billing.Code(q.Words("feature_code"))
	page := service.Page[usage.HoldID](door.ReadPage(q, "a hold's id, as an earlier page showed it", usage.ParseHoldID))
	if err := q.Err(); err != nil {
		return door.Answer{}, err
	}
	id, err := h.named(c)
	if err != nil {
		return door.Answer{}, err
	}
	return fresh(c, func() (api.HoldList, billing.Revision, error) {
		holds, more, now, rev, err := h.Billing.Holds(c.Context(), id, feature, page)
		return wire.Holds(holds, more, now), rev, err
	})
}
