package billing

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/mail"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// NewCustomer asks for a customer. Zero fields take the default.
type NewCustomer struct {
	ID      CustomerID // of an imported customer; default: a new one
	Type    CustomerType
	OrgCode string
	UserID  string
	Name    string
	Email   string
	// Plan is what to subscribe to at once; "" the default plan of the default
	// group for the type, if there is one.
	Plan     Code
	NoPlan   bool // subscribe to nothing
	AnchorOn time.Time
	Metadata map[string]string
}

// CustomerUpdate changes the fields that are set.
type CustomerUpdate struct {
	OrgCode  *string
	UserID   *string
	Name     *string
	Email    *string
	Status   *CustomerStatus
	AnchorOn *time.Time // only while the customer has not signed up
	Metadata *map[string]string
}

// CustomerAt is a customer as it stands at an instant.
type CustomerAt struct {
	Customer
	Agreements []AgreementAt // live and scheduled
	Overrides  []Override    // live
	Revision   Revision
}

// Customer reads one customer. The error is CUSTOMER_NOT_FOUND.
func (s *Service) Customer(ctx context.Context, id CustomerID) (CustomerAt, error) {
	snap, now, err := s.Snapshot(ctx, id)
	if err != nil {
		return CustomerAt{}, err
	}
	return snap.at(now), nil
}

func (s *Snapshot) at(now time.Time) CustomerAt {
	out := CustomerAt{Customer: s.Customer, Agreements: s.AgreementsAt(now), Revision: s.Revision()}
	for _, o := range s.Overrides {
		if !o.ended(now) {
			out.Overrides = append(out.Overrides, o)
		}
	}
	return out
}

// CustomerByCodes looks up the customer that has a pair of codes. The error is
// CUSTOMER_NOT_FOUND.
func (s *Service) CustomerByCodes(ctx context.Context, orgCode, userID string) (CustomerID, error) {
	var id CustomerID
	err := s.Store.View(ctx, func(r Reader) error {
		var err error
		id, err = r.CustomerByCodes(orgCode, userID)
		return known(Customer{}, err)
	})
	return id, err
}

// Customers lists customers, ascending by id. A plan in the filter that does not
// exist matches nobody.
func (s *Service) Customers(ctx context.Context, filter CustomerFilter, page Page[CustomerID]) ([]Customer, bool, error) {
	filter.At = s.now()
	var out []Customer
	var more bool
	err := s.Store.View(ctx, func(r Reader) error {
		var err error
		out, more, err = r.Customers(filter, page)
		return err
	})
	return out, more, err
}

// CreateCustomer makes a customer and, unless told not to, subscribes it.
//
// Errors: those of [Unit.Subscribe], CUSTOMER_EXISTS if the id was ever used
// or the codes are taken, and <PARAMETER>_INVALID or _REQUIRED.
func (u *Unit) CreateCustomer(in NewCustomer) (CustomerAt, error) {
	c := Customer{
		ID: in.ID, Type: in.Type, OrgCode: in.OrgCode, UserID: in.UserID, Name: in.Name, Email: in.Email,
		Status: Active, AnchorOn: in.AnchorOn, Metadata: in.Metadata,
	}
	if errs := checkCustomer(&c); len(errs) > 0 {
		return CustomerAt{}, errs
	}
	catalog, err := u.tx.Catalog()
	if err != nil {
		return CustomerAt{}, err
	}
	c.CreatedOn = latest(u.clock, catalog.ChangedOn)
	if idTime(c.ID).After(c.CreatedOn.Add(maxAhead)) {
		return CustomerAt{}, invalidf("ID_INVALID", "id has a time in the future")
	}
	if c.ID == (CustomerID{}) {
		if c.ID, err = newID[CustomerID](u.service.random(), c.CreatedOn.UnixMilli()); err != nil {
			return CustomerAt{}, err
		}
	}
	if err := u.tx.CreateCustomer(c); errors.Is(err, ErrExists) {
		return CustomerAt{}, customerExists(u.tx, &c)
	} else if err != nil {
		return CustomerAt{}, err
	}
	b, err := u.open(c)
	if err != nil {
		return CustomerAt{}, err
	}
	if err := b.append(CustomerCreated, nil, customerFacts(&c)); err != nil {
		return CustomerAt{}, err
	}
	plan := in.Plan
	if plan == "" && !in.NoPlan {
		plan = b.catalog.defaultPlan(c.Type)
	}
	if plan != "" {
		if _, err := b.subscribe(NewAgreement{Plan: plan}); err != nil {
			return CustomerAt{}, err
		}
		if err := b.save(); err != nil {
			return CustomerAt{}, err
		}
	}
	return b.customerAt(), nil
}

