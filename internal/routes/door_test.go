package routes

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/kinde"
	"github.com/allot-dev/allot/internal/outbox/record"
	"github.com/allot-dev/allot/internal/packed"
	"github.com/allot-dev/allot/internal/service"
)

// deadStore is a store that fails in a way that must not be told.
type deadStore struct{ err error }

func (s deadStore) View(context.Context, func(service.Reader) error) error { return s.err }
func (s deadStore) Update(context.Context, func(service.Tx) error) error   { return s.err }
func (s deadStore) Batching() service.Batching                             { return service.Batching{Queues: 1} }
func (s deadStore) Standings(context.Context, ...service.Ask) ([]service.UsageStanding, error) {
	return nil, s.err
}
func (s deadStore) Apply(context.Context, int64, []service.LaneChange) ([]bool, error) {
	return nil, s.err
}
func (s deadStore) Packed(context.Context, billing.CustomerID, time.Time) (packed.Facts, error) {
	return "", s.err
}

// deadWebhooks is a store of webhooks that fails.
type deadWebhooks struct{ err error }

func (s deadWebhooks) View(context.Context, func(record.Reader) error) error { return s.err }
func (s deadWebhooks) Update(context.Context, func(record.Tx) error) error   { return s.err }

const (
	anAgreementID = "agreement_01a202b2c50070008000000000000001"
	aGrantID      = "grant_01a202b2c5007000800000000000000101a202b2d30070008000000000000000"
)

// A cause may hold a path, a query or a name. It goes to the log and nowhere
// else, on whatever route it comes up and however it is wrapped.
func TestCausesAreLoggedAndNeverShown(t *testing.T) {
	const poison = "xyzzy"
	of := `{"customer_id":"` + acme + `","feature_code":"seats"`
	bodies := map[string]string{
		"PUT /v1/catalog":                    "{}",
		"POST /v1/customers":                 `{"type":"organization"}`,
		"PUT /v1/customers/{id}":             `{}`,
		"PATCH /v1/customers/{id}":           `{}`,
		"POST /v1/customers/{id}/agreements": `{"plan_code":"pro"}`,
		"POST /api/v1/billing/agreements":    `{"customer_id":"` + acme + `","plan_code":"pro"}`,
		"DELETE /api/v1/billing/agreements":  `{"agreement_id":"` + anAgreementID + `"}`,

		"POST /api/v1/billing/meter_usage":                `{"customer_agreement_id":"` + anAgreementID + `","billing_feature_code":"seats","meter_value":"1"}`,
		"POST /api/v1/organization":                       `{"name":"Hooli"}`,
		"POST /api/v1/portal/generate_url":                `{"user_id":"kp_ada"}`,
		"POST /api/v1/users/{user_id}/billing_customer":   `{"org_code":"o","billing_email":"a@b.example"}`,
		"PUT /v1/customers/{id}/overrides/{feature_code}": `{"max":1}`,
		"POST /v1/check":                                  of + `}`,
		"POST /v1/consume":                                of + `}`,
		"POST /v1/holds/{id}/extend":                      `{"expires_in":1}`,
		"POST /v1/customers/{id}/grants":                  `{"feature_code":"seats","amount":1}`,
		"PATCH /v1/agreements/{id}":                       `{"expires_on":null}`,
		"POST /v1/holds":                                  of + `,"units":1,"expires_in":1}`,
		"POST /v1/usage":                                  `{"records":[` + of + `,"value":"1"}]}`,
		"POST /v1/plans/{code}/preview":                   `{"all":true}`,
		"POST /v1/webhooks":                               `{"url":"https://hooks.example","format":"kinde","events":"all"}`,
		"PATCH /v1/webhooks/{id}":                         `{"description":"d"}`,
		"POST /v1/webhooks/{id}/replay":                   `{"after":0}`,
	}
	for _, cause := range []error{
		errors.New(poison),
		&billing.Error{Kind: billing.Internal, Code: "XYZZY", Message: poison, Err: errors.New(poison)},
		billing.Errors{{Kind: billing.Internal, Code: "XYZZY", Message: poison}},
	} {
		w := worldOn(t, deadStore{cause}, 0)
		for _, route := range All(Config{}) {
			if route.Pattern == "/healthz" || strings.HasPrefix(route.Pattern, "/openapi.") {
				continue // ask nothing of the store
			}
			w.log.Reset()
			target := targetOf(route) + "?key=seats&feature_code=seats&code=org_acme&id=kp_ada&customer_id=" + acme
			var headers []string
			if route.Dialect == kinde.Account {
				headers = []string{"Authorization", "Bearer " + w.userToken(t, "kp_ada", "")}
			}
			rec := w.ask(t, route.Method, target, bodies[route.Method+" "+route.Pattern], headers...)
			status, code := 500, api.CodeInternalError
			if route.Pattern == "/readyz" {
				status, code = 503, api.CodeNotReady
			}
			errs := errorsOf(t, rec)
			id := rec.Header().Get(api.HeaderRequestID)
			if rec.Code != status || len(errs) != 1 || errs[0].Code != code {
				t.Errorf("%s %s: %d %s", route.Method, route.Pattern, rec.Code, rec.Body)
			}
			if strings.Contains(strings.ToLower(rec.Body.String()), poison) {
				t.Errorf("%s %s shows the cause: %s", route.Method, route.Pattern, rec.Body)
			}
			if status == 500 && !strings.Contains(errs[0].Message, id) {
				t.Errorf("%s %s: the message does not name request %s: %s", route.Method, route.Pattern, id, errs[0].Message)
			}
			log := w.log.String()
			if !strings.Contains(log, poison) || !strings.Contains(log, "level=ERROR") || !strings.Contains(log, id) {
				t.Errorf("%s %s: the log lacks the cause or the request id: %s", route.Method, route.Pattern, log)
			}
		}
	}
}

