package wire

import (
	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
)

// PlanVersionRef names a version of a plan.
func PlanVersionRef(v *billing.PlanVersion) api.PlanVersionRef {
	return api.PlanVersionRef{PlanCode: string(v.Plan), Version: int64(v.Number)}
}

// PlanEffect shows what a version would do to a customer.
func PlanEffect(e *billing.Effect) api.PlanEffect {
	out := api.PlanEffect{
		CustomerID: e.Customer.String(), Gains: codes(e.Gains), Loses: codes(e.Loses),
		Limits: make([]api.LimitChange, len(e.Limits)), Exceeds: make([]api.LimitExcess, len(e.Exceeds)),
	}
	if e.From != nil {
		out.From = new(PlanVersionRef(e.From))
	}
	for i, l := range e.Limits {
		out.Limits[i] = api.LimitChange{FeatureCode: string(l.Feature), From: l.From, To: l.To}
	}
	for _, c := range e.Caps {
		out.Caps = append(out.Caps, api.CapChange{FeatureCode: string(c.Feature), Reset: api.Interval(c.Reset), From: c.From, To: c.To})
	}
	for _, v := range e.Values {
		out.Values = append(out.Values, api.ValueChange{FeatureCode: string(v.Feature.Code), From: ConfigValue(v.Feature.Of, v.From), To: ConfigValue(v.Feature.Of, v.To)})
	}
	for i, x := range e.Exceeds {
		out.Exceeds[i] = api.LimitExcess{FeatureCode: string(x.Feature), Reset: api.Interval(x.Reset), Limit: x.Limit, Used: Amount(x.Used), Held: Amount(x.Held)}
	}
	return out
}

// codes are never nil, which JSON would show.
func codes(list []billing.Code) []string {
	out := make([]string, len(list))
	for i, code := range list {
		out[i] = string(code)
	}
	return out
}

// CustomerIDs shows customers by their ids, in a list that is never nil, which
// JSON would show.
func CustomerIDs(list []billing.CustomerID) []string {
	out := make([]string, len(list))
	for i, id := range list {
		out[i] = id.String()
	}
	return out
}
