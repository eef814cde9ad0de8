package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
)

// cutShort is a step that promises more than it sends.
func cutShort(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "100")
	fmt.Fprint(w, `{"customers":[`)
}

func TestRetries(t *testing.T) {
	ok := answer(200, `{}`)
	list := func(ctx context.Context, c *client.Client) error {
		_, err := c.Customers.List(ctx, client.CustomerParams{})
		return err
	}
	patient := func(ctx context.Context, c *client.Client) error {
		_, err := c.Customers.List(ctx, client.CustomerParams{}, client.WithTimeout(0))
		return err
	}
	create := func(opts ...client.CallOption) func(context.Context, *client.Client) error {
		return func(ctx context.Context, c *client.Client) error {
			return c.Agreements.Create(ctx, api.CreateBillingAgreementRequest{CustomerID: "c", PlanCode: "p"}, opts...)
		}
	}
	consume := func(ctx context.Context, c *client.Client) error {
		_, err := c.Consume(ctx, client.ConsumeParams{CustomerID: "c", FeatureCode: "f"})
		return err
	}
	check := func(ctx context.Context, c *client.Client) error {
		_, err := c.Check(ctx, client.CheckParams{CustomerID: "c", FeatureCode: "f"})
		return err
	}
	// The script's length is the number of requests that are wanted. Between
	// from and below is the time they may take: full jitter goes down to 0.
	for name, c := range map[string]struct {
		steps       []http.HandlerFunc
		call        func(context.Context, *client.Client) error
		fails       error // nil: it succeeds in the end
		from, below time.Duration
	}{
		"502":                 {[]http.HandlerFunc{answer(502, ``), ok}, list, nil, 0, 200 * time.Millisecond},
		"503":                 {[]http.HandlerFunc{answer(503, ``), ok}, list, nil, 0, 200 * time.Millisecond},
		"504":                 {[]http.HandlerFunc{answer(504, ``), ok}, list, nil, 0, 200 * time.Millisecond},
		"429":                 {[]http.HandlerFunc{answer(429, ``), ok}, list, nil, 0, 200 * time.Millisecond},
		"hung up":             {[]http.HandlerFunc{hangUp, ok}, list, nil, 0, 200 * time.Millisecond},
		"cut short":           {[]http.HandlerFunc{cutShort, ok}, list, nil, 0, 200 * time.Millisecond},
		"growing waits":       {[]http.HandlerFunc{hangUp, cutShort, answer(503, ``), ok}, list, nil, 0, 1400 * time.Millisecond},
		"no end in sight":     {[]http.HandlerFunc{answer(503, ``), answer(503, ``), answer(503, ``), answer(502, ``)}, list, client.ErrServer, 0, 1400 * time.Millisecond},
		"Retry-After":         {[]http.HandlerFunc{answer(503, ``, "Retry-After", "7"), ok}, list, nil, 7 * time.Second, 7200 * time.Millisecond},
		"Retry-After, a date": {[]http.HandlerFunc{answer(503, ``, "Retry-After", "Sat, 01 Jan 2000 00:00:09 GMT"), ok}, list, nil, 9 * time.Second, 9200 * time.Millisecond},
		"RateLimit-Reset":     {[]http.HandlerFunc{answer(429, ``, "RateLimit-Reset", "3"), ok}, list, nil, 3 * time.Second, 3200 * time.Millisecond},
		"Retry-After first":   {[]http.HandlerFunc{answer(429, ``, "RateLimit-Reset", "9", "Retry-After", "2"), ok}, list, nil, 2 * time.Second, 2200 * time.Millisecond},

		"a wait without timeout":    {[]http.HandlerFunc{answer(429, ``, "Retry-After", "30"), ok}, patient, nil, 30 * time.Second, 30200 * time.Millisecond},
		"a wait too long":           {[]http.HandlerFunc{answer(429, ``, "Retry-After", "31")}, patient, client.ErrThrottled, 0, 1},
		"a wait beyond the timeout": {[]http.HandlerFunc{answer(429, ``, "Retry-After", "30")}, list, client.ErrThrottled, 0, 1},
		"500 is not passing":        {[]http.HandlerFunc{answer(500, ``)}, list, client.ErrServer, 0, 1},
		"400 is not passing":        {[]http.HandlerFunc{answer(400, ``)}, list, client.ErrInvalid, 0, 1},

		"POST":                         {[]http.HandlerFunc{answer(503, ``)}, create(), client.ErrServer, 0, 1},
		"POST throttled":               {[]http.HandlerFunc{answer(429, ``, "Retry-After", "1")}, create(), client.ErrThrottled, 0, 1},
		"POST hung up":                 {[]http.HandlerFunc{hangUp}, create(), io.EOF, 0, 1},
		"POST cut short":               {[]http.HandlerFunc{cutShort}, create(), io.ErrUnexpectedEOF, 0, 1},
		"POST, unsettled":              {[]http.HandlerFunc{answer(500, ``)}, create(), client.ErrServer, 0, 1},
		"POST with its key, unsettled": {[]http.HandlerFunc{answer(500, ``), ok}, create(client.WithIdempotencyKey("k")), nil, 0, 200 * time.Millisecond},
		"POST of Allot's own":          {[]http.HandlerFunc{answer(500, ``), hangUp, cutShort, ok}, consume, nil, 0, 1400 * time.Millisecond},
		"POST of Allot's own, refused": {[]http.HandlerFunc{answer(400, ``)}, consume, client.ErrInvalid, 0, 1},
		"POST that only asks":          {[]http.HandlerFunc{answer(503, ``), hangUp, ok}, check, nil, 0, 600 * time.Millisecond},
		"POST that only asks, 500":     {[]http.HandlerFunc{answer(500, ``)}, check, client.ErrServer, 0, 1},
		"POST of Kinde's": {[]http.HandlerFunc{hangUp}, func(ctx context.Context, c *client.Client) error {
			return c.Usage.Meter(ctx, api.CreateMeterUsageRequest{})
		}, io.EOF, 0, 1},
		"POST with its key": {[]http.HandlerFunc{answer(503, ``), hangUp, ok}, create(client.WithIdempotencyKey("k")), nil, 0, 600 * time.Millisecond},
		"DELETE":            {[]http.HandlerFunc{answer(503, ``)}, func(ctx context.Context, c *client.Client) error { return c.Agreements.Cancel(ctx, "a") }, client.ErrServer, 0, 1},
		"PUT": {[]http.HandlerFunc{answer(503, ``)}, func(ctx context.Context, c *client.Client) error {
			_, err := c.Catalog.Apply(ctx, nil, false)
			return err
		}, client.ErrServer, 0, 1},
		"DELETE with a key": {[]http.HandlerFunc{answer(503, ``)}, func(ctx context.Context, c *client.Client) error {
			return c.Agreements.Cancel(ctx, "a", client.WithIdempotencyKey("k"))
		}, client.ErrServer, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				err := c.call(t.Context(), overPipes(t, newScript(t, c.steps...)))
				if !errors.Is(err, c.fails) {
					t.Errorf("got %v, want %v", err, c.fails)
				}
				if took := time.Since(began); took < c.from || took >= c.below {
					t.Errorf("took %v, want from %v to below %v", took, c.from, c.below)
				}
			})
		})
	}
}

