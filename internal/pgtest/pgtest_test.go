package pgtest_test

import (
	"bufio"
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/allot-dev/allot/internal/pgtest"
)

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

func run(t *testing.T, url, statement string) {
	t.Helper()
	if _, err := connect(t, url).Exec(t.Context(), statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func ask(t *testing.T, url, query string) (answer string) {
	t.Helper()
	if err := connect(t, url).QueryRow(t.Context(), query).Scan(&answer); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return answer
}

// Each call has a schema of its own, and nothing is left of it.
func TestURL(t *testing.T) {
	var schemas string
	t.Run("use", func(t *testing.T) {
		one, other := pgtest.URL(t), pgtest.URL(t)
		run(t, one, "create table t (x text not null)")
		run(t, other, "create table t (x text not null)")
		run(t, one, "insert into t values ('one')")
		if n := ask(t, other, "select count(*)::text from t"); n != "0" {
			t.Errorf("the other schema has %s rows", n)
		}
		schemas = ask(t, one, "select current_schema()::text") + "," + ask(t, other, "select current_schema()::text")
	})
	query := "select count(*)::text from pg_namespace where nspname = any(string_to_array('" + schemas + "', ','))"
	if n := ask(t, pgtest.URL(t), query); n != "0" {
		t.Errorf("%s of the schemas %s are left", n, schemas)
	}
}

// Each schema is prepared by a command before a test has it.
func TestURLIsPrepared(t *testing.T) {
	dir := t.TempDir()
	script := filepath.Join(dir, "prepare")
	if err := os.WriteFile(script, []byte("#!/bin/sh\nprintf %s \"$2\" > \"$1\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	told := filepath.Join(dir, "told")
	t.Setenv(pgtest.Prepare, script+" "+told)
	url := pgtest.URL(t)
	if got, err := os.ReadFile(told); err != nil || string(got) != url {
		t.Errorf("the command was told %q, %v; want %q", got, err, url)
	}
}

// A language's order differs from that of bytes.
func TestTextIsCollatedByLanguage(t *testing.T) {
	if got := ask(t, pgtest.URL(t), "select ('a' < 'B')::text"); got != "true" {
		t.Error("text is in the order of its bytes: a column without collate would pass")
	}
}

func TestClusterKeepsWhatIsCommitted(t *testing.T) {
	c := pgtest.New(t, pgtest.Options{Settings: map[string]string{"application_name": "it's set"}})
	url := c.URL("postgres")
	if got := ask(t, url, "show application_name"); got != "it's set" {
		t.Errorf("the setting is %q", got)
	}
	run(t, url, "create table t (x text not null)")
	for name, restart := range map[string]func(context.Context) error{"stop": c.Stop, "kill": c.Kill} {
		run(t, url, "insert into t values ('"+name+"')")
		if err := restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		if conn, err := pgx.Connect(t.Context(), url); err == nil {
			conn.Close(t.Context())
			t.Errorf("%s: the server still answers", name)
		}
		if err := c.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := ask(t, url, "select string_agg(x, ',' order by x) from t"); got != "kill,stop" {
		t.Errorf("of what was committed there is %s", got)
	}
}

func TestPasswordIsAsked(t *testing.T) {
	c := pgtest.New(t, pgtest.Options{})
	config, err := pgx.ParseConfig(c.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	config.Password = "another"
	if conn, err := pgx.ConnectConfig(t.Context(), config); err == nil {
		conn.Close(t.Context())
		t.Error("any password is good")
	}
}

// What a commit has acknowledged is on the standby, which takes over.
func TestStandbyTakesOver(t *testing.T) {
	primary := pgtest.New(t, pgtest.Options{Settings: map[string]string{"synchronous_standby_names": "second"}})
	standby := primary.NewStandby(t, pgtest.Options{Settings: map[string]string{"cluster_name": "second"}})
	run(t, primary.URL("postgres"), "create table t (x text not null)")
	run(t, primary.URL("postgres"), "insert into t values ('kept')")
	if got := ask(t, standby.URL("postgres"), "select pg_is_in_recovery()::text"); got != "true" {
		t.Error("the standby is none")
	}
	if err := primary.Kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := standby.Promote(t.Context()); err != nil {
		t.Fatal(err)
	}
	run(t, standby.URL("postgres"), "insert into t values ('written')")
	if got := ask(t, standby.URL("postgres"), "select string_agg(x, ',' order by x) from t"); got != "kept,written" {
		t.Errorf("after the failover there is %s", got)
	}
}

func TestStartSaysWhatIsWrong(t *testing.T) {
	c, err := pgtest.Start(t.Context(), pgtest.Options{Settings: map[string]string{"no_such_setting": "1"}})
	if errors.Is(err, pgtest.ErrNotInstalled) {
		t.Skip(err)
	}
	if err == nil {
		c.Close()
		t.Fatal("a setting that does not exist is none")
	}
	if !strings.Contains(err.Error(), "no_such_setting") {
		t.Errorf("the error does not have what the server says: %v", err)
	}
}

// The process that has started a cluster is killed: TestKilledStarter is that
// process as well.
func TestKilledStarter(t *testing.T) {
	if os.Getenv("PGTEST_STARTER") != "" {
		c, err := pgtest.Start(t.Context(), pgtest.Options{})
		if err != nil {
			t.Fatal(err)
		}
		os.Stdout.WriteString(ask(t, c.URL("postgres"), "show data_directory") + "\n")
		select {}
	}
	pgtest.New(t, pgtest.Options{}) // which skips where there is no PostgreSQL
	starter := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKilledStarter$")
	starter.Env = append(os.Environ(), "PGTEST_STARTER=1")
	out, err := starter.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := starter.Start(); err != nil {
		t.Fatal(err)
	}
	data, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Dir(strings.TrimSpace(data))
	if _, err := os.Stat(filepath.Join(dir, "data", "postmaster.pid")); err != nil {
		t.Fatalf("no server runs there: %v", err)
	}
	if err := starter.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = starter.Wait() // killed
	for {              // the directory is the last to go, after the server
		if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
			return
		}
		runtime.Gosched()
	}
}
