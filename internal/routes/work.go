package routes

import (
	"context"
	"errors"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/door"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/wire"
)

// worker is the use cases as the door has work done.
type worker struct{ *service.Service }

func (s worker) Do(ctx context.Context, w door.Work, fn func(*service.Work) error) error {
	if trial := door.TrialOf(ctx); trial != nil {
		return s.try(ctx, w, trial, fn)
	}
	if w.Records > 0 {
		return s.Count(ctx, billing.Actor(w.By), service.Counting{Customer: w.Whose, Features: codes(w.Features), Records: w.Records, Until: w.Until, Turn: w.Turn}, fn)
	}
	ctx, cancel := s.Within(ctx, w.Until)
	defer cancel()
	return s.Service.Do(ctx, billing.Actor(w.By), fn)
}

func (s worker) try(ctx context.Context, w door.Work, trial *door.Trial, fn func(*service.Work) error) error {
	customer, err := billing.ParseID[billing.CustomerID](trial.Customer)
	if err != nil {
		return err
	}
	standing, err := s.Try(ctx, billing.Actor(w.By), customer, trial.At, fn)
	if err == nil {
		trial.Entitled = wire.Standing(customer, &standing)
	}
	return err
}

func (s worker) Once(ctx context.Context, w door.Work, key door.Key, fn func(*service.Work) (door.Said, error)) (door.Said, bool, error) {
	once := onceOf(w, key)
	once.Refusal = func(err error) (service.Answer, bool) {
		said, kept := key.Outcome(err)
		return service.Answer(said), kept
	}
	said, replayed, err := s.Service.Once(ctx, billing.Actor(w.By), once, func(u *service.Work) (service.Answer, error) {
		said, err := fn(u)
		return service.Answer(said), err
	})
	return door.Said(said), replayed, err
}

func (s worker) Said(ctx context.Context, w door.Work, key door.Key) (door.Said, bool, error) {
	ctx, cancel := s.Within(ctx, w.Until)
	defer cancel()
	said, found, err := s.Service.Said(ctx, onceOf(w, key))
	return door.Said(said), found, err
}

func onceOf(w door.Work, key door.Key) service.Once {
	return service.Once{Customer: w.Whose, Records: w.Records, Features: codes(w.Features), Until: w.Until, Turn: w.Turn, Key: key.Name, Fingerprint: key.Fingerprint}
}

func codes(features []string) []billing.Code {
	out := make([]billing.Code, len(features))
	for i, f := range features {
		out[i] = billing.Code(f)
	}
	return out
}

// explain is an error of the use cases as the door tells it. What the state of
// things refuses is what the work came to; what is wrong with the request, or not
// there, can be put right by asking anew. Of several errors none is an outcome:
// they are all that is wrong with the request.
func explain(err error) door.Errors {
	if several, ok := errors.AsType[billing.Errors](err); ok && len(several) > 0 {
		out := make(door.Errors, len(several))
		for i, e := range several {
			out[i] = &door.Error{Kind: kinds[e.Kind], Code: e.Code, Message: e.Message, Err: e.Err}
		}
		return out
	}
	if e, ok := errors.AsType[*billing.Error](err); ok {
		return door.Errors{{Kind: kinds[e.Kind], Code: e.Code, Message: e.Message, Err: e.Err, Existing: e.Existing, Outcome: e.Kind == billing.Refused || e.Kind == billing.Conflict}}
	}
	return nil
}

// kinds are the door's, by those of the use cases. One that is not here is a fault
// of ours.
var kinds = map[billing.Kind]door.Kind{
	billing.Invalid:  door.Invalid,
	billing.Refused:  door.Invalid,
	billing.NotFound: door.NotFound,
	billing.Conflict: door.Conflict,

	billing.Unavailable: door.Unavailable,
}
