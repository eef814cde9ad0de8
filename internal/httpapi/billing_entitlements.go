package httpapi

import (
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
	body := buffers.Get().(*buffer)
	if body.text, err = a.appendEntitlementList(body.text, snap, &in, now); err != nil {
		return answer{}, err
	}
	return answer{revision: snap.Revision().String(), body: body}, nil
}

// appendEntitlementList writes an [api.BillingEntitlementList] as encoding/json
// would, and a line feed.
func (a *adapter) appendEntitlementList(b []byte, snap *billing.Snapshot, in *entitlementsQuery, now time.Time) ([]byte, error) {
	b = append(b, `{"code":"`+api.CodeOK+`","message":"`+api.MessageSuccess+`"`...)
	var err error
	if sole := snap.Sole(now); sole != nil {
		b, err = a.appendSole(b, snap, sole, in)
	} else {
		b, err = a.appendMerged(b, snap, in, now)
	}
	if err == nil && in.plans {
		b, err = appendPlans(append(b, `,"plans":`...), snap, now)
	}
	return append(b, "}\n"...), err
}

// appendPlans writes those of the live agreements, also of a customer that is
// suspended: it is on them still.
func appendPlans(b []byte, snap *billing.Snapshot, now time.Time) ([]byte, error) {
	start := len(b)
	for i := range snap.Agreements {
		agreement := &snap.Agreements[i]
		if !agreement.Live(now) {
			continue
		}
		since, err := api.Time{Time: agreement.StartsOn}.MarshalJSON()
		if err != nil {
			return b, err
		}
		b = append(b, `,{"code":"`...) // which is no text to escape
		b = append(b, agreement.Plan...)
		b = append(b, `","subscribed_on":`...)
		b = append(b, since...)
		b = append(b, '}')
	}
	return bracketed(b, start), nil
}

func billingEntitlement(e *billing.Entitlement) api.BillingEntitlement {
	// Kinde: a field without a value is left out, never null
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
	return out
}
