package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/allot-dev/allot/internal/server"
)

type backupCommand struct {
	place `embed:""`
	File  string `arg:"" help:"The file to write. It must not be there yet."`
}

// Help says what is in a backup, and what is not.
func (backupCommand) Help() string {
	return `A backup is the database as it is in one moment. Servers go on writing meanwhile. It is verified as allot verify does, and has its name only once it is whole.

The key file is not in it, so that a backup alone cannot sign tokens: keep that apart. A PostgreSQL database is backed up with its own tools: pg_dump, or base backups with their log for a point in time.`
}

// backedUp is a backup that was made or put in place.
type backedUp struct {
	File      string `json:"file"`
	Bytes     int64  `json:"bytes"`
	Customers int    `json:"customers"`
	Counters  int    `json:"counters"`
	Drifts    int    `json:"drifts"`
	// KeyFile is what is known of the key file beside a restored database: fits, missing
	// or wrong.
	KeyFile string `json:"key_file,omitempty"`
}

func (b *backedUp) text(w io.Writer) {
	field(w, "file", b.File)
	field(w, "bytes", strconv.FormatInt(b.Bytes, 10))
	field(w, "customers", strconv.Itoa(b.Customers))
	field(w, "counters", strconv.Itoa(b.Counters))
	field(w, "drifts", strconv.Itoa(b.Drifts))
	if b.KeyFile != "" {
		field(w, "key file", b.KeyFile)
	}
}

func sizeOf(file string) int64 {
	if info, err := os.Stat(file); err == nil {
		return info.Size()
	}
	return 0
}

func (c *backupCommand) Run(ctx context.Context, s *session) error {
	return c.with(ctx, func(i *server.Installation) error {
		v, err := i.Backup(ctx, c.File)
		if errors.Is(err, server.ErrOwnTools) {
			return &hintedError{err, "pg_dump --format=custom --file=FILE, with the URL that the server has, makes a backup; pg_restore puts it into an empty database; docs/operations.md has more"}
		}
		if err != nil {
			return err
		}
		out := backedUp{File: c.File, Bytes: sizeOf(c.File), Customers: v.Customers, Counters: v.Counters, Drifts: len(v.Drifts)}
		if err := s.print(out, out.text); err != nil {
			return err
		}
		s.note("The key file is not in it: keep a copy of that somewhere else.")
		if out.Drifts > 0 {
			return &hintedError{fmt.Errorf("the backup is of a database that does not verify; it is kept"), "allot verify lists what does not agree"}
		}
		return nil
	})
}
