package cli

import (
	"context"
	"io"
	"strconv"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
)

type agreementCommands struct {
	Create createAgreement `cmd:"" help:"Put a customer on a plan, in place of the one it has, or on an add-on."`
	Update updateAgreement `cmd:"" help:"Change what is named of an agreement."`
	Cancel cancelAgreement `cmd:"" help:"End an agreement, or withdraw one that is scheduled."`
	Resume resumeAgreement `cmd:"" help:"Take back the end of an agreement."`
}

type createAgreement struct {
	remote      `embed:""`
	customerArg `embed:""`
	Plan        string            `arg:"" help:"Code of the plan or add-on."`
	PlanVersion *number           `placeholder:"N" help:"Version of the plan; by default the one it is on, else the newest."`
	Quantity    *number           `placeholder:"N" help:"How many of an add-on, or of a plan that has a quantity; by default as it is held, else 1."`
	Annual      *bool             `negatable:"" help:"Take the yearly price, or not; by default as it is held, else not."`
	StartsOn    string            `placeholder:"TIME" help:"When it starts; by default now."`
	ExpiresOn   string            `placeholder:"TIME" help:"When it ends; by default never."`
	When        *string           `enum:"now,period_end" placeholder:"now|period_end" help:"Start now or at the end of the term."`
	Trial       string            `placeholder:"none|DAYS|TIME" help:"No trial, or one of so many days or up to a time; by default the plan's own."`
	Anchor      string            `placeholder:"keep|start|TIME" help:"What periods are counted from: as before, from the start, or from a time."`
	Scheduled   *string           `enum:"drop,keep" placeholder:"drop|keep" help:"What becomes of what is scheduled after the start; by default it is kept."`
	Import      bool              `help:"It is history that is brought along: no trial, and nobody is told."`
	ID          string            `name:"id" placeholder:"ID" help:"Id to give to an imported agreement."`
	ExternalID  string            `placeholder:"ID" help:"What another system calls it, such as a payment provider."`
	Metadata    map[string]string `placeholder:"KEY=VALUE" help:"Text to keep with the agreement; may be repeated."`
}

func (c *createAgreement) Run(ctx context.Context, s *session) error {
	body, err := c.body()
	if err != nil {
		return err
	}
	allot, err := c.open()
	if err != nil {
		return err
	}
	customer, err := c.id(ctx, allot)
	if err != nil {
		return err
	}
	agreement, err := allot.Customers.CreateAgreement(ctx, customer, body)
	if err != nil {
		return err
	}
	return s.agreement(agreement)
}

func (c *createAgreement) body() (body api.CreateCustomerAgreementRequest, err error) {
	body = api.CreateCustomerAgreementRequest{
		PlanCode: c.Plan, Version: (*int64)(c.PlanVersion), Quantity: (*int64)(c.Quantity), Annual: c.Annual, When: chosen(c.When),
		Anchor: c.Anchor, Scheduled: chosen(c.Scheduled), Import: c.Import, ID: c.ID, ExternalID: c.ExternalID, Metadata: c.Metadata,
	}
	if body.StartsOn, err = instantArg("starts-on", c.StartsOn); err != nil {
		return body, err
	}
	if body.ExpiresOn, err = instantArg("expires-on", c.ExpiresOn); err != nil {
		return body, err
	}
	if c.Anchor != "" && c.Anchor != api.AnchorKeep && c.Anchor != api.AnchorStart {
		if _, err := timeArg("anchor", c.Anchor); err != nil {
			return body, err
		}
	}
	body.Trial, err = trialArg(c.Trial)
	return body, err
}

// trialArg reads the trial that is asked for; nil for "".
func trialArg(value string) (*api.TrialChoice, error) {
	switch {
	case value == "":
		return nil, nil
	case value == "none":
		return new(api.TrialChoice), nil
	}
	if days, err := strconv.ParseInt(value, 10, 64); err == nil && len(value) < 6 {
		if days < 1 {
			return nil, usagef("such as --trial 14, or --trial none", "--trial %s: want days from 1", value)
		}
		return &api.TrialChoice{Days: days}, nil
	}
	end, err := instantArg("trial", value)
	return &api.TrialChoice{EndsOn: end}, err
}

