package sqlstore

import (
	"context"

	signin "github.com/allot-dev/allot/internal/admin/signin/record"
	"github.com/allot-dev/allot/internal/feed"
	"github.com/allot-dev/allot/internal/oauth/record"
	outbox "github.com/allot-dev/allot/internal/outbox/record"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/verify"
)

// Each tenant declares the part of a transaction that it needs. The use cases have
// theirs of the store itself, by View and Update; the others ask for it.
var (
	_ service.Store = (*Store)(nil)
	_ feed.Store    = tenant[feed.Reader, feed.Tx]{}
	_ record.Store  = tenant[record.Reader, record.Tx]{}
	_ outbox.Store  = tenant[outbox.Reader, outbox.Tx]{}
	_ signin.Store  = tenant[signin.Reader, signin.Tx]{}
)

// View implements [service.Store].
func (s *Store) View(ctx context.Context, fn func(service.Reader) error) error {
	return s.Read(ctx, func(r *Reader) error {
		return fn(service.Reader{
			CatalogReader:   r,
			CustomerReader:  r,
			AgreementReader: r,
			GrantReader:     r,
			UsageReader:     r,
			DrawReader:      r,
			HoldReader:      r,
			AnswerReader:    r,
			LogReader:       r,
			EventReader:     r,
		})
	})
}

// Update implements [service.Store].
func (s *Store) Update(ctx context.Context, fn func(service.Tx) error) error {
	return s.Write(ctx, func(t *Tx) error {
		return fn(service.Tx{
			CatalogTx:   t,
			CustomerTx:  t,
			AgreementTx: t,
			GrantTx:     t,
			UsageTx:     t,
			DrawTx:      t,
			HoldTx:      t,
			AnswerTx:    t,
			LogTx:       t,
			EventTx:     t,
			Webhooks:    t,
		})
	})
}

// ForFeed is the store for package feed.
func (s *Store) ForFeed() feed.Store {
	return tenant[feed.Reader, feed.Tx]{s,
		func(r *Reader) feed.Reader { return r }, func(t *Tx) feed.Tx { return t }}
}

// ForClients is the store for package oauth.
func (s *Store) ForClients() record.Store {
	return tenant[record.Reader, record.Tx]{s,
		func(r *Reader) record.Reader { return r }, func(t *Tx) record.Tx { return t }}
}

// ForWebhooks is the store for package outbox.
func (s *Store) ForWebhooks() outbox.Store {
	return tenant[outbox.Reader, outbox.Tx]{s,
		func(r *Reader) outbox.Reader { return r }, func(t *Tx) outbox.Tx { return t }}
}

// ForAdministrators is the store for package signin.
func (s *Store) ForAdministrators() signin.Store {
	return tenant[signin.Reader, signin.Tx]{s,
		func(r *Reader) signin.Reader { return r }, func(t *Tx) signin.Tx { return t }}
}

// ForVerify is the store for package verify.
func (s *Store) ForVerify() verify.Store {
	return tenant[verify.Reader, verify.Reader]{s,
		func(r *Reader) verify.Reader { return r }, func(t *Tx) verify.Reader { return t }}
}

// tenant is the store as a tenant sees it that reads by R and writes by T. The two
// functions only change the type: one of Go's functions that takes an interface
// is not one that takes what satisfies it.
type tenant[R, T any] struct {
	store  *Store
	reader func(*Reader) R
	tx     func(*Tx) T
}

// View runs fn on one consistent state.
func (p tenant[R, T]) View(ctx context.Context, fn func(R) error) error {
	return p.store.Read(ctx, func(r *Reader) error { return fn(p.reader(r)) })
}

// Update runs fn in one transaction.
func (p tenant[R, T]) Update(ctx context.Context, fn func(T) error) error {
	return p.store.Write(ctx, func(t *Tx) error { return fn(p.tx(t)) })
}
