package browser

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
)

// own are the forms that everybody has who is signed in: they change nobody else's
// things.
func own(action string) bool {
	path, _, _ := strings.Cut(action, "?")
	return path == "/console/sign-out" || path == "/console/account" || strings.HasPrefix(path, "/console/account/")
}

// forOperators reports whether a form is one that the role of an operator is for: they keep
// customers, and may have the books looked over.
func forOperators(action string) bool {
	return strings.HasPrefix(action, "/console/customers") && !strings.HasSuffix(action, "/delete") || action == "/console/health/verify"
}

// changes is how much those who are signed in have changed by now.
func (a *allot) changes(t testing.TB) int {
	t.Helper()
	return a.changesBy(t, "admin") + a.changesBy(t, "operator") + a.changesBy(t, "viewer")
}

// changesBy is how much the one with a role has.
func (a *allot) changesBy(t testing.TB, role string) int {
	t.Helper()
	n, after := 0, int64(0)
	for {
		page, err := a.client.Events.List(t.Context(), client.EventParams{After: after, PageSize: 1000})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page.Events {
			if e.Actor.Kind == "admin" && e.Actor.ID == people[role] {
				n++
			}
		}
		if after = page.Next; !page.HasMore {
			return n
		}
	}
}

// Each form of each screen, as whoever may not send it would: nobody, a viewer, an operator,
// another site, another port of this site. All are refused, and nothing is changed.
func TestFormsAreNotForEverybody(t *testing.T) {
	a := newAllot(t)
	a.demo(t)
	pages, forms := a.crawl(t, "admin", 3, "/console/")
	t.Logf("%d pages have %d kinds of forms", len(pages), len(forms))
	if len(forms) < leastForms || len(pages) < leastPages {
		t.Errorf("%d kinds of forms on %d pages, want at least %d on %d", len(forms), len(pages), leastForms, leastPages)
	}
	for _, f := range forms {
		t.Logf("%s: %s %v", f.page, f.action, slices.Sorted(keysOf(f.values)))
	}
	holes, cases := 0, 0
	refused := func(who string, f form, got *answer, want func(*answer) bool) {
		cases++
		if !want(got) {
			holes++
			t.Errorf("%s sends %s of %s: status %d, %s", who, f.action, f.page, got.status, got.header.Get("Location"))
		}
	}
	forbidden := func(got *answer) bool { return got.status == http.StatusForbidden }
	for _, f := range forms {
		refused("nobody", f, a.send(t, "", f.action, f.values, a.url), func(got *answer) bool {
			return got.status == http.StatusUnauthorized || got.status == http.StatusForbidden ||
				got.status == http.StatusSeeOther && strings.HasPrefix(got.header.Get("Location"), "/console/sign-in")
		})
		refused("another site", f, a.send(t, "admin", f.action, f.values, "https://elsewhere.example"), forbidden)
		refused("a page without an origin", f, a.send(t, "admin", f.action, f.values, "null"), forbidden)
		refused("another port", f, a.send(t, "admin", f.action, f.values, "http://127.0.0.1:9"), forbidden)
		if own(f.action) {
			continue
		}
		refused("a viewer", f, a.send(t, "viewer", f.action, f.values, a.url), forbidden)
		if !forOperators(f.action) {
			refused("an operator", f, a.send(t, "operator", f.action, f.values, a.url), forbidden)
		}
	}
	if n := a.changes(t); n != 0 {
		holes++
		t.Errorf("%d things were changed", n)
	}
	t.Logf("%d cases, %d holes", cases, holes)
}

// leastForms is how many kinds of forms there are at least: fewer, and they were not found.
const leastForms = 20

// leastPages is the same of pages, of which each screen is one at least.
const leastPages = 30

// What a role may not change it is not offered either.
func TestViewersSeeNoForms(t *testing.T) {
	a := newAllot(t)
	a.demo(t)
	pages, forms := a.crawl(t, "viewer", 3, "/console/")
	for _, f := range forms {
		if !own(f.action) {
			t.Errorf("%s has the form %s", f.page, f.action)
		}
	}
	for _, p := range pages {
		if got := a.send(t, "viewer", p, nil, ""); got.status >= http.StatusBadRequest {
			t.Errorf("a viewer is led to %s, and there is status %d", p, got.status)
		}
	}
	_, forms = a.crawl(t, "operator", 3, "/console/")
	for _, f := range forms {
		if !own(f.action) && !forOperators(f.action) {
			t.Errorf("an operator sees on %s the form %s", f.page, f.action)
		}
	}
}

