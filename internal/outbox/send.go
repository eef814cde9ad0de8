package outbox

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/event"
	"github.com/allot-dev/allot/internal/outbox/record"
)

const (
	// perWebhook is how many requests to one webhook are under way at most, each of another
	// customer. There is no bound for all: a webhook that hangs would use up that of others.
	perWebhook = 16
	// parting is how long requests under way may take once this node stops sending.
	parting = 2 * time.Second
	// lagInterval is how often the oldest delivery that waits is looked for.
	lagInterval = 5 * time.Second
)

// queue names one.
type queue struct {
	webhook string
	scope   billing.Scope
}

// flight is an attempt that is under way or over.
type flight struct {
	webhook  record.Webhook
	delivery record.Delivery
	result   result
}

// sender works queues off. It is of one goroutine, but for landed.
type sender struct {
	*Outbox
	flying map[queue]bool // from when it was read until what came of it is stored
	count  map[string]int // of flying, by webhook
	landed chan flight
	// unsaved are attempts whose result is not stored yet. They are kept until it is.
	unsaved []flight
	none    bool      // there are no webhooks
	looked  time.Time // when the oldest was looked for
	next    time.Time // when the first of the queues that are not due is; zero: there is none
}

// send works queues off until ctx ends or there are no webhooks.
func (o *Outbox) send(ctx context.Context) error {
	s := &sender{Outbox: o, flying: map[queue]bool{}, count: map[string]int{}, landed: make(chan flight)}
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
		timer := time.NewTimer(rest)
		select {
		case <-ctx.Done():
		case f := <-s.landed:
			s.take(f)
		case <-o.woken:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// rest is how long there is nothing to do, unless something comes.
func (s *sender) rest() time.Duration {
	if s.next.IsZero() {
		return s.poll
	}
	return min(max(s.next.Sub(s.now()), time.Millisecond), s.poll)
}

// take keeps what has landed, all that there is.
func (s *sender) take(f flight) {
	s.unsaved = append(s.unsaved, f)
	for {
		select {
		case f := <-s.landed:
			s.unsaved = append(s.unsaved, f)
		default:
			return
		}
	}
}

// part stores what lands soon and gives up the rest: it is sent again.
func (s *sender) part(ctx context.Context, abort context.CancelFunc) {
	deadline := time.NewTimer(parting)
	defer deadline.Stop()
	for len(s.flying) > len(s.unsaved) {
		select {
		case f := <-s.landed:
			s.unsaved = append(s.unsaved, f)
			continue
		case <-deadline.C:
		}
		break
	}
	abort()
	if err := s.save(ctx); err != nil {
		s.options.Log.Warn("what was sent last is sent again", "error", err)
	}
	for len(s.flying) > len(s.unsaved) {
		s.take(<-s.landed)
	}
}

// turn stores what came of attempts and begins those that are due.
func (s *sender) turn(ctx, requests context.Context) error {
	if err := s.save(ctx); err != nil {
		return err
	}
	var webhooks []record.Webhook
	var tells []told
	var owners []int
	err := s.options.Store.View(ctx, func(r record.Reader) (err error) {
		tells, owners, s.next = nil, nil, time.Time{}
		if webhooks, err = r.Webhooks(); err != nil {
			return err
		}
		for i := range webhooks {
			if webhooks[i].State != record.Enabled {
				continue
			}
			due, err := s.due(r, &webhooks[i])
			if err != nil {
				return err
			}
			for range due {
				owners = append(owners, i)
			}
			tells = append(tells, due...)
		}
		return s.lookAtOldest(r, webhooks)
	})
	if err != nil {
		return err
	}
	s.none = len(webhooks) == 0
	for i := range tells {
		s.launch(requests, webhooks[owners[i]], &tells[i])
	}
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

// due is what may be sent to a webhook now: heads of queues of which none is under way.
func (s *sender) due(r record.Reader, w *record.Webhook) (tells []told, err error) {
	free := perWebhook - s.count[w.ID]
	if free <= 0 {
		return nil, nil
	}
	queues, err := r.Queues(w.ID, perWebhook+1)
	if err != nil {
		return nil, err
	}
	now := s.now()
	for _, q := range queues {
		switch {
		case q.NextOn.After(now):
			if s.next.IsZero() || q.NextOn.Before(s.next) {
				s.next = q.NextOn
			}
			return tells, nil
		case s.flying[queue{w.ID, q.Scope}]:
			continue
		case free == 0:
			return tells, nil
		}
		head, err := r.Head(w.ID, q.Scope)
		if errors.Is(err, billing.ErrNotFound) {
			continue // it is being removed
		}
		if err != nil {
			return nil, err
		}
		t, err := tell(r, w, head)
		if err != nil {
			return nil, err
		}
		tells = append(tells, t)
		free--
	}
	return tells, nil
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

// launch begins an attempt.
func (s *sender) launch(ctx context.Context, w record.Webhook, t *told) {
	s.flying[queue{w.ID, t.delivery.Scope}] = true
	s.count[w.ID]++
	go func() {
		f := flight{webhook: w, delivery: t.delivery}
		m, err := s.compose(ctx, &w, t)
		if err == nil {
			f.result = s.attempt(ctx, &w, m)
		} else {
			s.options.Log.Error("a webhook's message cannot be written", "webhook", w.ID, "seq", t.delivery.Seq, "error", err)
			f.result = result{outcome: faulty, fault: "the message could not be written or signed"}
		}
		f.delivery.AttemptedOn = s.now()
		s.landed <- f
	}()
}

// save stores what came of attempts, and frees their queues.
func (s *sender) save(ctx context.Context) error {
	if len(s.unsaved) == 0 {
		return nil
	}
	var ended []ending
	err := s.options.Store.Update(ctx, func(tx record.Tx) error {
		ended = nil
		health := map[string]*verdict{}
		for i := range s.unsaved {
			f := &s.unsaved[i]
			e, err := s.record(tx, f)
			if err != nil {
				return err
			}
			ended = append(ended, e)
			v := health[f.webhook.ID]
			if v == nil {
				v = &verdict{}
				health[f.webhook.ID] = v
			}
			v.add(f)
		}
		for _, id := range slices.Sorted(maps.Keys(health)) {
			e, err := s.judge(tx, id, health[id])
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
	for i := range s.unsaved {
		f := &s.unsaved[i]
		s.counts.attempts[f.result.outcome].Add(1)
		delete(s.flying, queue{f.webhook.ID, f.delivery.Scope})
		if s.count[f.webhook.ID]--; s.count[f.webhook.ID] == 0 {
			delete(s.count, f.webhook.ID)
		}
	}
	s.unsaved = nil
	for _, e := range ended {
		e.count(s.Outbox)
	}
	return nil
}

// ending is what came to its end, to be counted and logged once it is stored.
type ending struct {
	failed   *record.Delivery
	disabled *record.Webhook
}

func (e ending) count(o *Outbox) {
	switch {
	case e.failed != nil:
		o.counts.failed.Add(1)
	case e.disabled != nil:
		o.counts.disabled.Add(1)
		o.options.Log.LogAttrs(context.Background(), slog.LevelWarn, "a webhook is disabled",
			slog.String("webhook", e.disabled.ID), slog.String("reason", e.disabled.Reason), slog.Time("failing_since", e.disabled.FailingSince))
	}
}

// record stores what came of one attempt.
func (s *sender) record(tx record.Tx, f *flight) (ending, error) {
	d, r := f.delivery, &f.result
	d.Attempts++
	d.Took, d.Answer, d.Fault = r.took.Truncate(time.Microsecond), r.status, r.fault
	next := d.AttemptedOn
	if r.outcome == delivered {
		d.Status, d.DoneOn = record.Delivered, d.AttemptedOn
	} else if wait, ok := s.pause(f.webhook.Format, d.Attempts, r.wait); ok {
		next = next.Add(wait).Truncate(time.Microsecond)
	} else {
		d.Status, d.DoneOn = record.Failed, d.AttemptedOn
	}
	stored, err := tx.RecordAttempt(d, next)
	if stored && d.Status == record.Failed {
		return ending{failed: &d}, err
	}
	return ending{}, err
}

// verdict is what some attempts say of a webhook.
type verdict struct {
	success bool
	gone    bool      // it answered that it is
	failed  time.Time // the first failure; zero: there is none
	last    time.Time // the last failure
	was     record.Webhook
}

const statusGone = 410

func (v *verdict) add(f *flight) {
	v.was = f.webhook
	at := f.delivery.AttemptedOn
	switch {
	case f.result.outcome == delivered:
		v.success = true
		return
	case f.result.status == statusGone:
		v.gone = true
	}
	if v.failed.IsZero() || at.Before(v.failed) {
		v.failed = at
	}
	if at.After(v.last) {
		v.last = at
	}
}

// idle reports whether nothing is to be changed of the webhook, as it was read before.
func (v *verdict) idle() bool {
	if v.gone {
		return false
	}
	if v.success {
		return v.was.FailingSince.IsZero()
	}
	return !v.was.FailingSince.IsZero() && v.last.Sub(v.was.FailingSince) < plans[v.was.Format].patience
}

// Why a webhook is disabled.
const (
	reasonGone    = "it answered 410, that it is gone"
	reasonFailing = "nothing but failures for too long"
)

// judge keeps since when a webhook fails, and disables one that is gone or has failed for
// too long, with an event.
func (s *sender) judge(tx record.Tx, id string, v *verdict) (ending, error) {
	if v.idle() {
		return ending{}, nil
	}
	w, err := tx.LockWebhook(id)
	if errors.Is(err, billing.ErrNotFound) || err == nil && w.State != record.Enabled {
		return ending{}, nil
	}
	if err != nil {
		return ending{}, err
	}
	switch {
	case v.success:
		w.FailingSince = time.Time{}
	case w.FailingSince.IsZero():
		w.FailingSince = v.failed
	}
	switch {
	case v.gone:
		w.Reason = reasonGone
	case !v.success && v.last.Sub(w.FailingSince) >= plans[w.Format].patience:
		w.Reason = reasonFailing
	default:
		return ending{}, tx.UpdateWebhook(w)
	}
	now := s.now()
	if err := s.disable(tx, &w, now); err != nil {
		return ending{}, err
	}
	facts := map[string]string{"webhook_id": w.ID, "reason": w.Reason}
	if !w.FailingSince.IsZero() {
		facts["failing_since"] = w.FailingSince.Format(time.RFC3339Nano)
	}
	_, err = tx.AppendEvent(event.Event{
		Scope: record.Scope, Cause: "disabled " + w.ID + " " + now.Format(time.RFC3339Nano), Type: event.WebhookDisabled, On: now, By: itself, Facts: facts,
	})
	return ending{disabled: &w}, err
}

// itself is who disables webhooks.
const itself billing.Actor = "server"
