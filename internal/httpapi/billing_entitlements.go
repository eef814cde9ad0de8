package httpapi

import (
	"bytes"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
)

// entitlementsQuery is what GET /api/v1/billing/entitlements is asked with.
type entitlementsQuery struct {
	customer string
	page     billing.Page[billing.EntitlementID]
	maxValue *int64
	plans    bool
}

func readEntitlementsQuery(q *query) (entitlementsQuery, error) {
	in := entitlementsQuery{
		customer: q.required("customer_id", aCustomerID),
		page:     readPage(q, "an entitlement's id, as an earlier page showed it", billing.ParseEntitlementID),
		// Kinde: max_value stands in where an entitlement has no maximum
		maxValue: q.amount("max_value"),
		plans:    q.has("expand", api.ExpandPlans),
	}
	return in, q.err()
}

func (a *adapter) billingEntitlements(c *call) (answer, error) {
	in, err := readEntitlementsQuery(readQuery(c.Request, new(faults)))
	if err != nil {
		return answer{}, err
	}
	id, err := parseCustomerID(in.customer)
	if err != nil {
		return answer{}, err
	}
	snap, now, err := a.snapshot(c, id)
	if err != nil {
		return answer{}, err
	}
	all := billing.Entitlements(snap, now)
	from, to, more := in.page.Of(len(all), func(i int, key billing.EntitlementID) int {
		return bytes.Compare(all[i].ID[:], key[:])
	})
	out := api.BillingEntitlementList{
		Code: api.CodeOK, Message: api.MessageSuccess, HasMore: more,
		Entitlements: make([]api.BillingEntitlement, 0, to-from),
	}
	for i := from; i < to; i++ {
		out.Entitlements = append(out.Entitlements, billingEntitlement(&all[i], in.maxValue))
	}
	if in.plans {
		out.Plans = billingPlans(snap, now)
	}
	return answer{revision: snap.Revision().String(), body: out}, nil
}

func billingEntitlement(e *billing.Entitlement, maxValue *int64) api.BillingEntitlement {
	out := api.BillingEntitlement{
		ID: e.ID.String(),
		// Kinde: price_name is always there, because its clients match on it
		PriceName:           e.Item.PriceName,
		FeatureCode:         string(e.Feature.Code),
		FeatureName:         e.Feature.Name,
		EntitlementLimitMax: e.LimitMax,
		EntitlementLimitMin: e.Item.Min,
	}
	// Kinde: fixed_charge is of a charge only, unit_amount of one flat price in whole minor units
	if amount, ok := e.FixedCharge(); ok {
		out.FixedCharge = &amount
	}
	if amount, ok := e.UnitAmount(); ok {
		out.UnitAmount = &amount
	}
	// Kinde: a field without a value is left out, never null
	if out.EntitlementLimitMax == nil {
		out.EntitlementLimitMax = maxValue
	}
	return out
}

// billingPlans are those of the live agreements, also of a customer that is
// suspended: it is on them still.
func billingPlans(snap *billing.Snapshot, now time.Time) []api.BillingPlan {
	plans := []api.BillingPlan{}
	for _, agreement := range snap.Live(now) {
		plans = append(plans, api.BillingPlan{
			Code:         string(agreement.Plan),
			SubscribedOn: api.Time{Time: agreement.StartsOn},
		})
	}
	return plans
}
