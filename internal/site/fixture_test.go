package site_test

import (
	"net/http"
	"os"
	"os/signal"
	"testing"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
	"github.com/allot-dev/allot/internal/server"
	"github.com/allot-dev/allot/internal/web/webtest"
)

// world is a real server, and somebody who looks at it.
type world struct {
	t   testing.TB
	url string
	api *client.Client // may do everything
	// Of the client that api is.
	id, secret string
}

// newWorld starts a server.
func newWorld(t testing.TB, cfg server.Config) *world {
	t.Helper()
	s := webtest.Start(t, cfg)
	return &world{t: t, url: s.URL(), api: s.API, id: s.ID, secret: s.Secret}
}

// sells applies a catalog file.
func (w *world) sells(file string) {
	w.t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.api.Catalog.Apply(w.t.Context(), text, false); err != nil {
		w.t.Fatal(err)
	}
}

// get looks at a page. Redirects are not followed.
func (w *world) get(path string) *webtest.Page { return w.send(http.MethodGet, path) }

func (w *world) send(method, path string) *webtest.Page {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.url+path, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	return webtest.Fetch(w.t, r)
}

// For eyes: ALLOT_EYES=127.0.0.1:8090 go test -run ForEyes -timeout 0 ./internal/site
// serves the pages until it is interrupted.
func TestForEyes(t *testing.T) {
	listen := os.Getenv("ALLOT_EYES")
	if listen == "" {
		t.Skip("ALLOT_EYES is not set")
	}
	w := newWorld(t, server.Config{Listen: listen, PublicPricing: true, CORSOrigins: []string{"http://" + listen}})
	if file := os.Getenv("ALLOT_EYES_CATALOG"); file != "" {
		w.sells(file)
	} else if _, err := w.api.Catalog.Apply(t.Context(), server.ExampleCatalog(), false); err != nil {
		t.Fatal(err)
	}
	made, err := w.api.Customers.Ensure(t.Context(), api.CreateCustomerRequest{
		Type: api.CustomerOrganization, OrgCode: "demo", Name: "Demo Ltd", TimeZone: "Europe/Berlin",
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Log(w.url, made.ID, w.id, w.secret)
	ctx, stop := signal.NotifyContext(t.Context(), os.Interrupt)
	defer stop()
	<-ctx.Done()
}
