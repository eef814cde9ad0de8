package signin

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/allot-dev/allot/internal/admin/signin/record"
)

func credentials(name, password, next string) url.Values {
	return url.Values{"name": {name}, "password": {password}, "next": {next}}
}

// One signs in, is led to where one wanted to go, and signs out.
func TestSignInAndOut(t *testing.T) {
	w := newWorld(t)
	w.made("ada", record.Admin)
	b := pagesOn(w, w.pages())
	b.get("/console/account").wants(t, http.StatusSeeOther, "/console/sign-in?next=%2Fconsole%2Faccount")
	b.get("/console/sign-in?next=%2Fconsole%2Faccount").wants(t, http.StatusOK, "").says(t, `name="next" value="/console/account"`)
	wrong := b.post("/console/sign-in", credentials("ada", "wrong", "/console/account"))
	wrong.wants(t, http.StatusForbidden, "").says(t, "do not go together", `value="ada"`, `value="/console/account"`)
	if len(b.cookies) > 0 {
		t.Errorf("cookies before one is signed in: %v", b.cookies)
	}
	in := b.post("/console/sign-in", credentials("ada", password, "/console/account")).wants(t, http.StatusSeeOther, "/console/account")
	if in.Header.Get("Cache-Control") != "no-store" {
		t.Error("an answer with a cookie may be kept")
	}
	b.get("/console/account").wants(t, http.StatusOK, "").says(t, "ada", "this one")
	b.get("/console/sign-in?next=/console/clients").wants(t, http.StatusSeeOther, "/console/clients")
	kept := *b.cookies["allot_session"]
	b.post("/console/sign-out", nil).wants(t, http.StatusSeeOther, "/console/sign-in")
	b.cookies["allot_session"] = &kept
	b.get("/console/account").wants(t, http.StatusSeeOther, "")
}

// The cookie is for this host alone where there is https, and no script can read it.
func TestCookies(t *testing.T) {
	type flags struct {
		Name           string
		Secure         bool
		HttpOnly       bool
		Path, Domain   string
		SameSite       http.SameSite
		MaxAge         int
		ValueHasLength int
	}
	for base, want := range map[string]flags{
		"http://127.0.0.1:8080":     {"allot_session", false, true, "/", "", http.SameSiteLaxMode, 0, 26},
		"https://allot.example.com": {"__Host-allot_session", true, true, "/", "", http.SameSiteLaxMode, 0, 26},
	} {
		w := newWorld(t)
		w.made("ada", record.Admin)
		pages := w.pages()
		pages.URL = base
		b := pagesOn(w, pages)
		var got []flags
		for _, c := range b.post("/console/sign-in", credentials("ada", password, "")).wants(t, http.StatusSeeOther, "/console/").Cookies() {
			if strings.HasSuffix(c.Name, "allot_browser") {
				if c.Secure != want.Secure || !c.HttpOnly || c.MaxAge != int(markLife.Seconds()) || c.SameSite != http.SameSiteLaxMode {
					t.Errorf("%s: the mark is %+v", base, c)
				}
				continue
			}
			got = append(got, flags{c.Name, c.Secure, c.HttpOnly, c.Path, c.Domain, c.SameSite, c.MaxAge, len(c.Value)})
		}
		if diff := cmp.Diff([]flags{want}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", base, diff)
		}
		b.get("/console/account").wants(t, http.StatusOK, "")
		for _, c := range b.post("/console/account/end", url.Values{"session": {"none"}}).wants(t, http.StatusSeeOther, "/console/account").Cookies() {
			if c.Name != "allot_notice" || c.Secure != want.Secure || !c.HttpOnly {
				t.Errorf("%s: what was done is told by %+v", base, c)
			}
		}
		if c, ok := b.cookies["__Host-allot_session"]; ok { // under the other name it is nobody's
			b.cookies = map[string]*http.Cookie{"x": {Name: "allot_session", Value: c.Value}}
			b.get("/console/account").wants(t, http.StatusSeeOther, "")
		}
	}
}

