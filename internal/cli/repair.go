package cli

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/allot-dev/allot/internal/server"
)

type repairCommands struct {
	Clock repairClock `cmd:"" help:"Put right what was written while the clock was wrong; or say that the clock is right."`
}

type repairClock struct {
	place  `embed:""`
	To     *time.Time `placeholder:"TIME" help:"What is stamped later counts from this time on, such as 2026-11-22T10:00:00Z; by default now."`
	DryRun bool       `help:"Say what would be done, and do nothing."`
	Accept bool       `help:"Repair nothing: the clock of this machine is right, and servers whose clock jumped to the same time go on."`
}

// Help says what a repair does.
func (repairClock) Help() string {
	return `Nothing is lost: changes, usage, holds, answers and what follows from them (starts, ends, ends of trials) that are stamped after the time count from it on, in their order. What each customer was and is stands in the log, as clock.repaired; what the log had stays.

End all servers first, set the clock right, and make a copy of the database. With --accept a server may run, and hears of it within two seconds.`
}

// clockAccepted is a time that was said to be right.
type clockAccepted struct {
	Accepted time.Time `json:"accepted"`
}

// clockRepaired is what was repaired, or would be.
type clockRepaired struct {
	To        time.Time `json:"to"`
	Customers int       `json:"customers"`
	Rows      int       `json:"rows"`
	Entries   int       `json:"entries"` // of the log
	DryRun    bool      `json:"dry_run"`
}

func (c *repairClock) Run(ctx context.Context, s *session) error {
	now := time.Now().UTC()
	switch {
	case c.Accept && (c.To != nil || c.DryRun):
		return usagef("leave out --to and --dry-run, or --accept", "--accept repairs nothing")
	case c.To != nil && c.To.After(now):
		return usagef("give a time at which the clock was still right", "--to is later than this machine's clock says")
	case c.To != nil:
		now = c.To.UTC()
	}
	return c.with(ctx, func(i *server.Installation) error {
		if c.Accept {
			now, err := i.AcceptClock(ctx)
			if err != nil {
				return err
			}
			return s.print(clockAccepted{now}, func(w io.Writer) { field(w, "accepted", now.Format(time.RFC3339)) })
		}
		progress := s.newProgress(-1)
		done, err := i.RepairClock(ctx, now, c.DryRun, func(customers int) {
			progress.at(int64(customers), fmt.Sprintf("%d customers looked at", customers))
		})
		progress.end()
		if err != nil {
			return err
		}
		return s.print(clockRepaired{now, done.Customers, done.Rows, done.Scopes, c.DryRun}, func(w io.Writer) {
			field(w, "to", now.Format(time.RFC3339))
			field(w, "customers", strconv.Itoa(done.Customers))
			field(w, "rows", strconv.Itoa(done.Rows))
			field(w, "entries", strconv.Itoa(done.Scopes))
			if c.DryRun {
				field(w, "dry run", "nothing was written")
			}
		})
	})
}
