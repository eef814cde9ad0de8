package routes

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
)

// together runs fn n times at once and returns what each run gave.
func together[T any](n int, fn func(i int) T) []T {
	out := make([]T, n)
	var wg sync.WaitGroup
	begin := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-begin
			out[i] = fn(i)
		})
	}
	close(begin)
	wg.Wait()
	return out
}

func used(t testing.TB, w *world, customer, feature string) string {
	t.Helper()
	d := ask[api.Decision](t, w, "POST", "/v1/check", `{"customer_id":"`+customer+`","feature_code":"`+feature+`"}`)
	return string(d.Used)
}

// Twins that race with one key: one of them does the work, the others repeat
// what it said.
func TestRacingTwinsDoTheWorkOnce(t *testing.T) {
	const twins = 32
	for name, c := range map[string]struct{ target, body string }{
		"consume":  {"/v1/consume", `{"customer_id":"` + acme + `","feature_code":"seats"}`},
		"refused":  {"/v1/holds", `{"customer_id":"` + acme + `","feature_code":"sso","units":1,"expires_in":1}`},
		"usage":    {"/v1/usage", `{"records":[{"customer_id":"` + acme + `","feature_code":"seats","value":"1"}]}`},
		"customer": {"/v1/customers", `{"type":"organization","org_code":"org_new"}`},
		"user":     {"/api/v1/users/kp_bob/billing_customer", `{"org_code":"org_acme","billing_email":"bob@acme.example","billing_plan_code":"personal"}`},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.settle(t)
			answers := together(twins, func(int) *httptest.ResponseRecorder {
				return w.ask(t, "POST", c.target, c.body, api.HeaderIdempotencyKey, "one")
			})
			first := 0
			for _, rec := range answers {
				if rec.Header().Get(api.HeaderIdempotencyReplayed) == "" {
					first++
				}
				if rec.Code != answers[0].Code || rec.Body.String() != answers[0].Body.String() ||
					rec.Header().Get(api.HeaderRevision) != answers[0].Header().Get(api.HeaderRevision) {
					t.Fatalf("%d %s\nand\n%d %s", rec.Code, rec.Body, answers[0].Code, answers[0].Body)
				}
			}
			if first != 1 {
				t.Errorf("%d of %d twins were the first", first, twins)
			}
			if counted := used(t, w, acme, "seats"); (name == "consume" || name == "usage") && counted != "1" {
				t.Errorf("%s was counted", counted)
			}
		})
	}
}