// A cookie that somebody put into a browser is not the one that it has once it is signed in,
// and is nobody's afterwards.
func TestFixation(t *testing.T) {
	w := newWorld(t)
	w.made("ada", record.Admin)
	w.made("eve", record.Viewer)
	b := pagesOn(w, w.pages())
	for name, planted := range map[string]string{"made up": "AAAAAAAAAAAAAAAAAAAAAAAAAA", "of eve": w.in("eve").Cookie, "of ada": w.in("ada").Cookie} {
		b := b.another()
		b.cookies["allot_session"] = &http.Cookie{Name: "allot_session", Value: planted}
		b.post("/console/sign-in", credentials("ada", password, "")).wants(t, http.StatusSeeOther, "/console/")
		if got := b.cookies["allot_session"].Value; got == planted {
			t.Errorf("%s: it stays", name)
		}
		w.wantSeen(planted, "")
		w.wantSeen(b.cookies["allot_session"].Value, "ada admin")
	}
	// Two cookies of the name: one was put beside ours.
	one, two := w.in("ada").Cookie, w.in("eve").Cookie
	b.cookies = map[string]*http.Cookie{"1": {Name: "allot_session", Value: two}, "2": {Name: "allot_session", Value: one}}
	b.get("/console/account").wants(t, http.StatusSeeOther, "")
}

