package admin_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/server"
	"github.com/allot-dev/allot/internal/web/webtest"
)

// Whoever is not signed in is asked to, and sees nothing.
func TestNobodyIsAskedIn(t *testing.T) {
	w := newWorld(t, time.Time{})
	w.as = ""
	for path, want := range map[string]string{
		"/console/":                     "/console/sign-in",
		"/console/customers?q=a&at=now": "/console/sign-in?next=%2Fconsole%2Fcustomers%3Fq%3Da%26at%3Dnow",
		"/console/no-such-page":         "/console/sign-in?next=%2Fconsole%2Fno-such-page",
	} {
		p := w.get(path).Wants(http.StatusSeeOther)
		if got := p.Header.Get("Location"); got != want {
			t.Errorf("%s leads to %s, want %s", path, got, want)
		}
		if strings.Contains(p.Text, "Pro") {
			t.Errorf("%s shows something: %s", path, p.Text)
		}
	}
}

// The navigation leads nobody to a refusal.
func TestNavigationIsOfTheRole(t *testing.T) {
	w := newWorld(t, time.Time{})
	for role, want := range map[string]int{"admin": 7, "viewer": 6} {
		w.as = role
		led := 0
		for _, nav := range w.get("/console/").All("nav", "aria-label", "Main") {
			for n := range nav.Descendants() {
				if href, ok := webtest.Attribute(n, "href"); ok {
					led++
					w.get(href).Wants(http.StatusOK)
				}
			}
		}
		if led != want {
			t.Errorf("%s is led to %d screens, want %d", role, led, want)
		}
	}
}

// Each page has the frame, the way to the others, and what keeps it from loading or being
// framed by anything else.
func TestFrame(t *testing.T) {
	w := newWorld(t, time.Time{})
	p := w.get("/console/").Wants(http.StatusOK).Says("Overview", "Customers", "ada", "Sign out")
	for header, want := range map[string]string{
		"Content-Type": "text/html; charset=utf-8", "X-Frame-Options": "DENY", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
		"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
	} {
		if got := p.Header.Get(header); got != want {
			t.Errorf("%s is %q, want %q", header, got, want)
		}
	}
	current := p.All("a", "aria-current", "page")
	if len(current) != 1 {
		t.Errorf("%d links are where one is", len(current))
	}
	for _, name := range []string{"style", "onclick"} {
		for _, n := range p.All("a", name, "") {
			t.Errorf("an attribute %s in %s", name, n.Data)
		}
	}
	for _, script := range p.All("script", "", "") {
		src, ok := webtest.Attribute(script, "src")
		if !ok || !strings.HasPrefix(src, "/static/") {
			t.Errorf("a script from %q", src)
		}
		if got := w.get(src).Wants(http.StatusOK).Header.Get("Cache-Control"); !strings.Contains(got, "immutable") {
			t.Errorf("%s is kept %q", src, got)
		}
	}
	w.get("/console/no-such-page").Wants(http.StatusNotFound).Says("There is no such page")
	w.get("/static/allot.css").Wants(http.StatusNotFound)
	w.as = "viewer" // who has no token
	w.get("/console/webhooks").Wants(http.StatusForbidden).Says("with the role viewer", "the role lacks the scope manage:webhooks")
}

// A form that another site made a browser send changes nothing.
func TestFormsOfOtherSites(t *testing.T) {
	w := newWorld(t, time.Time{})
	for name, headers := range map[string]map[string]string{
		"another site":        {"Sec-Fetch-Site": "cross-site"},
		"a neighbour":         {"Sec-Fetch-Site": "same-site"},
		"an old browser":      {"Origin": "https://evil.example"},
		"a page of no origin": {"Origin": "null"},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+"/console/", strings.NewReader(url.Values{}.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.AddCookie(&http.Cookie{Name: "as", Value: "admin"})
		for header, value := range headers {
			r.Header.Set(header, value)
		}
		resp, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %d", name, resp.StatusCode)
		}
	}
}

// Behind a proxy that names itself as the Host, forms of the server's own pages are its own.
func TestFormsBehindAProxy(t *testing.T) {
	w := &world{t: t, as: "admin", now: time.Now}
	w.start(server.Config{Listen: "127.0.0.1:0", Issuer: "http://allot.example"})
	for origin, refused := range map[string]bool{"http://allot.example": false, "http://evil.allot.example": true, "https://allot.example": true} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+w.addr+"/console/health/verify", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.AddCookie(&http.Cookie{Name: "as", Value: "admin"})
		r.Header.Set("Origin", origin) // of a browser that does not say Sec-Fetch-Site, as over http
		resp, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if (resp.StatusCode == http.StatusForbidden) != refused {
			t.Errorf("a form of %s: %d", origin, resp.StatusCode)
		}
	}
}
