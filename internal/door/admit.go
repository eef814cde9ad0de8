package door

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/allot-dev/allot/internal/auth"
)

// admit finds out who calls and whether it may.
func (d *door) admit(route *served, x *exchange, c *Call) error {
	admission := route.Dialect.Admission
	if admission == nil {
		return nil
	}
	token, err := auth.Bearer(c.Header)
	if err != nil {
		return err
	}
	if c.By, err = d.Verifier.Verify(c.Context(), token); err != nil {
		return err
	}
	c.By = composedPrincipal(c.By)
	x.client = c.By.ClientID
	if err := d.take(x, c); err != nil {
		return err
	}
	if err := admission.Check(c.By, route.scopes); err != nil {
		return err
	}
	if err := c.readLeast(); err != nil {
		return err
	}
	return c.readKey()
}

// actor is a caller as the change log names it.
func (d *door) actor(by *auth.Principal) string {
	name := "client:" + by.ClientID
	if by.Issuer != d.Issuer {
		name += "@" + by.Issuer
	}
	return name
}

// errThrottled is a request above the rate limit.
var errThrottled = errors.New("too many requests")

// take counts the request against the client's rate limit.
func (d *door) take(x *exchange, c *Call) error {
	quota := d.Limiter.Take(c.By)
	if quota.Limit > 0 {
		x.Header().Set("RateLimit-Limit", strconv.Itoa(quota.Limit))
		x.Header().Set("RateLimit-Remaining", strconv.Itoa(quota.Remaining))
		x.Header().Set("RateLimit-Reset", strconv.Itoa(quota.Reset))
	}
	if quota.Allowed {
		return nil
	}
	// Kinde: Retry-After is sent on POST only
	if c.Method == http.MethodPost {
		x.Header().Set("Retry-After", strconv.Itoa(quota.RetryAfter))
	}
	return errThrottled
}