// From signing in one is led to a page of the console and nowhere else.
func TestLocalNext(t *testing.T) {
	for next, want := range map[string]string{
		"":                                     "/console/",
		"/console/":                            "/console/",
		"/console/customers?q=a&at=now#x":      "/console/customers?q=a&at=now#x",
		"/console/customers/customer_1":        "/console/customers/customer_1",
		"/":                                    "/console/",
		"/console":                             "/console/",
		"/consoles/":                           "/console/",
		"/v1/plans":                            "/console/",
		"https://evil.example/console/":        "/console/",
		"//evil.example/console/":              "/console/",
		"///evil.example/console/":             "/console/",
		`/\evil.example/console/`:              "/console/",
		`\\evil.example\console\`:              "/console/",
		"/console/../../evil":                  "/console/",
		"/console/../v1/plans":                 "/console/",
		"/console/%2e%2e/v1/plans":             "/console/",
		"/console//evil.example":               "/console//evil.example",
		`/console/\evil.example`:               "/console/",
		"/console/\r\nSet-Cookie: a=b":         "/console/",
		"/console/\thttps://evil.example":      "/console/",
		"javascript:alert(1)//console/":        "/console/",
		"data:text/html,/console/":             "/console/",
		"http:/console/":                       "/console/",
		"//user@evil.example/console/":         "/console/",
		"/console/%zz":                         "/console/",
		" /console/":                           "/console/",
		"/console/sign-in?next=//evil.example": "/console/sign-in?next=//evil.example", // which reads next again
	} {
		if got := localNext(next); got != want {
			t.Errorf("%q leads to %q, want %q", next, got, want)
		}
	}
}

// What looks into a mail follows links in it, and must not use them up.
func TestLinkPages(t *testing.T) {
	w := newWorld(t)
	b := pagesOn(w, w.pages())
	link, err := w.Create(t.Context(), cli, "ada", record.Admin)
	if err != nil {
		t.Fatal(err)
	}
	path := "/console/link/" + link.Token
	if got := LinkURL("https://allot.example.com/", link.Token); got != "https://allot.example.com"+path {
		t.Errorf("it leads to %s", got)
	}
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodGet} {
		b.send(method, path, nil).wants(t, http.StatusOK, "")
	}
	b.get(path).says(t, "Welcome, ada", `method="post"`)
	pair := func(a, b string) url.Values { return url.Values{"password": {a}, "again": {b}} }
	b.post(path, pair(password, password+"!")).wants(t, http.StatusBadRequest, "").says(t, "not the same")
	b.post(path, pair("short", "short")).wants(t, http.StatusBadRequest, "").says(t, "at least 12 characters")
	b.post(path+"?password="+url.QueryEscape(password)+"&again="+url.QueryEscape(password), nil).wants(t, http.StatusBadRequest, "")
	b.post(path, pair(password, password)).wants(t, http.StatusSeeOther, "/console/")
	b.get("/console/account").wants(t, http.StatusOK, "")
	for _, again := range []answer{b.get(path), b.another().post(path, pair(password, password))} {
		again.wants(t, http.StatusForbidden, "").says(t, "used already")
	}
	b.get("/console/link/AAAA").wants(t, http.StatusForbidden, "").says(t, "not one of this server")

	// One that signs in, as allot dev prints it.
	link, err = w.SignInLink(t.Context(), cli, "demo", record.Admin)
	if err != nil {
		t.Fatal(err)
	}
	b = b.another()
	b.get("/console/link/"+link.Token).wants(t, http.StatusOK, "").says(t, "Sign in as demo")
	b.post("/console/link/"+link.Token, nil).wants(t, http.StatusSeeOther, "/console/")
	b.get("/console/account").wants(t, http.StatusOK, "").says(t, "no password")
	b.another().post("/console/link/"+link.Token, nil).wants(t, http.StatusForbidden, "")
}

// Too many attempts are told how long to wait.
func TestTooManyOnThePage(t *testing.T) {
	w := newWorld(t)
	w.made("ada", record.Admin)
	b := pagesOn(w, w.pages())
	for range attemptsOfName {
		b.post("/console/sign-in", credentials("ada", "wrong", "")).wants(t, http.StatusForbidden, "")
	}
	a := b.post("/console/sign-in", credentials("ada", password, "")).wants(t, http.StatusTooManyRequests, "").says(t, "Wait 15 minutes")
	if got := a.Header.Get("Retry-After"); got != strconv.Itoa(int(attemptWindow.Seconds())) {
		t.Errorf("Retry-After: %s", got)
	}
}

func TestAccountPage(t *testing.T) {
	w := newWorld(t)
	w.made("ada", record.Viewer)
	b := pagesOn(w, w.pages())
	other := w.in("ada")
	b.post("/console/sign-in", credentials("ada", password, "")).wants(t, http.StatusSeeOther, "")
	own := b.cookies["allot_session"].Value
	change := func(present, next, again string) answer {
		return b.post("/console/account/password", url.Values{"present": {present}, "password": {next}, "again": {again}})
	}
	const next = "another battery staple"
	change("wrong", next, next).wants(t, http.StatusForbidden, "").says(t, "not your present password")
	change(password, next, "x").wants(t, http.StatusBadRequest, "").says(t, "not the same")
	change(password, "short", "short").wants(t, http.StatusBadRequest, "").says(t, "at least 12")
	w.wantSeen(other.Cookie, "ada viewer")
	change(password, next, next).wants(t, http.StatusSeeOther, "/console/account")
	w.wantSeen(other.Cookie, "")
	w.wantSeen(own, "")
	b.get("/console/account").wants(t, http.StatusOK, "").says(t, "Your password is another one now")

	other, err := w.SignIn(t.Context(), here, "ada", next)
	if err != nil {
		t.Fatal(err)
	}
	b.post("/console/account/end", url.Values{"session": {SessionID(other.Session)}}).wants(t, http.StatusSeeOther, "/console/account")
	w.wantSeen(other.Cookie, "")
	b.get("/console/administrators").wants(t, http.StatusForbidden, "").says(t, "with the role viewer")
	b.post("/console/administrators", url.Values{"name": {"eve"}, "role": {"admin"}}).wants(t, http.StatusForbidden, "")
	b.get("/console/administrators/ada").wants(t, http.StatusForbidden, "")
	b.post("/console/administrators/ada", url.Values{"do": {"role"}, "role": {"admin"}}).wants(t, http.StatusForbidden, "")
}

// An admin keeps the others: each change says first what it will do.
func TestAdministratorsPages(t *testing.T) {
	w := newWorld(t)
	w.made("ada", record.Admin)
	b := pagesOn(w, w.pages())
	b.post("/console/sign-in", credentials("ada", password, "")).wants(t, http.StatusSeeOther, "")

	made := b.post("/console/administrators", url.Values{"name": {"bob"}, "role": {"viewer"}}).wants(t, http.StatusOK, "").says(t, "shown once")
	_, link, _ := strings.Cut(made.text, `<pre id="link" tabindex="0">`+b.url)
	link, _, _ = strings.Cut(link, "<")
	bob := b.another()
	bob.post(link, url.Values{"password": {password}, "again": {password}}).wants(t, http.StatusSeeOther, "/console/")
	if list := b.get("/console/administrators").wants(t, http.StatusOK, ""); strings.Contains(list.text, link) {
		t.Error("the link is shown again")
	}
	b.post("/console/administrators", url.Values{"name": {"bob"}, "role": {"viewer"}}).wants(t, http.StatusConflict, "").says(t, "there already", `value="bob"`)
	b.post("/console/administrators", url.Values{"name": {"<i>"}, "role": {"viewer"}}).wants(t, http.StatusBadRequest, "").says(t, "&lt;i&gt;")

	at := "/console/administrators/bob"
	b.get(at+"?do=role&role=operator").wants(t, http.StatusOK, "").says(t, "viewer → operator", "1 session")
	bob.get("/console/account").says(t, "viewer")
	was := bob.cookies["allot_session"].Value
	b.post(at, url.Values{"do": {"role"}, "role": {"operator"}}).wants(t, http.StatusSeeOther, at)
	bob.get("/console/account").wants(t, http.StatusOK, "").says(t, "operator")
	if bob.cookies["allot_session"].Value == was {
		t.Error("the cookie is the same with another role")
	}
	for _, do := range []string{"end", "reset", "disable"} {
		b.get(at+"?do="+do).wants(t, http.StatusOK, "").says(t, changes[do].Effect[:20])
		bob.get("/console/account").wants(t, http.StatusOK, "") // nothing was done yet
		a := b.post(at, url.Values{"do": {do}})
		if do == "reset" {
			a.wants(t, http.StatusOK, "").says(t, "shown once")
			_, link, _ = strings.Cut(a.text, `<pre id="link" tabindex="0">`+b.url)
			link, _, _ = strings.Cut(link, "<")
		} else {
			a.wants(t, http.StatusSeeOther, at)
		}
		bob.get("/console/account").wants(t, http.StatusSeeOther, "")
		switch do {
		case "end":
			bob.post("/console/sign-in", credentials("bob", password, "")).wants(t, http.StatusSeeOther, "/console/")
		case "reset":
			bob.post(link, url.Values{"password": {password}, "again": {password}}).wants(t, http.StatusSeeOther, "/console/")
		}
	}
	b.get(at).says(t, "Disabled")
	bob.post("/console/sign-in", credentials("bob", password, "")).wants(t, http.StatusForbidden, "")

	// What one does not do to oneself, or at all.
	for _, do := range []string{"role", "end", "reset", "disable"} {
		b.post("/console/administrators/ada", url.Values{"do": {do}, "role": {"viewer"}}).wants(t, http.StatusForbidden, "")
	}
	b.post(at, url.Values{"do": {"delete"}}).wants(t, http.StatusBadRequest, "")
	b.get(at+"?do=delete").wants(t, http.StatusBadRequest, "")
	b.get(at+"?do=role&role=root").wants(t, http.StatusBadRequest, "")
	b.get("/console/administrators/nobody").wants(t, http.StatusNotFound, "")
	b.get("/console/administrators/%00").wants(t, http.StatusNotFound, "")
	b.get("/console/account").wants(t, http.StatusOK, "").says(t, "admin")
}

// A form that is sent twice makes one administrator, or one link, and shows the same link.
func TestAdministratorFormsSentTwice(t *testing.T) {
	w := newWorld(t)
	w.made("ada", record.Admin)
	b := pagesOn(w, w.pages())
	b.post("/console/sign-in", credentials("ada", password, "")).wants(t, http.StatusSeeOther, "")
	keyOn := func(path string) string {
		_, key, _ := strings.Cut(b.get(path).wants(t, http.StatusOK, "").text, `name="key" value="`)
		key, _, _ = strings.Cut(key, `"`)
		return key
	}
	link := func(a answer) string {
		a.wants(t, http.StatusOK, "").says(t, "shown once")
		_, link, _ := strings.Cut(a.text, `<pre id="link" tabindex="0">`)
		link, _, _ = strings.Cut(link, "<")
		return link
	}
	for _, test := range []struct {
		at, form string
		values   url.Values
	}{
		{"/console/administrators", "/console/administrators", url.Values{"name": {"bob"}, "role": {"viewer"}}},
		{"/console/administrators/bob", "/console/administrators/bob?do=reset", url.Values{"do": {"reset"}}},
	} {
		test.values.Set("key", keyOn(test.form))
		first := link(b.post(test.at, test.values))
		if again := link(b.post(test.at, test.values)); again != first {
			t.Errorf("%s shows %s and then %s", test.at, first, again)
		}
		b.another().get(first).wants(t, http.StatusOK, "").says(t, "Welcome, bob")
		test.values.Set("key", keyOn(test.form))
		if a := b.post(test.at, test.values); test.at == test.form {
			a.wants(t, http.StatusConflict, "")
		} else if again := link(a); again == first {
			t.Error("another reset shows the link of the first")
		}
	}
}

