// Package pgtest gives tests real PostgreSQL servers.
//
// The key decision: a server lives as long as its keeper's standard input is
// open. The keeper is a process of its own that waits for the end of a pipe held
// by whoever started the cluster, then stops the server and removes its
// directory. Close, a panic and kill -9 of the test so clean up in one and the
// same way.
//
// Most tests want [URL]: a schema of their own in the cluster that the
// environment names, which the command with, below, starts once for all
// packages. Those that stop servers, kill them or let one take over from
// another start their own, see [New] and [Cluster].
//
// Servers come from the PostgreSQL that is installed, version 15 or later. They
// collate text by the rules of a language rather than by its bytes, so that a
// column that does not say what it wants is found out.
package pgtest

import (
	"context"
	"crypto/rand"
	"errors"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// Variable is the variable of the environment that names the cluster of [URL]:
// the URL of a database in which the user may create schemas.
const Variable = "ALLOT_TEST_POSTGRES"

// Prepare is the variable of the environment that, if it is set, names a command
// for [URL] to prepare each schema with before a test has it. The command is given
// the URL as its last argument.
const Prepare = "ALLOT_TEST_PREPARE"

// URL is the database of [Variable] with an empty schema as its search path,
// which is dropped when the test ends. A schema is made within 5 ms, a database
// takes 60. Without the variable the test is skipped, and fails in CI.
func URL(t testing.TB) string {
	t.Helper()
	base := os.Getenv(Variable)
	if base == "" {
		skip(t, Variable+" is not set; make test sets it, and so does go run ./internal/pgtest/with COMMAND")
	}
	u, err := url.Parse(base)
	if err != nil {
		t.Fatalf("%s is not a URL", Variable) // which may hold a password
	}
	schema := "test_" + strings.ToLower(rand.Text()) // needs no quotes
	execute(t, base, "create schema "+schema)
	t.Cleanup(func() { execute(t, base, "drop schema "+schema+" cascade") })
	query := u.Query()
	query.Set("search_path", schema)
	u.RawQuery = query.Encode()
	if command := strings.Fields(os.Getenv(Prepare)); len(command) > 0 {
		out, err := exec.CommandContext(t.Context(), command[0], append(command[1:], u.String())...).CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", Prepare, err, out)
		}
	}
	return u.String()
}

// New starts a cluster for a test, and closes it when the test ends. Where
// PostgreSQL is not installed the test is skipped, and fails in CI.
func New(t testing.TB, opts Options) *Cluster {
	t.Helper()
	c, err := Start(t.Context(), opts)
	return kept(t, c, err)
}

// NewStandby starts a standby for a test, as [Cluster.Standby] does, and closes
// it when the test ends.
func (c *Cluster) NewStandby(t testing.TB, opts Options) *Cluster {
	t.Helper()
	standby, err := c.Standby(t.Context(), opts)
	return kept(t, standby, err)
}

func kept(t testing.TB, c *Cluster, err error) *Cluster {
	t.Helper()
	if errors.Is(err, ErrNotInstalled) {
		skip(t, err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func skip(t testing.TB, reason string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(reason)
	}
	t.Skip(reason)
}

// execute runs one statement on a connection of its own, also when the test is
// over.
func execute(t testing.TB, url, statement string) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	_, err = conn.Exec(ctx, statement)
	if err := errors.Join(err, conn.Close(ctx)); err != nil {
		t.Fatal(err)
	}
}
