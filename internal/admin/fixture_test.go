package admin_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
	"github.com/allot-dev/allot/internal/admin"
	"github.com/allot-dev/allot/internal/admin/signin"
	"github.com/allot-dev/allot/internal/admin/signin/record"
	"github.com/allot-dev/allot/internal/server"
)

// known lets in whoever has the cookie "as", with the role that it names.
type known struct{}

func (known) Session(_ http.ResponseWriter, r *http.Request) (*admin.Session, error) {
	cookie, err := r.Cookie("as")
	if err != nil {
		return nil, nil
	}
	return &admin.Session{Name: "ada", Role: cookie.Value, Scopes: signin.Scopes(record.Role(cookie.Value))}, nil
}

func (k known) Still(r *http.Request) (*admin.Session, error) { return k.Session(nil, r) }

func (known) Routes() map[string]http.HandlerFunc { return nil }

// world is a real server with its console, and somebody who looks at it.
type world struct {
	t    testing.TB
	url  string
	addr string         // where it listens
	api  *client.Client // may do everything
	as   string         // the role; "" is nobody
	now  func() time.Time

	data string // where the server keeps what it knows
}

// newWorld starts a server that sells the example. Its clock stands at an instant unless
// that is zero.
func newWorld(t testing.TB, at time.Time) *world {
	t.Helper()
	w := &world{t: t, as: "admin", now: time.Now}
	if !at.IsZero() {
		w.now = func() time.Time { return at }
	}
	w.start(server.Config{Listen: "127.0.0.1:0"})
	if _, err := w.api.Catalog.Apply(t.Context(), server.ExampleCatalog(), false); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) start(cfg server.Config) {
	t := w.t
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	w.data = t.TempDir()
	cfg.Place = server.Place{Data: w.data}
	cfg.Log, cfg.Clock = slog.New(slog.NewTextHandler(t.Output(), nil)), w.now
	if cfg.SignIn == nil {
		cfg.SignIn = known{}
	}
	srv, err := server.Start(ctx, cfg)
	if err != nil {
		stop()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		stop()
		if err := srv.Wait(); err != nil {
			t.Error(err)
		}
	})
	w.url, w.addr = srv.URL(), srv.Addr().String()
	made, secret, err := srv.CreateClient(t.Context(), "test", []string{server.AllScopes})
	if err != nil {
		t.Fatal(err)
	}
	if w.api, err = client.New(w.url, client.WithCredentials(made.ID, secret)); err != nil {
		t.Fatal(err)
	}
}

// page is what a browser was answered.
type page struct {
	t      testing.TB
	status int
	header http.Header
	text   string
	doc    *html.Node
}

// get looks at a page. Redirects are not followed.
func (w *world) get(path string) *page { return w.send(http.MethodGet, path, nil) }

// post sends a form, as the page of this server that has it would.
func (w *world) post(path string, form url.Values) *page {
	return w.send(http.MethodPost, path, form)
}

func (w *world) send(method, path string, form url.Values) *page {
	w.t.Helper()
	return w.sendText(method, path, form.Encode())
}

func (w *world) sendText(method, path, form string) *page {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.url+path, strings.NewReader(form))
	if err != nil {
		w.t.Fatal(err)
	}
	if w.as != "" {
		r.AddCookie(&http.Cookie{Name: "as", Value: w.as})
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	doc, err := html.Parse(bytes.NewReader(text))
	if err != nil {
		w.t.Fatal(err)
	}
	return &page{w.t, resp.StatusCode, resp.Header, string(text), doc}
}

// wants fails unless the page has the status.
func (p *page) wants(status int) *page {
	p.t.Helper()
	if p.status != status {
		p.t.Fatalf("%d, want %d: %s", p.status, status, p.said())
	}
	return p
}

// says fails unless each text is on the page, as it is read.
func (p *page) says(texts ...string) *page {
	p.t.Helper()
	said := p.said()
	for _, text := range texts {
		if !strings.Contains(said, text) {
			p.t.Errorf("the page does not say %q:\n%s", text, said)
		}
	}
	return p
}

// said is the text of the page's main part, its spaces made one.
func (p *page) said() string {
	var b strings.Builder
	for n := range p.doc.Descendants() {
		if n.Type == html.TextNode && n.Parent.Data != "script" && n.Parent.Data != "style" {
			b.WriteString(n.Data + " ")
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// all are the elements of a name that have an attribute, with a value unless that is "".
func (p *page) all(name, attr, value string) []*html.Node {
	var found []*html.Node
	for n := range p.doc.Descendants() {
		if n.Type != html.ElementNode || n.Data != name {
			continue
		}
		if got, ok := attribute(n, attr); attr == "" || ok && (value == "" || got == value) {
			found = append(found, n)
		}
	}
	return found
}

func attribute(n *html.Node, name string) (string, bool) {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val, true
		}
	}
	return "", false
}

// form is what the first form of the page that is sent to an address has in its fields; one
// that changes something comes before one that asks.
func (p *page) form(action string) url.Values {
	p.t.Helper()
	forms := p.all("form", "action", action)
	if len(forms) == 0 {
		p.t.Fatalf("no form is sent to %s:\n%s", action, p.text)
	}
	form, values := forms[0], url.Values{}
	for _, f := range forms {
		if method, _ := attribute(f, "method"); method == "post" {
			form = f
			break
		}
	}
	for n := range form.Descendants() {
		name, named := attribute(n, "name")
		if !named || n.Type != html.ElementNode {
			continue
		}
		value, _ := attribute(n, "value")
		kind, _ := attribute(n, "type")
		_, checked := attribute(n, "checked")
		switch {
		case n.Data == "input" && (kind == "checkbox" || kind == "radio") && !checked:
		case n.Data == "input":
			values.Add(name, value)
		case n.Data == "textarea" && n.FirstChild != nil:
			values.Add(name, n.FirstChild.Data)
		case n.Data == "select":
			for o := range n.Descendants() {
				if _, selected := attribute(o, "selected"); selected {
					value, _ := attribute(o, "value")
					values.Set(name, value)
				}
			}
		}
	}
	return values
}

// For eyes: ALLOT_EYES=127.0.0.1:8090 go test -run ForEyes -timeout 0 ./internal/admin
// serves the console, to a browser that is let in by itself, until it is interrupted.
func TestForEyes(t *testing.T) {
	listen := os.Getenv("ALLOT_EYES")
	if listen == "" {
		t.Skip("ALLOT_EYES is not set")
	}
	w := &world{t: t, as: "admin", now: time.Now}
	w.start(server.Config{Listen: listen, PublicPricing: true})
	if _, err := w.api.Catalog.Apply(t.Context(), server.ExampleCatalog(), false); err != nil {
		t.Fatal(err)
	}
	for _, org := range []string{"demo", "acme", "globex"} {
		if _, err := w.api.Customers.Ensure(t.Context(), api.CreateCustomerRequest{
			Type: api.CustomerOrganization, OrgCode: org, Name: org + " Ltd", PlanCode: api.Some("pro"),
		}); err != nil {
			t.Fatal(err)
		}
	}
	t.Log("set the cookie as=admin at " + w.url + "/console/")
	ctx, stop := signal.NotifyContext(t.Context(), os.Interrupt)
	defer stop()
	<-ctx.Done()
}
