package client

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"time"

	"github.com/allot-dev/allot/api"
)

// CustomersService keeps customers and what they hold: Allot's own API, which
// Kinde has not.
type CustomersService struct{ client *Client }

// CustomerParams choose which customers to list. All of them may be left out;
// those given must all hold.
type CustomerParams struct {
	PageParams        // cursors are customer ids
	Q          string // part of the name, the email, a code or the id
	OrgCode    string // exactly this organization
	UserID     string // exactly this user
	ExternalID string // exactly this external id
	PlanCode   string // with a live agreement on this plan or add-on
}

func (p CustomerParams) query() url.Values {
	q := url.Values{}
	p.set(q)
	setString(q, "q", p.Q)
	setString(q, "org_code", p.OrgCode)
	setString(q, "user_id", p.UserID)
	setString(q, "external_id", p.ExternalID)
	setString(q, "plan_code", p.PlanCode)
	return q
}

const customersPath = "/v1/customers"

// List gets one page of customers, without their agreements. Its scope is
// read:customers.
func (s *CustomersService) List(ctx context.Context, p CustomerParams, opts ...CallOption) (*api.CustomerList, error) {
	return get[api.CustomerList](ctx, s.client, s.client.newRequest(http.MethodGet, customersPath, p.query(), opts))
}

// All goes over customers, page by page: ascending from StartingAfter or the
// first, or with EndingBefore descending from there. An error is the last thing
// it gives.
func (s *CustomersService) All(ctx context.Context, p CustomerParams, opts ...CallOption) iter.Seq2[api.Customer, error] {
	return walk(ctx, p.PageParams, func(ctx context.Context, at PageParams) ([]api.Customer, bool, error) {
		p := p
		p.PageParams = at
		page, err := s.List(ctx, p, opts...)
		if err != nil {
			return nil, false, err
		}
		return page.Customers, page.HasMore, nil
	}, func(c api.Customer) string { return c.ID })
}

// Create makes a customer. Without a PlanCode it starts on the default plan of
// its type, with api.Null on none. Its scope is create:customers.
func (s *CustomersService) Create(ctx context.Context, body api.CreateCustomerRequest, opts ...CallOption) (*api.Customer, error) {
	r := s.client.newRequest(http.MethodPost, customersPath, nil, opts)
	r.setWork(body)
	return get[api.Customer](ctx, s.client, r)
}

// Ensure makes a customer, or gets the one with the same type, OrgCode and UserID if
// it is there already, as it is: the rest of body is not compared. So a sign-up may
// run twice, also at once. Its scopes are create:customers and read:customers.
func (s *CustomersService) Ensure(ctx context.Context, body api.CreateCustomerRequest, opts ...CallOption) (*api.Customer, error) {
	made, err := s.Create(ctx, body, opts...)
	refused, ok := errors.AsType[*Error](err)
	if !ok || refused.ExistingID() == "" || body.OrgCode == "" && body.UserID == "" {
		return made, err
	}
	there, getErr := s.Get(ctx, refused.ExistingID(), opts...)
	switch {
	case getErr != nil:
		return nil, getErr
	case there.Type == body.Type && there.OrgCode == body.OrgCode && there.UserID == body.UserID:
		return there, nil
	}
	return nil, err // another one has what must be unique
}

// Get gets a customer with its live and scheduled agreements. Its scope is
// read:customers.
func (s *CustomersService) Get(ctx context.Context, id string, opts ...CallOption) (*api.Customer, error) {
	return get[api.Customer](ctx, s.client, s.one(http.MethodGet, id, nil, opts))
}

// Update changes what is set in body and answers the customer as it then is. Its
// scope is update:customers.
func (s *CustomersService) Update(ctx context.Context, id string, body api.UpdateCustomerRequest, opts ...CallOption) (*api.Customer, error) {
	r := s.one(http.MethodPatch, id, nil, opts)
	r.setJSON(body)
	return get[api.Customer](ctx, s.client, r)
}

// Delete deletes a customer and ends its agreements. Its scope is
// delete:customers.
func (s *CustomersService) Delete(ctx context.Context, id string, opts ...CallOption) error {
	_, err := s.client.read(ctx, s.one(http.MethodDelete, id, nil, opts))
	return err
}

// Purge deletes a customer and erases its personal data. Its scope is
// delete:customers.
func (s *CustomersService) Purge(ctx context.Context, id string, opts ...CallOption) error {
	_, err := s.client.read(ctx, s.one(http.MethodDelete, id, url.Values{"purge": {"true"}}, opts))
	return err
}

func (s *CustomersService) one(method, id string, query url.Values, opts []CallOption) *request {
	return s.client.newElementRequest(method, customersPath+"/", "customer id", id, "", query, opts)
}

// CreateAgreement puts a customer on a plan or an add-on and answers the
// agreement. Its scope is create:billing_agreements.
func (s *CustomersService) CreateAgreement(ctx context.Context, customerID string, body api.CreateCustomerAgreementRequest, opts ...CallOption) (*api.Agreement, error) {
	r := s.client.newElementRequest(http.MethodPost, customersPath+"/", "customer id", customerID, "/agreements", nil, opts)
	r.setWork(body)
	return get[api.Agreement](ctx, s.client, r)
}

// CancelParams say how an agreement is cancelled. All of them may be left out.
type CancelParams struct {
	When      string // api.WhenNow, the default, or api.WhenPeriodEnd
	Scheduled string // of what is scheduled in its place: api.ScheduledKeep, the default, or api.ScheduledDrop
}

