package admin_test

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
	"github.com/allot-dev/allot/internal/admin"
	"github.com/allot-dev/allot/internal/server"
	"github.com/allot-dev/allot/internal/web/webtest"
)

// shownEvents are the ids of the events of a page, in its order.
func shownEvents(p *webtest.Page) (ids []int64) {
	for _, row := range p.All("tr", "id", "") {
		id, _ := webtest.Attribute(row, "id")
		n, err := strconv.ParseInt(strings.TrimPrefix(id, "event-"), 10, 64)
		if err != nil {
			p.T.Fatal(err)
		}
		ids = append(ids, n)
	}
	return ids
}

// feed is the whole feed, with a filter.
func (w *world) feed(p client.EventParams) (all []api.Event) {
	w.t.Helper()
	p.PageSize = api.MaxEvents
	for {
		list, err := w.api.Events.List(w.t.Context(), p)
		if err != nil {
			w.t.Fatal(err)
		}
		if all = append(all, list.Events...); !list.HasMore {
			return all
		}
		p.After = list.Next
	}
}

// settled waits until what was done is in the feed, and events that follow from it too.
func (w *world) settled() {
	w.t.Helper()
	for last := -1; ; {
		time.Sleep(300 * time.Millisecond)
		n := len(w.feed(client.EventParams{}))
		if n == last {
			return
		}
		last = n
	}
}

// The pages of events, walked from the newest to the oldest, show every event of the feed
// once, whatever is filtered.
func TestEventsNewestFirst(t *testing.T) {
	w := newWorld(t, time.Time{})
	var ids []string
	for i := range 60 {
		made, err := w.api.Customers.Create(t.Context(), api.CreateCustomerRequest{
			Type: api.CustomerOrganization, OrgCode: fmt.Sprint("org-", i), PlanCode: api.Some("free"),
		})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, made.ID)
	}
	w.settled()
	for name, c := range map[string]struct {
		query  string
		params client.EventParams
	}{
		"all":         {"", client.EventParams{}},
		"a type":      {"?type=customer.created", client.EventParams{Types: []string{api.EventCustomerCreated}}},
		"a group":     {"?type=Customers", client.EventParams{Types: []string{api.EventCustomerCreated, api.EventCustomerUpdated, api.EventCustomerDeleted}}},
		"a customer":  {"?customer=" + ids[3], client.EventParams{CustomerID: ids[3]}},
		"by its code": {"?customer=org_code:org-7", client.EventParams{CustomerID: ids[7]}},
		"nothing":     {"?type=grant.voided", client.EventParams{Types: []string{api.EventGrantVoided}}},
	} {
		var want, got []int64
		for _, e := range w.feed(c.params) {
			want = append([]int64{e.ID}, want...)
		}
		p := w.get("/console/events" + c.query).Wants(http.StatusOK)
		for pages := 0; ; pages++ {
			shown := shownEvents(p)
			if len(shown) > 50 || pages > 20 {
				t.Fatalf("%s: %d events on page %d", name, len(shown), pages)
			}
			got = append(got, shown...)
			older := p.Link("Older")
			if older == "" {
				break
			}
			p = w.get(older).Wants(http.StatusOK)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}

// A rare event is found behind many others, some way back; behind more than that the page
// says how far it came, and goes on from there.
func TestEventsFarBack(t *testing.T) {
	w := &world{t: t, as: "admin", now: time.Now}
	w.start(server.Config{Listen: "127.0.0.1:0"})
	if _, err := w.api.Customers.Create(t.Context(), api.CreateCustomerRequest{Type: api.CustomerOrganization, OrgCode: "first"}); err != nil {
		t.Fatal(err)
	}
	for max := range 4 {
		var file strings.Builder
		file.WriteString("currency: usd\nfeatures: [{code: f, name: F, type: metered, held: true}]\nplan_groups: [{code: g, name: G, customer_type: user}]\nplans:\n")
		for i := range 1400 {
			fmt.Fprintf(&file, "  - {code: p%d, name: P, group: g, status: published, ask_for_card: false, items: [{feature: f, max: %d}]}\n", i, max)
		}
		w.apply(file.String())
	}
	w.settled()
	if n := len(w.feed(client.EventParams{})); n < 5500 {
		t.Fatalf("%d events: the test has no meaning", n)
	}
	p := w.get("/console/events?type=customer.created").Wants(http.StatusOK)
	if n := len(shownEvents(p)); n != 1 {
		t.Errorf("%d events are found: %s", n, p.Said())
	}
}

// From an older page one comes back to newer ones.
func TestEventsNewer(t *testing.T) {
	w := newWorld(t, time.Time{})
	for i := range 40 {
		if _, err := w.api.Customers.Create(t.Context(), api.CreateCustomerRequest{Type: api.CustomerOrganization, OrgCode: fmt.Sprint("org-", i)}); err != nil {
			t.Fatal(err)
		}
	}
	w.settled()
	first := w.get("/console/events")
	second := w.get(first.Link("Older")).Wants(http.StatusOK)
	back := w.get(second.Link("Newer")).Wants(http.StatusOK)
	if got, want := shownEvents(back), shownEvents(first); !cmp.Equal(got, want) {
		t.Errorf("newer than the second page are %v, and the first has %v", got, want)
	}
	if second.Link("Newest") != "/console/events" {
		t.Errorf("the newest are at %q", second.Link("Newest"))
	}
}

// Events that are not given out any more do not keep the others from being shown.
func TestEventsOfARetention(t *testing.T) {
	now := time.Date(2026, 11, 30, 10, 0, 0, 0, time.UTC)
	w := &world{t: t, as: "admin", now: func() time.Time { return now }}
	w.start(server.Config{Listen: "127.0.0.1:0", EventRetention: server.MinEventRetention})
	made, err := w.api.Customers.Create(t.Context(), api.CreateCustomerRequest{Type: api.CustomerOrganization, OrgCode: "old", PlanCode: api.Null[string]()})
	if err != nil {
		t.Fatal(err)
	}
	w.settled()
	now = now.Add(3 * server.MinEventRetention)
	if _, err := w.api.Customers.Update(t.Context(), made.ID, api.UpdateCustomerRequest{Name: api.Some("new")}); err != nil {
		t.Fatal(err)
	}
	w.settled()
	given := w.feed(client.EventParams{})
	if len(given) != 1 {
		t.Fatalf("%d events are given out, want 1: the test has no meaning", len(given))
	}
	for _, query := range []string{"", "?type=Customers", "?customer=" + made.ID} {
		p := w.get("/console/events" + query).Wants(http.StatusOK)
		if got, want := shownEvents(p), []int64{given[0].ID}; !cmp.Equal(got, want) {
			t.Errorf("%s shows %v, want %v", query, got, want)
		}
		if p.Link("Older") != "" {
			t.Errorf("%s has older ones at %s", query, p.Link("Older"))
		}
	}
}

// An event says who did what, and what was before and after.
func TestOneEvent(t *testing.T) {
	b := newBusy(t, "127.0.0.1:0")
	if _, err := b.api.Customers.Update(t.Context(), b.pro.ID, api.UpdateCustomerRequest{TimeZone: api.Some("Europe/Berlin")}); err != nil {
		t.Fatal(err)
	}
	b.told(api.EventCustomerUpdated)
	all := b.feed(client.EventParams{Types: []string{api.EventCustomerUpdated}})
	e := all[len(all)-1]
	path := fmt.Sprint("/console/events/", e.ID)
	b.get(path).Wants(http.StatusOK).Says("customer.updated", b.pro.ID, "time_zone UTC Europe/Berlin changed", "client")
	b.get("/console/events?type=customer.updated").Wants(http.StatusOK).Says("time_zone UTC Europe/Berlin")
	for _, none := range []string{"0", "-1", "999999", "x", "1e3"} {
		b.get("/console/events/" + none).Wants(http.StatusNotFound)
	}
	b.get("/console/events?type=no.such").Wants(http.StatusBadRequest).Says("types of events")
	b.get("/console/events?customer=org_code:nobody").Wants(http.StatusBadRequest).Says("There is no such customer")
}

// The stream is the API's, without a token, and ends with the session.
func TestLiveEvents(t *testing.T) {
	w := newWorld(t, time.Time{})
	w.settled()
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
	defer stop()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, w.url+"/console/events/live?type=customer.created", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.AddCookie(&http.Cookie{Name: "as", Value: "viewer"})
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got := resp.Header.Get("Content-Type"); got != api.ContentTypeEvents {
		t.Fatalf("the stream is %s", got)
	}
	made := ""
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		if lines.Text() == "event: ready" {
			c, err := w.api.Customers.Create(ctx, api.CreateCustomerRequest{Type: api.CustomerOrganization, OrgCode: "live"})
			if err != nil {
				t.Fatal(err)
			}
			made = c.ID
		}
		if made != "" && strings.HasPrefix(lines.Text(), "data: ") && strings.Contains(lines.Text(), made) {
			return
		}
	}
	t.Fatalf("the stream ended without the event: %v", lines.Err())
}

