package server

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/event"
	"github.com/allot-dev/allot/internal/feed"
	"github.com/allot-dev/allot/internal/pgtest"
	"github.com/allot-dev/allot/internal/service"
)

var databases = map[string]func(testing.TB) string{
	"sqlite": func(testing.TB) string { return "" }, "postgres": pgtest.URL,
}

const aScope billing.Scope = "customer_01a202b2c50070008000000000000001"

// How fast a stream catches up: the feed has 20,000 events, and each round reads them all.
func BenchmarkEventStream(b *testing.B) {
	const events = 20_000
	for name, url := range databases {
		b.Run(name, func(b *testing.B) {
			r := start(b, Config{Place: Place{Database: url(b)}})
			_, token := r.token(b)
			ctx := b.Context()
			st := r.place.store
			err := st.Update(ctx, func(tx service.Tx) error {
				for i := range events {
					e := event.Event{
						Scope: aScope, Cause: fmt.Sprint(i), Type: event.ThresholdReached, On: time.Now(), By: "client:one",
						Facts: map[string]string{"feature_code": "api_calls", "limit": "1000", "threshold": "80", "used": "800"},
					}
					if _, err := tx.AppendEvent(e); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
			length := func() (n int64) {
				err := st.ForFeed().View(ctx, func(r feed.Reader) (err error) { n, err = r.FeedLength(); return err })
				if err != nil {
					b.Fatal(err)
				}
				return n
			}
			for grown := r.changes.Grown(); length() < events+2; grown = r.changes.Grown() {
				select {
				case <-grown:
				case <-time.After(time.Second):
				}
			}
			for b.Loop() {
				if n := len(r.stream(b, token, "", "").until(b, api.StreamReady)); n < events {
					b.Fatalf("it has %d", n)
				}
			}
			b.ReportMetric(float64(b.N)*events/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// From the commit of a change to its event at the reader of a stream.
func BenchmarkEventLatency(b *testing.B) {
	for name, url := range databases {
		b.Run(name, func(b *testing.B) {
			r := start(b, Config{Place: Place{Database: url(b)}})
			_, token := r.token(b)
			s := r.stream(b, token, "types="+api.EventLimitReached, "")
			s.until(b, api.StreamReady)
			var took []time.Duration
			for i := 0; b.Loop(); i++ {
				err := r.place.store.Update(context.WithoutCancel(b.Context()), func(tx service.Tx) error {
					_, err := tx.AppendEvent(event.Event{Scope: aScope, Cause: fmt.Sprint(i), Type: event.LimitReached, On: time.Now()})
					return err
				})
				if err != nil {
					b.Fatal(err)
				}
				committed := time.Now()
				s.until(b, api.EventLimitReached)
				took = append(took, time.Since(committed))
			}
			slices.Sort(took)
			for _, percent := range []int{50, 99} {
				b.ReportMetric(float64(took[len(took)*percent/100].Microseconds())/1000, fmt.Sprintf("p%d-ms", percent))
			}
		})
	}
}
