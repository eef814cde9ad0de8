package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// What was committed stands in the write-ahead log until a checkpoint copies it into the
// file. SQLite would do that within the commit that makes the log too long, which then
// takes as long as ten others. Here it is done beside the writer:
//
//   - A pass copies what it can, on a connection of its own. Readers and the writer go
//     on, so that the log grows meanwhile, and nothing may begin at its start again.
//   - Once little is left it takes the writer's turn, copies the rest and lets the log
//     begin anew. Within the turn it waits for readers of what was there before, but
//     not for long: one that stays has the log grow until it is gone.
//   - A writer waits for the pass under way only if the log has far more than was
//     copied: the disk is slower than those who write.
//
// Whoever has the file open does so, also a tool beside a server: of two passes at one
// time one does nothing. A pass that fails, as on a full disk, is begun again when the
// log has grown; what is in the log is safe there, and read from there.
type checkpoints struct {
	limits
	file   *sql.DB // two connections: for passes and for measuring
	writer *sql.DB
	log    *slog.Logger
	// around, unless nil, is called before the file is written to, which an error of it forbids. What it
	// returns is called when that is done.
	around func() (after func(), err error)

	erased atomic.Bool  // what was erased is still in the log
	next   atomic.Int64 // of how many pages the log must be for the next pass
	wake   chan struct{}
	stop   context.CancelFunc
	done   chan struct{}

	mu    sync.Mutex
	ended chan struct{} // closed when a pass has ended

	passes, resets, held, failures, waits atomic.Uint64
}

// PageSize is how many bytes a page of the file has.
const PageSize = 4096

// limits are in pages.
type limits struct {
	pass int64 // how long the log is when a pass begins
	rest int64 // what may be left to copy in the writer's turn
	most int64 // what may be left to copy before writers wait
}

// A pass copies a page once however often the log has it, so that a longer log has less copied. But the
// longer it is, the longer those who write wait behind the disk at the end of a pass.
var ordinary = limits{pass: 6144, rest: 64, most: 32768}

const (
	// mostPasses is how many passes are made before the writer's turn is taken, to have
	// little left in it.
	mostPasses = 8
	// turnWait is for how many milliseconds the writer's turn is kept for readers.
	turnWait = 20
)

// LogStats is how the write-ahead log is.
type LogStats struct {
	Pages, Copied int64  // in it, and how many of them are in the file
	Passes        uint64 // of copying
	Resets        uint64 // how often it began anew
	Held          uint64 // how often a reader or another program kept it from that
	Failures      uint64
	Waits         uint64 // of writers for a pass
}

func newCheckpoints(ctx context.Context, path string, writer *sql.DB, l limits, log *slog.Logger) (*checkpoints, error) {
	file, err := connect(path, 2, "")
	if err != nil {
		return nil, err
	}
	c := &checkpoints{limits: l, file: file, writer: writer, log: log,
		wake: make(chan struct{}, 1), done: make(chan struct{}), ended: make(chan struct{})}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	c.next.Store(l.pass)
	err = openAll(ctx, file, 2)
	var conn *sql.Conn
	if err == nil {
		conn, err = file.Conn(ctx)
	}
	if err == nil {
		_, err = conn.ExecContext(ctx, fmt.Sprintf("pragma busy_timeout(%d)", turnWait))
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	ctx, c.stop = context.WithCancel(context.WithoutCancel(ctx))
	go c.run(ctx, conn)
	return c, nil
}

func (c *checkpoints) close() error {
	c.stop()
	<-c.done
	return c.file.Close()
}

func (c *checkpoints) run(ctx context.Context, conn *sql.Conn) {
	defer close(c.done)
	defer conn.Close()
	var again <-chan time.Time // nil unless there is something to be tried again
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.wake:
		case <-again:
		}
		if err := c.awake(ctx, conn); err != nil && ctx.Err() == nil {
			c.failures.Add(1)
			c.log.Warn("the write-ahead log cannot be copied into the database file; it grows until it can be", "error", err)
		}
		c.endPass()
		again = nil
		if c.erased.Load() {
			again = time.After(forgetAgain)
		}
	}
}

// awake does what there is to do.
func (c *checkpoints) awake(ctx context.Context, conn *sql.Conn) error {
	if c.erased.Load() {
		return c.shorten(ctx, conn)
	}
	return c.tend(ctx, conn)
}

// room has a pass begun if it is time, and waits for its end if there is far too much
// to copy. It is called before a transaction that writes.
func (c *checkpoints) room(ctx context.Context) error {
	now, err := checkpoint(context.WithoutCancel(ctx), c.file, "noop")
	if err != nil || now.pages < c.next.Load() {
		return nil //nolint:nilerr // what cannot be measured shows when it is written to
	}
	c.mu.Lock()
	ended := c.ended
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default: // it is awake
	}
	if now.pages-now.copied < c.most {
		return nil
	}
	c.waits.Add(1)
	select {
	case <-ended:
		return nil
	case <-c.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *checkpoints) endPass() {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.ended)
	c.ended = make(chan struct{})
}

// tend copies the log and lets it begin anew, if it is long enough.
func (c *checkpoints) tend(ctx context.Context, conn *sql.Conn) error {
	now, err := checkpoint(ctx, conn, "noop")
	if err != nil || now.pages < c.next.Load() {
		return err
	}
	c.next.Store(now.pages + c.pass) // unless it begins anew
	after, err := c.begin()
	if err != nil {
		return err
	}
	defer after()
	for range mostPasses {
		before := now.copied
		if now, err = checkpoint(ctx, conn, "passive"); err != nil {
			return err
		}
		c.passes.Add(1)
		c.endPass()
		if now.pages-now.copied <= c.rest || now.copied <= before {
			break
		}
	}
	if now.pages-now.copied > c.rest {
		c.held.Add(1)
		return nil
	}
	return c.reset(ctx, conn)
}

// begin is around, if there is one.
func (c *checkpoints) begin() (after func(), err error) {
	if c.around == nil {
		return func() {}, nil
	}
	return c.around()
}

// reset copies what is left and lets the log begin anew, in the writer's turn.
func (c *checkpoints) reset(ctx context.Context, conn *sql.Conn) error {
	turn, err := c.writer.Conn(ctx)
	if err != nil {
		return err
	}
	defer turn.Close()
	now, err := checkpoint(ctx, conn, "restart")
	if err != nil {
		return err
	}
	if now.busy {
		c.held.Add(1)
		return nil
	}
	c.resets.Add(1)
	c.next.Store(c.pass)
	return nil
}

func (c *checkpoints) stats(ctx context.Context) (LogStats, error) {
	now, err := checkpoint(ctx, c.file, "noop")
	return LogStats{
		Pages: now.pages, Copied: now.copied,
		Passes: c.passes.Load(), Resets: c.resets.Load(), Held: c.held.Load(), Failures: c.failures.Load(), Waits: c.waits.Load(),
	}, err
}

// logState is what a checkpoint says of the log.
type logState struct {
	busy          bool // something kept it from being done
	pages, copied int64
}

// checkpoint makes one of a mode: noop only looks.
func checkpoint(ctx context.Context, on interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}, mode string) (now logState, err error) {
	err = on.QueryRowContext(ctx, "pragma wal_checkpoint("+mode+")").Scan(&now.busy, &now.pages, &now.copied)
	return now, err
}

// LogStats is how the write-ahead log is now.
func (db *DB) LogStats(ctx context.Context) (LogStats, error) {
	if db.checkpoints == nil {
		return LogStats{}, nil
	}
	return db.checkpoints.stats(ctx)
}
