package site_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"github.com/allot-dev/allot/internal/server"
	"github.com/allot-dev/allot/internal/web/webtest"
)

// plans are what the cards of the page say, by the plan's name.
func plans(p *webtest.Page) map[string]string {
	out := map[string]string{}
	for _, card := range p.All("li", "class", "card plan") {
		name := webtest.Said(webtest.All(card, "h3", "", "")[0])
		out[name] = strings.TrimSpace(strings.TrimPrefix(webtest.Said(card), name))
	}
	return out
}

// cells are what the table says, by feature and plan.
func cells(p *webtest.Page) map[string]string {
	out := map[string]string{}
	for _, row := range p.All("tr", "role", "row") {
		heads := webtest.All(row, "th", "scope", "row")
		if len(heads) == 0 {
			continue
		}
		feature := heads[0].FirstChild.Data
		for _, cell := range webtest.All(row, "td", "", "") {
			plan := webtest.Said(webtest.All(cell, "span", "class", "of")[0])
			out[feature+" of "+plan] = strings.TrimSpace(strings.TrimPrefix(webtest.Said(cell), plan))
		}
	}
	return out
}

const hostile = `Pro "><script>alert(1)</script>`

func TestPricing(t *testing.T) {
	w := newWorld(t, server.Config{PublicPricing: true})
	w.sells("testdata/shop.yaml")
	p := w.get("/pricing").Wants(200)
	safe(p)
	want := map[string]string{
		"Free":          "Free",
		"By seat":       "12.00 USD for each seat a month 7 days free, then it ends for 5 to 100 seats",
		hostile:         "<img src=x onerror=alert(1)> 25.00 USD a month plus 99.00 USD once 14 days free, then it goes on",
		"Enterprise":    "Ask us",
		"Partner":       "On request More about it",
		"More space":    "5.00 USD a month Storage 100 GB Goes with " + hostile + ".",
		"1,000 credits": "10.00 USD Credits 1,000 credits, good for 365 days",
		"Personal":      "By use",
	}
	if diff := cmp.Diff(want, plans(p)); diff != "" {
		t.Error(diff)
	}
	cells := cells(p)
	for at, want := range map[string]string{
		"Seats of Free":           "3 seats",
		"Seats of By seat":        "As many as you buy",
		"Seats of " + hostile:     "10 seats 9.00 USD a seat a month at least 2 seats",
		"Seats of Enterprise":     "Unlimited", // without its price
		"API calls of By seat":    "20,000 calls a month for each seat",
		"API calls of " + hostile: "100,000 calls a month the first 10,000 free, then 0.0004 USD a call more is possible",
		"Mails of Free":           "Not included",
		"Mails of By seat":        "Unlimited 5.00 USD for each 1,000 mails, begun ones too",
		"Mails of " + hostile:     "5,000 mails a month 500 included, then 0.02 USD a mail",
		"Queries of " + hostile:   "Unlimited all at the price of their number: 1 to 100: 0.10 USD a query 101 to 1,000: 5.00 USD and 0.08 USD a query above 1,000: 0.05 USD a query",
		"Queries of By seat":      "50 queries each 5 hours up to 25 more are possible",
		"Storage of " + hostile:   "Unlimited 10 included, then each by its place: 1 to 100: 0.20 USD a GB a month above 100: 50.00 USD in all",
		"Beta of Free":            "Not included",
		"Beta of " + hostile:      "Included",
		"History of " + hostile:   "Unlimited",
		"Regions of " + hostile:   "eu, us",
		"Single sign-on of Free":  "Not included",
		"Queries of Personal":     "Unlimited 0.03 USD a query",
	} {
		if cells[at] != want {
			t.Errorf("%s: %q, want %q", at, cells[at], want)
		}
	}
	for _, hidden := range []string{"Hidden", "Archived", "Draft", "Secret", "nobody's business", "777", "hidden plan", "arch", "secret"} {
		if strings.Contains(p.Text, hidden) {
			t.Errorf("the page has %q", hidden)
		}
	}
	if more := p.All("a", "target", "_top"); len(more) != 1 || href(more[0]) != "https://northwind.example/partners?a=1&b=2" {
		t.Errorf("links to prices that are elsewhere: %v", more)
	}
	if len(p.All("b", "", ""))+len(p.All("i", "", ""))+len(p.All("img", "", "")) > 0 {
		t.Error("text of people is markup")
	}
	if got := p.Header.Get("X-Frame-Options"); got != "DENY" {
		t.Errorf("X-Frame-Options is %q", got)
	}
}

func href(n *html.Node) string {
	value, _ := webtest.Attribute(n, "href")
	return value
}

