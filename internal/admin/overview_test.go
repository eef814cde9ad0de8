package admin_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/admin"
)

// The overview says what needs attention, and who changed what.
func TestOverview(t *testing.T) {
	b := newBusy(t, "127.0.0.1:0")
	b.told(api.EventThresholdReached, api.EventLimitReached, api.EventTrialWillEnd)
	p := b.get("/console/").Wants(http.StatusOK).Says(
		"free-one seats at the limit was refused", "free-one api_calls near has used 80 % of it", "Trials that end soon", "trying on pro", "Newest changes", "agreement.created")
	if strings.Contains(p.Said(), "Webhooks that fail") || strings.Contains(p.Said(), "Three steps") {
		t.Errorf("it says too much: %s", p.Said())
	}
	// A trial whose end was moved, or that is over, is not announced any more.
	later := api.Time{Time: time.Now().Add(20 * 24 * time.Hour)}
	for what, change := range map[string]func(id string) (*api.Agreement, error){
		"moved": func(id string) (*api.Agreement, error) {
			return b.api.Customers.UpdateAgreement(t.Context(), id, api.UpdateAgreementRequest{TrialEndsOn: api.Some(later)})
		},
		"over": func(id string) (*api.Agreement, error) {
			return b.api.Customers.CancelAgreement(t.Context(), id, api.WhenNow)
		},
	} {
		trial := b.customer(what, "")
		made := b.tries(trial)
		until(t, "it is announced", func() bool { return strings.Contains(b.get("/console/").Said(), what+" on pro") })
		if _, err := change(made.ID); err != nil {
			t.Fatal(err)
		}
		if said := b.get("/console/").Said(); strings.Contains(said, what+" on pro") {
			t.Errorf("%s: it says %s", what, said)
		}
	}
	b.fails.Store(true)
	b.customer("late", "free")
	until(t, "the webhook fails", func() bool { return strings.Contains(b.get("/console/").Said(), "Webhooks that fail") })
}

// quiet has nothing to say of a server that it does not know.
type quiet struct{}

func (quiet) Checks(context.Context) []admin.Check    { return nil }
func (quiet) Facts(context.Context) []admin.FactGroup { return nil }
func (quiet) StartVerify(string) bool                 { return false }
func (quiet) Verification() *admin.Verification       { return nil }

// forward has the server answer a request, as one of the world's own client.
func (b *busy) forward(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		b.t.Error(err)
	}
	resp, err := b.api.Do(r.Context(), r.Method, r.URL.RequestURI(), body)
	if err != nil {
		b.t.Error(err)
		return
	}
	defer resp.Body.Close()
	w.Header().Set("Content-Type", resp.Header.Get("Content-Type"))
	w.WriteHeader(resp.StatusCode)
	if _, err := io.Copy(w, resp.Body); err != nil {
		b.t.Error(err)
	}
}

// A page asks the API a number of times that is bounded, and does not grow with what there
// is. The console of the test is another one, whose API is the server's, counted on the way.
func TestCalls(t *testing.T) {
	b := newBusy(t, "127.0.0.1:0")
	b.nextPro()
	var calls atomic.Int64
	console, err := admin.New(admin.Options{
		API: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			calls.Add(1)
			b.forward(w, r)
		}),
		SignIn: known{}, Health: quiet{}, CountHolders: func(context.Context, string) (admin.Holders, error) { return admin.Holders{}, nil },
		URL: b.url, Now: time.Now, Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	paths := map[string]int64{
		"/console/":                                 37, // two searches, three lists, thirty names
		"/console/plans":                            3,
		"/console/plans/pro":                        1,
		"/console/plans/pro/preview?version=2":      2,
		"/console/plans/pro/migrate?to_version=2":   3,
		"/console/catalog":                          1,
		"/console/events":                           2,
		"/console/events?type=grant.voided":         2,
		"/console/events?customer=org_code:pro-one": 2,
		"/console/events/3":                         1,
		"/console/webhooks":                         1,
		"/console/webhooks/" + b.hook.ID:            2,
		"/console/health":                           0,
	}
	count := func() map[string]int64 {
		counted := map[string]int64{}
		for path, most := range paths {
			calls.Store(0)
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody)
			r.AddCookie(&http.Cookie{Name: "as", Value: "admin"})
			rec := httptest.NewRecorder()
			console.ServeHTTP(rec, r)
			if rec.Code != http.StatusOK {
				t.Fatalf("%s: %d %s", path, rec.Code, rec.Body)
			}
			if counted[path] = calls.Load(); counted[path] > most {
				t.Errorf("%s asks %d times, want at most %d", path, counted[path], most)
			}
		}
		return counted
	}
	few := count()
	for i := range 300 {
		b.customer(fmt.Sprint("many-", i), "pro")
	}
	b.settled()
	for path, n := range count() {
		if n > few[path] && path != "/console/" { // there are more names on that one
			t.Errorf("%s asked %d times, and asks %d times with more customers", path, few[path], n)
		}
	}
}
