package browser

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/admin"
)

// Who looks at the console, by the role.
var people = map[string]string{"admin": "ada", "operator": "otto", "viewer": "vera"}

const sessionCookie = "allot_session" // over plain HTTP

// session is that of the one with a role, who comes by a one-time link when first asked
// for.
func (a *allot) session(t testing.TB, role string) string {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	if s := a.sessions[role]; s != "" {
		return s
	}
	link, err := a.srv.SignInLink(t.Context(), people[role], role)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, link.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := a.http.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	for _, c := range resp.Cookies() {
		if c.Name == sessionCookie {
			a.sessions[role] = c.Value
			return c.Value
		}
	}
	t.Fatalf("the link of %s gives no session: status %d", people[role], resp.StatusCode)
	return ""
}

// cookies are those of somebody with a role, for the browser; none for "".
func (a *allot) cookies(t testing.TB, role string) []cookie {
	t.Helper()
	if role == "" {
		return nil
	}
	return []cookie{{Name: sessionCookie, Value: a.session(t, role), URL: a.url}}
}

// portal is a link to the page of a customer, for a user of its own or the customer itself.
func (a *allot) portal(t testing.TB, userID, orgCode string) string {
	t.Helper()
	body, err := json.Marshal(api.GeneratePortalURLRequest{UserID: userID, OrganizationCode: orgCode, ReturnURL: returnOrigin + "/settings"})
	if err != nil {
		t.Fatal(err)
	}
	resp, err := a.client.Do(t.Context(), http.MethodPost, "/api/v1/portal/generate_url", body)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var made api.PortalLink
	if err := json.NewDecoder(resp.Body).Decode(&made); err != nil || made.URL == "" {
		t.Fatalf("a link for %s of %s: status %d, %v", userID, orgCode, resp.StatusCode, err)
	}
	return made.URL
}

// returnOrigin is where pages of customers may lead back to.
const returnOrigin = "https://app.example.com"

// answer is a page as a program sees it.
type answer struct {
	status int
	header http.Header
	text   string
	doc    *html.Node
}

// send sends what a browser would, from a page of an origin; "" is none at all. A form is
// posted if there is one. Redirects are not followed.
func (a *allot) send(t testing.TB, role, path string, form url.Values, origin string) *answer {
	t.Helper()
	method, body := http.MethodGet, io.Reader(nil)
	if form != nil {
		method, body = http.MethodPost, strings.NewReader(form.Encode())
	}
	r, err := http.NewRequestWithContext(t.Context(), method, a.url+path, body)
	if err != nil {
		t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if role != "" {
		r.AddCookie(&http.Cookie{Name: sessionCookie, Value: a.session(t, role)})
	}
	switch origin {
	case "":
	case a.url:
		r.Header.Set("Origin", origin)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	default:
		r.Header.Set("Origin", origin)
		r.Header.Set("Sec-Fetch-Site", "cross-site")
	}
	resp, err := a.http.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := html.Parse(strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	return &answer{resp.StatusCode, resp.Header, string(text), doc}
}

func attribute(n *html.Node, name string) (string, bool) {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val, true
		}
	}
	return "", false
}

// changing is what two addresses of one screen differ in, beside the name of a thing.
var changing = regexp.MustCompile(`(customer|agreement|grant|hold|webhook|client|entitlement|sbg)_[0-9a-z]{16,}|[0-9a-f]{32}|=[^&]*|\d{4}-\d\d-\d\d[^/&]*|\b\d+\b`)

var thing = regexp.MustCompile(`/(plans|customers|events|webhooks|clients|administrators|features)/([^/?]+)`)

// shape is an address without what changes.
func shape(address string) string {
	address = thing.ReplaceAllStringFunc(address, func(s string) string {
		if strings.HasSuffix(s, "/new") || strings.HasSuffix(s, "/keys") {
			return s
		}
		return s[:strings.LastIndex(s, "/")] + "/*"
	})
	return changing.ReplaceAllString(address, "*")
}

// form is one of a page, with what it is sent with if nobody touches it.
type form struct {
	page   string // where it stands
	action string // path and query
	method string
	values url.Values
}

