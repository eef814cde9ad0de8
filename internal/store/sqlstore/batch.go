package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
)

// Statement is one of several that are run together: see [Backend].Batch.
type Statement struct {
	Query string
	Args  []any
	// Row is called with each row that is found.
	Row func(row) error
}

// Batch runs statements in order, in one trip to the database. With a transaction
// they are one, else each sees a state of its own.
//
// It returns how many have succeeded. An error with a transaction is a [*CommitError]
// if the transaction may have been committed. Without one, and on any other error,
// nothing is written.
type Batch func(ctx context.Context, db *sql.DB, tx *sql.TxOptions, statements []Statement) (done int, err error)

// batch runs statements that belong together, with what is allowed to them all.
func (p *pool) batch(ctx context.Context, run Batch, tx *sql.TxOptions, statements []Statement) (int, error) {
	if p.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, p.timeout)
		defer cancel()
	}
	return run(ctx, p.db, tx, statements)
}

// plain puts values in the place of what makes them.
func plain(args []any) ([]any, error) {
	for i, arg := range args {
		if v, ok := arg.(driver.Valuer); ok {
			value, err := v.Value()
			if err != nil {
				return nil, err
			}
			args[i] = value
		}
		if texts, ok := args[i].([]string); ok {
			if err := checkText(texts...); err != nil {
				return nil, err
			}
		}
	}
	return args, checkArgs(args)
}
