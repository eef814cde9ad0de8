package admin_test

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
	"github.com/allot-dev/allot/internal/server"
)

// hostile is a text that is code where it is not text.
const hostile = `<script>alert("1")</script><img src=x onerror=alert(2)>`

// busy is a world in which much has happened.
type busy struct {
	*world
	free, pro, trial *api.Customer
	receiver         *httptest.Server
	fails            atomic.Bool // what the receiver does
	hook             *api.Webhook
}

// newBusy starts a server whose webhooks may be sent to this machine, and has things happen.
func newBusy(t testing.TB, listen string) *busy {
	t.Helper()
	b := &busy{world: &world{t: t, as: "admin", now: time.Now}}
	b.receiver = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if b.fails.Load() {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	t.Cleanup(b.receiver.Close)
	b.start(server.Config{Listen: listen, PublicPricing: true, WebhookAllowHTTP: true, WebhookAllow: []string{"127.0.0.1"}})
	if _, err := b.api.Catalog.Apply(t.Context(), server.ExampleCatalog(), false); err != nil {
		t.Fatal(err)
	}
	var err error
	b.hook, err = b.api.Webhooks.Create(t.Context(), api.CreateWebhookRequest{
		URL: b.receiver.URL + "/hook", Format: api.WebhookStandard, Description: hostile,
	})
	if err != nil {
		t.Fatal(err)
	}
	b.free = b.customer("free-one", "free", nil)
	b.pro = b.customer("pro-one", "pro", nil)
	b.trial = b.customer("trying", "", nil)
	if _, err := b.api.Customers.CreateAgreement(t.Context(), b.trial.ID, api.CreateCustomerAgreementRequest{
		PlanCode: "pro", Trial: &api.TrialChoice{Days: 2},
	}); err != nil {
		t.Fatal(err)
	}
	b.consume(b.free, "api_calls", "900")
	b.consume(b.free, "seats", "3")
	b.consume(b.free, "seats", "1") // which is refused
	b.consume(b.pro, "seats", "8")
	return b
}

func (b *busy) customer(org, plan string, _ any) *api.Customer {
	b.t.Helper()
	body := api.CreateCustomerRequest{Type: api.CustomerOrganization, OrgCode: org, Name: hostile + org}
	if plan != "" {
		body.PlanCode = api.Some(plan)
	} else {
		body.PlanCode = api.Null[string]()
	}
	made, err := b.api.Customers.Create(b.t.Context(), body)
	if err != nil {
		b.t.Fatal(err)
	}
	return made
}

func (b *busy) consume(who *api.Customer, feature, units string) {
	b.t.Helper()
	if _, err := b.api.Consume(b.t.Context(), client.ConsumeParams{CustomerID: who.ID, FeatureCode: feature, Units: api.Decimal(units)}); err != nil {
		b.t.Fatal(err)
	}
}

// nextPro publishes a version of pro with fewer seats and without an audit log.
func (b *busy) nextPro() {
	b.t.Helper()
	file := bytes.Replace(server.ExampleCatalog(), []byte("min: 1, max: 10, unit_amount: 900"), []byte("min: 1, max: 5, unit_amount: 950"), 1)
	file = bytes.Replace(file, []byte("      - {feature: sso}\n      - {feature: audit_log}\n      - {feature: history_days, value: 90}"), []byte("      - {feature: sso}\n      - {feature: history_days, value: 30}"), 1)
	if _, err := b.api.Catalog.Apply(b.t.Context(), file, false); err != nil {
		b.t.Fatal(err)
	}
}

// until asks again until it is so, for a while: what other parts of the server do takes a
// moment.
func until(t testing.TB, what string, so func() bool) {
	t.Helper()
	for range 500 {
		if so() {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("it never was so: %s", what)
}

// told waits until an event of a type is in the feed.
func (b *busy) told(types ...string) {
	b.t.Helper()
	for _, typ := range types {
		until(b.t, typ, func() bool {
			list, err := b.api.Events.List(b.t.Context(), client.EventParams{Types: []string{typ}, PageSize: 1000})
			if err != nil {
				b.t.Fatal(err)
			}
			return len(list.Events) > 0
		})
	}
}

// For eyes, as [TestForEyes], with more to see: ALLOT_EYES_BUSY=127.0.0.1:8091.
func TestBusyForEyes(t *testing.T) {
	listen := os.Getenv("ALLOT_EYES_BUSY")
	if listen == "" {
		t.Skip("ALLOT_EYES_BUSY is not set")
	}
	b := newBusy(t, listen)
	for i := range 30 + extra() {
		b.customer(fmt.Sprint("org-", i), "pro", nil)
	}
	b.told(api.EventThresholdReached)
	b.fails.Store(true)
	b.nextPro()
	ctx, stop := signal.NotifyContext(t.Context(), os.Interrupt)
	defer stop()
	<-ctx.Done()
}

// extra is how many more customers there are to look at: ALLOT_EYES_MORE.
func extra() int {
	n, err := strconv.Atoi(os.Getenv("ALLOT_EYES_MORE"))
	if err != nil {
		return 0
	}
	return n
}
