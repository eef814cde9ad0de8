package admin_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
	"github.com/allot-dev/allot/internal/server"
	"github.com/allot-dev/allot/internal/web/webtest"
)

// lived is a customer with a past, a present and a future, in a world whose clock the test
// moves. The present is noon.
type lived struct {
	*world
	clock time.Time
	acme  *api.Customer
	path  string // of its page
}

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// must is the value of a call that must not fail.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func newLived(t testing.TB, cfg server.Config) *lived {
	t.Helper()
	l := &lived{world: &world{t: t, as: "admin"}, clock: time.Date(2026, 8, 3, 9, 30, 0, 0, time.UTC)}
	l.now = func() time.Time { return l.clock }
	if cfg.Listen == "" {
		cfg.Listen = "127.0.0.1:0"
	}
	l.start(cfg)
	ctx := context.Background()
	must(l.api.Catalog.Apply(ctx, server.ExampleCatalog(), false))
	l.acme = must(l.api.Customers.Create(ctx, api.CreateCustomerRequest{
		Type: api.CustomerOrganization, OrgCode: "acme", Name: "Acme & Söhne <GmbH>", Email: "pay@acme.example", TimeZone: "Europe/Berlin",
		Metadata: map[string]string{"tier": "gold"},
	}))
	l.path = "/console/customers/" + l.acme.ID
	use := func(feature, units string) {
		must(l.api.Consume(ctx, client.ConsumeParams{CustomerID: l.acme.ID, FeatureCode: feature, Units: api.Decimal(units)}))
	}
	use("api_calls", "400")
	l.clock = time.Date(2026, 9, 7, 10, 0, 0, 0, time.UTC)
	must(l.api.Customers.CreateAgreement(ctx, l.acme.ID, api.CreateCustomerAgreementRequest{PlanCode: "pro"}))
	l.clock = l.clock.AddDate(0, 0, 3)
	must(l.api.Customers.SetOverride(ctx, l.acme.ID, "seats", api.SetOverrideRequest{Max: api.Some[int64](15), Note: "a promise of sales"}))
	must(l.api.Customers.CreateAgreement(ctx, l.acme.ID, api.CreateCustomerAgreementRequest{PlanCode: "extra_storage", Quantity: new(int64(2))}))
	l.clock = l.clock.AddDate(0, 0, 5)
	must(l.api.Customers.SetOverride(ctx, l.acme.ID, "seats", api.SetOverrideRequest{Max: api.Some[int64](25), Note: "a larger promise", ExpiresOn: api.NewTime(time.Date(2026, 12, 31, 23, 0, 0, 0, time.UTC))}))
	must(l.api.Grants.Buy(ctx, l.acme.ID, client.BuyParams{Pack: "credits_1000"}))
	for day := range 40 {
		l.clock = time.Date(2026, 10, 10+day, 8, 15, 0, 0, time.UTC)
		use("api_calls", fmt.Sprint(1200+day*day*7%900))
	}
	l.clock = noon.Add(-time.Hour)
	use("images", "20")
	use("storage_gb", "300")
	use("seats", "11")
	must(l.api.Holds.Create(ctx, client.HoldParams{CustomerID: l.acme.ID, FeatureCode: "seats", Units: "3", ExpiresIn: 12 * time.Hour}))
	must(l.api.Customers.CreateAgreement(ctx, l.acme.ID, api.CreateCustomerAgreementRequest{PlanCode: "enterprise", StartsOn: api.NewTime(time.Date(2027, 1, 4, 8, 0, 0, 0, time.UTC))}))
	l.clock = noon
	l.told()
	return l
}

// told waits until all that was done has its place in the feed.
func (l *lived) told() {
	l.t.Helper()
	ctx := context.Background()
	mark := must(l.api.Customers.Create(ctx, api.CreateCustomerRequest{Type: api.CustomerUser, UserID: fmt.Sprint("mark ", time.Now().UnixNano()), PlanCode: api.Null[string]()}))
	list, err := l.api.Events.List(ctx, client.EventParams{CustomerID: mark.ID, Wait: 30 * time.Second})
	if err != nil || len(list.Events) == 0 {
		l.t.Fatalf("the feed does not grow: %v", err)
	}
}

