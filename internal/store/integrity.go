package store

import "context"

// Denied says which rights on what is the store's own its user has not, such as
// "INSERT on records"; none of a file.
func (s *Store) Denied(ctx context.Context) ([]string, error) {
	if s.file != nil {
		return nil, nil
	}
	return s.nodes.Denied(ctx)
}

// Integrity has the engine check itself, and says what is damaged: see
// [sqlite.DB.Integrity] and [postgres.DB.Integrity].
func (s *Store) Integrity(ctx context.Context) ([]string, error) {
	if s.file != nil {
		return s.file.Integrity(ctx)
	}
	return s.nodes.Integrity(ctx)
}