// CancelAgreement ends an agreement, api.WhenNow or api.WhenPeriodEnd, and
// answers it as it then is. What is scheduled in its place stays: see
// [CustomersService.CancelAgreementWith]. Its scope is delete:billing_agreements.
func (s *CustomersService) CancelAgreement(ctx context.Context, agreementID, when string, opts ...CallOption) (*api.Agreement, error) {
	return s.CancelAgreementWith(ctx, agreementID, CancelParams{When: when}, opts...)
}

// CancelAgreementWith ends an agreement, or withdraws one that is scheduled, and
// answers it as it then is. Its scope is delete:billing_agreements.
func (s *CustomersService) CancelAgreementWith(ctx context.Context, agreementID string, p CancelParams, opts ...CallOption) (*api.Agreement, error) {
	query := url.Values{}
	setString(query, "when", p.When)
	setString(query, "scheduled", p.Scheduled)
	return get[api.Agreement](ctx, s.client, s.agreement(http.MethodDelete, agreementID, "", query, opts))
}

// UpdateAgreement changes what is set in body and answers the agreement as it then
// is. Its scope is create:billing_agreements.
func (s *CustomersService) UpdateAgreement(ctx context.Context, agreementID string, body api.UpdateAgreementRequest, opts ...CallOption) (*api.Agreement, error) {
	r := s.agreement(http.MethodPatch, agreementID, "", nil, opts)
	r.setJSON(body)
	return get[api.Agreement](ctx, s.client, r)
}

// ResumeAgreement takes back the end that an agreement was given, and what is
// scheduled to begin there. One that has ended is [ErrConflict]. Its scope is
// create:billing_agreements.
func (s *CustomersService) ResumeAgreement(ctx context.Context, agreementID string, opts ...CallOption) (*api.Agreement, error) {
	r := s.agreement(http.MethodPost, agreementID, "/resume", nil, opts)
	r.setKey()
	return get[api.Agreement](ctx, s.client, r)
}

func (s *CustomersService) agreement(method, id, rest string, query url.Values, opts []CallOption) *request {
	return s.client.newElementRequest(method, "/v1/agreements/", "agreement id", id, rest, query, opts)
}

// SetOverride gives a customer its own terms for a feature, in place of those it
// had. Its scope is update:customers.
func (s *CustomersService) SetOverride(ctx context.Context, customerID, featureCode string, body api.SetOverrideRequest, opts ...CallOption) (*api.Override, error) {
	r := s.override(http.MethodPut, customerID, featureCode, opts)
	r.setJSON(body)
	return get[api.Override](ctx, s.client, r)
}

// EndOverride ends a customer's own terms for a feature. Its scope is
// update:customers.
func (s *CustomersService) EndOverride(ctx context.Context, customerID, featureCode string, opts ...CallOption) error {
	_, err := s.client.read(ctx, s.override(http.MethodDelete, customerID, featureCode, opts))
	return err
}

func (s *CustomersService) override(method, customerID, featureCode string, opts []CallOption) *request {
	r := s.client.newElementRequest(method, customersPath+"/", "customer id", customerID, "/overrides/"+url.PathEscape(featureCode), nil, opts)
	r.mustName("feature code", featureCode)
	return r
}

// Entitlements gets what a customer is, was or will be entitled to at an instant,
// with what is used of it and where it comes from; the zero time is now. The past is
// told as it was known then: see [CustomersService.EntitlementsKnownNow]. Its scope
// is read:billing_entitlements.
func (s *CustomersService) Entitlements(ctx context.Context, customerID string, at time.Time, opts ...CallOption) (*api.EntitlementList, error) {
	query := url.Values{}
	setTime(query, "at", at)
	return s.entitlements(ctx, customerID, query, opts)
}

// EntitlementsKnownNow gets what a customer was entitled to at an instant, by all
// that was recorded since: late usage, corrections, ends that were set later. Its
// scope is read:billing_entitlements.
func (s *CustomersService) EntitlementsKnownNow(ctx context.Context, customerID string, at time.Time, opts ...CallOption) (*api.EntitlementList, error) {
	query := url.Values{"known": {"now"}}
	setTime(query, "at", at)
	return s.entitlements(ctx, customerID, query, opts)
}

func (s *CustomersService) entitlements(ctx context.Context, customerID string, query url.Values, opts []CallOption) (*api.EntitlementList, error) {
	return get[api.EntitlementList](ctx, s.client, s.client.newElementRequest(http.MethodGet, customersPath+"/", "customer id", customerID, "/entitlements", query, opts))
}

// CreateBillingCustomer makes a user of an organization a customer, as Kinde
// does; one that is a customer there already is [ErrConflict]. Its scope is
// create:user_billing_customers. It is tried again by itself only with
// [WithIdempotencyKey], which Kinde does not honour.
func (s *CustomersService) CreateBillingCustomer(ctx context.Context, userID string, body api.CreateUserBillingCustomerRequest, opts ...CallOption) (*api.BillingCustomer, error) {
	r := s.client.newElementRequest(http.MethodPost, "/api/v1/users/", "user id", userID, "/billing_customer", nil, opts)
	r.setJSON(body)
	made, err := get[api.UserBillingCustomer](ctx, s.client, r)
	if err != nil {
		return nil, err
	}
	return &made.BillingCustomer, nil
}

// newElementRequest makes a request on the thing called name within a
// collection.
func (c *Client) newElementRequest(method, collection, what, name, rest string, query url.Values, opts []CallOption) *request {
	r := c.newRequest(method, collection+url.PathEscape(name)+rest, query, opts)
	r.mustName(what, name)
	return r
}

// mustName stops a request whose path has a name in it that is empty or steps
// upwards: it would be a request on something else.
func (r *request) mustName(what, name string) {
	if name == "" || name == "." || name == ".." {
		r.err = fmt.Errorf("%s %q names nothing", what, name)
	}
}