// For eyes: ALLOT_EYES=127.0.0.1:8090 go test -run CustomerForEyes -timeout 0 ./internal/admin
// serves a customer with a past and a future, until it is interrupted.
func TestCustomerForEyes(t *testing.T) {
	listen := os.Getenv("ALLOT_EYES")
	if listen == "" {
		t.Skip("ALLOT_EYES is not set")
	}
	l := newLived(t, server.Config{Listen: listen})
	t.Log("set the cookie as=admin at " + l.url + l.path)
	ctx, stop := signal.NotifyContext(t.Context(), os.Interrupt)
	defer stop()
	<-ctx.Done()
}

// raw is the body of an answer of the API, over the network.
func (l *lived) raw(target string) string {
	l.t.Helper()
	resp, err := l.api.Do(l.t.Context(), http.MethodGet, target, nil)
	if err != nil {
		l.t.Fatal(err)
	}
	defer resp.Body.Close()
	return string(must(io.ReadAll(resp.Body)))
}

// spoken is text with its spaces made one.
func spoken(s string) string { return strings.Join(strings.Fields(s), " ") }

// Somebody is found by what people know of them, and who searched and found one is led there.
func TestCustomersAreFound(t *testing.T) {
	w := newWorld(t, noon)
	w.get("/console/customers").Wants(http.StatusOK).Says("There are no customers yet", "allot customer create", "New customer")
	ids := make([]string, 60)
	for i := range ids {
		body := api.CreateCustomerRequest{Type: api.CustomerOrganization, OrgCode: fmt.Sprintf("org-%02d", i), Name: fmt.Sprintf("Customer %02d", i)}
		if i%2 == 0 {
			body.PlanCode = api.Some("pro")
		}
		ids[i] = must(w.api.Customers.Create(t.Context(), body)).ID
	}
	ada := must(w.api.Customers.Create(t.Context(), api.CreateCustomerRequest{Type: api.CustomerUser, UserID: "kp_ada", Email: "ada@example.com"}))
	listed := func(p *webtest.Page) (all []string) {
		for _, a := range p.All("a", "href", "") {
			href, _ := webtest.Attribute(a, "href")
			if id, ok := strings.CutPrefix(href, "/console/customers/customer_"); ok {
				all = append(all, "customer_"+id)
			}
		}
		return all
	}
	link := func(p *webtest.Page, rel string) string {
		for _, a := range p.All("a", "rel", rel) {
			href, _ := webtest.Attribute(a, "href")
			return href
		}
		return ""
	}
	// The newest come first, each once, to the end and back.
	want := append(slices.Clone(ids), ada.ID)
	slices.Sort(want)
	slices.Reverse(want)
	var down, up []string
	p := w.get("/console/customers").Wants(http.StatusOK)
	if link(p, "prev") != "" {
		t.Error("there is something newer than the newest")
	}
	for {
		down = append(down, listed(p)...)
		next := link(p, "next")
		if next == "" {
			break
		}
		p = w.get(next).Wants(http.StatusOK)
	}
	for {
		up = append(listed(p), up...)
		prev := link(p, "prev")
		if prev == "" {
			break
		}
		p = w.get(prev).Wants(http.StatusOK)
	}
	if d := cmp.Diff(want, down); d != "" {
		t.Errorf("down the pages:\n%s", d)
	}
	if d := cmp.Diff(want, up); d != "" {
		t.Errorf("up the pages:\n%s", d)
	}
	for query, count := range map[string]int{
		"q=customer+0": 10, "q=nobody": 0, "org_code=org-07": 1, "user_id=kp_ada": 1, "plan_code=pro": customersShown, "q=customer+1&plan_code=pro": 5, "q=ADA@": 1,
	} {
		if got := listed(w.get("/console/customers?" + query).Wants(http.StatusOK)); len(got) != count {
			t.Errorf("%s finds %d, want %d", query, len(got), count)
		}
	}
	w.get("/console/customers?q=nobody").Says("Nobody is found")
	if to := w.get("/console/customers?go=1&q=kp_ada").Wants(http.StatusSeeOther).Header.Get("Location"); to != "/console/customers/"+ada.ID+"#look" {
		t.Errorf("who found one is led to %s", to)
	}
	w.get("/console/customers?go=1&q=customer").Wants(http.StatusOK)
	for _, ref := range []string{"org_code:org-07", ids[7], "user_id:kp_ada"} {
		w.get("/console/customers/" + ref).Wants(http.StatusOK).Says("What happened")
	}
	w.get("/console/customers/org_code:nobody").Wants(http.StatusNotFound).Says("There is no such thing")
	w.get("/console/customers/customer_00000000000000000000000000000000").Wants(http.StatusNotFound)
}

