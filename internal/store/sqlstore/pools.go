package sqlstore

import "database/sql"

// Pools are how the connections of readers and of writers stand.
func (s *Store) Pools() (reader, writer sql.DBStats) {
	return s.reader.db.Stats(), s.writer.db.Stats()
}