// The body goes along each time.
func TestRetryRepeatsTheBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScript(t, hangUp, answer(503, ``), answer(200, `{}`))
		err := overPipes(t, s).Agreements.Create(t.Context(), api.CreateBillingAgreementRequest{CustomerID: "c", PlanCode: "p"}, client.WithIdempotencyKey("k"))
		if err != nil {
			t.Fatal(err)
		}
		for n := range 3 {
			r, body := s.request(n)
			if body != `{"customer_id":"c","plan_code":"p"}` || r.Header.Get("Idempotency-Key") != "k" {
				t.Errorf("request %d: %q %v", n, body, r.Header)
			}
		}
	})
}

// Each piece of work has a key of its own, and keeps it from attempt to attempt.
// What only asks needs none, and Kinde would not honour one.
func TestKeysOfTheirOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ok := answer(200, `{}`)
		s := newScript(t, hangUp, answer(500, ``), ok, ok, ok, ok, ok, ok, ok, ok, ok, ok, ok, ok, ok)
		c := overPipes(t, s)
		for i, call := range []func() error{
			func() error { _, err := c.Consume(t.Context(), client.ConsumeParams{}); return err }, // requests 0 to 2
			func() error { _, err := c.Consume(t.Context(), client.ConsumeParams{}); return err },
			func() error { _, err := c.Holds.Create(t.Context(), client.HoldParams{}); return err },
			func() error { _, err := c.Holds.Confirm(t.Context(), "h", ""); return err },
			func() error { _, err := c.Holds.Release(t.Context(), "h"); return err },
			func() error { _, err := c.Usage.Record(t.Context(), make([]api.UsageReport, 1)); return err },
			func() error { _, err := c.Customers.Create(t.Context(), api.CreateCustomerRequest{}); return err },
			func() error {
				_, err := c.Customers.CreateAgreement(t.Context(), "c", api.CreateCustomerAgreementRequest{})
				return err
			},
			func() error { _, err := c.Plans.Migrate(t.Context(), "p", api.MigratePlanRequest{}); return err },
			// From request 11 on without.
			func() error { _, err := c.Check(t.Context(), client.CheckParams{}); return err },
			func() error { _, err := c.Plans.Preview(t.Context(), "p", api.PreviewPlanRequest{}); return err },
			func() error { return c.Usage.Meter(t.Context(), api.CreateMeterUsageRequest{}) },
			func() error { return c.Agreements.Create(t.Context(), api.CreateBillingAgreementRequest{}) },
		} {
			if err := call(); err != nil {
				t.Errorf("call %d: %v", i, err)
			}
		}
		seen := map[string]bool{}
		for n := range 15 {
			r, _ := s.request(n)
			key := r.Header.Get("Idempotency-Key")
			first, _ := s.request(0)
			again := key == first.Header.Get("Idempotency-Key")
			if (key != "") != (n < 11) || again != (n < 3) || n > 2 && n < 11 && seen[key] {
				t.Errorf("request %d, %s: key %q", n, r.RequestURI, key)
			}
			seen[key] = true
		}
	})
}

