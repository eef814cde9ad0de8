package routes

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
)

// askAs sends a GET of a user.
func (w *world) askAs(t testing.TB, sub, org, target string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	return w.ask(t, "GET", target, "", append([]string{"Authorization", "Bearer " + w.userToken(t, sub, org)}, headers...)...)
}

func accountPage(t testing.TB, w *world, query string) api.AccountEntitlementList {
	t.Helper()
	rec := w.askAs(t, "kp_many", "org_acme", "/account_api/v1/entitlements"+query)
	var out api.AccountEntitlementList
	if err := json.Unmarshal(rec.Body.Bytes(), &out); rec.Code != 200 || err != nil {
		t.Fatalf("%s: %d %s: %v", query, rec.Code, rec.Body, err)
	}
	return out
}

// manyKeys puts a user within an organization on a plan of n features.
func manyKeys(t testing.TB, w *world, n int) {
	t.Helper()
	spec := billing.CatalogSpec{
		Currency: "usd",
		Groups:   []billing.PlanGroup{{Code: "people", Name: "People", CustomerType: billing.User}},
		Plans:    []billing.PlanSpec{{Code: "many", Name: "Many", Group: "people", Status: billing.Published}},
	}
	for i := range n {
		code := billing.Code(fmt.Sprintf("f%04d", i))
		spec.Features = append(spec.Features, billing.Feature{Code: code, Name: string(code), Type: billing.Unmetered})
		spec.Plans[0].Items = append(spec.Plans[0].Items, billing.ItemSpec{Feature: code})
	}
	w.apply(t, spec)
	ask[api.Customer](t, w, "POST", "/v1/customers", `{"type":"user","org_code":"org_acme","user_id":"kp_many","plan_code":"many"}`)
}

// The paging loops of Kinde's SDKs, each as it decides to go on: they end, meet
// every entitlement once, and js-utils, which puts pages together, sees each plan
// once.
func TestPagingLoopsOfTheSDKs(t *testing.T) {
	const n = 123
	w := newWorld(t)
	manyKeys(t, w, n)
	for name, next := range map[string]func(api.AccountEntitlementList) (query string, goOn bool){
		// While has_more, with the cursor as it is and the default page size.
		"js-utils": func(p api.AccountEntitlementList) (string, bool) {
			if !p.Metadata.HasMore {
				return "", false
			}
			return "?starting_after=" + *p.Metadata.NextPageStartingAfter, true
		},
		// As long as there is a cursor, whatever has_more says.
		"Java": func(p api.AccountEntitlementList) (string, bool) {
			if p.Metadata.NextPageStartingAfter == nil {
				return "", false
			}
			return "?limit=100&starting_after=" + url.QueryEscape(*p.Metadata.NextPageStartingAfter), true
		},
		// Until a page is empty.
		"Ruby": func(p api.AccountEntitlementList) (string, bool) {
			if len(p.Data.Entitlements) == 0 {
				return "", false
			}
			last := p.Data.Entitlements[len(p.Data.Entitlements)-1].ID
			return "?page_size=100&starting_after=" + last, true
		},
	} {
		t.Run(name, func(t *testing.T) {
			var keys []string
			plans, pages := 0, 0
			query := map[string]string{"Java": "?limit=100", "Ruby": "?page_size=100"}[name]
			for goOn := true; goOn; {
				if pages++; pages > n {
					t.Fatal("the loop does not end")
				}
				p := accountPage(t, w, query)
				for _, e := range p.Data.Entitlements {
					keys = append(keys, e.FeatureKey)
				}
				plans += len(p.Data.Plans)
				if p.Metadata.HasMore != (p.Metadata.NextPageStartingAfter != nil) {
					t.Errorf("page %d: has_more %v beside a cursor %v", pages, p.Metadata.HasMore, p.Metadata.NextPageStartingAfter)
				}
				query, goOn = next(p)
			}
			if plans != 1 || len(keys) != n {
				t.Fatalf("%d plans and %d entitlements", plans, len(keys))
			}
			for i, key := range keys {
				if want := fmt.Sprintf("f%04d", i); key != want {
					t.Fatalf("entitlement %d is %s, want %s", i, key, want)
				}
			}
		})
	}
}

