package cli

import (
	"context"
	"io"

	"github.com/allot-dev/allot/api"
)

type agreementCommands struct {
	Create createAgreement `cmd:"" help:"Put a customer on a plan, in place of the one it has, or on an add-on."`
	Cancel cancelAgreement `cmd:"" help:"End an agreement."`
}

type createAgreement struct {
	remote      `embed:""`
	customerArg `embed:""`
	Plan        string  `arg:"" help:"Code of the plan or add-on."`
	PlanVersion *number `placeholder:"N" help:"Version of the plan; by default the newest."`
	Quantity    *number `placeholder:"N" help:"How many of an add-on; by default 1."`
	Annual      bool    `help:"Take the yearly price."`
	StartsOn    string  `placeholder:"TIME" help:"When it starts; by default now."`
	ExpiresOn   string  `placeholder:"TIME" help:"When it ends; by default never."`
	ID          string  `name:"id" placeholder:"ID" help:"Id to give to an imported agreement."`
	When        *string `enum:"now,period_end" placeholder:"now|period_end" help:"Start now or at the end of the period."`
}

func (c *createAgreement) Run(ctx context.Context, s *session) error {
	starts, err := instantArg("starts-on", c.StartsOn)
	if err != nil {
		return err
	}
	expires, err := instantArg("expires-on", c.ExpiresOn)
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
	agreement, err := allot.Customers.CreateAgreement(ctx, customer, api.CreateCustomerAgreementRequest{
		PlanCode: c.Plan, Version: (*int64)(c.PlanVersion), Quantity: (*int64)(c.Quantity), Annual: c.Annual,
		ID: c.ID, StartsOn: starts, ExpiresOn: expires, When: chosen(c.When),
	})
	if err != nil {
		return err
	}
	return s.agreement(agreement)
}

type cancelAgreement struct {
	remote    `embed:""`
	Agreement string `arg:"" help:"The agreement's id."`
	When      string `enum:"now,period_end" default:"now" help:"now or period_end."`
}

func (c *cancelAgreement) Run(ctx context.Context, s *session) error {
	allot, err := c.open()
	if err != nil {
		return err
	}
	agreement, err := allot.Customers.CancelAgreement(ctx, c.Agreement, c.When)
	if err != nil {
		return err
	}
	return s.agreement(agreement)
}

func (s *session) agreement(a *api.Agreement) error {
	return s.print(a, func(w io.Writer) { agreementRows(w, []api.Agreement{*a}) })
}

func agreementRows(w io.Writer, agreements []api.Agreement) {
	row(w, "AGREEMENT", "PLAN", "VERSION", "QUANTITY", "STATUS", "STARTS", "EXPIRES", "TRIAL ENDS", "PERIOD ENDS")
	for _, a := range agreements {
		row(w, a.ID, a.PlanCode, a.Version, a.Quantity, a.Status, instant(&a.StartsOn), instant(a.ExpiresOn), instant(a.TrialEndsOn), instant(a.CurrentPeriodEnd))
	}
}