// customerExists says which uniqueness rule a new or changed customer breaks.
func customerExists(r Reader, c *Customer) error {
	other, err := r.CustomerByCodes(c.OrgCode, c.UserID)
	switch {
	case errors.Is(err, ErrNotFound):
		return conflictf("CUSTOMER_EXISTS", "the id %s was used before; ids are never used again", c.ID)
	case err != nil:
		return err
	case c.UserID == "":
		return conflictf("CUSTOMER_EXISTS", "the org_code is that of customer %s", other)
	}
	return conflictf("CUSTOMER_EXISTS", "this user_id (with this org_code) is that of customer %s", other)
}

// UpdateCustomer changes a customer. Errors: CUSTOMER_NOT_FOUND, CUSTOMER_EXISTS
// and <PARAMETER>_INVALID.
func (u *Unit) UpdateCustomer(id CustomerID, in CustomerUpdate) (CustomerAt, error) {
	b, err := u.lock(id)
	if err != nil {
		return CustomerAt{}, err
	}
	old := b.customer
	c := &b.customer
	set(&c.OrgCode, in.OrgCode)
	set(&c.UserID, in.UserID)
	set(&c.Name, in.Name)
	set(&c.Email, in.Email)
	set(&c.Status, in.Status)
	set(&c.Metadata, in.Metadata)
	if in.AnchorOn != nil && !in.AnchorOn.Equal(c.AnchorOn) {
		if !c.AnchorOn.IsZero() && c.LastAgreementMS != 0 {
			return CustomerAt{}, invalidf("ANCHOR_ON_INVALID", "anchor_on was fixed by the first sign-up to %s", c.AnchorOn.Format(time.RFC3339Nano))
		}
		c.AnchorOn = *in.AnchorOn
	}
	if errs := checkCustomer(c); len(errs) > 0 {
		return CustomerAt{}, errs
	}
	if err := u.tx.UpdateCustomer(*c); errors.Is(err, ErrExists) {
		return CustomerAt{}, customerExists(u.tx, c)
	} else if err != nil {
		return CustomerAt{}, err
	}
	if !sameCustomer(&old, c) {
		if err := b.append(CustomerUpdated, customerFacts(&old), customerFacts(c)); err != nil {
			return CustomerAt{}, err
		}
	}
	return b.customerAt(), nil
}

// DeleteCustomer ends a customer's agreements and frees its codes. With purge
// its personal data is erased, also of a customer that was deleted before. The
// error is CUSTOMER_NOT_FOUND.
func (u *Unit) DeleteCustomer(id CustomerID, purge bool) (Revision, error) {
	customer, err := u.tx.LockCustomer(id)
	if err == nil && !purge || errors.Is(err, ErrNotFound) {
		err = known(customer, err)
	}
	if err != nil {
		return Revision{}, err
	}
	b, err := u.open(customer)
	if err != nil {
		return Revision{}, err
	}
	old := b.customer
	b.agreements = slices.DeleteFunc(b.agreements, func(a Agreement) bool { return a.Scheduled(b.now) })
	for i := range b.agreements {
		if a := &b.agreements[i]; !a.Ended(b.now) {
			a.OwnEnd = b.now
		}
	}
	if old.DeletedOn.IsZero() {
		b.customer.DeletedOn = b.now
	}
	if purge {
		b.customer.Name, b.customer.Email, b.customer.OrgCode, b.customer.UserID, b.customer.Metadata = "", "", "", "", nil
	}
	if err := b.save(); err != nil {
		return Revision{}, err
	}
	if purge {
		if err := u.tx.EraseCustomer(id); err != nil {
			return Revision{}, err
		}
	}
	kind := CustomerDeleted
	if !old.DeletedOn.IsZero() {
		kind = CustomerPurged
	}
	err = b.append(kind, customerFacts(&old), nil)
	return b.revision(), err
}

