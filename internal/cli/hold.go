package cli

import (
	"context"
	"io"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
)

type holdCommands struct {
	Create  createHold  `cmd:"" help:"Set units aside; exits with 0 if they are, with 1 if they may not be used, with 3 if it could not be asked."`
	Confirm confirmHold `cmd:"" help:"Count the units of a hold, or fewer, and set the rest free."`
	Release releaseHold `cmd:"" help:"Set the units of a hold free."`
}

type createHold struct {
	remote    `embed:""`
	featureOf `embed:""`
	once      `embed:""`
	Units     units         `arg:"" help:"How many units, such as 1 or 0.25."`
	ExpiresIn time.Duration `default:"15m" placeholder:"DURATION" help:"When they are free again by themselves, such as 90s; at most 24h. Default: ${default}."`
}

func (c *createHold) Run(ctx context.Context, s *session) error {
	const longest = api.MaxHoldSeconds * time.Second
	if c.ExpiresIn < time.Second || c.ExpiresIn > longest || c.ExpiresIn%time.Second != 0 {
		return usagef("such as --expires-in 90s, 15m or 24h", "--expires-in %s: want whole seconds, from 1s to %v", c.ExpiresIn, longest)
	}
	h, err := c.create(ctx)
	if err == nil {
		err = decided(&h.Decision)
	}
	if err == nil {
		err = s.print(h, func(w io.Writer) {
			field(w, "hold", h.ID)
			field(w, "expires", instant(h.ExpiresOn))
			decisionFields(w, &h.Decision)
		})
	}
	return answered(err == nil && h.Allowed, err)
}

func (c *createHold) create(ctx context.Context) (*api.Hold, error) {
	allot, err := c.open()
	if err != nil {
		return nil, err
	}
	id, err := c.id(ctx, allot)
	if err != nil {
		return nil, err
	}
	return allot.Holds.Create(ctx, client.HoldParams{
		CustomerID: id, FeatureCode: string(c.Feature), Units: api.Decimal(c.Units), ExpiresIn: c.ExpiresIn,
	}, c.options()...)
}

type confirmHold struct {
	remote `embed:""`
	Hold   name  `arg:"" help:"The hold's id."`
	Units  units `placeholder:"N" help:"How many of its units were used; by default all."`
}

func (c *confirmHold) Run(ctx context.Context, s *session) error {
	allot, err := c.open()
	if err != nil {
		return err
	}
	closed, err := allot.Holds.Confirm(ctx, string(c.Hold), api.Decimal(c.Units))
	if code(err) == "UNITS_INVALID" {
		return &hintedError{err, "confirm at most what is held; without --units it is all"}
	}
	if err != nil {
		return err
	}
	return s.closedHold(closed)
}

type releaseHold struct {
	remote `embed:""`
	Hold   name `arg:"" help:"The hold's id."`
}

func (c *releaseHold) Run(ctx context.Context, s *session) error {
	allot, err := c.open()
	if err != nil {
		return err
	}
	closed, err := allot.Holds.Release(ctx, string(c.Hold))
	if err != nil {
		return err
	}
	return s.closedHold(closed)
}

// closedHold prints what became of a hold, and how its feature stands now.
func (s *session) closedHold(h *api.ClosedHold) error {
	return s.print(h, func(w io.Writer) {
		field(w, "hold", h.ID)
		field(w, "state", h.State)
		field(w, "units", h.Units.String())
		decisionFields(w, &h.Decision)
	})
}
