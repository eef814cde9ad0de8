package cli

import (
	"context"
	"io"
	"strings"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
)

type checkCommand struct {
	remote    `embed:""`
	featureOf `embed:""`
	Units     string `placeholder:"N" help:"How many units; by default 1."`
	ExitCode  bool   `help:"Exit with 1 if the answer is no, so that a script can ask by it."`
}

// Run answers, which is a success also if the answer is no, unless the exit code
// was asked to be the answer.
func (c *checkCommand) Run(ctx context.Context, s *session) error {
	allot, err := c.open()
	if err != nil {
		return err
	}
	id, err := c.id(ctx, allot)
	if err != nil {
		return err
	}
	d, err := allot.Check(ctx, client.CheckParams{CustomerID: id, FeatureCode: c.Feature, Units: api.Decimal(c.Units)})
	if err != nil {
		return err
	}
	if err := s.decision(d); err != nil {
		return err
	}
	if c.ExitCode && !d.Allowed {
		return errNo
	}
	return nil
}

func (s *session) decision(d *api.Decision) error {
	return s.print(d, func(w io.Writer) {
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
		field(w, "next change", nextChange(d.NextChange))
		field(w, "sources", sources(d.Sources))
	})
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
