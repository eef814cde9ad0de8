package billing

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"time"
)

// Unit is a unit of work: use cases that change something, run in one
// transaction, at one instant, by one actor. It is valid within [Service.Do] or
// [Service.Once].
type Unit struct {
	service *Service
	tx      Tx
	by      Actor
	clock   time.Time // what the clock said; see facts.now and book.now

	lastRecord [16]byte
}

// Do runs fn in one transaction. If it returns an error nothing is changed. It
// may run more than once.
func (s *Service) Do(ctx context.Context, by Actor, fn func(*Unit) error) error {
	clock := s.now()
	return s.Store.Update(ctx, func(tx Tx) error {
		return fn(&Unit{service: s, tx: tx, by: by, clock: clock})
	})
}

// recordID makes the id of a usage record that was reported without one. Those
// of one unit follow each other, so that they are stored side by side.
func (u *Unit) recordID(now time.Time) (string, error) {
	if u.lastRecord == ([16]byte{}) {
		var err error
		if u.lastRecord, err = newID[[16]byte](u.service.random(), now.UnixMilli()); err != nil {
			return "", err
		}
	}
	n := binary.BigEndian.Uint32(u.lastRecord[12:]) + 1
	binary.BigEndian.PutUint32(u.lastRecord[12:], n)
	return "usage_" + hex.EncodeToString(u.lastRecord[:]), nil
}

// AnswerLifetime is for how long at least an answer is replayed.
const AnswerLifetime = 48 * time.Hour

// Once names work that is to be done at most once.
type Once struct {
	// Customer finds whose work it is, if it is one customer's; nil if not.
	Customer func(*Unit) (CustomerID, error)
	// Key is the caller's key with all that it is scoped to: issuer, client and
	// route.
	Key string
	// Fingerprint is of what was asked. The same key with another one is refused.
	Fingerprint []byte
	// Refusal is the answer that an error of the work makes, and whether it is
	// the work's (and stored) rather than a fault to try again after.
	Refusal func(error) (Answer, bool)
}

// Answer is what was said, as it was said.
type Answer struct {
	Status   int
	Body     []byte
	Revision string
}

// StoredAnswer is an answer with what it is found by.
type StoredAnswer struct {
	Scope       Scope // of the customer, or ScopeNone
	Key         string
	Fingerprint []byte
	CreatedOn   time.Time
	Answer
}

// errRaced is a twin that has committed first; its answer is there now.
var errRaced = errors.New("the same work was done meanwhile")

// Once does work and stores its answer in one transaction, or replays the answer
// that was stored the first time. Of racing calls with one key one does the work.
// The error is IDEMPOTENCY_KEY_REUSED if the key was used for something else.
func (s *Service) Once(ctx context.Context, by Actor, once Once, work func(*Unit) (Answer, error)) (a Answer, replayed bool, err error) {
	for {
		a, replayed, err = s.once(ctx, by, once, work)
		if err == nil || errors.Is(err, errRaced) && ctx.Err() == nil {
			if err == nil {
				return a, replayed, nil
			}
			continue
		}
		refusal, ofTheWork := once.Refusal(err)
		if !ofTheWork {
			return Answer{}, false, err
		}
		// The work wrote nothing; what it said is kept by itself. If a twin was
		// quicker, its answer is the first.
		a, replayed, err = s.once(ctx, by, once, func(*Unit) (Answer, error) { return refusal, nil })
		if err == nil || !errors.Is(err, errRaced) {
			return a, replayed, err
		}
	}
}

func (s *Service) once(ctx context.Context, by Actor, once Once, work func(*Unit) (Answer, error)) (a Answer, replayed bool, err error) {
	err = s.Do(ctx, by, func(u *Unit) error {
		scope := ScopeNone
		if once.Customer != nil {
			id, err := once.Customer(u)
			if err != nil {
				return err
			}
			scope = id.Scope()
		}
		stored, err := u.tx.Answer(scope, once.Key)
		switch {
		case err == nil && !bytes.Equal(stored.Fingerprint, once.Fingerprint):
			return errKeyReused
		case err == nil:
			a, replayed = stored.Answer, true
			return nil
		case !errors.Is(err, ErrNotFound):
			return err
		}
		if a, err = work(u); err != nil {
			return err
		}
		replayed = false
		err = u.tx.CreateAnswer(StoredAnswer{Scope: scope, Key: once.Key, Fingerprint: once.Fingerprint, CreatedOn: u.clock, Answer: a})
		if errors.Is(err, ErrExists) {
			return errRaced
		}
		return err
	})
	return a, replayed, err
}

var errKeyReused = invalidf("IDEMPOTENCY_KEY_REUSED", "this Idempotency-Key was used for another request; use a new one for each")
