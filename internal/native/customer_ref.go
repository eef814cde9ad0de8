package native

import (
	"strings"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/door"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/wire"
)

// customerRef names a customer: by its id, or by its codes, or by its external id,
// or, where that is said, by one of its agreements.
type customerRef struct {
	id, orgCode, userID, externalID, agreement string
}

// customer reads who a body is about.
func (b body) customer() customerRef {
	before := b.Wrong()
	ref := b.customerFields()
	if ref == (customerRef{}) && b.Wrong() == before {
		b.Require("customer_id", wire.ACustomerID+"; or give org_code, user_id or external_id")
	}
	return ref
}

// customerFields reads what names a customer; nothing need be there.
func (b body) customerFields() customerRef {
	ref := customerRef{
		id:         b.Text("customer_id", wire.ACustomerID),
		orgCode:    b.Text("org_code", door.SomeText),
		userID:     b.Text("user_id", door.SomeText),
		externalID: b.Text("external_id", door.SomeText),
	}
	if ref.ways() > 1 {
		b.Add(api.CodeTooManyParameters, "only one of customer_id, external_id and the customer's codes (org_code, user_id) may be given")
	}
	return ref
}

// ways is in how many ways a customer is named, whether they agree or not.
func (r customerRef) ways() (n int) {
	for _, given := range []bool{r.id != "", r.orgCode != "" || r.userID != "", r.externalID != ""} {
		if given {
			n++
		}
	}
	return n
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
	called, unknown := ref.externalID+ref.orgCode+ref.userID, "there is no customer with this org_code and user_id"
	switch {
	case ref.userID == "":
		unknown = "there is no customer of type organization with this org_code"
	case ref.orgCode == "":
		unknown = "there is no customer with this user_id and no org_code"
	}
	look := func() (billing.CustomerID, error) {
		return h.Billing.CustomerByCodes(c.Context(), ref.orgCode, ref.userID)
	}
	if ref.externalID != "" {
		unknown = "there is no customer with this external_id"
		look = func() (billing.CustomerID, error) {
			return h.Billing.CustomerByExternalID(c.Context(), ref.externalID)
		}
	}
	if !door.Storable(called) {
		return billing.CustomerID{}, wire.NotFound(api.CodeCustomerNotFound, unknown)
	}
	id, err := look()
	if wire.IsUnknown(err) {
		err = wire.NotFound(api.CodeCustomerNotFound, unknown)
	}
	return id, err
}

// Ways to name a customer in a path, before a colon. Anything else is its id.
const (
	byOrgCode    = "org_code"
	byUserID     = "user_id"
	byExternalID = "external_id"
)

// inPath is how a path names a customer. The error is CUSTOMER_NOT_FOUND if it
// does so in no way that there is.
func inPath(c *door.Call) (customerRef, error) {
	return inText(c.PathValue("id"))
}

// inText is how a path names a customer, or a query does in one parameter.
func inText(text string) (customerRef, error) {
	way, value, named := strings.Cut(text, ":")
	switch {
	case !named || value == "":
	case way == byOrgCode:
		return customerRef{orgCode: value}, nil
	case way == byUserID:
		return customerRef{userID: value}, nil
	case way == byExternalID:
		return customerRef{externalID: value}, nil
	}
	if _, err := billing.ParseID[billing.CustomerID](text); err != nil {
		return customerRef{}, wire.NotFound(api.CodeCustomerNotFound,
			"there is no customer with this id; it is customer_ and 32 lower-case hex digits, and in its place a path takes org_code:CODE, user_id:ID or external_id:ID")
	}
	return customerRef{id: text}, nil
}

// named is the customer that the path is about.
func (h *handlers) named(c *door.Call) (billing.CustomerID, error) {
	ref, err := inPath(c)
	if err != nil {
		return billing.CustomerID{}, err
	}
	id, err := h.find(c, ref)
	switch {
	case err == nil && ref.id == "":
		c.Rename("id", id.String())
	case wire.IsUnknown(err) && ref.userID != "":
		err = h.errNoUser(c, ref.userID, err)
	}
	return id, err
}

// errNoUser is why a user that a path names is not found: it may be one within
// organizations only, whom its id alone does not tell apart.
func (h *handlers) errNoUser(c *door.Call, userID string, unknown error) error {
	if !door.Storable(userID) {
		return unknown
	}
	found, _, err := h.Billing.Customers(c.Context(), service.CustomerFilter{UserID: userID}, service.Page[billing.CustomerID]{Size: 1})
	switch {
	case err != nil:
		return err
	case len(found) == 0:
		return unknown
	}
	return wire.NotFound(api.CodeCustomerNotFound, "this user_id is that of customers within an organization only, and user_id: in a path means the one without; "+
		"name the customer by its id, or in a body by org_code and user_id; GET /v1/customers?user_id= lists them")
}
