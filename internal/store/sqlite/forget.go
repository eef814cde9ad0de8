package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// What is deleted is written over with zeros (secure_delete), in the page that it was in;
// pages as they were before are in the write-ahead log until it is copied and shortened to
// nothing.

const (
	// forgetWait is for how long who has erased something waits for the log.
	forgetWait = 2 * time.Second
	// forgetEvery is how often it is tried meanwhile, where a reader of an older state is in
	// the way, and forgetAgain how often after that.
	forgetEvery = 20 * time.Millisecond
	forgetAgain = time.Second
)

// forget has the log copied and shortened to nothing. It returns when that is done, or
// after a while: then it is done as soon as nobody reads what was there before.
func (c *checkpoints) forget(ctx context.Context) {
	c.erased.Store(true)
	ctx, cancel := context.WithTimeout(ctx, forgetWait)
	defer cancel()
	tick := time.NewTicker(forgetEvery)
	defer tick.Stop()
	for c.erased.Load() {
		select {
		case c.wake <- struct{}{}:
		default: // it is awake
		}
		select {
		case <-ctx.Done():
			return
		case <-c.done:
			return
		case <-tick.C:
		}
	}
}

// shorten does what forget asks for, if it can be done now.
func (c *checkpoints) shorten(ctx context.Context, conn *sql.Conn) error {
	after, err := c.begin()
	if err != nil {
		return err
	}
	defer after()
	turn, err := c.writer.Conn(ctx)
	if err != nil {
		return err
	}
	defer turn.Close()
	now, err := checkpoint(ctx, conn, "truncate")
	if err != nil || now.busy {
		return err
	}
	c.erased.Store(false)
	c.next.Store(c.pass)
	return nil
}

// clean writes over what was deleted by versions that did not, once: the file is made anew.
func (db *DB) clean(ctx context.Context) error {
	var there, cleaned bool
	if err := db.writer.QueryRowContext(ctx, hasCommits).Scan(&there); err != nil || !there {
		return err
	}
	if err := db.writer.QueryRowContext(ctx, "select cleaned from commits where one = 1").Scan(&cleaned); err != nil || cleaned {
		return err
	}
	began := time.Now()
	db.log.Info("what was deleted before is removed from the pages of the database, once; that takes as much room again on the disk")
	for _, statement := range []string{"vacuum", "update commits set cleaned = 1 where one = 1", "pragma wal_checkpoint(truncate)"} {
		if _, err := db.writer.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("remove what was deleted before: %w", err)
		}
	}
	db.log.Info("what was deleted before is removed", "took", time.Since(began).Round(time.Millisecond))
	return nil
}
