package client

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/allot-dev/allot/api"
)

// Option is given to [New].
type Option interface{ configure(*Client) error }

type option func(*Client) error

func (o option) configure(c *Client) error { return o(c) }

// CallOption is given to one call. Given to [New], it holds for every call and
// yields to the call's own.
type CallOption func(*request)

// configure tries the option, for what is wrong with it is wrong with every call.
func (o CallOption) configure(c *Client) error {
	tried := request{header: http.Header{}}
	o(&tried)
	c.defaults = append(c.defaults, o)
	return tried.err
}

// WithCredentials makes the client fetch its tokens from BASE/oauth2/token with
// the grant client_credentials. The token's audience is BASE/api unless
// [WithAudience] says otherwise.
func WithCredentials(id, secret string) Option {
	return option(func(c *Client) error {
		if id == "" || secret == "" {
			return errors.New("credentials need a client id and a secret")
		}
		c.tokenSource().id, c.tokenSource().secret = id, secret
		return nil
	})
}

// WithAudience sets the audience of the tokens that [WithCredentials] fetches.
func WithAudience(audience string) Option {
	return option(func(c *Client) error {
		c.tokenSource().audience = audience
		return nil
	})
}

// WithScopes asks for tokens with these scopes only. By default they carry all
// that the client was granted.
func WithScopes(scopes ...string) Option {
	return option(func(c *Client) error {
		c.tokenSource().scope = strings.Join(scopes, " ")
		return nil
	})
}

// WithHTTPClient sets what requests are sent with: its transport, cookies and
// timeout. It is copied; redirects are not followed whatever it says.
func WithHTTPClient(h *http.Client) Option {
	return option(func(c *Client) error {
		if h == nil {
			return errors.New("the HTTP client is nil")
		}
		copied := *h
		c.http = &copied
		return nil
	})
}

// WithAttempts sets how often a call that may be repeated is sent at most; the
// default is 4, and 1 means never again.
func WithAttempts(n int) Option {
	return option(func(c *Client) error {
		if n < 1 {
			return fmt.Errorf("attempts are %d: want at least 1", n)
		}
		c.attempts = n
		return nil
	})
}

// WithToken sends this bearer token in place of one fetched with credentials.
func WithToken(token string) CallOption {
	return func(r *request) { r.token = token }
}

// WithHeader sets a header of the request, in place of the client's own of that
// name.
func WithHeader(name, value string) CallOption {
	return func(r *request) { r.header.Set(name, value) }
}

// WithBaseURL sends the request to another server. The token sent there is the
// client's own, unless [WithToken] gives another.
func WithBaseURL(baseURL string) CallOption {
	return func(r *request) {
		base, err := parseBase(baseURL)
		if err != nil {
			r.err = err
		}
		r.base = base
	}
}

// WithTimeout bounds the whole call: fetching a token, every attempt, the waits
// between them and reading the answer. The default is 30 seconds; 0 leaves only
// the context's own deadline.
func WithTimeout(d time.Duration) CallOption {
	return func(r *request) { r.timeout = d }
}

// WithIdempotencyKey names the work of a POST, which the server then does once
// however often it is sent: the first answer is given again. So the call is tried
// again where it would not be, and may be made again after a crash with a key that
// was kept. 1 to 255 characters of printable ASCII. Without this option calls of
// Allot's own API get a random key each. Give it to a call, never to [New]: a key
// is for one piece of work.
func WithIdempotencyKey(key string) CallOption {
	return func(r *request) {
		outside := func(c rune) bool { return c < ' ' || c > '~' }
		if key == "" || len(key) > api.MaxIdempotencyKey || strings.ContainsFunc(key, outside) || strings.TrimSpace(key) != key {
			r.err = fmt.Errorf("an idempotency key of %d characters: want 1 to %d of printable ASCII, without spaces around", len(key), api.MaxIdempotencyKey)
			return
		}
		r.header.Set(api.HeaderIdempotencyKey, key)
	}
}

// Response is what came with an answer.
type Response struct {
	Status    int
	Header    http.Header
	RequestID string // names the request in the server's log; may be empty
	Replayed  bool   // the answer was given before, to the same idempotency key
}

// WithResponse stores in *to what came with the answer, be it a refusal. Without
// any answer *to stays as it is. Give it to a call, never to [New]: calls at the
// same time would write to one place.
func WithResponse(to *Response) CallOption {
	return func(r *request) { r.response = to }
}
