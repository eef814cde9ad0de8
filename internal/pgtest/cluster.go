package pgtest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"maps"
	mathrand "math/rand/v2"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Options say how a cluster is run. The zero Options are PostgreSQL's own
// defaults, so commits are durable.
type Options struct {
	// Settings are those of postgresql.conf, by name: {"fsync": "off"}. A standby
	// has its primary's beneath its own, but for synchronous_standby_names.
	Settings map[string]string
}

// Cluster is a PostgreSQL server of its own: in a temporary directory, on a
// private port of 127.0.0.1, owned by the user who runs it, or by the user
// postgres if that is root. Its superuser is allot. It must be closed.
//
// Methods are for one goroutine at a time, beside any number of connections.
type Cluster struct {
	bin      string // directory of the programs
	dir      string // of everything: data, log, socket
	port     int
	password string
	settings map[string]string
	keeper   *exec.Cmd
	open     io.Closer // the keeper's standard input
}

// keeperScript waits for the end of its input. An immediate stop is enough for
// what is removed right after.
const keeperScript = `read -r _; "$1/pg_ctl" stop --silent --mode=immediate --pgdata="$2/data"; rm -rf "$2"`

const superuser = "allot"

// Start makes a cluster and starts its server. It returns [ErrNotInstalled] if
// there is no PostgreSQL.
func Start(ctx context.Context, opts Options) (*Cluster, error) {
	return build(ctx, opts.Settings, rand.Text(), func(c *Cluster) error {
		file := filepath.Join(c.dir, "password")
		if err := errors.Join(os.WriteFile(file, []byte(c.password), 0o600), own(file)); err != nil {
			return err
		}
		return c.run(ctx, "initdb",
			"--pgdata="+c.data(), "--username="+superuser, "--pwfile="+file, "--auth=scram-sha-256",
			"--encoding=UTF8", "--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en", "--no-sync")
	})
}

// Standby copies the cluster, which must be running, and starts a server that
// follows it by streaming. The primary knows it by the setting cluster_name, which
// is what synchronous_standby_names goes by.
func (c *Cluster) Standby(ctx context.Context, opts Options) (*Cluster, error) {
	settings := make(map[string]string)
	maps.Copy(settings, c.settings)
	delete(settings, "synchronous_standby_names")
	maps.Copy(settings, opts.Settings)
	return build(ctx, settings, c.password, func(standby *Cluster) error {
		return standby.run(ctx, "pg_basebackup",
			"--pgdata="+standby.data(), "--dbname="+c.URL("postgres"), "--checkpoint=fast", "--write-recovery-conf", "--no-sync")
	})
}

// build makes the directory of a cluster, has its data made, and starts it.
func build(ctx context.Context, settings map[string]string, password string, makeData func(*Cluster) error) (*Cluster, error) {
	bin, err := binaries()
	if err != nil {
		return nil, err
	}
	c := &Cluster{bin: bin, password: password, settings: maps.Clone(settings)}
	if c.dir, err = os.MkdirTemp("", "pgtest-"); err != nil {
		return nil, err
	}
	if err := c.keep(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(c.dir))
	}
	err = own(c.dir)
	if err == nil {
		err = makeData(c)
	}
	if err == nil {
		err = c.bind(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// keep starts the keeper.
func (c *Cluster) keep() error {
	keeper, err := command(context.Background(), "/bin/sh", "-c", keeperScript, "sh", c.bin, c.dir)
	if err != nil {
		return err
	}
	apart(keeper) // so that Ctrl-C is not for it
	if c.open, err = keeper.StdinPipe(); err != nil {
		return err
	}
	c.keeper = keeper
	return keeper.Start()
}

// bind starts the server on a port that is free.
func (c *Cluster) bind(ctx context.Context) error {
	for ctx.Err() == nil {
		// Not one of those that the system gives to whoever connects: while the
		// server is down a client could be given it, even the client that tries to
		// reach it, and would then talk to itself.
		c.port = 10_000 + mathrand.IntN(20_000)
		if !free(ctx, c.port) {
			continue
		}
		if err := c.configure(); err != nil {
			return err
		}
		if err := c.Start(ctx); err == nil || free(ctx, c.port) {
			return err
		}
	}
	return ctx.Err()
}

func free(ctx context.Context, port int) bool {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	return err == nil && l.Close() == nil
}

func (c *Cluster) configure() error {
	settings := map[string]string{
		"listen_addresses":        "127.0.0.1",
		"port":                    strconv.Itoa(c.port),
		"unix_socket_directories": c.dir,
	}
	maps.Copy(settings, c.settings)
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		fmt.Fprintf(&b, "%s = '%s'\n", name, strings.ReplaceAll(settings[name], "'", "''"))
	}
	return os.WriteFile(filepath.Join(c.data(), "postgresql.conf"), []byte(b.String()), 0o644)
}

// URL is that of a database, as its superuser. The database postgres is always
// there.
func (c *Cluster) URL(database string) string {
	u := url.URL{
		Scheme: "postgres",
		User:   url.UserPassword(superuser, c.password),
		Host:   net.JoinHostPort("127.0.0.1", strconv.Itoa(c.port)),
		Path:   "/" + database,
	}
	return u.String()
}

// Start starts a server that has been stopped or killed, on the same port. It
// returns when the server answers.
func (c *Cluster) Start(ctx context.Context) error {
	err := c.run(ctx, "pg_ctl", "start", "--silent", "--pgdata="+c.data(), "--log="+c.log())
	if err != nil {
		log, _ := os.ReadFile(c.log()) // there may be none
		return fmt.Errorf("%w\n%s", err, log)
	}
	return nil
}

// Stop ends every connection, writes everything to disk and stops the server: a
// "fast" shutdown, and what an operator does.
func (c *Cluster) Stop(ctx context.Context) error {
	return c.run(ctx, "pg_ctl", "stop", "--silent", "--pgdata="+c.data(), "--mode=fast")
}

// Kill has every process of the server exit at once and writes nothing, so that
// the next start recovers from the log as after a crash.
func (c *Cluster) Kill(ctx context.Context) error {
	return c.run(ctx, "pg_ctl", "stop", "--silent", "--pgdata="+c.data(), "--mode=immediate")
}

// Restart is [Cluster.Stop] and [Cluster.Start].
func (c *Cluster) Restart(ctx context.Context) error {
	if err := c.Stop(ctx); err != nil {
		return err
	}
	return c.Start(ctx)
}

// Promote makes a standby a primary. It returns when that accepts writes.
func (c *Cluster) Promote(ctx context.Context) error {
	return c.run(ctx, "pg_ctl", "promote", "--silent", "--pgdata="+c.data())
}

// Close stops the server and removes all that is its.
func (c *Cluster) Close() error {
	err := c.open.Close()
	_ = c.keeper.Wait() // what counts is what it leaves
	return errors.Join(err, os.RemoveAll(c.dir))
}

func (c *Cluster) data() string { return filepath.Join(c.dir, "data") }

func (c *Cluster) log() string { return filepath.Join(c.dir, "log") }

// run runs one of PostgreSQL's programs.
func (c *Cluster) run(ctx context.Context, program string, args ...string) error {
	cmd, err := command(ctx, filepath.Join(c.bin, program), args...)
	if err != nil {
		return err
	}
	cmd.Dir = c.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", program, err, bytes.TrimSpace(out))
	}
	return nil
}
