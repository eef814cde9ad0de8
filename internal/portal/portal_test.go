package portal_test

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/web"
	"github.com/allot-dev/allot/internal/web/webtest"
)

// features are what the page says of each.
func features(p *webtest.Page) map[string]string {
	out := map[string]string{}
	for _, list := range p.All("ul", "class", "features card") {
		for _, li := range webtest.All(list, "li", "", "") {
			head := webtest.All(li, "h3", "", "")
			if len(head) == 0 { // of a list in a feature
				continue
			}
			name := webtest.Said(head[0])
			out[name] = strings.TrimSpace(strings.TrimPrefix(webtest.Said(li), name))
		}
	}
	return out
}

// The page says what the API answers, for her eyes and in her zone.
func TestThePageSaysWhatIsAnswered(t *testing.T) {
	w := newWorld(t, "127.0.0.1:0")
	c := w.story()
	must[*api.Customer](t)(w.api.Customers.Ensure(t.Context(), api.CreateCustomerRequest{
		Type: api.CustomerOrganization, OrgCode: "globex", Name: "Globex, who hush", PlanCode: api.Some("enterprise"),
	}))
	p := w.visit("GET", w.link("northwind", "https://app.example/billing"), nil)
	if p.Status != 200 {
		t.Fatalf("%d %s", p.Status, p.Text)
	}
	shown := features(p)
	answered := must[*api.EntitlementList](t)(w.api.Customers.Entitlements(t.Context(), c.ID, time.Time{}))
	for _, e := range answered.Entitlements {
		text, ok := shown[e.FeatureName]
		if ok == (e.Type == api.FeatureCharge) {
			t.Errorf("%s is on the page: %v", e.FeatureName, ok)
		}
		if e.Type != api.FeatureMetered {
			continue
		}
		want := web.Number(string(e.Used))
		if e.Limit != nil {
			of := *e.Limit
			if e.FeatureCode == "credits" {
				of = 200 + 1350 // with what is bought and given
			}
			want += " of " + web.Number(strconv.FormatInt(of, 10))
		}
		if !strings.HasPrefix(text, want) {
			t.Errorf("%s: %q, want %s", e.FeatureName, text, want)
		}
		if e.Remaining != nil && !strings.Contains(text, web.Number(string(*e.Remaining))+" left") {
			t.Errorf("%s: %q does not say that %s are left", e.FeatureName, text, *e.Remaining)
		}
		if e.Held != "0" && !strings.Contains(text, string(e.Held)+" set aside") {
			t.Errorf("%s: %q does not say that %s are set aside", e.FeatureName, text, e.Held)
		}
		if e.ResetsOn != nil && !strings.Contains(text, "anew on 2 Dec 2026, 13:00 CET") {
			t.Errorf("%s: %q does not say when it counts anew", e.FeatureName, text)
		}
	}
	for name, want := range map[string]string{
		"Seats":          "7 of 10 seats in use, 2 set aside 1 left Price: 9.00 USD a seat a month.",
		"Projects":       "0 of 40 projects in use 40 left",
		"Storage":        "297.5 of 300 GB in use 2.5 left The limit: 100 GB by Pro, 200 GB by 100 GB more storage.",
		"Single sign-on": "Yes",
		"History":        "90",
		"API calls":      "18,000 of 100,000 calls used 82,000 left More is possible above the limit. Counts anew on 2 Dec 2026, 13:00 CET. Price: the first 10,000 free, then 0.0004 USD a call.",
		"Credits":        "200 of 1,550 credits used 1,350 left Counts anew on 2 Dec 2026, 13:00 CET. Use is paid from, in this order: 300 credits of the plan, of 500, until 2 Dec 2026, 13:00 CET. 1,000 credits bought, until 2 Nov 2027, 13:00 CET. 50 credits given.",
		"Images":         "20 images used 15 left for now Counts anew on 2 Dec 2026, 13:00 CET. 5 of at most 20 a day, anew on 12 Nov 2026, 13:00 CET. Its use is paid with Credits.",
	} {
		if shown[name] != want {
			t.Errorf("%s: %q, want %q", name, shown[name], want)
		}
	}
	for part, want := range map[string]string{
		"plan":       "Your plan Pro trial 25.00 USD a month Free until 16 Nov 2026, 13:00 CET. Then it goes on. 100 GB more storage × 2 added 5.00 USD a month, 10.00 USD for 2 This period: 2 Nov 2026, 13:00 CET to 2 Dec 2026, 13:00 CET. Then it goes on.",
		"coming":     "What changes when 16 Nov 2026, 13:00 CET Pro: the free time ends 10 Feb 2027, 13:00 CET Projects: terms of your own end 2 Nov 2027, 13:00 CET Credits: 1,000 credits, as far as they are not used, expire",
		"usage-head": "Used day by day API calls Credits Images API calls: 18,000 calls in 30 days, at most 3,500 calls in a day.",
	} {
		if got := section(p, part); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %q, want %q", part, got, want)
		}
	}
	for _, row := range []string{"11 Nov 2026 1,500", "5 Nov 2026 3,500", "13 Oct 2026 0"} {
		if !strings.Contains(section(p, "usage-head"), row) {
			t.Errorf("the table of days lacks %s", row)
		}
	}
	for _, secret := range []string{"hush", "Globex", "globex", c.ID, "agreement_", "grant_", "override_", "cost_basis"} {
		if strings.Contains(p.Text, secret) {
			t.Errorf("the page has %q", secret)
		}
	}
	if strings.Contains(p.Text, "Northwind <b>") {
		t.Error("a name is markup")
	}
	for n := range p.Doc.Descendants() {
		for _, a := range n.Attr {
			if n.Type == html.ElementNode && (a.Key == "style" || strings.HasPrefix(a.Key, "on")) {
				t.Errorf("<%s> has %s, which the policy forbids", n.Data, a.Key)
			}
		}
	}
	for name, want := range map[string]string{"Content-Security-Policy": web.Policy, "Referrer-Policy": "no-referrer", "Cache-Control": "no-store", "X-Robots-Tag": "noindex"} {
		if got := p.Header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

// Features stand in the order of the plan, also two that are called alike.
func TestFeaturesCalledAlike(t *testing.T) {
	w := newWorld(t, "127.0.0.1:0")
	must[*api.CatalogChanges](t)(w.api.Catalog.Apply(t.Context(), []byte(`
features: [{code: a, name: Same, type: unmetered}, {code: b, name: Other, type: unmetered}, {code: c, name: Same, type: unmetered}]
plan_groups: [{code: alike, name: Alike, customer_type: organization}]
plans: [{code: alike, name: Alike, group: alike, status: published, items: [{feature: a}, {feature: b}, {feature: c}]}]
`), false))
	must[*api.Customer](t)(w.api.Customers.Ensure(t.Context(), api.CreateCustomerRequest{Type: api.CustomerOrganization, OrgCode: "alike", PlanCode: api.Some("alike")}))
	var names []string
	for _, list := range w.visit("GET", w.link("alike", ""), nil).All("ul", "class", "features card") {
		for _, h := range webtest.All(list, "h3", "", "") {
			names = append(names, webtest.Said(h))
		}
	}
	if want := []string{"Same", "Other", "Same"}; !slices.Equal(names, want) {
		t.Errorf("%v, want %v", names, want)
	}
}

// The days are shown of the feature that is asked for; one that is none shows the first.
func TestDaysOfAFeature(t *testing.T) {
	w := newWorld(t, "127.0.0.1:0")
	w.story()
	link := w.link("northwind", "")
	session := w.visit("GET", link, nil).Cookies
	for query, want := range map[string]string{
		"?usage=images":               "Images: 20 images in 30 days, at most 5 images in a day.",
		"?usage=credits":              "Credits: 200 credits in 30 days, at most 50 credits in a day.",
		"?usage=%3Cscript%3Ealert(1)": "API calls: 18,000 calls",
		"?usage=":                     "API calls: 18,000 calls",
	} {
		p := w.visit("GET", link+query, session)
		if got := section(p, "usage-head"); !strings.Contains(got, want) {
			t.Errorf("%s: %s", query, got)
		}
	}
}

// What is scheduled, ended, suspended or not there is said.
func TestThePageOverTime(t *testing.T) {
	w := newWorld(t, "127.0.0.1:0")
	ctx := t.Context()
	c := must[*api.Customer](t)(w.api.Customers.Ensure(ctx, api.CreateCustomerRequest{Type: api.CustomerOrganization, OrgCode: "acme", PlanCode: api.Some("pro")}))
	shows := func(part, want string) {
		t.Helper()
		p := w.visit("GET", w.link("acme", ""), nil)
		text := section(p, part)
		if part == "" {
			text = p.Said()
		}
		if !strings.Contains(text, want) {
			t.Errorf("%q does not say %q", text, want)
		}
	}
	shows("plan", "Pro trial 25.00 USD a month Free until 16 Nov 2026, 12:00 UTC. Then it goes on.")
	w.at(noon.Add(20 * 24 * time.Hour))
	shows("plan", "Pro 25.00 USD a month This period: 16 Nov 2026, 12:00 UTC to 16 Dec 2026, 12:00 UTC. Then it goes on.")
	must[*api.Agreement](t)(w.api.Customers.CreateAgreement(ctx, c.ID, api.CreateCustomerAgreementRequest{PlanCode: "enterprise", When: api.WhenPeriodEnd}))
	shows("coming", "16 Dec 2026, 12:00 UTC Enterprise begins 16 Dec 2026, 12:00 UTC Pro ends")
	shows("plan", "It ends on 16 Dec 2026, 12:00 UTC.")
	w.at(noon.Add(50 * 24 * time.Hour))
	shows("plan", "Enterprise 14,500.00 USD a year")
	must[*api.Customer](t)(w.api.Customers.Update(ctx, c.ID, api.UpdateCustomerRequest{Status: api.Some(api.CustomerSuspended)}))
	shows("", "Your account is suspended")
	must[*api.Customer](t)(w.api.Customers.Update(ctx, c.ID, api.UpdateCustomerRequest{Status: api.Some(api.CustomerActive)}))
	detail := must[*api.Customer](t)(w.api.Customers.Get(ctx, c.ID))
	must[*api.Agreement](t)(w.api.Customers.CancelAgreement(ctx, detail.Agreements[0].ID, api.WhenNow))
	shows("plan", "You have no plan.")
}

// What looks into links by itself spends none; somebody who was taken for it presses a button.
func TestALinkWaitsForSomebody(t *testing.T) {
	w := newWorld(t, "127.0.0.1:0")
	must[*api.Customer](t)(w.api.Customers.Ensure(t.Context(), api.CreateCustomerRequest{Type: api.CustomerOrganization, OrgCode: "acme", PlanCode: api.Some("pro")}))
	link := w.link("acme", "https://app.example/billing")
	for name, headers := range map[string][]string{
		"a prefetch":    {"Sec-Purpose", "prefetch;prerender"},
		"an older one":  {"Purpose", "prefetch"},
		"a picture":     {"Sec-Fetch-Dest", "image"},
		"a frame":       {"Sec-Fetch-Dest", "iframe"},
		"a chat":        {"User-Agent", "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)"},
		"a mail filter": {"User-Agent", "Mozilla/5.0 LinkPreview"},
	} {
		p := w.visit("GET", link, nil, headers...)
		if p.Status != 200 || len(p.Cookies) > 0 || strings.Contains(p.Text, "Pro") || !strings.Contains(p.Text, `<form method="post"`) {
			t.Errorf("%s: %d with cookies %v\n%s", name, p.Status, p.Cookies, p.Text)
		}
		if got := p.Header.Get("Referrer-Policy"); got != "same-origin" { // or the form would come from nowhere
			t.Errorf("%s: Referrer-Policy %s", name, got)
		}
	}
	if p := w.visit("HEAD", link, nil); p.Status != 200 || len(p.Cookies) > 0 {
		t.Errorf("HEAD: %d with cookies %v", p.Status, p.Cookies)
	}
	for name, headers := range map[string][]string{
		"of another site": {"Sec-Fetch-Site", "cross-site"},
		"of an origin":    {"Origin", "https://evil.example"},
	} {
		if p := w.visit("POST", link, nil, headers...); p.Status != 403 || len(p.Cookies) > 0 {
			t.Errorf("a form %s: %d with cookies %v", name, p.Status, p.Cookies)
		}
	}
	opened := w.visit("POST", link, nil, "Sec-Fetch-Site", "same-origin")
	if opened.Status != http.StatusSeeOther || len(opened.Cookies) != 1 || !strings.HasSuffix(link, opened.Header.Get("Location")) {
		t.Fatalf("the button: %d to %s with cookies %v", opened.Status, opened.Header.Get("Location"), opened.Cookies)
	}
	if p := w.visit("GET", link, opened.Cookies, "Sec-Fetch-Dest", "document"); p.Status != 200 || !strings.Contains(section(p, "plan"), "Pro") {
		t.Errorf("behind the button: %d", p.Status)
	}
	late := w.visit("GET", link, nil)
	if late.Status != 403 || !strings.Contains(late.Said(), "opened already") || !strings.Contains(late.Said(), "Back to app.example") {
		t.Errorf("somebody else: %d %s", late.Status, late.Said())
	}
	if p := w.visit("POST", link, nil, "Sec-Fetch-Site", "same-origin"); p.Status != 403 || len(p.Cookies) > 0 {
		t.Errorf("somebody else's button: %d with cookies %v", p.Status, p.Cookies)
	}
	// A deleted customer's link, and one that is too old, say so.
	w.at(noon.Add(16 * time.Minute))
	if p := w.visit("GET", w.link("acme", ""), nil); p.Status != 200 {
		t.Errorf("a new link: %d", p.Status)
	}
	old := w.link("acme", "")
	w.at(noon.Add(33 * time.Minute))
	if p := w.visit("GET", old, nil); p.Status != 403 || !strings.Contains(p.Said(), "too old") {
		t.Errorf("an old link: %d %s", p.Status, p.Said())
	}
	if p := w.visit("GET", w.url+"/portal/nonsense", nil); p.Status != 403 || !strings.Contains(p.Said(), "does not work") {
		t.Errorf("no link: %d %s", p.Status, p.Said())
	}
}
