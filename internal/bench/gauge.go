package bench

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/allot-dev/allot/internal/bench/load"
)

// gauge tells what a server and its database have spent so far.
//
// With SQLite the database is the server's process, and what is written is what that
// writes by calls, answers aside: the log's pages, and those of the database at a
// checkpoint. With PostgreSQL it is the log: all of it, whoever in the
// cluster makes it, the full pages after a checkpoint among it; nothing is taken off.
// The processor time is that of the processes that serve this database and of those
// that serve all, such as the log's writer, if they run on this machine.
type gauge struct {
	pid  int     // of the server, or of who does by hand what a server does
	db   *sql.DB // nil with SQLite, and where the database is not here
	conn *sql.Conn
	here bool // whether the database's processes are on this machine
}

// openGauge opens a gauge of a process that keeps its data in a database; "" is one
// that is elsewhere.
func openGauge(ctx context.Context, pid int, database string) (_ *gauge, err error) {
	g := &gauge{pid: pid}
	if database == "" || isSQLite(database) {
		return g, nil
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("what the database spends: %w", err), g.close())
		}
	}()
	if g.db, err = sql.Open("pgx", database); err != nil {
		return nil, err
	}
	if g.conn, err = g.db.Conn(ctx); err != nil { // one, whose own time does not count
		return nil, err
	}
	var own int
	var local bool
	const where = `select pg_backend_pid(), inet_server_addr() is null or host(inet_server_addr()) in ('127.0.0.1', '::1')`
	if err := g.conn.QueryRowContext(ctx, where).Scan(&own, &local); err != nil {
		return nil, err
	}
	g.here = local && load.Runs(own, "postgres")
	return g, nil
}

func (g *gauge) read(ctx context.Context) (s load.Spent, err error) {
	if g.conn == nil {
		s.Written, s.Answers = load.WrittenBytes(g.pid)
		return s, nil
	}
	const written = `select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint`
	if err := g.conn.QueryRowContext(ctx, written).Scan(&s.Written); err != nil {
		return s, err
	}
	if !g.here {
		return s, nil
	}
	const processes = `select pid from pg_stat_activity
		where (datname = current_database() or datname is null) and pid <> pg_backend_pid()`
	rows, err := g.conn.QueryContext(ctx, processes)
	if err != nil {
		return s, err
	}
	defer rows.Close()
	for rows.Next() {
		var pid int
		if err := rows.Scan(&pid); err != nil {
			return s, err
		}
		used, _ := load.CPUTime(pid)
		s.Database += used
	}
	return s, rows.Err()
}

// What a server at rest does: less than restShare of a core, for restFor. It has
// restWithin to come to it.
const (
	restFor    = 200 * time.Millisecond
	restShare  = 0.02
	restWithin = 30 * time.Second
)

// rest waits until the server and its database have nothing left to do of what they
// were asked for. It reports false if they do not come to rest.
func (g *gauge) rest(ctx context.Context) (bool, error) {
	tick := time.NewTicker(restFor)
	defer tick.Stop()
	before, known, err := g.busy(ctx)
	for range restWithin / restFor {
		if !known || err != nil {
			return true, err // nobody tells
		}
		select {
		case <-ctx.Done():
			return false, context.Cause(ctx)
		case <-tick.C:
		}
		var now time.Duration
		if now, known, err = g.busy(ctx); now-before < time.Duration(restShare*float64(restFor)) {
			return true, err
		}
		before = now
	}
	return false, err
}

// busy is the processor time of the server and its database together.
func (g *gauge) busy(ctx context.Context) (time.Duration, bool, error) {
	used, known := load.CPUTime(g.pid)
	if !known {
		return 0, false, nil
	}
	s, err := g.read(ctx)
	return used + s.Database, true, err
}

func (g *gauge) close() (err error) {
	if g.conn != nil {
		err = g.conn.Close()
	}
	if g.db != nil {
		err = errors.Join(err, g.db.Close())
	}
	return err
}
