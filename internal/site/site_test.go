package site_test

import (
	"net/http"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/allot-dev/allot/internal/server"
	"github.com/allot-dev/allot/internal/web/webtest"
)

// The page at / leads to what there is, and to nothing else.
func TestHome(t *testing.T) {
	for name, c := range map[string]struct {
		cfg   server.Config
		links []string
	}{
		"all":           {server.Config{PublicPricing: true}, []string{"/console/", "/pricing", "/docs", "/openapi.yaml", "/readyz", "/healthz"}},
		"no price list": {server.Config{}, []string{"/console/", "/docs", "/openapi.yaml", "/readyz", "/healthz"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, c.cfg)
			p := w.get("/").Wants(200)
			safe(p)
			leads := map[string]bool{}
			for _, a := range p.All("a", "href", "") {
				href, _ := webtest.Attribute(a, "href")
				leads[href] = true
				if strings.HasPrefix(href, "/") && href != "/console/" {
					if got := w.get(href); got.Status != 200 {
						t.Errorf("the link to %s is %d", href, got.Status)
					}
				}
			}
			for _, link := range c.links {
				if !leads[link] {
					t.Errorf("no link to %s", link)
				}
			}
			if !c.cfg.PublicPricing && leads["/pricing"] {
				t.Error("it leads to the price list, which is not open")
			}
			if !strings.Contains(p.Said(), w.url+"/oauth2/token") {
				t.Error("the first request does not say where")
			}
			if head := w.send(http.MethodHead, "/"); head.Status != 200 || head.Text != "" {
				t.Errorf("HEAD is %d %q", head.Status, head.Text)
			}
		})
	}
}

// safe fails unless the page was sent with what keeps it safe, and needs nothing that the
// policy forbids.
func safe(p *webtest.Page) {
	p.T.Helper()
	policy := p.Header.Get("Content-Security-Policy")
	for _, part := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "base-uri 'none'", "form-action 'self'"} {
		if !strings.Contains(policy, part) {
			p.T.Errorf("the policy lacks %s: %s", part, policy)
		}
	}
	if strings.Contains(policy, "unsafe") {
		p.T.Errorf("the policy is not strict: %s", policy)
	}
	if p.Header.Get("X-Content-Type-Options") != "nosniff" || p.Header.Get("Referrer-Policy") == "" {
		p.T.Errorf("headers %v", p.Header)
	}
	for n := range p.Doc.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		for _, a := range n.Attr {
			if strings.HasPrefix(a.Key, "on") || a.Key == "style" {
				p.T.Errorf("<%s> has %s, which the policy forbids", n.Data, a.Key)
			}
			if (a.Key == "src" || n.Data == "link" && a.Key == "href") && !strings.HasPrefix(a.Val, "/static/") {
				p.T.Errorf("<%s> loads %s", n.Data, a.Val)
			}
		}
		if n.Data == "style" || n.Data == "script" && n.FirstChild != nil {
			p.T.Errorf("<%s> stands in the page", n.Data)
		}
	}
}

// An unknown path is what it was, and without the console so are the pages.
func TestPathsThatAreNone(t *testing.T) {
	w := newWorld(t, server.Config{})
	unknown := w.get("/nothing")
	if unknown.Status != 404 || !strings.Contains(unknown.Text, "ROUTE_NOT_FOUND") {
		t.Errorf("%d %s", unknown.Status, unknown.Text)
	}
	if p := w.send(http.MethodPost, "/"); p.Status != 404 || !strings.Contains(p.Text, "ROUTE_NOT_FOUND") {
		t.Errorf("POST /: %d %s", p.Status, p.Text)
	}
	bare := newWorld(t, server.Config{NoConsole: true, PublicPricing: true})
	for _, path := range []string{"/", "/pricing", "/docs", "/docs/check", "/console/"} {
		if p := bare.get(path); p.Status != 404 || !strings.Contains(p.Text, "ROUTE_NOT_FOUND") {
			t.Errorf("%s without the console: %d %s", path, p.Status, p.Text)
		}
	}
	if p := bare.get("/portal/x"); p.Status != 403 || !strings.Contains(p.Header.Get("Content-Type"), "text/html") {
		t.Errorf("a customer's page without the console: %d %s", p.Status, p.Text)
	}
	bare.get("/v1/pricing").Wants(200)
}