// What another site has a browser send changes nothing.
func TestForeignForms(t *testing.T) {
	w := newWorld(t)
	w.made("ada", record.Admin)
	b := pagesOn(w, w.pages())
	b.post("/console/sign-in", credentials("ada", password, "")).wants(t, http.StatusSeeOther, "")
	for _, path := range []string{"/console/sign-in", "/console/sign-out", "/console/account/password", "/console/account/end", "/console/administrators", "/console/link/x"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		r.AddCookie(b.cookies["allot_session"])
		resp, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %d", path, resp.StatusCode)
		}
	}
	b.get("/console/account").wants(t, http.StatusOK, "")
}

// Behind a proxy all have one address: whoever guesses there keeps nobody out whose browser is
// known, and finds nothing out by a mark that is another's.
func TestMarkedBrowsers(t *testing.T) {
	w := newWorld(t)
	w.made("ada", record.Admin)
	w.made("bob", record.Admin)
	b := pagesOn(w, w.pages())
	b.post("/console/sign-in", credentials("ada", password, "")).wants(t, http.StatusSeeOther, "")
	mark := b.cookies["allot_browser"]
	guesser := b.another()
	for i := range attemptsOfAddress {
		guesser.post("/console/sign-in", credentials("nobody"+strconv.Itoa(i), "wrong", "")).wants(t, http.StatusForbidden, "")
	}
	guesser.post("/console/sign-in", credentials("ada", password, "")).wants(t, http.StatusTooManyRequests, "")
	known := func(value string) *browser {
		k := b.another()
		k.cookies["allot_browser"] = &http.Cookie{Name: "allot_browser", Value: value}
		return k
	}
	known(mark.Value).post("/console/sign-in", credentials("bob", password, "")).wants(t, http.StatusTooManyRequests, "")
	for _, bad := range []string{"x", ".", mark.Value[1:], mark.Value + "A", strings.Repeat("A", len(mark.Value)), "." + strings.Split(mark.Value, ".")[1]} {
		known(bad).post("/console/sign-in", credentials("ada", password, "")).wants(t, http.StatusTooManyRequests, "")
	}
	known(mark.Value).post("/console/sign-in", credentials("Ada", password, "")).wants(t, http.StatusSeeOther, "/console/")

	// Who has the mark guesses no more often than others do.
	for range attemptsOfName {
		known(mark.Value).post("/console/sign-in", credentials("ada", "wrong", "")).wants(t, http.StatusForbidden, "")
	}
	known(mark.Value).post("/console/sign-in", credentials("ada", password, "")).wants(t, http.StatusTooManyRequests, "")
}
