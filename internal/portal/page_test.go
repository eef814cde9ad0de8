package portal_test

import (
	"encoding/json"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
	"github.com/allot-dev/allot/internal/server"
	"github.com/allot-dev/allot/internal/web/webtest"
)

// world is a real server whose clock a test moves.
type world struct {
	t     testing.TB
	url   string
	api   *client.Client // may do everything
	clock atomic.Int64
}

var noon = time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)

func newWorld(t testing.TB, listen string) *world {
	t.Helper()
	w := &world{t: t}
	w.clock.Store(noon.UnixNano())
	s := webtest.Start(t, server.Config{
		Listen: listen, Clock: func() time.Time { return time.Unix(0, w.clock.Load()) }, CORSOrigins: []string{"https://app.example"},
	})
	w.url, w.api = s.URL(), s.API
	if _, err := w.api.Catalog.Apply(t.Context(), server.ExampleCatalog(), false); err != nil {
		t.Fatal(err)
	}
	return w
}

// at moves the clock.
func (w *world) at(t time.Time) { w.clock.Store(t.UnixNano()) }

// must is a value that came without an error.
func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// link is a link to the page of an organization.
func (w *world) link(org, back string) string {
	w.t.Helper()
	body, err := json.Marshal(map[string]string{"user_id": "kp_nobody", "organization_code": org, "return_url": back})
	if err != nil {
		w.t.Fatal(err)
	}
	resp, err := w.api.Do(w.t.Context(), http.MethodPost, "/api/v1/portal/generate_url", body)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	var link api.PortalLink
	if err := json.NewDecoder(resp.Body).Decode(&link); err != nil || link.URL == "" {
		w.t.Fatalf("%d, %v", resp.StatusCode, err)
	}
	return link.URL
}

// visit asks for a page. headers are pairs of names and values. Redirects are not followed.
func (w *world) visit(method, address string, session []*http.Cookie, headers ...string) *webtest.Page {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, address, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, c := range session {
		r.AddCookie(c)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return webtest.Fetch(w.t, r)
}

// section is the text of the section that an element labels; "" if there is none.
func section(p *webtest.Page, labelledBy string) string {
	for _, n := range p.All("section", "aria-labelledby", labelledBy) {
		return webtest.Said(n)
	}
	return ""
}

// story makes a customer with something of everything. What is not for her eyes has
// "hush" in it.
func (w *world) story() *api.Customer {
	t, ctx := w.t, w.t.Context()
	t.Helper()
	c := must[*api.Customer](t)(w.api.Customers.Ensure(ctx, api.CreateCustomerRequest{
		Type: api.CustomerOrganization, OrgCode: "northwind", Name: `Northwind <b>&</b> Co`, Email: "hush@northwind.example", TimeZone: "Europe/Berlin",
		ExternalID: "hush_cus_1", PlanCode: api.Some("pro"), Metadata: map[string]string{"hush": "hush"},
	}))
	must[*api.Agreement](t)(w.api.Customers.CreateAgreement(ctx, c.ID, api.CreateCustomerAgreementRequest{
		PlanCode: "extra_storage", Quantity: new(int64(2)), ExternalID: "hush_sub", Metadata: map[string]string{"hush": "hush"},
	}))
	must[*api.Override](t)(w.api.Customers.SetOverride(ctx, c.ID, "projects", api.SetOverrideRequest{
		Max: api.Some(int64(40)), Note: "hush: the boss asked", ExpiresOn: &api.Time{Time: noon.Add(100 * 24 * time.Hour)},
	}))
	must[*api.GrantPurchase](t)(w.api.Grants.Buy(ctx, c.ID, client.BuyParams{Pack: "credits_1000", ExternalID: "hush_pay"}))
	must[*api.Grant](t)(w.api.Grants.Create(ctx, c.ID, api.CreateGrantRequest{FeatureCode: "credits", Amount: "50", Kind: api.GrantPromotional, Note: "hush: sorry"}))
	use := func(feature string, units string) {
		must[*api.Decision](t)(w.api.Consume(ctx, client.ConsumeParams{CustomerID: c.ID, FeatureCode: feature, Units: api.Decimal(units)}))
	}
	use("seats", "7")
	use("storage_gb", "297.5")
	must[*api.Hold](t)(w.api.Holds.Create(ctx, client.HoldParams{CustomerID: c.ID, FeatureCode: "seats", Units: "1", ExpiresIn: 24 * time.Hour}))
	for day := range 10 {
		w.at(noon.Add(time.Duration(day) * 24 * time.Hour))
		use("api_calls", strconv.Itoa(1000*(day%4)+500))
		if day%3 == 0 {
			use("images", "5")
		}
	}
	must[*api.Hold](t)(w.api.Holds.Create(ctx, client.HoldParams{CustomerID: c.ID, FeatureCode: "seats", Units: "2", ExpiresIn: 24 * time.Hour}))
	return c
}

// For eyes: ALLOT_EYES=127.0.0.1:8090 go test -run ForEyes -timeout 0 ./internal/portal
// serves the page of a customer until it is interrupted.
func TestForEyes(t *testing.T) {
	listen := os.Getenv("ALLOT_EYES")
	if listen == "" {
		t.Skip("ALLOT_EYES is not set")
	}
	w := newWorld(t, listen)
	w.story()
	for range 12 {
		t.Log(w.link("northwind", "https://app.example/billing"))
	}
	ctx, stop := signal.NotifyContext(t.Context(), os.Interrupt)
	defer stop()
	<-ctx.Done()
}
