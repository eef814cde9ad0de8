package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
)

// pool is a database, how its transactions run, and its prepared statements: one
// for each query text of this package, so there is no bound to keep.
type pool struct {
	db       *sql.DB
	options  sql.TxOptions
	timeout  time.Duration
	prepares bool
	// positional statements are quicker to bind; see [Backend].
	positional  bool
	blindLimits bool     // see [Backend]
	prepared    sync.Map // query text → *sql.Stmt
}

// prepare keeps statements for the transactions to come. It is called between
// transactions: preparing takes a connection, and the writer has but one.
func (p *pool) prepare(ctx context.Context, queries []string) {
	if !p.prepares {
		return
	}
	for _, query := range queries {
		if _, ok := p.prepared.Load(query); ok {
			continue
		}
		stmt, err := p.db.PrepareContext(ctx, p.text(query))
		if err != nil {
			return // it is only slower; the statement itself has just worked
		}
		if _, raced := p.prepared.LoadOrStore(query, stmt); raced {
			stmt.Close() //nolint:sqlclosecheck // deferred, all that are kept would close
		}
	}
}

// text is a query as it is prepared.
func (p *pool) text(query string) string {
	if p.blindLimits {
		query = strings.ReplaceAll(query, "limit $", "limit +$")
	}
	if p.positional {
		query = positional(query)
	}
	return query
}

// positional is a query with ? for its arguments, if it has each once and in
// order; else it is as it was.
func positional(query string) string {
	var b strings.Builder
	rest := query
	for n := 1; ; n++ {
		before, after, found := strings.Cut(rest, "$")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		digits := after[:len(after)-len(strings.TrimLeft(after, "0123456789"))]
		if digits != strconv.Itoa(n) {
			return query
		}
		b.WriteByte('?')
		rest = after[len(digits):]
	}
}

// conn runs statements in one transaction, or one that reads without.
type conn struct {
	ctx        context.Context
	cancel     context.CancelFunc // of ctx; nil without tx
	tx         *sql.Tx            // nil without
	pool       *pool
	unprepared []string
	wrote      bool    // something that a commit has to keep
	recall     *recall // whose turn it has; nil if nothing is noted
	touched    touched
	last       struct {
		query string
		stmt  *sql.Stmt
	} // of statement
}

// begin starts a transaction. Its end must be called, whatever happens.
func (p *pool) begin(ctx context.Context) (*conn, error) {
	cancel := func() {}
	if p.timeout > 0 {
		ctx, cancel = context.WithTimeout(ctx, p.timeout)
	}
	tx, err := p.db.BeginTx(ctx, &p.options)
	if err != nil {
		cancel()
		return nil, fmt.Errorf("begin: %w", err)
	}
	return &conn{ctx: ctx, cancel: cancel, tx: tx, pool: p}, nil
}

// single runs one statement that reads. Within this process it is not cut short
// if the caller goes away: it takes less than to watch for that.
func (p *pool) single(ctx context.Context) *conn {
	if p.timeout == 0 {
		ctx = context.WithoutCancel(ctx)
	}
	return &conn{ctx: ctx, pool: p}
}

// query runs a statement that reads, prepared if it was run before.
func (c *conn) query(query string, args []any) (*sql.Rows, error) {
	c.note(query, args)
	stmt, ok := c.pool.prepared.Load(query)
	switch {
	case ok && c.tx != nil:
		return c.tx.StmtContext(c.ctx, stmt.(*sql.Stmt)).QueryContext(c.ctx, args...) //nolint:sqlclosecheck // the end of tx closes it
	case ok:
		return stmt.(*sql.Stmt).QueryContext(c.ctx, args...)
	case c.tx != nil:
		c.unprepared = append(c.unprepared, query)
		return c.tx.QueryContext(c.ctx, query, args...)
	default:
		c.pool.prepare(c.ctx, []string{query})
		return c.pool.db.QueryContext(c.ctx, query, args...)
	}
}

// note notes what a statement may change, of a transaction that writes.
func (c *conn) note(query string, args []any) {
	if c.recall != nil {
		c.touched.note(query, args)
	}
}

// commit commits the transaction. One whose context has ended may be rolled back already.
func (c *conn) commit() error {
	err := c.tx.Commit()
	if cause := c.ctx.Err(); cause != nil && errors.Is(err, sql.ErrTxDone) {
		return cause
	}
	return err
}

// end rolls back what has not been committed.
func (c *conn) end() {
	_ = c.tx.Rollback() // nothing to roll back after a commit; nothing to do if it fails
	c.recall.end()
	c.pool.prepare(c.ctx, c.unprepared)
	c.cancel()
}

// statement is one that was prepared before, in the transaction; nil if it was not. One
// that writes is often run several times in a row.
func (c *conn) statement(query string) *sql.Stmt {
	if c.last.stmt != nil && c.last.query == query {
		return c.last.stmt
	}
	stmt, ok := c.pool.prepared.Load(query)
	if !ok {
		return nil
	}
	c.last.query, c.last.stmt = query, c.tx.StmtContext(c.ctx, stmt.(*sql.Stmt))
	return c.last.stmt
}

