package client

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Client calls one server. It may be used by many goroutines at once; make one
// and keep it.
type Client struct {
	Entitlements *EntitlementsService
	Agreements   *AgreementsService
	Customers    *CustomersService
	Usage        *UsageService
	Holds        *HoldsService
	Grants       *GrantsService
	Webhooks     *WebhooksService
	Credits      *CreditsService
	Catalog      *CatalogService
	Plans        *PlansService
	Account      *AccountService
	Events       *EventsService

	base     string // without a slash at the end
	http     *http.Client
	attempts int
	defaults []CallOption
	tokens   *tokenSource // nil without credentials
}

const (
	defaultTimeout  = 30 * time.Second
	defaultAttempts = 4
)

// New returns a client of the server at baseURL, such as http://127.0.0.1:8080
// or https://SUBDOMAIN.kinde.com. It sends nothing yet.
func New(baseURL string, opts ...Option) (*Client, error) {
	base, err := parseBase(baseURL)
	if err != nil {
		return nil, err
	}
	c := &Client{base: base, http: &http.Client{}, attempts: defaultAttempts}
	for _, o := range opts {
		if err := o.configure(c); err != nil {
			return nil, err
		}
	}
	// The API answers where it is asked. A redirect followed would carry
	// credentials to wherever it points.
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

	if c.tokens != nil {
		if c.tokens.id == "" {
			return nil, errors.New("audience or scopes are given without credentials: add WithCredentials")
		}
		c.tokens.client = c
		if c.tokens.audience == "" {
			c.tokens.audience = c.base + "/api"
		}
	}
	c.Entitlements = &EntitlementsService{c}
	c.Agreements = &AgreementsService{c}
	c.Customers = &CustomersService{c}
	c.Usage = &UsageService{c}
	c.Holds = &HoldsService{c}
	c.Grants = &GrantsService{c}
	c.Webhooks = &WebhooksService{c}
	c.Credits = &CreditsService{c}
	c.Catalog = &CatalogService{c}
	c.Plans = &PlansService{c}
	c.Account = &AccountService{c}
	c.Events = &EventsService{c}
	return c, nil
}

// parseBase checks a base URL and takes the slashes from its end.
func parseBase(raw string) (string, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		// The cause would repeat the URL, and a password in it.
		return "", errors.New("base URL is no URL: want one such as http://127.0.0.1:8080")
	case u.User != nil:
		return "", fmt.Errorf("base URL of %s holds a user: give credentials as an option", u.Host)
	case u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		return "", errors.New("base URL does not begin with http:// or https:// and a host: want one such as http://127.0.0.1:8080")
	case u.RawQuery != "" || u.Fragment != "":
		return "", fmt.Errorf("base URL of %s has a query or a fragment: want scheme, host and path only", u.Host)
	}
	return strings.TrimRight(raw, "/"), nil
}
