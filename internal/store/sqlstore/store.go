// Package sqlstore implements what each tenant asks of a store ([service.Store],
// [feed.Store], and the clients' and webhooks' record.Store) on database/sql: every query of Allot, written
// once, in SQL that runs unchanged on every backend.
//
// One transaction, [Tx], has the methods of all tenants; tenant.go shows each of
// them its part.
//
// The key decision is that a backend is data. [Backend] names all in which
// databases differ (connections, the schema behind them, which errors mean "try
// again"); nothing here asks which one it talks to. The profile the statements
// keep to (customer_id first, no locks but updates, no errors met on purpose:
// uniqueness is "on conflict do nothing" and a count of rows) is checked by a
// test that walks them all. Fences, for backends where statements go together in one
// trip, have a profile of their own: see fence.go.
//
// Start with [Store.Write]; then conn.go for how a statement is run, and a file
// for each noun.
package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/feed"
	"github.com/allot-dev/allot/internal/service"
)

// Backend is what differs between databases.
type Backend struct {
	// Reader runs View, in transactions begun with View: they see one state of
	// the database, fixed at the latest by their first statement.
	Reader *sql.DB
	View   sql.TxOptions
	// Writer runs Update, in transactions begun with Update. Each of their
	// statements sees at least what was committed before it, unless the whole
	// transaction sees one state and does not commit if another has changed what
	// it has locked since. Either way what is read under a lock is what was there
	// when the lock was had; what is read before it may be older.
	Writer *sql.DB
	Update sql.TxOptions
	// Timeout bounds a transaction, the wait for a connection included, so that a
	// server that does not answer holds nobody for ever. 0 is no bound: the
	// database is in this process.
	Timeout time.Duration
	// ViewTimeout is that of View, if it is another.
	ViewTimeout time.Duration
	// Prepares says that statements are to be prepared here, because the driver
	// does not do it by itself.
	Prepares bool
	// Positional says that the driver looks up each argument of a statement among
	// the names of all, and takes ? for what needs no looking up.
	Positional bool
	// BlindLimits says that the database prepares a statement anew each time it is run with
	// a limit, to plan for the number, unless the limit is no bare argument.
	BlindLimits bool
	// Busy reports whether an error, of anything but a commit, means that the
	// transaction met another one or lost its connection, and may pass when it is
	// run again. Without a commit it has written nothing.
	Busy func(error) bool
	// Undone reports the same of an error of a commit, where in doubt the answer
	// is no: what may have been committed must not be run again.
	Undone func(error) bool
	// Trouble is what an error says of the database, if it comes of trouble with it. Nil: none
	// is known.
	Trouble func(error) Trouble
	// Explain, unless nil, has an error say what it is of.
	Explain func(error) error
	// Patience is how often something that failed so is run at all: less than others where it
	// is plain that nothing is there. 0 is as often as others. Nil: always.
	Patience func(error) int
	// Batch runs several statements in one trip; nil where a trip costs nothing.
	Batch Batch
	// Room, unless nil, is called before each transaction of Writer, and may have it wait.
	Room func(context.Context) error
	// Count, unless "", is a statement that counts a transaction which has written
	// something, run before its commit; it returns how many there are with it. Counted is
	// called with that once the commit is done and before anybody hears of it. With an
	// error of Counted the commit has come to pass, and nobody may be told so.
	Count   string
	Counted func(commits int64) error
	// Present, unless nil, says why nothing that is written now would be there later, as an
	// error of kind [billing.Unavailable], or nil. It is asked before each transaction that
	// may write, and before an answer is given again. It must be quick.
	Present func() error
	// State, unless nil, reads which state of the database is the newest that is committed. It
	// takes no lock, and is quick. Where it is not known it says so. It is for databases of one writer.
	State func() (_ State, ok bool)
	// Erased, unless nil, is called after a commit that erased what is personal: nothing of
	// it is to be left. It may wait for that, but not for long.
	Erased func(context.Context)
	// Packs says that each customer's facts are kept in one row as well: see packed.go.
	Packs bool
	// Batching is what Store.Batching answers.
	Batching service.Batching
	// Schema is what Store.Schema answers.
	Schema Schema
	// Finish is a statement that keeps programs of the version before from starting;
	// "" where they cannot.
	Finish string
}

// Schema is that of a database, in versions, which count from 1.
type Schema struct {
	Found int64 // what was there before it was opened; 0 if nothing was
	Now   int64
	Known int64 // the newest that this program knows
}

// SchemaError is a database whose schema this program does not work with: an older one, or
// one that wants a newer program.
type SchemaError struct {
	Have   int64 // the version of the database
	Wanted int64 // the least that a program must know for it; 0 if any newer one will do
	Known  int64 // the newest that this program knows
}

// Older reports whether the database is, and not the program.
func (e *SchemaError) Older() bool { return e.Have < e.Known }