// exec runs a statement and returns how many rows it wrote.
func (c *conn) exec(query string, args ...any) (int64, error) {
	if err := checkArgs(args); err != nil {
		return 0, err
	}
	c.note(query, args)
	var result sql.Result
	var err error
	if stmt := c.statement(query); stmt != nil { //nolint:sqlclosecheck // the end of tx closes it
		result, err = stmt.ExecContext(c.ctx, args...)
	} else {
		c.unprepared = append(c.unprepared, query)
		result, err = c.tx.ExecContext(c.ctx, query, args...)
	}
	if err != nil {
		return 0, c.fault(query, err)
	}
	n, err := result.RowsAffected()
	c.wrote = c.wrote || n > 0
	return n, err
}

// lock runs an update that changes nothing, for the lock of its row.
func (c *conn) lock(query string, args ...any) error {
	before := c.wrote
	err := c.change(query, args...)
	c.wrote = before
	return err
}

// create runs an insert that does nothing on conflict.
func (c *conn) create(query string, args ...any) error {
	return c.expect(billing.ErrExists, query, args...)
}

// change runs an update or delete of one row.
func (c *conn) change(query string, args ...any) error {
	return c.expect(billing.ErrNotFound, query, args...)
}

func (c *conn) expect(otherwise error, query string, args ...any) error {
	n, err := c.exec(query, args...)
	if err == nil && n == 0 {
		return otherwise
	}
	return err
}

// row is what a record is read from: a [sql.Rows] at one of its rows.
type row = interface{ Scan(into ...any) error }

// one returns the record a query finds, or [billing.ErrNotFound].
func one[T any](c *conn, scan func(row) (T, error), query string, args ...any) (T, error) {
	found, err := list(c, scan, query, args...)
	if err == nil && len(found) == 0 {
		err = billing.ErrNotFound
	}
	if err != nil {
		var zero T
		return zero, err
	}
	return found[0], nil
}

// list returns all records a query finds.
func list[T any](c *conn, scan func(row) (T, error), query string, args ...any) ([]T, error) {
	if err := checkArgs(args); err != nil {
		return nil, err
	}
	rows, err := c.query(query, args)
	if err != nil {
		return nil, c.fault(query, err)
	}
	defer rows.Close()
	var found []T
	for rows.Next() {
		record, err := scan(rows)
		if err != nil {
			return nil, unreadable(c.fault(query, err))
		}
		found = append(found, record)
	}
	if err := rows.Err(); err != nil {
		return nil, c.fault(query, err)
	}
	return found, nil
}

// unreadable is the error of a row that is there.
func unreadable(err error) error { return fmt.Errorf("%w: %w", service.ErrUnreadable, err) }

// value scans a record that is one column.
func value[T any](r row) (v T, err error) { return v, r.Scan(&v) }

// fault names the statement by its first words. A statement that was cut short
// because the caller went away fails in the driver's words; that it is the
// context's doing is added, so that it can be told by [errors.Is].
func (c *conn) fault(query string, err error) error {
	words := strings.Fields(query)
	err = fmt.Errorf("%s …: %w", strings.Join(words[:min(4, len(words))], " "), err)
	if cause := c.ctx.Err(); cause != nil && !errors.Is(err, cause) {
		err = fmt.Errorf("%w: %w", cause, err)
	}
	return err
}

// checkArgs refuses text that the backends would keep differently.
func checkArgs(args []any) error {
	for _, arg := range args {
		var text string
		switch v := arg.(type) {
		case nil, int64, []byte, start, end, instant, optional:
			continue
		case string:
			text = v
		default:
			value := reflect.ValueOf(arg)
			if value.Kind() != reflect.String {
				continue
			}
			text = value.String()
		}
		if err := checkText(text); err != nil {
			return err
		}
	}
	return nil
}

// checkText returns an error of kind [billing.Invalid] for text that is not
// valid UTF-8 or has a NUL. It does not repeat the text, which may be personal.
func checkText(texts ...string) error {
	for _, s := range texts {
		if !utf8.ValidString(s) || strings.IndexByte(s, 0) >= 0 {
			return &billing.Error{
				Kind:    billing.Invalid,
				Code:    "TEXT_INVALID",
				Message: "text must be valid UTF-8 without NUL",
			}
		}
	}
	return nil
}

// limitOf is how many rows to fetch for a page: one more than it holds, which
// tells whether there are more.
func limitOf[K any](page service.Page[K]) int { return page.Size + 1 }

// cut makes a page of rows fetched in the direction of travel.
func cut[T, K any](rows []T, page service.Page[K]) ([]T, bool) {
	more := len(rows) > page.Size
	if more {
		rows = rows[:page.Size]
	}
	if page.Before != nil {
		slices.Reverse(rows)
	}
	return rows, more
}
