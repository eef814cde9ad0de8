//go:build unix

package server

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/event"
	"github.com/allot-dev/allot/internal/service"
)

// hookReceiver notes when each message came, and keeps one of them.
type hookReceiver struct {
	*httptest.Server
	mu     sync.Mutex
	came   int
	last   time.Time
	header http.Header
	body   []byte
	told   chan struct{} // a message has come
}

func newHookReceiver(t testing.TB) *hookReceiver {
	r := &hookReceiver{told: make(chan struct{}, 1)}
	r.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		r.mu.Lock()
		r.came, r.last, r.header, r.body = r.came+1, time.Now(), req.Header.Clone(), body
		r.mu.Unlock()
		select {
		case r.told <- struct{}{}:
		default:
		}
	}))
	t.Cleanup(r.Close)
	return r
}

// until waits until so many have come, and returns when the last did.
func (r *hookReceiver) until(t testing.TB, n int) time.Time {
	t.Helper()
	for late := time.After(soonEnough); ; {
		r.mu.Lock()
		came, last := r.came, r.last
		r.mu.Unlock()
		if came >= n {
			return last
		}
		select {
		case <-r.told:
		case <-late:
			t.Fatalf("%d of %d have come", came, n)
		}
	}
}

// told is a server with one webhook, which wants one type of events.
func told(b *testing.B, database string, to *hookReceiver) *running {
	b.Helper()
	r := start(b, Config{Place: Place{Database: database}, WebhookAllowHTTP: true, WebhookAllow: []string{"127.0.0.1"}})
	_, token := r.token(b)
	c, err := client.New(r.URL(), client.WithToken(token))
	if err != nil {
		b.Fatal(err)
	}
	_, err = c.Webhooks.Create(b.Context(), api.CreateWebhookRequest{
		URL: to.URL + "/hook", Format: api.WebhookStandard, Events: api.WebhookEvents{api.EventLimitReached},
	})
	if err != nil {
		b.Fatal(err)
	}
	return r
}

// happen commits events, of as many customers.
func (r *running) happen(b *testing.B, from, n int) {
	b.Helper()
	err := r.place.store.Update(context.WithoutCancel(b.Context()), func(tx service.Tx) error {
		for i := range n {
			_, err := tx.AppendEvent(event.Event{
				Scope: billing.Scope(fmt.Sprintf("customer_01a202b2c50070008000%012x", i)), Cause: fmt.Sprint(from + i), Type: event.LimitReached, On: time.Now(),
				Facts: map[string]string{"feature_code": "api_calls", "limit": "1000", "remaining": "0"},
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
}

// From the commit of an event to its message at a hookReceiver.
func BenchmarkWebhookLatency(b *testing.B) {
	for name, url := range databases {
		b.Run(name, func(b *testing.B) {
			to := newHookReceiver(b)
			r := told(b, url(b), to)
			r.happen(b, 0, 1) // the first has the server look for webhooks
			to.until(b, 1)
			var took []time.Duration
			for i := 1; b.Loop(); i++ {
				r.happen(b, i, 1)
				committed := time.Now()
				took = append(took, to.until(b, i+1).Sub(committed))
			}
			slices.Sort(took)
			for _, percent := range []int{50, 99} {
				b.ReportMetric(float64(took[len(took)*percent/100].Microseconds())/1000, fmt.Sprintf("p%d-ms", percent))
			}
		})
	}
}

// cpu is what the process has used of processors.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// How many messages a second one hookReceiver is told, of as many customers, from their
// commit on, and how many a bare sender posts to it: the same body with the same headers, as
// many at once. The processor's time, the receiver's with it, depends less on what else the
// machine does.
func BenchmarkWebhooks(b *testing.B) {
	const events, atOnce = 2000, 16
	for name, url := range databases {
		b.Run(name, func(b *testing.B) {
			to := newHookReceiver(b)
			r := told(b, url(b), to)
			rounds, used := 0, cpu(b)
			for ; b.Loop(); rounds++ {
				r.happen(b, rounds*events, events)
				to.until(b, (rounds+1)*events)
			}
			used = cpu(b) - used
			rate := float64(rounds*events) / b.Elapsed().Seconds()
			b.ReportMetric(rate, "messages/s")
			each := float64(used.Microseconds()) / float64(rounds*events)
			b.ReportMetric(each, "cpu-us/message")

			bare := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: atOnce}}
			defer bare.CloseIdleConnections()
			header, body := to.header, to.body
			began := time.Now()
			used = cpu(b)
			var sending sync.WaitGroup
			for range atOnce {
				sending.Go(func() {
					for range rounds * events / atOnce {
						req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, to.URL+"/hook", bytes.NewReader(body))
						if err != nil {
							b.Error(err)
							return
						}
						req.Header = header.Clone()
						resp, err := bare.Do(req)
						if err != nil {
							b.Error(err)
							return
						}
						_, _ = io.Copy(io.Discard, resp.Body)
						resp.Body.Close()
					}
				})
			}
			sending.Wait()
			alone := float64(rounds*events) / time.Since(began).Seconds()
			b.ReportMetric(alone, "bare-messages/s")
			b.ReportMetric(rate/alone, "of-bare")
			bareEach := float64((cpu(b) - used).Microseconds()) / float64(rounds*events)
			b.ReportMetric(bareEach, "bare-cpu-us/message")
			b.ReportMetric(bareEach/each, "of-bare-by-cpu")
		})
	}
}
