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

// The screens, each seen wide and narrow, light and dark. A new one is a line here.
var screens = []screen{
	{name: "overview", path: "/console/", role: "admin", says: []string{"Overview"}},
	{name: "nowhere", path: "/console/nowhere", role: "admin", status: 404, says: []string{"There is no such page"}},
}

func TestScreens(t *testing.T) {
	needBrowser(t)
	a := newAllot(t)
	a.demo(t)
	for _, s := range screens {
		t.Run(s.name, func(t *testing.T) {
			got := open(t, visit{URL: a.url + s.path, Cookies: a.cookies(s.role), Axe: true, Variants: everywhere})
			for _, fault := range got.faults() {
				t.Error(fault)
			}
			if want := max(s.status, 200); got.Status != want {
				t.Errorf("status %d, want %d", got.Status, want)
			}
			for _, want := range s.says {
				if !strings.Contains(got.Text, want) {
					t.Errorf("%q is not there:\n%s", want, got.Text)
				}
			}
			t.Logf("%.0f ms, %d requests, %d bytes", got.Millis, got.Requests, got.Bytes)
		})
	}
	_ = data.ID
}
