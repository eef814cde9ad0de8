package httpapi

import (
	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
)

func (a *adapter) entitlements(c *call) (answer, error) {
	q := readQuery(c.Request, new(faults))
	at := q.time("at")
	if err := q.err(); err != nil {
		return answer{}, err
	}
	id, err := parseCustomerID(c.PathValue("id"))
	if err != nil {
		return answer{}, err
	}
	var standing billing.Standing
	rev, err := c.fresh(func() (rev billing.Revision, err error) {
		standing, err = a.Billing.EntitlementsAt(c.Context(), id, at)
		return standing.Revision, err
	})
	if err != nil {
		return answer{}, err
	}
	out := api.EntitlementList{
		CustomerID: id.String(), At: api.Time{Time: standing.At}, Revision: rev.String(),
		Entitlements: make([]api.Entitlement, len(standing.Features)),
	}
	for i := range standing.Features {
		out.Entitlements[i] = entitlement(&standing.Features[i])
	}
	return answer{revision: rev.String(), body: out}, nil
}

func entitlement(of *billing.Decision) api.Entitlement {
	d := decision(of)
	return api.Entitlement{
		FeatureCode: d.FeatureCode, FeatureName: of.Feature.Name, Type: d.Type, Limit: d.Limit, Used: d.Used, Held: d.Held,
		Remaining: d.Remaining, Soft: d.Soft, ResetsOn: d.ResetsOn, NextChange: d.NextChange, Sources: d.Sources,
	}
}