// Callers that failed together must not come back together.
func TestJitterIsFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var low, high int
		for range 40 {
			began := time.Now()
			c := overPipes(t, newScript(t, answer(503, ``), answer(200, `{}`)))
			if _, err := c.Customers.List(t.Context(), client.CustomerParams{}); err != nil {
				t.Fatal(err)
			}
			if time.Since(began) < 100*time.Millisecond {
				low++
			} else {
				high++
			}
		}
		if low == 0 || high == 0 { // once in 5e11 runs by chance
			t.Errorf("%d waits in the lower half, %d in the upper", low, high)
		}
	})
}

func TestCancelEndsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		c := overPipes(t, newScript(t, answer(503, ``, "Retry-After", "20")))
		failed := make(chan error)
		began := time.Now()
		go func() {
			_, err := c.Customers.List(ctx, client.CustomerParams{})
			failed <- err
		}()
		synctest.Wait() // it waits for the 20 seconds
		cancel()
		if err := <-failed; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		if time.Since(began) != 0 {
			t.Errorf("took %v", time.Since(began))
		}
	})
}

func TestWithAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := answer(503, ``)
		_, err := overPipes(t, newScript(t, down), client.WithAttempts(1)).Customers.List(t.Context(), client.CustomerParams{})
		if !errors.Is(err, client.ErrServer) {
			t.Error(err)
		}
		s := newScript(t, down, down, down, down, down, down, down, answer(200, `{}`))
		if _, err := overPipes(t, s, client.WithAttempts(8)).Customers.List(t.Context(), client.CustomerParams{}); err != nil {
			t.Error(err)
		}
	})
}
