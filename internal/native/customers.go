package native

import (
	"net/http"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/door"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/wire"
)

func (h *handlers) customers(c *door.Call) (door.Answer, error) {
	q := door.ReadQuery(c.Request, new(door.Faults))
	filter := service.CustomerFilter{
		Query:      q.Words("q"),
		OrgCode:    q.Words("org_code"),
		UserID:     q.Words("user_id"),
		ExternalID: q.Words("external_id"),
		PlanCode:   billing.Code(q.Words("plan_code")),
	}
	page := service.Page[billing.CustomerID](door.ReadPage(q, "a customer's id, as an earlier page showed it", billing.ParseID[billing.CustomerID]))
	if err := q.Err(); err != nil {
		return door.Answer{}, err
	}
	customers, more, err := h.Billing.Customers(c.Context(), filter, page)
	if err != nil {
		return door.Answer{}, err
	}
	out := api.CustomerList{Customers: make([]api.Customer, len(customers)), HasMore: more}
	for i := range customers {
		out.Customers[i] = wire.Customer(&customers[i])
	}
	return door.Answer{Body: out}, nil
}

func (h *handlers) customer(c *door.Call) (door.Answer, error) {
	id, err := h.named(c)
	if err != nil {
		return door.Answer{}, err
	}
	return fresh(c, func() (api.Customer, billing.Revision, error) {
		found, err := h.Billing.AnyCustomer(c.Context(), id)
		return wire.CustomerAt(&found), found.Revision, err
	})
}

func customerAnswer(status int, c *billing.CustomerAt) door.Answer {
	return door.Answer{Status: status, Revision: c.Revision.String(), Body: wire.CustomerAt(c)}
}

func (h *handlers) createCustomer(c *door.Call) (change, error) {
	var f door.Faults
	b, err := readBody(c.Request, &f)
	if err != nil {
		return change{}, err
	}
	in := billing.NewCustomer{
		Type:       billing.CustomerType(b.Required("type", "organization or user")),
		OrgCode:    b.Text("org_code", door.SomeText),
		UserID:     b.Text("user_id", door.SomeText),
		ExternalID: b.Text("external_id", door.SomeText),
		Name:       b.Text("name", door.SomeText),
		Email:      b.Text("email", door.SomeText),
		Plan:       billing.Code(b.Text("plan_code", wire.APlanCode+", or null for none")),
		NoPlan:     b.IsNull("plan_code"),
		AnchorOn:   b.Time("anchor_on"),
		TimeZone:   b.Text("time_zone", aTimeZone),
		Metadata:   b.Metadata("metadata"),
	}
	in.ID = imported(b, wire.ACustomerID, billing.ParseID[billing.CustomerID])
	if err := f.Err(); err != nil {
		return change{}, err
	}
	return change{Do: func(u *service.Work) (door.Answer, error) {
		created, err := u.CreateCustomer(in)
		return customerAnswer(http.StatusCreated, &created), err
	}, Gone: func(made string) (bool, error) { return h.customerGone(c, made) }}, nil
}

// customerGone reports whether a customer that was made is deleted.
func (h *handlers) customerGone(c *door.Call, made string) (bool, error) {
	id, err := billing.ParseID[billing.CustomerID](made)
	if err == nil {
		_, err = h.Billing.Customer(c.Context(), id)
	}
	if wire.IsUnknown(err) {
		return true, nil
	}
	return false, err
}

func (h *handlers) updateCustomer(c *door.Call) (change, error) {
	var f door.Faults
	b, err := readBody(c.Request, &f)
	if err != nil {
		return change{}, err
	}
	in := billing.CustomerUpdate{
		OrgCode:    b.Change("org_code"),
		UserID:     b.Change("user_id"),
		ExternalID: b.ChangeOrClear("external_id"),
		Name:       b.ChangeOrClear("name"),
		Email:      b.ChangeOrClear("email"),
		TimeZone:   b.ChangeOrClear("time_zone"),
	}
	if b.IsNull("status") {
		f.Refuse("status", aStatus)
	} else if status := b.Text("status", aStatus); status != "" {
		in.Status = new(billing.CustomerStatus(status))
	}
	if b.IsNull("anchor_on") {
		f.Refuse("anchor_on", door.ATime)
	} else if on := b.Time("anchor_on"); !on.IsZero() {
		in.AnchorOn = &on
	}
	if b.Has("metadata") {
		in.Metadata = new(b.Metadata("metadata"))
	}
	if err := f.Err(); err != nil {
		return change{}, err
	}
	id, err := h.named(c)
	if err != nil {
		return change{}, err
	}
	return change{Do: func(u *service.Work) (door.Answer, error) {
		changed, err := u.UpdateCustomer(id, in)
		return customerAnswer(http.StatusOK, &changed), err
	}}, nil
}

const (
	aStatus   = "active or suspended"
	aTimeZone = "the name of a time zone in the IANA database, such as Europe/Berlin"
)

func (h *handlers) deleteCustomer(c *door.Call) (change, error) {
	q := door.ReadQuery(c.Request, new(door.Faults))
	purge := q.Flag("purge")
	if err := q.Err(); err != nil {
		return change{}, err
	}
	if err := noBody(c.Request); err != nil {
		return change{}, err
	}
	id, err := h.named(c)
	if err != nil {
		return change{}, err
	}
	return change{Do: func(u *service.Work) (door.Answer, error) {
		rev, err := u.DeleteCustomer(id, purge)
		return door.Answer{Revision: rev.String(), Body: api.OK()}, err
	}}, nil
}
