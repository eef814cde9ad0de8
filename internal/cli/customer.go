package cli

import (
	"context"
	"io"
	"maps"
	"slices"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
)

type customerCommands struct {
	Create  createCustomer  `cmd:"" help:"Make a customer."`
	List    listCustomers   `cmd:"" help:"List customers."`
	Show    showCustomer    `cmd:"" help:"Show a customer with its agreements."`
	Update  updateCustomer  `cmd:"" help:"Change what is named of a customer."`
	Suspend suspendCustomer `cmd:"" help:"Entitle a customer to nothing, until allot customer update --status active."`
	Delete  deleteCustomer  `cmd:"" help:"End a customer's agreements and free its codes."`
}

type createCustomer struct {
	remote     `embed:""`
	Type       string            `required:"" enum:"organization,user" placeholder:"organization|user" help:"What kind of customer it is."`
	OrgCode    string            `placeholder:"CODE" help:"Code of the organization in the identity provider."`
	UserID     string            `placeholder:"ID" help:"Id of the user in the identity provider."`
	ExternalID string            `placeholder:"ID" help:"What another system calls it, such as a payment provider."`
	Name       string            `help:"Name, for people."`
	Email      string            `help:"E-mail address."`
	Plan       string            `placeholder:"CODE" xor:"plan" help:"The plan to start on; by default the default plan."`
	NoPlan     bool              `xor:"plan" help:"Start on no plan."`
	AnchorOn   string            `placeholder:"TIME" help:"What billing cycles are counted from; by default the first sign-up."`
	TimeZone   string            `placeholder:"ZONE" help:"Where its days and months begin, such as Europe/Berlin; by default UTC."`
	ID         string            `name:"id" placeholder:"ID" help:"Id to give to an imported customer."`
	Metadata   map[string]string `placeholder:"KEY=VALUE" help:"Text to keep with the customer; may be repeated."`
}

func (c *createCustomer) Run(ctx context.Context, s *session) error {
	anchor, err := instantArg("anchor-on", c.AnchorOn)
	if err != nil {
		return err
	}
	allot, err := c.open()
	if err != nil {
		return err
	}
	body := api.CreateCustomerRequest{
		ID: c.ID, Type: c.Type, OrgCode: c.OrgCode, UserID: c.UserID, ExternalID: c.ExternalID,
		Name: c.Name, Email: c.Email, AnchorOn: anchor, TimeZone: c.TimeZone, Metadata: c.Metadata,
	}
	switch {
	case c.NoPlan:
		body.PlanCode = api.Null[string]()
	case c.Plan != "":
		body.PlanCode = api.Some(c.Plan)
	}
	customer, err := allot.Customers.Create(ctx, body)
	if err != nil {
		return err
	}
	return s.customer(customer)
}

type listCustomers struct {
	remote  `embed:""`
	Query   string `short:"q" help:"Only customers with this text in id, codes, name or e-mail address."`
	OrgCode string `placeholder:"CODE" help:"Only customers of this organization."`
	UserID  string `placeholder:"ID" help:"Only customers of this user."`
	Plan    string `placeholder:"CODE" help:"Only customers on this plan or add-on."`
}

func (c *listCustomers) Run(ctx context.Context, s *session) error {
	allot, err := c.open()
	if err != nil {
		return err
	}
	list := api.CustomerList{Customers: []api.Customer{}}
	for customer, err := range allot.Customers.All(ctx, client.CustomerParams{
		Q: c.Query, OrgCode: c.OrgCode, UserID: c.UserID, PlanCode: c.Plan,
	}) {
		if err != nil {
			return err
		}
		list.Customers = append(list.Customers, customer)
	}
	return s.print(list, func(w io.Writer) {
		row(w, "ID", "TYPE", "ORG CODE", "USER ID", "NAME", "STATUS", "CREATED")
		for _, c := range list.Customers {
			row(w, c.ID, c.Type, c.OrgCode, c.UserID, c.Name, c.Status, instant(&c.CreatedOn))
		}
	})
}

type showCustomer struct {
	remote      `embed:""`
	customerArg `embed:""`
}

func (c *showCustomer) Run(ctx context.Context, s *session) error {
	allot, err := c.open()
	if err != nil {
		return err
	}
	id, err := c.id(ctx, allot)
	if err != nil {
		return err
	}
	customer, err := allot.Customers.Get(ctx, id)
	if err != nil {
		return err
	}
	return s.customer(customer)
}

// customer prints a customer with its agreements.
func (s *session) customer(c *api.Customer) error {
	s.warnings(c.Warnings)
	return s.print(c, func(w io.Writer) {
		field(w, "id", c.ID)
		field(w, "type", c.Type)
		field(w, "org code", c.OrgCode)
		field(w, "user id", c.UserID)
		field(w, "external id", c.ExternalID)
		field(w, "name", c.Name)
		field(w, "email", c.Email)
		field(w, "status", c.Status)
		field(w, "anchor", instant(c.AnchorOn))
		field(w, "time zone", c.TimeZone)
		field(w, "created", instant(&c.CreatedOn))
		field(w, "deleted", instant(c.DeletedOn))
		for _, key := range slices.Sorted(maps.Keys(c.Metadata)) {
			field(w, "metadata."+key, c.Metadata[key])
		}
		if len(c.Agreements) == 0 {
			return
		}
		row(w)
		agreementRows(w, c.Agreements)
	})
}
