package postgres

import (
	"context"
	"time"
)

// Clock is what the database's clock shows.
func (db *DB) Clock(ctx context.Context) (time.Time, error) {
	var us int64
	err := db.reader.QueryRowContext(ctx, `select cast(extract(epoch from clock_timestamp()) * 1000000 as bigint)`).Scan(&us)
	return time.UnixMicro(us).UTC(), err
}
