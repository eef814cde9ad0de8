package server

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/allot-dev/allot/internal/pgtest"
)

// browse is a browser: it keeps cookies and follows redirects. It returns the status and where it ended.
func browse(t *testing.T) func(method, at string, form url.Values) (status int, path string) {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	c := &http.Client{Jar: jar, Transport: transport}
	return func(method, at string, form url.Values) (int, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, at, strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		if method == http.MethodPost {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		resp, err := c.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode, resp.Request.URL.Path
	}
}

// An administrator who is made by the command line comes in by a link, on any server of the
// database, and is out with the next request once the command line says so.
func TestAdministrators(t *testing.T) {
	for name, database := range map[string]func(testing.TB) string{
		"sqlite": func(testing.TB) string { return "" }, "postgres": pgtest.URL,
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			place := Place{Data: dir, Database: database(t), KeyFile: filepath.Join(dir, "allot.key")}
			one := start(t, Config{Place: place})
			servers := []*running{one}
			if place.Database != "" {
				servers = append(servers, start(t, Config{Place: place}))
			}
			tool, err := Open(t.Context(), place)
			if err != nil {
				t.Fatal(err)
			}
			defer tool.Close()
			link, err := tool.CreateAdministrator(t.Context(), one.URL(), "ada", "operator")
			if err != nil {
				t.Fatal(err)
			}
			send := browse(t)
			const password = "correct horse battery"
			if status, path := send(http.MethodPost, link.URL, url.Values{"password": {password}, "again": {password}}); status != http.StatusOK || path != "/console/" {
				t.Fatalf("by the link: %d at %s", status, path)
			}
			for _, s := range servers {
				if status, path := send(http.MethodGet, s.URL()+"/console/clients", nil); status != http.StatusOK || path != "/console/clients" {
					t.Errorf("%s: %d at %s", s.URL(), status, path)
				}
				if status, _ := send(http.MethodGet, s.URL()+"/console/clients/new", nil); status != http.StatusForbidden {
					t.Errorf("an operator and a new client: %d", status)
				}
			}
			if _, err := tool.ResetAdministrator(t.Context(), one.URL(), "ada"); err != nil {
				t.Fatal(err)
			}
			for _, s := range servers {
				if status, path := send(http.MethodGet, s.URL()+"/console/clients", nil); status != http.StatusOK || path != "/console/sign-in" {
					t.Errorf("%s after a reset: %d at %s", s.URL(), status, path)
				}
			}
			list, err := tool.Administrators(t.Context())
			if err != nil || len(list) != 1 || len(list[0].Sessions) != 0 {
				t.Errorf("%+v, %v", list, err)
			}
		})
	}
}

// Without a console there is none of its pages.
func TestNoConsole(t *testing.T) {
	with, without := start(t, Config{}), start(t, Config{NoConsole: true})
	for _, path := range []string{"/console/", "/console/sign-in", "/console/link/x", "/console/account"} {
		send := browse(t)
		if status, _ := send(http.MethodGet, with.URL()+path, nil); status == http.StatusNotFound {
			t.Errorf("%s is not there", path)
		}
		if status, _ := send(http.MethodGet, without.URL()+path, nil); status != http.StatusNotFound {
			t.Errorf("%s without a console: %d", path, status)
		}
		if status, _ := send(http.MethodPost, without.URL()+path, nil); status != http.StatusNotFound {
			t.Errorf("POST %s without a console: %d", path, status)
		}
	}
}

func TestConsoleOIDCFaults(t *testing.T) {
	secret, empty := filepath.Join(t.TempDir(), "secret"), filepath.Join(t.TempDir(), "empty")
	for file, text := range map[string]string{secret: " s3cret\n", empty: "\n"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	right := Config{
		ConsoleOIDCIssuer: "https://id.acme.example/tenant/", ConsoleOIDCClientID: "allot", ConsoleOIDCClientSecretFile: secret,
		ConsoleOIDCAllow: []string{"ada@acme.example=admin", "@acme.example=viewer"},
	}
	if err := right.Validate(); err != nil {
		t.Fatal(err)
	}
	if got, err := right.withDefaults(thisMachine()).check(); err != nil || got.oidcSecret != "s3cret" {
		t.Errorf("the secret is %q, %v", got.oidcSecret, err)
	}
	for want, change := range map[string]func(*Config){
		"console-oidc-issuer: want the URL":                         func(c *Config) { c.ConsoleOIDCIssuer = "" },
		"console-oidc-issuer: there is no console":                  func(c *Config) { c.NoConsole = true },
		`console-oidc-issuer "http://id.acme.example": want`:        func(c *Config) { c.ConsoleOIDCIssuer = "http://id.acme.example" },
		`console-oidc-issuer "id.acme.example": want`:               func(c *Config) { c.ConsoleOIDCIssuer = "id.acme.example" },
		`console-oidc-issuer "https://id.acme.example?a=b": want`:   func(c *Config) { c.ConsoleOIDCIssuer = "https://id.acme.example?a=b" },
		"console-oidc-client-id: want":                              func(c *Config) { c.ConsoleOIDCClientID = "" },
		"console-oidc-client-secret-file: open":                     func(c *Config) { c.ConsoleOIDCClientSecretFile = secret + "x" },
		"console-oidc-client-secret-file " + empty + ": is empty":   func(c *Config) { c.ConsoleOIDCClientSecretFile = empty },
		"console-oidc-allow: want who":                              func(c *Config) { c.ConsoleOIDCAllow = nil },
		`console-oidc-allow "ada@acme.example=root": want`:          func(c *Config) { c.ConsoleOIDCAllow = []string{"ada@acme.example=root"} },
		`console-oidc-allow "acme.example=viewer": want an address`: func(c *Config) { c.ConsoleOIDCAllow = append(c.ConsoleOIDCAllow, "acme.example=viewer") },
	} {
		cfg := right
		change(&cfg)
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v, want one fault with %q", err, want)
		}
	}
}