func (b *book) customerAt() CustomerAt {
	return b.snapshot().at(b.now)
}

func set[T any](field *T, value *T) {
	if value != nil {
		*field = *value
	}
}

// The change log holds no personal data: of names, addresses and metadata it
// knows only that they changed.
func customerFacts(c *Customer) map[string]string {
	return map[string]string{"type": string(c.Type), "status": string(c.Status)}
}

func sameCustomer(a, b *Customer) bool {
	return a.OrgCode == b.OrgCode && a.UserID == b.UserID && a.Name == b.Name && a.Email == b.Email &&
		a.Status == b.Status && a.AnchorOn.Equal(b.AnchorOn) && maps.Equal(a.Metadata, b.Metadata)
}

const (
	maxTextRunes    = 255
	maxMetadataKeys = 50
	maxMetadataText = 500
)

// checkCustomer reports everything that is wrong with a customer's fields.
func checkCustomer(c *Customer) (errs Errors) {
	add := func(code, format string, args ...any) { errs = append(errs, invalidf(code, format, args...)) }
	switch c.Type {
	case Organization:
		if c.UserID != "" {
			add("USER_ID_INVALID", "a customer of type organization has no user_id")
		}
	case User:
		if c.UserID == "" && c.OrgCode != "" {
			add("USER_ID_REQUIRED", "a customer of type user with an org_code needs its user_id")
		}
	case "":
		add("TYPE_REQUIRED", "type is required: organization or user")
	default:
		add("TYPE_INVALID", "type must be organization or user")
	}
	if c.Status != Active && c.Status != Suspended {
		add("STATUS_INVALID", "status must be active or suspended")
	}
	for _, f := range []struct{ param, text string }{
		{"org_code", c.OrgCode}, {"user_id", c.UserID}, {"name", c.Name}, {"email", c.Email},
	} {
		if !goodText(f.text, maxTextRunes) {
			add(strings.ToUpper(f.param)+"_INVALID", "%s must be text of at most %d characters without control characters", f.param, maxTextRunes)
		}
	}
	if addr, err := mail.ParseAddress(c.Email); c.Email != "" && (err != nil || addr.Address != c.Email) {
		add("EMAIL_INVALID", "email must be an e-mail address, such as ann@example.com")
	}
	if !c.AnchorOn.IsZero() && !plausible(c.AnchorOn) {
		add("ANCHOR_ON_INVALID", "anchor_on must be between the years %d and %d", firstYear, lastYear)
	}
	if len(c.Metadata) > maxMetadataKeys {
		add("METADATA_INVALID", "metadata must have at most %d keys", maxMetadataKeys)
	}
	for k, v := range c.Metadata {
		if k == "" || !goodText(k, maxTextRunes) || !utf8.ValidString(v) || strings.ContainsRune(v, 0) || utf8.RuneCountInString(v) > maxMetadataText {
			add("METADATA_INVALID", "metadata must have keys of 1 to %d characters and texts of at most %d", maxTextRunes, maxMetadataText)
			break
		}
	}
	return errs
}

// goodText reports whether a text of one line can be kept and shown.
func goodText(s string, limit int) bool {
	return utf8.ValidString(s) && utf8.RuneCountInString(s) <= limit &&
		!strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// defaultPlan is what a new customer of a type is subscribed to when none is
// named; "" if there is none.
func (c *Catalog) defaultPlan(t CustomerType) Code {
	for _, plan := range c.Plans {
		group := c.Groups[plan.Group]
		if plan.Default && plan.Status == Published && !plan.Archived && group.Default && group.CustomerType == t {
			return plan.Code
		}
	}
	return ""
}

// String is for logs: it has no personal data.
func (c Customer) String() string { return fmt.Sprintf("%s (%s)", c.ID, c.Type) }
