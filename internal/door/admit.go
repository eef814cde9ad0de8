package door

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/allot-dev/allot/internal/admission"
	"github.com/allot-dev/allot/internal/auth"
)

// admit finds out who calls and whether it may.
func (d *door) admit(route *served, x *exchange, c *Call) error {
	check := route.Dialect.Admission
	switch {
	case check == nil && route.Health && d.Control != nil:
		x.address = admission.Address(c.RemoteAddr)
		return d.enterStranger(x, c.Request)
	case check == nil:
		return d.stranger(x, c.Request, admission.Open)
	}
	if c.By = insider(c.Request); c.By != nil {
		x.client = actorOf(c.By)
	} else if err := d.prove(x, c); err != nil {
		return err
	}
	err := check.Check(c.By, route.scopes)
	if err == nil {
		err = c.readLeast()
	}
	if err == nil {
		err = c.readKey()
	}
	if err == nil {
		err = d.hold(x, c)
	}
	if errors.Is(err, errBusy) || errors.Is(err, errFull) { // while the body came
		return err
	}
	// A refusal has its turn as well: it costs something, and somebody may send many.
	if busy := d.enter(x, c); busy != nil {
		return busy
	}
	return err
}

// prove finds out whose token a request has, and counts it against its rate limit.
func (d *door) prove(x *exchange, c *Call) error {
	token, err := auth.Bearer(c.Header)
	if err != nil {
		return d.unproved(x, c.Request, err)
	}
	if c.By, err = d.verify(x, c.Request, token); err != nil {
		return err
	}
	c.By = composedPrincipal(c.By)
	x.client = c.By.ClientID
	return d.take(x, c)
}

// actorOf is an administrator as logs name one.
func actorOf(by *auth.Principal) string { return "admin:" + by.ClientID }

// actor is a caller as the change log names it.
func (d *door) actor(by *auth.Principal) string {
	if by.Administrator() {
		return actorOf(by)
	}
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
