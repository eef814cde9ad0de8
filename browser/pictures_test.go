package browser

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/allot-dev/allot/browser/data"
)

var (
	writePictures = flag.Bool("pictures", false, "make the pictures of docs/pictures anew")
	onlyPicture   = flag.String("picture", "", "with -pictures: only the one of this name")
)

// picture is one of docs/pictures, of the demo.
type picture struct {
	name string
	path string
	role string
	variant
	steps []step
}

func pictures() []picture {
	wide := func(height int) variant { return variant{Width: 1280, Height: height, Scheme: "light"} }
	phone := func(height int) variant { return variant{Width: 320, Height: height, Scheme: "dark"} }
	return []picture{
		{name: "overview", path: "/console/", role: "admin", variant: wide(850)},
		{name: "overview-phone", path: "/console/", role: "admin", variant: phone(640)},
		{name: "customer", path: "/console/customers/" + data.ID("alder"), role: "admin", variant: wide(1000)},
		{name: "customer-phone", path: "/console/customers/" + data.ID("elmtree"), role: "admin", variant: phone(640)},
		{name: "check", path: "/console/customers/" + data.ID("elmtree") + "?check=minutes&units=25#check", role: "viewer", variant: wide(640)},
		{name: "preview", path: "/console/customers/" + data.ID("oakline") + "/plan", role: "operator", variant: wide(900), steps: []step{
			{Press: "Shift+Tab"}, {Tab: "^Plan or add-on"}, {Type: "Business"}, {Tab: "^See what it does"}, {Press: "Enter"}, {Expect: "This is what it does"},
		}},
		{name: "plans", path: "/console/plans", role: "admin", variant: wide(900)},
		{name: "events", path: "/console/events", role: "admin", variant: wide(700)},
		{name: "prices", path: "/pricing", variant: wide(1000)},
		{name: "prices-phone", path: "/pricing", variant: phone(640)},
		{name: "portal", path: "/portal/", variant: wide(1000)},
		{name: "api", path: "/docs", variant: wide(800)},
	}
}

const (
	mostOfPicture = 150 << 10
	mostOfFolder  = 2 << 20
)

// The pictures are made of the demo, at its instant: they are never older than what they
// show, if they are made anew when it changes. "make pictures" does that.
func TestPictures(t *testing.T) {
	folder, err := filepath.Abs(filepath.Join("..", "docs", "pictures"))
	if err != nil {
		t.Fatal(err)
	}
	if *writePictures {
		needBrowser(t)
		a := newAllot(t)
		a.demo(t)
		a.told(t)
		for _, p := range pictures() {
			if *onlyPicture != "" && *onlyPicture != p.name {
				continue
			}
			if p.path == "/portal/" {
				p.path = strings.TrimPrefix(a.portal(t, "u_1", "alder"), a.url)
			}
			v := p.variant
			v.Screenshot = filepath.Join(folder, p.name+".png")
			got := open(t, visit{URL: a.url + p.path, Cookies: a.cookies(t, p.role), Now: data.Now.Format("2006-01-02T15:04:05Z"), Steps: p.steps, Settle: 500, Variants: []variant{v}})
			for _, fault := range got.faults() {
				t.Errorf("%s: %s", p.name, fault)
			}
			if got.Status != 200 {
				t.Errorf("%s: status %d", p.name, got.Status)
			}
		}
	}
	shown, err := os.ReadFile(filepath.Join("..", "docs", "console.md"))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{}
	for _, p := range pictures() {
		file := p.name + ".png"
		want[file] = true
		info, err := os.Stat(filepath.Join(folder, file))
		if err != nil {
			t.Errorf("%v; \"make pictures\" makes it", err)
			continue
		}
		if info.Size() > mostOfPicture {
			t.Errorf("%s has %d bytes, at most %d", file, info.Size(), mostOfPicture)
		}
		if !strings.Contains(string(shown), "(pictures/"+file+")") {
			t.Errorf("docs/console.md does not show %s", file)
		}
	}
	files, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var all int64
	for _, f := range files {
		info, err := f.Info()
		if err != nil {
			t.Fatal(err)
		}
		all += info.Size()
		if strings.HasSuffix(f.Name(), ".png") && !want[f.Name()] {
			t.Errorf("docs/pictures/%s is made by nothing", f.Name())
		}
	}
	if all > mostOfFolder {
		t.Errorf("docs/pictures has %d bytes, at most %d", all, mostOfFolder)
	}
}
