package api

// This file holds the bodies of /account_api/v1/…, shaped after Kinde's account
// API, which a user's own token opens. Their names differ from those of
// kinde.go, and where those leave a field out, these send null.

// AccountEntitlementList answers GET /account_api/v1/entitlements: one page of
// what the user has access to now.
type AccountEntitlementList struct {
	Data     AccountEntitlements `json:"data"`
	Metadata AccountPage         `json:"metadata"`
}

// AccountEntitlements is the data of an [AccountEntitlementList].
type AccountEntitlements struct {
	OrgCode *string `json:"org_code"` // of the token; null without one
	// Plans is an array on the first page and nil on all others: clients put
	// the pages together.
	Plans        []AccountPlan        `json:"plans,omitzero"`
	Entitlements []AccountEntitlement `json:"entitlements"`
}

// AccountPlan is a plan that the user has a live agreement on.
type AccountPlan struct {
	Key          string `json:"key"`
	Name         string `json:"name"`
	SubscribedOn Time   `json:"subscribed_on"`
}

// AccountEntitlement is one item of one live agreement. All eight fields are
// always there; they mean what those of [BillingEntitlement] do.
type AccountEntitlement struct {
	ID                  string `json:"id"` // entitlement_…
	FixedCharge         *int64 `json:"fixed_charge"`
	PriceName           string `json:"price_name"`
	UnitAmount          *int64 `json:"unit_amount"`
	FeatureKey          string `json:"feature_key"`
	FeatureName         string `json:"feature_name"`
	EntitlementLimitMax *int64 `json:"entitlement_limit_max"`
	EntitlementLimitMin *int64 `json:"entitlement_limit_min"`
}

// AccountPage is the metadata of a list.
type AccountPage struct {
	HasMore bool `json:"has_more"`
	// NextPageStartingAfter is the id of the last entitlement of this page;
	// null on the last page, because there are clients that follow it anyway.
	NextPageStartingAfter *string `json:"next_page_starting_after"`
}

// AccountEntitlementOne answers GET /account_api/v1/entitlement/{key}.
type AccountEntitlementOne struct {
	Data     AccountEntitlementData `json:"data"`
	Metadata struct{}               `json:"metadata"` // there is nothing to say
}

// AccountEntitlementData is the data of an [AccountEntitlementOne].
type AccountEntitlementData struct {
	OrgCode     *string            `json:"org_code"`    // of the token; null without one
	Entitlement AccountEntitlement `json:"entitlement"` // of several, the one with the lowest id
}
