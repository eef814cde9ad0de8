package admin

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
	"github.com/allot-dev/allot/internal/web"
)

// agreementSays is what an agreement is, or would be.
func (f *changeForm) agreementSays(a *api.Agreement) string {
	text := fmt.Sprintf("%s, version %d", f.names.plan(a.PlanCode), a.Version)
	if a.Quantity > 1 {
		text = fmt.Sprintf("%d × %s", a.Quantity, text)
	}
	if a.Annual {
		text += ", yearly"
	}
	text += ", from " + web.Instant(a.StartsOn.Time, f.Zone)
	if a.TrialEndsOn != nil {
		text += ", in trial until " + web.Instant(a.TrialEndsOn.Time, f.Zone)
	}
	if a.ExpiresOn != nil {
		text += ", until " + web.Instant(a.ExpiresOn.Time, f.Zone)
	}
	return text + "."
}

// agreed is the outcome of what made or changed an agreement.
func (f *changeForm) agreed(a *api.Agreement, on time.Time, notice string) outcome {
	out := outcome{on: on, warnings: a.Warnings, notice: notice, says: []string{f.agreementSays(a)}}
	if n := len(a.Withdrawn); n > 0 {
		out.says = append(out.says, fmt.Sprintf("What was scheduled is withdrawn: %d.", n))
	}
	return out
}

// shownVersion is the field that the confirmation has beside those of the form: another version
// may be published while somebody looks at the preview.
const shownVersion = "shown_version"

func putOnPlan(c *call, f *changeForm, opts ...client.CallOption) (outcome, error) {
	body := api.CreateCustomerAgreementRequest{
		PlanCode: f.Get("plan_code"), Version: f.integer("version"), Quantity: f.integer("quantity"), ExpiresOn: f.instant("expires_on"), Scheduled: f.Get("scheduled"),
	}
	switch f.Get("start") {
	case "now":
		body.When = api.WhenNow
	case api.WhenPeriodEnd:
		body.When = api.WhenPeriodEnd
	default:
		if body.StartsOn = f.instant("starts_on"); body.StartsOn == nil && f.Fault("starts_on") == "" {
			f.fault("starts_on", "when is it to start?")
		}
	}
	switch f.Get("term") {
	case "annual":
		body.Annual = new(true)
	case "cycle":
		body.Annual = new(false)
	}
	switch f.Get("trial") {
	case "none":
		body.Trial = &api.TrialChoice{}
	case "days":
		if days := f.integer("trial_days"); days != nil && *days > 0 {
			body.Trial = &api.TrialChoice{Days: *days}
		} else {
			f.fault("trial", "how many days, from 1 on?")
		}
	}
	if body.PlanCode == "" {
		f.fault("plan_code", "which plan?")
	}
	if body.Version == nil { // the newest, but what was shown if it is confirmed
		body.Version = f.integer(shownVersion)
	}
	if err := f.faulty(); err != nil {
		return outcome{}, err
	}
	a, err := c.api.Customers.CreateAgreement(c.Context(), f.ID, body, opts...)
	if err != nil {
		return outcome{}, err
	}
	f.Values.Set(shownVersion, fmt.Sprint(a.Version))
	return f.agreed(a, a.StartsOn.Time, "Done: "+f.agreementSays(a)), nil
}

// agreement is the one that the form is about. It is one of this customer: the preview is
// about nobody else.
func (f *changeForm) agreement() (*api.Agreement, error) {
	for i, a := range f.Agreements {
		if a.ID == f.Get("agreement") {
			return &f.Agreements[i], nil
		}
	}
	return nil, &client.Error{Status: http.StatusNotFound, Errors: []api.Error{{
		Code: "AGREEMENT_NOT_FOUND", Message: "this customer has no such agreement, or it is over",
	}}}
}

// AgreementCalled is the agreement that the form is about, for people.
func (f *changeForm) AgreementCalled() string {
	a, err := f.agreement()
	if err != nil {
		return "an agreement that is over"
	}
	return strings.TrimSuffix(f.agreementSays(a), ".")
}

