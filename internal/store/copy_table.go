package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"hash"

	"github.com/allot-dev/allot/internal/store/sqlstore"
)

// side is one side of a copy of a table: its rows in the order of their keys.
type side struct {
	read func(after sqlstore.Row) ([]sqlstore.Row, error)
	rows []sqlstore.Row // read and not passed yet
	last sqlstore.Row   // of those that were read
	end  bool
}

// head is the row that is next, nil behind the last.
func (s *side) head() (sqlstore.Row, error) {
	if len(s.rows) == 0 && !s.end {
		rows, err := s.read(s.last)
		if err != nil {
			return nil, err
		}
		if s.rows, s.end = rows, len(rows) == 0; !s.end {
			s.last = rows[len(rows)-1]
		}
	}
	if s.end {
		return nil, nil
	}
	return s.rows[0], nil
}

func (s *side) next() { s.rows = s.rows[1:] }

// tally adds up the rows of a table.
type tally struct {
	rows int64
	hash hash.Hash
	buf  []byte
}

func newTally() *tally { return &tally{hash: sha256.New()} }

func (t *tally) add(row sqlstore.Row) {
	t.rows++
	t.buf = row.Append(t.buf[:0])
	t.hash.Write(t.buf)
}

func (t *tally) total() TableSum { return TableSum{t.rows, hex.EncodeToString(t.hash.Sum(nil))} }

// copyBatch is how many rows are written in a transaction.
const copyBatch = 1024

// table makes a table of the target the same as it is in a state of the source.
// What is written is behind the target's reader already, and so not met again.
func (c *copying) table(ctx context.Context, from *sqlstore.Reader, t *sqlstore.Table) error {
	sum := newTally()
	source := side{read: func(after sqlstore.Row) ([]sqlstore.Row, error) {
		c.progress(t.Name, sum.rows, false)
		return t.Rows(from, after)
	}}
	target := side{read: func(after sqlstore.Row) (rows []sqlstore.Row, err error) {
		err = c.to.Read(ctx, func(r *sqlstore.Reader) error {
			rows, err = t.Rows(r, after)
			return err
		})
		return rows, err
	}}
	done := CopiedTable{Name: t.Name}
	var put, remove []sqlstore.Row
	write := func() error {
		if len(put)+len(remove) == 0 {
			return nil
		}
		err := c.update(ctx, func(tx *sqlstore.Tx) error {
			if err := t.Remove(tx, remove); err != nil {
				return err
			}
			return t.Put(tx, put)
		})
		done.Put, done.Removed = done.Put+int64(len(put)), done.Removed+int64(len(remove))
		put, remove = put[:0], remove[:0]
		return err
	}
	for {
		want, err := source.head()
		if err != nil {
			return err
		}
		there, err := target.head()
		if err != nil {
			return err
		}
		if want == nil && there == nil {
			break
		}
		var order int
		switch {
		case want == nil:
			order = 1
		case there == nil:
			order = -1
		default:
			order = t.Compare(want, there)
		}
		if t == &sqlstore.Tables[0] && (order > 0 || order == 0 && !sameRecord(want, there)) {
			return ErrCopyDiverged
		}
		switch {
		case order < 0 || order == 0 && !want.Equal(there):
			put = append(put, want)
		case order > 0:
			remove = append(remove, there)
		}
		if order <= 0 {
			sum.add(want)
			source.next()
		}
		if order >= 0 {
			target.next()
		}
		if len(put)+len(remove) == copyBatch {
			if err := write(); err != nil {
				return err
			}
		}
	}
	if err := write(); err != nil {
		return err
	}
	done.Source = sum.total()
	c.result.Tables = append(c.result.Tables, done)
	return nil
}

// sameRecord reports whether two rows of the changes, which never change, are the
// same but for their place in the feed, the last column.
func sameRecord(a, b sqlstore.Row) bool { return a[:len(a)-1].Equal(b[:len(b)-1]) }
