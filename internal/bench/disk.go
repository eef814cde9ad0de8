package bench

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/allot-dev/allot/internal/bench/load"
	"github.com/allot-dev/allot/internal/server"
)

// syncs is how often a disk can be waited for: a page of a log is written over and
// over, and waited for each time. No commit that stands by itself is faster.
type syncs struct {
	file *os.File
	page int64 // the next
}

const (
	syncPage  = 4096
	syncPages = 1024 // in the file, which does not grow
)

// openSyncs makes a file in a directory.
func openSyncs(dir string) (_ *syncs, err error) {
	f, err := os.CreateTemp(dir, "bench-sync-")
	if err != nil {
		return nil, fmt.Errorf("fdatasync by hand: %w", err)
	}
	s := &syncs{file: f}
	if _, err = f.Write(make([]byte, syncPage*syncPages)); err == nil {
		err = f.Sync()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("fdatasync by hand: %w", err), s.close())
	}
	return s, nil
}

func (s *syncs) measure(ctx context.Context, d time.Duration) (load.Sample, error) {
	page := make([]byte, syncPage)
	sample, err := repeat(d, func() error {
		page[0]++
		_, err := s.file.WriteAt(page, s.page%syncPages*syncPage)
		s.page++
		return errors.Join(err, load.Sync(s.file), ctx.Err())
	})
	sample.Spent.Written = int64(sample.Requests) * syncPage
	return sample, err
}

func (s *syncs) close() error {
	return errors.Join(s.file.Close(), os.Remove(s.file.Name()))
}

// diskOf is a directory on the disk that a database is on; "" if there is none that
// can be written to. That of PostgreSQL is its own: it is another one on the same
// disk, if the server says where it is and that is here.
func diskOf(ctx context.Context, place server.Place) (string, error) {
	if isSQLite(place.Database) {
		return sqliteDir(place.Database), nil
	}
	db, err := sql.Open("pgx", place.Database)
	if err != nil {
		return "", err
	}
	defer db.Close()
	var dir string
	if err := db.QueryRowContext(ctx, "select current_setting('data_directory', true)").Scan(&dir); err != nil {
		return "", ctx.Err() // it is not for everybody to know
	}
	for _, own := range []string{filepath.Dir(place.KeyFile), os.TempDir()} {
		if load.SameDisk(own, dir) {
			return own, nil
		}
	}
	return "", nil
}