const customersShown = 25

// What the page shows of any instant is what the API answers, byte for byte; the slider and
// the field lead to that instant.
func TestSliderIsWhatTheAPISays(t *testing.T) {
	l := newLived(t, server.Config{})
	for _, at := range []string{
		"", "2026-08-03T09:29:59Z", "2026-08-10T12:00:00Z", "2026-09-07T10:00:00Z", "2026-09-12T00:00:00.000001Z", "2026-10-20", "2026-11-22T11:30:00Z",
		"2026-11-22T12:00:00Z", "2026-12-15T10:00:00+01:00", "2027-01-04T08:00:00Z", "2031-01-01",
	} {
		query, target := "", "/v1/customers/"+l.acme.ID+"/entitlements"
		if at != "" {
			query = "?at=" + url.QueryEscape(at)
			target += query
		}
		p := l.get(l.path + query).Wants(http.StatusOK)
		want := l.raw(target)
		if got := p.TextOf("as-api"); got != want {
			t.Errorf("at %q the page says\n%s\nand the API\n%s", at, got, want)
		}
		var list api.EntitlementList
		if err := json.Unmarshal([]byte(want), &list); err != nil {
			t.Fatal(err)
		}
		var shown []string
		for _, li := range p.All("li", "class", "feature") {
			id, _ := webtest.Attribute(li, "id")
			shown = append(shown, strings.TrimPrefix(id, "f-"))
		}
		var codes []string
		for _, e := range list.Entitlements {
			codes = append(codes, e.FeatureCode)
		}
		slices.Sort(shown)
		if d := cmp.Diff(codes, shown); d != "" {
			t.Errorf("at %q other features are shown (-API +page):\n%s", at, d)
		}
		if !strings.Contains(p.TextOf("curl"), target+`"`) {
			t.Errorf("at %q the command is %s", at, p.TextOf("curl"))
		}
	}
	for query, want := range map[string]string{
		"on=2026-12-01T10:00":                 "?at=2026-12-01T09%3A00%3A00Z", // by the customer's clock
		"on=2026-07-01T10:00":                 "?at=2026-07-01T08%3A00%3A00Z",
		"slide=1796115600":                    "?at=2026-12-01T09%3A00%3A00Z",
		"on=2026-12-01T10:00&feature=credits": "?at=2026-12-01T09%3A00%3A00Z&feature=credits",
		"slide=x":                             "",
	} {
		if to := l.get(l.path + "?" + query).Wants(http.StatusSeeOther).Header.Get("Location"); to != l.path+want {
			t.Errorf("%s leads to %s", query, to)
		}
	}
	for _, at := range []string{"0001-01-01", "1969-12-31T23:59:59Z", "9999-12-31T23:59:59.999999Z"} {
		if p := l.get(l.path + "?at=" + at); p.Status != http.StatusOK && p.Status != http.StatusBadRequest {
			t.Errorf("at %s: %d %s", at, p.Status, p.Said())
		}
	}
	for _, query := range []string{"on=yesterday", "at=yesterday"} {
		l.get(l.path+"?"+query).Wants(http.StatusOK).Says("yesterday", "Now")
	}
	// The dates beside the slider are those at which something changes, and lead there.
	marks := spoken(l.get(l.path).TextOf("when-marks"))
	for _, want := range []string{
		"7 Sep 2026, 12:00 CEST Free ends; Pro starts", "21 Sep 2026, 12:00 CEST trial of Pro ends", "4 Jan 2027, 09:00 CET Enterprise starts; Pro ends", "1 Jan 2027, 00:00 CET override of Seats ends",
	} {
		if !strings.Contains(marks, want) {
			t.Errorf("no mark %q in %s", want, marks)
		}
	}
	// They are those of all features, whichever are looked for.
	must(l.api.Catalog.Apply(t.Context(), []byte(`
features: [{code: beds, name: Beds, type: metered}]
plan_groups: [{code: inn, name: Inn, customer_type: organization}]
plans:
  - {code: large, name: Large, group: inn, status: published, items: [{feature: beds, max: 100}]}
  - {code: small, name: Small, group: inn, status: published, items: [{feature: beds, max: 10, over_limit: {grace: {days: 7}}}]}
`), false))
	inn := must(l.api.Customers.Create(t.Context(), api.CreateCustomerRequest{Type: api.CustomerOrganization, OrgCode: "inn", PlanCode: api.Some("large")}))
	must(l.api.Consume(t.Context(), client.ConsumeParams{CustomerID: inn.ID, FeatureCode: "beds", Units: "50"}))
	l.clock = l.clock.Add(time.Hour)
	must(l.api.Customers.CreateAgreement(t.Context(), inn.ID, api.CreateCustomerAgreementRequest{PlanCode: "small"}))
	for _, find := range []string{"", "beds", "sauna"} {
		if marks := spoken(l.get("/console/customers/" + inn.ID + "?find=" + find).Wants(http.StatusOK).TextOf("when-marks")); !strings.Contains(marks, "the grace after a downgrade ends") {
			t.Errorf("looked for %q the marks are %s", find, marks)
		}
	}
	led := 0
	for _, a := range l.get(l.path).All("a", "href", "") {
		if href, _ := webtest.Attribute(a, "href"); strings.HasPrefix(href, "?at=") {
			led++
			if when := spoken(l.get(l.path + href).Wants(http.StatusOK).TextOf("when-says")); !strings.HasPrefix(when, strings.Trim(webtest.Text(a), "← →")) {
				t.Errorf("%s leads to %s: %s", webtest.Text(a), href, when)
			}
		}
	}
	if led < 4 {
		t.Errorf("%d links lead to other times", led)
	}
	for _, a := range l.get(l.path).All("a", "", "") {
		if href, _ := webtest.Attribute(a, "href"); webtest.Text(a) == "All events" && l.get(href).Form("/console/events").Get("customer") != l.acme.ID {
			t.Errorf("all her events are at %s", href)
		}
	}
	l.get(l.path+"?at=2026-09-15T10:00:00Z").Says("On Pro, in trial until 21 Sep 2026, 12:00 CEST", "past")
	l.get(l.path+"?at=2027-02-01").Says("On Enterprise", "to come")
}

