package wire

import (
	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
)

// BillingEntitlement shows an entitlement as Kinde's management API does.
func BillingEntitlement(e *billing.Entitlement) api.BillingEntitlement {
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

// AccountEntitlement shows an entitlement under the account API's names.
//
// Kinde: all eight fields are always there, null where there is no value
func AccountEntitlement(e *billing.Entitlement) api.AccountEntitlement {
	b := BillingEntitlement(e)
	return api.AccountEntitlement{
		ID: b.ID, FixedCharge: b.FixedCharge, PriceName: b.PriceName, UnitAmount: b.UnitAmount, FeatureKey: b.FeatureCode,
		FeatureName: b.FeatureName, EntitlementLimitMax: b.EntitlementLimitMax, EntitlementLimitMin: b.EntitlementLimitMin,
	}
}
