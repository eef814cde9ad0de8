package service

import (
	"errors"

	"github.com/allot-dev/allot/internal/billing"
)

// CustomerName names a customer in one of the ways that are unique: by its id, by
// its external id, or by its pair of codes.
type CustomerName struct {
	ID         billing.CustomerID
	ExternalID string
	OrgCode    string
	UserID     string
}

// PutCustomer asks for a customer that is called something: Made is what it is to
// be if there is none, Changed what is to be different if there is.
type PutCustomer struct {
	Name    CustomerName
	Made    billing.NewCustomer
	Changed billing.CustomerUpdate
}

// PutCustomer makes a customer, or changes the one that is there: done again it
// changes nothing, and of racing calls one makes it. It answers whether it was
// made. One that is there keeps its plan, whatever Made says.
//
// Errors: those of [Work.CreateCustomer] and [Work.UpdateCustomer]; TYPE_INVALID
// and ID_INVALID if the one that is there has another type or id; PLAN_NOT_FOUND.
func (u *Work) PutCustomer(in PutCustomer) (customer billing.CustomerAt, made bool, err error) {
	id, err := u.named(in.Name)
	if errors.Is(err, billing.ErrNotFound) {
		customer, err = u.CreateCustomer(in.Made)
		if refused, ok := errors.AsType[*billing.Error](err); ok && refused.Code == "CUSTOMER_EXISTS" {
			if _, raced := u.named(in.Name); raced == nil {
				return billing.CustomerAt{}, false, errRaced // by one who makes the same
			}
		}
		return customer, true, err
	}
	if err != nil {
		return billing.CustomerAt{}, false, err
	}
	b, err := u.lock(id)
	if errors.Is(err, errNoCustomer) || err == nil && !in.Name.of(&b.Customer) {
		err = errRaced // by one who deletes or renames it
	}
	if err != nil {
		return billing.CustomerAt{}, false, err
	}
	if err := in.check(b); err != nil {
		return billing.CustomerAt{}, false, err
	}
	if err := b.Update(in.Changed); err != nil {
		return billing.CustomerAt{}, false, err
	}
	_, err = u.write(b)
	return b.At(b.Now), false, err
}

// named is the customer of a name. The error is [billing.ErrNotFound] if there is
// none that is not deleted.
func (u *Work) named(n CustomerName) (id billing.CustomerID, err error) {
	switch {
	case n.ID != billing.CustomerID{}:
		id = n.ID
	case n.ExternalID != "":
		id, err = u.tx.CustomerByExternalID(n.ExternalID)
	default:
		id, err = u.tx.CustomerByCodes(n.OrgCode, n.UserID)
	}
	if err != nil {
		return id, err
	}
	c, err := u.tx.Customer(id)
	if err == nil && !c.DeletedOn.IsZero() {
		err = billing.ErrNotFound
	}
	return id, err
}

// of reports whether a customer has the name.
func (n CustomerName) of(c *billing.Customer) bool {
	switch {
	case n.ID != billing.CustomerID{}:
		return c.ID == n.ID
	case n.ExternalID != "":
		return c.ExternalID == n.ExternalID
	}
	return c.OrgCode == n.OrgCode && c.UserID == n.UserID
}

// check refuses what cannot be had of the customer that is there.
func (in *PutCustomer) check(b *billing.Book) error {
	var errs billing.Errors
	if in.Made.Type != "" && in.Made.Type != b.Customer.Type {
		errs = append(errs, billing.Invalid.Errorf("TYPE_INVALID", "type must be %s, or left out: the customer is there, and its type never changes", b.Customer.Type))
	}
	if in.Made.ID != (billing.CustomerID{}) && in.Made.ID != b.Customer.ID {
		errs = append(errs, billing.Invalid.Errorf("ID_INVALID", "id must be %s, or left out: the customer is there under that id", b.Customer.ID))
	}
	if len(errs) > 0 {
		return errs
	}
	if in.Made.Plan != "" && b.Catalog.Plans[in.Made.Plan] == nil {
		return billing.NotFound.Errorf("PLAN_NOT_FOUND", "there is no plan with this plan_code")
	}
	return nil
}
