package client

import (
	"bytes"
	"context"
	cryptorand "crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/allot-dev/allot/api"
)

// request is one call before it is sent.
type request struct {
	method string
	path   string // escaped, from the slash after the base
	query  url.Values
	body   []byte

	base     string
	token    string // overrides the token source
	header   http.Header
	timeout  time.Duration
	response *Response
	raw      bool // leave the body of the answer unread
	asks     bool // changes nothing, though it is a POST
	err      error
}

// newRequest lays the client's defaults and the call's options over a call.
func (c *Client) newRequest(method, path string, query url.Values, opts []CallOption) *request {
	r := &request{
		method:  method,
		path:    path,
		query:   query,
		base:    c.base,
		header:  http.Header{"Accept": {"application/json"}, "User-Agent": {"allot-go"}},
		timeout: defaultTimeout,
	}
	for _, o := range slices.Concat(c.defaults, opts) {
		o(r)
	}
	return r
}

// setBody gives the request a body of this type, unless the caller set another
// type.
func (r *request) setBody(contentType string, body []byte) {
	r.body = body
	if r.header.Get("Content-Type") == "" {
		r.header.Set("Content-Type", contentType)
	}
}

// setJSON gives the request a body.
func (r *request) setJSON(body any) {
	data, err := json.Marshal(body)
	if err != nil && r.err == nil {
		r.err = err
	}
	r.setBody("application/json", data)
}

// setWork gives the request a body, and a key under which the server does the
// work once however often it is sent. Only Allot's own routes are sure to honour
// it, so requests to those that Kinde has too get a key from their caller or none.
func (r *request) setWork(body any) {
	r.setJSON(body)
	r.setKey()
}

// setKey gives the request a random key, unless the caller set one.
func (r *request) setKey() {
	if r.header.Get(api.HeaderIdempotencyKey) == "" {
		r.header.Set(api.HeaderIdempotencyKey, cryptorand.Text())
	}
}

// keyed reports whether the work of the request is done once.
func (r *request) keyed() bool {
	return r.method == http.MethodPost && r.header.Get(api.HeaderIdempotencyKey) != ""
}

// get makes a call and decodes its answer into a T.
func get[T any](ctx context.Context, c *Client, r *request) (*T, error) {
	body, err := c.read(ctx, r)
	if err != nil {
		return nil, err
	}
	v := new(T)
	if err := json.Unmarshal(body, v); err != nil {
		return nil, fmt.Errorf("%s %s: answer: %w", r.method, r.path, err)
	}
	return v, nil
}

// read makes a call and returns the body of its answer. A refusal is an *Error.
func (c *Client) read(ctx context.Context, r *request) ([]byte, error) {
	resp, err := c.open(ctx, r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return nil, refusal(r, resp)
	}
	return io.ReadAll(resp.Body)
}

// open makes a call and returns its answer, whatever the status. The caller
// closes the body, which ends the call's timeout.
func (c *Client) open(ctx context.Context, r *request) (*http.Response, error) {
	if r.err != nil {
		return nil, r.err
	}
	cancel := context.CancelFunc(func() {})
	if r.timeout > 0 {
		ctx, cancel = context.WithTimeout(ctx, r.timeout)
	}
	resp, err := c.exchange(ctx, r)
	if err != nil {
		cancel()
		return nil, err
	}
	resp.Body = &callBody{resp.Body, cancel}
	if r.response != nil {
		*r.response = Response{
			Status:    resp.StatusCode,
			Header:    resp.Header,
			RequestID: resp.Header.Get(api.HeaderRequestID),
			Replayed:  resp.Header.Get(api.HeaderIdempotencyReplayed) == "true",
		}
	}
	return resp, nil
}

type callBody struct {
	io.ReadCloser
	cancel context.CancelFunc
}

func (b *callBody) Close() error {
	err := b.ReadCloser.Close()
	b.cancel()
	return err
}

