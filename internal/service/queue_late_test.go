package service_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/usage"
)

// sluggish is a store that takes its time for a transaction, and may be given up. What it takes
// is asked for in order; from then on it takes none.
type sluggish struct {
	service.Store
	takes []time.Duration
}

// empty is a transaction that nothing is written in.
type empty struct {
	service.UsageTx
	service.AnswerTx
}

func (empty) CreateUsage(...usage.Record) error           { return nil }
func (empty) CreateAnswers(...service.StoredAnswer) error { return nil }

func (*sluggish) Batching() service.Batching { return service.Batching{Queues: 1, Bounded: true} }

func (s *sluggish) Update(ctx context.Context, fn func(service.Tx) error) error {
	if len(s.takes) > 0 {
		timer := time.NewTimer(s.takes[0])
		defer timer.Stop()
		s.takes = s.takes[1:]
		select {
		case <-timer.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return fn(service.Tx{UsageTx: empty{}, AnswerTx: empty{}})
}

// Every caller is answered within 40 s of when it came, whatever the store does: with what became of it,
// or that nothing did, or, of what was under way, that it is not known. What still has time is not refused
// for others that have none.
func TestCallersAreAnsweredInTime(t *testing.T) {
	const never = time.Hour
	type caller struct {
		at       time.Duration // when it comes
		until    time.Duration // by when it is to be answered; zero is that it does not say
		customer byte
		by       time.Duration // when it is answered
		want     string        // "" passes, "late" is refused for certain, "unknown" is neither
	}
	for name, test := range map[string]struct {
		takes   []time.Duration
		callers []caller
	}{
		"it says nothing": {[]time.Duration{never}, []caller{
			{0, 0, 1, 40 * time.Second, "unknown"},
			{time.Second, 0, 2, 40 * time.Second, "late"},
			{19 * time.Second, 0, 1, 40 * time.Second, "late"},
			{30 * time.Second, 0, 1, 40 * time.Second, ""},
		}},
		"it says nothing for as long as anybody asks": {[]time.Duration{never, never}, []caller{
			{0, 0, 1, 40 * time.Second, "unknown"},
			{30 * time.Second, 0, 1, 70 * time.Second, "unknown"},
			{31 * time.Second, 0, 1, 70 * time.Second, "unknown"}, // with the one before
			{51 * time.Second, 0, 1, 70 * time.Second, ""},
		}},
		"who comes has no time left": {[]time.Duration{30 * time.Second}, []caller{
			{0, 0, 1, 30 * time.Second, ""},
			{time.Second, 20 * time.Second, 1, time.Second, "late"},
			{2 * time.Second, 50 * time.Second, 1, 30 * time.Second, ""},
		}},
		"who waits has less time than those before it": {[]time.Duration{15 * time.Second, 10 * time.Second}, []caller{
			{0, 0, 1, 15 * time.Second, ""},
			{time.Second, 0, 1, 25 * time.Second, ""},
			{2 * time.Second, 30 * time.Second, 2, 15 * time.Second, "late"},
			{3 * time.Second, 0, 1, 25 * time.Second, ""},
		}},
		"it is slow": {[]time.Duration{15 * time.Second, 10 * time.Second}, []caller{
			{0, 0, 1, 15 * time.Second, ""},
			{time.Second, 0, 1, 25 * time.Second, ""},
			{2 * time.Second, 0, 2, 25 * time.Second, "late"}, // in one batch with the one before and the one behind
			{14 * time.Second, 0, 3, 25 * time.Second, ""},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &service.Service{Store: &sluggish{takes: test.takes}, Clock: time.Now}
				began := time.Now()
				done := make(chan struct{})
				for i, c := range test.callers {
					go func() {
						defer func() { done <- struct{}{} }()
						time.Sleep(c.at)
						ran, what := false, service.Counting{Customer: billing.CustomerID{c.customer}, Records: 1}
						if c.until > 0 {
							what.Until = began.Add(c.until)
						}
						err := s.Count(t.Context(), "test", what, func(*service.Work) error {
							ran = true
							return nil
						})
						got := "unknown"
						if refused, ok := errors.AsType[*billing.Error](err); ok && refused.Kind == billing.Unavailable && !ran {
							got = "late"
						} else if err == nil && ran {
							got = ""
						}
						if by := time.Since(began).Round(time.Second); got != c.want || by != c.by {
							t.Errorf("caller %d is answered after %s: %q, %v; want %q after %s", i, by, got, err, c.want, c.by)
						}
					}()
				}
				for range test.callers {
					<-done
				}
			})
		})
	}
}
