package site_test

import (
	"net/http"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/allot-dev/allot/internal/server"
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
			p := w.get("/").wants(200)
			p.safe()
			leads := map[string]bool{}
			for _, a := range p.all("a", "href", "") {
				href, _ := attribute(a, "href")
				leads[href] = true
				if strings.HasPrefix(href, "/") && href != "/console/" {
					if got := w.get(href); got.status != 200 {
						t.Errorf("the link to %s is %d", href, got.status)
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
			if !strings.Contains(p.said(), w.url+"/oauth2/token") {
				t.Error("the first request does not say where")
			}
			if head := w.send(http.MethodHead, "/"); head.status != 200 || head.text != "" {
				t.Errorf("HEAD is %d %q", head.status, head.text)
			}
		})
	}
}

// safe fails unless the page was sent with what keeps it safe, and needs nothing that the
// policy forbids.
func (p *page) safe() {
	p.t.Helper()
	policy := p.header.Get("Content-Security-Policy")
	for _, part := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "base-uri 'none'", "form-action 'self'"} {
		if !strings.Contains(policy, part) {
			p.t.Errorf("the policy lacks %s: %s", part, policy)
		}
	}
	if strings.Contains(policy, "unsafe") {
		p.t.Errorf("the policy is not strict: %s", policy)
	}
	if p.header.Get("X-Content-Type-Options") != "nosniff" || p.header.Get("Referrer-Policy") == "" {
		p.t.Errorf("headers %v", p.header)
	}
	for n := range p.doc.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		for _, a := range n.Attr {
			if strings.HasPrefix(a.Key, "on") || a.Key == "style" {
				p.t.Errorf("<%s> has %s, which the policy forbids", n.Data, a.Key)
			}
			if (a.Key == "src" || n.Data == "link" && a.Key == "href") && !strings.HasPrefix(a.Val, "/static/") {
				p.t.Errorf("<%s> loads %s", n.Data, a.Val)
			}
		}
		if n.Data == "style" || n.Data == "script" && n.FirstChild != nil {
			p.t.Errorf("<%s> stands in the page", n.Data)
		}
	}
}

// An unknown path is what it was, and without the console so are the pages.
func TestPathsThatAreNone(t *testing.T) {
	w := newWorld(t, server.Config{})
	unknown := w.get("/nothing")
	if unknown.status != 404 || !strings.Contains(unknown.text, "ROUTE_NOT_FOUND") {
		t.Errorf("%d %s", unknown.status, unknown.text)
	}
	if p := w.send(http.MethodPost, "/"); p.status != 404 || !strings.Contains(p.text, "ROUTE_NOT_FOUND") {
		t.Errorf("POST /: %d %s", p.status, p.text)
	}
	bare := newWorld(t, server.Config{NoConsole: true, PublicPricing: true})
	for _, path := range []string{"/", "/pricing", "/docs", "/docs/check", "/console/"} {
		if p := bare.get(path); p.status != 404 || !strings.Contains(p.text, "ROUTE_NOT_FOUND") {
			t.Errorf("%s without the console: %d %s", path, p.status, p.text)
		}
	}
	if p := bare.get("/portal/x"); p.status != 403 || !strings.Contains(p.header.Get("Content-Type"), "text/html") {
		t.Errorf("a customer's page without the console: %d %s", p.status, p.text)
	}
	bare.get("/v1/pricing").wants(200)
}