// No page is seen by who is not signed in, none is kept by a cache, and each has a policy.
func TestPagesAreKept(t *testing.T) {
	a := newAllot(t)
	a.demo(t)
	pages, _ := a.crawl(t, "admin", 2, "/console/")
	for _, p := range pages {
		got := a.send(t, "", p, nil, "")
		if got.status != http.StatusSeeOther || !strings.HasPrefix(got.header.Get("Location"), "/console/sign-in") {
			t.Errorf("%s: nobody gets status %d", p, got.status)
		}
		got = a.send(t, "admin", p, nil, "")
		if got.status >= 300 && got.status < 400 {
			continue
		}
		for name, want := range map[string]string{
			"Content-Security-Policy":    "frame-ancestors 'none'",
			"X-Frame-Options":            "DENY",
			"Cache-Control":              "no-store",
			"X-Content-Type-Options":     "nosniff",
			"Referrer-Policy":            "same-origin",
			"Cross-Origin-Opener-Policy": "same-origin",
		} {
			if have := got.header.Get(name); !strings.Contains(have, want) {
				t.Errorf("%s: %s is %q, want %q in it", p, name, have, want)
			}
		}
		for _, fault := range markup(got.doc) {
			t.Errorf("%s: %s", p, fault)
		}
		policy := got.header.Get("Content-Security-Policy")
		for _, weak := range []string{"unsafe", "http:", "https:", "data:", "*"} {
			if strings.Contains(policy, weak) {
				t.Errorf("%s: the policy permits %s: %s", p, weak, policy)
			}
		}
	}
	t.Logf("%d pages", len(pages))
}

// Another site cannot show the console within itself, where a click would be somebody
// else's, nor send a form to it. It has the cookie: it is another port of this site.
func TestAnotherSite(t *testing.T) {
	needBrowser(t)
	a := newAllot(t)
	a.demo(t)
	attack := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		switch r.URL.Path {
		case "/frame":
			fmt.Fprintf(w, `<!doctype html><title>x</title><iframe src="%s/console/" width=900 height=600></iframe>`, a.url)
		case "/form":
			fmt.Fprintf(w, `<!doctype html><title>x</title><form method=post action="%s/console/customers/org_code:alder/suspend"><input name=confirm value=yes><input name=key value=attack></form><script>document.forms[0].submit()</script>`, a.url)
		default:
			_, _ = io.WriteString(w, "nothing")
		}
	}))
	t.Cleanup(attack.Close)
	port := attack.URL[strings.LastIndex(attack.URL, ":"):]
	for _, from := range []string{"http://127.0.0.1" + port, "http://localhost" + port} {
		u, err := url.Parse(from)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(u.Hostname(), func(t *testing.T) {
			got := open(t, visit{URL: from + "/frame", Cookies: a.cookies(t, "admin"), Settle: 300})
			if len(got.Frames) != 1 || strings.HasPrefix(got.Frames[0], a.url) {
				t.Errorf("the frames are of %q", got.Frames)
			}
			got = open(t, visit{URL: from + "/form", Cookies: a.cookies(t, "admin"), Steps: []step{{Expect: "another site|Sign in"}}})
			if got.Error != "" {
				t.Error(got.Error)
			}
			if n := a.changes(t); n != 0 {
				t.Errorf("%d things were changed", n)
			}
		})
	}
	status := func() string {
		c, err := a.client.Customers.Get(t.Context(), "org_code:alder")
		if err != nil {
			t.Fatal(err)
		}
		return c.Status
	}
	if got := status(); got != api.CustomerActive {
		t.Errorf("the customer is %s", got)
	}
	// The same form changes something if it is our own.
	got := a.send(t, "admin", "/console/customers/org_code:alder/suspend", url.Values{"confirm": {"yes"}, "key": {"own"}}, a.url)
	if now := status(); now == api.CustomerActive {
		t.Errorf("our own form has status %d, and the customer is %s", got.status, now)
	}
}
