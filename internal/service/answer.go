package service

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/allot-dev/allot/internal/billing"
)

// AnswerLifetime is for how long at least an answer is replayed.
const AnswerLifetime = 48 * time.Hour

// Once names work that is to be done at most once.
type Once struct {
	// Customer is whose work it is, if it is one customer's.
	Customer billing.CustomerID
	// Records is how many records of usage the work may make, and of which
	// Features, if that is all it does: then it runs as in [Service.Count]. 0 is
	// work of another kind.
	Records  int
	Features []billing.Code
	// Until is by when the caller is to be answered; zero is any time, of what records no
	// usage.
	Until time.Time
	Turn  Turn
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
	Scope       billing.Scope // of the customer, or ScopeNone
	Key         string
	Fingerprint []byte
	CreatedOn   time.Time
	Answer
}

// Once does work and stores its answer in one transaction, or replays the answer
// that was stored the first time. Of racing calls with one key one does the work.
// The error is IDEMPOTENCY_KEY_REUSED if the key was used for something else.
func (s *Service) Once(ctx context.Context, by billing.Actor, once Once, work func(*Work) (Answer, error)) (a Answer, replayed bool, err error) {
	ctx, cancel := s.Within(ctx, once.Until)
	defer cancel()
	a, replayed, err = s.once(ctx, by, once, work)
	if err == nil {
		return a, replayed, nil
	}
	refusal, ofTheWork := once.Refusal(err)
	if !ofTheWork {
		// A twin may have done the work while this one waited, and what it was about
		// may be gone since.
		if said, found, lookUp := s.Said(ctx, once); lookUp == nil && found {
			return said, true, nil
		}
		return Answer{}, false, err
	}
	// The work wrote nothing; what it said is kept by itself. If a twin was
	// quicker, its answer is the first.
	return s.once(ctx, by, once, func(*Work) (Answer, error) { return refusal, nil })
}

func (s *Service) once(ctx context.Context, by billing.Actor, once Once, work func(*Work) (Answer, error)) (a Answer, replayed bool, err error) {
	scope := once.scope()
	do := func(u *Work) error {
		var err error
		if a, replayed, err = once.said(u.answer(scope, once.Key)); err != nil || replayed {
			return err
		}
		if a, err = work(u); err != nil {
			return err
		}
		u.keep(StoredAnswer{Scope: scope, Key: once.Key, Fingerprint: once.Fingerprint, CreatedOn: u.clock, Answer: a})
		return nil
	}
	if once.Records > 0 {
		err = s.Count(ctx, by, Counting{once.Customer, once.Features, once.Records, once.Until, once.Turn}, do)
	} else {
		err = s.Do(ctx, by, do)
	}
	return a, replayed, err
}

// Said is the answer that is stored under the key, and whether one is. What is to
// be stored there is best looked up before it is worked out.
func (s *Service) Said(ctx context.Context, once Once) (a Answer, found bool, err error) {
	err = s.Store.View(ctx, func(r Reader) (err error) {
		a, found, err = once.said(r.Answer(once.scope(), once.Key))
		return err
	})
	return a, found, err
}

// scope is what the key is unique in.
func (o *Once) scope() billing.Scope {
	if o.Customer == (billing.CustomerID{}) {
		return ScopeNone
	}
	return o.Customer.Scope()
}

// ScopeNone is the scope of answers that belong to no customer.
const ScopeNone billing.Scope = "none"

// said is what a look-up of the key found, if that is an answer to the same.
func (o *Once) said(stored StoredAnswer, err error) (a Answer, found bool, _ error) {
	switch {
	case errors.Is(err, billing.ErrNotFound):
		return Answer{}, false, nil
	case err != nil:
		return Answer{}, false, err
	case !bytes.Equal(stored.Fingerprint, o.Fingerprint):
		return Answer{}, false, errKeyReused
	}
	return stored.Answer, true, nil
}

var errKeyReused = billing.Invalid.Errorf("IDEMPOTENCY_KEY_REUSED", "this Idempotency-Key was used for another request; use a new one for each")
