package admin_test

import (
	"bytes"
	"errors"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
	"github.com/allot-dev/allot/internal/web/webtest"
)

// clientOf is the id of the client of a name on the list, and whether it is there.
func (w *world) clientOf(name string) (id string, ok bool) {
	for _, a := range w.get("/console/clients").Wants(http.StatusOK).All("a", "href", "") {
		if a.FirstChild != nil && a.FirstChild.Data == name {
			href, _ := webtest.Attribute(a, "href")
			return strings.TrimPrefix(href, "/console/clients/"), true
		}
	}
	return "", false
}

// works reports whether credentials are good for a call.
func (w *world) works(id, secret string) bool {
	w.t.Helper()
	c, err := client.New(w.url, client.WithCredentials(id, secret))
	if err == nil {
		_, err = c.Catalog.Plans(w.t.Context(), client.PageParams{})
	}
	if refused, ok := errors.AsType[*client.Error](err); err != nil && (!ok || refused.Status != http.StatusUnauthorized && refused.Status != http.StatusForbidden) {
		w.t.Fatal(err)
	}
	return err == nil
}

// A client is made, given another secret, and revoked; each step says first what it will do,
// shows a secret once, and stands in the log under who did it.
func TestClients(t *testing.T) {
	w := newWorld(t, time.Time{})
	form := w.get("/console/clients/new").Wants(http.StatusOK).Form("/console/clients/new")
	form.Set("name", "shop <i>")
	form["scope"] = []string{api.ScopeReadCatalog, api.ScopeReadEvents}
	made := w.post("/console/clients/new", form).Wants(http.StatusOK).Says("shop <i> may call the API", "Copy the secret now")
	secret := made.TextOf("secret")
	id, ok := w.clientOf("shop <i>")
	if !ok || !w.works(id, secret) || !strings.Contains(made.TextOf("env"), "export ALLOT_CLIENT_SECRET="+secret) {
		t.Fatalf("client %q works with its secret: %v", id, w.works(id, secret))
	}
	at := "/console/clients/" + id
	shown := w.get(at).Wants(http.StatusOK).Says(id, api.ScopeReadCatalog, "THE-SECRET", "export ALLOT_URL="+w.url)
	if strings.Contains(shown.Text, secret) || strings.Contains(shown.Said(), api.ScopeUpdateCatalog) {
		t.Error("it shows the secret again, or a scope that there is not")
	}

	// Another secret, with the first one good for a while.
	w.get(at + "/rotate").Wants(http.StatusOK).Says("For how long")
	w.get(at + "/rotate?overlap=24h").Wants(http.StatusOK).Says("stays good until about")
	if !w.works(id, secret) {
		t.Error("to look at it has done it")
	}
	second := w.post(at+"/rotate", url.Values{"overlap": {"24h"}}).Wants(http.StatusOK).TextOf("secret")
	if second == secret || !w.works(id, secret) || !w.works(id, second) {
		t.Error("with an overlap not both secrets are good")
	}
	w.get("/console/clients").Says("two secrets until")
	w.get(at + "/rotate?overlap=0").Wants(http.StatusOK).Says("are refused at once")
	third := w.post(at+"/rotate", url.Values{"overlap": {"0"}}).Wants(http.StatusOK).TextOf("secret")
	if w.works(id, secret) || w.works(id, second) || !w.works(id, third) {
		t.Error("without an overlap an old secret is good, or the new one is not")
	}
	for _, bad := range []string{"", "soon", "-1h", "91d"} {
		w.post(at+"/rotate", url.Values{"overlap": {bad}}).Wants(http.StatusBadRequest)
	}

	w.get(at + "/revoke").Wants(http.StatusOK).Says("cannot be taken back")
	if !w.works(id, third) {
		t.Error("to look at it has done it")
	}
	w.post(at+"/revoke", nil).Wants(http.StatusSeeOther)
	if w.works(id, third) {
		t.Error("a revoked client works")
	}
	w.get("/console/clients").Says("1 revoked client")
	w.get(at).Wants(http.StatusOK).Says("may not call the API any more")
	for _, step := range []string{"/revoke", "/rotate"} {
		w.post(at+step, url.Values{"overlap": {"0"}}).Wants(http.StatusConflict)
		w.get(at + step).Wants(http.StatusConflict)
	}
	for _, path := range []string{"/console/clients/none", "/console/clients/none/revoke", "/console/clients/none/rotate"} {
		w.get(path).Wants(http.StatusNotFound)
	}

	var by []string
	params := client.EventParams{Types: []string{"client.created", "client.rotated", "client.revoked"}, Wait: 10 * time.Second}
	for len(by) < 5 { // the first is the one of the test itself
		events, err := w.api.Events.List(t.Context(), params)
		if err != nil || len(events.Events) == 0 {
			t.Fatalf("after %q: %v", by, err)
		}
		for _, e := range events.Events {
			by = append(by, e.Type+" "+e.Actor.Kind+":"+e.Actor.ID)
		}
		params.After = events.Next
	}
	want := []string{"client.created admin:ada", "client.rotated admin:ada", "client.rotated admin:ada", "client.revoked admin:ada"}
	if !slices.Equal(by[1:], want) {
		t.Errorf("the log has %q, want %q", by, want)
	}
}

