package billing

import "time"

// Scope is what a change belongs to and whose revision it carries: a customer
// (its id) or one of the scopes below.
type Scope string

// The scopes that are not a customer.
const (
	ScopeCatalog Scope = "catalog"
	ScopeClients Scope = "clients"
	ScopeKeys    Scope = "keys"
	// ScopeNone is for answers that belong to no customer.
	ScopeNone Scope = "none"
)

var scopes = []Scope{ScopeCatalog, ScopeClients, ScopeKeys, ScopeNone}

// Scope is the customer's own.
func (id CustomerID) Scope() Scope { return Scope(id.String()) }

// Change is one committed change: what happened, when, by whom. It holds no
// personal data, so that erasing a customer need not rewrite history. It is
// written in the transaction of the change itself, under (Scope, Rev).
type Change struct {
	Scope Scope
	Rev   int64 // set when it is stored
	On    time.Time
	By    Actor
	Kind  ChangeKind
	// Before and After are the facts that changed, by field name.
	Before map[string]string
	After  map[string]string
}

// Actor is who makes a change: "client:<id>" or "cli".
type Actor string

// ChangeKind says what happened.
type ChangeKind string

// All that is logged.
const (
	CustomerCreated    ChangeKind = "customer.created"
	CustomerUpdated    ChangeKind = "customer.updated"
	CustomerDeleted    ChangeKind = "customer.deleted"
	CustomerPurged     ChangeKind = "customer.purged" // after it was deleted
	AgreementCreated   ChangeKind = "agreement.created"
	AgreementChanged   ChangeKind = "agreement.changed"   // its end was set, moved or taken back
	AgreementWithdrawn ChangeKind = "agreement.withdrawn" // a scheduled one was dropped
	OverrideSet        ChangeKind = "override.set"
	OverrideEnded      ChangeKind = "override.ended"
	CatalogApplied     ChangeKind = "catalog.applied"
	ClientCreated      ChangeKind = "client.created"
	ClientRotated      ChangeKind = "client.rotated"
	ClientRevoked      ChangeKind = "client.revoked"
	KeyCreated         ChangeKind = "key.created"
)

var changeKinds = []ChangeKind{
	CustomerCreated, CustomerUpdated, CustomerDeleted, CustomerPurged, AgreementCreated, AgreementChanged, AgreementWithdrawn,
	OverrideSet, OverrideEnded, CatalogApplied, ClientCreated, ClientRotated, ClientRevoked, KeyCreated,
}
