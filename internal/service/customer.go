package service

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/allot-dev/allot/internal/billing"
)

// CustomerFilter narrows a list of customers; zero fields do not.
type CustomerFilter struct {
	// Query is text to be found, in any case, in id, codes, name, email or external
	// id.
	Query      string
	OrgCode    string
	UserID     string
	ExternalID string
	// PlanCode keeps the customers with an agreement to the plan that is live
	// at At.
	PlanCode billing.Code
	At       time.Time
}

// Customer reads one customer. The error is CUSTOMER_NOT_FOUND.
func (s *Service) Customer(ctx context.Context, id billing.CustomerID) (billing.CustomerAt, error) {
	snap, now, err := s.Snapshot(ctx, id)
	if err != nil {
		return billing.CustomerAt{}, err
	}
	return snap.At(now), nil
}

// CustomerByCodes looks up the customer that has a pair of codes. The error is
// CUSTOMER_NOT_FOUND.
func (s *Service) CustomerByCodes(ctx context.Context, orgCode, userID string) (billing.CustomerID, error) {
	var id billing.CustomerID
	err := s.Store.View(ctx, func(r Reader) error {
		var err error
		id, err = r.CustomerByCodes(orgCode, userID)
		return known(billing.Customer{}, err)
	})
	return id, err
}

// CustomerOfUser looks up the customer that stands for a user: the one in no
// organization, else of those within one the one with the lowest id. The error is
// CUSTOMER_NOT_FOUND.
func (s *Service) CustomerOfUser(ctx context.Context, userID string) (billing.CustomerID, error) {
	var id billing.CustomerID
	err := s.Store.View(ctx, func(r Reader) error {
		var err error
		if id, err = r.CustomerByCodes("", userID); !errors.Is(err, billing.ErrNotFound) || userID == "" {
			return known(billing.Customer{}, err)
		}
		found, _, err := r.Customers(CustomerFilter{UserID: userID}, Page[billing.CustomerID]{Size: 1})
		switch {
		case err != nil:
			return err
		case len(found) == 0:
			return known(billing.Customer{}, billing.ErrNotFound)
		}
		id = found[0].ID
		return nil
	})
	return id, err
}

// CustomerByExternalID looks up the customer that has an external id. The error
// is CUSTOMER_NOT_FOUND.
func (s *Service) CustomerByExternalID(ctx context.Context, externalID string) (billing.CustomerID, error) {
	var id billing.CustomerID
	err := s.Store.View(ctx, func(r Reader) error {
		var err error
		id, err = r.CustomerByExternalID(externalID)
		return known(billing.Customer{}, err)
	})
	return id, err
}

// Users lists users, ascending by their id and behind one, each by the customer
// that stands for it: see [Service.CustomerOfUser]. The second result is whether
// there are more than limit.
func (s *Service) Users(ctx context.Context, after string, limit int) ([]billing.Customer, bool, error) {
	var out []billing.Customer
	err := s.Store.View(ctx, func(r Reader) error {
		var err error
		out, err = r.Users(after, limit+1)
		return err
	})
	more := len(out) > limit
	return out[:min(limit, len(out))], more, err
}

// Customers lists customers, ascending by id. A plan in the filter that does not
// exist matches nobody.
func (s *Service) Customers(ctx context.Context, filter CustomerFilter, page Page[billing.CustomerID]) ([]billing.Customer, bool, error) {
	filter.At = s.now()
	var out []billing.Customer
	var more bool
	err := s.Store.View(ctx, func(r Reader) error {
		var err error
		out, more, err = r.Customers(filter, page)
		return err
	})
	return out, more, err
}

// NewOrgCode makes the code of an organization that is yet to be: org_ and 12 hex
// digits.
func (u *Work) NewOrgCode() (string, error) {
	var b [6]byte
	if _, err := io.ReadFull(u.service.random(), b[:]); err != nil {
		return "", fmt.Errorf("random bytes for a code: %w", err)
	}
	return "org_" + hex.EncodeToString(b[:]), nil
}

