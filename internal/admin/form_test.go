package admin_test

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
	"github.com/allot-dev/allot/internal/server"
)

// keyless are the forms that need no key, by what is in them: what they do a second time is
// what they did the first.
var keyless = map[string]string{
	`action="/console/sign-in"`:                                   "it begins a session",
	`action="/console/sign-out"`:                                  "the session is over",
	`action="{{.Action}}" data-once>` + "\n" + `{{if .Password}}`: "a one-time link is spent",
	`action="/console/account/password"`:                          "the old password is not good any more",
	`action="/console/account/end"`:                               "the session is over",
	`action="/console/health/verify"`:                             "one is under way",
	`name="back"`:                                                 "it shows the form again",
	`class="fields card">` + "\n" + `{{if eq .Name "new"}}`:       "it shows what would be",
	`{{range .Faults.Rest}}<p class="alert" role="alert">{{.}}</p>{{end}}` + "\n" + `<label>Address`: "it shows what would be",
}

// Every form that changes something names its work, so that one that is sent twice is done
// once.
func TestFormsHaveKeys(t *testing.T) {
	used := map[string]bool{}
	for _, pattern := range []string{"screens/*.html", "signin/pages/*.html", "../web/templates/*.html"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatal(pattern, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, form := range regexp.MustCompile(`(?s)<form [^>]*method="post".*?</form>`).FindAllString(string(text), -1) {
				if strings.Contains(form, `name="key"`) || strings.Contains(form, `{{template "webhook-hidden"`) {
					continue
				}
				known := false
				for mark := range keyless {
					if strings.Contains(form, mark) {
						known, used[mark] = true, true
					}
				}
				if !known {
					t.Errorf("%s: a form without a key: %.120s", file, form)
				}
			}
		}
	}
	for mark, why := range keyless {
		if !used[mark] {
			t.Errorf("no form has %q (%s)", mark, why)
		}
	}
}

// A client is made, gets a secret and is revoked once for each form, and the form that is sent
// again is answered with the same page: the secret on it is the one that is good.
func TestClientFormsSentTwice(t *testing.T) {
	w := newWorld(t, time.Time{})
	clients := func() int { return len(w.get("/console/clients").All("td", "class", "wide")) }
	before := clients()
	form := w.get("/console/clients/new").Form("/console/clients/new")
	form.Set("name", "shop")
	form["scope"] = []string{api.ScopeReadCatalog}
	made := w.post("/console/clients/new", form).Wants(http.StatusOK).TextOf("secret")
	if again := w.post("/console/clients/new", form).Wants(http.StatusOK).TextOf("secret"); again != made {
		t.Error("a form that is sent twice shows two secrets")
	}
	if n := clients() - before; n != 1 {
		t.Errorf("it made %d clients", n)
	}
	id, _ := w.clientOf("shop")
	at := "/console/clients/" + id
	for _, overlap := range []string{"24h", "0"} {
		form = w.get(at + "/rotate?overlap=" + overlap).Form(at + "/rotate")
		secret := w.post(at+"/rotate", form).Wants(http.StatusOK).TextOf("secret")
		if again := w.post(at+"/rotate", form).Wants(http.StatusOK).TextOf("secret"); again != secret || !w.works(id, secret) {
			t.Errorf("overlap %s: sent twice it shows another secret, or one that is not good", overlap)
		}
	}
	w.as = "viewer" // the form is somebody else's now
	w.post(at+"/rotate", form).Wants(http.StatusForbidden)
	w.as = "admin"
	form = w.get(at + "/revoke").Form(at + "/revoke")
	for range 2 {
		if to := w.post(at+"/revoke", form).Wants(http.StatusSeeOther).Header.Get("Location"); to != "/console/clients" {
			t.Errorf("it leads to %s", to)
		}
	}
}

// A form that cannot be read is refused in one way, wherever it is sent.
func TestFormsThatCannotBeRead(t *testing.T) {
	w := newWorld(t, time.Time{})
	customer := must(w.api.Customers.Create(t.Context(), api.CreateCustomerRequest{Type: api.CustomerOrganization, OrgCode: "acme"}))
	hook := must(w.api.Webhooks.Create(t.Context(), api.CreateWebhookRequest{URL: "https://example.com/hook", Format: api.WebhookStandard}))
	is, _ := w.clientOf("test")
	for _, path := range []string{
		"/console/customers/new", "/console/customers/" + customer.ID + "/edit", "/console/catalog", "/console/plans/pro/migrate", "/console/webhooks",
		"/console/webhooks/" + hook.ID + "/delete", "/console/clients/new", "/console/clients/" + is + "/rotate", "/console/clients/" + is + "/revoke", "/console/clients/keys/rotate",
	} {
		for body, want := range map[string]int{"a=%zz": http.StatusBadRequest, "a=" + strings.Repeat("x", api.MaxBodyBytes): http.StatusRequestEntityTooLarge} {
			p := w.sendText(http.MethodPost, path, body)
			if p.Status != want || !strings.Contains(p.Said(), "That form") || !strings.Contains(p.Said(), "Nothing was changed.") {
				t.Errorf("%s with %.9s: %d %s, want %d", path, body, p.Status, p.Said(), want)
			}
		}
	}
	if all := must(w.api.Customers.List(t.Context(), client.CustomerParams{})).Customers; !slices.Equal([]string{customer.ID}, []string{all[0].ID}) || len(all) != 1 {
		t.Errorf("there are %d customers", len(all))
	}
}

// An instant from which periods run is not taken away by an empty field without a word.
func TestAnchorIsNotTakenAway(t *testing.T) {
	l := newLived(t, server.Config{})
	form := l.get(l.path + "/edit").Wants(http.StatusOK).Form(l.path + "/edit")
	if form.Get("anchor_on") == "" {
		t.Fatalf("the form has no anchor: %v", form)
	}
	form.Set("anchor_on", "")
	form.Set("name", "Another")
	l.post(l.path+"/edit", form).Wants(http.StatusBadRequest).Says("Nothing is changed", "can be moved, and not taken away")
	l.post(l.path+"/edit", url.Values{"name": {"Another"}, "org_code": {"acme"}, "time_zone": {form.Get("time_zone")}}).Wants(http.StatusOK).Says("This is what it does")
}
