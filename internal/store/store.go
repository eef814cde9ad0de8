// Package store opens the place where facts are kept, by URL.
//
// The packages below have a part each: sqlstore every query, once; sqlite what
// is peculiar to that database; storetest the suite that every backend passes.
// The seam to the rest of Allot is [billing.Store].
//
// The key decision is how changes get into one order. Each is committed under a
// revision of its own scope (a customer, the catalog), so that writers of
// different customers share nothing; [Store.RunSequencer] gives committed
// changes their place in the feed afterwards.
//
// Start with [Open].
package store

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/allot-dev/allot/internal/store/sqlite"
	"github.com/allot-dev/allot/internal/store/sqlstore"
)

// Mode is what a store is opened for.
type Mode uint8

const (
	// Tool is for a command that runs once, perhaps beside a server. It creates
	// the schema in an empty place and never migrates an existing one.
	Tool Mode = iota
	// Serve is for a server. It creates the schema or migrates it to this
	// version, and holds the lock that keeps a second server out.
	Serve
)

// Options say what to open.
type Options struct {
	// URL is sqlite:FILE. The file and its directory are created if there are
	// none, readable by their owner only.
	URL  string
	Mode Mode
}

// Store is an open store. It must be closed.
type Store struct {
	*sqlstore.Store
	db *sqlite.DB
}

// Open opens a store. It fails if the database is not of this version and may
// not be migrated, and, to serve, if another server holds the lock.
func Open(ctx context.Context, opts Options) (*Store, error) {
	path, err := parseURL(opts.URL)
	if err != nil {
		return nil, err
	}
	db, err := sqlite.Open(ctx, sqlite.Options{Path: path, Serve: opts.Mode == Serve})
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	return &Store{Store: sqlstore.New(db.Backend()), db: db}, nil
}

// parseURL is the file that a URL names. It does not repeat the URL, which may
// hold a password.
func parseURL(url string) (string, error) {
	scheme, rest, _ := strings.Cut(url, ":")
	switch scheme {
	case "sqlite":
		path := strings.TrimPrefix(rest, "//")
		if path == "" {
			return "", errors.New("database URL names no file: want sqlite:FILE")
		}
		return path, nil
	case "postgres", "postgresql":
		return "", errors.New("database URL is for PostgreSQL, but this build has SQLite only: want sqlite:FILE")
	default:
		return "", errors.New("database URL is of an unknown kind: want sqlite:FILE")
	}
}

// Close waits for transactions to end, closes the database and gives up its
// lock.
func (s *Store) Close() error { return s.db.Close() }
