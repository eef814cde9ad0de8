package client

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"
)

const (
	tokenPath = "/oauth2/token"

	earlyRefresh = time.Minute
	// Kinde's own clients take this for a token whose answer does not say.
	defaultLife = time.Hour
)

// tokenSource fetches tokens with client credentials and keeps the last one. At
// most one fetch is under way. It does not end with the call that began it,
// because others wait for it too.
type tokenSource struct {
	client                      *Client
	id, secret, audience, scope string

	mu    sync.Mutex
	token string
	until time.Time // when to fetch the next
	fetch *tokenFetch
}

type tokenFetch struct {
	done  chan struct{}
	token string
	err   error
}

// tokenSource returns the client's, making it where an option is the first to
// need it.
func (c *Client) tokenSource() *tokenSource {
	if c.tokens == nil {
		c.tokens = &tokenSource{}
	}
	return c.tokens
}

// get returns a token other than refused, and whether it is one kept from
// before.
func (s *tokenSource) get(ctx context.Context, refused string) (token string, cached bool, err error) {
	s.mu.Lock()
	if s.token != "" && s.token != refused && time.Now().Before(s.until) {
		defer s.mu.Unlock()
		return s.token, true, nil
	}
	f := s.fetch
	if f == nil {
		f = &tokenFetch{done: make(chan struct{})}
		s.fetch = f
		go s.run(context.WithoutCancel(ctx), f)
	}
	s.mu.Unlock()

	select {
	case <-f.done:
		return f.token, false, f.err
	case <-ctx.Done():
		return "", false, fmt.Errorf("waiting for a token: %w", ctx.Err())
	}
}

func (s *tokenSource) run(ctx context.Context, f *tokenFetch) {
	began := time.Now()
	answer, err := s.request(ctx)

	s.mu.Lock()
	defer s.mu.Unlock()
	s.fetch = nil
	f.err = err
	if err == nil {
		f.token = answer.AccessToken
		life := defaultLife
		if answer.ExpiresIn > 0 {
			life = time.Duration(answer.ExpiresIn) * time.Second
		}
		s.token = f.token
		s.until = began.Add(life - min(earlyRefresh, life/2))
	}
	close(f.done)
}

// tokenAnswer is what is needed of an answer of the token endpoint.
type tokenAnswer struct {
	AccessToken string  `json:"access_token"`
	ExpiresIn   integer `json:"expires_in"`
}

func (s *tokenSource) request(ctx context.Context) (*tokenAnswer, error) {
	form := url.Values{
		"grant_type":    {"client_credentials"},
		"client_id":     {s.id},
		"client_secret": {s.secret},
		"audience":      {s.audience},
	}
	if s.scope != "" {
		form.Set("scope", s.scope)
	}
	// Built by hand: the options of calls are not for this request, which must
	// not carry a token either.
	r := &request{
		method:  http.MethodPost,
		path:    tokenPath,
		base:    s.client.base,
		header:  http.Header{"Accept": {"application/json"}, "User-Agent": {"allot-go"}},
		timeout: defaultTimeout,
	}
	r.setBody("application/x-www-form-urlencoded", []byte(form.Encode()))

	anonymous := &Client{http: s.client.http, attempts: s.client.attempts}
	answer, err := get[tokenAnswer](ctx, anonymous, r)
	if err != nil {
		return nil, fmt.Errorf("fetching a token: %w", err)
	}
	if answer.AccessToken == "" {
		return nil, fmt.Errorf("fetching a token: the answer of %s holds none", s.client.base+tokenPath)
	}
	return answer, nil
}
