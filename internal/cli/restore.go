package cli

import (
	"context"
	"errors"

	"github.com/allot-dev/allot/internal/server"
)

type restoreCommand struct {
	place        `embed:""`
	File         string `arg:"" help:"A backup, as allot backup makes it."`
	New          bool   `help:"Restore where a key file or a lock file says that there was a database, and there is none."`
	AcceptDamage bool   `name:"accept-damage" help:"Put a backup in place that does not verify."`
}

// Help says what is put in place.
func (restoreCommand) Help() string {
	return `The backup is copied, brought to the schema of this version and verified before it has the name of a database. The file itself is not changed. Serve it with the key file that belongs to it.

There must be no database yet: to go back to a backup, end the server, move the files allot.db* away, and say --new if the key file is still there.`
}

func (c *restoreCommand) Run(ctx context.Context, s *session) error {
	place := c.place.place()
	place.New = c.New
	v, key, err := server.Restore(ctx, place, c.File, c.AcceptDamage)
	switch {
	case errors.Is(err, server.ErrOwnTools):
		return &hintedError{err, "pg_restore --dbname=URL FILE puts a dump into an empty database; docs/operations.md has more"}
	case errors.Is(err, server.ErrDrifts):
		return &hintedError{err, "allot verify --database sqlite:FILE lists what does not agree; another backup may; --accept-damage takes it all the same"}
	case err != nil:
		return err
	}
	out := backedUp{File: c.File, Bytes: sizeOf(c.File), Customers: v.Customers, Counters: v.Counters, Drifts: len(v.Drifts), KeyFile: string(key)}
	if err := s.print(out, out.text); err != nil {
		return err
	}
	switch key {
	case server.KeyMissing:
		s.note("Put the key file in place that this installation was served with: the signing keys are sealed by it.")
	case server.KeyWrong:
		s.note("The key file that is there is not the one that the signing keys are sealed by: put that one in place.")
	case server.KeyFits:
	}
	return nil
}
