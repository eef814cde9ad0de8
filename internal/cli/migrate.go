package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/allot-dev/allot/internal/server"
)

type migrateCommand struct {
	Data     string `default:"${data}" placeholder:"DIR" env:"ALLOT_DATA" help:"Directory of the database. Default: ${default}." group:"Place:"`
	Database string `placeholder:"URL" env:"ALLOT_DATABASE" help:"The database, sqlite:FILE or postgres://…; by default allot.db in the data directory." group:"Place:"`

	New        bool `help:"Make a database where there is none although a key file or a lock file says that there was one."`
	Distribute bool `help:"Spread the tables over the nodes of a Citus cluster too. What is in its place already stays."`
	Finish     bool `help:"Say that every server is of this version: those of the one before cannot start any more, and what they could not keep is accepted from now on. Cannot be taken back."`
}

// migrated is what was done to a database.
type migrated struct {
	Was         int64    `json:"was"` // version of its schema; 0 if there was none
	Schema      int64    `json:"schema"`
	Done        string   `json:"done"`
	Distributed []string `json:"distributed,omitempty"` // tables
	Finish      string   `json:"finish,omitempty"`
	Adopted     *int     `json:"adopted,omitempty"` // customers whose facts were put into the log, of a finish
	Moving      bool     `json:"moving,omitempty"`  // servers move usage records from now on, of a finish
	Servers     *int     `json:"servers,omitempty"` // that run on a PostgreSQL database, of a finish
}

func (c *migrateCommand) Run(ctx context.Context, s *session) error {
	progress := s.newProgress(-1)
	found, err := server.Migrate(ctx, server.Place{Data: c.Data, Database: c.Database, New: c.New}, c.Distribute, c.Finish, func(customers int) {
		progress.at(int64(customers), fmt.Sprintf("%d customers adopted", customers))
	})
	progress.end()
	if err != nil {
		return err
	}
	m := migrated{Was: found.Found, Schema: found.Now, Distributed: found.Placed}
	switch {
	case found.Found == 0:
		m.Done = "created"
	case found.Found < found.Now:
		m.Done = fmt.Sprintf("migrated from version %d", found.Found)
	case found.Now > found.Known:
		m.Done = fmt.Sprintf("nothing: it is newer than the version %d that this program was made with, and permits it", found.Known)
	default:
		m.Done = "nothing: it is of this version"
	}
	if c.Finish {
		m.Finish, m.Adopted, m.Servers = "nothing: it was finished before", &found.Adopted, &found.Servers
		m.Moving = found.Moving
		if found.Finished {
			m.Finish = "finished: servers of the version before cannot start any more"
		}
	}
	return s.print(m, func(w io.Writer) {
		field(w, "schema", strconv.FormatInt(m.Schema, 10))
		field(w, "done", m.Done)
		if c.Distribute {
			field(w, "distributed", cmp.Or(strings.Join(m.Distributed, " "), "nothing: all tables are in their places"))
		}
		if c.Finish {
			field(w, "finish", m.Finish)
			field(w, "adopted", fmt.Sprintf("%d customers", *m.Adopted))
			if m.Moving {
				field(w, "moving", "usage records, by the next server that runs on it")
			}
			if *m.Servers > 0 {
				field(w, "servers", fmt.Sprintf("%d run on it now. Their versions cannot be seen: end those of the version before", *m.Servers))
			}
		}
	})
}
