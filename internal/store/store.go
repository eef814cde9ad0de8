// Package store opens the place where facts are kept, by URL.
//
// The packages below have a part each: sqlstore every query, once; sqlite and
// postgres what is peculiar to those databases; storetest the suite that every
// backend passes. Each tenant declares what it needs of a store: [service.Store],
// [feed.Store], package record.
//
// What stores see of each other is hints between nodes: [Store.Nodes]. What order
// changes come in, and who hears of them, is in package feed.
//
// Start with [Open].
package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/allot-dev/allot/internal/feed"
	"github.com/allot-dev/allot/internal/store/postgres"
	"github.com/allot-dev/allot/internal/store/sqlite"
	"github.com/allot-dev/allot/internal/store/sqlstore"
)

// Mode is what a store is opened for.
type Mode uint8

const (
	// Tool is for a command that runs once, perhaps beside a server. It creates
	// the schema in an empty place, goes on where that was interrupted, and never
	// migrates one in which something has happened.
	Tool Mode = iota
	// Serve is for a server. It creates the schema or migrates it to this
	// version, and on SQLite holds the lock that keeps a second server out. A copy
	// is taken into use if it is whole, and refused if it is not; see [Copy].
	Serve
	// Migrate is for a command that creates the schema or migrates it, beside
	// servers.
	Migrate
	// Existing is for a command on what is there, perhaps beside a server. It
	// makes nothing: an empty place is [ErrNone].
	Existing
)

// Options say what to open.
type Options struct {
	// URL is sqlite:FILE or that of a PostgreSQL database, postgres://…; see
	// [CheckURL]. The file and its directory are created if there are none, unless
	// the mode is Existing, readable by their owner only; the database must be
	// there, and may be empty.
	URL string
	// ReplicaURL is that of a streaming replica of a PostgreSQL database, for
	// [Store.Replica]. "" is none.
	ReplicaURL string
	Mode       Mode
	// Of a SQLite file; see [sqlite.Options].
	Left              []string
	New, AcceptDamage bool
	read              bool
	// Log is told of what goes wrong beside transactions. May be nil.
	Log *slog.Logger
}

// Store is an open store. It must be closed.
type Store struct {
	*sqlstore.Store
	replica *sqlstore.Store // nil if there is none
	close   func() error
	nodes   *postgres.DB // what other nodes are told through; nil on SQLite
	file    *sqlite.DB   // nil on PostgreSQL
}

// Open opens a store. It fails if the database is not of this version and may
// not be migrated, and, to serve from SQLite, if another server holds the lock.
func Open(ctx context.Context, opts Options) (*Store, error) {
	if err := CheckURL(opts.URL); err != nil {
		return nil, &URLError{"database URL", err}
	}
	if file, ok := sqliteFile(opts.URL); ok {
		if opts.ReplicaURL != "" {
			return nil, errReplica
		}
		db, err := sqlite.Open(ctx, sqlite.Options{
			Path: file, Serve: opts.Mode == Serve, Migrate: opts.Mode == Migrate, Existing: opts.Mode == Existing,
			Left: opts.Left, New: opts.New, AcceptDamage: opts.AcceptDamage, Read: opts.read, Log: opts.Log,
		})
		if err != nil {
			return nil, fmt.Errorf("open the database: %w", err)
		}
		return opened(ctx, &Store{Store: sqlstore.New(db.Backend()), close: db.Close, file: db}, opts.Mode)
	}
	db, err := postgres.Open(ctx, postgres.Options{
		URL: opts.URL, ReplicaURL: opts.ReplicaURL, Migrate: opts.Mode == Serve || opts.Mode == Migrate, Existing: opts.Mode == Existing,
		Log: opts.Log,
	})
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	st := &Store{Store: sqlstore.New(db.Backend()), close: db.Close, nodes: db}
	if replica, ok := db.Replica(); ok {
		st.replica = sqlstore.New(replica)
	}
	return opened(ctx, st, opts.Mode)
}

func opened(ctx context.Context, st *Store, mode Mode) (*Store, error) {
	if mode == Serve {
		if err := takeCopy(ctx, st); err != nil {
			return nil, errors.Join(err, st.Close())
		}
	}
	return st, nil
}

// ErrNone is a place that has no installation, where one was to be found.
var ErrNone = sqlstore.ErrNone

var errReplica = errors.New("a replica is of a PostgreSQL database, and the database is SQLite")

// URLError is a URL of a database that cannot be read, of those that something was given.
type URLError struct {
	of  string
	err error
}

func (e *URLError) Error() string { return e.of + ": " + e.err.Error() }
func (e *URLError) Unwrap() error { return e.err }

