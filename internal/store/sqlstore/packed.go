package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/packed"
)

// On a backend that says so, the facts of a customer stand in one row as well, packed:
// what a snapshot is loaded with is found by one key. The row is derived. It is made
// where a transaction that changed facts commits, of all that had not ended at the
// customer's last change; a customer that has none, or one that cannot be used, is read
// by [selectFacts].
const (
	selectPacked = `select packed from packed_facts where customer_id = $1`

	upsertPacked = `insert into packed_facts (customer_id, packed) values ($1, $2)
		on conflict (customer_id) do update set packed = excluded.packed`

	deletePacked = `delete from packed_facts where customer_id = $1`
)

// Packed implements [service.Store].
func (s *Store) Packed(ctx context.Context, id billing.CustomerID, at time.Time) (packed.Facts, error) {
	if s.packs {
		var kept []sealed
		err := s.retry(ctx, func() (err error) {
			kept, err = list(s.reader.single(ctx), scanSealed, selectPacked, id.String())
			return err
		})
		if err != nil {
			return "", err
		}
		if len(kept) > 0 {
			if text, ok := packed.Open(id, kept[0]); ok && text.Serves(0, at) {
				return text, nil
			}
		}
	}
	facts, err := s.facts(ctx, id, at)
	if err == nil && !facts.Customer.DeletedOn.IsZero() {
		err = billing.ErrNotFound
	}
	if err != nil {
		return "", err
	}
	return packed.Pack(&facts, at)
}

// sealed is what packed facts are in their row.
type sealed []byte

func scanSealed(r row) (b sealed, err error) { return b, r.Scan((*[]byte)(&b)) }

// pack makes the row of a customer's facts, which are those since their last change.
func (t *Tx) pack(id billing.CustomerID, changedOn time.Time) error {
	facts, err := t.Facts(id, changedOn)
	if err != nil {
		return err
	}
	b := seal(&facts, changedOn)
	if b == nil {
		_, err = t.exec(deletePacked, id.String())
	} else {
		_, err = t.exec(upsertPacked, id.String(), b)
	}
	return err
}

// seal is what the row of a customer has; nil for one that has none. What a newer
// program writes may have a word that cannot be packed here.
func seal(f *billing.Facts, readFor time.Time) blob {
	if !f.Customer.DeletedOn.IsZero() {
		return nil
	}
	text, err := packed.Pack(f, readFor)
	if err != nil {
		return nil
	}
	return text.Seal(f.Customer.ID)
}

// PackedDrift is as service.CustomerReader says.
func (r *Reader) PackedDrift(id billing.CustomerID) (string, error) {
	if !r.packs {
		return "", nil
	}
	kept, err := one(r.conn, scanSealed, selectPacked, id.String())
	if errors.Is(err, billing.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	text, ok := packed.Open(id, kept)
	if !ok {
		if len(kept) > 0 && kept[0] != packed.Form {
			return "", nil // as good as none
		}
		return "the packed facts are damaged", nil
	}
	facts, err := r.Facts(id, text.ReadFor())
	switch {
	case err != nil:
		return "", err
	case text.Rev() != facts.Customer.Rev:
		return fmt.Sprintf("the packed facts are of revision %d, the customer is at %d", text.Rev(), facts.Customer.Rev), nil
	case string(seal(&facts, text.ReadFor())) != string(kept):
		return "the packed facts are not what the customer's rows say", nil
	}
	return "", nil
}

// How far the packing of all customers has come is a mark, which is not copied, so that
// it begins anew in a copy: the form, and the last customer unless all are done.
const packedMark = "packed"

// packBatch is how many customers are packed in one transaction.
const packBatch = 100

// PackAll makes the rows of packed facts that are not there, as after a migration or in
// a copy, in short transactions. It goes on from where it was interrupted.
func (s *Store) PackAll(ctx context.Context) error {
	for more := s.packs; more; {
		err := s.Write(ctx, func(t *Tx) (err error) {
			more, err = t.packSome()
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// packSome makes the rows of the next customers, and reports whether there are more.
func (t *Tx) packSome() (more bool, err error) {
	mark, err := t.mark(packedMark)
	form := strconv.Itoa(packed.Form)
	if err != nil || mark == form {
		return false, err
	}
	var after billing.CustomerID
	if of, last, _ := strings.Cut(mark, " "); of == form {
		if after, err = billing.ParseID[billing.CustomerID](last); err != nil {
			return false, fmt.Errorf("how far facts are packed: %w", err)
		}
	}
	ids, err := t.CustomerIDs(after, packBatch)
	if err != nil {
		return false, err
	}
	if err := t.packMissing(ids); err != nil {
		return false, err
	}
	mark = form
	if more = len(ids) == packBatch; more {
		mark += " " + ids[packBatch-1].String()
	}
	_, err = t.exec(upsertMark, packedMark, mark)
	return more, err
}

func (t *Tx) packMissing(ids []billing.CustomerID) error {
	for _, id := range ids {
		kept, err := list(t.conn, scanSealed, selectPacked, id.String())
		if err != nil {
			return err
		}
		if len(kept) > 0 {
			if _, ok := packed.Open(id, kept[0]); ok {
				continue
			}
		}
		c, err := t.Customer(id)
		if err != nil {
			return err
		}
		if err := t.pack(id, c.ChangedOn); err != nil {
			return err
		}
	}
	return nil
}
