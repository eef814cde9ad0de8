package oauth

import (
	"context"
	"errors"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/oauth/record"
)

// Adopt writes into the log all that there is of clients and signing keys, if programs of
// the version before have logged some fields only, so that from then on each row follows
// from the log. What is adopted is left alone.
func (d *Directory) Adopt(ctx context.Context, by billing.Actor) error {
	for _, scope := range []billing.Scope{record.ScopeClients, record.ScopeKeys} {
		var needed bool
		err := d.store.View(ctx, func(r record.Reader) (err error) {
			needed, err = partial(r, scope)
			return err
		})
		if err != nil {
			return err
		}
		if !needed {
			continue
		}
		if err := d.store.Update(ctx, func(tx record.Tx) error { return d.adopt(tx, scope, by) }); err != nil {
			return err
		}
	}
	return nil
}

// partial reports whether the log of a scope lacks fields, and nothing was adopted.
func partial(r record.Reader, scope billing.Scope) (bool, error) {
	if _, err := r.Adopted(scope); !errors.Is(err, billing.ErrNotFound) {
		return false, err
	}
	const batch = 500
	for after := int64(0); ; {
		changes, err := r.Changes(scope, after, batch)
		if err != nil {
			return false, err
		}
		for i := range changes {
			if after = changes[i].Rev; changes[i].After["created_on"] == "" {
				return true, nil
			}
		}
		if len(changes) < batch {
			return false, nil
		}
	}
}

func (d *Directory) adopt(tx record.Tx, scope billing.Scope, by billing.Actor) error {
	if err := tx.Lock(scope); err != nil {
		return err
	}
	rev, err := tx.Revision(scope)
	if err != nil {
		return err
	}
	if scope == record.ScopeKeys {
		keys, err := tx.SigningKeys()
		if err != nil {
			return err
		}
		return tx.Adopt(record.AdoptKeys(keys, rev, d.instant(), by))
	}
	clients, err := tx.Clients()
	if err != nil {
		return err
	}
	return tx.Adopt(record.AdoptClients(clients, rev, d.instant(), by))
}
