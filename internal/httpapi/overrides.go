package httpapi

import (
	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
)

func override(o *billing.Override) api.Override {
	out := api.Override{
		ID: o.ID.String(), FeatureCode: string(o.Feature), Add: o.Add, Deny: o.Deny, Note: o.Note,
		StartsOn: api.Time{Time: o.StartsOn}, ExpiresOn: api.NewTime(o.ExpiresOn),
	}
	switch {
	case o.HasMax && o.Max == nil:
		out.Max = api.Null[int64]()
	case o.HasMax:
		out.Max = api.Some(*o.Max)
	}
	return out
}

func (a *adapter) setOverride(c *call) (change, error) {
	var f faults
	b, err := readBody(c.Request, &f)
	if err != nil {
		return change{}, err
	}
	in := billing.NewOverride{
		HasMax:    b.has("max"), // null too, which is unlimited
		Max:       b.integer("max", 0, api.MaxInteger),
		Add:       b.count("add", api.MaxInteger),
		Note:      b.text("note", someText),
		ExpiresOn: b.time("expires_on"),
	}
	if deny := b.boolean("deny"); deny != nil {
		in.Deny = *deny
	}
	if err := f.err(); err != nil {
		return change{}, err
	}
	customer, feature, err := overridden(c)
	if err != nil {
		return change{}, err
	}
	return change{do: func(u *billing.Unit) (answer, error) {
		o, rev, err := u.SetOverride(customer, feature, in)
		return answer{revision: rev.String(), body: override(&o)}, err
	}}, nil
}

func (a *adapter) endOverride(c *call) (change, error) {
	customer, feature, err := overridden(c)
	if err != nil {
		return change{}, err
	}
	return change{do: func(u *billing.Unit) (answer, error) {
		rev, err := u.EndOverride(customer, feature)
		return answer{revision: rev.String(), body: api.OK()}, err
	}}, nil
}

// overridden is the customer and the feature that the path of an override names.
func overridden(c *call) (billing.CustomerID, billing.Code, error) {
	customer, err := parseCustomerID(c.PathValue("id"))
	return customer, billing.Code(c.PathValue("feature_code")), err
}
