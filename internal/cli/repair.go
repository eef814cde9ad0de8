package cli

import (
	"context"
	"io"
	"time"

	"github.com/allot-dev/allot/internal/server"
)

type repairCommands struct {
	Clock repairClock `cmd:"" help:"Say that the clock of this machine is right, to servers that do not believe theirs."`
}

type repairClock struct {
	place  `embed:""`
	Accept bool `required:"" help:"The clock of this machine is right: servers whose clock jumped to the same time go on."`
}

// clockAccepted is a time that was said to be right.
type clockAccepted struct {
	Accepted time.Time `json:"accepted"`
}

func (c *repairClock) Run(ctx context.Context, s *session) error {
	return c.with(ctx, func(i *server.Installation) error {
		now, err := i.AcceptClock(ctx)
		if err != nil {
			return err
		}
		return s.print(clockAccepted{now}, func(w io.Writer) {
			field(w, "accepted", now.Format(time.RFC3339))
		})
	})
}
