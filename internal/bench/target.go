package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/server"
)

// served is a server that is measured: one that was started here, or one that runs
// elsewhere.
type served struct {
	url         string
	address     string   // host:port to connect to
	process     *process // nil of one that runs elsewhere
	credentials credentials
}

type credentials struct{ id, secret string }

func (s *served) pid() int {
	if s.process == nil {
		return 0
	}
	return s.process.pid()
}

func (s *served) stop() error {
	if s.process == nil {
		return nil
	}
	return s.process.stop()
}

// serve starts a server on a place.
func serve(ctx context.Context, program string, place server.Place, flags []string, c credentials) (*served, error) {
	args := append([]string{"serve", "--listen", "127.0.0.1:0"}, flags...)
	// Not as flags, which others can read: the URL may hold a password.
	env := environment("ALLOT_DATA="+place.Data, "ALLOT_DATABASE="+place.Database, "ALLOT_KEY_FILE="+place.KeyFile)
	p, err := start(ctx, program, env, nil, args...)
	if err != nil {
		return nil, err
	}
	return &served{url: "http://" + p.address, address: p.address, process: p, credentials: c}, nil
}

// target is what requests of a run are rendered for.
func (s *served) target(token string) *target {
	return &target{host: s.address, token: token, run: newRun()}
}

// elsewhere is a server that runs.
func elsewhere(at string, c credentials) (*served, error) {
	u, err := url.Parse(at)
	if err != nil || u.Scheme != "http" || u.Hostname() == "" || strings.Trim(u.Path, "/") != "" {
		return nil, fmt.Errorf("the server is %q: want a URL of the form http://HOST:PORT; TLS is not measured", at)
	}
	port := u.Port()
	if port == "" {
		port = "80"
	}
	return &served{url: "http://" + u.Host, address: net.JoinHostPort(u.Hostname(), port), credentials: c}, nil
}

// token asks the server for a token. No two are the same.
func (s *served) token(ctx context.Context) (string, error) {
	form := url.Values{
		"grant_type": {"client_credentials"}, "client_id": {s.credentials.id}, "client_secret": {s.credentials.secret},
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/oauth2/token", strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return "", fmt.Errorf("the server answers %d when asked for a token: want the id and secret of a client of it", answer.StatusCode)
	}
	var token api.Token
	if err := json.NewDecoder(answer.Body).Decode(&token); err != nil {
		return "", fmt.Errorf("the answer with a token: %w", err)
	}
	return token.AccessToken, nil
}

// tokens asks for some, a few at a time.
func (s *served) tokens(ctx context.Context, n int) ([]string, error) {
	const atOnce = 8
	tokens := make([]string, n)
	errs := make([]error, atOnce)
	var asking sync.WaitGroup
	for k := range atOnce {
		asking.Go(func() {
			for i := k; i < n && errs[k] == nil; i += atOnce {
				tokens[i], errs[k] = s.token(ctx)
			}
		})
	}
	asking.Wait()
	return tokens, errors.Join(errs...)
}

// guest makes a client for the length of a run in an installation.
func guest(ctx context.Context, place server.Place, scopes ...string) (credentials, error) {
	i, err := server.Create(ctx, place)
	if err != nil {
		return credentials{}, err
	}
	client, secret, err := i.CreateClient(ctx, "allot bench", scopes)
	return credentials{client.ID, secret}, errors.Join(err, i.Close())
}

// leave takes the client away.
func (c credentials) leave(ctx context.Context, place server.Place) error {
	i, err := server.Open(ctx, place)
	if err != nil {
		return err
	}
	return errors.Join(i.RevokeClient(ctx, c.id), i.Close())
}
