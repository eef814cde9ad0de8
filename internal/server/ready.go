package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
)

// check says why the server is not ready, as an error of kind [billing.Unavailable] with
// the code that /readyz shows, or nil. What is written meanwhile is refused by a gate of
// the store (sqlstore.Gate), where that is to be.
type check func(context.Context) error

// errDraining is why a server that ends is not ready.
var errDraining = errors.New("the server is ending")

// readyTimeout is how long the database may take to show that it answers.
const readyTimeout = 2 * time.Second

// ready says how requests can be answered, if they can.
func (s *Server) ready(ctx context.Context) (api.Readiness, error) {
	if s.draining.Load() {
		return api.Readiness{}, errDraining
	}
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	for _, check := range s.checks {
		if err := check(ctx); err != nil {
			return api.Readiness{}, err
		}
	}
	err := s.place.store.View(ctx, func(r service.Reader) error {
		_, err := r.Revision(billing.ScopeCatalog)
		return err
	})
	if err == nil {
		if err := s.probe.check(ctx); err != nil {
			return api.Readiness{}, err
		}
	}
	lag, lost := s.snapshots.Lost()
	heard := lag.Round(time.Second / 10)
	switch {
	case err == nil && lost:
		return api.Readiness{Code: api.CodeFeedLost, Message: fmt.Sprintf(
			"the change feed was last read %s ago: answers come from the database, not from memory", heard)}, nil
	case err == nil:
		return api.Readiness(api.OK()), nil
	case lag <= s.serveStale:
		return api.Readiness{Code: api.CodeServingStale, Message: fmt.Sprintf(
			"the database cannot be read: entitlements are answered from memory, as they were %s ago, until that is %s", heard, s.serveStale)}, nil
	}
	return api.Readiness{}, err
}
