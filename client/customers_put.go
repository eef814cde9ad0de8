package client

import (
	"context"
	"net/http"

	"github.com/allot-dev/allot/api"
)

// Wherever a method takes a customer's id it also takes one of these, for a
// customer that is known by another name.

// ByOrgCode names the customer that is an organization.
func ByOrgCode(code string) string { return "org_code:" + code }

// ByUserID names the customer that is a user without organization.
func ByUserID(id string) string { return "user_id:" + id }

// ByExternalID names the customer by what another system calls it, such as a
// payment provider.
func ByExternalID(id string) string { return "external_id:" + id }

// Put makes the customer that ref names, or changes it if it is there: what a
// sign-up calls, as often as it likes. One that is there keeps its plan; a warning
// in the answer says if that is another than body.PlanCode. Whether it was made
// says [WithResponse]: its status is 201 then, else 200. Its scopes are
// create:customers and update:customers.
func (s *CustomersService) Put(ctx context.Context, ref string, body api.PutCustomerRequest, opts ...CallOption) (*api.Customer, error) {
	r := s.one(http.MethodPut, ref, nil, opts)
	r.setJSON(body)
	return get[api.Customer](ctx, s.client, r)
}

// ExistingID is the id of the customer that is there already, of a refusal with
// [api.CodeCustomerExists]; "" if it does not say.
func (e *Error) ExistingID() string {
	for _, one := range e.Errors {
		if one.ExistingID != "" {
			return one.ExistingID
		}
	}
	return ""
}
