package browser

import (
	"strings"
	"testing"

	"github.com/allot-dev/allot/browser/data"
)

// screen is one that the demo is looked at on.
type screen struct {
	name string
	path string
	role string   // of who looks; "" is nobody
	says []string // what stands there, among other things

	status int // 0 is 200
}

// The screens, each seen wide and narrow, light and dark, and without scripts. A new one is
// a line here.
var screens = []screen{
	{name: "overview", path: "/console/", role: "admin", says: []string{"Overview"}},
	{name: "nowhere", path: "/console/nowhere", role: "admin", status: 404, says: []string{"There is no such page"}},
	{name: "customers", path: "/console/customers", role: "admin", says: []string{"Juniper Health Network", "Alder & Finch Architects"}},
	{name: "customers, searched", path: "/console/customers?q=foxglove", role: "viewer", says: []string{"Foxglove Media"}},
	{name: "customers, none", path: "/console/customers?q=nobodyatall", role: "operator", says: []string{"Nobody is found"}},
	{name: "customer, near a limit", path: "/console/customers/" + data.ID("alder"), role: "admin", says: []string{"Alder & Finch Architects", "Transcribed minutes", "3,000", "Team"}},
	{name: "customer, at a limit", path: "/console/customers/org_code:elmtree", role: "operator", says: []string{"Elmtree Dental", "Starter"}},
	{name: "customer, add-ons and grants", path: "/console/customers/" + data.ID("foxglove"), role: "admin", says: []string{"1,000 minutes more", "Sorry for the outage"}},
	{name: "customer, suspended", path: "/console/customers/" + data.ID("harbour"), role: "viewer", says: []string{"suspended"}},
	{name: "customer, over a smaller plan", path: "/console/customers/" + data.ID("meridian"), role: "admin", says: []string{"Meridian Travel"}},
	{name: "customer, a plan to come", path: "/console/customers/" + data.ID("dunmore"), role: "admin", says: []string{"Enterprise"}},
	{name: "customer, then", path: "/console/customers/" + data.ID("quayside") + "?at=2026-11-05T12:00:00Z", role: "admin", says: []string{"Starter"}},
	{name: "customer, in the future", path: "/console/customers/" + data.ID("dunmore") + "?at=2027-02-01T00:00:00Z", role: "admin", says: []string{"Enterprise"}},
	{name: "customer, a user", path: "/console/customers/" + data.ID("kp_sofia"), role: "admin", says: []string{"Sofia Lindqvist", "Personal Plus"}},
	{name: "customer, none", path: "/console/customers/org_code:none", role: "admin", status: 404},
	{name: "plans", path: "/console/plans", role: "admin", says: []string{"Business", "Enterprise", "Transcribed minutes"}},
	{name: "plan", path: "/console/plans/team", role: "viewer", says: []string{"Team", "29"}},
	{name: "events", path: "/console/events", role: "admin", says: []string{"limit.reached"}},
	{name: "webhooks", path: "/console/webhooks", role: "admin", says: []string{"CRM"}},
	{name: "clients", path: "/console/clients", role: "admin", says: []string{"The product's backend"}},
	{name: "health", path: "/console/health", role: "admin"},
	{name: "start", path: "/", says: []string{"Allot"}},
	{name: "prices", path: "/pricing", says: []string{"Starter", "Business", "Transcribed minutes"}},
	{name: "prices, of people", path: "/pricing?group=people", says: []string{"Personal Plus"}},
	{name: "API", path: "/docs", says: []string{"consume"}},
}

func TestScreens(t *testing.T) {
	needBrowser(t)
	a := newAllot(t)
	a.demo(t)
	a.told(t)
	check := func(t *testing.T, s screen, got *sight) {
		t.Helper()
		clean(t, got)
		if want := max(s.status, 200); got.Status != want {
			t.Errorf("status %d, want %d", got.Status, want)
		}
		for _, want := range s.says {
			if !strings.Contains(got.Text, want) {
				t.Errorf("%q is not there:\n%s", want, got.Text)
			}
		}
	}
	seen := screens
	for _, c := range []struct{ name, user, org string }{{"page of a company", "u_1", "alder"}, {"page of a person", "kp_sofia", ""}} {
		link := strings.TrimPrefix(a.portal(t, c.user, c.org), a.url)
		seen = append(seen, screen{name: c.name, path: link, says: []string{"minutes"}})
	}
	for _, s := range seen {
		t.Run(s.name, func(t *testing.T) {
			got := open(t, visit{URL: a.url + s.path, Cookies: a.cookies(t, s.role), Axe: true, Variants: everywhere})
			check(t, s, got)
			t.Logf("%.0f ms, %d requests, %d bytes", got.Millis, got.Requests, got.Bytes)
			if strings.HasPrefix(s.path, "/portal/") { // its link is for the session that has opened it
				return
			}
			t.Run("without scripts", func(t *testing.T) {
				check(t, s, open(t, visit{URL: a.url + s.path, Cookies: a.cookies(t, s.role), NoScript: true}))
			})
		})
	}
}

// Whatever else the console leads to: each kind of page once.
func TestOtherScreens(t *testing.T) {
	needBrowser(t)
	a := newAllot(t)
	a.demo(t)
	a.told(t)
	seen := map[string]bool{}
	for _, s := range screens {
		seen[shape(s.path)] = true
	}
	pages, _ := a.crawl(t, "admin", 1, "/console/")
	others := 0
	for _, page := range pages {
		if seen[shape(page)] {
			continue
		}
		others++
		t.Run(page, func(t *testing.T) {
			got := open(t, visit{URL: a.url + page, Cookies: a.cookies(t, "admin"), Axe: true, Variants: []variant{{Width: 1280, Scheme: "light"}, {Width: 320, Scheme: "dark"}}})
			clean(t, got)
			if got.Status >= 400 {
				t.Errorf("status %d", got.Status)
			}
		})
	}
	t.Logf("%d pages beside the %d screens", others, len(screens))
}
