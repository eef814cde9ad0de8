package billing

import "time"

// CustomerType says who a customer is. Plan groups are for one type.
type CustomerType string

// The types of customers.
const (
	Organization CustomerType = "organization"
	User         CustomerType = "user"
)

// CustomerStatus is what the operator decided about a customer.
type CustomerStatus string

const (
	// Active is the normal state.
	Active CustomerStatus = "active"
	// Suspended customers are entitled to nothing until made active again.
	Suspended CustomerStatus = "suspended"
)

// Customer is who holds agreements: an organization, a user, or a user within
// an organization.
type Customer struct {
	ID   CustomerID
	Type CustomerType
	// OrgCode and UserID are the names the customer has in the identity
	// provider; "" where it has none. The pair, if not empty, is unique.
	OrgCode string
	UserID  string
	Name    string
	Email   string
	Status  CustomerStatus
	// AnchorOn is what all cycles are counted from: the first sign-up unless
	// set. Zero until then.
	AnchorOn time.Time
	Metadata map[string]string

	CreatedOn time.Time
	// ChangedOn is the instant of the last change to the customer's facts. No
	// use case runs at an earlier one, even on a node whose clock lags.
	ChangedOn time.Time
	// DeletedOn is set once the customer is deleted. The record stays, so that
	// its id is never used again.
	DeletedOn time.Time
	// Rev counts the changes to the customer's facts.
	Rev int64
	// LastAgreementMS is the largest time an agreement's id of this customer
	// was made with; the next one is later, so that a walk by id meets it.
	LastAgreementMS int64
}

// CustomerFilter narrows a list of customers; zero fields do not.
type CustomerFilter struct {
	// Query is text to be found, in any case, in id, codes, name or email.
	Query   string
	OrgCode string
	UserID  string
	// PlanCode keeps the customers with an agreement to the plan that is live
	// at At.
	PlanCode Code
	At       time.Time
}
