package browser

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/allot-dev/allot/browser/data"
)

// hostile fills the server with hostile texts, and fails the test where fewer are taken
// than are known to be: a page is shown to be safe only from what it has on it.
func (a *allot) hostile(t *testing.T) {
	t.Helper()
	taken, err := data.Hostile(t.Context(), data.Server{Client: a.client, Set: a.clock.Set})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(hostileTexts, taken); diff != "" {
		t.Errorf("how many hostile texts each field takes (-known +now):\n%s", diff)
	}
	for _, p := range data.Payloads {
		if _, _, err := a.srv.CreateClient(t.Context(), p, []string{"read:catalog"}); err != nil {
			t.Logf("no client is called %q: %v", p, err)
		}
	}
}

// hostileTexts is how many of the hostile texts each field takes. Where it is 0, there is
// nothing to be shown.
var hostileTexts = map[string]int{
	"agreement.external_id":  23,
	"agreement.metadata":     24,
	"customer.email":         1,
	"customer.external_id":   23,
	"customer.metadata":      24,
	"customer.name":          23,
	"customer.org_code":      23,
	"customer.time_zone":     0,
	"customer.user_id":       23,
	"grant.external_id":      23,
	"grant.note":             23,
	"grant.void.external_id": 23,
	"override.note":          23,
	"override.value":         24,
	"plan.price":             3,
	"usage.id":               23,
	"webhook.description":    23,
	"webhook.url":            1,
}

func TestHostileData(t *testing.T) { newAllot(t).hostile(t) }

// Whatever a customer, a catalog or a client may be called, it stays text on every page:
// nothing runs, nothing becomes markup, and nothing is asked for elsewhere. The policy is
// not what stops it: it is never called upon.
func TestHostileTextStaysText(t *testing.T) {
	needBrowser(t)
	a := newAllot(t)
	a.hostile(t)
	from := []string{"/console/"}
	for i := range data.Payloads {
		from = append(from, "/console/customers/org_code:"+data.HostileCustomer(i))
	}
	pages, _ := a.crawl(t, "admin", 1, "/console/", from[1])
	for _, page := range from {
		if !slices.Contains(pages, page) {
			pages = append(pages, page)
		}
	}
	pages = append(pages, "/", "/pricing", "/pricing?embed=1", "/docs")
	pages = append(pages, reflected(pages)...)
	for i := range 3 {
		pages = append(pages, strings.TrimPrefix(a.portal(t, "somebody", data.HostileCustomer(i)), a.url))
	}
	if len(pages) < leastPages {
		t.Errorf("%d pages, want at least %d", len(pages), leastPages)
	}
	seen := 0
	for _, page := range pages {
		got := open(t, visit{URL: a.url + page, Cookies: a.cookies(t, "admin"), Share: true, Variants: []variant{{Width: 320, Scheme: "light"}}})
		for _, fault := range got.faults() {
			t.Errorf("%s: %s", page, fault)
		}
		if got.Status >= 500 {
			t.Errorf("%s: status %d", page, got.Status)
		}
		if strings.Contains(got.Text, "pwned(") {
			seen++
		}
	}
	// Text that is nowhere to be seen has not been shown to be safe.
	t.Logf("%d pages, hostile text is to be seen on %d", len(pages), seen)
	if seen < len(data.Payloads) {
		t.Errorf("hostile text is to be seen on %d pages of %d only", seen, len(pages))
	}
}

// reflected are the pages of one shape each with hostile texts in their queries, and in the
// last part of their paths.
func reflected(pages []string) []string {
	var all []string
	shapes := map[string]bool{}
	for _, page := range pages {
		path, query, _ := strings.Cut(page, "?")
		if shapes[shape(path)] {
			continue
		}
		shapes[shape(path)] = true
		names := []string{"q", "at", "after", "before", "type", "types", "feature", "group", "plan_code", "next", "customer", "customer_id", "notice", "tab"}
		if had, err := url.ParseQuery(query); err == nil {
			names = append(names, slices.Sorted(keysOf(had))...)
		}
		values := url.Values{}
		for i, name := range names {
			values.Set(name, []string{data.Payloads[1], data.Payloads[4], data.Payloads[5], data.Payloads[7]}[i%4])
		}
		all = append(all, path+"?"+values.Encode())
		if path != "/" && path != "/pricing" {
			all = append(all, strings.TrimSuffix(path, "/")+"/"+url.PathEscape(data.Payloads[1]))
		}
	}
	return all
}

// What is typed into a form stays text on the page that answers, as what it meets there
// does.
func TestHostileFormsStayText(t *testing.T) {
	a := newAllot(t)
	a.hostile(t)
	_, forms := a.crawl(t, "admin", 2, "/console/", "/console/customers/org_code:"+data.HostileCustomer(1))
	if len(forms) < leastForms {
		t.Errorf("%d kinds of forms, want at least %d", len(forms), leastForms)
	}
	echoed := 0
	for _, f := range forms {
		if own(f.action) {
			continue
		}
		for _, p := range []string{data.Payloads[1], data.Payloads[3], data.Payloads[5], data.Payloads[7]} {
			for _, all := range []bool{false, true} { // or only what is empty
				values := url.Values{}
				for name, had := range f.values {
					values[name] = slices.Clone(had)
					if name != "key" && (all || had[0] == "") {
						values.Set(name, p)
					}
				}
				got := a.send(t, "admin", f.action, values, a.url)
				for _, fault := range markup(got.doc) {
					t.Errorf("%s of %s: %s", f.action, f.page, fault)
				}
				if got.status >= 500 {
					t.Errorf("%s of %s: status %d", f.action, f.page, got.status)
				}
				if strings.Contains(got.text, "pwned") {
					echoed++
				}
			}
		}
	}
	t.Logf("%d kinds of forms; %d answers had hostile text in them", len(forms), echoed)
}