// agreementArg names an agreement on the command line.
type agreementArg struct {
	Agreement name `arg:"" help:"The agreement's id."`
}

type updateAgreement struct {
	remote       `embed:""`
	agreementArg `embed:""`
	TrialEndsOn  string            `placeholder:"TIME" help:"When its trial ends; now ends it."`
	ExpiresOn    string            `placeholder:"TIME|never" help:"When it ends."`
	ExternalID   *string           `placeholder:"ID" help:"What another system calls it; empty takes it away."`
	Metadata     map[string]string `placeholder:"KEY=VALUE" xor:"metadata" help:"Text to keep with the agreement, in place of all that was kept; may be repeated."`
	NoMetadata   bool              `xor:"metadata" help:"Keep no text with it any more."`
}

func (c *updateAgreement) Run(ctx context.Context, s *session) error {
	body, err := c.changes()
	if err != nil {
		return err
	}
	allot, err := c.open()
	if err != nil {
		return err
	}
	agreement, err := allot.Customers.UpdateAgreement(ctx, string(c.Agreement), body)
	if err != nil {
		return err
	}
	return s.agreement(agreement)
}

// changes are what is to be changed.
func (c *updateAgreement) changes() (api.UpdateAgreementRequest, error) {
	body := api.UpdateAgreementRequest{ExternalID: orNull(c.ExternalID)}
	if c.TrialEndsOn != "" {
		on, err := timeArg("trial-ends-on", c.TrialEndsOn)
		if err != nil {
			return body, err
		}
		body.TrialEndsOn = api.Some(api.Time{Time: on})
	}
	switch c.ExpiresOn {
	case "":
	case "never":
		body.ExpiresOn = api.Null[api.Time]()
	default:
		on, err := timeArg("expires-on", c.ExpiresOn)
		if err != nil {
			return body, err
		}
		body.ExpiresOn = api.Some(api.Time{Time: on})
	}
	switch {
	case c.NoMetadata:
		body.Metadata = api.Null[map[string]string]()
	case len(c.Metadata) > 0:
		body.Metadata = api.Some(c.Metadata)
	}
	if !body.TrialEndsOn.Set && !body.ExpiresOn.Set && !body.ExternalID.Set && !body.Metadata.Set {
		return body, usagef("such as --trial-ends-on 2027-01-01 or --expires-on never", "nothing to change was named")
	}
	return body, nil
}

type cancelAgreement struct {
	remote       `embed:""`
	agreementArg `embed:""`
	When         string  `enum:"now,period_end" default:"now" help:"now or period_end."`
	Scheduled    *string `enum:"drop,keep" placeholder:"drop|keep" help:"What becomes of what is scheduled in its place; by default it is kept."`
}

func (c *cancelAgreement) Run(ctx context.Context, s *session) error {
	allot, err := c.open()
	if err != nil {
		return err
	}
	agreement, err := allot.Customers.CancelAgreementWith(ctx, string(c.Agreement), client.CancelParams{When: c.When, Scheduled: chosen(c.Scheduled)})
	if err != nil {
		return err
	}
	return s.agreement(agreement)
}

type resumeAgreement struct {
	remote       `embed:""`
	agreementArg `embed:""`
}

func (c *resumeAgreement) Run(ctx context.Context, s *session) error {
	allot, err := c.open()
	if err != nil {
		return err
	}
	agreement, err := allot.Customers.ResumeAgreement(ctx, string(c.Agreement))
	if err != nil {
		return err
	}
	return s.agreement(agreement)
}

func (s *session) agreement(a *api.Agreement) error {
	s.warnings(a.Warnings)
	return s.print(a, func(w io.Writer) { agreementRows(w, []api.Agreement{*a}) })
}

func agreementRows(w io.Writer, agreements []api.Agreement) {
	row(w, "AGREEMENT", "PLAN", "VERSION", "QUANTITY", "STATUS", "STARTS", "EXPIRES", "TRIAL ENDS", "PERIOD ENDS")
	for _, a := range agreements {
		row(w, a.ID, a.PlanCode, a.Version, a.Quantity, a.Status, instant(&a.StartsOn), instant(a.ExpiresOn), instant(a.TrialEndsOn), instant(a.CurrentPeriodEnd))
	}
}
