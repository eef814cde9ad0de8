package native

import (
	"net/http"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/door"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/wire"
)

// putCustomer makes a customer, or changes the one that is there. A sign-up that
// runs twice is what it is for, so what only a new customer takes (the plan) is
// left alone on one that is there, with a warning, and not refused.
func (h *handlers) putCustomer(c *door.Call) (change, error) {
	ref, err := inPath(c)
	if err != nil {
		return change{}, err
	}
	var f door.Faults
	b, err := readBody(c.Request, &f)
	if err != nil {
		return change{}, err
	}
	in, err := b.putCustomer(ref)
	if err != nil {
		return change{}, err
	}
	if err := f.Err(); err != nil {
		return change{}, err
	}
	return change{Do: func(u *service.Work) (door.Answer, error) {
		customer, made, err := u.PutCustomer(in)
		if err != nil {
			return door.Answer{}, err
		}
		status, body := http.StatusCreated, wire.CustomerAt(&customer)
		if !made {
			status = http.StatusOK
			body.Warnings = planWarnings(&in.Made, &customer)
		}
		return door.Answer{Status: status, Revision: customer.Revision.String(), Body: body}, nil
	}}, nil
}

// putCustomer reads the customer that is asked for under a name.
func (b body) putCustomer(ref customerRef) (in service.PutCustomer, err error) {
	in.Changed = billing.CustomerUpdate{
		ExternalID: b.ChangeOrClear("external_id"),
		Name:       b.ChangeOrClear("name"),
		Email:      b.ChangeOrClear("email"),
		TimeZone:   b.ChangeOrClear("time_zone"),
	}
	in.Made = billing.NewCustomer{
		Type:       billing.CustomerType(b.OneOf("type", "organization or user", string(billing.Organization), string(billing.User))),
		OrgCode:    b.Text("org_code", door.SomeText),
		UserID:     b.Text("user_id", door.SomeText),
		ExternalID: textOf(in.Changed.ExternalID),
		Name:       textOf(in.Changed.Name),
		Email:      textOf(in.Changed.Email),
		Plan:       billing.Code(b.Text("plan_code", wire.APlanCode+", or null for none")),
		NoPlan:     b.IsNull("plan_code"),
		AnchorOn:   b.Time("anchor_on"),
		TimeZone:   textOf(in.Changed.TimeZone),
		Metadata:   b.Metadata("metadata"),
	}
	in.Made.ID = imported(b, wire.ACustomerID, billing.ParseID[billing.CustomerID])
	if in.Name, err = b.putName(ref, &in); err != nil {
		return in, err
	}
	if b.Has("metadata") {
		in.Changed.Metadata = &in.Made.Metadata
	}
	if !in.Made.AnchorOn.IsZero() {
		in.Changed.AnchorOn = &in.Made.AnchorOn
	}
	in.Changed.OrgCode, in.Changed.UserID = given(in.Made.OrgCode), given(in.Made.UserID)
	return in, nil
}

// putName is the name of the customer that a PUT is about, from its path and, for
// the other half of a pair of codes, its body. What the body says again must agree.
func (b body) putName(ref customerRef, in *service.PutCustomer) (name service.CustomerName, err error) {
	const again = "what the path says, or left out; PATCH changes it"
	same := func(field, path string, given *string) {
		if *given != "" && *given != path {
			b.Refuse(field, again)
		}
		*given = path
	}
	made := &in.Made
	switch {
	case ref.id != "":
		if name.ID, err = billing.ParseID[billing.CustomerID](ref.id); err != nil {
			return name, err
		}
		if name.ID == (billing.CustomerID{}) {
			b.Refuse("id", wire.ACustomerID)
		}
		if made.ID != name.ID && made.ID != (billing.CustomerID{}) {
			b.Refuse("id", "what the path says, or left out")
		}
		made.ID = name.ID
		return name, nil
	case ref.externalID != "":
		if change := in.Changed.ExternalID; change != nil && *change != ref.externalID {
			b.Refuse("external_id", again)
		}
		made.ExternalID, in.Changed.ExternalID = ref.externalID, nil
		name.ExternalID = ref.externalID
	default:
		if ref.orgCode != "" {
			same("org_code", ref.orgCode, &made.OrgCode)
		} else {
			same("user_id", ref.userID, &made.UserID)
		}
		name.OrgCode, name.UserID = made.OrgCode, made.UserID
	}
	for field, text := range map[string]string{"org_code": name.OrgCode, "user_id": name.UserID, "external_id": name.ExternalID} {
		if !door.Storable(text) {
			b.Refuse(field, "UTF-8 text without NUL")
		} else if b.Wrong() == 0 { // else the body has said it
			b.Trim(field, text)
		}
	}
	return name, nil
}

func textOf(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// given is a text, or nil if it is absent.
func given(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// planWarnings say that a customer who was there is not on the plan that was asked
// for, which a new one would have been.
func planWarnings(asked *billing.NewCustomer, c *billing.CustomerAt) []api.Warning {
	const how = "; POST /v1/customers/{id}/agreements changes it"
	on := ""
	for i := range c.Agreements {
		a := &c.Agreements[i]
		if a.Plan == asked.Plan {
			return nil
		}
		if a.Kind == billing.KindPlan && on == "" {
			on = string(a.Plan)
		}
	}
	switch {
	case asked.Plan == "" && (!asked.NoPlan || on == ""):
		return nil
	case on == "":
		return []api.Warning{{Code: api.CodePlanNotChanged, Message: "the customer was there, on no plan, and stays so" + how}}
	}
	return []api.Warning{{Code: api.CodePlanNotChanged, Message: "the customer was there, on plan " + on + ", and stays on it" + how}}
}
