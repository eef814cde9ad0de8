package racetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/allot-dev/allot/internal/pgtest"
)

// faults are what goes wrong with a PostgreSQL server of the test's own.
type faults struct {
	*pgtest.Cluster
	t *testing.T
}

// crash stops the server at once and starts it again.
func (f faults) crash() {
	if err := errors.Join(f.Kill(f.t.Context()), f.Start(f.t.Context())); err != nil {
		f.t.Error(err)
	}
}

// terminate ends every connection.
func (f faults) terminate() {
	f.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()")
}

func (f faults) execute(statement string) {
	conn, err := pgx.Connect(f.t.Context(), f.URL("postgres"))
	if err != nil {
		f.t.Error(err)
		return
	}
	_, err = conn.Exec(f.t.Context(), statement)
	if err := errors.Join(err, conn.Close(f.t.Context())); err != nil {
		f.t.Error(err)
	}
}

// schema is the URL of an empty schema.
func (f faults) schema(name string) string {
	f.execute("create schema " + name)
	return f.URL("postgres") + "?search_path=" + url.QueryEscape(name)
}

// The same while the database crashes, connections end and callers give up: what was
// not answered has happened once or not at all.
func TestNodesAreLinearizableThroughFaults(t *testing.T) {
	cluster := faults{pgtest.New(t, pgtest.Options{Settings: map[string]string{"fsync": "off"}}), t} // no machine crashes
	rounds(t, 2, func(t *testing.T, seed uint64, random *rand.Rand) {
		w := worldOn(t, cluster.schema(fmt.Sprint("round", seed)))
		r := newRace(t, w, fmt.Sprint("seed ", seed), random, 3, false)
		r.cuts = true
		r.fail = []func(){cluster.terminate, cluster.crash, cluster.terminate}
		random.Shuffle(len(r.fail), func(i, j int) { r.fail[i], r.fail[j] = r.fail[j], r.fail[i] })
		r.run(t)
	})
}

// The same on SQLite, with a program that changes facts beside the server, and the
// server started anew meanwhile. What commits in turn, checks see in turn.
func TestServerIsLinearizable(t *testing.T) {
	rounds(t, 4, func(t *testing.T, seed uint64, random *rand.Rand) {
		w := worldOn(t, "sqlite:"+filepath.Join(t.TempDir(), "allot.db"))
		disturbed := random.IntN(2) == 0
		r := newRace(t, w, fmt.Sprint("seed ", seed), random, 1, !disturbed)
		r.beside = w.Service
		if r.cuts = disturbed; disturbed {
			restart := func() { r.start(0) }
			r.fail = []func(){restart, restart}
		}
		r.run(t)
	})
}
