package billing

import "time"

// OverrideID is written override_<32 hex>. As with agreements, the last two
// bytes make room for the id of the entitlement that an override alone grants.
type OverrideID [16]byte

// Override is a customer's own terms for one feature. It survives changes of
// plan and counts while the customer has a plan. It never changes: setting
// another ends it, and the history stays.
type Override struct {
	ID         OverrideID
	CustomerID CustomerID
	Feature    Code

	// HasMax says that Max takes the place of the plan's limit; nil is unlimited
	// then. Add-ons still count on top.
	HasMax bool
	Max    *int64
	// Add counts on top of the plan's limit.
	Add int64
	// Deny takes the feature away, whatever grants it.
	Deny bool

	Note string
	By   Actor

	// StartsOn and ExpiresOn bound the half-open life; zero is no end.
	StartsOn  time.Time
	ExpiresOn time.Time
}

// Live reports whether StartsOn ≤ now < ExpiresOn.
func (o *Override) Live(now time.Time) bool {
	return !now.Before(o.StartsOn) && (o.ExpiresOn.IsZero() || now.Before(o.ExpiresOn))
}