// Without a key two racing calls give one customer too; the second is told so.
func TestRacingBillingCustomersAreOne(t *testing.T) {
	w := newWorld(t)
	w.settle(t)
	codes := map[string]int{}
	for _, rec := range together(16, func(int) *httptest.ResponseRecorder {
		return w.ask(t, "POST", "/api/v1/users/kp_bob/billing_customer",
			`{"org_code":"org_acme","billing_email":"bob@acme.example","billing_plan_code":"personal"}`)
	}) {
		code := api.CodeOK
		if rec.Code != 200 {
			code = errorsOf(t, rec)[0].Code
		}
		codes[code]++
	}
	if diff := cmp.Diff(map[string]int{api.CodeOK: 1, api.CodeBillingCustomerExists: 15}, codes); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A hard limit of 1,000 and 64 callers who want more: each gets a true answer,
// and sent twice under one key the same one.
func TestHardLimitIsExact(t *testing.T) {
	const callers, each, limit = 64, 18, 1000
	for _, times := range []int{1, 2} {
		t.Run(fmt.Sprintf("sent %d times", times), func(t *testing.T) {
			w := newWorld(t)
			w.settle(t)
			ask[api.Override](t, w, "PUT", "/v1/customers/"+acme+"/overrides/seats", `{"max":990}`) // and 10 of an add-on
			consume := func(key string) bool {
				rec := w.ask(t, "POST", "/v1/consume", `{"customer_id":"`+acme+`","feature_code":"seats"}`, api.HeaderIdempotencyKey, key)
				if rec.Code != 200 {
					t.Errorf("%d %s", rec.Code, rec.Body)
				}
				return strings.Contains(rec.Body.String(), `"allowed":true`)
			}
			allowed := 0
			for _, n := range together(callers, func(caller int) int {
				n := 0
				for i := range each {
					answers := together(times, func(int) bool { return consume(fmt.Sprint(caller, " ", i)) })
					for _, other := range answers {
						if other != answers[0] {
							t.Errorf("caller %d was answered %v for one request", caller, answers)
						}
					}
					if answers[0] {
						n++
					}
				}
				return n
			}) {
				allowed += n
			}
			if got := used(t, w, acme, "seats"); allowed != limit || got != "1000" {
				t.Errorf("%d allowed and %s counted of %d", allowed, got, limit)
			}
		})
	}
}

// failingStore fails when it is told to, before anything is written.
type failingStore struct {
	service.Store
	updates, fail int // fail: which update, from 1
}

func (s *failingStore) Update(ctx context.Context, fn func(service.Tx) error) error {
	if s.updates++; s.updates == s.fail {
		return errors.New("the disk is gone")
	}
	return s.Store.Update(ctx, fn)
}

// A bulk request that is cut off at any of its transactions is sent again: every
// record is counted once, and none is a stranger to its own answer. How many
// there are is left to the schedule: the two customers come at the same time, and
// share a transaction or do not.
func TestBulkUsageCutOffIsCountedOnce(t *testing.T) {
	body := `{"records":[` +
		`{"customer_id":"` + ada + `","feature_code":"exports","value":"1"},` +
		`{"customer_id":"` + acme + `","feature_code":"seats","value":"1"},` +
		`{"org_code":"org_acme","feature_code":"seats","value":"1"},{}]}`
	cut, told := 1, 0
	for whole := false; !whole; cut++ {
		t.Run(fmt.Sprintf("at transaction %d", cut), func(t *testing.T) {
			st := &failingStore{Store: newStore(t)}
			w := worldOn(t, st, 0)
			w.settle(t)
			st.updates, st.fail = 0, cut
			send := func() *httptest.ResponseRecorder {
				return w.ask(t, "POST", "/v1/usage", body, api.HeaderIdempotencyKey, "bulk")
			}
			first := send()
			if whole = st.updates < cut; whole {
				if first.Code != 200 {
					t.Errorf("%d %s", first.Code, first.Body)
				}
				return
			}
			switch {
			case first.Code == 200 && strings.Count(first.Body.String(), `"status":"recorded"`) == 3: // all but the keeping of the answer
				told++
			case first.Code != 500:
				t.Fatalf("%d %s", first.Code, first.Body)
			}
			second := send()
			body := second.Body.String()
			if n := strings.Count(body, `"status":"recorded"`) + strings.Count(body, `"status":"duplicate"`); n != 3 || second.Header().Get(api.HeaderIdempotencyReplayed) != "" {
				t.Errorf("%v %s", second.Header(), second.Body)
			}
			third := send()
			if third.Body.String() != second.Body.String() || third.Header().Get(api.HeaderIdempotencyReplayed) != "true" {
				t.Errorf("%v %s; before it was %s", third.Header(), third.Body, second.Body)
			}
			if a, b := used(t, w, acme, "seats"), used(t, w, ada, "exports"); a != "2" || b != "1" {
				t.Errorf("counted %s and %s", a, b)
			}
		})
	}
	if cuts := cut - 2; cuts < 2 || told != 1 { // one or both customers, the answer
		t.Errorf("the request was cut off at %d transactions, and %d times told what was counted", cuts, told)
	}
}

// After a fault of ours the work is still to be done. What is no work of a transaction, such as a
// check, is told though it cannot be kept.
func TestFaultsAreNotKept(t *testing.T) {
	st := &failingStore{Store: newStore(t)}
	w := worldOn(t, st, 0)
	w.settle(t)
	for target, status := range map[string]int{"/v1/consume": 500, "/v1/check": 200} {
		body := `{"customer_id":"` + acme + `","feature_code":"seats"}`
		st.updates, st.fail = 0, 1
		if rec := w.ask(t, "POST", target, body, api.HeaderIdempotencyKey, "k"); rec.Code != status {
			t.Errorf("%s: %d %s", target, rec.Code, rec.Body)
		}
		rec := w.ask(t, "POST", target, body, api.HeaderIdempotencyKey, "k")
		if rec.Code != 200 || rec.Header().Get(api.HeaderIdempotencyReplayed) != "" {
			t.Errorf("%s: %d %v %s", target, rec.Code, rec.Header(), rec.Body)
		}
	}
}

// A key is the client's own: of another client, of another issuer and on another
// path the same key is another one.
func TestKeysAreScoped(t *testing.T) {
	w := newWorld(t)
	w.settle(t)
	scope := strings.Join(allScopes(), " ")
	for i, c := range []struct{ issuer, client, target string }{
		{issuerURL, clientID, "/v1/consume"}, {foreignURL, clientID, "/v1/consume"},
		{issuerURL, "client_two", "/v1/consume"}, {issuerURL, clientID, "/v1/check"}, {issuerURL, clientID, "//v1/consume"},
	} {
		token := w.tokenOf(t, map[string]any{"iss": c.issuer, "azp": c.client, "scope": scope})
		rec := w.ask(t, "POST", c.target, `{"customer_id":"`+acme+`","feature_code":"seats"}`,
			"Authorization", "Bearer "+token, api.HeaderIdempotencyKey, "k")
		again := c.target == "//v1/consume" // is the first one's path
		if rec.Code != 200 || (rec.Header().Get(api.HeaderIdempotencyReplayed) != "") != again {
			t.Errorf("%d: %d %v %s", i, rec.Code, rec.Header(), rec.Body)
		}
	}
	if got := used(t, w, acme, "seats"); got != "3" {
		t.Errorf("%s was counted", got)
	}
}

// A hold that there is not may be anybody's and nobody's: nothing is kept.
func TestRefusalOfAnUnknownHoldIsNotKept(t *testing.T) {
	w := newWorld(t)
	w.settle(t)
	for i := range 2 {
		rec := w.ask(t, "POST", "/v1/holds/hold_"+strings.Repeat("f", 64)+"/release", "", api.HeaderIdempotencyKey, "k")
		if rec.Code != 404 || errorsOf(t, rec)[0].Code != api.CodeHoldNotFound || rec.Header().Get(api.HeaderIdempotencyReplayed) != "" {
			t.Errorf("%d: %d %v %s", i, rec.Code, rec.Header(), rec.Body)
		}
		if !strings.Contains(w.log.String(), "code=HOLD_NOT_FOUND") {
			t.Errorf("%d: the log lacks the code: %s", i, w.log.String())
		}
		w.log.Reset()
	}
}

// The change log names a client of our own, and one of another issuer with it.
func TestActor(t *testing.T) {
	w := newWorld(t)
	w.settle(t)
	scope := strings.Join(allScopes(), " ")
	for _, issuer := range []string{issuerURL, foreignURL} {
		token := w.tokenOf(t, map[string]any{"iss": issuer, "azp": clientID, "scope": scope})
		if rec := w.ask(t, http.MethodPut, "/v1/customers/"+idle+"/overrides/sso", `{"deny":true,"note":"`+issuer+`"}`, "Authorization", "Bearer "+token); rec.Code != 200 {
			t.Fatalf("%d %s", rec.Code, rec.Body)
		}
	}
	var by []billing.Actor
	id, err := billing.ParseID[billing.CustomerID](idle)
	if err != nil {
		t.Fatal(err)
	}
	err = w.billing.Store.View(t.Context(), func(r service.Reader) error {
		changes, err := r.Changes(id.Scope(), 1, 10)
		for _, ch := range changes {
			by = append(by, ch.By)
		}
		return err
	})
	if diff := cmp.Diff([]billing.Actor{"client:client_one", "client:client_one@https://foreign.example"}, by); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}
