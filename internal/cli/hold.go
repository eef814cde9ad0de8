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
	Extend  extendHold  `cmd:"" help:"Keep a hold open for longer."`
	Show    showHold    `cmd:"" help:"Show a hold."`
	List    listHolds   `cmd:"" help:"List the holds of a customer, open and closed."`
}

// holdTime is what is wrong with the time that a hold is to last; nil if nothing is.
func holdTime(d time.Duration) error {
	const longest = api.MaxHoldSeconds * time.Second
	if d < time.Second || d > longest || d%time.Second != 0 {
		return usagef("such as --expires-in 90s, 15m or 24h", "--expires-in %s: want whole seconds, from 1s to %v", d, longest)
	}
	return nil
}

type createHold struct {
	remote    `embed:""`
	featureOf `embed:""`
	once      `embed:""`
	Units     units         `arg:"" help:"How many units, such as 1 or 0.25."`
	ExpiresIn time.Duration `default:"15m" placeholder:"DURATION" help:"When they are free again by themselves, such as 90s; at most 24h. Default: ${default}."`
}

func (c *createHold) Run(ctx context.Context, s *session) error {
	if err := holdTime(c.ExpiresIn); err != nil {
		return err
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
	Hold   name    `arg:"" help:"The hold's id."`
	Units  units   `placeholder:"N" help:"How many of its units were used; by default all."`
	Over   *string `enum:"reject,available,record" placeholder:"reject|available|record" help:"Of more than are held: refuse them, count what the limit leaves, or count all; by default they are refused."`
}

func (c *confirmHold) Run(ctx context.Context, s *session) error {
	allot, err := c.open()
	if err != nil {
		return err
	}
	closed, err := allot.Holds.ConfirmWith(ctx, string(c.Hold), api.ConfirmHoldRequest{Units: api.Decimal(c.Units), Over: chosen(c.Over)})
	if code(err) == "UNITS_INVALID" {
		return &hintedError{err, "confirm at most what is held; without --units it is all; --over available or record counts more"}
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

type extendHold struct {
	remote    `embed:""`
	Hold      name          `arg:"" help:"The hold's id."`
	ExpiresIn time.Duration `default:"15m" placeholder:"DURATION" help:"When the units are free again by themselves, from now, such as 90s; at most 24h. Default: ${default}."`
}

func (c *extendHold) Run(ctx context.Context, s *session) error {
	if err := holdTime(c.ExpiresIn); err != nil {
		return err
	}
	allot, err := c.open()
	if err != nil {
		return err
	}
	h, err := allot.Holds.Extend(ctx, string(c.Hold), c.ExpiresIn)
	if err != nil {
		return err
	}
	return s.hold(h)
}

type showHold struct {
	remote `embed:""`
	Hold   name `arg:"" help:"The hold's id."`
}

func (c *showHold) Run(ctx context.Context, s *session) error {
	allot, err := c.open()
	if err != nil {
		return err
	}
	h, err := allot.Holds.Get(ctx, string(c.Hold))
	if err != nil {
		return err
	}
	return s.hold(h)
}

func (s *session) hold(h *api.HoldDetail) error {
	return s.print(h, func(w io.Writer) {
		field(w, "hold", h.ID)
		field(w, "customer", h.CustomerID)
		field(w, "feature", h.FeatureCode)
		field(w, "state", h.State)
		field(w, "units", h.Units.String())
		field(w, "counted", countedUnits(h))
		field(w, "created", instant(&h.CreatedOn))
		field(w, "expires", instant(&h.ExpiresOn))
	})
}

func countedUnits(h *api.HoldDetail) string {
	if h.Counted == nil {
		return ""
	}
	return h.Counted.String()
}

type listHolds struct {
	remote      `embed:""`
	customerArg `embed:""`
	Feature     string `placeholder:"CODE" help:"Only holds of this feature."`
}

func (c *listHolds) Run(ctx context.Context, s *session) error {
	allot, err := c.open()
	if err != nil {
		return err
	}
	id, err := c.id(ctx, allot)
	if err != nil {
		return err
	}
	list := api.HoldList{Holds: []api.HoldDetail{}}
	for h, err := range allot.Holds.All(ctx, client.HoldListParams{CustomerID: id, FeatureCode: c.Feature}) {
		if err != nil {
			return err
		}
		list.Holds = append(list.Holds, h)
	}
	return s.print(list, func(w io.Writer) {
		row(w, "HOLD", "FEATURE", "STATE", "UNITS", "COUNTED", "CREATED", "EXPIRES")
		for _, h := range list.Holds {
			row(w, h.ID, h.FeatureCode, h.State, h.Units, countedUnits(&h), instant(&h.CreatedOn), instant(&h.ExpiresOn))
		}
	})
}

// closedHold prints what became of a hold, and how its feature stands.
func (s *session) closedHold(h *api.ClosedHold) error {
	return s.print(h, func(w io.Writer) {
		field(w, "hold", h.ID)
		field(w, "state", h.State)
		field(w, "units", h.Units.String())
		decisionFields(w, &h.Decision)
	})
}
