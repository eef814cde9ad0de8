package routes

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/door"
)

// What is tried answers as if it were done, says what would be then, and leaves nothing: no
// change, no place in the feed, no key. Done afterwards, it comes to what was said.
func TestTrial(t *testing.T) {
	for name, url := range databases {
		t.Run(name, func(t *testing.T) {
			w := worldOn(t, openStore(t, url(t)), 0)
			w.settle(t)
			grant := ask[api.Grant](t, w, "POST", "/v1/customers/"+acme+"/grants", `{"feature_code":"api_calls","amount":"30"}`)
			agreement := ask[api.Customer](t, w, "GET", "/v1/customers/"+acme, "").Agreements[0]
			for _, c := range []struct {
				name, method, path, body string
				later                    bool // it takes effect when the term ends
			}{
				{"an override", "PUT", "/v1/customers/" + acme + "/overrides/seats", `{"add":7}`, false},
				{"an override that ends", "DELETE", "/v1/customers/" + acme + "/overrides/seats", "", false},
				{"another plan", "POST", "/v1/customers/" + acme + "/agreements", `{"plan_code":"business","when":"period_end"}`, true},
				{"a cancellation", "DELETE", "/v1/agreements/" + agreement.ID + "?when=period_end", "", true},
				{"a resumption", "POST", "/v1/agreements/" + agreement.ID + "/resume", "", true},
				{"a grant", "POST", "/v1/customers/" + acme + "/grants", `{"feature_code":"api_calls","amount":"5"}`, false},
				{"a void", "POST", "/v1/grants/" + grant.ID + "/void", "", false},
				{"a suspension", "PATCH", "/v1/customers/" + acme, `{"status":"suspended"}`, false},
				{"a deletion", "DELETE", "/v1/customers/" + acme, "", false},
			} {
				t.Run(c.name, func(t *testing.T) {
					before := w.stand(t)
					trial := &door.Trial{Customer: acme}
					if c.later {
						trial.At = agreement.CurrentPeriodEnd.Time
					}
					r := w.request(t, c.method, c.path, c.body)
					r.Header.Set(api.HeaderIdempotencyKey, c.name)
					rec := w.answer(r.WithContext(door.WithTrial(r.Context(), trial)))
					if rec.Code >= 300 {
						t.Fatalf("tried: %d %s", rec.Code, rec.Body)
					}
					if d := cmp.Diff(before, w.stand(t)); d != "" {
						t.Fatalf("the trial left something:\n%s", d)
					}
					r = w.request(t, c.method, c.path, c.body)
					r.Header.Set(api.HeaderIdempotencyKey, c.name)
					done := w.answer(r)
					if done.Code != rec.Code || done.Header().Get(api.HeaderIdempotencyReplayed) != "" {
						t.Fatalf("done: %d, tried: %d %v", done.Code, rec.Code, done.Header())
					}
					if d := cmp.Diff(nameless(done.Body.String()), nameless(rec.Body.String())); d != "" {
						t.Errorf("done it answers otherwise than tried (-done +tried):\n%s", d)
					}
					target := "/v1/customers/" + acme + "/entitlements"
					if c.later {
						target += "?at=" + trial.At.Format(time.RFC3339)
					}
					text, err := json.Marshal(trial.Entitled)
					if err != nil {
						t.Fatal(err)
					}
					if d := cmp.Diff(nameless(w.ask(t, "GET", target, "").Body.String()), nameless(string(text)+"\n")); d != "" {
						t.Errorf("it came otherwise than said (-is +said):\n%s", d)
					}
				})
			}
		})
	}
}

// What is refused is refused when it is tried, and what is no single transaction is not.
func TestTrialRefused(t *testing.T) {
	w := newWorld(t)
	w.settle(t)
	for path, want := range map[string]int{
		"/v1/customers/" + acme + "/agreements": http.StatusNotFound,
		"/v1/plans/pro/migrate":                 http.StatusInternalServerError,
	} {
		r := w.request(t, "POST", path, `{"plan_code":"nothing"}`)
		if want == http.StatusInternalServerError {
			r = w.request(t, "POST", path, `{"to_version":1}`)
		}
		if rec := w.answer(r.WithContext(door.WithTrial(r.Context(), &door.Trial{Customer: acme}))); rec.Code != want {
			t.Errorf("%s: %d %s", path, rec.Code, rec.Body)
		}
	}
}

// stand is all that the API says of a customer, and of the feed.
func (w *world) stand(t *testing.T) (all []string) {
	for _, path := range []string{"", "/entitlements", "/grants", "/holds"} {
		all = append(all, w.ask(t, "GET", "/v1/customers/"+acme+path, "").Body.String())
	}
	return append(all, w.ask(t, "GET", "/v1/events", "").Body.String())
}

// nameless is an answer without ids, which are others each time, and revisions.
func nameless(text string) string {
	text = regexp.MustCompile(`[0-9a-f]{32}`).ReplaceAllString(text, "ID")
	return regexp.MustCompile(`"revision":"[^"]*"`).ReplaceAllString(text, "")
}

// request is one with a token of all scopes.
func (w *world) request(t *testing.T, method, target, body string) *http.Request {
	r := httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+w.token(t, allScopes()...))
	return r
}

func (w *world) answer(r *http.Request) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, r)
	return rec
}
