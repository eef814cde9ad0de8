package cli

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/allot-dev/allot/api"
)

type planCommands struct {
	List    listPlans   `cmd:"" help:"List plans and add-ons with what they cost."`
	Show    showPlan    `cmd:"" help:"Show a plan with its items and prices."`
	Preview previewPlan `cmd:"" help:"Show who would gain, lose or exceed what on a version of a plan."`
	Migrate migratePlan `cmd:"" help:"Move everybody on a plan to one version of it. Interrupted, start it again."`
}

type previewPlan struct {
	remote      `embed:""`
	Plan        string  `arg:"" help:"Code of the plan or add-on."`
	Customer    name    `required:"" xor:"who" placeholder:"CUSTOMER" help:"One customer: its id, org_code=CODE, user_id=ID or external_id=ID."`
	All         bool    `required:"" xor:"who" help:"Everybody on another version of the plan."`
	PlanVersion *number `placeholder:"N" help:"Version of the plan; by default the newest."`
}

func (c *previewPlan) Run(ctx context.Context, s *session) error {
	allot, err := c.open()
	if err != nil {
		return err
	}
	body := api.PreviewPlanRequest{All: c.All, Version: (*int64)(c.PlanVersion)}
	if !c.All {
		customer := customerArg{c.Customer}
		if body.CustomerID, err = customer.id(ctx, allot); err != nil {
			return err
		}
	}
	preview, err := allot.Plans.Preview(ctx, c.Plan, body)
	if err != nil {
		return err
	}
	return s.print(preview, func(w io.Writer) { previewRows(w, preview) })
}

func previewRows(w io.Writer, p *api.PlanPreview) {
	field(w, "plan", fmt.Sprintf("%s version %d", p.PlanCode, p.Version))
	field(w, "customers", integer(&p.Counts.Customers))
	field(w, "gain", integer(&p.Counts.Gain))
	field(w, "lose", integer(&p.Counts.Lose))
	field(w, "exceed", integer(&p.Counts.Exceed))
	if len(p.Groups) > 0 {
		row(w)
		row(w, "FROM", "CUSTOMERS", "GAIN", "LOSE")
		for _, g := range p.Groups {
			row(w, planVersion(&g.From), g.Customers, strings.Join(g.Gains, ", "), strings.Join(g.Loses, ", "))
		}
	}
	if len(p.Customers) > 0 {
		row(w)
		row(w, "CUSTOMER", "FROM", "GAINS", "LOSES", "LIMITS", "EXCEEDS")
		for _, c := range p.Customers {
			row(w, c.CustomerID, planVersion(c.From), strings.Join(c.Gains, ", "), strings.Join(c.Loses, ", "),
				limitChanges(&c), excesses(c.Exceeds))
		}
	}
}

func planVersion(v *api.PlanVersionRef) string {
	if v == nil {
		return ""
	}
	return fmt.Sprintf("%s %d", v.PlanCode, v.Version)
}

// limitChanges are those of limits, caps and values.
func limitChanges(of *api.PlanEffect) string {
	var texts []string
	add := func(what, from, to string) { texts = append(texts, fmt.Sprintf("%s %s → %s", what, from, to)) }
	for _, l := range of.Limits {
		add(l.FeatureCode, limit(l.From, api.FeatureMetered, false), limit(l.To, api.FeatureMetered, false))
	}
	for _, c := range of.Caps {
		add(c.FeatureCode+" by the "+spoken(c.Reset), capMost(c.From), capMost(c.To))
	}
	for _, v := range of.Values {
		add(v.FeatureCode, valueOrNone(v.From), valueOrNone(v.To))
	}
	return strings.Join(texts, ", ")
}

const nothing = "none"

func capMost(n *int64) string {
	if n == nil {
		return nothing
	}
	return integer(n)
}

func valueOrNone(v *api.ConfigValue) string {
	if v == nil {
		return nothing
	}
	return configText(v)
}

func excesses(list []api.LimitExcess) string {
	texts := make([]string, len(list))
	for i, x := range list {
		texts[i] = fmt.Sprintf("%s %s of %d", x.FeatureCode, x.Used, x.Limit)
		if x.Reset != "" {
			texts[i] += " by the " + spoken(x.Reset)
		}
		if x.Held != "0" {
			texts[i] += fmt.Sprintf(" and %s held", x.Held)
		}
	}
	return strings.Join(texts, ", ")
}

type migratePlan struct {
	remote `embed:""`
	Plan   string  `arg:"" help:"Code of the plan or add-on."`
	To     *number `placeholder:"VERSION" help:"Version to move to; by default the newest."`
	When   *string `enum:"now,period_end" placeholder:"now|period_end" help:"Move now, which is the default, or each at the end of its period."`
	DryRun bool    `help:"Say who would be moved, and move nobody."`
}

// Run answers in the form of the API, all batches as one. Who was moved is not
// met again, so there is nothing to remember between two runs.
func (c *migratePlan) Run(ctx context.Context, s *session) error {
	allot, err := c.open()
	if err != nil {
		return err
	}
	all := api.PlanMigration{DryRun: c.DryRun, Moved: []string{}, Skipped: []string{}}
	done := "moved"
	if c.DryRun {
		done = "would move"
	}
	moving := s.newProgress(-1)
	defer moving.end()
	for batch, err := range allot.Plans.MigrateAll(ctx, c.Plan, api.MigratePlanRequest{ToVersion: (*int64)(c.To), When: chosen(c.When), DryRun: c.DryRun}) {
		if err != nil {
			if len(all.Moved) == 0 || c.DryRun {
				return err
			}
			return &hintedError{err, fmt.Sprintf("%d customers were moved; the same command goes on with the others", len(all.Moved))}
		}
		all.ToVersion = batch.ToVersion
		all.Moved = append(all.Moved, batch.Moved...)
		all.Skipped = append(all.Skipped, batch.Skipped...)
		if len(all.Moved)+len(all.Skipped) > 0 {
			moving.at(int64(len(all.Moved)+len(all.Skipped)),
				fmt.Sprintf("%s %d customers to version %d of %s, skipped %d", done, len(all.Moved), all.ToVersion, c.Plan, len(all.Skipped)))
		}
	}
	moving.end()
	moving.tell()
	return s.print(all, func(w io.Writer) {
		field(w, "plan", fmt.Sprintf("%s version %d", c.Plan, all.ToVersion))
		field(w, done, fmt.Sprint(len(all.Moved)))
		field(w, "skipped", fmt.Sprint(len(all.Skipped)))
		if len(all.Skipped) == 0 {
			return
		}
		row(w)
		row(w, "SKIPPED")
		for _, id := range all.Skipped {
			row(w, id)
		}
	})
}
