package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/store/sqlite"
	"github.com/allot-dev/allot/internal/store/sqlstore"
)

// Errors of [Copy] and of opening what it has made.
var (
	ErrCopyEmpty    = errors.New("the source holds nothing that could be copied")
	ErrCopyOccupied = errors.New("the target holds an installation, and not a copy that is under way")
	ErrCopyDiverged = errors.New("the target has changes that the source has not: it is of another installation, or was changed by itself")
	ErrCopyOther    = errors.New("another copy into the target has begun")
	ErrCopyPartial  = errors.New("the database is a copy that is not whole yet")
)

// The mark of a target says how far it is. One that is begun has the name of the
// run behind it, so that of two runs the later one stops the earlier.
const (
	copyBegun = "begun "
	copyWhole = "whole"
)

// SourceState is what is known of servers on the source of a copy.
type SourceState string

const (
	// SourceAtRest is a source that servers were kept out of.
	SourceAtRest SourceState = "at rest"
	// SourceServed is one that a server has.
	SourceServed SourceState = "served"
	// SourceUnknown is one that servers may have: they need no lock for it.
	SourceUnknown SourceState = "unknown"
)

// CopyOptions say what to copy.
type CopyOptions struct {
	From, To string // URLs; see [Options]
	// Progress, unless nil, is told before some more rows of a table are read how
	// many have been gone through, and again when those in the target are compared.
	Progress func(table string, rows int64, compared bool)
}

// Copied is what a copy has done.
type Copied struct {
	Tables []CopiedTable
	Source SourceState
	// Whole says that the target is the source and may be served from. It is not
	// if a server may write what it has not, or the two differ.
	Whole bool
}

// CopiedTable is what became of one table.
type CopiedTable struct {
	Name           string
	Source, Target TableSum
	Put, Removed   int64 // rows, in this run
}

// TableSum is all there is in a table: how many rows, and the SHA-256 in hex of
// their values in the order of their keys, which is the same on all databases.
type TableSum struct {
	Rows     int64
	Checksum string
}

// Differ are the names of the tables that are not the same on both sides.
func (c *Copied) Differ() []string {
	var names []string
	for _, t := range c.Tables {
		if t.Source != t.Target {
			names = append(names, t.Name)
		}
	}
	return names
}

// Copy makes the target the same as the source was when Copy began. The source
// may be served meanwhile; it is read in one state of it, and not changed.
//
// Both sides are walked in the order of their keys, and what differs is put
// right in the target, a batch of rows in a transaction. So a copy that was
// interrupted is just begun again, and so is one whose source has changed since:
// what is there already is read and left. At the end the target is read again,
// and its sums held against those of the source.
//
// The target is empty or was begun by Copy. From its beginning to its end no
// server starts on it; then the first that does takes it into use, and it is a
// target no more.
func Copy(ctx context.Context, opts CopyOptions) (_ Copied, err error) {
	c := copying{progress: opts.Progress, run: copyBegun + rand.Text()}
	if c.progress == nil {
		c.progress = func(string, int64, bool) {}
	}
	defer func() { err = errors.Join(err, c.close()) }()
	if err := c.open(ctx, opts); err != nil {
		return Copied{}, err
	}
	if err := c.begin(ctx); err != nil {
		return Copied{}, err
	}
	err = c.from.Read(ctx, func(r *sqlstore.Reader) error {
		for i := range sqlstore.Tables {
			if err := c.table(ctx, r, &sqlstore.Tables[i]); err != nil {
				return fmt.Errorf("%s: %w", sqlstore.Tables[i].Name, err)
			}
		}
		return nil
	})
	if err != nil {
		return Copied{}, err
	}
	return c.result, c.finish(ctx)
}

// copying is a copy under way.
type copying struct {
	from, to *Store
	run      string // the mark of this run
	progress func(table string, rows int64, compared bool)
	result   Copied
	closers  []func() error
}

func (c *copying) close() error {
	var errs []error
	for i := len(c.closers) - 1; i >= 0; i-- {
		errs = append(errs, c.closers[i]())
	}
	return errors.Join(errs...)
}

// open opens both sides, and keeps servers from them where that can be done. Where there is
// nothing to copy the target is not made.
func (c *copying) open(ctx context.Context, opts CopyOptions) error {
	if err := CheckURL(opts.From); err != nil {
		return &URLError{"source", err}
	}
	if err := CheckURL(opts.To); err != nil {
		return &URLError{"target", err}
	}
	if sameDatabase(opts.From, opts.To) {
		return errors.New("source and target are the same database")
	}
	c.result.Source = SourceUnknown
	if file, ok := sqliteFile(opts.From); ok {
		if _, err := os.Stat(file); err != nil {
			return fmt.Errorf("source: %w", err)
		}
		release, err := sqlite.Reserve(file)
		_, served := errors.AsType[*sqlite.ServedError](err)
		switch {
		case served:
			c.result.Source = SourceServed
		case err != nil:
			return fmt.Errorf("source: %w", err)
		default:
			c.result.Source = SourceAtRest
			c.closers = append(c.closers, release)
		}
	}
	var err error
	if c.from, err = Open(ctx, Options{URL: opts.From, Mode: Existing}); errors.Is(err, ErrNone) {
		return ErrCopyEmpty
	} else if err != nil {
		return fmt.Errorf("source: %w", err)
	}
	c.closers = append(c.closers, c.from.Close)
	// Of a newer schema that it may run on this program knows not all columns.
	source := c.from.Schema()
	if source.Now != source.Known {
		return fmt.Errorf("the source has schema version %d, and this allot copies version %d: use an allot that is as new",
			source.Now, source.Known)
	}
	if err := c.from.Read(ctx, requireChange); err != nil {
		return err
	}
	if file, ok := sqliteFile(opts.To); ok { // made only now that there is something to copy
		// A key file may wait there already.
		made, err := sqlite.Open(ctx, sqlite.Options{Path: file, New: true})
		if err == nil {
			err = made.Close()
		}
		if err != nil {
			return fmt.Errorf("target: %w", err)
		}
		release, err := sqlite.Reserve(file)
		if err != nil {
			return fmt.Errorf("target: %w", err)
		}
		c.closers = append(c.closers, release)
	}
	if c.to, err = Open(ctx, Options{URL: opts.To}); err != nil {
		return fmt.Errorf("target: %w", err)
	}
	c.closers = append(c.closers, c.to.Close)
	if target := c.to.Schema(); target.Now != source.Now {
		return fmt.Errorf("the source has schema version %d, the target %d, and this allot copies version %d: use an allot that is as new as both",
			source.Now, target.Now, source.Known)
	}
	return nil
}

