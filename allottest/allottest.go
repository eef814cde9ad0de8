// Package allottest runs Allot inside your tests: the real server, on a loopback
// port of its own, with an empty database that goes when the test ends.
//
//	func TestSeats(t *testing.T) {
//		allot := allottest.NewServer(t)
//		allot.Apply(catalog)
//		customer, err := allot.Client.Customers.Create(t.Context(), …)
//		…
//		allot.Clock.Advance(31 * 24 * time.Hour) // the trial is over
//		…
//	}
//
// The key decision: nothing is simulated but the time. A server's [Clock] stands
// still unless the test moves it, so that cycles, trials and scheduled changes
// are tested without waiting; all else is what runs in production.
//
// Start reading at [NewServer].
package allottest

import (
	"context"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
	"github.com/allot-dev/allot/internal/server"
)

// Server is a server that runs until the test ends. It may be used by many
// goroutines at once, but Apply, NewClient and
// UserToken only by the test's own.
type Server struct {
	// URL is where the server is, without a slash at the end.
	URL string
	// Client may do everything.
	Client *client.Client
	// ClientID and ClientSecret are Client's credentials, for other clients.
	ClientID, ClientSecret string
	// Clock is what the server takes for the time.
	Clock *Clock

	t    testing.TB
	srv  *server.Server
	http *http.Client
}

// Option is given to [NewServer].
type Option func(*options)

type options struct {
	now  time.Time
	data string
}

// At starts the server's clock at an instant; by default it is the present.
func At(t time.Time) Option { return func(o *options) { o.now = t } }

// Data keeps the database in a directory, which may hold one already: a second
// server on it, after the first has ended, shows whether what matters survives.
// By default it is a directory of the test's own.
func Data(dir string) Option { return func(o *options) { o.data = dir } }

// NewServer starts a server and fails the test if it cannot. The server ends
// with the test. What it logs is in the test's output.
func NewServer(t testing.TB, opts ...Option) *Server {
	t.Helper()
	o := options{now: time.Now()}
	for _, opt := range opts {
		opt(&o)
	}
	if o.data == "" {
		o.data = t.TempDir()
	}
	s := &Server{
		Clock: NewClock(o.now),
		t:     t,
		http:  &http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()},
	}
	// Not the test's context: that ends before the functions run that the test
	// has given to Cleanup, which may need the server.
	ctx, stop := context.WithCancel(context.Background())
	var err error
	s.srv, err = server.Start(ctx, server.Config{
		Place:  server.Place{Data: o.data},
		Listen: "127.0.0.1:0",
		Log:    slog.New(slog.NewTextHandler(t.Output(), nil)),
		Clock:  s.Clock.Now,
	})
	if err != nil {
		stop()
		t.Fatalf("allottest: %v", err)
	}
	t.Cleanup(func() {
		// A server that ends waits for connections that are open.
		s.http.CloseIdleConnections()
		http.DefaultClient.CloseIdleConnections()
		stop()
		if err := s.srv.Wait(); err != nil {
			t.Errorf("allottest: %v", err)
		}
	})
	s.URL = s.srv.URL()
	s.ClientID, s.ClientSecret = s.credentials(server.AllScopes)
	s.Client = s.client(s.ClientID, s.ClientSecret)
	return s
}

// Apply makes the catalog what a catalog file says, YAML or JSON. It fails the
// test if the file has faults.
func (s *Server) Apply(file string) *api.CatalogChanges {
	s.t.Helper()
	changes, err := s.Client.Catalog.Apply(s.t.Context(), []byte(file), false)
	if err != nil {
		s.t.Fatalf("allottest: apply: %v", err)
	}
	return changes
}

// NewClient makes a client that has these scopes only.
func (s *Server) NewClient(scopes ...string) *client.Client {
	s.t.Helper()
	return s.client(s.credentials(scopes...))
}

// UserToken makes the token of a user, who is in an organization unless orgCode
// is "", for the account API:
//
//	allot.Client.Account.Entitlements(ctx, client.AccountParams{}, client.WithToken(token))
func (s *Server) UserToken(userID, orgCode string) string {
	s.t.Helper()
	token, err := s.srv.Token(s.t.Context(), server.TokenRequest{
		Issuer: s.URL, ClientID: s.ClientID, User: userID, OrgCode: orgCode,
	})
	if err != nil {
		s.t.Fatalf("allottest: %v", err)
	}
	return token.AccessToken
}

func (s *Server) credentials(scopes ...string) (id, secret string) {
	s.t.Helper()
	c, secret, err := s.srv.CreateClient(s.t.Context(), "allottest", scopes)
	if err != nil {
		s.t.Fatalf("allottest: %v", err)
	}
	return c.ID, secret
}

func (s *Server) client(id, secret string) *client.Client {
	s.t.Helper()
	c, err := client.New(s.URL, client.WithCredentials(id, secret), client.WithHTTPClient(s.http))
	if err != nil {
		s.t.Fatalf("allottest: %v", err)
	}
	return c
}
