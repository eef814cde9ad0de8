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

// CreateOrganizationRequest is the body of POST /api/v1/organization. Kinde's has
// more fields, which are ignored.
type CreateOrganizationRequest struct {
	Name       string `json:"name"`
	ExternalID string `json:"external_id,omitempty"` // the customer's
	// IsCreateBillingCustomer makes the organization a customer. Without it nothing
	// is made: only a code is given out.
	IsCreateBillingCustomer *bool  `json:"is_create_billing_customer,omitempty"`
	BillingEmail            string `json:"billing_email,omitempty"`     // required of a customer
	BillingPlanCode         string `json:"billing_plan_code,omitempty"` // default: the default plan for organizations
}

// CreatedOrganization answers POST /api/v1/organization.
type CreatedOrganization struct {
	Code         string          `json:"code"`
	Message      string          `json:"message"`
	Organization OrganizationRef `json:"organization"`
}

// OrganizationRef names an organization that was made.
type OrganizationRef struct {
	Code              string `json:"code"`                          // org_ and 12 hex digits
	BillingCustomerID string `json:"billing_customer_id,omitempty"` // "" if it is no customer
}

// OrganizationDetails answers GET /api/v1/organization: an organization that is a
// customer, as far as that tells of it.
type OrganizationDetails struct {
	Code    string               `json:"code"`
	Name    string               `json:"name,omitempty"`
	Billing *OrganizationBilling `json:"billing,omitempty"` // with expand=billing
}

// OrganizationBilling says which customer an organization is, and what it holds.
type OrganizationBilling struct {
	BillingCustomerID string                  `json:"billing_customer_id"`
	Agreements        []OrganizationAgreement `json:"agreements"` // the live ones, ascending by id
}

// OrganizationAgreement names a live agreement of an organization.
type OrganizationAgreement struct {
	PlanCode    string `json:"plan_code"`
	AgreementID string `json:"agreement_id"`
}

// UserList answers GET /api/v1/users: one page of the users that are customers,
// ascending by id.
type UserList struct {
	Code      string        `json:"code"`
	Message   string        `json:"message"`
	Users     []UserDetails `json:"users"`
	NextToken string        `json:"next_token,omitempty"` // asks for the next page; absent on the last one
}

// UserDetails is a user that is a customer; it answers GET /api/v1/user.
type UserDetails struct {
	ID      string       `json:"id"`
	Billing *UserBilling `json:"billing,omitempty"` // with expand=billing
}

// UserBilling says which customer a user is: of several the one in no
// organization, else the one with the lowest id.
type UserBilling struct {
	CustomerID string `json:"customer_id"`
}

// GeneratePortalURLRequest is the body of POST /api/v1/portal/generate_url.
type GeneratePortalURLRequest struct {
	UserID           string `json:"user_id"`
	OrganizationCode string `json:"organization_code,omitempty"`
	ReturnURL        string `json:"return_url,omitempty"` // of an origin that the server is told
	SubNav           string `json:"sub_nav,omitempty"`    // Kinde: the part of its page; there is one page here
}

// PortalLink is a link to a customer's own page, good for 15 minutes and one
// session. It answers POST /api/v1/portal/generate_url and GET
// /account_api/v1/portal_link.
type PortalLink struct {
	URL string `json:"url"`
}