// CreateCustomer makes a customer and, unless told not to, subscribes it.
//
// Errors: those of [billing.NewCustomer.Record] and [billing.Book.SignUp], and CUSTOMER_EXISTS if
// the id was ever used or the codes or the external id are taken.
func (u *Work) CreateCustomer(in billing.NewCustomer) (billing.CustomerAt, error) {
	catalog, err := u.tx.Catalog()
	if err != nil {
		return billing.CustomerAt{}, err
	}
	c, err := in.Record((&billing.Snapshot{Catalog: catalog}).Now(u.clock), u.service.random())
	if err != nil {
		return billing.CustomerAt{}, err
	}
	c.DigestKey = newDigestKey()
	if err := u.tx.CreateCustomer(c); errors.Is(err, billing.ErrExists) {
		return billing.CustomerAt{}, customerExists(u.tx.CustomerTx, &c)
	} else if err != nil {
		return billing.CustomerAt{}, err
	}
	b, err := u.open(c)
	if err != nil {
		return billing.CustomerAt{}, err
	}
	if err := b.SignUp(in); err != nil {
		return billing.CustomerAt{}, err
	}
	if _, err := u.write(b); err != nil {
		return billing.CustomerAt{}, err
	}
	return b.At(b.Now), nil
}

// customerExists says which uniqueness rule a new or changed customer breaks.
func customerExists(r CustomerReader, c *billing.Customer) error {
	exists := func(other billing.CustomerID, format string, args ...any) error {
		err := billing.Conflict.Errorf("CUSTOMER_EXISTS", format, args...)
		err.Existing = other.String()
		return err
	}
	other, err := r.CustomerByCodes(c.OrgCode, c.UserID)
	switch {
	case err == nil && other != c.ID && c.UserID == "":
		return exists(other, "the org_code is that of customer %s", other)
	case err == nil && other != c.ID:
		return exists(other, "this user_id (with this org_code) is that of customer %s", other)
	case err != nil && !errors.Is(err, billing.ErrNotFound):
		return err
	}
	other, err = r.CustomerByExternalID(c.ExternalID)
	switch {
	case err == nil && other != c.ID:
		return exists(other, "the external_id is that of customer %s", other)
	case err != nil && !errors.Is(err, billing.ErrNotFound):
		return err
	}
	old, err := r.Customer(c.ID)
	if err != nil {
		return err
	}
	if old.DeletedOn.IsZero() {
		return exists(c.ID, "the id is that of customer %s", c.ID)
	}
	return billing.Conflict.Errorf("CUSTOMER_EXISTS", "the id %s was used before; ids are never used again", c.ID)
}

// UpdateCustomer changes a customer. Errors: those of [billing.Book.Update],
// CUSTOMER_NOT_FOUND and CUSTOMER_EXISTS.
func (u *Work) UpdateCustomer(id billing.CustomerID, in billing.CustomerUpdate) (billing.CustomerAt, error) {
	b, err := u.lock(id)
	if err != nil {
		return billing.CustomerAt{}, err
	}
	if err := b.Update(in); err != nil {
		return billing.CustomerAt{}, err
	}
	if _, err := u.write(b); err != nil {
		return billing.CustomerAt{}, err
	}
	return b.At(b.Now), nil
}

// DeleteCustomer ends a customer's agreements and frees its codes. With purge
// its personal data is erased, also of a customer that was deleted before. The
// error is CUSTOMER_NOT_FOUND.
func (u *Work) DeleteCustomer(id billing.CustomerID, purge bool) (billing.Revision, error) {
	customer, err := u.tx.LockCustomer(id)
	if err == nil && !purge || errors.Is(err, billing.ErrNotFound) {
		err = known(customer, err)
	}
	if err != nil {
		return billing.Revision{}, err
	}
	b, err := u.open(customer)
	if err != nil {
		return billing.Revision{}, err
	}
	if err := b.Delete(purge); err != nil {
		return billing.Revision{}, err
	}
	rev, err := u.write(b)
	if err == nil && purge {
		err = u.tx.EraseCustomer(id)
	}
	return rev, err
}
