package billing

import "time"

// Scope is what a change belongs to and whose revision it carries: a customer
// (its id), the catalog, or what another package keeps in the store.
type Scope string

// ScopeCatalog is the scope of the catalog.
const ScopeCatalog Scope = "catalog"

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
	// Before and After are the rows that changed, every field by its name: see
	// facts.go. One that did not change is in both. An override that another takes the
	// place of is in Before, and ended at On.
	Before map[string]string
	After  map[string]string
}

// Actor is who makes a change: "client:<id>" or "cli".
type Actor string

// ChangeKind says what happened.
type ChangeKind string

// What is logged of customers and the catalog.
const (
	customerCreated    ChangeKind = "customer.created"
	customerUpdated    ChangeKind = "customer.updated"
	customerDeleted    ChangeKind = "customer.deleted"
	customerPurged     ChangeKind = "customer.purged" // after it was deleted
	AgreementCreated   ChangeKind = "agreement.created"
	agreementChanged   ChangeKind = "agreement.changed"   // its end was set, moved or taken back
	agreementWithdrawn ChangeKind = "agreement.withdrawn" // a scheduled one was dropped
	overrideSet        ChangeKind = "override.set"
	overrideEnded      ChangeKind = "override.ended"
	grantCreated       ChangeKind = "grant.created"
	grantVoided        ChangeKind = "grant.voided"   // or, voided before, clawed back
	grantUsedUp        ChangeKind = "grant.used_up"  // it is set aside
	grantReopened      ChangeKind = "grant.reopened" // it is not set aside any more
	CatalogApplied     ChangeKind = "catalog.applied"
	// ClockRepaired is what a repair of the clock made of a scope: see [Repaired].
	ClockRepaired ChangeKind = "clock.repaired"
	// factsAdopted is all that there was of a scope when the log was made to have every
	// field. It is no change, and has no place among them: see [AdoptCustomer].
	factsAdopted ChangeKind = "facts.adopted"
)

var changeKinds = []ChangeKind{
	customerCreated, customerUpdated, customerDeleted, customerPurged, AgreementCreated, agreementChanged, agreementWithdrawn,
	overrideSet, overrideEnded, grantCreated, grantVoided, grantUsedUp, grantReopened, CatalogApplied, ClockRepaired, factsAdopted,
}

// Purges reports whether the change took away what is kept of a customer's personal
// data.
func (c *Change) Purges() bool { return c.Kind == customerPurged || c.After["purged"] == "true" }

// Imports reports whether the change brought along history, of which nobody is told.
func (c *Change) Imports() bool {
	return c.Kind == AgreementCreated && c.After["origin"] == string(fromImport)
}
