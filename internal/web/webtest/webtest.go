// Package webtest starts a server for tests of pages, and reads pages as a browser was answered
// and as a person sees them.
//
// The key decision: a page is read by what it says and by its elements, never by its bytes;
// what is hidden is not said. Redirects are not followed.
//
// Start reading at [Start] and [Fetch].
package webtest

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// Page is what a browser was answered.
type Page struct {
	T       testing.TB
	Status  int
	Header  http.Header
	Cookies []*http.Cookie // that the answer sets
	Text    string         // as it was sent
	Doc     *html.Node
}

// Fetch sends a request and reads the page that it is answered with.
func Fetch(t testing.TB, r *http.Request) *Page {
	t.Helper()
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := html.Parse(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return &Page{T: t, Status: resp.StatusCode, Header: resp.Header, Cookies: resp.Cookies(), Text: string(text), Doc: doc}
}

// Wants fails unless the page has the status.
func (p *Page) Wants(status int) *Page {
	p.T.Helper()
	if p.Status != status {
		p.T.Fatalf("%d, want %d: %s", p.Status, status, p.Said())
	}
	return p
}

// Says fails unless each text is on the page, as it is read.
func (p *Page) Says(texts ...string) *Page {
	p.T.Helper()
	said := p.Said()
	for _, text := range texts {
		if !strings.Contains(said, text) {
			p.T.Errorf("the page does not say %q:\n%s", text, said)
		}
	}
	return p
}

// Said is the text of the page that is to be seen.
func (p *Page) Said() string { return Said(p.Doc) }

// All are the elements of the page that [All] finds.
func (p *Page) All(name, attr, value string) []*html.Node { return All(p.Doc, name, attr, value) }

// TextOf is the text of the element with an id, as it stands. It fails if there is none.
func (p *Page) TextOf(id string) string {
	p.T.Helper()
	for n := range p.Doc.Descendants() {
		if got, ok := Attribute(n, "id"); ok && got == id {
			return Text(n)
		}
	}
	p.T.Fatalf("nothing has the id %s: %s", id, p.Text)
	return ""
}

// Link is where the first link with a text leads; "" if there is none.
func (p *Page) Link(text string) string {
	for _, a := range p.All("a", "href", "") {
		if strings.Contains(Text(a), text) {
			href, _ := Attribute(a, "href")
			return href
		}
	}
	return ""
}

// Form is what the first form of the page that is sent to an address has in its fields; one
// that changes something comes before one that asks. It fails if there is none.
func (p *Page) Form(action string) url.Values {
	p.T.Helper()
	forms := p.All("form", "action", action)
	if len(forms) == 0 {
		p.T.Fatalf("no form is sent to %s:\n%s", action, p.Text)
	}
	form, values := forms[0], url.Values{}
	for _, f := range forms {
		if method, _ := Attribute(f, "method"); method == "post" {
			form = f
			break
		}
	}
	for n := range form.Descendants() {
		name, named := Attribute(n, "name")
		if !named || n.Type != html.ElementNode {
			continue
		}
		value, _ := Attribute(n, "value")
		kind, _ := Attribute(n, "type")
		_, checked := Attribute(n, "checked")
		switch {
		case n.Data == "input" && (kind == "checkbox" || kind == "radio") && !checked:
		case n.Data == "input":
			values.Add(name, value)
		case n.Data == "textarea" && n.FirstChild != nil:
			values.Add(name, n.FirstChild.Data)
		case n.Data == "select":
			for o := range n.Descendants() {
				if _, selected := Attribute(o, "selected"); selected {
					value, _ := Attribute(o, "value")
					values.Set(name, value)
				}
			}
		}
	}
	return values
}

// Said is the text of an element that is to be seen, its spaces made one.
func Said(n *html.Node) string {
	var b strings.Builder
	var walk func(*html.Node)
	walk = func(n *html.Node) {
		if _, hidden := Attribute(n, "hidden"); hidden || n.Data == "script" || n.Data == "style" {
			return
		}
		if n.Type == html.TextNode {
			b.WriteString(n.Data + " ")
		}
		for c := range n.ChildNodes() {
			walk(c)
		}
	}
	walk(n)
	return strings.Join(strings.Fields(b.String()), " ")
}

// Text is all the text of an element, as it stands.
func Text(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return b.String()
}

// All are the elements below one that have a name, and an attribute unless that is "", with a
// value unless that is "".
func All(of *html.Node, name, attr, value string) []*html.Node {
	var found []*html.Node
	for n := range of.Descendants() {
		if n.Type != html.ElementNode || n.Data != name {
			continue
		}
		if got, ok := Attribute(n, attr); attr == "" || ok && (value == "" || got == value) {
			found = append(found, n)
		}
	}
	return found
}

// Attribute is an attribute of an element, and whether it has it.
func Attribute(n *html.Node, name string) (value string, ok bool) {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val, true
		}
	}
	return "", false
}
