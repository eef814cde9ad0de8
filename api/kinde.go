package api

// This file holds the bodies of /api/v1/…, shaped after Kinde's billing API.
// Their fields are Kinde's, all of them and no others.

// BillingEntitlementList answers GET /api/v1/billing/entitlements: one page of
// what a customer has access to now.
type BillingEntitlementList struct {
	Code         string               `json:"code"`
	Message      string               `json:"message"`
	HasMore      bool                 `json:"has_more"` // more in the direction of travel
	Entitlements []BillingEntitlement `json:"entitlements"`
	// Plans is nil unless asked for with expand=plans. It is not paged: every
	// page carries all of them.
	Plans []BillingPlan `json:"plans,omitzero"`
}

// BillingEntitlement is one item of one live agreement.
type BillingEntitlement struct {
	ID          string `json:"id"`                     // entitlement_…
	FixedCharge *int64 `json:"fixed_charge,omitempty"` // minor units of the currency; charges only
	PriceName   string `json:"price_name"`             // the item's, else the feature's name
	// UnitAmount is in minor units of the currency, and present only for a
	// metered feature with one flat price of whole minor units.
	UnitAmount  *int64 `json:"unit_amount,omitempty"`
	FeatureCode string `json:"feature_code"`
	FeatureName string `json:"feature_name"`
	// EntitlementLimitMax is the effective limit of the feature, the same on
	// all entitlements of one feature; without a limit it is the max_value of
	// the request, or absent.
	EntitlementLimitMax *int64 `json:"entitlement_limit_max,omitempty"`
	EntitlementLimitMin *int64 `json:"entitlement_limit_min,omitempty"`
}

// BillingPlan is a plan that the customer has a live agreement on.
type BillingPlan struct {
	Code         string `json:"code"`
	SubscribedOn Time   `json:"subscribed_on"`
}

// BillingAgreementList answers GET /api/v1/billing/agreements: one page of the
// live and ended agreements of a customer.
type BillingAgreementList struct {
	Code       string             `json:"code"`
	Message    string             `json:"message"`
	HasMore    bool               `json:"has_more"` // more in the direction of travel
	Agreements []BillingAgreement `json:"agreements"`
}

// BillingAgreement is an agreement as Kinde shows it. Allot's own API shows more
// of it, as [Agreement].
type BillingAgreement struct {
	ID             string  `json:"id"` // agreement_…
	PlanCode       string  `json:"plan_code"`
	ExpiresOn      *Time   `json:"expires_on"`       // null while no end is set
	BillingGroupID *string `json:"billing_group_id"` // the plan group: sbg_…
	// Both ends of the cycle that runs now; null without a cycle and once ended.
	CurrentPeriodStart *Time                         `json:"current_period_start"`
	CurrentPeriodEnd   *Time                         `json:"current_period_end"`
	Entitlements       []BillingAgreementEntitlement `json:"entitlements"`
}

// BillingAgreementEntitlement names one item of an agreement.
type BillingAgreementEntitlement struct {
	FeatureCode   string `json:"feature_code"`
	EntitlementID string `json:"entitlement_id"`
}

// CreateBillingAgreementRequest is the body of POST /api/v1/billing/agreements.
// A plan's code changes the customer's plan; an add-on's code adds it.
type CreateBillingAgreementRequest struct {
	CustomerID   string `json:"customer_id"`
	PlanCode     string `json:"plan_code"`
	IsInvoiceNow *bool  `json:"is_invoice_now,omitempty"` // Kinde: invoice unbilled usage at once
	IsProrate    *bool  `json:"is_prorate,omitempty"`     // Kinde: credit the unused remainder
}

// CancelBillingAgreementRequest is the body that DELETE
// /api/v1/billing/agreements accepts in place of the query parameter.
type CancelBillingAgreementRequest struct {
	AgreementID string `json:"agreement_id,omitempty"`
}

// CreateMeterUsageRequest is the body of POST /api/v1/billing/meter_usage.
type CreateMeterUsageRequest struct {
	CustomerAgreementID string  `json:"customer_agreement_id"` // an ended one counts for its customer too
	BillingFeatureCode  string  `json:"billing_feature_code"`
	MeterValue          Decimal `json:"meter_value"`
	MeterUsageTimestamp *Time   `json:"meter_usage_timestamp,omitempty"` // default: now
	MeterTypeCode       string  `json:"meter_type_code,omitempty"`       // UsageDelta or UsageAbsolute
}

// CreateUserBillingCustomerRequest is the body of POST
// /api/v1/users/{user_id}/billing_customer.
type CreateUserBillingCustomerRequest struct {
	OrgCode         string `json:"org_code"`
	BillingEmail    string `json:"billing_email"`
	BillingPlanCode string `json:"billing_plan_code,omitempty"` // default: the default plan for users
}

// UserBillingCustomer answers POST /api/v1/users/{user_id}/billing_customer.
type UserBillingCustomer struct {
	Code            string          `json:"code"`
	Message         string          `json:"message"`
	BillingCustomer BillingCustomer `json:"billing_customer"`
}

// BillingCustomer names a customer that was made, and its agreement.
type BillingCustomer struct {
	ID          string `json:"id"`           // customer_…
	AgreementID string `json:"agreement_id"` // agreement_…
}
