package httpapi

import (
	"bytes"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
)

func (a *adapter) billingAgreements(c *call) (answer, error) {
	q := readQuery(c.Request, new(faults))
	customer := q.required("customer_id", aCustomerID)
	page := readPage(q, "an agreement's id, as an earlier page showed it", billing.ParseAgreementID)
	feature := billing.Code(q.text("feature_code"))
	if err := q.err(); err != nil {
		return answer{}, err
	}
	id, err := parseCustomerID(customer)
	if err != nil {
		return answer{}, err
	}
	var agreements []billing.AgreementAt
	var more bool
	rev, err := c.fresh(func() (rev billing.Revision, err error) {
		agreements, more, rev, err = a.Billing.AgreementHistory(c.Context(), id, feature, page)
		return rev, err
	})
	if err != nil {
		return answer{}, err
	}
	out := api.BillingAgreementList{
		Code: api.CodeOK, Message: api.MessageSuccess, HasMore: more,
		Agreements: make([]api.BillingAgreement, len(agreements)),
	}
	for i := range agreements {
		out.Agreements[i] = billingAgreement(&agreements[i])
	}
	return answer{revision: rev.String(), body: out}, nil
}

func billingAgreement(a *billing.AgreementAt) api.BillingAgreement {
	group := a.GroupID.String()
	out := api.BillingAgreement{
		ID:       a.ID.String(),
		PlanCode: string(a.Plan),
		// Kinde: only expires_on, billing_group_id and the current period may be null
		ExpiresOn:          api.NewTime(a.ExpiresOn),
		BillingGroupID:     &group,
		CurrentPeriodStart: api.NewTime(a.Period.Start),
		CurrentPeriodEnd:   api.NewTime(a.Period.End),
		Entitlements:       make([]api.BillingAgreementEntitlement, len(a.Terms.Items)),
	}
	for i, item := range a.Terms.Items {
		out.Entitlements[i] = api.BillingAgreementEntitlement{
			FeatureCode:   string(item.Feature),
			EntitlementID: a.ID.Entitlement(i).String(),
		}
	}
	return out
}

func (a *adapter) createBillingAgreement(c *call) (change, error) {
	var f faults
	b, err := readBody(c.Request, &f)
	if err != nil {
		return change{}, err
	}
	customer := b.required("customer_id", aCustomerID)
	plan := b.required("plan_code", aPlanCode)
	// Kinde: is_invoice_now and is_prorate are accepted
	b.boolean("is_invoice_now")
	b.boolean("is_prorate")
	if err := f.err(); err != nil {
		return change{}, err
	}
	id, err := parseCustomerID(customer)
	if err != nil {
		return change{}, err
	}
	return change{whose: id, do: func(u *billing.Unit) (answer, error) {
		_, rev, err := u.Subscribe(id, billing.NewAgreement{Plan: billing.Code(plan)})
		// Kinde: every success is 200, and a new agreement is answered without its id
		return answer{revision: rev.String(), body: api.OK()}, err
	}}, nil
}

func (a *adapter) cancelBillingAgreement(c *call) (change, error) {
	named, err := readAgreementID(c)
	if err != nil {
		return change{}, err
	}
	id, err := parseAgreementID("agreement_id", named)
	if err != nil {
		return change{}, err
	}
	return change{do: func(u *billing.Unit) (answer, error) {
		_, rev, err := u.Cancel(id, billing.WhenNow)
		return answer{revision: rev.String(), body: api.OK()}, err
	}}, nil
}

// readAgreementID reads the id of the agreement to cancel.
//
// Kinde: agreement_id is in the query or in a JSON body
func readAgreementID(c *call) (string, error) {
	const name = "agreement_id"
	var f faults
	q := readQuery(c.Request, &f)
	text, err := readText(c.Request)
	if err != nil {
		return "", err
	}
	inQuery := q.text(name)
	b, err := parseBody(text, &f)
	if err != nil {
		if inQuery == "" && len(f.wrong) == 0 {
			if len(bytes.TrimSpace(text)) > 0 {
				return "", err
			}
			f.require(name, anAgreement)
		}
		return inQuery, f.err()
	}
	inBody := b.text(name, anAgreement)
	if f.err() == nil {
		switch {
		case inQuery == "" && inBody == "":
			f.require(name, anAgreement)
		case inQuery == "":
			return inBody, nil
		case inBody != "" && inBody != inQuery:
			f.refuse(name, "the same in the query and in the body")
		}
	}
	return inQuery, f.err()
}
