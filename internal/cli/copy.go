package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/allot-dev/allot/internal/server"
)

type copyCommand struct {
	From string `required:"" placeholder:"URL" env:"ALLOT_COPY_FROM" help:"The database to copy, such as sqlite:FILE. It is not changed."`
	To   string `required:"" placeholder:"URL" env:"ALLOT_COPY_TO" help:"The database to make the same, such as postgres://…: an empty one, or one that this was done to before."`
}

// Help says how an installation is moved.
func (copyCommand) Help() string {
	return `To move an installation: copy it while it is served, for most of the work; end its servers; copy it again, which brings what is new; then serve it from the new database, with the same key file. A copy that was interrupted is begun again and goes on.

A password need not be on the command line: ALLOT_COPY_FROM and ALLOT_COPY_TO are read too.`
}

// copied is what has been done.
type copied struct {
	Tables  []copiedTable `json:"tables"`
	Rows    int64         `json:"rows"`
	Written int64         `json:"written"`
	Removed int64         `json:"removed"`
	// Equal says that counts and checksums of both sides agree, Source whether
	// a server may be on the source: at rest, served or unknown. Whole says that
	// the target may be served from.
	Equal  bool   `json:"equal"`
	Source string `json:"source"`
	Whole  bool   `json:"whole"`
}

type copiedTable struct {
	Table          string `json:"table"`
	Rows           int64  `json:"rows"`
	Checksum       string `json:"checksum"`
	TargetRows     int64  `json:"target_rows"`
	TargetChecksum string `json:"target_checksum"`
	Written        int64  `json:"written"`
	Removed        int64  `json:"removed"`
}

func newCopied(c *server.Copied) copied {
	out := copied{Tables: []copiedTable{}, Equal: len(c.Differ()) == 0, Source: string(c.Source), Whole: c.Whole}
	for _, t := range c.Tables {
		out.Tables = append(out.Tables, copiedTable{
			t.Name, t.Source.Rows, t.Source.Checksum, t.Target.Rows, t.Target.Checksum, t.Put, t.Removed,
		})
		out.Rows += t.Source.Rows
		out.Written += t.Put
		out.Removed += t.Removed
	}
	return out
}

func (c *copiedTable) equal() bool { return c.Rows == c.TargetRows && c.Checksum == c.TargetChecksum }

// text is the result for people: a checksum is cut to what tells it from another.
func (c *copied) text(w io.Writer) {
	const enough = 16
	row(w, "TABLE", "ROWS", "CHECKSUM", "WRITTEN", "REMOVED", "TARGET")
	for _, t := range c.Tables {
		target := "equal"
		if !t.equal() {
			target = fmt.Sprintf("%d rows, %s", t.TargetRows, t.TargetChecksum[:enough])
		}
		row(w, t.Table, t.Rows, t.Checksum[:enough], t.Written, t.Removed, target)
	}
	row(w)
	field(w, "rows", strconv.FormatInt(c.Rows, 10))
	field(w, "written", strconv.FormatInt(c.Written, 10))
	field(w, "removed", strconv.FormatInt(c.Removed, 10))
	field(w, "source", c.Source)
	field(w, "whole", strconv.FormatBool(c.Whole))
}

func (c *copyCommand) Run(ctx context.Context, s *session) error {
	copying := s.newProgress(-1)
	done, err := server.Copy(ctx, c.From, c.To, func(table string, rows int64, compared bool) {
		did := "copied"
		if compared {
			did = "compared"
		}
		copying.at(rows, fmt.Sprintf("%s: %d rows %s", table, rows, did))
	})
	copying.end()
	switch {
	case ctx.Err() != nil && err != nil:
		return &hintedError{errors.New("the copy was interrupted"), "run the same command again: it goes on"}
	case err != nil:
		return err
	}
	out := newCopied(&done)
	if err := s.print(out, out.text); err != nil {
		return err
	}
	switch {
	case !out.Equal:
		return &hintedError{
			fmt.Errorf("the target differs from the source in %s", strings.Join(done.Differ(), ", ")),
			"see that nothing else writes to the target, and run the same command again",
		}
	case done.Source == server.SourceServed:
		s.note("A server has the source, so the target may be behind it. End the server and run the same command again; until then no server starts on the target.")
	case done.Source == server.SourceUnknown:
		s.note("The target is what the source was when this began. If a server still ran on the source then, end it and run the same command again before you serve from the target.")
	}
	if out.Whole {
		s.note("Serve from the target with the same key file as before: the signing keys are sealed by it.")
	}
	return nil
}