// CheckURL returns an error that says what is wrong with the URL of a database,
// without opening it. It does not repeat the URL, which may hold a password.
func CheckURL(url string) error {
	switch scheme, _, _ := strings.Cut(url, ":"); scheme {
	case "sqlite":
		switch file, _ := sqliteFile(url); {
		case file == "":
			return errors.New("it names no file: want sqlite:FILE")
		case file == ":memory:":
			return errors.New("a database is a file, and none in memory: want sqlite:FILE; allot dev serves one that is thrown away")
		default:
			if i := strings.IndexAny(file, "?#"); i >= 0 {
				return fmt.Errorf("the name of the file has a %[1]c, behind which there would be parameters, and there are none: want sqlite:FILE, and no %[1]c in the name of the file or of the data directory", file[i])
			}
		}
		return nil
	case "postgres", "postgresql":
		return postgres.CheckURL(url)
	default:
		return errors.New("want sqlite:FILE or postgres://USER:PASSWORD@HOST:PORT/DATABASE")
	}
}

// sqliteFile is the file that a URL names, if it is one of SQLite.
func sqliteFile(url string) (file string, ok bool) {
	rest, ok := strings.CutPrefix(url, "sqlite:")
	return strings.TrimPrefix(rest, "//"), ok
}

// Replica is a replica that may be behind, for views; updates of it fail. It is
// nil if none was given.
func (s *Store) Replica() *sqlstore.Store { return s.replica }

// Nodes are the other nodes on this database; nil if there can be none.
func (s *Store) Nodes() feed.Nodes {
	if s.nodes == nil {
		return nil
	}
	return s.nodes
}

// LogStats is how the write-ahead log of a SQLite database is; ok is false on
// PostgreSQL.
func (s *Store) LogStats(ctx context.Context) (stats sqlite.LogStats, ok bool, err error) {
	if s.file == nil {
		return stats, false, nil
	}
	stats, err = s.file.LogStats(ctx)
	return stats, true, err
}

// Replaced says that a SQLite database is no longer the file that was opened, as an error
// of kind [billing.Unavailable], or nil. Nothing can be written then.
func (s *Store) Replaced() error {
	if s.file == nil {
		return nil
	}
	return s.file.Replaced()
}

// Shared says that others than its owner have access to a SQLite file, and what to do; ""
// if they have none.
func (s *Store) Shared() string {
	if s.file == nil {
		return ""
	}
	return s.file.Shared()
}

// Servers is how many servers run on a PostgreSQL database, of whatever version; 0 on
// SQLite. One that has lost its connection is not seen.
func (s *Store) Servers(ctx context.Context) (int, error) {
	if s.nodes == nil {
		return 0, nil
	}
	return s.nodes.Listeners(ctx)
}

// Clock is what the clock of a PostgreSQL database shows; ok is false on SQLite, which has that
// of the machine.
func (s *Store) Clock(ctx context.Context) (now time.Time, ok bool, err error) {
	if s.nodes == nil {
		return time.Time{}, false, nil
	}
	now, err = s.nodes.Clock(ctx)
	return now, true, err
}

// Served says that a server has the SQLite file; on PostgreSQL it says nothing.
func (s *Store) Served() bool { return s.file != nil && s.file.Served() }

// KeepSpare sees that a full disk has room left for what must be written, on SQLite.
func (s *Store) KeepSpare() error {
	if s.file == nil {
		return nil
	}
	return s.file.KeepSpare()
}

// SpendSpare gives that room up, and reports whether there was any.
func (s *Store) SpendSpare() (bool, error) {
	if s.file == nil {
		return false, nil
	}
	return s.file.SpendSpare()
}

// Unserved keeps servers away from a SQLite file until release is called, and reports whether none
// runs on the database. On PostgreSQL it keeps nobody away.
func (s *Store) Unserved(ctx context.Context) (release func() error, err error) {
	if s.file != nil {
		return s.file.Reserve()
	}
	n, err := s.Servers(ctx)
	if err == nil && n > 0 {
		err = fmt.Errorf("%w: %d, by what listens on the database", ErrServers, n)
	}
	return func() error { return nil }, err
}

// ErrServers are servers that run where none may.
var ErrServers = errors.New("servers run on the database")

// Distribute spreads the tables over the nodes of a Citus cluster; see
// [postgres.DB.Distribute].
func (s *Store) Distribute(ctx context.Context) ([]string, error) {
	if s.nodes == nil {
		return nil, errors.New("a SQLite database is one file: only one on Citus can be spread")
	}
	return s.nodes.Distribute(ctx)
}

// Close waits for transactions to end, closes the database and gives up its
// lock.
func (s *Store) Close() error { return s.close() }
