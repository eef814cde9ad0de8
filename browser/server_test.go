package browser

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/allot-dev/allot/allottest"
	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/browser/data"
	"github.com/allot-dev/allot/client"
	"github.com/allot-dev/allot/internal/server"
)

// allot is a server of the test's own, whose time the test sets.
type allot struct {
	url    string
	client *client.Client // may do everything
	clock  *allottest.Clock
	srv    *server.Server
	http   *http.Client // follows no redirects
	end    func() error

	mu       sync.Mutex
	sessions map[string]string // by role
}

// newAllot starts an empty server, all of its pages on.
func newAllot(t testing.TB) *allot {
	t.Helper()
	return startAllot(t, server.Place{Data: t.TempDir()}, data.Begin)
}

// startAllot starts a server on what is at a place, its clock at an instant.
func startAllot(t testing.TB, place server.Place, at time.Time) *allot {
	t.Helper()
	a := &allot{clock: allottest.NewClock(at), sessions: map[string]string{}}
	ctx, stop := context.WithCancel(context.Background())
	var err error
	a.srv, err = server.Start(ctx, server.Config{
		Place:            place,
		Listen:           "127.0.0.1:0",
		PublicPricing:    true,
		CORSOrigins:      []string{returnOrigin},
		WebhookAllowHTTP: true,
		WebhookAllow:     []string{"127.0.0.1"},
		Clock:            a.clock.Now,
		StrangerRate:     server.NoStrangerRate,
		Log:              slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		stop()
		t.Fatal(err)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	a.end = sync.OnceValue(func() error {
		transport.CloseIdleConnections()
		stop()
		return a.srv.Wait()
	})
	t.Cleanup(func() { a.stop(t) })
	a.url = a.srv.URL()
	a.http = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	c, secret, err := a.srv.CreateClient(t.Context(), "The product's backend", []string{server.AllScopes})
	if err != nil {
		t.Fatal(err)
	}
	a.client, err = client.New(a.url, client.WithCredentials(c.ID, secret),
		client.WithHTTPClient(&http.Client{Transport: transport}))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// stop ends the server, which the end of the test does too.
func (a *allot) stop(t testing.TB) {
	t.Helper()
	if err := a.end(); err != nil {
		t.Error(err)
	}
}

// demo fills the server with the demo.
func (a *allot) demo(t testing.TB) {
	t.Helper()
	took := time.Now()
	hook := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	broken := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "down", http.StatusServiceUnavailable)
	}))
	t.Cleanup(hook.Close)
	t.Cleanup(broken.Close)
	if err := data.Demo(t.Context(), data.Server{Client: a.client, Set: a.clock.Set, Hook: hook.URL + "/hooks/allot", Broken: broken.URL + "/crm"}); err != nil {
		t.Fatal(err)
	}
	t.Logf("the demo took %v", time.Since(took).Round(time.Millisecond))
}

// told waits until the server has told of all that happened in the demo: what time causes
// is told by and by.
func (a *allot) told(t testing.TB) {
	t.Helper()
	want := []string{
		"agreement.cancelled", "agreement.started", "customer.updated", "grant.created", "limit.reached", "override.ended", "override.set",
		"plan.version_published", "pool.low", "trial.ended", "trial.will_end", "usage.threshold_reached",
	}
	deadline := time.Now().Add(20 * time.Second) // those of time are told by and by
	for {
		seen := map[string]bool{}
		after := int64(0)
		for {
			page, err := a.client.Events.List(t.Context(), client.EventParams{After: after, PageSize: 1000})
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range page.Events {
				seen[e.Type] = true
			}
			if after = page.Next; !page.HasMore {
				break
			}
		}
		lacking := slices.DeleteFunc(slices.Clone(want), func(s string) bool { return seen[s] })
		if len(lacking) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("no event says %q", lacking)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// What the screens are to show has happened: a limit is met, credits run low, a trial
// ends, a plan is about to end, a webhook fails.
func TestDemo(t *testing.T) {
	a := newAllot(t)
	a.demo(t)
	customers := 0
	for c, err := range a.client.Customers.All(t.Context(), client.CustomerParams{}) {
		if err != nil {
			t.Fatal(err)
		}
		if c.ID != data.ID(c.OrgCode) && c.ID != data.ID(c.UserID) {
			t.Errorf("%s has the id %s", c.Name, c.ID)
		}
		customers++
	}
	if customers != 20 {
		t.Errorf("%d customers, want 20", customers)
	}
	for _, c := range []struct {
		code, feature string
		units         api.Decimal
		reason        string
	}{
		{"elmtree", "minutes", "1", "limit_reached"},
		{"alder", "minutes", "1", "within_limit"},
		{"harbour", "seats", "1", "suspended"},
		{"larkspur", "translations", "1", "not_entitled"},
		{"ibis", "api_calls", "1", "over_soft_limit"},
		{"juniper", "minutes", "1", "unlimited"},
		{"rowan", "seats", "1", "within_limit"},
		{"brightwater", "sso", "1", "unmetered"},
	} {
		got, err := a.client.Check(t.Context(), client.CheckParams{CustomerID: data.ID(c.code), FeatureCode: c.feature, Units: c.units})
		if err != nil {
			t.Fatal(err)
		}
		if got.Reason != c.reason {
			t.Errorf("%s of %s: %s, want %s; used %s, held %s", c.feature, c.code, got.Reason, c.reason, got.Used, got.Held)
		}
	}
	a.told(t)
}
