package service

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/allot-dev/allot/internal/billing"
)

// Work is a unit of work: use cases that change something, run in one
// transaction, at one instant, by one actor. It is valid within [Service.Do],
// [Service.Count] or [Service.Once].
type Work struct {
	*session
	by billing.Actor
}

// Do runs fn in a transaction of its own. If it returns an error nothing is
// changed. It may run more than once.
func (s *Service) Do(ctx context.Context, by billing.Actor, fn func(*Work) error) error {
	_, err := s.transact(ctx, false, func(ses *session) error { return fn(&Work{ses, by}) })
	return err
}

// Try runs fn as [Service.Do] does, and takes all back. It answers what a customer would
// then be entitled to, now (zero) or at a later instant: nothing, if fn purges it.
func (s *Service) Try(ctx context.Context, by billing.Actor, customer billing.CustomerID, at time.Time, fn func(*Work) error) (Standing, error) {
	var out Standing
	_, err := s.transact(ctx, false, func(ses *session) error {
		err := fn(&Work{ses, by})
		if err == nil {
			err = ses.flush()
		}
		if err != nil {
			return err
		}
		r := ses.tx.Reader()
		snap, err := readAny(r, customer, ses.clock)
		if errors.Is(err, errNoCustomer) {
			out = Standing{At: latest(ses.clock, at)}
			return errTried
		}
		if err == nil {
			out, _, err = standingFrom(r, snap, snap.Now(ses.clock), at)
		}
		return cmp.Or(err, errTried)
	})
	if errors.Is(err, errTried) {
		err = nil
	}
	return out, err
}

// raceAttempts bounds how often a transaction is run again that was raced, or met
// a lock out of order. The second time it finds what it met the first.
const raceAttempts = 10

// transact runs fn in a session and commits it. Where it fails, it reports
// whether that was before the commit: then nothing is written for certain.
func (s *Service) transact(ctx context.Context, counting bool, fn func(*session) error) (undone bool, err error) {
	var first unordered
	careful := false
	var chores []chore
	var told []refused
	for range raceAttempts {
		clock := s.now()
		err = s.Store.Update(ctx, func(tx Tx) error {
			undone = true
			ses := &session{
				service: s, tx: tx, clock: clock,
				counting: counting, serial: s.batching().kind.Serial, careful: careful,
			}
			if err := ses.openFirst(first); err != nil {
				return err
			}
			if err := fn(ses); err != nil {
				return err
			}
			if err := ses.flush(); err != nil {
				return err
			}
			undone, chores, told = false, ses.chores, ses.refused
			return nil
		})
		if again, ok := errors.AsType[*unordered](err); ok {
			first = unordered{again.meters, first.customer || again.customer}
		} else if errors.Is(err, errRaced) {
			careful = true
		} else {
			break
		}
	}
	if err == nil {
		for _, r := range told {
			s.memory.refusals().Set(r, struct{}{})
		}
		s.afterwards(chores...)
	}
	return undone, err
}
