package httpapi

import (
	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
)

// customerRef names a customer in a body: by its id, or by its codes, or, where
// that is said, by one of its agreements.
type customerRef struct {
	id, orgCode, userID, agreement string
}

// customer reads who a body is about.
func (b *body) customer() customerRef {
	before := len(b.wrong)
	ref := b.customerFields()
	if ref == (customerRef{}) && len(b.wrong) == before {
		b.require("customer_id", aCustomerID+"; or give org_code, or user_id")
	}
	return ref
}

// customerFields reads what names a customer; nothing need be there.
func (b *body) customerFields() customerRef {
	ref := customerRef{
		id:      b.text("customer_id", aCustomerID),
		orgCode: b.text("org_code", someText),
		userID:  b.text("user_id", someText),
	}
	if ref.id != "" && (ref.orgCode != "" || ref.userID != "") {
		b.add(api.CodeTooManyParameters, "only one of customer_id and the customer's codes (org_code, user_id) may be given")
	}
	return ref
}

// find looks up the customer that a body names. Agreements and codes keep their
// customer, so this needs no transaction with what is done then.
func (a *adapter) find(c *call, ref customerRef) (billing.CustomerID, error) {
	switch {
	case ref.agreement != "":
		agreement, err := parseAgreementID("agreement_id", ref.agreement)
		if err != nil {
			return billing.CustomerID{}, err
		}
		return a.findByAgreement(c, "agreement_id", agreement)
	case ref.id != "":
		return parseCustomerID(ref.id)
	}
	unknown := notFound(api.CodeCustomerNotFound, "there is no customer with this org_code and user_id")
	if !storable(ref.orgCode) || !storable(ref.userID) {
		return billing.CustomerID{}, unknown
	}
	id, err := a.Billing.CustomerByCodes(c.Context(), ref.orgCode, ref.userID)
	if isNotFound(err) {
		err = unknown
	}
	return id, err
}

// findByAgreement looks up whose agreement an id is; name is the parameter's.
func (a *adapter) findByAgreement(c *call, name string, agreement billing.AgreementID) (billing.CustomerID, error) {
	id, err := a.Billing.AgreementCustomer(c.Context(), agreement)
	if isNotFound(err) {
		err = notFound(api.CodeAgreementNotFound, "there is no agreement with this "+name)
	}
	return id, err
}
