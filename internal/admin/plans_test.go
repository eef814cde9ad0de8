package admin_test

import (
	"bytes"
	"fmt"
	"maps"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
	"github.com/allot-dev/allot/internal/server"
	"github.com/allot-dev/allot/internal/web/webtest"
)

// upload sends a form with a file, as a browser does.
func (w *world) upload(path, file string, form url.Values) *webtest.Page {
	w.t.Helper()
	var body bytes.Buffer
	m := multipart.NewWriter(&body)
	for name, values := range form {
		for _, v := range values {
			if err := m.WriteField(name, v); err != nil {
				w.t.Fatal(err)
			}
		}
	}
	part, err := m.CreateFormFile("file", "catalog.yaml")
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := part.Write([]byte(file)); err != nil {
		w.t.Fatal(err)
	}
	if err := m.Close(); err != nil {
		w.t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.url+path, &body)
	if err != nil {
		w.t.Fatal(err)
	}
	r.AddCookie(&http.Cookie{Name: "as", Value: w.as})
	r.Header.Set("Content-Type", m.FormDataContentType())
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return webtest.Fetch(w.t, r)
}

// row is the text of the table row that a text begins.
func row(p *webtest.Page, begins string) string {
	for _, tr := range p.All("tr", "", "") {
		var said []string
		for n := range tr.Descendants() {
			if n.Type == html.TextNode {
				said = append(said, strings.Fields(n.Data)...)
			}
		}
		if text := strings.Join(said, " "); strings.HasPrefix(text, begins) {
			return text
		}
	}
	p.T.Errorf("no row begins with %q:\n%s", begins, p.Said())
	return ""
}

// The matrix has each feature's terms and prices in each plan of a group, the cheaper plans
// first.
func TestPlans(t *testing.T) {
	w := newWorld(t, time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC))
	p := w.get("/console/plans").Wants(http.StatusOK).Says("Plans", "Add-ons", "Packs", "People", "Teams")
	if got, want := row(p, "Feature Free"), "Feature Free default free v1 Pro pro v1 Enterprise enterprise v1"; got != want {
		t.Errorf("the plans are %q, want %q", got, want)
	}
	for begins, want := range map[string]string{
		"Base price base_price – ": "Base price base_price – not included 25.00 USD / month or 250.00 USD / year, paid yearly called “Pro base” 12,000.00 USD / year called “Enterprise base”",
		"Seats":                    "Seats seats 3 10 at least 1 paid for 9.00 USD a seat called “Pro seat” unlimited at least 50 paid for 7.00 USD a seat called “Enterprise seat”",
		"API calls":                "API calls api_calls 1,000 / month told at 80, 100 % 100,000 (soft) / month 1–10,000: free from 10,001: 0.0004 USD a call told at 80, 100 % unlimited told at 80, 100 %",
		"Images":                   "Images images – not included unlimited at most 20 / day burns 10 credits each – not included",
		"Credits credits grants":   "Credits credits grants 1,000, good for 365 days",
		"Terms Cycle month":        "Terms Cycle month Card not asked for Cycle month Trial 14 days, then it goes on Card asked for Cycle year Card asked for",
	} {
		if got := row(p, begins); got != want {
			t.Errorf("a row is\n%s, want\n%s", got, want)
		}
	}
	w.get("/console/plans?group=people").Wants(http.StatusOK).Says("Personal")
	w.get("/console/plans?group=none").Wants(http.StatusNotFound)
	w.get("/console/plans/none").Wants(http.StatusNotFound)
}

