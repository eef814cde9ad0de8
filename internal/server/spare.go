package server

import (
	"context"
	"errors"

	"github.com/allot-dev/allot/api"
)

// keepSpare sees that there is room for a revocation on a disk that is full.
func (s *Server) keepSpare() {
	if err := s.place.store.KeepSpare(); err != nil {
		s.log.Warn("there is no room to keep for a revocation on a full disk", "error", err)
	}
}

// RevokeClient shuts a client out, and its tokens. On a full disk it takes the room that a server
// kept for it.
func (i *Installation) RevokeClient(ctx context.Context, id string) error {
	err := i.Credentials.RevokeClient(ctx, id)
	if codeOf(err) != api.CodeDiskFull {
		return err
	}
	spent, gone := i.store.SpendSpare()
	if !spent {
		return errors.Join(err, gone)
	}
	return i.Credentials.RevokeClient(ctx, id)
}
