package webtest

import (
	"context"
	"log/slog"
	"net/http"
	"testing"

	"github.com/allot-dev/allot/client"
	"github.com/allot-dev/allot/internal/server"
)

// Server is a real server of a test's own.
type Server struct {
	*server.Server

	API        *client.Client // may do everything
	ID, Secret string         // of the client that API is
	Data       string         // where the server keeps what it knows
}

// Start starts a server in a directory of its own, which ends with the test. The Place and the
// Log of the configuration are not read.
func Start(t testing.TB, cfg server.Config) *Server {
	t.Helper()
	s := &Server{Data: t.TempDir()}
	if cfg.Listen == "" {
		cfg.Listen = "127.0.0.1:0"
	}
	cfg.Place, cfg.Log = server.Place{Data: s.Data}, slog.New(slog.NewTextHandler(t.Output(), nil))
	ctx, stop := context.WithCancel(context.Background())
	var err error
	if s.Server, err = server.Start(ctx, cfg); err != nil {
		stop()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		stop()
		if err := s.Wait(); err != nil {
			t.Error(err)
		}
	})
	made, secret, err := s.CreateClient(t.Context(), "test", []string{server.AllScopes})
	if err != nil {
		t.Fatal(err)
	}
	s.ID, s.Secret = made.ID, secret
	if s.API, err = client.New(s.URL(), client.WithCredentials(made.ID, secret)); err != nil {
		t.Fatal(err)
	}
	return s
}
