package browser

import (
	"testing"

	"github.com/allot-dev/allot/browser/data"
)

// The three things that people do all day, without a mouse, from the first page on: what
// is focused is always to be seen, and none of the pages on the way has a fault.
func TestByKeyboard(t *testing.T) {
	needBrowser(t)
	a := newAllot(t)
	a.demo(t)
	a.told(t)
	find := func(name, what string) []step {
		return []step{
			{Tab: "^Customers$"}, {Press: "Enter"}, {At: "/console/customers$"},
			{Press: "Shift+Tab"}, {Tab: "Search for a customer"}, {Type: name}, {Press: "Enter"},
			{At: "/console/customers/customer_"}, {Expect: what}, // as only one is found
		}
	}
	everyPage := []variant{{Width: 1280, Scheme: "light"}, {Width: 320, Scheme: "dark"}}
	t.Run("why is it refused", func(t *testing.T) {
		steps := append(find("elmtree", "Elmtree Dental"),
			step{Tab: "^Transcribed minutes"}, step{Tab: "^Try a check"}, step{Press: "Enter"}, step{At: `check=minutes`},
			step{Tab: "^Units"}, step{Press: "Control+a"}, step{Type: "25"}, step{Press: "Enter"},
			step{At: "units=25"}, step{Expect: "limit_reached"})
		clean(t, open(t, visit{URL: a.url + "/console/", Cookies: a.cookies(t, "viewer"), Steps: steps, Axe: true, Variants: everyPage}))
	})
	t.Run("another plan", func(t *testing.T) {
		preview := append(find("oakline", "Oakline Builders"),
			step{Tab: "^Put on a plan"}, step{Press: "Enter"}, step{At: "plan"},
			step{Press: "Shift+Tab"}, step{Tab: "^Plan or add-on"}, step{Type: "Business"},
			step{Tab: "^See what it does"}, step{Press: "Enter"},
			step{Expect: "This is what it does"}, step{Expect: "Single sign-on"})
		clean(t, open(t, visit{URL: a.url + "/console/", Cookies: a.cookies(t, "operator"), Steps: preview, Axe: true, Variants: everyPage}))
		if n := a.changesBy(t, "operator"); n != 0 {
			t.Fatalf("the preview changed %d things", n)
		}
		done := append(preview, step{Press: "Shift+Tab"}, step{Tab: "^Put (it|her|them|on)", Tag: "button"}, step{Press: "Enter"},
			step{At: "/console/customers/[^/]*$"}, step{Expect: "On Business"})
		clean(t, open(t, visit{URL: a.url + "/console/", Cookies: a.cookies(t, "operator"), Steps: done, Axe: true, Variants: everyPage}))
		if n := a.changesBy(t, "operator"); n == 0 {
			t.Error("no change is the operator's")
		}
	})
	t.Run("an override", func(t *testing.T) {
		bar := step{Same: []string{"#f-seats svg.bar rect.used", "width"}}
		steps := []step{
			bar, {Tab: "^Set an override"}, {Press: "Enter"}, {At: "override"},
			{Press: "Shift+Tab"}, {Tab: "^Feature", Tag: "select"}, {Type: "Seats"},
			{Tab: "^A limit in the place"}, {Press: "Space"}, {Tab: "^The limit"}, {Type: "40"},
			{Tab: "^Note"}, {Type: "Agreed by mail"}, {Tab: "^See what it does"}, {Press: "Enter"},
			{Expect: "This is what it does"}, {Expect: "40"},
			{Press: "Shift+Tab"}, {Tab: "^Set (it|the override)", Tag: "button"}, {Press: "Enter"},
			{At: "/console/customers/[^/]*$"}, {Expect: "14 used of 40 seats"}, bar,
		}
		got := open(t, visit{URL: a.url + "/console/customers/" + data.ID("alder"), Cookies: a.cookies(t, "operator"), Steps: steps, Axe: true, Variants: everyPage})
		clean(t, got)
		if len(got.Values) != 2 || got.Values[0] == got.Values[1] {
			t.Errorf("the bar is %q wide before and after", got.Values)
		}
	})
}