// What a caller sends where a code is wanted is not sent back, however long it
// is.
func TestLongTextsAreNotRepeated(t *testing.T) {
	w := newWorld(t)
	w.settle(t)
	long := strings.Repeat("xyzzy", 1000)
	for _, target := range []string{
		"GET /v1/plans/" + long, "GET /v1/customers/" + long, "GET /account_api/v1/entitlement/" + long,
		"PUT /v1/customers/" + acme + "/overrides/" + long, "DELETE /v1/customers/" + acme + "/overrides/" + long,
		"POST /v1/plans/" + long + "/migrate", "POST /v1/plans/" + long + "/preview", "POST /v1/holds/" + long + "/release",
		"POST /v1/customers/" + acme + "/agreements", "POST /api/v1/billing/agreements", "POST /api/v1/billing/meter_usage",
		"POST /v1/check", "POST /v1/consume", "POST /v1/holds", "POST /v1/customers", "POST /v1/usage",
		"GET /v1/customers/" + acme + "/usage?feature_code=" + long, "GET /api/v1/billing/agreements?customer_id=" + acme + "&feature_code=" + long,
		"POST /api/v1/users/" + long + "/billing_customer",
	} {
		method, path, _ := strings.Cut(target, " ")
		record := `"customer_id":"` + acme + `","plan_code":"` + long + `","feature_code":"` + long + `","billing_feature_code":"` + long +
			`","value":1,"meter_value":1,"units":1,"expires_in":1,"max":1,"all":false,"customer_agreement_id":"` + long +
			`","id":"` + long + `","type":"` + long + `","org_code":"` + long + `","billing_email":"` + long + `"`
		var headers []string
		if strings.HasPrefix(path, "/account_api/") {
			headers = []string{"Authorization", "Bearer " + w.userToken(t, "kp_ada", "")}
		}
		for _, body := range []string{
			"{" + record + "}", `{"records":[{` + record + `}]}`, `{"customer_id":"` + acme + `","feature_code":"` + long + `","units":1,"expires_in":1}`,
			`{"records":[{"customer_id":"` + acme + `","feature_code":"` + long + `","value":1},{"customer_id":"` + acme + `","feature_code":"seats","value":1,"id":"` + long + `"}]}`,
		} {
			rec := w.ask(t, method, path, body, headers...)
			if strings.Contains(rec.Body.String(), "xyzzy") {
				t.Errorf("%.60s: %.300s", target, rec.Body)
			}
		}
	}
}

