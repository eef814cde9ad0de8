package server

import (
	"context"
	"errors"
	"time"

	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/store"
)

// upgradeEvery is how often a server says that an upgrade waits to be finished.
const upgradeEvery = 24 * time.Hour

// upgrade finishes an upgrade where no other server can be, and else says, at once
// and then every day until ctx ends, that somebody has to: nobody but the operator
// knows when the last server of the version before is gone.
func (s *Server) upgrade(ctx context.Context) {
	tick := time.NewTicker(upgradeEvery)
	defer tick.Stop()
	for {
		catalog, err := s.billing.Catalog(ctx)
		switch {
		case err != nil || !catalog.Unfinished:
		case s.place.store.Nodes() == nil:
			_, err = s.billing.Finish(ctx, itself)
		default:
			s.log.Warn("an upgrade is not finished: what servers of the version before do not know is refused. Once all are of this version, run allot migrate --finish")
		}
		if err != nil && ctx.Err() == nil {
			s.log.Error("an upgrade is not finished", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// finish says that no server of the version before runs on a place.
func finish(ctx context.Context, st *store.Store, m *Migration) error {
	s := service.Service{Store: st}
	var err, counted error
	m.Finished, err = s.Finish(ctx, itself)
	m.Servers, counted = st.Servers(ctx)
	return errors.Join(err, counted)
}