// The page says of each feature what there is of it, and why.
func TestCustomerPageSaysWhy(t *testing.T) {
	l := newLived(t, server.Config{})
	for range 200 { // what time causes is told beside the work
		list, err := l.api.Events.List(t.Context(), client.EventParams{CustomerID: l.acme.ID, Types: []string{api.EventTrialEnded}})
		if err != nil {
			t.Fatal(err)
		}
		if len(list.Events) > 0 {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	l.get(l.path).Wants(http.StatusOK).Says(
		"On Pro, ends on 4 Jan 2027, 09:00 CET; and 2 × 100 GB more storage", "Europe/Berlin; periods run from 3 Aug 2026, 11:30 CEST", "tier gold",
		"11 used and 3 held of 25 seats; 11 left", "Plan Pro gives 10 seats: not counted, an override stands in its place",
		"An override puts 25 seats in the place of the plan's part, until 1 Jan 2027, 00:00 CET", "On 1 Jan 2027, 00:00 CET the override ends",
		"300 used of 300 GB; 0 left", "Plan Pro gives 100 GB", "Add-on 100 GB more storage adds 200 GB",
		"Cap: 20 used of 20 images a day; 0 left, anew on 23 Nov 2026, 11:30 CET", "Burns Credits: 1,500 left for it", "Set to 90",
		"2 features would be refused now", "A grant of 1,000 credits, until 15 Sep 2027, 12:00 CEST", "Not entitled to 1 feature",
		"Free v1 ended", "Pro v1 live", "Enterprise v1 scheduled", "2 × 100 GB more storage v1, add-on live", // the agreements
		"3 seats Seats", "a larger promise", "Seats over An override puts 15 seats in the place of the plan's part, until 15 Sep 2026, 12:00 CEST",
		"Agreement created: Enterprise by client", "Trial ended: Pro by time",
	)
	p := l.get(l.path + "?feature=credits").Wants(http.StatusOK)
	burns := spoken(p.TextOf("usage"))
	var at int
	for _, want := range []string{"Allowance", "Grant, pack 1,000 credits", "1,000 credits"} { // in the order in which they burn
		i := strings.Index(burns[at:], want)
		if i < 0 {
			t.Fatalf("no %q in its place in %s", want, burns)
		}
		at += i
	}
	// The numbers of the chart are the API's.
	series := must(l.api.Usage.Series(t.Context(), client.SeriesParams{CustomerID: l.acme.ID, FeatureCode: "api_calls", From: noon.AddDate(0, 0, -59), To: noon}))
	var want, got []string
	for _, b := range series.Series {
		want = append(want, string(b.Units))
	}
	for _, tr := range l.get(l.path+"?feature=api_calls").All("tr", "data-units", "") {
		units, _ := webtest.Attribute(tr, "data-units")
		got = append(got, units)
	}
	if d := cmp.Diff(want, got); d != "" || len(want) != 60 {
		t.Errorf("the chart differs from the API (-API +page):\n%s", d)
	}
	// Older events come by the page.
	p = l.get(l.path + "?feature=credits").Wants(http.StatusOK)
	seen := map[string]bool{}
	for range 9 {
		for _, pre := range p.All("pre", "", "") {
			seen[webtest.Text(pre)] = true
		}
		next := ""
		for _, a := range p.All("a", "rel", "next") {
			next, _ = webtest.Attribute(a, "href")
		}
		if next == "" {
			break
		}
		p = l.get(next).Wants(http.StatusOK).Says("Newest")
	}
	p.Says("Customer created")
}

// Whoever may only look sees all and no way to change anything, and is refused who tries.
func TestRolesOfCustomerPages(t *testing.T) {
	l := newLived(t, server.Config{})
	l.as = "viewer"
	for _, path := range []string{"/console/customers", l.path} {
		p := l.get(path).Wants(http.StatusOK)
		for _, form := range p.All("form", "method", "post") {
			if action, _ := webtest.Attribute(form, "action"); action != "/console/sign-out" {
				t.Errorf("%s has a form to %s", path, action)
			}
		}
		for _, a := range p.All("a", "href", "") {
			href, _ := webtest.Attribute(a, "href")
			if strings.HasPrefix(href, l.path+"/") && !strings.HasPrefix(href, l.path+"/ledger") || href == "/console/customers/new" {
				t.Errorf("%s leads to %s", path, href)
			}
		}
	}
	before := l.raw("/v1/customers/" + l.acme.ID)
	a := agreementOf(t, l, "pro").ID
	for path, form := range map[string]url.Values{
		"/console/customers/new": {"type": {"organization"}, "org_code": {"new"}},
		l.path + "/plan":         {"plan_code": {"free"}, "start": {"now"}},
		l.path + "/agreement":    {"agreement": {a}, "expires_on": {"2026-12-24T10:00"}},
		l.path + "/cancel":       {"agreement": {a}, "when": {"now"}},
		l.path + "/resume":       {"agreement": {a}},
		l.path + "/override":     {"feature_code": {"seats"}, "terms": {"unlimited"}},
		l.path + "/end-override": {"feature_code": {"seats"}},
		l.path + "/grant":        {"feature_code": {"credits"}, "amount": {"5"}},
		l.path + "/void":         {"grant": {must(l.api.Grants.List(t.Context(), client.GrantListParams{CustomerID: l.acme.ID})).Grants[0].ID}},
		l.path + "/suspend":      {},
		l.path + "/reactivate":   {},
		l.path + "/edit":         {"name": {"Other"}},
		l.path + "/delete":       {"typed": {l.acme.Name}},
	} {
		l.get(path).Wants(http.StatusForbidden).Says("Your role does not allow this")
		l.post(path, form).Wants(http.StatusForbidden)
		form.Set("confirm", "yes")
		form.Set("key", "k")
		l.post(path, form).Wants(http.StatusForbidden).Says("Your role does not allow this")
		form.Set("back", "yes")
		l.post(path, form).Wants(http.StatusForbidden)
	}
	if after := l.raw("/v1/customers/" + l.acme.ID); after != before {
		t.Errorf("something changed:\n%s", cmp.Diff(before, after))
	}
}

// agreementOf is what the customer holds of a plan.
func agreementOf(t testing.TB, l *lived, plan string) *api.Agreement {
	t.Helper()
	for _, a := range must(l.api.Customers.Get(t.Context(), l.acme.ID)).Agreements {
		if a.PlanCode == plan {
			return &a
		}
	}
	t.Fatalf("it does not hold %s", plan)
	return nil
}

// What people wrote is text, wherever it stands.
func TestCustomerTextStaysText(t *testing.T) {
	const code = `"><script>alert(1)</script><img src=x onerror=alert(2)>'`
	w := newWorld(t, noon)
	mean := must(w.api.Customers.Create(t.Context(), api.CreateCustomerRequest{
		Type: api.CustomerOrganization, OrgCode: "mean", Name: code, Email: "a@b.example", ExternalID: code, PlanCode: api.Some("pro"), Metadata: map[string]string{code[:40]: code},
	}))
	must(w.api.Customers.SetOverride(t.Context(), mean.ID, "seats", api.SetOverrideRequest{Add: 1, Note: code}))
	must(w.api.Grants.Create(t.Context(), mean.ID, api.CreateGrantRequest{FeatureCode: "credits", Amount: "5", Note: code, ExternalID: code}))
	path, q := "/console/customers/"+mean.ID, url.QueryEscape(code)
	for _, address := range []string{
		"/console/customers", "/console/customers?q=" + q + "&org_code=" + q + "&user_id=" + q + "&plan_code=pro", path,
		path + "?at=" + q, path + "?on=" + q, path + "?find=" + q, path + "?check=seats&units=" + q, path + "?check=" + q, path + "?feature=" + q, path + "?events=" + q,
		path + "/override?feature_code=seats&note=" + q, path + "/override?feature_code=" + q, path + "/edit", path + "/delete", path + "/cancel?agreement=" + q, path + "/grant?note=" + q,
		"/console/customers/new?name=" + q,
	} {
		p := w.get(address)
		if p.Status != http.StatusOK {
			t.Errorf("%s: %d %s", address, p.Status, p.Said())
		}
		w.isText(p, address)
	}
	for change, form := range map[string]url.Values{
		"/edit":     {"name": {code + "2"}, "email": {code}, "external_id": {code}, "org_code": {"mean"}, "time_zone": {code}, "metadata": {code}},
		"/override": {"feature_code": {"seats"}, "terms": {"max"}, "max": {code}, "note": {code}},
		"/grant":    {"feature_code": {"credits"}, "amount": {"7"}, "note": {code}, "external_id": {code + "3"}},
	} {
		w.isText(w.post(path+change, form), change)
	}
}

// isText fails if a page has an element or an attribute that came from a text.
func (w *world) isText(p *webtest.Page, where string) {
	w.t.Helper()
	for _, script := range p.All("script", "", "") {
		if src, ok := webtest.Attribute(script, "src"); !ok || !strings.HasPrefix(src, "/static/") {
			w.t.Errorf("%s has a script", where)
		}
	}
	if n := len(p.All("img", "", "")); n > 0 {
		w.t.Errorf("%s has %d pictures", where, n)
	}
	for n := range p.Doc.Descendants() {
		for _, a := range n.Attr {
			if strings.HasPrefix(a.Key, "on") || a.Key == "style" {
				w.t.Errorf("%s has an attribute %s of %s", where, a.Key, n.Data)
			}
		}
	}
}
