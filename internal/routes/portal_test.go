package routes

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/portal"
)

// link is the path of a link to the page of Ada, which leads back somewhere.
func (w *world) link(t *testing.T) string {
	t.Helper()
	made := ask[api.PortalLink](t, w, "POST", "/api/v1/portal/generate_url", `{"user_id":"kp_ada","return_url":"https://app.example/?a=1&b=%22%3E%3Cb%3E"}`)
	return strings.TrimPrefix(made.URL, issuerURL)
}

// visited is what was answered to who opened one.
type visited struct {
	status  int
	header  http.Header
	cookies []*http.Cookie
	text    string
}

// visit opens a page without a token, in the session of some cookies.
func (w *world) visit(t *testing.T, method, target string, session ...*http.Cookie) visited {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, target, nil)
	for _, c := range session {
		r.AddCookie(c)
	}
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, r)
	resp := rec.Result()
	defer resp.Body.Close()
	return visited{resp.StatusCode, resp.Header, resp.Cookies(), rec.Body.String()}
}

func TestALinkOpensOneSession(t *testing.T) {
	for kind, database := range databases {
		t.Run(kind, func(t *testing.T) {
			w := worldOn(t, openStore(t, database(t)), 0)
			w.settle(t)
			link := w.link(t)

			if r := w.visit(t, "HEAD", link); r.status != 200 || len(r.cookies) > 0 {
				t.Errorf("HEAD: %d with cookies %v", r.status, r.cookies)
			}
			first := w.visit(t, "GET", link)
			if first.status != 200 || len(first.cookies) != 1 {
				t.Fatalf("first opening: %d with cookies %v", first.status, first.cookies)
			}
			session := first.cookies[0]
			if !session.HttpOnly || !session.Secure || session.SameSite != http.SameSiteLaxMode || session.Path != portal.Path || session.MaxAge != 3600 {
				t.Errorf("cookie %v", session)
			}
			text := first.text
			for _, want := range []string{"<h3>Personal", "<h2 id=\"features\">What you have", `href="https://app.example/?a=1&amp;b=%22%3E%3Cb%3E"`} {
				if !strings.Contains(text, want) {
					t.Errorf("the page lacks %s:\n%s", want, text)
				}
			}
			for name, want := range map[string]string{
				"Content-Security-Policy": "default-src 'none'", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
				"X-Content-Type-Options": "nosniff", "Content-Type": "text/html; charset=utf-8",
			} {
				if got := first.header.Get(name); !strings.HasPrefix(got, want) {
					t.Errorf("%s is %q, want %s", name, got, want)
				}
			}

			other := *session
			other.Value = "another"
			visits := func(when string, same, none, another int) {
				t.Helper()
				for who, visit := range map[string]struct {
					want    int
					session []*http.Cookie
				}{"the session": {same, []*http.Cookie{session}}, "none": {none, nil}, "another": {another, []*http.Cookie{&other}}} {
					if r := w.visit(t, "GET", link, visit.session...); r.status != visit.want {
						t.Errorf("%s, %s: %d, want %d\n%s", when, who, r.status, visit.want, r.text)
					}
				}
			}
			visits("at once", 200, 403, 403)
			w.now = noon.Add(portal.LinkLife)
			visits("once it is too old to be opened", 200, 403, 403)
			w.now = noon.Add(time.Hour)
			visits("once the session is over", 403, 403, 403)
		})
	}
}

// What is not to open: a link nobody opened in time, one that is not ours, one
// whose customer is gone.
func TestLinksThatDoNotOpen(t *testing.T) {
	w := newWorld(t)
	w.settle(t)
	link, late, gone := w.link(t), w.link(t), w.link(t)
	refused := func(what, target string, status int) {
		t.Helper()
		r := w.visit(t, "GET", target)
		if text := r.text; r.status != status || len(r.cookies) > 0 || strings.Contains(text, "personal") {
			t.Errorf("%s: %d with cookies %v\n%s", what, r.status, r.cookies, text)
		}
	}
	for i := len(portal.Path); i < len(link); i += 7 {
		changed := []byte(link)
		changed[i] = map[bool]byte{true: 'B', false: 'A'}[changed[i] == 'A']
		refused("changed at "+link[i:i+1], string(changed), 403)
	}
	refused("cut off", link[:len(link)-4], 403)
	refused("nothing", portal.Path+"x", 403)
	w.now = noon.Add(portal.LinkLife)
	refused("too old", late, 403)
	w.now = noon
	ask[api.Success](t, w, "DELETE", "/v1/customers/"+ada, "")
	refused("of a deleted customer", gone, 404)
}

// What is kept under a key has no link that a reader of the database could open.
func TestLinksAreKeptSealed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "allot.db")
	w := worldOn(t, openStore(t, "sqlite:"+file), 0)
	w.settle(t)
	link := w.ask(t, "POST", "/api/v1/portal/generate_url", `{"user_id":"kp_ada"}`, "Idempotency-Key", "link")
	made := w.ask(t, "POST", "/api/v1/organization", `{"name":"Globex"}`, "Idempotency-Key", "organization")
	if link.Code != 200 || made.Code != 200 {
		t.Fatal(link, made)
	}
	var stored []byte
	for _, name := range []string{file, file + "-wal"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, text...)
	}
	if !bytes.Contains(stored, made.Body.Bytes()) {
		t.Error("an answer without a secret is not found: the test sees too little")
	}
	if bytes.Contains(stored, []byte(portal.Path)) {
		t.Error("an answer with a link is stored so that it can be read")
	}
}

// Without a plan that is named and a default one nothing is made.
func TestAnOrganizationNeedsAPlan(t *testing.T) {
	w := newWorld(t)
	rec := w.ask(t, "POST", "/api/v1/organization", `{"name":"Hooli","is_create_billing_customer":true,"billing_email":"pay@hooli.example"}`)
	if errs := errorsOf(t, rec); rec.Code != 400 || errs[0].Code != "BILLING_PLAN_CODE_REQUIRED" {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
	if list := ask[api.CustomerList](t, w, "GET", "/v1/customers", ""); len(list.Customers) != 0 {
		t.Errorf("made %v", list.Customers)
	}
}
