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
		AtLeast:   b.Integer("at_least", 1, api.MaxInteger),
		Deny:      b.yes("deny"),
		Value:     b.value("value"),
		Note:      b.Text("note", door.SomeText),
		ExpiresOn: b.Time("expires_on"),
	}
	if err := f.Err(); err != nil {
		return change{}, err
	}
	customer, feature, err := h.overridden(c)
	if err != nil {
		return change{}, err
	}
	return change{Do: func(u *service.Work) (door.Answer, error) {
		o, warnings, rev, err := u.SetOverride(customer, feature, in)
		body := wire.Override(&o)
		body.Warnings = wire.Warnings(warnings)
		return door.Answer{Revision: rev.String(), Body: body}, err
	}}, nil
}

// value is what a config feature is to be set to; nil if it is absent.
func (b body) value(name string) *billing.ValueSpec {
	var v api.ConfigValue
	if !door.Read(b.Body, name, wire.AValue, &v) {
		return nil
	}
	spec, ok := wire.Value(&v)
	if !ok {
		b.Refuse(name, wire.AValue+"; a number has at most 19 digits and is not below 0")
	}
	return spec
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
