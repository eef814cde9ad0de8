package httpapi

import (
	"net/http"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
)

func (a *adapter) createHold(c *call) (change, error) {
	var f faults
	b, err := readBody(c.Request, &f)
	if err != nil {
		return change{}, err
	}
	ref := b.customer()
	feature := billing.Code(b.required("feature_code", aFeatureCode))
	units := needed(b, "units", anAmount, b.units)
	seconds := needed(b, "expires_in", "seconds, from 1 to 86400", func() *int64 { return b.integer("expires_in", 1, api.MaxHoldSeconds) })
	if err := f.err(); err != nil {
		return change{}, err
	}
	id, err := a.find(c, ref)
	if err != nil {
		return change{}, err
	}
	return change{whose: id, do: func(u *billing.Unit) (answer, error) {
		h, d, err := u.Hold(id, feature, units, time.Duration(seconds)*time.Second)
		if err != nil {
			return answer{}, err
		}
		ans := answer{revision: d.Revision.String(), body: api.Hold{Decision: decision(&d)}}
		if d.Allowed {
			ans.status = http.StatusCreated
			ans.body = api.Hold{ID: h.ID.String(), ExpiresOn: api.NewTime(h.ExpiresOn), Decision: decision(&d)}
		}
		return ans, nil
	}}, nil
}

func (a *adapter) confirmHold(c *call) (change, error) {
	var f faults
	b, err := readBodyIfAny(c.Request, &f)
	if err != nil {
		return change{}, err
	}
	units := b.units()
	if err := f.err(); err != nil {
		return change{}, err
	}
	return closeHold(c, func(u *billing.Unit, id billing.HoldID) (billing.Hold, billing.Units, billing.Decision, error) {
		h, d, err := u.ConfirmHold(id, units)
		return h, amountOr(units, h.Units), d, renamedAmount(err, "units")
	})
}

func (a *adapter) releaseHold(c *call) (change, error) {
	if _, err := readBodyIfAny(c.Request, new(faults)); err != nil {
		return change{}, err
	}
	return closeHold(c, func(u *billing.Unit, id billing.HoldID) (billing.Hold, billing.Units, billing.Decision, error) {
		h, d, err := u.ReleaseHold(id)
		return h, 0, d, err
	})
}

// closeHold answers with the units that were counted.
func closeHold(c *call, do func(*billing.Unit, billing.HoldID) (billing.Hold, billing.Units, billing.Decision, error)) (change, error) {
	id, err := parseHoldID(c.PathValue("id"))
	if err != nil {
		return change{}, err
	}
	return change{whose: id.Customer(), do: func(u *billing.Unit) (answer, error) {
		h, counted, d, err := do(u, id)
		if err != nil {
			return answer{}, err
		}
		return answer{revision: d.Revision.String(), body: api.ClosedHold{
			ID: h.ID.String(), State: string(h.State), Units: amount(counted), Decision: decision(&d),
		}}, nil
	}}, nil
}