// Who pays for a year sees that, at the same address again.
func TestPricingByTheYear(t *testing.T) {
	w := newWorld(t, server.Config{PublicPricing: true})
	w.sells("testdata/shop.yaml")
	p := w.get("/pricing?group=teams&period=year&embed=1").Wants(200)
	plans, cells := plans(p), cells(p)
	if got := plans[hostile]; !strings.Contains(got, "250.00 USD a year 50.00 USD less a year plus 99.00 USD once") && !strings.Contains(got, "250.00 USD a year plus 99.00 USD once 50.00 USD less a year") {
		t.Errorf("Pro: %s", got)
	}
	if got := plans["By seat"]; !strings.Contains(got, "120.00 USD for each seat a year") {
		t.Errorf("By seat: %s", got)
	}
	if got := plans["More space"]; !strings.HasPrefix(got, "5.00 USD a month") {
		t.Errorf("what is not sold by the year: %s", got)
	}
	if got := cells["Seats of "+hostile]; !strings.HasPrefix(got, "10 seats 90.00 USD a seat a year") {
		t.Errorf("Seats: %s", got)
	}
	if _, ok := plans["Personal"]; ok {
		t.Errorf("another group is shown: %v", slices.Sorted(maps.Keys(plans)))
	}
	var ways []string
	for _, a := range p.All("a", "data-switch", "") {
		_, current := webtest.Attribute(a, "aria-current")
		ways = append(ways, webtest.Said(a)+" "+href(a)+map[bool]string{true: " now"}[current])
	}
	if diff := cmp.Diff([]string{"Pay monthly ?embed=1&group=teams&period=month", "Pay yearly ?embed=1&group=teams&period=year now"}, ways); diff != "" {
		t.Error(diff)
	}
}

// A price list may stand in a page of another site; nothing else may.
func TestPricingInAnotherPage(t *testing.T) {
	w := newWorld(t, server.Config{PublicPricing: true})
	w.sells("testdata/shop.yaml")
	p := w.get("/pricing?embed=1").Wants(200)
	safe(p)
	if policy := p.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "frame-ancestors *") || p.Header.Get("X-Frame-Options") != "" {
		t.Errorf("it may not: %s, %s", policy, p.Header.Get("X-Frame-Options"))
	}
	if len(p.All("header", "", "")) > 0 {
		t.Error("it has a header of its own")
	}
	for _, path := range []string{"/", "/docs", "/pricing", "/pricing?embed=2", "/pricing?group=none&embed=1", "/portal/x"} {
		if policy := w.get(path).Header.Get("Content-Security-Policy"); !strings.Contains(policy, "frame-ancestors 'none'") {
			t.Errorf("%s may stand in another page: %s", path, policy)
		}
	}
}

func TestPricingThatIsNotShown(t *testing.T) {
	shut := newWorld(t, server.Config{})
	if p := shut.get("/pricing").Wants(404); !strings.Contains(p.Said(), "--public-pricing") {
		t.Errorf("it does not say why: %s", p.Said())
	}
	open := newWorld(t, server.Config{PublicPricing: true})
	if p := open.get("/pricing").Wants(200); !strings.Contains(p.Said(), "nothing on sale") {
		t.Errorf("an empty price list: %s", p.Said())
	}
	open.get("/pricing?group=none").Wants(400)
	open.get("/pricing?period=week").Wants(400)
	open.get("/pricing?embed=yes").Wants(400)
}

// A currency without digits behind the point has none.
func TestPricingInYen(t *testing.T) {
	w := newWorld(t, server.Config{PublicPricing: true})
	if _, err := w.api.Catalog.Apply(t.Context(), []byte(`
currency: jpy
features: [{code: base, name: Base, type: charge}]
plan_groups: [{code: g, name: G, customer_type: user}]
plans: [{code: p, name: P, group: g, status: published, items: [{feature: base, fixed_charge: 12500}]}]
`), false); err != nil {
		t.Fatal(err)
	}
	if got := plans(w.get("/pricing"))["P"]; got != "12,500 JPY a month" {
		t.Error(got)
	}
}

// A price list that was shown before shows a change at once.
func TestPricingChanges(t *testing.T) {
	w := newWorld(t, server.Config{PublicPricing: true})
	file := `
currency: eur
features: [{code: base, name: Base, type: charge}]
plan_groups: [{code: g, name: G, customer_type: user}]
plans: [{code: p, name: P, group: g, status: published, items: [{feature: base, fixed_charge: 500}]}]
`
	for _, c := range []struct{ file, want string }{
		{file, "5.00 EUR a month"}, {file, "5.00 EUR a month"}, {strings.Replace(file, "500", "700", 1), "7.00 EUR a month"},
	} {
		if _, err := w.api.Catalog.Apply(t.Context(), []byte(c.file), false); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if got := plans(w.get("/pricing"))["P"]; got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		}
	}
}
