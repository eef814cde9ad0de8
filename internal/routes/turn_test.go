package routes

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/admission"
	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
)

// Whatever writes usage waits for the commit of another without a turn: more do than may run.
func TestWhoWritesUsageWaitsWithoutATurn(t *testing.T) {
	const callers = 60 // of one client, and more than the slots of one processor
	control := admission.New(admission.Limits{Procs: 1, Requests: 1000, Bodies: 1 << 20})
	t.Cleanup(control.Close)
	w := worldOn(t, newStore(t), 0, func(c *Config) { c.Control = control })
	manyPlans(t, w, 2)
	customer, err := billing.ParseID[billing.CustomerID](acme)
	if err != nil {
		t.Fatal(err)
	}
	token := w.token(t, allScopes()...)
	send := func(path, key, body string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), "POST", path, strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Idempotency-Key", key)
		rec := httptest.NewRecorder()
		w.ServeHTTP(rec, r)
		return rec
	}
	const consume, bulk = `{"customer_id":"` + acme + `","feature_code":"one_0001","units":"1"}`,
		`{"records":[{"customer_id":"` + acme + `","feature_code":"one_0001","value":"1"}]}`
	for _, test := range []struct {
		name, path, body string
		keyed            bool
	}{
		{"consume", "/v1/consume", consume, false},
		{"consume under a key", "/v1/consume", consume, true},
		{"usage", "/v1/usage", bulk, false},
		{"usage under a key", "/v1/usage", bulk, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			begun, commit := make(chan struct{}), make(chan struct{})
			var all sync.WaitGroup
			all.Go(func() {
				err := w.billing.Count(t.Context(), "test", service.Counting{Customer: customer, Records: 1}, func(*service.Work) error {
					close(begun)
					<-commit
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			})
			<-begun
			for i := range callers {
				key := ""
				if test.keyed {
					key = fmt.Sprint(test.name, i)
				}
				all.Go(func() {
					if rec := send(test.path, key, test.body); rec.Code != 200 {
						t.Errorf("%d %s", rec.Code, rec.Body)
					}
				})
			}
			inside, waiting, slots := 0, 0, 0
			for end := time.Now().Add(10 * time.Second); inside < callers && time.Now().Before(end); time.Sleep(time.Millisecond) {
				inside, waiting, slots = control.Clients.Load()
			}
			if inside != callers || slots >= callers {
				t.Errorf("%d are inside and %d wait, %d may run; want all %d inside", inside, waiting, slots, callers)
			}
			close(commit)
			all.Wait()
		})
	}
}
