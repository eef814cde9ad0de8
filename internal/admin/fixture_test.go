package admin_test

import (
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"testing"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
	"github.com/allot-dev/allot/internal/admin"
	"github.com/allot-dev/allot/internal/admin/signin"
	"github.com/allot-dev/allot/internal/admin/signin/record"
	"github.com/allot-dev/allot/internal/server"
	"github.com/allot-dev/allot/internal/web/webtest"
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
	cfg.Clock = w.now
	if cfg.SignIn == nil {
		cfg.SignIn = known{}
	}
	s := webtest.Start(t, cfg)
	w.url, w.addr, w.api, w.data = s.URL(), s.Addr().String(), s.API, s.Data
}

// get looks at a page. Redirects are not followed.
func (w *world) get(path string) *webtest.Page { return w.send(http.MethodGet, path, nil) }

// post sends a form, as the page of this server that has it would.
func (w *world) post(path string, form url.Values) *webtest.Page {
	return w.send(http.MethodPost, path, form)
}

func (w *world) send(method, path string, form url.Values) *webtest.Page {
	w.t.Helper()
	return w.sendText(method, path, form.Encode())
}

func (w *world) sendText(method, path, form string) *webtest.Page {
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
	return webtest.Fetch(w.t, r)
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
