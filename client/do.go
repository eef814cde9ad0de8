package client

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
)

var errPath = errors.New("a path begins with a slash, such as /v1/catalog")

// Do makes a call that no method is for: target is a path, with a query if there
// is one, escaped as it is to be sent. It returns the answer of any status, with
// the body unread. Close the body; until then the call's timeout runs. A POST of
// Allot's own API gets a random Idempotency-Key unless [WithIdempotencyKey] gives
// one.
func (c *Client) Do(ctx context.Context, method, target string, body []byte, opts ...CallOption) (*http.Response, error) {
	path, rawQuery, _ := strings.Cut(target, "?")
	r := c.newRequest(method, path, nil, opts)
	query, err := url.ParseQuery(rawQuery)
	switch {
	case r.err != nil:
	case !strings.HasPrefix(path, "/"):
		r.err = errPath
	case err != nil:
		r.err = err
	}
	r.query, r.raw = query, true
	if body != nil {
		r.setBody("application/json", body)
	}
	if method == http.MethodPost && strings.HasPrefix(path, "/v1/") {
		r.setKey()
	}
	return c.open(ctx, r)
}