func (e *SchemaError) Error() string {
	switch {
	case e.Older():
		return fmt.Sprintf("database has schema version %d, this allot wants %d: run allot migrate or allot serve", e.Have, e.Known)
	case e.Wanted > 0:
		return fmt.Sprintf("database has schema version %d, for programs that know %d or later; this allot knows %d: use a newer allot",
			e.Have, e.Wanted, e.Known)
	}
	return fmt.Sprintf("database has schema version %d, this allot knows %d: use a newer allot", e.Have, e.Known)
}

// ErrNone is a place that has no installation, where one was to be found.
var ErrNone = errors.New("there is no installation")

// Store keeps the facts in an SQL database. It is safe for concurrent use.
type Store struct {
	reader, writer *pool
	busy, undone   func(error) bool
	trouble        func(error) Trouble
	explain        func(error) error
	patience       func(error) int
	together       Batch // nil if there is none
	batching       service.Batching
	schema         Schema
	finish         string
	packs          bool
	room           func(context.Context) error
	count          string
	counted        func(commits int64) error
	present        func() error
	erased         func(context.Context)
	recall         *recall // nil if nothing is
	gates          []Gate
	catalogs       catalogCache
	records        stage
	committed      chan struct{}
	onCommit       func([]feed.Entry)
}

// New is a store on a backend whose schema is of this version. Closing the
// backend's connections is left to the caller.
func New(b Backend) *Store {
	return &Store{
		reader:    &pool{db: b.Reader, options: b.View, timeout: cmp.Or(b.ViewTimeout, b.Timeout), prepares: b.Prepares, positional: b.Positional, blindLimits: b.BlindLimits},
		writer:    &pool{db: b.Writer, options: b.Update, timeout: b.Timeout, prepares: b.Prepares, positional: b.Positional, blindLimits: b.BlindLimits},
		busy:      b.Busy,
		undone:    b.Undone,
		trouble:   b.Trouble,
		explain:   b.Explain,
		patience:  b.Patience,
		together:  b.Batch,
		batching:  b.Batching,
		schema:    b.Schema,
		finish:    b.Finish,
		packs:     b.Packs,
		room:      b.Room,
		count:     b.Count,
		counted:   b.Counted,
		present:   b.Present,
		erased:    b.Erased,
		recall:    newRecall(b.State),
		committed: make(chan struct{}, 1),
	}
}

// Committed receives after an Update of this Store has committed changes that
// have no place in the feed yet; several commits may be one receipt. It is for
// one receiver, the sequencer.
func (s *Store) Committed() <-chan struct{} { return s.committed }

// OnCommit has f called with the changes that an Update of this Store appended,
// which have no Seq yet, after it has committed and before it returns; also if
// whether it has committed is not known. f must be quick, and may be called by several at
// once. OnCommit is called at most once, before the store is used.
func (s *Store) OnCommit(f func(changed []feed.Entry)) { s.onCommit = f }

// Gate says why nothing may be written now, as an error of kind [billing.Unavailable], or
// nil. It is asked before each transaction that may write, and before the commit of those that
// stamp something themselves, so it must be quick.
type Gate func() error

// AddGate has a gate asked from now on. It is called before the store is used.
func (s *Store) AddGate(g Gate) { s.gates = append(s.gates, g) }

// admit asks the gates.
func (s *Store) admit() error {
	if s.present != nil {
		if err := s.present(); err != nil {
			return err
		}
	}
	for _, gate := range s.gates {
		if err := gate(); err != nil {
			return err
		}
	}
	return nil
}

// Batching implements [service.Store].
func (s *Store) Batching() service.Batching { return s.batching }

// Schema is the schema of the database as it was when it was opened.
func (s *Store) Schema() Schema { return s.schema }

// Read runs fn on one consistent state of the store, as [service.Store].View
// does.
func (s *Store) Read(ctx context.Context, fn func(*Reader) error) error {
	var c *conn
	err := s.retry(ctx, func() (err error) {
		c, err = s.reader.begin(ctx)
		return err
	})
	if err != nil {
		return err
	}
	defer c.end()
	return s.told(ctx, fn(&Reader{conn: c, catalogs: &s.catalogs, packs: s.packs, stage: &s.records, present: s.present}))
}

// Write runs fn in one transaction, as [service.Store].Update does.
func (s *Store) Write(ctx context.Context, fn func(*Tx) error) error {
	return s.retry(ctx, func() error { return s.write(ctx, fn) })
}

// attempts bounds how often something that met another transaction, or lost its
// connection, is run. With the pauses between them that is some seconds.
const attempts = 12

func (s *Store) retry(ctx context.Context, fn func() error) error {
	for attempt := 1; ; attempt++ {
		err := fn()
		if err == nil || attempt == attempts || !s.again(err) || s.plain(err, attempt) {
			return s.told(ctx, err)
		}
		if err := pause(ctx, attempt); err != nil {
			return s.told(ctx, err)
		}
	}
}