func TestPanicIsAFaultOfOurs(t *testing.T) {
	w := worldOn(t, deadStore{}, 0, func(c *Config) {
		c.Also["GET /panic"] = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("xyzzy") })
	})
	rec := w.ask(t, "GET", "/panic", "")
	if errs := errorsOf(t, rec); rec.Code != 500 || errs[0].Code != api.CodeInternalError || strings.Contains(rec.Body.String(), "xyzzy") {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
	if log := w.log.String(); !strings.Contains(log, "xyzzy") || !strings.Contains(log, "door_test.go") {
		t.Errorf("the log lacks the panic or where it was: %s", log)
	}
}

func TestLogLine(t *testing.T) {
	var level slog.LevelVar
	var log strings.Builder
	w := worldOn(t, newStore(t), 0, func(c *Config) {
		c.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: &level, ReplaceAttr: withoutTimes}))
	})
	w.settle(t)
	if log.Len() > 0 {
		t.Errorf("requests that went well are logged:\n%s", &log)
	}
	level.Set(slog.LevelDebug)
	token := w.token(t, allScopes()...)
	r := httptest.NewRequestWithContext(t.Context(), "GET", "//v1/customers/"+acme+"?q=pay@acme.example", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("X-Request-Id", "r-1")
	w.ServeHTTP(httptest.NewRecorder(), r)
	want := "level=DEBUG msg=request method=GET route=/v1/customers/{id} status=200 client=client_one request_id=r-1\n"
	if got := log.String(); got != want {
		t.Errorf("got  %swant %s", got, want)
	}

	// Refusals say why, and still nothing that is secret or may be personal.
	level.Set(slog.LevelInfo)
	log.Reset()
	for _, authorization := range []string{"", "Bearer " + token + "x", "Basic c2VjcmV0OnNlY3JldA==", "Bearer " + token[:40]} {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/v1/customers/"+acme, nil)
		r.Header.Set("Authorization", authorization)
		w.ServeHTTP(httptest.NewRecorder(), r)
	}
	lines := log.String()
	if strings.Count(lines, "\n") != 4 || strings.Count(lines, "cause=") != 4 || strings.Count(lines, "level=INFO") != 4 {
		t.Errorf("want four lines at level INFO, each with a cause:\n%s", lines)
	}
	w.ask(t, "POST", "/v1/customers/"+acme+"/agreements", `{"plan_code":"pay@acme.example"}`)
	lines = log.String()
	if !strings.Contains(lines, "code=PLAN_NOT_FOUND") {
		t.Errorf("the log lacks the code:\n%s", lines)
	}
	for _, secret := range []string{"pay@acme", token[:40], token[len(token)-20:], "c2VjcmV0", acme} {
		if strings.Contains(lines, secret) {
			t.Errorf("the log shows %q:\n%s", secret, lines)
		}
	}
}

func TestRequestID(t *testing.T) {
	w := newWorld(t)
	for given, taken := range map[string]bool{
		"abc": true, "01a202b2-c507-4000/x:y=": true, strings.Repeat("ab-", 42): true,
		"9f86d081-884c-4d65-9a2f-eaa0c55ad015": true, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01": true,
		strings.Repeat("a", 52): false, "eyJhbGciOiJSUzI1NiJ9.eyJhIjoxfQ.c2lnbmF0dXJl": false, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw": false,
		"": false, "with space": false, "line\nbreak": false, strings.Repeat("ab-", 43): false, `"`: false, "ü": false,
	} {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/healthz", nil)
		r.Header["X-Request-Id"] = []string{given}
		rec := httptest.NewRecorder()
		w.ServeHTTP(rec, r)
		got := rec.Header().Get("X-Request-Id")
		if (got == given) != taken || len(got) < 3 {
			t.Errorf("given %q: %q", given, got)
		}
	}
}

func TestRateLimit(t *testing.T) {
	w := worldOn(t, deadStore{}, 2)
	for i, want := range []struct {
		method, path string
		status       int
		remaining    string
		retryAfter   string
	}{
		{"GET", "/api/v1/billing/entitlements", 400, "1", ""},
		{"GET", "/api/v1/billing/entitlements", 400, "0", ""},
		{"GET", "/api/v1/billing/entitlements", 429, "0", ""},
		{"POST", "/api/v1/billing/agreements", 429, "0", "30"},
		{"DELETE", "/api/v1/billing/agreements", 429, "0", ""},
		{"POST", "/v1/customers", 429, "0", "30"},
		{"GET", "/healthz", 200, "", ""}, // not a client's call
	} {
		rec := w.ask(t, want.method, want.path, "")
		h := rec.Header()
		if rec.Code != want.status || h.Get("RateLimit-Remaining") != want.remaining || h.Get("Retry-After") != want.retryAfter {
			t.Errorf("%d: %s %s: %d %v", i, want.method, want.path, rec.Code, h)
		}
		if limited := want.remaining != ""; limited != (h.Get("RateLimit-Limit") == "2") || limited != (h.Get("RateLimit-Reset") != "") {
			t.Errorf("%d: %s %s: %v", i, want.method, want.path, h)
		}
		if rec.Code == 429 && errorsOf(t, rec)[0].Code != api.CodeTooManyRequests {
			t.Errorf("%d: %s", i, rec.Body)
		}
	}
}

