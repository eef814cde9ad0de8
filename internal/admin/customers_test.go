package admin_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"testing"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
	"github.com/allot-dev/allot/internal/server"
)

// lived is a customer with a past, a present and a future, in a world whose clock the test
// moves. The present is noon.
type lived struct {
	*world
	clock time.Time
	acme  *api.Customer
	path  string // of its page
}

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// must is the value of a call that must not fail.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func newLived(t testing.TB, cfg server.Config) *lived {
	t.Helper()
	l := &lived{world: &world{t: t, as: "admin"}, clock: time.Date(2026, 8, 3, 9, 30, 0, 0, time.UTC)}
	l.now = func() time.Time { return l.clock }
	if cfg.Listen == "" {
		cfg.Listen = "127.0.0.1:0"
	}
	l.start(cfg)
	ctx := context.Background()
	must(l.api.Catalog.Apply(ctx, server.ExampleCatalog(), false))
	l.acme = must(l.api.Customers.Create(ctx, api.CreateCustomerRequest{
		Type: api.CustomerOrganization, OrgCode: "acme", Name: "Acme & Söhne <GmbH>", Email: "pay@acme.example", TimeZone: "Europe/Berlin",
		Metadata: map[string]string{"tier": "gold"},
	}))
	l.path = "/console/customers/" + l.acme.ID
	use := func(feature, units string) {
		must(l.api.Consume(ctx, client.ConsumeParams{CustomerID: l.acme.ID, FeatureCode: feature, Units: api.Decimal(units)}))
	}
	use("api_calls", "400")
	l.clock = time.Date(2026, 9, 7, 10, 0, 0, 0, time.UTC)
	must(l.api.Customers.CreateAgreement(ctx, l.acme.ID, api.CreateCustomerAgreementRequest{PlanCode: "pro"}))
	l.clock = l.clock.AddDate(0, 0, 3)
	must(l.api.Customers.SetOverride(ctx, l.acme.ID, "seats", api.SetOverrideRequest{Max: api.Some[int64](15), Note: "a promise of sales"}))
	must(l.api.Customers.CreateAgreement(ctx, l.acme.ID, api.CreateCustomerAgreementRequest{PlanCode: "extra_storage", Quantity: new(int64(2))}))
	l.clock = l.clock.AddDate(0, 0, 5)
	must(l.api.Customers.SetOverride(ctx, l.acme.ID, "seats", api.SetOverrideRequest{Max: api.Some[int64](25), Note: "a larger promise", ExpiresOn: api.NewTime(time.Date(2026, 12, 31, 23, 0, 0, 0, time.UTC))}))
	must(l.api.Grants.Buy(ctx, l.acme.ID, client.BuyParams{Pack: "credits_1000"}))
	for day := range 40 {
		l.clock = time.Date(2026, 10, 10+day, 8, 15, 0, 0, time.UTC)
		use("api_calls", fmt.Sprint(1200+day*day*7%900))
	}
	l.clock = noon.Add(-time.Hour)
	use("images", "20")
	use("storage_gb", "300")
	use("seats", "11")
	must(l.api.Holds.Create(ctx, client.HoldParams{CustomerID: l.acme.ID, FeatureCode: "seats", Units: "3", ExpiresIn: 12 * time.Hour}))
	must(l.api.Customers.CreateAgreement(ctx, l.acme.ID, api.CreateCustomerAgreementRequest{PlanCode: "enterprise", StartsOn: api.NewTime(time.Date(2027, 1, 4, 8, 0, 0, 0, time.UTC))}))
	l.clock = noon
	l.told()
	return l
}

// told waits until all that was done has its place in the feed.
func (l *lived) told() {
	l.t.Helper()
	ctx := context.Background()
	mark := must(l.api.Customers.Create(ctx, api.CreateCustomerRequest{Type: api.CustomerUser, UserID: fmt.Sprint("mark ", time.Now().UnixNano()), PlanCode: api.Null[string]()}))
	list, err := l.api.Events.List(ctx, client.EventParams{CustomerID: mark.ID, Wait: 30 * time.Second})
	if err != nil || len(list.Events) == 0 {
		l.t.Fatalf("the feed does not grow: %v", err)
	}
}

func TestCustomerForEyes(t *testing.T) {
	listen := os.Getenv("ALLOT_EYES")
	if listen == "" {
		t.Skip("ALLOT_EYES is not set")
	}
	l := newLived(t, server.Config{Listen: listen})
	fmt.Println("EYES", l.url+l.path)
	ctx, stop := signal.NotifyContext(t.Context(), os.Interrupt)
	defer stop()
	<-ctx.Done()
}

func TestSmoke(t *testing.T) {
	l := newLived(t, server.Config{})
	l.get("/console/customers").wants(http.StatusOK).says("Acme")
	p := l.get(l.path).wants(http.StatusOK)
	t.Log(strings.ReplaceAll(p.said(), "  ", " "))
	a := l.acme.Agreements[0].ID
	for _, name := range []string{"plan", "agreement?agreement=" + a, "cancel?agreement=" + a, "resume?agreement=" + a, "override?feature_code=seats", "end-override?feature_code=seats", "grant", "void?grant=x", "suspend", "reactivate", "edit", "delete"} {
		l.get(l.path + "/" + name).wants(http.StatusOK)
	}
	l.get("/console/customers/new").wants(http.StatusOK)
	p = l.post(l.path+"/override", url.Values{"feature_code": {"seats"}, "terms": {"unlimited"}}).wants(http.StatusOK)
	t.Log(p.said())
}
