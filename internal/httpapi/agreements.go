package httpapi

import (
	"net/http"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
)

func agreement(a *billing.AgreementAt) api.Agreement {
	return api.Agreement{
		ID: a.ID.String(), CustomerID: a.CustomerID.String(), PlanCode: string(a.Plan), Version: int64(a.Version),
		Kind: string(a.Kind), Quantity: a.Quantity, Annual: a.Annual, Status: string(a.Status()),
		StartsOn: api.Time{Time: a.StartsOn}, ExpiresOn: api.NewTime(a.ExpiresOn), TrialEndsOn: api.NewTime(a.TrialEndsOn),
		CurrentPeriodStart: api.NewTime(a.Period.Start), CurrentPeriodEnd: api.NewTime(a.Period.End),
		CreatedOn: api.Time{Time: a.CreatedOn},
	}
}

func (a *adapter) createAgreement(c *call) (change, error) {
	var f faults
	b, err := readBody(c.Request, &f)
	if err != nil {
		return change{}, err
	}
	in := billing.NewAgreement{
		Plan:      billing.Code(b.required("plan_code", aPlanCode)),
		Version:   int(b.count("version", api.MaxInteger)),
		Quantity:  b.count("quantity", api.MaxInteger),
		Annual:    b.boolean("annual"),
		StartsOn:  b.time("starts_on"),
		ExpiresOn: b.time("expires_on"),
		When:      readWhen(&f, b.text("when", aWhen)),
	}
	if id := b.text("id", anAgreement); id != "" {
		if in.ID, err = billing.ParseAgreementID(id); err != nil {
			f.refuse("id", anAgreement)
		}
	}
	if err := f.err(); err != nil {
		return change{}, err
	}
	customer, err := parseCustomerID(c.PathValue("id"))
	if err != nil {
		return change{}, err
	}
	return change{whose: customer, do: func(u *billing.Unit) (answer, error) {
		created, rev, err := u.Subscribe(customer, in)
		return answer{status: http.StatusCreated, revision: rev.String(), body: agreement(&created)}, err
	}}, nil
}

func (a *adapter) cancelAgreement(c *call) (change, error) {
	q := readQuery(c.Request, new(faults))
	when := readWhen(q.faults, q.text("when"))
	if err := q.err(); err != nil {
		return change{}, err
	}
	id, err := parseAgreementID("agreement_id", c.PathValue("id"))
	if err != nil {
		return change{}, err
	}
	return change{do: func(u *billing.Unit) (answer, error) {
		cancelled, rev, err := u.Cancel(id, when)
		return answer{revision: rev.String(), body: agreement(&cancelled)}, err
	}}, nil
}

// readWhen is when a change takes effect; "" if it is absent.
func readWhen(f *faults, s string) billing.When {
	switch when := billing.When(s); when {
	case "", billing.WhenNow, billing.WhenPeriodEnd:
		return when
	}
	f.refuse("when", aWhen)
	return ""
}
