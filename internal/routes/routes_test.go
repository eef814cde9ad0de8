package routes

import (
	"maps"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/door"
	"github.com/allot-dev/allot/internal/kinde"
	"github.com/allot-dev/allot/internal/native"
)

// Every route is described, every description is served, and both name the same
// scope. The routes of package oauth are described too and are not ours.
func TestRoutesAreThoseOfOpenAPI(t *testing.T) {
	doc, err := openapi3.NewLoader().LoadFromData(api.OpenAPI)
	if err != nil {
		t.Fatal(err)
	}
	described := map[string]string{}
	for path, item := range doc.Paths.Map() {
		if strings.HasPrefix(path, "/oauth2/") || strings.HasPrefix(path, "/.well-known/") {
			continue
		}
		for method, op := range item.Operations() {
			scope, _ := op.Extensions["x-scope"].(string)
			described[method+" "+path] = scope
		}
	}
	served := map[string]string{}
	for _, r := range All(Config{}) {
		name := r.Method + " " + r.Pattern
		if _, again := served[name]; again {
			t.Errorf("%s is a route twice", name)
		}
		served[name] = r.Scope
	}
	if diff := cmp.Diff(described, served); diff != "" {
		t.Errorf("openapi.yaml (-) and the routes (+) differ in routes or scopes:\n%s", diff)
	}
}

// The dialect follows from the path, and a scope is asked for exactly where
// there are credentials of a client.
func TestRoutesHaveTheDialectOfTheirPath(t *testing.T) {
	for _, r := range All(Config{}) {
		want := native.Open
		switch {
		case strings.HasPrefix(r.Pattern, "/api/v1/"):
			want = kinde.Management
		case strings.HasPrefix(r.Pattern, "/account_api/v1/"):
			want = kinde.Account
		case strings.HasPrefix(r.Pattern, "/v1/"):
			want = native.Own
		}
		if r.Dialect != want || (r.Scope == "") != (want == native.Open || want == kinde.Account) {
			t.Errorf("%s %s: dialect %+v, scope %q", r.Method, r.Pattern, *r.Dialect, r.Scope)
		}
	}
}

// On a route shaped after Kinde's every error of a request has one status.
func TestManagementHasOneStatus(t *testing.T) {
	if d := kinde.Management; d.Invalid != 400 || d.NotFound != 400 || d.Conflict != 400 || d.TooLarge != 400 {
		t.Errorf("%+v; want 400 for each", *d)
	}
}

// Without the scope of the route, and with all others, every route refuses.
func TestEveryScopeIsAskedFor(t *testing.T) {
	w := newWorld(t)
	for _, route := range All(Config{}) {
		if route.Scope == "" {
			continue
		}
		for _, scope := range strings.Fields(route.Scope) {
			others := slices.DeleteFunc(allScopes(), func(s string) bool { return s == scope })
			w.refuses(t, route, w.token(t, others...), "SCOPE_MISSING")
		}
		for token, code := range map[string]string{
			"": "INVALID_CREDENTIALS",
			// A user's, whatever its scopes.
			w.tokenOf(t, map[string]any{"azp": "spa", "sub": "kp_ada", "scope": route.Scope}): "INVALID_CREDENTIALS",
			// Of a client, for another service.
			w.tokenOf(t, map[string]any{"azp": clientID, "aud": []string{"https://other.example"}, "scope": route.Scope}): "INVALID_CREDENTIALS",
			// Ended.
			w.tokenOf(t, map[string]any{"azp": clientID, "exp": noon.Unix(), "scope": route.Scope}): "INVALID_CREDENTIALS",
		} {
			w.refuses(t, route, token, code)
		}
	}
}

