package server

import (
	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/store"
)

// keepSpare sees that there is room for a revocation on a disk that is full.
func (s *Server) keepSpare() {
	if err := s.place.store.KeepSpare(); err != nil {
		s.log.Warn("there is no room to keep for a revocation on a full disk", "error", err)
	}
}

// spareOf gives that room up for a revocation that found the disk full.
func spareOf(st *store.Store) func(error) bool {
	return func(err error) bool {
		if codeOf(err) != api.CodeDiskFull {
			return false
		}
		spent, _ := st.SpendSpare() // what keeps it there is no better than a full disk
		return spent
	}
}
