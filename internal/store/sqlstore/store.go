// Package sqlstore implements [billing.Store] on database/sql: every query of
// Allot, written once, in SQL that runs unchanged on every backend.
//
// The key decision is that a backend is data. [Backend] names all in which
// databases differ (connections, the schema behind them, which errors mean "try
// again"); nothing here asks which one it talks to. The profile the statements
// keep to (customer_id first, no locks but updates, no errors met on purpose:
// uniqueness is "on conflict do nothing" and a count of rows) is checked by a
// test that walks them all.
//
// Start with [Store.Update]; then conn.go for how a statement is run, and a file
// for each noun.
package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/allot-dev/allot/internal/billing"
)

// Backend is what differs between databases.
type Backend struct {
	// Reader runs View. Its transactions see one state of the database, fixed at
	// the latest by their first statement.
	Reader *sql.DB
	// Writer runs Update. A transaction that has read what another has changed
	// since does not commit.
	Writer *sql.DB
	// Busy reports whether an error means that a transaction met another one,
	// wrote nothing, and may pass when it is run again.
	Busy func(error) bool
}

// Store keeps the facts in an SQL database. It is safe for concurrent use.
type Store struct {
	reader, writer *pool
	busy           func(error) bool
	catalogs       catalogCache
	committed      chan struct{}
	onCommit       func([]billing.Scope)
}

var _ billing.Store = (*Store)(nil)

// New is a store on a backend whose schema is of this version. Closing the
// backend's connections is left to the caller.
func New(b Backend) *Store {
	return &Store{
		reader:    &pool{db: b.Reader},
		writer:    &pool{db: b.Writer},
		busy:      b.Busy,
		committed: make(chan struct{}, 1),
	}
}

// Committed receives after an Update of this Store has committed changes that
// have no place in the feed yet; several commits may be one receipt. It is for
// one receiver, the sequencer.
func (s *Store) Committed() <-chan struct{} { return s.committed }

// OnCommit has f called with the scopes that an Update of this Store appended
// changes to, after it has committed and before it returns; also if whether it
// has committed is not known. f must be quick, and may be called by several at
// once. OnCommit is called at most once, before the store is used.
func (s *Store) OnCommit(f func(changed []billing.Scope)) { s.onCommit = f }

// View implements [billing.Store].
func (s *Store) View(ctx context.Context, fn func(billing.Reader) error) error {
	c, err := s.reader.begin(ctx, true)
	if err != nil {
		return err
	}
	defer c.end()
	return fn(&reader{conn: c, catalogs: &s.catalogs})
}

// attempts bounds how often Update runs a transaction that meets others. With
// the pauses between them that is some seconds.
const attempts = 12

// Update implements [billing.Store].
func (s *Store) Update(ctx context.Context, fn func(billing.Tx) error) error {
	for attempt := 1; ; attempt++ {
		err := s.update(ctx, fn)
		if err == nil || attempt == attempts || !s.busy(err) {
			return err
		}
		if err := pause(ctx, attempt); err != nil {
			return err
		}
	}
}

func (s *Store) update(ctx context.Context, fn func(billing.Tx) error) error {
	c, err := s.writer.begin(ctx, false)
	if err != nil {
		return err
	}
	defer c.end()
	t := &tx{
		reader: reader{conn: c, catalogs: &s.catalogs},
		locked: map[billing.CustomerID]bool{},
	}
	if err := fn(t); err != nil {
		return err
	}
	if t.catalogPut {
		return errors.New("the catalog was put but no change appended: its revision must name one state")
	}
	if !c.wrote {
		return nil // locks alone, as of a consume that is refused, need no disk
	}
	err = c.tx.Commit()
	if len(t.appended) > 0 && s.onCommit != nil {
		s.onCommit(t.appended)
	}
	if err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	if len(t.appended) > 0 {
		select {
		case s.committed <- struct{}{}:
		default: // there is one to be received already
		}
	}
	return nil
}

// pause waits before the next attempt: up to twice as long each time, at random
// so that those who met do not meet again.
func pause(ctx context.Context, attempt int) error {
	const first, longest = 5 * time.Millisecond, 500 * time.Millisecond
	timer := time.NewTimer(rand.N(min(first<<attempt, longest)))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// reader implements [billing.Reader].
type reader struct {
	*conn
	catalogs *catalogCache
	// catalogTouched is set once the transaction has changed the catalog: what
	// it reads from then on may be rolled back, so it is not kept.
	catalogTouched bool
}

// tx implements [billing.Tx].
type tx struct {
	reader
	locked        map[billing.CustomerID]bool
	lockedMeters  map[meter]bool
	lockedCatalog *billing.Catalog
	catalogPut    bool            // and no change appended since
	appended      []billing.Scope // to which changes were
}

// requireLock guards the rule that facts change under their customer's lock.
// SQLite, with one writer, would never punish a breach; other backends would.
func (t *tx) requireLock(id billing.CustomerID) error {
	if !t.locked[id] {
		return fmt.Errorf("%v is changed without its lock", id)
	}
	return nil
}
