package native

import (
	"net/http"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/door"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/wire"
)

func (h *handlers) createAgreement(c *door.Call) (change, error) {
	var f door.Faults
	b, err := readBody(c.Request, &f)
	if err != nil {
		return change{}, err
	}
	in := billing.NewAgreement{
		Plan:      billing.Code(b.Required("plan_code", wire.APlanCode)),
		Version:   int(b.Count("version", api.MaxInteger)),
		Quantity:  b.Count("quantity", api.MaxInteger),
		Annual:    b.Boolean("annual"),
		StartsOn:  b.Time("starts_on"),
		ExpiresOn: b.Time("expires_on"),
		When:      b.when(),
	}
	if id := b.Text("id", wire.AnAgreement); id != "" {
		if in.ID, err = billing.ParseAgreementID(id); err != nil {
			f.Refuse("id", wire.AnAgreement)
		}
	}
	if err := f.Err(); err != nil {
		return change{}, err
	}
	customer, err := h.named(c)
	if err != nil {
		return change{}, err
	}
	return change{Whose: customer, Do: func(u *service.Work) (door.Answer, error) {
		created, rev, err := u.Subscribe(customer, in)
		return door.Answer{Status: http.StatusCreated, Revision: rev.String(), Body: wire.Agreement(&created.Agreement)}, err
	}}, nil
}

func (h *handlers) cancelAgreement(c *door.Call) (change, error) {
	q := door.ReadQuery(c.Request, new(door.Faults))
	when := billing.When(q.OneOf("when", aWhen, string(billing.WhenNow), string(billing.WhenPeriodEnd)))
	if err := q.Err(); err != nil {
		return change{}, err
	}
	if err := noBody(c.Request); err != nil {
		return change{}, err
	}
	id, err := wire.AgreementID("agreement_id", c.PathValue("id"))
	if err != nil {
		return change{}, err
	}
	return change{Do: func(u *service.Work) (door.Answer, error) {
		cancelled, rev, err := u.Cancel(id, when, true)
		return door.Answer{Revision: rev.String(), Body: wire.Agreement(&cancelled.Agreement)}, err
	}}, nil
}