// What is not sold is told apart.
func TestPlansThatAreNotSold(t *testing.T) {
	w := newWorld(t, time.Time{})
	w.apply(`
plans:
  - {code: next, name: Next, group: teams, status: draft, items: [{feature: seats, max: 7}]}
  - {code: old, name: Old, group: teams, status: published, archived: true, hidden: true, ask_for_card: false, items: [{feature: seats, max: 1}]}
`)
	p := w.get("/console/plans").Wants(http.StatusOK)
	if got := row(p, "Feature Free"); !strings.Contains(got, "Next draft next v1") || !strings.Contains(got, "Old archived hidden old v1") {
		t.Errorf("the plans are %q", got)
	}
	if got := row(p, "Seats seats"); !strings.Contains(got, "7 1") {
		t.Errorf("their seats are %q", got)
	}
	w.get("/console/plans/next").Wants(http.StatusOK).Says("draft", "Version 1")
	w.get("/console/plans/next/preview").Wants(http.StatusOK).Says("No version is published")
	w.get("/console/plans/next/migrate?to_version=1").Wants(http.StatusOK).Says("No version is published")
}

func (w *world) apply(file string) {
	w.t.Helper()
	if _, err := w.api.Catalog.Apply(w.t.Context(), []byte(file), false); err != nil {
		w.t.Fatal(err)
	}
}

// A plan's page says who is on which version, and what two versions differ in.
func TestPlanVersions(t *testing.T) {
	b := newBusy(t, "127.0.0.1:0")
	b.nextPro()
	b.customer("newcomer", "pro")
	p := b.get("/console/plans/pro").Wants(http.StatusOK).Says("3 customers are on it now", "Version 2 sold now customers: 1", "Version 1 earlier customers: 2", "3 differences")
	p.Says(
		"Seats seats 10 at least 1 paid for 9.00 USD a seat called “Pro seat” 5 at least 1 paid for 9.50 USD a seat called “Pro seat” differs",
		"Audit log audit_log included – gone", "History history_days 90 30 differs", "Base price base_price 25.00 USD / month or 250.00 USD / year, paid yearly called “Pro base” 25.00")
	if got := b.get("/console/plans/pro?from=2&to=2").Wants(http.StatusOK).Said(); !strings.Contains(got, "They say the same") {
		t.Errorf("a version and itself: %s", got)
	}
	if href := p.Link("Move them to version 2"); href != "/console/plans/pro/migrate?to_version=2" {
		t.Errorf("one moves them at %q", href)
	}
}

// Who has an add-on several times is one customer.
func TestHoldersOfAnAddOn(t *testing.T) {
	b := newBusy(t, "127.0.0.1:0")
	for range 2 {
		if _, err := b.api.Customers.CreateAgreement(t.Context(), b.pro.ID, api.CreateCustomerAgreementRequest{
			PlanCode: "extra_storage", ExternalID: fmt.Sprint("one of ", len(b.feed(client.EventParams{}))),
		}); err != nil {
			t.Fatal(err)
		}
		b.settled()
	}
	b.get("/console/plans/extra_storage").Wants(http.StatusOK).Says("1 customer is on it now", "customers: 1")
	b.get("/console/plans/enterprise").Wants(http.StatusOK).Says("0 customers are on it now")
	b.get("/console/plans/credits_1000").Wants(http.StatusOK).Says("A pack of the group teams")
}

// The preview is the API's, for all and for one.
func TestPreview(t *testing.T) {
	b := newBusy(t, "127.0.0.1:0")
	b.nextPro()
	b.get("/console/plans/pro/preview?version=2").Wants(http.StatusOK).Says(
		"2 looked at", "0 gain a feature", "2 lose a feature", "1 have used more than a limit", "pro version 1 2 none audit_log", "over seats 8 used, 5 allowed")
	b.get("/console/plans/pro/preview?version=2&customer=org_code:free-one").Wants(http.StatusOK).Says("The effect", "1 gain a feature", "sso")
	b.get("/console/plans/pro/preview?version=2&customer="+b.pro.ID).Wants(http.StatusOK).Says("Limit of seats 10 → 5", "history_days 90 → 30")
	b.get("/console/plans/pro/preview?version=9").Wants(http.StatusBadRequest)
	b.get("/console/plans/pro/preview?version=2&customer=org_code:nobody").Wants(http.StatusBadRequest)
}

