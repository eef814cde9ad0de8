package server

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
	"github.com/allot-dev/allot/internal/clock"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/store/sqlstore"
	"github.com/allot-dev/allot/internal/usage"
)

// hands are a clock that goes as the machine's does, set by some time, on a machine that slept
// for some.
type hands struct{ set, slept atomic.Int64 }

var booted = time.Now()

func (h *hands) wall() time.Time {
	return time.Now().Round(0).Add(time.Duration(h.set.Load() + h.slept.Load()))
}

func (h *hands) elapsed() time.Duration {
	return time.Since(booted) + time.Duration(h.slept.Load())
}

func (h *hands) config(place Place) Config {
	return Config{Place: place, Clock: h.wall, Elapsed: h.elapsed}
}

// end ends a server before the test does.
func (r *running) end(t *testing.T) {
	t.Helper()
	r.stop()
	if err := r.Wait(); err != nil {
		t.Fatal(err)
	}
}

// write makes a customer, and returns the code of the refusal.
func write(t *testing.T, c *client.Client) string {
	t.Helper()
	_, err := c.Customers.Create(t.Context(), api.CreateCustomerRequest{Type: api.CustomerOrganization, OrgCode: "org_" + rand.Text()})
	if e, ok := errors.AsType[*client.Error](err); ok && e.Status == http.StatusServiceUnavailable && len(e.Errors) == 1 {
		return e.Errors[0].Code
	}
	if err != nil {
		t.Fatal(err)
	}
	return ""
}

func (r *running) client(t *testing.T) (*client.Client, string) {
	t.Helper()
	made, secret, err := r.CreateClient(t.Context(), "test", []string{AllScopes})
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(r.URL(), client.WithCredentials(made.ID, secret), client.WithHTTPClient(r.http), client.WithAttempts(1))
	if err != nil {
		t.Fatal(err)
	}
	token, err := r.Token(t.Context(), TokenRequest{Issuer: r.URL(), ClientID: made.ID})
	if err != nil {
		t.Fatal(err)
	}
	return c, token.AccessToken
}

