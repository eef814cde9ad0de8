package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/allot-dev/allot/internal/store/sqlstore"
)

// isolations are how transactions are begun that are one batch.
var isolations = map[sql.IsolationLevel]string{
	sql.LevelReadCommitted:  "begin isolation level read committed",
	sql.LevelRepeatableRead: "begin isolation level repeatable read",
}

// batch implements [sqlstore.Batch]: all is sent at once, and one answer comes back. With
// a transaction its begin and its commit are sent along, so that from then on only the
// server's word tells that it has not come to pass; see [refused].
func batch(ctx context.Context, db *sql.DB, tx *sql.TxOptions, statements []sqlstore.Statement) (done int, err error) {
	c, err := db.Conn(ctx)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	err = c.Raw(func(raw any) error {
		conn := raw.(*stdlib.Conn).Conn()
		if conn.IsClosed() {
			return driver.ErrBadConn
		}
		switch {
		case tx == nil && len(statements) == 1: // without what a pipeline takes
			if err = ask(ctx, conn, statements[0]); err == nil {
				done = 1
			}
			return err
		case tx == nil:
			done, err = send(ctx, conn, statements)
			return err
		}
		all := make([]sqlstore.Statement, 0, len(statements)+2)
		all = append(all, sqlstore.Statement{Query: isolations[tx.Isolation]})
		all = append(all, statements...)
		all = append(all, sqlstore.Statement{Query: "commit"})
		done, err = send(ctx, conn, all)
		if err != nil && !conn.IsClosed() && conn.PgConn().TxStatus() != 'I' {
			_, _ = conn.Exec(ctx, "rollback") // else the pool gives the connection up
		}
		if err != nil && !(done <= len(statements) && refused(err)) {
			err = &sqlstore.CommitError{Err: err}
		}
		done = min(max(done-1, 0), len(statements))
		return err
	})
	return done, err
}

// send sends statements and reads what comes back. It returns how many have succeeded.
func send(ctx context.Context, conn *pgx.Conn, statements []sqlstore.Statement) (done int, err error) {
	var b pgx.Batch
	for _, s := range statements {
		b.Queue(s.Query, s.Args...)
	}
	results := conn.SendBatch(ctx, &b)
	for ; done < len(statements) && err == nil; done++ {
		var rows pgx.Rows
		if rows, err = results.Query(); err == nil {
			err = read(rows, statements[done])
		}
		if err != nil {
			break
		}
	}
	// What all of them have said stands, whatever comes after.
	if closed := results.Close(); err == nil && done < len(statements) {
		err = closed
	}
	return done, err
}

// ask runs one statement.
func ask(ctx context.Context, conn *pgx.Conn, s sqlstore.Statement) error {
	rows, err := conn.Query(ctx, s.Query, s.Args...)
	if err != nil {
		return err
	}
	return read(rows, s)
}

// read reads what a statement has found.
func read(rows pgx.Rows, s sqlstore.Statement) error {
	defer rows.Close()
	for rows.Next() {
		if s.Row == nil {
			continue
		}
		if err := s.Row(rows); err != nil {
			return fmt.Errorf("a row: %w", err)
		}
	}
	return rows.Err()
}

// refused reports whether an error of a statement before the commit, with which it was
// sent, is the server's word that it has undone them all. That the server or the
// connection ends is none: who says so may stand between.
func refused(err error) bool {
	if _, ok := errors.AsType[pgx.ErrPreprocessingBatch](err); ok {
		return true // nothing was sent
	}
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && e.SeverityUnlocalized == "ERROR"
}