func endsOf(f *changeForm) {
	a, err := f.agreement()
	if err != nil {
		return
	}
	if a.TrialEndsOn != nil {
		f.Values.Set("trial_ends_on", a.TrialEndsOn.In(f.Zone).Format(localTime))
	}
	if a.ExpiresOn != nil {
		f.Values.Set("expires_on", a.ExpiresOn.In(f.Zone).Format(localTime))
	}
}

// HasTrial reports whether the agreement of the form has a trial whose end can be moved.
func (f *changeForm) HasTrial() bool {
	a, err := f.agreement()
	return err == nil && a.TrialEndsOn != nil && f.Now.Before(a.TrialEndsOn.Time)
}

func changeEnds(c *call, f *changeForm, opts ...client.CallOption) (outcome, error) {
	a, err := f.agreement()
	if err != nil {
		return outcome{}, err
	}
	var body api.UpdateAgreementRequest
	var on time.Time
	moved := func(was, is *api.Time) bool {
		switch {
		case was == nil || is == nil:
			return was != is
		}
		// A field has no seconds: what was not touched is as it was.
		return !was.Truncate(time.Minute).Equal(is.Truncate(time.Minute))
	}
	if f.HasTrial() {
		switch is := f.instant("trial_ends_on"); {
		case is == nil && f.Fault("trial_ends_on") == "":
			f.fault("trial_ends_on", "a trial that runs has an end; to end it now, give this moment")
		case is != nil && moved(a.TrialEndsOn, is):
			body.TrialEndsOn, on = api.Some(*is), is.Time
		}
	}
	switch is := f.instant("expires_on"); {
	case !moved(a.ExpiresOn, is):
	case is == nil && f.Fault("expires_on") == "":
		body.ExpiresOn, on = api.Null[api.Time](), a.ExpiresOn.Time
	case is != nil:
		body.ExpiresOn, on = api.Some(*is), is.Time
	}
	if err := f.faulty(); err != nil {
		return outcome{}, err
	}
	if on.IsZero() {
		f.Faults.Rest = []string{"both ends are as they were"}
		return outcome{}, errFaulty
	}
	done, err := c.api.Customers.UpdateAgreement(c.Context(), a.ID, body)
	if err != nil {
		return outcome{}, err
	}
	return f.agreed(done, on, "Done: "+f.agreementSays(done)), nil
}

func cancelAgreement(c *call, f *changeForm, _ ...client.CallOption) (outcome, error) {
	a, err := f.agreement()
	if err != nil {
		return outcome{}, err
	}
	done, err := c.api.Customers.CancelAgreementWith(c.Context(), a.ID, client.CancelParams{When: f.Get("when"), Scheduled: f.Get("scheduled")})
	if err != nil {
		return outcome{}, err
	}
	out := outcome{warnings: done.Warnings, notice: "It is withdrawn."}
	if done.ExpiresOn != nil {
		out.on, out.notice = done.ExpiresOn.Time, "It ends on "+web.Instant(done.ExpiresOn.Time, f.Zone)+"."
	}
	out.says = []string{f.names.plan(done.PlanCode) + ": " + strings.ToLower(out.notice[:1]) + out.notice[1:]}
	if n := len(done.Withdrawn); n > 0 {
		out.says = append(out.says, fmt.Sprintf("What was scheduled is withdrawn: %d.", n))
	}
	return out, nil
}

func resumeAgreement(c *call, f *changeForm, opts ...client.CallOption) (outcome, error) {
	a, err := f.agreement()
	if err != nil {
		return outcome{}, err
	}
	var on time.Time
	if a.ExpiresOn != nil {
		on = a.ExpiresOn.Time
	}
	done, err := c.api.Customers.ResumeAgreement(c.Context(), a.ID, opts...)
	if err != nil {
		return outcome{}, err
	}
	return f.agreed(done, on, f.names.plan(done.PlanCode)+" goes on: its end is taken back."), nil
}
