package native

import (
	"encoding/json"
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
		Plan:          billing.Code(b.Required("plan_code", wire.APlanCode)),
		Version:       int(b.Count("version", api.MaxInteger)),
		Quantity:      b.Count("quantity", api.MaxInteger),
		Annual:        b.Boolean("annual"),
		StartsOn:      b.Time("starts_on"),
		ExpiresOn:     b.Time("expires_on"),
		When:          b.when(),
		Trial:         b.trial(),
		Anchor:        b.anchor(),
		DropScheduled: b.OneOf("scheduled", aScheduled, api.ScheduledDrop, api.ScheduledKeep) == api.ScheduledDrop,
		Import:        b.yes("import"),
		ExternalID:    given(b.Text("external_id", door.SomeText)),
		Metadata:      b.Metadata("metadata"),
	}
	in.ID = imported(b, wire.AnAgreement, billing.ParseID[billing.AgreementID])
	if err := f.Err(); err != nil {
		return change{}, err
	}
	customer, err := h.named(c)
	if err != nil {
		return change{}, err
	}
	return change{Whose: customer, Do: func(u *service.Work) (door.Answer, error) {
		out, rev, err := u.Subscribe(customer, in)
		ans := agreementAnswer(&out, rev)
		if out.Made {
			ans.Status = http.StatusCreated
		}
		return ans, err
	}, Gone: func(made string) (bool, error) { return h.agreementGone(c, made) }}, nil
}

// agreementGone reports whether an agreement is withdrawn.
func (h *handlers) agreementGone(c *door.Call, made string) (bool, error) {
	id, err := billing.ParseID[billing.AgreementID](made)
	if err != nil {
		return false, err
	}
	there, err := h.Billing.IsAgreement(c.Context(), id)
	return !there && err == nil, err
}

func agreementAnswer(o *billing.Outcome, rev billing.Revision) door.Answer {
	return door.Answer{Revision: rev.String(), Body: wire.Outcome(o)}
}

const aScheduled = "drop or keep"

// maxTrialDays is the longest trial that can be asked for, as of a plan.
const maxTrialDays = 36500

// trial is the trial that is asked for; nil if nothing is said of one.
func (b body) trial() *billing.TrialWish {
	const what = `false, {"days": n} with n from 1 to 36500, or {"ends_on": t} with ` + door.ATime
	var text json.RawMessage
	if !door.Read(b.Body, "trial", what, &text) {
		return nil
	}
	if string(text) == "false" {
		return new(billing.TrialWish)
	}
	var f door.Faults
	object, err := parseBody(text, &f)
	if err != nil {
		b.Refuse("trial", what)
		return nil
	}
	wish := billing.TrialWish{Days: int(object.Count("days", maxTrialDays)), EndsOn: object.Time("ends_on")}
	if f.Err() != nil || (wish.Days == 0) == wish.EndsOn.IsZero() {
		b.Refuse("trial", what)
		return nil
	}
	return &wish
}

// anchor is the anchor that is asked for; zero if nothing is said of one.
func (b body) anchor() billing.AnchorWish {
	switch s := b.Text("anchor", anAnchor); s {
	case "":
		return billing.AnchorWish{}
	case api.AnchorKeep:
		return billing.AnchorWish{Keep: true}
	case api.AnchorStart:
		return billing.AnchorWish{Start: true}
	default:
		on, ok := door.ParseInstant(s)
		if !ok {
			b.Refuse("anchor", anAnchor)
		}
		return billing.AnchorWish{On: on}
	}
}

const anAnchor = "keep, start, or " + door.ATime

// updateAgreement changes what is named of an agreement.
func (h *handlers) updateAgreement(c *door.Call) (change, error) {
	var f door.Faults
	b, err := readBody(c.Request, &f)
	if err != nil {
		return change{}, err
	}
	in := billing.AgreementUpdate{ExternalID: b.ChangeOrClear("external_id")}
	if b.IsNull("trial_ends_on") {
		f.Refuse("trial_ends_on", door.ATime)
	} else if on := b.Time("trial_ends_on"); !on.IsZero() {
		in.TrialEndsOn = &on
	}
	if on := b.Time("expires_on"); !on.IsZero() || b.IsNull("expires_on") {
		in.ExpiresOn = &on
	}
	if b.Has("metadata") {
		in.Metadata = new(b.Metadata("metadata"))
	}
	if err := f.Err(); err != nil {
		return change{}, err
	}
	id, err := wire.AgreementID("agreement_id", c.PathValue("id"))
	if err != nil {
		return change{}, err
	}
	return change{Do: func(u *service.Work) (door.Answer, error) {
		out, rev, err := u.UpdateAgreement(id, in)
		return agreementAnswer(&out, rev), err
	}}, nil
}

// resumeAgreement takes back the end of an agreement.
func (h *handlers) resumeAgreement(c *door.Call) (change, error) {
	if err := noBody(c.Request); err != nil {
		return change{}, err
	}
	id, err := wire.AgreementID("agreement_id", c.PathValue("id"))
	if err != nil {
		return change{}, err
	}
	return change{Do: func(u *service.Work) (door.Answer, error) {
		out, rev, err := u.Resume(id)
		return agreementAnswer(&out, rev), err
	}, Gone: func(made string) (bool, error) { return h.agreementGone(c, made) }}, nil
}

func (h *handlers) cancelAgreement(c *door.Call) (change, error) {
	q := door.ReadQuery(c.Request, new(door.Faults))
	when := billing.When(q.OneOf("when", aWhen, string(billing.WhenNow), string(billing.WhenPeriodEnd)))
	drop := q.OneOf("scheduled", aScheduled, api.ScheduledDrop, api.ScheduledKeep) == api.ScheduledDrop
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
		out, rev, err := u.Cancel(id, when, drop)
		return agreementAnswer(&out, rev), err
	}}, nil
}
