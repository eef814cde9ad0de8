package billing

import (
	"slices"
	"time"
)

// SignUp begins the book of a customer that was just made: it subscribes it to
// the plan that is asked for, or to the default plan.
//
// Errors: those of [Book.Subscribe].
func (b *Book) SignUp(in NewCustomer) error {
	if in.TimeZone != "" {
		if err := b.Catalog.waits("TIME_ZONE_INVALID", "time_zone"); err != nil {
			return err
		}
	}
	b.log(customerCreated, nil, b.Customer.facts())
	plan := in.Plan
	if plan == "" && !in.NoPlan {
		plan = b.Catalog.defaultPlan(b.Customer.Type)
	}
	if plan == "" {
		return nil
	}
	_, err := b.Subscribe(NewAgreement{Plan: plan})
	return err
}

// Update changes the customer's record. A time zone is that from now on: windows that
// run keep their ends. Errors: <FIELD>_INVALID and _REQUIRED.
func (b *Book) Update(in CustomerUpdate) error {
	if in.TimeZone != nil {
		if err := b.Catalog.waits("TIME_ZONE_INVALID", "time_zone"); err != nil {
			return err
		}
	}
	old := b.Customer
	c := &b.Customer
	set(&c.OrgCode, in.OrgCode)
	set(&c.UserID, in.UserID)
	set(&c.ExternalID, in.ExternalID)
	set(&c.Name, in.Name)
	set(&c.Email, in.Email)
	set(&c.Status, in.Status)
	set(&c.Metadata, in.Metadata)
	if in.TimeZone != nil {
		c.setZone(*in.TimeZone, b.Now)
	}
	if in.AnchorOn != nil && !in.AnchorOn.Equal(c.AnchorOn) {
		if fixed, err := b.anchorFixed(); err != nil {
			return err
		} else if fixed {
			return Invalid.Errorf("ANCHOR_ON_INVALID", "anchor_on was fixed by the first sign-up to %s", c.AnchorOn.Format(time.RFC3339Nano))
		}
		c.AnchorOn, c.AnchorGiven = *in.AnchorOn, true
	}
	if errs := checkCustomer(c); len(errs) > 0 {
		return errs
	}
	if !sameCustomer(&old, c) {
		b.logCustomer(customerUpdated, &old)
	}
	return nil
}

func set[T any](field *T, value *T) {
	if value != nil {
		*field = *value
	}
}

// Delete ends the customer's agreements and withdraws those that are scheduled.
// With purge the record loses its personal data, also that of a customer that was
// deleted before.
// The errors are those of the past.
func (b *Book) Delete(purge bool) error {
	old := b.Customer
	b.Agreements = slices.DeleteFunc(b.Agreements, func(a Agreement) bool { return a.Scheduled(b.Now) })
	for i := range b.Agreements {
		if a := &b.Agreements[i]; !a.Ended(b.Now) {
			a.OwnEnd = b.Now
		}
	}
	if old.DeletedOn.IsZero() {
		b.Customer.DeletedOn = b.Now
	}
	if purge {
		b.Customer.Name, b.Customer.Email, b.Customer.Metadata = "", "", nil
		b.Customer.OrgCode, b.Customer.UserID, b.Customer.ExternalID = "", "", ""
		b.Customer.DigestKey = ""
	}
	if err := b.settle(); err != nil {
		return err
	}
	kind := customerDeleted
	if !old.DeletedOn.IsZero() {
		kind = customerPurged
	}
	b.logCustomer(kind, &old)
	if purge {
		b.diff.Changes[len(b.diff.Changes)-1].After["purged"] = "true"
	}
	return nil
}