// crawl follows all links of the console from some addresses, of each shape at most so
// many, and returns all pages and all forms that change something, one of each shape.
func (a *allot) crawl(t testing.TB, role string, each int, from ...string) (pages []string, forms []form) {
	t.Helper()
	seen, shapes, formShapes := map[string]bool{}, map[string]int{}, map[string]bool{}
	queue := slices.Clone(from)
	for len(queue) > 0 && len(pages) < 400 {
		at := queue[0]
		queue = queue[1:]
		if seen[at] || shapes[shape(at)] >= each {
			continue
		}
		seen[at] = true
		shapes[shape(at)]++
		got := a.send(t, role, at, nil, "")
		if strings.HasPrefix(got.header.Get("Content-Type"), "text/html") || got.status >= http.StatusMultipleChoices {
			pages = append(pages, at)
		}
		base, err := url.Parse(at)
		if err != nil {
			t.Fatal(err)
		}
		local := func(ref string) string {
			u, err := base.Parse(ref)
			if err != nil || u.Host != "" {
				return ""
			}
			u.Fragment = ""
			return u.RequestURI()
		}
		if to := got.header.Get("Location"); to != "" {
			queue = append(queue, local(to))
		}
		for n := range got.doc.Descendants() {
			switch n.Data {
			case "a":
				if href, ok := attribute(n, "href"); ok {
					if to := local(href); strings.HasPrefix(to, admin.Path) {
						queue = append(queue, to)
					}
				}
			case "form":
				f := readForm(n, at, local)
				if f.method == "post" {
					if key := shape(f.action) + " " + strings.Join(slices.Sorted(keysOf(f.values)), " "); !formShapes[key] {
						formShapes[key] = true
						forms = append(forms, f)
					}
				} else if strings.HasPrefix(f.action, admin.Path) {
					path, _, _ := strings.Cut(f.action, "?")
					queue = append(queue, path+"?"+f.values.Encode())
				}
			}
		}
	}
	return pages, forms
}

func keysOf(v url.Values) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range v {
			if !yield(k) {
				return
			}
		}
	}
}

func readForm(n *html.Node, at string, local func(string) string) form {
	f := form{page: at, method: "get", action: at, values: url.Values{}}
	if m, ok := attribute(n, "method"); ok {
		f.method = strings.ToLower(m)
	}
	if action, ok := attribute(n, "action"); ok && action != "" {
		f.action = local(action)
	}
	for c := range n.Descendants() {
		name, ok := attribute(c, "name")
		if !ok {
			continue
		}
		value, _ := attribute(c, "value")
		kind, _ := attribute(c, "type")
		_, checked := attribute(c, "checked")
		switch {
		case c.Data == "textarea":
			for text := range c.Descendants() {
				value += text.Data
			}
			f.values.Add(name, value)
		case c.Data == "select":
			for o := range c.Descendants() {
				if v, ok := attribute(o, "value"); ok && o.Data == "option" {
					if _, chosen := attribute(o, "selected"); chosen || !f.values.Has(name) {
						f.values.Set(name, v)
					}
				}
			}
		case c.Data == "input" && (kind == "checkbox" || kind == "radio") && !checked:
		case c.Data == "input" && kind != "file":
			f.values.Add(name, value)
		case c.Data == "button" && !f.values.Has(name):
			f.values.Set(name, value)
		}
	}
	return f
}

// markup is what no page of ours has: what hostile text becomes, and what the policy does
// not permit anyway.
func markup(doc *html.Node) (faults []string) {
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		_, src := attribute(n, "src")
		if n.Data == "pwn-ed" || n.Data == "base" || n.Data == "iframe" || n.Data == "style" || n.Data == "script" && !src {
			faults = append(faults, "the element "+n.Data)
		}
		for _, a := range n.Attr {
			value := strings.ToLower(strings.TrimLeft(a.Val, "\x00\t\n\f\r "))
			switch {
			case a.Key == "pwn", a.Key == "style", a.Key == "srcdoc", strings.HasPrefix(a.Key, "on"), strings.HasPrefix(a.Key, "hx-on"):
				faults = append(faults, "the attribute "+a.Key+" of "+n.Data)
			case strings.HasPrefix(value, "javascript:") && a.Key != "value" && a.Key != "content" && a.Key != "placeholder" && a.Key != "aria-label" && a.Key != "title":
				faults = append(faults, a.Key+"="+a.Val)
			}
		}
	}
	return faults
}
