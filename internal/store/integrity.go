package store

import "context"

// Integrity has the engine check itself, and says what is damaged: see
// [sqlite.DB.Integrity] and [postgres.DB.Integrity].
func (s *Store) Integrity(ctx context.Context) ([]string, error) {
	if s.file != nil {
		return s.file.Integrity(ctx)
	}
	return s.nodes.Integrity(ctx)
}