// A migration goes on batch by batch, each shown first, and the work of a form is done once.
func TestMigrate(t *testing.T) {
	b := newBusy(t, "127.0.0.1:0")
	for i := range 5 {
		b.customer(fmt.Sprint("more-", i), "pro")
	}
	b.nextPro()
	const path = "/console/plans/pro/migrate"
	p := b.get(path+"?to_version=2&limit=3").Wants(http.StatusOK).Says("7 on another version now", "3 customers would move to version 2 now")
	form := p.Form(path)
	for _, field := range []string{"to_version", "when", "limit"} { // what nobody has seen is not done
		for _, value := range []string{"", "x", "-1"} {
			if value == "" && field == "limit" {
				continue // the usual one
			}
			spoilt := maps.Clone(form)
			spoilt.Set(field, value)
			b.post(path, spoilt).Wants(http.StatusBadRequest)
		}
	}
	b.get(path + "?to_version=2x").Wants(http.StatusBadRequest).Says("to_version must be a whole number")
	b.get("/console/plans/pro/preview?version=two").Wants(http.StatusBadRequest).Says("version must be a whole number")
	if got := b.onFirst(); got != 7 {
		t.Fatalf("%d are on version 1 before anything was sent", got)
	}
	next := b.post(path, form).Wants(http.StatusSeeOther).Header.Get("Location")
	if again := b.post(path, form).Wants(http.StatusSeeOther).Header.Get("Location"); again != next {
		t.Errorf("the same form leads to %s and then to %s", next, again)
	}
	if got := b.onFirst(); got != 4 {
		t.Fatalf("%d are on version 1 after a batch of three, sent twice", got)
	}
	p = b.get(next).Wants(http.StatusOK).Says("4 on another version now", "of the next 4 would lose a feature")
	if p.Form(path).Get("key") == form.Get("key") {
		t.Error("the next batch has the key of the one before")
	}
	b.post(path, b.get(b.post(path, p.Form(path)).Wants(http.StatusSeeOther).Header.Get("Location")).Form(path)).Wants(http.StatusSeeOther)
	if got := b.onFirst(); got != 0 {
		t.Errorf("%d are left on version 1", got)
	}
	b.get(path + "?to_version=2").Wants(http.StatusOK).Says("Nobody is left to move")
	b.get(path + "?to_version=99").Wants(http.StatusBadRequest)
	b.get(path + "?to_version=2&limit=100000").Wants(http.StatusBadRequest)
	form.Set("when", "someday")
	form.Set("key", "ANOTHER")
	b.post(path, form).Wants(http.StatusBadRequest).Says("when")
}

// onFirst is how many are on the first version of pro.
func (b *busy) onFirst() (n int64) {
	b.t.Helper()
	preview, err := b.api.Plans.Preview(b.t.Context(), "pro", api.PreviewPlanRequest{All: true})
	if err != nil {
		b.t.Fatal(err)
	}
	for _, g := range preview.Groups {
		if g.From.Version == 1 {
			n += g.Customers
		}
	}
	return n
}