// leaving is who is signed in until they have left.
type leaving struct {
	known
	left atomic.Bool
}

func (l *leaving) Session(w http.ResponseWriter, r *http.Request) (*admin.Session, error) {
	if l.left.Load() {
		return nil, nil
	}
	return l.known.Session(w, r)
}

func (l *leaving) Still(r *http.Request) (*admin.Session, error) { return l.Session(nil, r) }

// A stream ends when who reads it has signed out, or may see less.
func TestLiveEventsEndWithTheSession(t *testing.T) {
	who := &leaving{}
	w := &world{t: t, as: "viewer", now: time.Now}
	w.start(server.Config{Listen: "127.0.0.1:0", SignIn: who})
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
	defer stop()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, w.url+"/console/events/live", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.AddCookie(&http.Cookie{Name: "as", Value: "viewer"})
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() && lines.Text() != "event: ready" {
	}
	who.left.Store(true)
	for lines.Scan() {
	}
	if ctx.Err() != nil || lines.Err() != nil {
		t.Errorf("it did not end by itself: %v", lines.Err())
	}
}

// Nobody who is not signed in, and nobody without the scope, hears anything.
func TestLiveEventsOfNobody(t *testing.T) {
	w := newWorld(t, time.Time{})
	w.as = ""
	if got := w.get("/console/events/live").Wants(http.StatusSeeOther).Header.Get("Location"); !strings.HasPrefix(got, "/console/sign-in") {
		t.Errorf("it leads to %s", got)
	}
	q := url.Values{"type": {"no.such"}}
	w.as = "viewer"
	w.get("/console/events/live?" + q.Encode()).Wants(http.StatusBadRequest)
}
