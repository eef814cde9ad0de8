package api

import "encoding/json"

// What answers print as, to a log or a terminal: the JSON that they came as.
// Without it fmt would show the addresses of numbers in place of the numbers.

func text(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		return "(" + err.Error() + ")"
	}
	return string(data)
}

// String returns the digits as they stand. By it a *Decimal prints as them too, and
// as <nil> if there is none.
func (d Decimal) String() string { return string(d) }

// String returns the JSON of the answer.
func (v Decision) String() string { return text(v) }

// String returns the JSON of the answer.
func (v DecisionList) String() string { return text(v) }

// String returns the JSON of the answer.
func (v Hold) String() string { return text(v) }

// String returns the JSON of the answer.
func (v ClosedHold) String() string { return text(v) }

// String returns the JSON of it.
func (v Grant) String() string { return text(v) }

// String returns the JSON of the answer.
func (v VoidedGrant) String() string { return text(v) }

// String returns the JSON of it.
func (v Refund) String() string { return text(v) }

// String returns the JSON of it.
func (v Entitlement) String() string { return text(v) }

// String returns the JSON of it.
func (v Source) String() string { return text(v) }

// String returns the JSON of the answer.
func (v EntitlementList) String() string { return text(v) }

// String returns the JSON of it.
func (v BillingEntitlement) String() string { return text(v) }

// String returns the JSON of the answer.
func (v BillingEntitlementList) String() string { return text(v) }

// String returns the JSON of it.
func (v BillingAgreement) String() string { return text(v) }

// String returns the JSON of the answer.
func (v BillingAgreementList) String() string { return text(v) }

// String returns the JSON of it.
func (v AccountEntitlement) String() string { return text(v) }

// String returns the JSON of the answer.
func (v AccountEntitlements) String() string { return text(v) }

// String returns the JSON of the answer.
func (v AccountEntitlementList) String() string { return text(v) }

// String returns the JSON of the answer.
func (v Customer) String() string { return text(v) }

// String returns the JSON of the answer.
func (v CustomerList) String() string { return text(v) }

// String returns the JSON of the answer.
func (v Agreement) String() string { return text(v) }

// String returns the JSON of the answer.
func (v Override) String() string { return text(v) }

// String returns the JSON of the answer.
func (v Usage) String() string { return text(v) }

// String returns the JSON of it.
func (v UsageWindow) String() string { return text(v) }

// String returns the JSON of it.
func (v UsageResult) String() string { return text(v) }

// String returns the JSON of it.
func (v UsageSeries) String() string { return text(v) }

// String returns the JSON of it.
func (v UsageBucket) String() string { return text(v) }

// String returns the JSON of it.
func (v UsageShare) String() string { return text(v) }

// String returns the JSON of the answer.
func (v Catalog) String() string { return text(v) }

// String returns the JSON of it.
func (v Plan) String() string { return text(v) }

// String returns the JSON of it.
func (v Trial) String() string { return text(v) }

// String returns the JSON of it.
func (v Item) String() string { return text(v) }

// String returns the JSON of it.
func (q Quantity) String() string { return text(q) }

// String returns the JSON of it.
func (v Feature) String() string { return text(v) }

// String returns the JSON of the answer.
func (v FeatureList) String() string { return text(v) }

// String returns the JSON of it.
func (v Rollover) String() string { return text(v) }

// String returns the JSON of it.
func (v Rate) String() string { return text(v) }

// String returns the JSON of it.
func (v ItemGrant) String() string { return text(v) }

// String returns the JSON of it.
func (v ConfigValue) String() string { return text(v) }

// String returns the JSON of the answer.
func (v PriceList) String() string { return text(v) }

// String returns the JSON of it.
func (v PricedPlan) String() string { return text(v) }

// String returns the JSON of it.
func (v Tier) String() string { return text(v) }

// String returns the JSON of the answer.
func (v PlanDetail) String() string { return text(v) }

// String returns the JSON of it.
func (v PlanVersion) String() string { return text(v) }

// String returns the JSON of the answer.
func (v PlanPreview) String() string { return text(v) }

// String returns the JSON of it.
func (v PlanEffect) String() string { return text(v) }

// String returns the JSON of it.
func (v LimitChange) String() string { return text(v) }

// String returns the JSON of it.
func (v AccountPage) String() string { return text(v) }

// String returns the JSON of it.
func (v PoolUse) String() string { return text(v) }

// String returns the JSON of it.
func (v CreditDraw) String() string { return text(v) }

// String returns the JSON of it.
func (v CreditWindow) String() string { return text(v) }

// String returns the JSON of it.
func (v Credits) String() string { return text(v) }

// String returns the JSON of it.
func (v CreditSource) String() string { return text(v) }

// String returns the JSON of it.
func (v CreditEntry) String() string { return text(v) }

// String returns the JSON of it.
func (v CreditLedger) String() string { return text(v) }

// String returns the JSON of it.
func (v CapChange) String() string { return text(v) }

// String returns the JSON of it, with the secret if it has one.
func (v Webhook) String() string { return text(v) }

// String returns the JSON of it.
func (v Delivery) String() string { return text(v) }