// What is wrong with a new client is said at its field, and nothing is made.
func TestClientFaults(t *testing.T) {
	w := newWorld(t, time.Time{})
	for name, test := range map[string]struct {
		form url.Values
		says string
	}{
		"no name":         {url.Values{"name": {" "}, "scope": {api.ScopeReadCatalog}}, "want 1 to 200 bytes"},
		"no scope":        {url.Values{"name": {"faulty"}}, "no scope"},
		"another scope":   {url.Values{"name": {"faulty"}, "scope": {"read:minds"}}, "unknown scope"},
		"a control in it": {url.Values{"name": {"faulty\x07"}, "scope": {api.ScopeReadCatalog}}, "bytes of text"},
	} {
		p := w.post("/console/clients/new", test.form).Wants(http.StatusBadRequest).Says(test.says)
		if len(p.All("span", "class", "fault")) != 1 {
			t.Errorf("%s: no fault at its field: %s", name, p.Said())
		}
	}
	if id, ok := w.clientOf("faulty"); ok {
		t.Errorf("client %s was made", id)
	}
}

// Who may not do everything sees the clients, and changes none.
func TestClientsOfViewers(t *testing.T) {
	w := newWorld(t, time.Time{})
	id, _ := w.clientOf("test")
	w.as = "viewer"
	list := w.get("/console/clients").Wants(http.StatusOK).Says("test", id, "signs")
	if strings.Contains(list.Text, "/console/clients/new") || strings.Contains(list.Text, "keys/rotate") {
		t.Error("it offers what may not be done")
	}
	w.get("/console/clients/" + id).Wants(http.StatusOK)
	for _, path := range []string{"/console/clients/new", "/console/clients/keys/rotate", "/console/clients/" + id + "/rotate", "/console/clients/" + id + "/revoke"} {
		w.get(path).Wants(http.StatusForbidden)
		w.post(path, url.Values{"name": {"x"}, "scope": {api.ScopeReadCatalog}, "overlap": {"0"}}).Wants(http.StatusForbidden).Says("with the role viewer")
	}
	if _, err := w.api.Catalog.Plans(t.Context(), client.PageParams{}); err != nil {
		t.Errorf("the client: %v", err)
	}
}

// The key that signs is replaced, and the one before goes on verifying.
func TestSigningKeys(t *testing.T) {
	w := newWorld(t, time.Time{})
	before := w.get("/console/clients").Wants(http.StatusOK)
	if strings.Contains(before.Said(), "verifies until") {
		t.Fatal("there are two keys")
	}
	w.get("/console/clients/keys/rotate").Wants(http.StatusOK).Says("until the last token")
	if after := w.get("/console/clients"); strings.Contains(after.Said(), "verifies until") {
		t.Error("to look at it has done it")
	}
	form := w.get("/console/clients/keys/rotate").Form("/console/clients/keys/rotate")
	for range 2 { // a double click
		w.post("/console/clients/keys/rotate", form).Wants(http.StatusSeeOther)
	}
	if said := w.get("/console/clients").Says("signs").Said(); strings.Count(said, "verifies until") != 1 {
		t.Errorf("there are not two keys: %s", said)
	}
	if _, err := w.api.Catalog.Plans(t.Context(), client.PageParams{}); err != nil {
		t.Errorf("a token of before: %v", err)
	}
}

// What the page says to paste works as it is pasted.
func TestConnect(t *testing.T) {
	w := newWorld(t, time.Time{})
	if _, err := w.api.Customers.Ensure(t.Context(), api.CreateCustomerRequest{
		Type: api.CustomerOrganization, OrgCode: "demo", Name: "Demo", PlanCode: api.Some("pro"),
	}); err != nil {
		t.Fatal(err)
	}
	p := w.post("/console/clients/new", url.Values{"name": {"x"}, "scope": {api.ScopeCheckEntitlements}}).Wants(http.StatusOK)
	dir := t.TempDir()
	program := filepath.Join(dir, "main.go")
	if err := os.WriteFile(program, []byte(p.TextOf("connect-go")), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, script := range map[string]string{"curl": p.TextOf("connect-curl"), "go": "go run " + program} {
		if _, err := exec.LookPath(name); err != nil {
			t.Logf("%s is not here: its lines are not tried", name)
			continue
		}
		cmd := exec.CommandContext(t.Context(), "sh", "-c", p.TextOf("env")+script)
		var said bytes.Buffer
		cmd.Stderr = &said
		out, err := cmd.Output()
		if err != nil || !bytes.Contains(out, []byte("true")) || !bytes.Contains(out, []byte("within_limit")) {
			t.Errorf("%s: %v, %s%s", name, err, out, &said)
		}
	}
}
