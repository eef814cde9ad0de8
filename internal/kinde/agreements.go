package kinde

import (
	"bytes"
	"log/slog"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/door"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/wire"
)

func (h *handlers) billingAgreements(c *door.Call) (door.Answer, error) {
	q := door.ReadQuery(c.Request, new(door.Faults))
	customer := q.Required("customer_id", wire.ACustomerID)
	page := service.Page[billing.AgreementID](door.ReadPage(q, "an agreement's id, as an earlier page showed it", billing.ParseID[billing.AgreementID]))
	feature := billing.Code(q.Text("feature_code"))
	if err := q.Err(); err != nil {
		return door.Answer{}, err
	}
	id, err := wire.CustomerID(customer)
	if err != nil {
		return door.Answer{}, err
	}
	body, rev, err := door.Fresh(c, wire.Least(c.Least), func() (api.BillingAgreementList, billing.Revision, error) {
		agreements, more, rev, err := h.Billing.AgreementHistory(c.Context(), id, feature, page)
		return wire.BillingAgreements(agreements, more), rev, err
	})
	return door.Answer{Revision: rev.String(), Body: body}, err
}

func (h *handlers) createBillingAgreement(c *door.Call) (change, error) {
	var f door.Faults
	b, err := door.ReadBody(c.Request, &f)
	if err != nil {
		return change{}, err
	}
	customer := b.Required("customer_id", wire.ACustomerID)
	plan := b.Required("plan_code", wire.APlanCode)
	// Kinde: is_invoice_now and is_prorate are accepted
	b.Boolean("is_invoice_now")
	b.Boolean("is_prorate")
	if err := f.Err(); err != nil {
		return change{}, err
	}
	id, err := wire.CustomerID(customer)
	if err != nil {
		return change{}, err
	}
	var out billing.Outcome
	return change{Whose: id, Do: func(u *service.Work) (door.Answer, error) {
		assigned, rev, err := u.Assign(id, billing.Code(plan))
		out = assigned
		// Kinde: every success is 200, and a new agreement is answered without its id
		return door.Answer{Revision: rev.String(), Body: api.OK()}, err
	}, Done: func() { noteOutcome(c, &out) }}, nil
}

// noteOutcome writes down what the answer has no place for: what was taken back, and
// what one would not expect.
func noteOutcome(c *door.Call, o *billing.Outcome) {
	if len(o.Withdrawn)+len(o.Warnings) == 0 {
		return
	}
	withdrawn, codes := make([]string, len(o.Withdrawn)), make([]string, len(o.Warnings))
	for i, id := range o.Withdrawn {
		withdrawn[i] = id.String()
	}
	for i, w := range o.Warnings {
		codes[i] = w.Code
	}
	c.Note("what an agreement took back", slog.String("customer_id", o.Agreement.CustomerID.String()), slog.String("agreement_id", o.Agreement.ID.String()),
		slog.Any("withdrawn", withdrawn), slog.Any("warnings", codes))
}

func (h *handlers) cancelBillingAgreement(c *door.Call) (change, error) {
	named, err := readAgreementID(c)
	if err != nil {
		return change{}, err
	}
	id, err := wire.AgreementID("agreement_id", named)
	if err != nil {
		return change{}, err
	}
	var out billing.Outcome
	return change{Do: func(u *service.Work) (door.Answer, error) {
		cancelled, rev, err := u.Cancel(id, billing.WhenNow, true)
		out = cancelled
		return door.Answer{Revision: rev.String(), Body: api.OK()}, err
	}, Done: func() { noteOutcome(c, &out) }}, nil
}

// readAgreementID reads the id of the agreement to cancel.
//
// Kinde: agreement_id is in the query or in a JSON body
func readAgreementID(c *door.Call) (string, error) {
	const name = "agreement_id"
	var f door.Faults
	q := door.ReadQuery(c.Request, &f)
	text, err := door.ReadText(c.Request)
	if err != nil {
		return "", err
	}
	inQuery := q.Text(name)
	b, err := door.ParseBody(text, &f)
	if err != nil {
		if inQuery == "" && f.Wrong() == 0 {
			if len(bytes.TrimSpace(text)) > 0 {
				return "", err
			}
			f.Require(name, wire.AnAgreement)
		}
		return inQuery, f.Err()
	}
	inBody := b.Text(name, wire.AnAgreement)
	if f.Err() == nil {
		switch {
		case inQuery == "" && inBody == "":
			f.Require(name, wire.AnAgreement)
		case inQuery == "":
			return inBody, nil
		case inBody != "" && inBody != inQuery:
			f.Refuse(name, "the same in the query and in the body")
		}
	}
	return inQuery, f.Err()
}
