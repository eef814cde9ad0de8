package wire

import (
	"slices"
	"strings"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
)

// Customer shows a customer by itself.
func Customer(c *billing.Customer) api.Customer {
	return api.Customer{
		ID: c.ID.String(), Type: string(c.Type), OrgCode: c.OrgCode, UserID: c.UserID, ExternalID: c.ExternalID, Name: c.Name, Email: c.Email,
		Status: string(c.Status), AnchorOn: api.NewTime(c.AnchorOn), TimeZone: c.TimeZone(),
		CreatedOn: api.Time{Time: c.CreatedOn}, DeletedOn: api.NewTime(c.DeletedOn), Metadata: c.Metadata,
	}
}

// CustomerAt shows a customer with its agreements and overrides.
func CustomerAt(c *billing.CustomerAt) api.Customer {
	out := Customer(&c.Customer)
	out.Agreements = make([]api.Agreement, len(c.Agreements))
	for i := range c.Agreements {
		out.Agreements[i] = Agreement(&c.Agreements[i])
	}
	out.Overrides = make([]api.Override, len(c.Overrides))
	for i := range c.Overrides {
		out.Overrides[i] = Override(&c.Overrides[i])
	}
	slices.SortFunc(out.Overrides, func(a, b api.Override) int { return strings.Compare(a.FeatureCode, b.FeatureCode) })
	return out
}

// Override shows an override.
func Override(o *billing.OverrideAt) api.Override {
	out := api.Override{
		ID: o.ID.String(), FeatureCode: string(o.Feature), AtLeast: o.AtLeast, Add: o.Add, Deny: o.Deny, Note: o.Note,
		StartsOn: api.Time{Time: o.StartsOn}, ExpiresOn: api.NewTime(o.ExpiresOn),
	}
	if o.Value != nil {
		out.Value = ConfigValue(o.Of.Of, o.Value)
	}
	switch {
	case o.HasMax && o.Max == nil:
		out.Max = api.Null[int64]()
	case o.HasMax:
		out.Max = api.Some(*o.Max)
	}
	return out
}