// exchange sends a request until there is an answer to keep.
func (c *Client) exchange(ctx context.Context, r *request) (*http.Response, error) {
	var refused string // a cached token that the server would not have
	for attempt := 1; ; attempt++ {
		token, cached := "", false
		switch {
		case r.header.Get("Authorization") != "": // the caller's own
		case r.token != "":
			token = r.token
		case c.tokens != nil:
			var err error
			if token, cached, err = c.tokens.get(ctx, refused); err != nil {
				return nil, err
			}
		}
		resp, err := c.send(ctx, r, token)
		if cached && refused == "" && err == nil && refusesToken(resp) {
			// Refused before anything was done, so any method may go again.
			resp.Body.Close()
			refused = token
			continue
		}
		if attempt >= c.attempts || !r.repeatable() || !r.passing(resp, err) {
			return resp, err
		}
		wait, ok := waitBefore(ctx, attempt, resp)
		if !ok {
			return resp, err
		}
		if resp != nil {
			resp.Body.Close()
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, fmt.Errorf("%s %s: %w", r.method, r.path, ctx.Err())
		}
	}
}

const maxAnswerBytes = 64 << 20

// send sends a request once. Unless the caller wants the body raw, it is read
// here, so that an answer cut short counts as a connection that failed.
func (c *Client) send(ctx context.Context, r *request, token string) (*http.Response, error) {
	target := r.base + r.path
	if len(r.query) > 0 {
		target += "?" + r.query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, r.method, target, bytes.NewReader(r.body))
	if err != nil {
		return nil, err
	}
	req.Header = r.header.Clone()
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := c.http.Do(req)
	if err != nil || r.raw {
		return resp, err
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswerBytes+1))
	resp.Body.Close()
	if err != nil {
		return nil, fmt.Errorf("%s %s: answer: %w", r.method, r.path, err)
	}
	if len(body) > maxAnswerBytes {
		return nil, fmt.Errorf("%s %s: answer: %w", r.method, r.path, errTooLong)
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}

var errTooLong = errors.New("longer than 64 MiB")

// refusesToken reports whether an answer says that the token does not hold. It
// leaves the body as it was.
func refusesToken(resp *http.Response) bool {
	if resp.StatusCode == http.StatusUnauthorized {
		return true
	}
	if resp.StatusCode != http.StatusForbidden {
		return false
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxErrorBytes))
	rest := resp.Body
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(body), rest), rest}
	var form api.Errors
	return err == nil && json.Unmarshal(body, &form) == nil &&
		len(form.Errors) > 0 && form.Errors[0].Code == api.CodeInvalidCredentials
}

// repeatable reports whether sending the request twice does no more than once.
func (r *request) repeatable() bool {
	return r.method == http.MethodGet || r.asks || r.keyed() ||
		r.method == http.MethodPost && r.path == tokenPath
}

// passing reports whether the same request may fare better later.
func (r *request) passing(resp *http.Response, err error) bool {
	if err != nil {
		return !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, errTooLong)
	}
	switch resp.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	case http.StatusInternalServerError:
		// Whether the work was done may be unknown even to the server: sent
		// again under its key, that is settled.
		return r.keyed()
	}
	return false
}

const (
	firstBackoff = 200 * time.Millisecond
	maxBackoff   = 5 * time.Second
	maxAskedWait = 30 * time.Second
)

// waitBefore returns how long to wait after the given attempt, and whether that
// is worth it: a wait that the server wants longer than maxAskedWait, or that
// the context would not outlive, is not.
func waitBefore(ctx context.Context, attempt int, resp *http.Response) (time.Duration, bool) {
	asked := askedWait(resp)
	if asked > maxAskedWait {
		return 0, false
	}
	wait := asked + rand.N(min(firstBackoff<<(attempt-1), maxBackoff))
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= wait {
		return 0, false
	}
	return wait, true
}

// askedWait returns how long the server asks to wait, 0 if it does not.
// Retry-After holds seconds or a date; RateLimit-Reset holds seconds and counts
// only where the limit was met.
func askedWait(resp *http.Response) time.Duration {
	if resp == nil {
		return 0
	}
	value := resp.Header.Get("Retry-After")
	if value == "" && resp.StatusCode == http.StatusTooManyRequests {
		value = resp.Header.Get("RateLimit-Reset")
	}
	if seconds, err := strconv.ParseUint(strings.TrimSpace(value), 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if date, err := http.ParseTime(value); err == nil {
		return max(0, time.Until(date))
	}
	return 0
}
