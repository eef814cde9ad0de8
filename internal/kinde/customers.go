package kinde

import (
	"errors"
	"fmt"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/door"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/wire"
)

func (h *handlers) createUserBillingCustomer(c *door.Call) (change, error) {
	var f door.Faults
	b, err := door.ReadBody(c.Request, &f)
	if err != nil {
		return change{}, err
	}
	in := billing.NewCustomer{
		Type:    billing.User,
		UserID:  c.PathValue("user_id"),
		OrgCode: b.Required("org_code", "the code of the user's organization"),
		Email:   b.Required("billing_email", "an e-mail address"),
		Plan:    billing.Code(b.Text("billing_plan_code", aUserPlan)),
	}
	f.Trim("user_id", in.UserID)
	if err := f.Err(); err != nil {
		return change{}, err
	}
	return change{Do: func(u *service.Work) (door.Answer, error) {
		created, err := signUp(u, in)
		if err != nil {
			return door.Answer{}, err
		}
		return door.Answer{Revision: created.Revision.String(), Body: api.UserBillingCustomer{
			Code: api.CodeOK, Message: api.MessageSuccess,
			BillingCustomer: api.BillingCustomer{ID: created.ID.String(), AgreementID: created.Agreements[0].ID.String()},
		}}, nil
	}}, nil
}

// aUserPlan and anOrganizationPlan are what billing_plan_code is of each type.
const (
	aUserPlan          = aPublishedPlan + string(billing.User) + "s"
	anOrganizationPlan = aPublishedPlan + string(billing.Organization) + "s"
	aPublishedPlan     = "the code of a published plan for "
)

// signUp makes a billing customer, on the plan that is named or the default one
// for its type.
func signUp(u *service.Work, in billing.NewCustomer) (billing.CustomerAt, error) {
	created, err := u.CreateCustomer(in)
	if err != nil {
		return created, signUpRefused(err, in.Type)
	}
	if len(created.Agreements) == 0 {
		var missing door.Faults // of the request, so that no key keeps it
		missing.Require("billing_plan_code", fmt.Sprintf("%s%ss; there is no default plan for %[2]ss", aPublishedPlan, in.Type))
		return created, missing.Err()
	}
	return created, nil
}

// signUpRefused is an error of creating a customer in the words of the routes that
// make billing customers.
//
// Kinde: a user who is a customer in that organization is BILLING_CUSTOMER_EXISTS
func signUpRefused(err error, of billing.CustomerType) error {
	if e, ok := errors.AsType[*billing.Error](err); ok {
		switch e.Code {
		case api.CodeCustomerExists:
			message := "this user_id is a billing customer in this org_code already"
			if of == billing.Organization { // whose code is new
				message = "this external_id is that of another billing customer"
			}
			return &billing.Error{Kind: billing.Conflict, Code: api.CodeBillingCustomerExists, Message: message}
		case api.CodePlanNotFound:
			return wire.NotFound(e.Code, "there is no plan with this billing_plan_code; it is "+aPublishedPlan+string(of)+"s")
		}
	}
	return wire.Renamed(err, api.InvalidCode("email"), "billing_email", "an e-mail address of at most 255 characters")
}
