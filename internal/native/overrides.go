package native

import (
	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/door"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/wire"
)

func (h *handlers) setOverride(c *door.Call) (change, error) {
	var f door.Faults
	b, err := readBody(c.Request, &f)
	if err != nil {
		return change{}, err
	}
	in := billing.NewOverride{
		HasMax:    b.Has("max"), // null too, which is unlimited
		Max:       b.Integer("max", 0, api.MaxInteger),
		Add:       b.Count("add", api.MaxInteger),
		Note:      b.Text("note", door.SomeText),
		ExpiresOn: b.Time("expires_on"),
	}
	if deny := b.Boolean("deny"); deny != nil {
		in.Deny = *deny
	}
	if err := f.Err(); err != nil {
		return change{}, err
	}
	customer, feature, err := h.overridden(c)
	if err != nil {
		return change{}, err
	}
	return change{Do: func(u *service.Work) (door.Answer, error) {
		o, _, rev, err := u.SetOverride(customer, feature, in)
		return door.Answer{Revision: rev.String(), Body: wire.Override(&o)}, err
	}}, nil
}

func (h *handlers) endOverride(c *door.Call) (change, error) {
	if err := noBody(c.Request); err != nil {
		return change{}, err
	}
	customer, feature, err := h.overridden(c)
	if err != nil {
		return change{}, err
	}
	return change{Do: func(u *service.Work) (door.Answer, error) {
		rev, err := u.EndOverride(customer, feature)
		return door.Answer{Revision: rev.String(), Body: api.OK()}, err
	}}, nil
}

// overridden is the customer and the feature that the path of an override names.
func (h *handlers) overridden(c *door.Call) (billing.CustomerID, billing.Code, error) {
	customer, err := h.named(c)
	return customer, billing.Code(c.PathValue("feature_code")), err
}