// plain reports whether it is plain, after some attempts, that nothing is there.
func (s *Store) plain(err error, attempt int) bool {
	if s.patience == nil {
		return false
	}
	most := s.patience(err)
	return most > 0 && attempt >= most
}

// again reports whether what failed has written nothing and may pass when it is
// run again.
func (s *Store) again(err error) bool {
	if c, ok := errors.AsType[*CommitError](err); ok {
		return s.undone(c.Err)
	}
	return s.busy(err)
}

// CommitError is a commit of which it is not known, but from what the backend
// makes of the error, whether it came to pass.
type CommitError struct{ Err error }

func (e *CommitError) Error() string { return "commit: " + e.Err.Error() }

func (e *CommitError) Unwrap() error { return e.Err }

// beginWrite starts a transaction that may write, once there is room for what it writes.
func (s *Store) beginWrite(ctx context.Context) (*conn, error) {
	if err := s.admit(); err != nil {
		return nil, err
	}
	if s.room != nil {
		if err := s.room(ctx); err != nil {
			return nil, err
		}
	}
	if err := s.recall.begin(ctx); err != nil {
		return nil, err
	}
	c, err := s.writer.begin(ctx)
	if err != nil {
		s.recall.end()
		return nil, err
	}
	s.recall.began()
	c.recall = s.recall
	return c, nil
}

func (s *Store) write(ctx context.Context, fn func(*Tx) error) error {
	c, err := s.beginWrite(ctx)
	if err != nil {
		return err
	}
	defer c.end()
	t := &Tx{
		Reader:  Reader{conn: c, catalogs: &s.catalogs, packs: s.packs, stage: &s.records},
		serial:  s.batching.Serial,
		finish:  s.finish,
		locked:  map[billing.CustomerID]bool{},
		changed: map[billing.CustomerID]time.Time{},
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
	if s.packs {
		for id, on := range t.changed {
			if err := t.pack(id, on); err != nil {
				return fmt.Errorf("pack the facts of %v: %w", id, err)
			}
		}
	}
	// What was stamped within the transaction was so after the gates were asked.
	if err := s.admit(); err != nil {
		return err
	}
	commits, err := s.countCommit(c)
	if err != nil {
		return err
	}
	err = s.commit(c, commits)
	if len(t.appended) > 0 && s.onCommit != nil {
		s.onCommit(t.appended)
	}
	if err != nil {
		return err
	}
	if len(t.appended) > 0 {
		select {
		case s.committed <- struct{}{}:
		default: // there is one to be received already
		}
	}
	if t.erased && s.erased != nil {
		s.erased(ctx)
	}
	return nil
}

// countCommit counts a transaction that is about to be committed.
func (s *Store) countCommit(c *conn) (commits int64, err error) {
	if s.count == "" {
		return 0, nil
	}
	return one(c, value[int64], s.count)
}

// commit commits the transaction of c. The error is a [*CommitError].
func (s *Store) commit(c *conn, commits int64) error {
	s.recall.leave(&c.touched)
	err := c.commit()
	s.recall.left(&c.touched, err)
	if err == nil && s.counted != nil {
		err = s.counted(commits)
	}
	if err != nil {
		return &CommitError{err}
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

// Reader reads one consistent state, for every tenant: see tenant.go for the part
// that each of them sees.
type Reader struct {
	*conn
	catalogs *catalogCache
	// catalogTouched is set once the transaction has changed the catalog: what
	// it reads from then on may be rolled back, so it is not kept.
	catalogTouched bool
	packs          bool         // of Backend
	present        func() error // of Backend; nil where it was asked already

	// Where records of usage are: what the store knows of it, what this transaction
	// has found, and whether it has changed it.
	stage        *stage
	everywhere   bool
	stageTouched bool
}

// Tx is a transaction that may write, for every tenant.
type Tx struct {
	Reader
	serial bool // no other transaction writes beside this one
	locked map[billing.CustomerID]bool
	// changed are the customers whose facts may have changed, and when their last change
	// was, if one was appended.
	changed       map[billing.CustomerID]time.Time
	lockedMeters  map[meter]*billing.Window // with the window that the lane has
	lockedCatalog *billing.Catalog
	finish        string // of Backend
	catalogPut    bool   // and no change appended since
	erased        bool   // something personal
	appended      []feed.Entry
}

// requireLock guards the rule that facts change under their customer's lock.
// SQLite, with one writer, would never punish a breach; other backends would. It notes
// that they change.
func (t *Tx) requireLock(id billing.CustomerID) error {
	if !t.locked[id] {
		return fmt.Errorf("%v is changed without its lock", id)
	}
	if _, noted := t.changed[id]; !noted {
		t.changed[id] = time.Time{}
	}
	return nil
}
