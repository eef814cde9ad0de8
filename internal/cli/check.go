package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
)

type checkCommand struct {
	remote    `embed:""`
	featureOf `embed:""`
	Units     units `placeholder:"N" help:"How many units; by default 1."`
	ExitCode  bool  `hidden:"" help:"What is done anyway."`
}

// Run answers by the result and by the exit code: 0 is yes and nothing else is, so
// that a script that asks by it lets nobody through for another reason.
func (c *checkCommand) Run(ctx context.Context, s *session) error {
	if c.ExitCode {
		fmt.Fprintln(s.err, "note: the exit code is the answer also without --exit-code; leave it out")
	}
	d, err := c.ask(ctx)
	if err == nil {
		err = s.decision(d)
	}
	return answered(err == nil && d.Allowed, err)
}

// decided returns an error if what came is no decision, which has a reason
// whatever it is: then nobody was asked who knows.
func decided(d *api.Decision) error {
	if d.Reason != "" {
		return nil
	}
	return &hintedError{errors.New("the answer is no decision: it has no reason"), noAllot}
}

func (c *checkCommand) ask(ctx context.Context) (*api.Decision, error) {
	allot, err := c.open()
	if err != nil {
		return nil, err
	}
	id, err := c.id(ctx, allot)
	if err != nil {
		return nil, err
	}
	return allot.Check(ctx, client.CheckParams{CustomerID: id, FeatureCode: string(c.Feature), Units: api.Decimal(c.Units)})
}

func (s *session) decision(d *api.Decision) error {
	if err := decided(d); err != nil {
		return err
	}
	return s.print(d, func(w io.Writer) { decisionFields(w, d) })
}

func decisionFields(w io.Writer, d *api.Decision) {
	allowed := "no"
	if d.Allowed {
		allowed = "yes"
	}
	field(w, "allowed", allowed)
	field(w, "reason", d.Reason)
	field(w, "feature", d.FeatureCode)
	field(w, "limit", limit(d.Limit, d.Type, d.Soft))
	field(w, "used", counted(d.Type, d.Used))
	field(w, "held", counted(d.Type, d.Held))
	field(w, "remaining", remaining(d.Remaining))
	field(w, "resets", instant(d.ResetsOn))
	if d.Value != nil {
		field(w, "value", configText(d.Value))
	}
	for _, c := range d.Caps {
		field(w, "cap", capText(&c))
	}
	field(w, "included", integer(d.Included))
	field(w, "rate", rateText(d.Rate))
	field(w, "next change", nextChange(d.NextChange))
	field(w, "sources", sources(d.Sources))
}

// capText is how people see a cap.
func capText(c *api.CapStanding) string {
	text := fmt.Sprintf("%s of %d by the %s", c.Used, c.Max, spoken(c.Reset))
	if c.ResetsOn != nil {
		text += ", resets " + instant(c.ResetsOn)
	}
	return text
}

// spoken is an interval behind "by the".
func spoken(every api.Interval) string {
	if n, unit := every.Parts(); n != 1 {
		return fmt.Sprintf("%d %ss", n, unit)
	}
	return string(every)
}

func rateText(r *api.Rate) string {
	switch {
	case r == nil:
		return ""
	case r.Burst != nil:
		return fmt.Sprintf("%d a %s, %d at once", r.Max, r.Per, *r.Burst)
	}
	return fmt.Sprintf("%d a %s", r.Max, r.Per)
}

// limit is how people see an effective limit; "" of what is not counted.
func limit(n *int64, featureType string, soft bool) string {
	text := integer(n)
	switch {
	case featureType != api.FeatureMetered:
		return ""
	case n == nil:
		return "unlimited"
	case soft:
		return text + " soft"
	}
	return text
}

// counted is an amount; "" of what is not counted.
func counted(featureType string, amount api.Decimal) string {
	if featureType != api.FeatureMetered {
		return ""
	}
	return string(amount)
}

func remaining(amount *api.Decimal) string {
	if amount == nil {
		return ""
	}
	return string(*amount)
}

func nextChange(c *api.NextChange) string {
	if c == nil {
		return ""
	}
	return instant(&c.On) + " " + c.Why
}

// sources are those that count: plans by their codes, and overrides.
func sources(list []api.Source) string {
	var names []string
	for _, source := range list {
		switch {
		case !source.Counts:
		case source.PlanCode != "":
			names = append(names, source.PlanCode)
		default:
			names = append(names, source.Kind)
		}
	}
	return strings.Join(names, ", ")
}
