package httpapi

import (
	"net/http"
	"slices"
	"strings"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
)

func (a *adapter) customers(c *call) (answer, error) {
	q := readQuery(c.Request, new(faults))
	filter := billing.CustomerFilter{
		Query:    q.words("q"),
		OrgCode:  q.words("org_code"),
		UserID:   q.words("user_id"),
		PlanCode: billing.Code(q.words("plan_code")),
	}
	page := readPage(q, "a customer's id, as an earlier page showed it", billing.ParseCustomerID)
	if err := q.err(); err != nil {
		return answer{}, err
	}
	customers, more, err := a.Billing.Customers(c.Context(), filter, page)
	if err != nil {
		return answer{}, err
	}
	out := api.CustomerList{Customers: make([]api.Customer, len(customers)), HasMore: more}
	for i := range customers {
		out.Customers[i] = customer(&customers[i])
	}
	return answer{body: out}, nil
}

func customer(c *billing.Customer) api.Customer {
	return api.Customer{
		ID: c.ID.String(), Type: string(c.Type), OrgCode: c.OrgCode, UserID: c.UserID, Name: c.Name, Email: c.Email,
		Status: string(c.Status), AnchorOn: api.NewTime(c.AnchorOn), CreatedOn: api.Time{Time: c.CreatedOn}, Metadata: c.Metadata,
	}
}

func customerAnswer(status int, c *billing.CustomerAt) answer {
	out := customer(&c.Customer)
	out.Agreements = make([]api.Agreement, len(c.Agreements))
	for i := range c.Agreements {
		out.Agreements[i] = agreement(&c.Agreements[i])
	}
	out.Overrides = make([]api.Override, len(c.Overrides))
	for i := range c.Overrides {
		out.Overrides[i] = override(&c.Overrides[i])
	}
	slices.SortFunc(out.Overrides, func(a, b api.Override) int { return strings.Compare(a.FeatureCode, b.FeatureCode) })
	return answer{status: status, revision: c.Revision.String(), body: out}
}

func (a *adapter) customer(c *call) (answer, error) {
	id, err := parseCustomerID(c.PathValue("id"))
	if err != nil {
		return answer{}, err
	}
	var found billing.CustomerAt
	if _, err := c.fresh(func() (rev billing.Revision, err error) {
		found, err = a.Billing.Customer(c.Context(), id)
		return found.Revision, err
	}); err != nil {
		return answer{}, err
	}
	return customerAnswer(http.StatusOK, &found), nil
}

func (a *adapter) createCustomer(c *call) (change, error) {
	var f faults
	b, err := readBody(c.Request, &f)
	if err != nil {
		return change{}, err
	}
	in := billing.NewCustomer{
		Type:     billing.CustomerType(b.required("type", "organization or user")),
		OrgCode:  b.text("org_code", someText),
		UserID:   b.text("user_id", someText),
		Name:     b.text("name", someText),
		Email:    b.text("email", someText),
		Plan:     billing.Code(b.text("plan_code", aPlanCode+", or null for none")),
		NoPlan:   b.isNull("plan_code"),
		AnchorOn: b.time("anchor_on"),
		Metadata: b.metadata("metadata"),
	}
	if id := b.text("id", aCustomerID); id != "" {
		if in.ID, err = billing.ParseCustomerID(id); err != nil {
			f.refuse("id", aCustomerID)
		}
	}
	if err := f.err(); err != nil {
		return change{}, err
	}
	return change{do: func(u *billing.Unit) (answer, error) {
		created, err := u.CreateCustomer(in)
		return customerAnswer(http.StatusCreated, &created), err
	}}, nil
}

func (a *adapter) updateCustomer(c *call) (change, error) {
	var f faults
	b, err := readBody(c.Request, &f)
	if err != nil {
		return change{}, err
	}
	in := billing.CustomerUpdate{
		OrgCode: b.change("org_code"),
		UserID:  b.change("user_id"),
		Name:    b.changeOrClear("name"),
		Email:   b.changeOrClear("email"),
	}
	if b.isNull("status") {
		f.refuse("status", aStatus)
	} else if status := b.text("status", aStatus); status != "" {
		in.Status = new(billing.CustomerStatus(status))
	}
	if b.isNull("anchor_on") {
		f.refuse("anchor_on", aTime)
	} else if on := b.time("anchor_on"); !on.IsZero() {
		in.AnchorOn = &on
	}
	if b.has("metadata") {
		in.Metadata = new(b.metadata("metadata"))
	}
	if err := f.err(); err != nil {
		return change{}, err
	}
	id, err := parseCustomerID(c.PathValue("id"))
	if err != nil {
		return change{}, err
	}
	return change{do: func(u *billing.Unit) (answer, error) {
		changed, err := u.UpdateCustomer(id, in)
		return customerAnswer(http.StatusOK, &changed), err
	}}, nil
}

const aStatus = "active or suspended"

// change is the new value of a text, which may be empty; nil if it stays.
func (b *body) change(name string) *string {
	if b.isNull(name) {
		b.refuse(name, someText)
		return nil
	}
	var s string
	if b.fields[name] == nil || b.twice[name] {
		b.text(name, someText) // for the fault, if there is one
		return nil
	}
	if !decode(b, name, someText, &s) {
		return nil
	}
	return &s
}

// changeOrClear is a change that may be null, which clears the text.
func (b *body) changeOrClear(name string) *string {
	if b.isNull(name) && !b.twice[name] {
		return new(string)
	}
	return b.change(name)
}

func (a *adapter) deleteCustomer(c *call) (change, error) {
	q := readQuery(c.Request, new(faults))
	purge := q.flag("purge")
	if err := q.err(); err != nil {
		return change{}, err
	}
	id, err := parseCustomerID(c.PathValue("id"))
	if err != nil {
		return change{}, err
	}
	return change{do: func(u *billing.Unit) (answer, error) {
		rev, err := u.DeleteCustomer(id, purge)
		return answer{revision: rev.String(), body: api.OK()}, err
	}}, nil
}
