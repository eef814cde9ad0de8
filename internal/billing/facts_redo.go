package billing

import (
	"slices"
	"time"
)

// imageEvery is after how many changes of a customer the log gets an image of its
// facts, from which those that follow are done again; of a customer with more rows it is
// after as many as there are rows, or up to twice that, so that images take no more room
// than changes do.
const imageEvery = 16

// imageDue reports whether a change, or several, that went from one revision to another
// is to be followed by an image. It follows from the revisions alone, so nobody has to
// know where the last image is.
func imageDue(from, to int64, rows int) bool {
	every := int64(imageEvery)
	for every < int64(rows) {
		every *= 2
	}
	return from/every < to/every
}

// image is what [AdoptCustomer] makes of the facts that have not ended at an instant, and
// of the grants that are not set aside, under the revision that they are of.
func (f *Facts) image(on time.Time, by Actor) Change {
	left := Facts{Customer: f.Customer}
	for i := range f.Agreements {
		if !f.Agreements[i].Ended(on) {
			left.Agreements = append(left.Agreements, f.Agreements[i])
		}
	}
	for i := range f.Overrides {
		if !f.Overrides[i].ended(on) {
			left.Overrides = append(left.Overrides, f.Overrides[i])
		}
	}
	for i := range f.Grants {
		if f.Grants[i].SetAsideOn.IsZero() {
			left.Grants = append(left.Grants, f.Grants[i])
		}
	}
	c := AdoptCustomer(left, on, by)
	c.Rev = f.Customer.Rev
	return c
}

// redo does the next entry of a customer's log again, to facts that are those before it.
// It begins, with a customer that has no CreatedOn, with an image or with the making of
// the customer. What the log leaves out of a row, such as metadata, is not there. The
// error is errPartial if the entry is of an older version, which says too little.
func (f *Facts) redo(c *Change) error {
	if c.Kind == ClockRepaired {
		return f.redoRepair(c.After)
	}
	begins := c.Kind == factsAdopted || c.Kind == customerCreated
	if begins != f.Customer.CreatedOn.IsZero() {
		return errPartial
	}
	if c.Kind == factsAdopted {
		return f.redoImage(c)
	}
	switch c.Kind {
	case customerCreated, customerUpdated, customerDeleted, customerPurged:
		if err := f.redoCustomer(c.After); err != nil {
			return err
		}
	case AgreementCreated, agreementChanged:
		a, err := parseAgreement(c.After)
		if err != nil {
			return err
		}
		f.putAgreement(a)
	case agreementWithdrawn:
		a, err := parseAgreement(c.Before)
		if err != nil {
			return err
		}
		f.Agreements = slices.DeleteFunc(f.Agreements, func(old Agreement) bool { return old.ID == a.ID })
	case overrideSet, overrideEnded:
		if err := f.redoOverride(c); err != nil {
			return err
		}
	case grantCreated, grantVoided, grantUsedUp, grantReopened:
		if err := f.turnGrant(c.Before, c.After); err != nil {
			return err
		}
	}
	return f.turnFactsOfCustomer(c.Before, c.After)
}

func (f *Facts) redoCustomer(after map[string]string) error {
	c, err := parseCustomer(after)
	if err != nil {
		return err
	}
	f.Customer.CreatedOn = c.CreatedOn
	return f.putCustomer(after)
}

// redoOverride ends the override that a change has before it, and puts that after it in
// its place.
func (f *Facts) redoOverride(c *Change) error {
	if len(c.Before) > 0 {
		o, err := parseOverride(c.Before)
		if err != nil {
			return err
		}
		f.Overrides = slices.DeleteFunc(f.Overrides, func(old Override) bool { return old.ID == o.ID })
	}
	if c.Kind == overrideEnded {
		return nil
	}
	o, err := parseOverride(c.After)
	if err != nil {
		return err
	}
	o.CustomerID = f.Customer.ID
	f.Overrides = append(f.Overrides, o)
	return nil
}

// redoImage begins with the rows of an image.
func (f *Facts) redoImage(c *Change) error {
	for _, row := range rowsOf(c.After, "agreement") {
		a, err := parseAgreement(row)
		if err != nil {
			return err
		}
		f.putAgreement(a)
	}
	for _, row := range rowsOf(c.After, "override") {
		o, err := parseOverride(row)
		if err != nil {
			return err
		}
		o.CustomerID = f.Customer.ID
		f.Overrides = append(f.Overrides, o)
	}
	for _, row := range rowsOf(c.After, "grant") {
		g, err := parseGrant(row)
		if err != nil {
			return err
		}
		f.putGrant(g)
	}
	return f.redoCustomer(rowsOf(c.After, "customer")[""])
}
