package api

// Types of customers, which are also the customer types of plan groups.
const (
	CustomerOrganization = "organization"
	CustomerUser         = "user"
)

// Statuses of a customer. A suspended one keeps its agreements and is entitled
// to nothing.
const (
	CustomerActive    = "active"
	CustomerSuspended = "suspended"
)

// Customer is somebody who holds agreements: an organization, or a user.
type Customer struct {
	ID      string `json:"id"`                 // customer_…
	Type    string `json:"type"`               // CustomerOrganization or CustomerUser
	OrgCode string `json:"org_code,omitempty"` // of an organization; of a user within one
	UserID  string `json:"user_id,omitempty"`  // users only
	// ExternalID is what another system, such as a payment provider, calls it.
	ExternalID string            `json:"external_id,omitempty"`
	Name       string            `json:"name,omitempty"`
	Email      string            `json:"email,omitempty"`
	Status     string            `json:"status"`    // CustomerActive or CustomerSuspended
	AnchorOn   *Time             `json:"anchor_on"` // what cycles run from; null before the first agreement
	TimeZone   string            `json:"time_zone"` // of IANA, such as Europe/Berlin; UTC unless it was set
	CreatedOn  Time              `json:"created_on"`
	DeletedOn  *Time             `json:"deleted_on,omitempty"` // absent unless it is deleted, and read by its id
	Metadata   map[string]string `json:"metadata,omitempty"`
	// Agreements are the live and scheduled ones. Nil in lists, an array where
	// one customer is answered.
	Agreements []Agreement `json:"agreements,omitzero"`
	// Overrides are the live ones, ascending by feature code. Nil and an array
	// as Agreements are.
	Overrides []Override `json:"overrides,omitzero"`
	// Warnings are what one would not expect of the success.
	Warnings []Warning `json:"warnings,omitempty"`
}

// CustomerList answers GET /v1/customers.
type CustomerList struct {
	Customers []Customer `json:"customers"`
	HasMore   bool       `json:"has_more"` // more in the direction of travel
}

// CreateCustomerRequest is the body of POST /v1/customers.
type CreateCustomerRequest struct {
	ID      string `json:"id,omitempty"` // to import one: customer_ and 32 lower-case hex digits
	Type    string `json:"type"`         // CustomerOrganization or CustomerUser
	OrgCode string `json:"org_code,omitempty"`
	UserID  string `json:"user_id,omitempty"`
	// ExternalID is unique among customers.
	ExternalID string `json:"external_id,omitempty"`
	Name       string `json:"name,omitempty"`
	Email      string `json:"email,omitempty"`
	// PlanCode absent: the default plan, if there is one. Null: no plan.
	PlanCode Optional[string]  `json:"plan_code,omitzero"`
	AnchorOn *Time             `json:"anchor_on,omitempty"`
	TimeZone string            `json:"time_zone,omitempty"` // of IANA; default UTC
	Metadata map[string]string `json:"metadata,omitempty"`
}

// UpdateCustomerRequest is the body of PATCH /v1/customers/{id}. What is absent
// stays. Null clears name, email, external_id, metadata and, to UTC, time_zone,
// and is refused elsewhere. A metadata value replaces all of it.
type UpdateCustomerRequest struct {
	Name       Optional[string]            `json:"name,omitzero"`
	Email      Optional[string]            `json:"email,omitzero"`
	OrgCode    Optional[string]            `json:"org_code,omitzero"`
	UserID     Optional[string]            `json:"user_id,omitzero"`
	ExternalID Optional[string]            `json:"external_id,omitzero"`
	Status     Optional[string]            `json:"status,omitzero"` // CustomerActive or CustomerSuspended
	AnchorOn   Optional[Time]              `json:"anchor_on,omitzero"`
	TimeZone   Optional[string]            `json:"time_zone,omitzero"` // of IANA, from now on
	Metadata   Optional[map[string]string] `json:"metadata,omitzero"`
}
