package postgres

import (
	"context"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// channel is where hints go. It is one for a database, so a hint says which
// namespace it is about, and which node it is from.
const channel = "allot"

// Notify tells the other nodes that there is something to read. It uses a
// connection of its own and no transaction: a notification within one takes a
// lock that all commits of the server share.
func (db *DB) Notify(ctx context.Context) error {
	_, err := db.hints.ExecContext(ctx, "select pg_notify($1, $2)", channel, db.node+" "+db.schema)
	return err
}

// Listen calls heard when another node tells that there is something to read,
// until ctx ends. What is told while the connection is lost is not heard: it
// calls heard when it is back, and who must not miss anything looks by himself
// now and then.
func (db *DB) Listen(ctx context.Context, heard func()) {
	for ctx.Err() == nil {
		_ = db.listen(ctx, heard) // whatever it is, the server tells those who use it
		timer := time.NewTimer(100*time.Millisecond + rand.N(400*time.Millisecond))
		select {
		case <-ctx.Done():
			timer.Stop()
		case <-timer.C:
		}
	}
}

// listen listens on one connection for as long as it holds.
func (db *DB) listen(ctx context.Context, heard func()) error {
	conn, err := pgx.ConnectConfig(ctx, db.config.Copy())
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, "listen "+channel); err != nil {
		return err
	}
	for {
		heard()
		for {
			n, err := conn.WaitForNotification(ctx)
			if err != nil {
				return err
			}
			node, namespace, _ := strings.Cut(n.Payload, " ")
			if node != db.node && namespace == db.schema {
				break
			}
		}
	}
}

// Listeners is how many connections listen for hints: one of each server. Those of
// other users are not seen.
func (db *DB) Listeners(ctx context.Context) (n int, err error) {
	err = db.writer.QueryRowContext(ctx, `select count(*) from pg_stat_activity
		where datname = current_database() and query like 'listen %'`).Scan(&n)
	return n, err
}
