package client

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/allot-dev/allot/api"
)

// EventsService tells what happened: every change, and what time and usage caused, in one
// order. Its scope is read:events.
type EventsService struct{ client *Client }

// EventParams choose events.
type EventParams struct {
	// After is the cursor to go on after: the ID of an event, or the Next of a list. 0:
	// from the beginning.
	After int64
	// FromEnd begins behind all there is, whatever After says.
	FromEnd bool
	// Before is the cursor to go back from, in place of After: the page of events just before
	// it, also ascending, whose Next is the cursor to go on before. BeforeEnd begins behind
	// all there is. Not of Follow.
	Before     int64
	BeforeEnd  bool
	Types      []string // only those; nil: all
	CustomerID string   // only what is about this customer, named as in a path of the API
	PageSize   int      // 1 to 1000; 0 for the default: 100, in Follow 1000
	// Wait is for how long an answer may wait for an event, in whole seconds up to 60. Of
	// Follow 0 is 30 seconds, of List it is not at all.
	Wait time.Duration
}

// FollowParams are what to follow, and who is told how that goes.
type FollowParams struct {
	EventParams
	// Moved, if not nil, is called with each cursor behind which all events were handed
	// over: keep it to go on after it in another process. It moves also where no event is
	// one of those chosen.
	Moved func(cursor int64)
	// Retrying, if not nil, is called before a request is made again after an error that
	// may pass.
	Retrying func(err error, wait time.Duration)
}

// List gets the next events, or waits for one.
func (s *EventsService) List(ctx context.Context, p EventParams, opts ...CallOption) (*api.EventList, error) {
	return get[api.EventList](ctx, s.client, s.request(p, opts))
}

func (s *EventsService) request(p EventParams, opts []CallOption) *request {
	q := url.Values{}
	switch {
	case p.FromEnd:
		q.Set("after", api.EventsEnd)
	case p.After != 0:
		q.Set("after", strconv.FormatInt(p.After, 10))
	}
	switch {
	case p.BeforeEnd:
		q.Set("before", api.EventsEnd)
	case p.Before != 0:
		q.Set("before", strconv.FormatInt(p.Before, 10))
	}
	setString(q, "types", strings.Join(p.Types, ","))
	setString(q, "customer_id", p.CustomerID)
	if p.PageSize != 0 {
		q.Set("page_size", strconv.Itoa(p.PageSize))
	}
	if p.Wait > 0 {
		q.Set("wait", strconv.Itoa(int(p.Wait/time.Second)))
	}
	r := s.client.newRequest(http.MethodGet, "/v1/events", q, opts)
	if p.Wait%time.Second != 0 && r.err == nil {
		r.err = fmt.Errorf("a wait of %v: want whole seconds", p.Wait)
	}
	if r.timeout > 0 {
		r.timeout += p.Wait
	}
	return r
}

// How long Follow waits before it asks again after an error that may pass.
const (
	firstFollowBackoff = time.Second
	maxFollowBackoff   = 30 * time.Second
	defaultFollowWait  = 30 * time.Second
)

// Follow goes over events from a place on, for ever: behind the last it waits for the
// next. It asks again after errors that may pass, such as a server that is started anew,
// and leaves nothing out and hands nothing over twice. An error ends it: ctx is over, or
// what is asked for is refused. If that is CURSOR_TOO_OLD some events are lost.
//
// The ID of an event is its cursor: who keeps that of the last one that was handled, goes
// on with it as After.
func (s *EventsService) Follow(ctx context.Context, p FollowParams, opts ...CallOption) iter.Seq2[api.Event, error] {
	return func(yield func(api.Event, error) bool) {
		at := p.EventParams
		if at.PageSize == 0 {
			at.PageSize = api.MaxEvents
		}
		if at.Wait == 0 {
			at.Wait = defaultFollowWait
		}
		if err := s.request(at, opts).err; err != nil {
			yield(api.Event{}, err)
			return
		}
		for failed := 0; ; {
			list, err := s.List(ctx, at, opts...)
			moved := err == nil && (at.FromEnd || list.Next != at.After)
			if err == nil && list.HasMore && !moved {
				err = fmt.Errorf("after %d: %w", at.After, ErrNoProgress)
			}
			if err != nil {
				failed++
				if !s.waitAgain(ctx, &p, failed, err) {
					yield(api.Event{}, errors.Join(ctx.Err(), err))
					return
				}
				continue
			}
			failed = 0
			for _, e := range list.Events {
				if !yield(e, nil) {
					return
				}
			}
			at.After, at.FromEnd = list.Next, false
			if moved && p.Moved != nil {
				p.Moved(list.Next)
			}
		}
	}
}

// waitAgain waits after an error, and reports whether it is worth asking again.
func (s *EventsService) waitAgain(ctx context.Context, p *FollowParams, failed int, err error) bool {
	if ctx.Err() != nil {
		return false
	}
	wait := rand.N(min(firstFollowBackoff<<min(failed-1, 10), maxFollowBackoff))
	if refused, ok := errors.AsType[*Error](err); ok {
		if refused.Status < 500 && refused.Status != http.StatusTooManyRequests {
			return false
		}
		wait = max(wait, refused.RetryAfter)
	}
	if p.Retrying != nil {
		p.Retrying(err, wait)
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
