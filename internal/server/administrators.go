package server

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/allot-dev/allot/internal/admin/signin"
	"github.com/allot-dev/allot/internal/admin/signin/record"
	"github.com/allot-dev/allot/internal/oauth"
)

// signIn is what lets people in to the console: their accounts, and a provider if there is one.
func (s *Server) signIn(cfg Config, checked checked, key *oauth.KeyFile) (*signin.Pages, error) {
	s.accounts = signin.New(signin.Options{
		Store: s.place.store.ForAdministrators(), Now: cfg.Clock, Allow: checked.allow, Log: cfg.Log,
		Key: key.Derive("browsers that have signed in to the console"),
	})
	pages := &signin.Pages{Accounts: s.accounts, URL: s.url, Log: cfg.Log}
	if cfg.ConsoleOIDCIssuer == "" {
		return pages, nil
	}
	var err error
	pages.Provider, err = signin.NewProvider(signin.ProviderOptions{
		Issuer: cfg.ConsoleOIDCIssuer, ClientID: cfg.ConsoleOIDCClientID, ClientSecret: checked.oidcSecret,
		CallbackURL: signin.CallbackURL(s.url), Key: key.Derive("trips to the console's provider"), Now: cfg.Clock,
	})
	return pages, err
}

// checkOIDC checks what is said of the provider of the console.
func (c Config) checkOIDC(out *checked) (faults []error) {
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if c.ConsoleOIDCIssuer == "" {
		if cmp.Or(c.ConsoleOIDCClientID, c.ConsoleOIDCClientSecretFile) != "" || len(c.ConsoleOIDCAllow) > 0 {
			fault("console-oidc-issuer: want the URL of the provider, as there are other settings of it")
		}
		return faults
	}
	if c.NoConsole {
		fault("console-oidc-issuer: there is no console to sign in to")
	}
	u, err := url.Parse(c.ConsoleOIDCIssuer)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" ||
		u.Scheme != "https" && (u.Scheme != "http" || !loopbackName(u.Hostname())) {
		fault("console-oidc-issuer %q: want the https URL of the provider, as its tokens have it in iss", c.ConsoleOIDCIssuer)
	}
	if c.ConsoleOIDCClientID == "" {
		fault("console-oidc-client-id: want the client that the provider knows this server as")
	}
	if c.ConsoleOIDCClientSecretFile != "" {
		text, err := os.ReadFile(c.ConsoleOIDCClientSecretFile)
		out.oidcSecret = strings.TrimSpace(string(text))
		switch {
		case err != nil:
			fault("console-oidc-client-secret-file: %w", err)
		case out.oidcSecret == "":
			fault("console-oidc-client-secret-file %s: is empty", c.ConsoleOIDCClientSecretFile)
		}
	}
	if len(c.ConsoleOIDCAllow) == 0 {
		fault("console-oidc-allow: want who may come in, such as ada@acme.example=admin or @acme.example=viewer")
	}
	allow, wrong := signin.ParseAllow(c.ConsoleOIDCAllow)
	for _, err := range wrong {
		fault("console-oidc-allow %w", err)
	}
	out.allow = allow
	return faults
}

// AdministratorLink is an administrator with the one-time link that was just made for them.
type AdministratorLink struct {
	Name, Role string
	// URL is shown once; "" for one who signs in by the provider.
	URL       string
	ExpiresOn time.Time
}

func linkOf(server string, made signin.NewLink) AdministratorLink {
	link := AdministratorLink{Name: made.Name, Role: string(made.Role), ExpiresOn: made.ExpiresOn}
	if made.Token != "" {
		link.URL = signin.LinkURL(server, made.Token)
	}
	return link
}

// CreateAdministrator makes an administrator of the console, with a link by which they choose
// their password; server is the URL of the server it leads to.
func (c *Credentials) CreateAdministrator(ctx context.Context, server, name, role string) (AdministratorLink, error) {
	if _, err := c.clock.check(ctx); err != nil {
		return AdministratorLink{}, err
	}
	made, err := c.accounts.Create(ctx, commandLine, name, record.Role(role))
	return linkOf(server, made), err
}

// ResetAdministrator ends all that lets an administrator in, lets them in again if they were
// disabled, and returns a link by which they choose a new password.
func (c *Credentials) ResetAdministrator(ctx context.Context, server, name string) (AdministratorLink, error) {
	if _, err := c.clock.check(ctx); err != nil {
		return AdministratorLink{}, err
	}
	made, err := c.accounts.Reset(ctx, commandLine, name)
	return linkOf(server, made), err
}

// DisableAdministrator shuts an administrator out, on every node with their next request,
// whatever the clock of this machine shows, as [Credentials.RevokeClient] does with a client.
func (c *Credentials) DisableAdministrator(ctx context.Context, name string) error {
	accounts := c.accounts
	if right, err := c.clock.check(ctx); err != nil && !right.IsZero() {
		accounts = signin.New(signin.Options{
			Store: c.clock.store.ForAdministrators(), Now: func() time.Time { return right }, Log: slog.New(slog.DiscardHandler),
		})
	}
	return accounts.Disable(ctx, commandLine, name)
}

// SignInLink is a one-time link that signs an administrator in, who is made if there is none.
func (s *Server) SignInLink(ctx context.Context, name, role string) (AdministratorLink, error) {
	made, err := s.accounts.SignInLink(ctx, commandLine, name, record.Role(role))
	return linkOf(s.url, made), err
}

// Administrators are all administrators of the console, ascending by name.
func (c *Credentials) Administrators(ctx context.Context) ([]signin.Account, error) {
	return c.accounts.List(ctx)
}