// A file is looked at, and applied once that was seen.
func TestApply(t *testing.T) {
	w := newWorld(t, time.Time{})
	const path = "/console/catalog"
	text := w.get(path).Wants(http.StatusOK).Form(path).Get("text")
	now, err := w.api.Catalog.GetYAML(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if text = strings.TrimPrefix(text, "\n"); text != string(now) {
		t.Errorf("the file that is offered is not the API's:\n%s", cmp.Diff(string(now), text))
	}
	form := w.get(path).Form(path)
	text = strings.Replace(text, "name: Seats", "name: Chairs", 1) + "\n" // a browser's form has \r\n
	text = strings.Replace(text, "  - {code: sso, name: Single sign-on, type: unmetered}\n", "  - code: sso\n    name: Single sign-on\n    type: unmetered\n    description: |\n      one\n      two\n", 1)
	form.Set("text", strings.ReplaceAll(text, "\n", "\r\n"))
	p := w.post(path, form).Wants(http.StatusOK).Says("2 changes", "update feature seats", "Chairs")
	if got := w.get("/console/plans").Said(); strings.Contains(got, "Chairs") {
		t.Fatal("it was applied by looking at it")
	}
	form = p.Form(path)
	form.Set("do", "apply")
	if got := w.post(path, form).Wants(http.StatusSeeOther).Header.Get("Location"); got != "/console/plans" {
		t.Errorf("it leads to %s", got)
	}
	w.get("/console/plans").Says("Chairs")
	for f, err := range w.api.Catalog.AllFeatures(t.Context(), client.PageParams{}) {
		if err != nil {
			t.Fatal(err)
		}
		if f.Code == "sso" && f.Description != "one\ntwo\n" {
			t.Errorf("a text of two lines became %q", f.Description)
		}
	}
	all := w.feedUntil(api.EventCatalogApplied, 2)
	if by := all[len(all)-1].Actor; by != (api.EventActor{Kind: "admin", ID: "ada"}) {
		t.Errorf("it was applied by %v", by)
	}
	w.post(path, form).Wants(http.StatusOK).Says("Nothing would change")
}

// feedUntil waits for so many events of a type.
func (w *world) feedUntil(typ string, n int) (all []api.Event) {
	w.t.Helper()
	until(w.t, typ, func() bool {
		all = w.feed(client.EventParams{Types: []string{typ}})
		return len(all) >= n
	})
	return all
}

// What would be applied is what was seen: if the catalog has changed it is shown again.
func TestApplyOfSomethingElse(t *testing.T) {
	w := newWorld(t, time.Time{})
	const path = "/console/catalog"
	form := url.Values{"text": {"features: [{code: seats, name: Chairs, type: metered, unit: seat, held: true}, {code: sso, name: SSO, type: unmetered}]"}}
	form = w.post(path, form).Wants(http.StatusOK).Says("2 changes").Form(path)
	w.apply("features: [{code: seats, name: Chairs, type: metered, unit: seat, held: true}]")
	form.Set("do", "apply")
	p := w.post(path, form).Wants(http.StatusOK).Says("The catalog was changed since you looked", "1 change")
	form = p.Form(path)
	form.Set("do", "apply")
	w.post(path, form).Wants(http.StatusSeeOther)
}

// Faults stand at their lines, and nothing that was typed is lost.
func TestApplyFaults(t *testing.T) {
	w := newWorld(t, time.Time{})
	const path = "/console/catalog"
	file := "features:\n  - {code: seats, name: Seats, type: metered, unit: seat, held: true, limit: 5}\nplans:\n  - code: pro\n    name: " + hostile + "\n    grup: teams\n"
	p := w.upload(path, file, url.Values{"text": {"in the field"}}).Wants(http.StatusBadRequest).Says("faults: nothing was applied", "Line 2, column", "Line 6, column 5")
	var marked []string
	for _, n := range p.All("mark", "", "") {
		marked = append(marked, n.FirstChild.Data)
	}
	if len(marked) < 2 || !strings.HasPrefix(marked[0], "limit: 5}") || !strings.HasPrefix(marked[1], "grup: teams") {
		t.Errorf("marked are %q", marked)
	}
	if got := strings.TrimPrefix(p.Form(path).Get("text"), "\n"); got != file {
		t.Errorf("the field has\n%s", got)
	}
	if n := len(p.All("img", "", "")); n > 0 {
		t.Errorf("%d pictures of the file's text are on the page", n)
	}
	large := w.upload(path, strings.Repeat("# much\n", 200_000), nil)
	if large.Status != http.StatusRequestEntityTooLarge {
		t.Errorf("a file of 1.4 MB: %d %s", large.Status, large.Said())
	}
}

// The example is a button away where nothing is sold.
func TestExample(t *testing.T) {
	w := &world{t: t, as: "admin", now: time.Now}
	w.start(server.Config{Listen: "127.0.0.1:0"})
	p := w.get("/console/").Wants(http.StatusOK).Says("Three steps to begin", "Write a price list", "Make a customer", "Connect your application")
	p = w.get(p.Link("Apply the example")).Wants(http.StatusOK)
	p = w.post("/console/catalog", p.Form("/console/catalog")).Wants(http.StatusOK)
	form := p.Form("/console/catalog")
	form.Set("do", "apply")
	w.post("/console/catalog", form).Wants(http.StatusSeeOther)
	w.get("/console/").Wants(http.StatusOK).Says("Write a price list done")
	w.get("/console/plans").Wants(http.StatusOK).Says("Enterprise")
}

// Who may only look sees no form, and cannot send one.
func TestViewerOfPlans(t *testing.T) {
	b := newBusy(t, "127.0.0.1:0")
	b.nextPro()
	b.as = "viewer"
	for _, path := range []string{"/console/", "/console/plans", "/console/plans/pro", "/console/plans/pro/preview?version=2", "/console/catalog", "/console/events", "/console/health"} {
		p := b.get(path).Wants(http.StatusOK)
		for _, f := range p.All("form", "method", "post") {
			if action, _ := webtest.Attribute(f, "action"); action != "/console/sign-out" {
				t.Errorf("%s has a form for %s", path, action)
			}
		}
	}
	for _, path := range []string{"/console/plans/pro/migrate", "/console/webhooks"} {
		b.get(path).Wants(http.StatusForbidden).Says("Your role does not allow this", "viewer")
	}
	all := url.Values{"text": {"features: []"}, "do": {"apply"}, "to_version": {"2"}, "url": {"https://example.com"}, "key": {"k"}}
	for _, path := range []string{"/console/catalog", "/console/plans/pro/migrate", "/console/webhooks", "/console/webhooks/" + b.hook.ID + "/delete", "/console/health/verify"} {
		b.post(path, all).Wants(http.StatusForbidden)
	}
	if got := b.onFirst(); got != 2 {
		t.Errorf("%d are on version 1", got)
	}
}

// Text that people wrote is text on every page.
func TestHostileText(t *testing.T) {
	b := newBusy(t, "127.0.0.1:0")
	b.apply("features: [{code: evil, name: '" + hostile + "', type: config, of: text}]\nplan_groups: [{code: evil, name: '" + hostile + "', customer_type: organization, description: '" + hostile + "'}]\n" +
		"plans: [{code: evil, name: '" + hostile + "', group: evil, status: published, ask_for_card: false, description: '" + hostile + "', items: [{feature: evil, value: '" + hostile + "', price_name: '" + hostile + "'}]}]")
	b.told(api.EventThresholdReached, api.EventTrialWillEnd)
	for _, path := range []string{
		"/console/", "/console/plans?group=evil", "/console/plans/evil", "/console/plans/evil/preview?version=1", "/console/plans/evil/migrate?to_version=1", "/console/catalog",
		"/console/webhooks", "/console/webhooks/" + b.hook.ID, "/console/webhooks/" + b.hook.ID + "/edit",
		"/console/events", "/console/events?customer=" + url.QueryEscape(hostile),
	} {
		p := b.get(path)
		if !strings.Contains(p.Said()+attributes(p), "onerror=alert(2)") && path != "/console/events" && !strings.HasSuffix(path, "preview?version=1") {
			t.Errorf("%s does not show the text: the test has no meaning", path)
		}
		if n := len(p.All("img", "", "")); n > 0 {
			t.Errorf("%s has %d pictures", path, n)
		}
		for _, s := range p.All("script", "", "") {
			if _, ok := webtest.Attribute(s, "src"); !ok {
				t.Errorf("%s has a script within", path)
			}
		}
	}
}

// attributes are the values of all attributes of a page.
func attributes(p *webtest.Page) string {
	var b strings.Builder
	for n := range p.Doc.Descendants() {
		for _, a := range n.Attr {
			b.WriteString(a.Val + " ")
		}
	}
	return b.String()
}