// A clock that leaps has nothing written, at once, until it is right again or somebody says that
// it is. Reads go on, at the time that it should be.
func TestClockJumps(t *testing.T) {
	var h hands
	r := start(t, h.config(Place{Data: t.TempDir()}))
	c, token := r.client(t)
	if code := write(t, c); code != "" {
		t.Fatal(code)
	}
	leaps := map[time.Duration]string{365 * 24 * time.Hour: clock.CodeJumped, -time.Hour: clock.CodeBehind}
	for by, want := range leaps {
		h.set.Store(int64(by))
		if code := write(t, c); code != want {
			t.Errorf("set by %v: written with %q, want %s", by, code, want)
		}
		if status, body := r.get(t, "/readyz", ""); status != 503 || !strings.Contains(body, want) {
			t.Errorf("set by %v: ready is %d %s", by, status, body)
		}
		if status, body := r.get(t, "/v1/customers", token); status != 200 {
			t.Errorf("set by %v: a read is %d %s", by, status, body)
		}
		h.set.Store(0)
		if code := write(t, c); code != "" {
			t.Errorf("once it is right again: %s", code)
		}
	}
	err := r.place.store.Read(t.Context(), func(tx *sqlstore.Reader) error {
		last, err := tx.LastStamped()
		if off := time.Since(last); off < -time.Second || off > time.Minute {
			t.Errorf("something is stamped %v", last)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}

	// A laptop sleeps: no jump.
	h.slept.Store(int64(70 * 24 * time.Hour))
	c, _ = r.client(t)
	if code := write(t, c); code != "" {
		t.Errorf("after a sleep: %s", code)
	}
}

// Who says that the clock is right is heard while the server runs.
func TestClockIsAccepted(t *testing.T) {
	var h hands
	place := Place{Data: t.TempDir()}
	r := start(t, h.config(place))
	c, _ := r.client(t)
	h.set.Store(int64(time.Hour))
	if code := write(t, c); code != clock.CodeJumped {
		t.Fatalf("set ahead: %q", code)
	}
	tool, err := Open(t.Context(), place)
	if err != nil {
		t.Fatal(err)
	}
	defer tool.Close()
	now, err := tool.AcceptClock(t.Context()) // which is not what the server's clock says
	if err != nil || time.Since(now) > time.Minute {
		t.Fatal(now, err)
	}
	time.Sleep(2 * clockTick)
	if code := write(t, c); code != clock.CodeJumped {
		t.Errorf("another time was accepted: %q", code)
	}
	if err := tool.store.Write(t.Context(), func(tx *sqlstore.Tx) error { return tx.AcceptClock(h.wall()) }); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	await(t, func() bool { return write(t, c) == "" })
	if took := time.Since(begun); took > 2500*time.Millisecond {
		t.Errorf("it was heard after %v", took)
	}
	// What it wrote since is an hour ahead of this machine's clock, which is no matter of
	// acceptance.
	if _, err := tool.AcceptClock(t.Context()); err == nil {
		t.Error("a clock is accepted that is behind what was written")
	}
}

// What was seen last decides at a start: silence is none, a clock that is behind has nothing
// written, one that is far ahead has the server not start, but once.
func TestClockAtStart(t *testing.T) {
	const day = 24 * time.Hour
	var h hands
	place := Place{Data: t.TempDir()}
	r := start(t, h.config(place))
	c, _ := r.client(t)
	if code := write(t, c); code != "" {
		t.Fatal(code)
	}
	id, _ := r.token(t)
	r.end(t)

	for _, silence := range []time.Duration{time.Second, 3 * day, 34 * day} {
		h.set.Add(int64(silence))
		r = start(t, h.config(place))
		c, _ = r.client(t)
		if code := write(t, c); code != "" {
			t.Errorf("after %v of silence: %s", silence, code)
		}
		r.end(t)
	}

	h.set.Add(int64(-day))
	r = start(t, h.config(place))
	token, err := r.Token(t.Context(), TokenRequest{Issuer: r.URL(), ClientID: id})
	if err != nil {
		t.Fatal(err)
	}
	if status, body := r.get(t, "/v1/customers", token.AccessToken); status != 200 {
		t.Errorf("behind: a read is %d %s", status, body)
	}
	if status, body := r.get(t, "/readyz", ""); status != 503 || !strings.Contains(body, clock.CodeBehind) {
		t.Errorf("behind: ready is %d %s", status, body)
	}
	r.end(t)

	h.set.Add(int64(day + 36*day))
	cfg := h.config(place)
	cfg.Listen = "127.0.0.1:0"
	_, err = Start(t.Context(), cfg)
	gap, ok := errors.AsType[*ClockGapError](err)
	if !ok || gap.Now.Sub(gap.Seen) < 35*day {
		t.Fatalf("far ahead: %v", err)
	}
	cfg.AcceptClock = true
	start(t, cfg).end(t)
	start(t, h.config(place)).end(t) // once is enough
}

// Whoever says that a clock is right may be wrong. What it finds old is taken away a day later
// only, as no repair of the clock brings it back.
func TestNothingOldIsTakenAwayByAClockThatSomebodyAccepted(t *testing.T) {
	var h hands
	place := Place{Data: t.TempDir()}
	r := start(t, h.config(place))
	c, _ := r.client(t)
	ctx := t.Context()
	if _, err := c.Catalog.Apply(ctx, ExampleCatalog(), false); err != nil {
		t.Fatal(err)
	}
	of := must[*api.Customer](t)(c.Customers.Create(ctx, api.CreateCustomerRequest{Type: api.CustomerOrganization, OrgCode: "acme", PlanCode: api.Some("pro")}))
	hold := must[*api.Hold](t)(c.Holds.Create(ctx, client.HoldParams{CustomerID: of.ID, FeatureCode: "seats", Units: "1", ExpiresIn: time.Minute}))
	r.end(t)
	there := func() bool {
		t.Helper()
		tool := must[*Installation](t)(Open(ctx, place))
		defer tool.Close()
		id, err := usage.ParseHoldID(hold.ID)
		if err != nil {
			t.Fatal(err)
		}
		err = tool.store.View(ctx, func(r service.Reader) error { _, err := r.Hold(id); return err })
		return err == nil
	}
	const day = 24 * time.Hour
	h.set.Store(int64(40 * day))
	cfg := h.config(place)
	cfg.AcceptClock = true
	r = start(t, cfg)
	r.tidyOnce(ctx, h.wall, 0)
	r.end(t)
	if !there() {
		t.Fatal("the hold was taken away at once")
	}
	h.set.Add(int64(day))
	r = start(t, h.config(place))
	r.tidyOnce(ctx, h.wall, 0)
	r.end(t)
	if there() {
		t.Error("the hold is there a day later")
	}
}

// A database from before there were marks tells the newest time by what was changed and counted.
func TestClockWithoutMark(t *testing.T) {
	var h hands
	place := Place{Data: t.TempDir()}
	r := start(t, h.config(place))
	c, _ := r.client(t)
	write(t, c)
	r.end(t)
	tool, err := Open(t.Context(), place)
	if err != nil {
		t.Fatal(err)
	}
	if err := tool.store.Write(t.Context(), func(tx *sqlstore.Tx) error { return tx.ForgetClock() }); err != nil {
		t.Fatal(err)
	}
	if err := tool.Close(); err != nil {
		t.Fatal(err)
	}
	h.set.Store(int64(36 * 24 * time.Hour))
	cfg := h.config(place)
	cfg.Listen = "127.0.0.1:0"
	if _, err := Start(t.Context(), cfg); !isGap(err) {
		t.Errorf("started far ahead of the last change: %v", err)
	}
}

func isGap(err error) bool {
	_, ok := errors.AsType[*ClockGapError](err)
	return ok
}

// await waits for a condition.
func await(t *testing.T, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for !ok() {
		if ctx.Err() != nil {
			t.Fatal("it never came to pass")
		}
		time.Sleep(10 * time.Millisecond)
	}
}
