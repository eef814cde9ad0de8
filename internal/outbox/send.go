package outbox

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/outbox/record"
)

const (
	// parting is how long requests under way may take once this node stops sending, and
	// partingSave how long it may take then to store what came of them.
	parting     = 2 * time.Second
	partingSave = time.Second
	// lagInterval is how often the oldest delivery that waits is looked for.
	lagInterval = 5 * time.Second
	// linger is how long the result of an attempt waits to be stored with others, unless
	// something waits for that.
	linger = 20 * time.Millisecond
	// saveBatch are so many results that they wait no longer.
	saveBatch = 256
)

// flight is an attempt that is over.
type flight struct {
	webhook  *record.Webhook // as it was sent to
	delivery record.Delivery
	result   result
	last     bool // no other of its chain follows
}

// sender works queues off. Its loop reads what is due, ahead of need, and stores what came
// of it, many at once. Meanwhile the workers of each [line] send. All is the loop's, but for
// what mu guards.
type sender struct {
	*Outbox
	// claimed are queues, by webhook, from when they are read until what came of it is stored.
	claimed map[string]map[billing.Scope]bool
	none    bool      // there are no webhooks
	looked  time.Time // when the oldest was looked for
	next    time.Time // when the first of the queues that are not due is; zero: there is none

	workers sync.WaitGroup
	landed  chan struct{} // receives when the first attempt lands after all were stored
	urgent  chan struct{} // receives when a worker needs a turn

	mu    sync.Mutex
	lines map[string]*line // by webhook
	// unsaved are attempts whose result is not stored yet. They are kept until it is.
	unsaved []flight
	parting bool // no further request is begun
}

// send works queues off until ctx ends or there are no webhooks.
func (o *Outbox) send(ctx context.Context) error {
	s := &sender{
		Outbox: o, claimed: map[string]map[billing.Scope]bool{}, lines: map[string]*line{},
		landed: make(chan struct{}, 1), urgent: make(chan struct{}, 1),
	}
	defer o.counts.oldest.Store(0)
	requests, abort := context.WithCancel(context.WithoutCancel(ctx))
	defer func() { s.part(requests, abort) }()
	failing := false
	for {
		err := s.turn(ctx, requests)
		switch {
		case ctx.Err() != nil, err == nil && s.none:
			return nil
		case err != nil && !failing:
			o.options.Log.Error("webhooks stand still", "error", err)
		case err == nil && failing:
			o.options.Log.Info("webhooks go on")
		}
		failing = err != nil
		rest := s.poll
		if !failing {
			rest = s.rest()
		}
		s.wait(ctx, rest)
	}
}

// rest is how long there is nothing to do, unless something comes.
func (s *sender) rest() time.Duration {
	if s.next.IsZero() {
		return s.poll
	}
	return min(max(s.next.Sub(s.now()), time.Millisecond), s.poll)
}

// wait waits until there is something to do.
func (s *sender) wait(ctx context.Context, rest time.Duration) {
	timer := time.NewTimer(rest)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.woken:
			return
		case <-s.urgent:
			return
		case <-timer.C:
			return
		case <-s.landed:
			timer.Reset(min(rest, linger))
		}
	}
}

// hint is a receipt for who looks, of which one is enough.
func hint(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default: // there is one to be received already
	}
}

// part stores what lands soon and gives up the rest: it is sent again.
func (s *sender) part(ctx context.Context, abort context.CancelFunc) {
	s.mu.Lock()
	s.parting = true
	s.mu.Unlock()
	done := make(chan struct{})
	go func() { s.workers.Wait(); close(done) }()
	deadline := time.NewTimer(parting)
	defer deadline.Stop()
	select {
	case <-done:
	case <-deadline.C:
	}
	saving, cancel := context.WithTimeout(ctx, partingSave)
	if err := s.save(saving); err != nil {
		s.options.Log.Warn("what was sent last is sent again", "error", err)
	}
	cancel()
	abort()
	<-done
}

// turn stores what came of attempts, and claims and begins what is due.
func (s *sender) turn(ctx, requests context.Context) error {
	if err := s.save(ctx); err != nil {
		return err
	}
	var webhooks []record.Webhook
	var claims []claim
	err := s.options.Store.View(ctx, func(r record.Reader) (err error) {
		claims, s.next = nil, time.Time{}
		if webhooks, err = r.Webhooks(); err != nil {
			return err
		}
		s.refresh(webhooks)
		if claims, err = s.due(r, webhooks); err != nil {
			return err
		}
		return s.lookAtOldest(r, webhooks)
	})
	if err != nil {
		return err
	}
	s.none = len(webhooks) == 0
	s.begin(requests, claims)
	more, err := s.replay(ctx, webhooks)
	if err != nil {
		return err
	}
	if gone, err := s.removeDeleted(ctx, webhooks); more || gone || err != nil {
		s.Wake()
		return err
	}
	return nil
}

// lookAtOldest finds since when the oldest delivery waits that is being sent, now and then.
func (s *sender) lookAtOldest(r record.Reader, webhooks []record.Webhook) error {
	now := s.now()
	if now.Sub(s.looked) < lagInterval && !now.Before(s.looked) {
		return nil
	}
	oldest := int64(0)
	for i := range webhooks {
		if webhooks[i].State != record.Enabled {
			continue
		}
		t, err := r.OldestPending(webhooks[i].ID)
		if errors.Is(err, billing.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		if us := t.UnixMicro(); oldest == 0 || us < oldest {
			oldest = us
		}
	}
	s.counts.oldest.Store(oldest)
	s.looked = now
	return nil
}

// save stores what came of attempts, and frees their queues.
func (s *sender) save(ctx context.Context) error {
	s.mu.Lock()
	flights := s.unsaved // others land behind them meanwhile
	was := map[string]*record.Webhook{}
	for id, l := range s.lines {
		was[id] = l.webhook
	}
	s.mu.Unlock()
	if len(flights) == 0 {
		return nil
	}
	var ended []ending
	err := s.options.Store.Update(ctx, func(tx record.Tx) (err error) {
		if ended, err = s.record(tx, flights); err != nil {
			return err
		}
		health := map[target]*verdict{}
		for i := range flights {
			f := &flights[i]
			to := target{f.webhook.ID, f.webhook.URL}
			v := health[to]
			if v == nil {
				v = &verdict{was: cmp.Or(was[to.webhook], f.webhook)}
				health[to] = v
			}
			v.add(f)
		}
		for _, to := range slices.SortedFunc(maps.Keys(health), target.compare) {
			e, err := s.judge(tx, to, health[to])
			if err != nil {
				return err
			}
			ended = append(ended, e)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i := range flights {
		f := &flights[i]
		s.counts.attempts[f.result.outcome].Add(1)
		if f.last {
			s.free(f.webhook.ID, f.delivery.Scope)
		}
	}
	s.mu.Lock()
	if s.unsaved = s.unsaved[len(flights):]; len(s.unsaved) == 0 {
		s.unsaved = nil
	} else {
		hint(s.landed)
	}
	s.mu.Unlock()
	for _, e := range ended {
		e.count(s.Outbox)
	}
	return nil
}