// Whose entitlements a user sees: its own within the organization, else its own,
// else, only if that is configured, the organization's.
func TestWhoseEntitlementsAUserSees(t *testing.T) {
	for _, c := range []struct {
		accountOrg bool
		sub, org   string
		plans      []string
	}{
		{false, "kp_ada", "", []string{"personal"}},
		{false, "kp_ada", "org_acme", []string{"personal"}},
		{false, "kp_bob", "org_acme", nil},
		{true, "kp_ada", "org_acme", []string{"personal"}},
		{true, "kp_bob", "org_acme", []string{"pro", "more_seats"}},
		{true, "kp_bob", "org_none", nil},
		{true, "kp_bob", "", nil},
		{true, "kp_\x00", "org_acme", []string{"pro", "more_seats"}},
		{true, "kp_bob", "org_\x00", nil},
	} {
		w := worldOn(t, newStore(t), 0, func(config *Config) { config.AccountOrg = c.accountOrg })
		w.settle(t)
		rec := w.askAs(t, c.sub, c.org, "/account_api/v1/entitlements?page_size=1")
		var list api.AccountEntitlementList
		if err := json.Unmarshal(rec.Body.Bytes(), &list); rec.Code != 200 || err != nil {
			t.Fatalf("%+v: %d %s: %v", c, rec.Code, rec.Body, err)
		}
		var plans []string
		for _, p := range list.Data.Plans {
			plans = append(plans, p.Key)
		}
		if diff := cmp.Diff(c.plans, plans); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", c, diff)
		}
	}
}

func TestOrigins(t *testing.T) {
	const app, other = "https://app.example", "https://other.example"
	for _, c := range []struct {
		origins       []string
		origin, allow string
	}{
		{nil, app, ""},
		{[]string{app}, app, app},
		{[]string{app}, other, ""},
		{[]string{app}, "https://app.example.evil.example", ""},
		{[]string{app}, "http://app.example", ""},
		{[]string{app}, "null", ""},
		{[]string{app}, "", ""},
		{[]string{other, app}, app, app},
		{[]string{"*"}, other, "*"},
		{[]string{"*"}, "", ""},
	} {
		w := worldOn(t, deadStore{}, 0, func(config *Config) { config.Origins = c.origins })
		for _, r := range []struct{ method, target string }{
			{"OPTIONS", "/account_api/v1/entitlements"}, {"OPTIONS", "/account_api/v1/entitlement/seats"}, {"OPTIONS", "/account_api/v1/entitlement"},
			{"GET", "/account_api/v1/entitlements"}, {"GET", "/v1/plans"}, {"OPTIONS", "/v1/plans"}, {"GET", "/openapi.yaml"},
		} {
			rec := w.ask(t, r.method, r.target, "", "Origin", c.origin)
			h := rec.Header()
			ours := r.target != "/v1/plans" && r.target != "/openapi.yaml"
			allow := ""
			if ours {
				allow = c.allow
			}
			if h.Get("Access-Control-Allow-Origin") != allow || h.Get("Access-Control-Allow-Credentials") != "" {
				t.Errorf("%v, %s %s from %q: %v; want %q allowed", c.origins, r.method, r.target, c.origin, h, allow)
			}
			if varies := h.Get("Vary") == "Origin"; varies != (ours && len(c.origins) > 0) {
				t.Errorf("%v, %s %s: %v", c.origins, r.method, r.target, h)
			}
			if r.method == "OPTIONS" && (rec.Code == 200) != (allow != "") {
				t.Errorf("%v, %s %s from %q: %d", c.origins, r.method, r.target, c.origin, rec.Code)
			}
		}
	}
}
