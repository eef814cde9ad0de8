package cli

import (
	"context"
	"io"

	"github.com/allot-dev/allot/api"
)

type updateCustomer struct {
	remote      `embed:""`
	customerArg `embed:""`
	Name        *string           `placeholder:"NAME" help:"Name, for people; empty takes it away."`
	Email       *string           `placeholder:"EMAIL" help:"E-mail address; empty takes it away."`
	OrgCode     string            `placeholder:"CODE" help:"Code of the organization in the identity provider."`
	UserID      string            `placeholder:"ID" help:"Id of the user in the identity provider."`
	ExternalID  *string           `placeholder:"ID" help:"What another system calls it; empty takes it away."`
	TimeZone    *string           `placeholder:"ZONE" help:"Where its days and months begin from now on, such as Europe/Berlin."`
	Status      *string           `enum:"active,suspended" placeholder:"active|suspended" help:"A suspended customer keeps its agreements and is entitled to nothing."`
	AnchorOn    string            `placeholder:"TIME" help:"What billing cycles are counted from; only before the first sign-up."`
	Metadata    map[string]string `placeholder:"KEY=VALUE" xor:"metadata" help:"Text to keep with the customer, in place of all that was kept; may be repeated."`
	NoMetadata  bool              `xor:"metadata" help:"Keep no text with it any more."`
}

func (c *updateCustomer) Run(ctx context.Context, s *session) error {
	body, err := c.changes()
	if err != nil {
		return err
	}
	return c.change(ctx, s, &c.customerArg, body)
}

// changes are what is to be changed.
func (c *updateCustomer) changes() (api.UpdateCustomerRequest, error) {
	body := api.UpdateCustomerRequest{Name: orNull(c.Name), Email: orNull(c.Email), ExternalID: orNull(c.ExternalID), TimeZone: orNull(c.TimeZone)}
	if c.OrgCode != "" {
		body.OrgCode = api.Some(c.OrgCode)
	}
	if c.UserID != "" {
		body.UserID = api.Some(c.UserID)
	}
	if c.Status != nil {
		body.Status = api.Some(*c.Status)
	}
	switch {
	case c.NoMetadata:
		body.Metadata = api.Null[map[string]string]()
	case len(c.Metadata) > 0:
		body.Metadata = api.Some(c.Metadata)
	}
	anchor, err := instantArg("anchor-on", c.AnchorOn)
	if err != nil {
		return body, err
	}
	if anchor != nil {
		body.AnchorOn = api.Some(*anchor)
	}
	for _, set := range []bool{
		body.Name.Set, body.Email.Set, body.ExternalID.Set, body.TimeZone.Set, body.OrgCode.Set, body.UserID.Set, body.Status.Set, body.Metadata.Set, body.AnchorOn.Set,
	} {
		if set {
			return body, nil
		}
	}
	return body, usagef("such as --name 'Acme Ltd' or --status suspended", "nothing to change was named")
}

// orNull is the value of a flag, and null if it is empty.
func orNull(value *string) api.Optional[string] {
	switch {
	case value == nil:
		return api.Optional[string]{}
	case *value == "":
		return api.Null[string]()
	}
	return api.Some(*value)
}

// change changes a customer and prints it as it is then.
func (r *remote) change(ctx context.Context, s *session, customer *customerArg, body api.UpdateCustomerRequest) error {
	allot, err := r.open()
	if err != nil {
		return err
	}
	id, err := customer.id(ctx, allot)
	if err != nil {
		return err
	}
	changed, err := allot.Customers.Update(ctx, id, body)
	if err != nil {
		return err
	}
	return s.customer(changed)
}

type suspendCustomer struct {
	remote      `embed:""`
	customerArg `embed:""`
}

func (c *suspendCustomer) Run(ctx context.Context, s *session) error {
	return c.change(ctx, s, &c.customerArg, api.UpdateCustomerRequest{Status: api.Some(api.CustomerSuspended)})
}

type deleteCustomer struct {
	remote      `embed:""`
	customerArg `embed:""`
	Purge       bool `help:"Erase its personal data too. It cannot be undone."`
}

func (c *deleteCustomer) Run(ctx context.Context, s *session) error {
	allot, err := c.open()
	if err != nil {
		return err
	}
	id, err := c.id(ctx, allot)
	if err != nil {
		return err
	}
	remove, done := allot.Customers.Delete, "deleted"
	if c.Purge {
		remove, done = allot.Customers.Purge, "purged"
	}
	if err := remove(ctx, id); err != nil {
		return err
	}
	return s.print(map[string]string{"customer_id": id, "done": done}, func(w io.Writer) { field(w, done, id) })
}