// The account API is for users, and says nothing to anybody else.
func TestAccountRoutesAskForAUser(t *testing.T) {
	w := newWorld(t)
	for _, route := range All(Config{}) {
		if route.Dialect != kinde.Account {
			continue
		}
		for _, token := range []string{
			"", w.token(t, allScopes()...),
			// Of nobody: it would speak for the organization.
			w.tokenOf(t, map[string]any{"azp": "spa", "gty": []string{"authorization_code"}, "org_code": "org_acme"}),
			w.tokenOf(t, map[string]any{"azp": "spa", "sub": "kp_ada", "exp": noon.Unix()}),
		} {
			w.refuses(t, route, token, "INVALID_CREDENTIALS")
		}
	}
}

// refuses fails the test unless a route refuses a token with a code.
func (w *world) refuses(t *testing.T, route door.Route, token, code string) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), route.Method, targetOf(route), nil)
	r.Header.Set("Authorization", "Bearer "+token)
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, r)
	if rec.Code != 403 || !strings.Contains(rec.Body.String(), `"`+code+`"`) || rec.Header().Get("WWW-Authenticate") == "" {
		t.Errorf("%s %s: %d %v %s; want 403 %s", route.Method, route.Pattern, rec.Code, rec.Header(), rec.Body, code)
	}
}

const aHoldID = "hold_01a202b2c5007000800000000000000101a202b2c50070008000000000000009"

// targetOf is a path that a route serves.
func targetOf(route door.Route) string {
	return strings.NewReplacer(
		"agreements/{id}", "agreements/"+anAgreementID, "holds/{id}", "holds/"+aHoldID, "grants/{id}", "grants/"+aGrantID, "{id}", acme,
		"{code}", "pro", "{feature_code}", "seats", "{user_id}", "kp_bob", "{key}", "seats",
	).Replace(route.Pattern)
}

// requestBodies are the wire types that the routes with a body read.
var requestBodies = map[string]any{
	"POST /api/v1/billing/agreements":    api.CreateBillingAgreementRequest{},
	"DELETE /api/v1/billing/agreements":  api.CancelBillingAgreementRequest{},
	"POST /v1/customers":                 api.CreateCustomerRequest{},
	"PATCH /v1/customers/{id}":           api.UpdateCustomerRequest{},
	"POST /v1/customers/{id}/agreements": api.CreateCustomerAgreementRequest{},

	"POST /api/v1/billing/meter_usage":                api.CreateMeterUsageRequest{},
	"POST /api/v1/users/{user_id}/billing_customer":   api.CreateUserBillingCustomerRequest{},
	"PUT /v1/customers/{id}/overrides/{feature_code}": api.SetOverrideRequest{},
	"POST /v1/check":                 api.CheckRequest{},
	"POST /v1/consume":               api.ConsumeRequest{},
	"POST /v1/holds":                 api.CreateHoldRequest{},
	"POST /v1/holds/{id}/confirm":    api.ConfirmHoldRequest{},
	"POST /v1/holds/{id}/extend":     api.ExtendHoldRequest{},
	"POST /v1/customers/{id}/grants": api.CreateGrantRequest{},
	"POST /v1/grants/{id}/void":      api.VoidGrantRequest{},
	"PATCH /v1/agreements/{id}":      api.UpdateAgreementRequest{},
	"POST /v1/plans/{code}/preview":  api.PreviewPlanRequest{},
	"POST /v1/plans/{code}/migrate":  api.MigratePlanRequest{},
}

// The handlers read bodies field by field: every field of the wire type must be
// among them, which shows by each being refused when it is of a type that no
// field has, all of them in one answer.
func TestEveryFieldOfABodyIsRead(t *testing.T) {
	w := newWorld(t)
	w.settle(t)
	for name, wire := range requestBodies {
		method, pattern, _ := strings.Cut(name, " ")
		target := targetOf(door.Route{Pattern: pattern})
		var parts []string
		want := map[string]bool{}
		for field := range jsonFields(wire) {
			parts = append(parts, `"`+field+`":[[]]`)
			want[api.InvalidCode(field)] = true
		}
		body := "{" + strings.Join(parts, ",") + "}"
		got := map[string]bool{}
		for _, e := range errorsOf(t, w.ask(t, method, target, body)) {
			got[e.Code] = true
		}
		if diff := cmp.Diff(slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
