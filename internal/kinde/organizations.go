package kinde

import (
	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/door"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/wire"
)

func (h *handlers) createOrganization(c *door.Call) (change, error) {
	var f door.Faults
	b, err := door.ReadBody(c.Request, &f)
	if err != nil {
		return change{}, err
	}
	const anEmail = "an e-mail address"
	in := billing.NewCustomer{Type: billing.Organization, Name: b.Required("name", "the name of the organization")}
	in.ExternalID = b.Text("external_id", "what another system calls the organization")
	isCustomer := b.Boolean("is_create_billing_customer")
	in.Plan = billing.Code(b.Text("billing_plan_code", anOrganizationPlan))
	if isCustomer != nil && *isCustomer {
		in.Email = b.Required("billing_email", anEmail+", for is_create_billing_customer")
	} else {
		b.Text("billing_email", anEmail)
	}
	if err := f.Err(); err != nil {
		return change{}, err
	}
	return change{Do: func(u *service.Work) (door.Answer, error) {
		code, err := u.NewOrgCode()
		if err != nil {
			return door.Answer{}, err
		}
		out := api.CreatedOrganization{Code: api.CodeOK, Message: api.MessageSuccess, Organization: api.OrganizationRef{Code: code}}
		// Kinde: an organization need not be a billing customer, and then is none of ours
		if isCustomer == nil || !*isCustomer {
			return door.Answer{Body: out}, nil
		}
		in := in
		in.OrgCode = code
		created, err := signUp(u, in)
		if err != nil {
			return door.Answer{}, err
		}
		out.Organization.BillingCustomerID = created.ID.String()
		return door.Answer{Revision: created.Revision.String(), Body: out}, nil
	}}, nil
}

func (h *handlers) organization(c *door.Call) (door.Answer, error) {
	q := door.ReadQuery(c.Request, new(door.Faults))
	code := q.Required("code", "the code of an organization")
	withBilling := q.Has("expand", api.ExpandBilling)
	if err := q.Err(); err != nil {
		return door.Answer{}, err
	}
	id, err := h.customerByCodes(c, codes{org: code})
	if err != nil {
		return door.Answer{}, unknownAs(err, noOrganization)
	}
	// Not from memory, which has no names.
	found, rev, err := door.Fresh(c, wire.Least(c.Least), func() (billing.CustomerAt, billing.Revision, error) {
		found, err := h.Billing.Customer(c.Context(), id)
		return found, found.Revision, err
	})
	if err != nil {
		return door.Answer{}, unknownAs(err, noOrganization)
	}
	// Kinde: of an organization only what billing tells of it is known
	out := api.OrganizationDetails{Code: found.OrgCode, Name: found.Name}
	if withBilling {
		out.Billing = organizationBilling(&found)
	}
	return door.Answer{Revision: rev.String(), Body: out}, nil
}

func organizationBilling(of *billing.CustomerAt) *api.OrganizationBilling {
	out := &api.OrganizationBilling{BillingCustomerID: of.ID.String(), Agreements: []api.OrganizationAgreement{}}
	for i := range of.Agreements {
		if a := &of.Agreements[i]; a.Live(a.On) {
			out.Agreements = append(out.Agreements, api.OrganizationAgreement{PlanCode: string(a.Plan), AgreementID: a.ID.String()})
		}
	}
	return out
}

var (
	noOrganization = wire.NotFound(api.CodeOrganizationNotFound, "there is no organization with this code that is a billing customer")
	noUser         = wire.NotFound(api.CodeUserNotFound, "there is no user with this id that is a billing customer")
)

// unknownAs is an error of looking something up, as it is told if it says that
// there is nothing.
func unknownAs(err, told error) error {
	if wire.IsUnknown(err) {
		return told
	}
	return err
}