// A caller that goes away is no fault of ours, and not logged as one.
func TestCallerGoesAway(t *testing.T) {
	w := worldOn(t, deadStore{context.Canceled}, 0)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := httptest.NewRequestWithContext(ctx, "GET", "/v1/plans", nil)
	r.Header.Set("Authorization", "Bearer "+w.token(t, allScopes()...))
	w.ServeHTTP(httptest.NewRecorder(), r)
	if log := w.log.String(); !strings.Contains(log, "level=INFO") {
		t.Errorf("log: %s", log)
	}
}

type brokenBody struct{}

func (brokenBody) Read([]byte) (int, error) { return 0, errors.New("connection reset") }

func TestBodyThatDoesNotCome(t *testing.T) {
	w := newWorld(t)
	r := httptest.NewRequestWithContext(t.Context(), "POST", "/v1/customers", brokenBody{})
	r.Header.Set("Authorization", "Bearer "+w.token(t, allScopes()...))
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, r)
	if errs := errorsOf(t, rec); rec.Code != 400 || errs[0].Code != api.CodeBodyInvalid {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
}

func TestPathsThatAreNoPaths(t *testing.T) {
	w := newWorld(t)
	for target, status := range map[string]int{
		"/healthz": 200, "//healthz": 200, "/////healthz": 200, "/healthz//": 404, "/healthz/": 404, "/./healthz": 404,
		"/x/../healthz": 404, "/%2Fhealthz": 404, "/v1%2Fplans": 404, "/healthz%2F": 404, "/": 404, "//": 404, "/HEALTHZ": 404,
	} {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "http://allot.example"+target, nil)
		rec := httptest.NewRecorder()
		w.ServeHTTP(rec, r)
		if rec.Code != status {
			t.Errorf("%s: %d %s, want %d", target, rec.Code, rec.Header().Get("Location"), status)
		}
		if status == 404 {
			var body api.RouteNotFound
			if err := json.Unmarshal(rec.Body.Bytes(), &body); err != nil || body.Errors.Code != api.CodeRouteNotFound {
				t.Errorf("%s: %s", target, rec.Body)
			}
		}
	}
	// As a client may write it, but no path at all.
	for _, raw := range []string{"", "*", "healthz"} {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
		r.URL.Path = raw
		rec := httptest.NewRecorder()
		w.ServeHTTP(rec, r)
		if rec.Code != 404 {
			t.Errorf("path %q: %d", raw, rec.Code)
		}
	}
}

// Each change that is acknowledged is what the next reader sees, if it asks for
// the state that the change was answered with.
func TestRevisionOfAnAnswerCanBeAskedFor(t *testing.T) {
	w := newWorld(t)
	w.settle(t)
	changed := w.ask(t, "POST", "/api/v1/billing/agreements", `{"customer_id":"`+acme+`","plan_code":"free"}`)
	rev := changed.Header().Get(api.HeaderRevision)
	for _, target := range []string{
		"/api/v1/billing/entitlements?customer_id=" + acme, "/api/v1/billing/agreements?customer_id=" + acme, "/v1/customers/" + acme, "/v1/catalog",
	} {
		r := httptest.NewRequestWithContext(t.Context(), "GET", target, nil)
		r.Header.Set("Authorization", "Bearer "+w.token(t, allScopes()...))
		r.Header.Set(api.HeaderMinRevision, rev)
		rec := httptest.NewRecorder()
		w.ServeHTTP(rec, r)
		if rec.Code != 200 {
			t.Errorf("%s: %d %s", target, rec.Code, rec.Body)
		}
	}
}
