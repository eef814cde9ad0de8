package native

import (
	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/door"
	"github.com/allot-dev/allot/internal/wire"
)

// customerRef names a customer in a body: by its id, or by its codes, or, where
// that is said, by one of its agreements.
type customerRef struct {
	id, orgCode, userID, agreement string
}

// customer reads who a body is about.
func (b body) customer() customerRef {
	before := b.Wrong()
	ref := b.customerFields()
	if ref == (customerRef{}) && b.Wrong() == before {
		b.Require("customer_id", wire.ACustomerID+"; or give org_code, or user_id")
	}
	return ref
}

// customerFields reads what names a customer; nothing need be there.
func (b body) customerFields() customerRef {
	ref := customerRef{
		id:      b.Text("customer_id", wire.ACustomerID),
		orgCode: b.Text("org_code", door.SomeText),
		userID:  b.Text("user_id", door.SomeText),
	}
	if ref.id != "" && (ref.orgCode != "" || ref.userID != "") {
		b.Add(api.CodeTooManyParameters, "only one of customer_id and the customer's codes (org_code, user_id) may be given")
	}
	return ref
}

// find looks up the customer that a body names. Agreements and codes keep their
// customer, so this needs no transaction with what is done then.
func (h *handlers) find(c *door.Call, ref customerRef) (billing.CustomerID, error) {
	switch {
	case ref.agreement != "":
		agreement, err := wire.AgreementID("agreement_id", ref.agreement)
		if err != nil {
			return billing.CustomerID{}, err
		}
		id, err := h.Billing.AgreementCustomer(c.Context(), agreement)
		if err != nil {
			err = wire.AgreementUnknown(err, "agreement_id")
		}
		return id, err
	case ref.id != "":
		return wire.CustomerID(ref.id)
	}
	unknown := wire.NotFound(api.CodeCustomerNotFound, "there is no customer with this org_code and user_id")
	if !door.Storable(ref.orgCode) || !door.Storable(ref.userID) {
		return billing.CustomerID{}, unknown
	}
	id, err := h.Billing.CustomerByCodes(c.Context(), ref.orgCode, ref.userID)
	if wire.IsUnknown(err) {
		err = unknown
	}
	return id, err
}
