// Package postgres is the PostgreSQL backend of package sqlstore: how a database
// is connected to, its schema, and what its errors mean.
//
// Any number of nodes share one database. The key decision is that updates run at
// READ COMMITTED: each first locks the row that stands for what it changes (a
// customer, the usage of a feature, the catalog), waits there for whoever has it,
// and reads what was committed before it went on. So those that meet queue up and
// none has to be run again. Views run at REPEATABLE READ and lock nothing.
//
// A commit whose outcome is not known is never run again; see fault.go.
//
// Start with [Open].
package postgres

import (
	"context"
	"crypto/rand"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/store/sqlstore"
)

//go:embed migrations/*.sql
var migrations embed.FS

// DB is an open database.
type DB struct {
	reader, writer *sql.DB
	replica        *sql.DB // nil if there is none

	config *pgx.ConnConfig // of connections beside the pools
	hints  *sql.DB         // one connection, for [DB.Notify]
	node   string          // tells this DB's hints from others'
	schema string          // likewise those of this installation

	version sqlstore.Schema
	citus   bool // the database may be spread over nodes
}

// Options say which database to open, and what for.
type Options struct {
	// URL is postgres://USER:PASSWORD@HOST:PORT/DATABASE?PARAMETER=VALUE. See
	// [CheckURL].
	URL string
	// ReplicaURL is that of a streaming replica to read from; "" is none. It is
	// not connected to before it is used.
	ReplicaURL string
	// Migrate brings the schema to this version. Otherwise a schema of an older
	// version is an error.
	Migrate bool
	// Existing makes nothing: an empty database is [sqlstore.ErrNone].
	Existing bool
	// Log is told if another migrates meanwhile, which is waited for. May be nil.
	Log *slog.Logger
}

// Open connects to a database, and creates the schema if there is nothing,
// unless it is to be there.
func Open(ctx context.Context, opts Options) (*DB, error) {
	steps, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	return open(ctx, opts, steps)
}

func open(ctx context.Context, opts Options, steps fs.FS) (_ *DB, err error) {
	config, conns, err := parse(opts.URL)
	if err != nil {
		return nil, fmt.Errorf("URL: %w", err)
	}
	writable(config)
	db := &DB{config: config, node: rand.Text()}
	defer func() {
		if err != nil {
			err = errors.Join(err, db.Close())
		}
	}()
	if db.schema, db.version, err = prepareSchema(ctx, config, steps, opts); err != nil {
		return nil, err
	}
	db.writer = connect(config, conns/2, db.schema)
	db.reader = connect(config, conns-conns/2, db.schema)
	db.hints = connect(config, 1, db.schema)
	citus, err := citusVersion(ctx, db.writer)
	if err != nil {
		return nil, err
	}
	db.citus = citus != ""
	if opts.ReplicaURL != "" {
		replica, conns, err := parse(opts.ReplicaURL)
		if err != nil {
			return nil, fmt.Errorf("URL of the replica: %w", err)
		}
		replica.RuntimeParams["default_transaction_read_only"] = "on"
		db.replica = connect(replica, conns/2, db.schema)
	}
	return db, nil
}

// How long a connection is kept. What a failover or a change of addresses has
// made wrong about it is gone by then at the latest.
const (
	connIdle = 5 * time.Minute
	connLife = time.Hour
)

// transactionTimeout is longer than the server lets a statement take: it is for
// one that has gone without a word.
const transactionTimeout = time.Minute

// viewTimeout is so, too, and leaves the time to tell who asks before the server gives the
// connection up.
const viewTimeout = 35 * time.Second

// mostQueues is how many batches of usage there are at once.
const mostQueues = 3

// connect is a pool of sessions in a namespace, or wherever the URL has them; it does
// not connect yet.
func connect(config *pgx.ConnConfig, conns int, namespace string) *sql.DB {
	db := stdlib.OpenDB(*config, stdlib.OptionAfterConnect(func(ctx context.Context, conn *pgx.Conn) error {
		return checkSession(ctx, conn, namespace)
	}))
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	db.SetConnMaxIdleTime(connIdle)
	db.SetConnMaxLifetime(connLife)
	return db
}

// Backend is the database for [sqlstore.New]. The driver prepares statements by
// itself, on each connection.
func (db *DB) Backend() sqlstore.Backend {
	return sqlstore.Backend{
		Reader: db.reader, View: sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true},
		Writer: db.writer, Update: sql.TxOptions{Isolation: sql.LevelReadCommitted},
		Timeout: transactionTimeout, ViewTimeout: viewTimeout, Batch: batch, Busy: busy, Undone: undone, Trouble: trouble, Patience: patience, Schema: db.version, Finish: finishSchema,
		// Few, as a batch takes several customers in one trip, and two connections are left
		// for what is not usage. Locks of several customers in a transaction of another kind
		// would have them wait for each other.
		Batching: service.Batching{Queues: min(mostQueues, max(1, db.writer.Stats().MaxOpenConnections-2)), Apart: db.citus, Bounded: true},
	}
}

// Replica is the replica for [sqlstore.New]; false if there is none. Its updates
// fail.
func (db *DB) Replica() (sqlstore.Backend, bool) {
	b := db.Backend()
	b.Reader, b.Writer = db.replica, db.replica
	return b, db.replica != nil
}

// Close closes the connections.
func (db *DB) Close() error {
	var errs []error
	for _, pool := range []*sql.DB{db.reader, db.writer, db.replica, db.hints} {
		if pool != nil {
			errs = append(errs, pool.Close())
		}
	}
	return errors.Join(errs...)
}
