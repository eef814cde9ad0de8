package client_test

import (
	"errors"
	"net/http"
	"slices"
	"testing"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
)

func TestEnsure(t *testing.T) {
	const (
		exists = `{"errors":[{"code":"CUSTOMER_EXISTS","message":"there is one","existing_id":"customer_2"}]}`
		acme   = `{"id":"customer_2","type":"organization","org_code":"acme","status":"active","created_on":"2026-11-22T10:00:00Z","agreements":[]}`
		ada    = `{"id":"customer_2","type":"user","org_code":"acme","user_id":"ada","status":"active","created_on":"2026-11-22T10:00:00Z","agreements":[]}`
	)
	body := api.CreateCustomerRequest{Type: api.CustomerOrganization, OrgCode: "acme", Name: "Acme Ltd"}
	for name, test := range map[string]struct {
		body  api.CreateCustomerRequest
		steps []http.HandlerFunc
		want  []string
		id    string
		err   error
	}{
		"made": {body, []http.HandlerFunc{answer(201, acme)}, []string{"POST /v1/customers"}, "customer_2", nil},
		"there": {
			body, []http.HandlerFunc{answer(409, exists), answer(200, acme)},
			[]string{"POST /v1/customers", "GET /v1/customers/customer_2"}, "customer_2", nil,
		},
		"another has the id": {
			body, []http.HandlerFunc{answer(409, exists), answer(200, ada)},
			[]string{"POST /v1/customers", "GET /v1/customers/customer_2"}, "", client.ErrConflict,
		},
		"without codes there is nothing to look for": {
			api.CreateCustomerRequest{ID: "customer_2", Type: api.CustomerUser}, []http.HandlerFunc{answer(409, exists)},
			[]string{"POST /v1/customers"}, "", client.ErrConflict,
		},
		"refused": {
			body, []http.HandlerFunc{answer(400, `{"errors":[{"code":"PLAN_NOT_FOUND","message":"no"}]}`)},
			[]string{"POST /v1/customers"}, "", client.ErrNotFound,
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScript(t, test.steps...)
			customer, err := overLoopback(t, s).Customers.Ensure(t.Context(), test.body)
			if !errors.Is(err, test.err) || err == nil && customer.ID != test.id {
				t.Errorf("%v, %v", customer, err)
			}
			if got := s.lines(); !slices.Equal(got, test.want) {
				t.Errorf("sent %q, want %q", got, test.want)
			}
		})
	}
}