// requireChange returns [ErrCopyEmpty] of a database in which nothing has happened.
func requireChange(r *sqlstore.Reader) error {
	rows, err := sqlstore.Tables[0].Rows(r, nil)
	if err == nil && len(rows) == 0 {
		return ErrCopyEmpty
	}
	return err
}

func sameDatabase(one, other string) bool {
	a, isFile := sqliteFile(one)
	b, areFiles := sqliteFile(other)
	if !isFile || !areFiles {
		return one == other
	}
	x, err := os.Stat(a)
	y, err2 := os.Stat(b)
	return err == nil && err2 == nil && os.SameFile(x, y)
}

// begin marks the target as one that is copied into, if it may be.
func (c *copying) begin(ctx context.Context) error {
	changes := &sqlstore.Tables[0]
	var mark string
	var there []sqlstore.Row
	err := c.to.Read(ctx, func(r *sqlstore.Reader) (err error) {
		if mark, err = sqlstore.CopyMark(r); err != nil {
			return err
		}
		there, err = changes.Rows(r, nil)
		return err
	})
	if err != nil {
		return err
	}
	if mark == "" && len(there) > 0 {
		return ErrCopyOccupied
	}
	err = c.from.Read(ctx, func(r *sqlstore.Reader) error {
		rows := side{read: func(after sqlstore.Row) ([]sqlstore.Row, error) { return changes.Rows(r, after) }}
		row, err := rows.head()
		if err == nil && row == nil {
			return ErrCopyEmpty
		}
		if err != nil || len(there) == 0 {
			return err
		}
		// A source that is not the one the target was begun with is found out here
		// already, so that nothing of it is written.
		for row != nil && changes.Compare(row, there[0]) < 0 {
			rows.next()
			if row, err = rows.head(); err != nil {
				return err
			}
		}
		if row == nil || changes.Compare(row, there[0]) > 0 || !sameRecord(row, there[0]) {
			return ErrCopyDiverged
		}
		return nil
	})
	if err != nil {
		return err
	}
	return c.to.Write(ctx, func(tx *sqlstore.Tx) error {
		now, err := sqlstore.CopyMark(&tx.Reader)
		if err != nil {
			return err
		}
		if now != mark {
			return ErrCopyOther
		}
		return sqlstore.PutCopyMark(tx, c.run)
	})
}

// finish reads the target again, and says that it is whole if so it is.
func (c *copying) finish(ctx context.Context) error {
	err := c.to.Read(ctx, func(r *sqlstore.Reader) error {
		for i := range sqlstore.Tables {
			t := &sqlstore.Tables[i]
			sum := newTally()
			rows := side{read: func(after sqlstore.Row) ([]sqlstore.Row, error) {
				c.progress(t.Name, sum.rows, true)
				return t.Rows(r, after)
			}}
			for {
				row, err := rows.head()
				if err != nil {
					return fmt.Errorf("%s: %w", t.Name, err)
				}
				if row == nil {
					break
				}
				sum.add(row)
				rows.next()
			}
			c.result.Tables[i].Target = sum.total()
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("target: %w", err)
	}
	if len(c.result.Differ()) > 0 || c.result.Source == SourceServed {
		return nil
	}
	c.result.Whole = true
	return c.update(ctx, func(tx *sqlstore.Tx) error { return sqlstore.PutCopyMark(tx, copyWhole) })
}

// update writes to the target, unless another run has it now.
func (c *copying) update(ctx context.Context, fn func(*sqlstore.Tx) error) error {
	return c.to.Write(ctx, func(tx *sqlstore.Tx) error {
		err := sqlstore.LockCopyMark(tx, c.run)
		if errors.Is(err, billing.ErrNotFound) {
			return ErrCopyOther
		}
		if err != nil {
			return err
		}
		return fn(tx)
	})
}

// takeCopy takes a database that was copied into use.
func takeCopy(ctx context.Context, st *Store) error {
	var mark string
	err := st.Read(ctx, func(r *sqlstore.Reader) (err error) {
		mark, err = sqlstore.CopyMark(r)
		return err
	})
	switch {
	case err != nil || mark == "":
		return err
	case mark != copyWhole:
		return ErrCopyPartial
	default:
		return st.Write(ctx, sqlstore.DeleteCopyMark)
	}
}
