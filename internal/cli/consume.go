package cli

import (
	"context"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
)

type consumeCommand struct {
	remote    `embed:""`
	featureOf `embed:""`
	once      `embed:""`
	Units     units `placeholder:"N" help:"How many units; by default 1."`
}

// once names a piece of work, so that it is done once.
type once struct {
	IdempotencyKey string `placeholder:"KEY" help:"Name of this piece of work: given again, nothing is done again and the first answer comes back."`
}

func (o *once) options() []client.CallOption {
	if o.IdempotencyKey == "" {
		return nil
	}
	return []client.CallOption{client.WithIdempotencyKey(o.IdempotencyKey)}
}

// Run answers as allot check does, and what was allowed is counted.
func (c *consumeCommand) Run(ctx context.Context, s *session) error {
	d, err := c.consume(ctx)
	if err == nil {
		err = s.decision(d)
	}
	return answered(err == nil && d.Allowed, err)
}

func (c *consumeCommand) consume(ctx context.Context) (*api.Decision, error) {
	allot, err := c.open()
	if err != nil {
		return nil, err
	}
	id, err := c.id(ctx, allot)
	if err != nil {
		return nil, err
	}
	return allot.Consume(ctx, client.ConsumeParams{CustomerID: id, FeatureCode: string(c.Feature), Units: api.Decimal(c.Units)}, c.options()...)
}
