package postgres

import (
	"bytes"
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/feed"
	"github.com/allot-dev/allot/internal/oauth/record"
	"github.com/allot-dev/allot/internal/pgtest"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/store/sqlstore"
)

func TestClasses(t *testing.T) {
	state := func(code string) error { return fmt.Errorf("update …: %w", &pgconn.PgError{Code: code}) }
	for _, test := range []struct {
		err          error
		busy, undone bool
		trouble      sqlstore.Trouble
	}{
		{state("40001"), true, true, sqlstore.NoTrouble},
		{state("40P01"), true, true, sqlstore.NoTrouble},
		{state("40003"), false, false, sqlstore.NoTrouble}, // statement completion unknown
		{state("08006"), true, false, sqlstore.Unreachable},
		{state("08007"), true, false, sqlstore.Unreachable}, // transaction resolution unknown
		{state("57P01"), true, false, sqlstore.Unreachable},
		{state("57P02"), true, false, sqlstore.Unreachable},
		{state("57P03"), true, false, sqlstore.Unreachable},
		{state("57P04"), false, false, sqlstore.NoTrouble}, // the database was dropped
		{state("XX000"), true, false, sqlstore.NoTrouble},
		{state("XX001"), false, false, sqlstore.NoTrouble}, // data corrupted
		{state("57014"), false, false, sqlstore.Slow},      // timeout of a statement; run again it would take as long
		{state("55P03"), false, false, sqlstore.Slow},      // timeout of a lock
		{state("25P03"), false, false, sqlstore.Slow},      // idle in transaction
		{state("42501"), false, false, sqlstore.Denied},    // a right is missing
		{state("23505"), false, false, sqlstore.NoTrouble},
		{state("28P01"), false, false, sqlstore.NoTrouble},
		{fmt.Errorf("begin: %w", io.ErrUnexpectedEOF), true, false, sqlstore.Unreachable},
		{io.EOF, true, false, sqlstore.Unreachable},
		{&net.OpError{Op: "read", Err: errors.New("connection reset")}, true, false, sqlstore.Unreachable},
		{driver.ErrBadConn, true, false, sqlstore.Unreachable},
		{fmt.Errorf("%w: %w", context.Canceled, io.EOF), false, false, sqlstore.NoTrouble},
		{fmt.Errorf("%w: %w", context.Canceled, state("57014")), false, false, sqlstore.NoTrouble}, // by us
		{fmt.Errorf("%w: %w", context.DeadlineExceeded, state("40001")), false, false, sqlstore.NoTrouble},
		{billing.ErrExists, false, false, sqlstore.NoTrouble},
		{errors.New("40001"), false, false, sqlstore.NoTrouble},
		{nil, false, false, sqlstore.NoTrouble},
	} {
		if got := busy(test.err); got != test.busy {
			t.Errorf("busy(%v) = %v", test.err, got)
		}
		if got := undone(test.err); got != test.undone {
			t.Errorf("undone(%v) = %v", test.err, got)
		}
		if got := trouble(test.err); got != test.trouble {
			t.Errorf("trouble(%v) = %v, want %v", test.err, got, test.trouble)
		}
	}
}

// Those a server makes.
func TestClassesOfServer(t *testing.T) {
	db := mustOpen(t, Options{URL: pgtest.URL(t)})
	ctx := t.Context()
	_, err := Open(ctx, Options{URL: "postgres://u@127.0.0.1:1/d?sslmode=disable"})
	if !busy(err) {
		t.Errorf("nobody listens: %v is not busy", err)
	}

	conn, err := db.writer.Conn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(ctx, "set local statement_timeout = 1"); err != nil {
		t.Fatal(err)
	}
	_, err = tx.ExecContext(ctx, "select pg_sleep(60)")
	if e, ok := errors.AsType[*pgconn.PgError](err); !ok || e.Code != "57014" || busy(err) {
		t.Errorf("a statement that takes too long: %v, busy %v", err, busy(err))
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}

	var pid int
	if err := conn.QueryRowContext(ctx, "select pg_backend_pid()").Scan(&pid); err != nil {
		t.Fatal(err)
	}
	if _, err := db.reader.ExecContext(ctx, "select pg_terminate_backend($1, 60000)", pid); err != nil {
		t.Fatal(err)
	}
	_, err = conn.BeginTx(ctx, nil)
	if !busy(err) {
		t.Errorf("a connection that was ended: %v is not busy", err)
	}
	if _, err := db.writer.ExecContext(ctx, "nonsense"); err == nil || busy(err) {
		t.Errorf("%v is taken for busy", err)
	}
}

// What the server ends because it took too long has written nothing, is not run again, and is
// told as trouble with the database; but of a commit that it ends so nobody knows what became.
func TestTimeoutsOfServer(t *testing.T) {
	url := pgtest.URL(t)
	st := sqlstore.New(mustOpen(t, Options{URL: url + "&lock_timeout=200&statement_timeout=400&idle_in_transaction_session_timeout=300"}).Backend())
	locked := billing.CustomerID{1}
	if err := st.Update(t.Context(), func(tx service.Tx) error { return tx.CreateCustomer(billing.Customer{ID: locked}) }); err != nil {
		t.Fatal(err)
	}
	other := mustOpen(t, Options{URL: url})
	hold, err := other.writer.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = hold.Rollback() }()
	if _, err := hold.ExecContext(t.Context(), "update customers set rev = rev"); err != nil {
		t.Fatal(err)
	}
	execute(t, url,
		"create function slowly() returns trigger language plpgsql as $$ begin perform pg_sleep(60); return null; end $$",
		"create function waiting() returns trigger language plpgsql as $$ begin perform from customers for update; return null; end $$",
		"create trigger statement after insert on clients for each row when (new.client_id = 'statement') execute function slowly()",
		"create constraint trigger commit after insert on clients deferrable initially deferred for each row when (new.client_id = 'commit') execute function waiting()")
	for name, test := range map[string]struct {
		do      func(tx *sqlstore.Tx) error
		unknown bool
	}{
		"lock":      {do: func(tx *sqlstore.Tx) error { _, err := tx.LockCustomer(locked); return err }},
		"statement": {do: func(tx *sqlstore.Tx) error { return tx.CreateClient(record.Client{ID: "statement"}) }},
		"idle": {do: func(tx *sqlstore.Tx) error {
			time.Sleep(time.Second) // by the server's clock
			_, err := tx.LockCatalog()
			return err
		}},
		"commit": {do: func(tx *sqlstore.Tx) error { return tx.CreateClient(record.Client{ID: "commit"}) }, unknown: true},
	} {
		runs := 0
		err := st.Write(t.Context(), func(tx *sqlstore.Tx) error {
			runs++
			if _, err := tx.AppendChange(billing.Change{Scope: record.ScopeKeys}); err != nil {
				return err
			}
			return test.do(tx)
		})
		told, ok := errors.AsType[*billing.Error](err)
		_, commit := errors.AsType[*sqlstore.CommitError](err)
		if err == nil || runs != 1 || commit != test.unknown || ok == test.unknown || ok && (told.Kind != billing.Unavailable || told.Code != sqlstore.CodeSlow) {
			t.Errorf("%s: %d runs, %v", name, runs, err)
		}
	}
	err = st.View(t.Context(), func(r service.Reader) error {
		rev, err := r.Revision(record.ScopeKeys)
		if rev != 0 {
			t.Errorf("%d changes were written", rev)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// A server that does not answer is not waited for for ever.
func TestTransactionIsBounded(t *testing.T) {
	b := mustOpen(t, Options{URL: pgtest.URL(t)}).Backend()
	if b.Timeout == 0 {
		t.Error("there is no bound")
	}
	b.Timeout, b.ViewTimeout = 1, 1
	st := sqlstore.New(b)
	err := st.ForClients().View(t.Context(), func(r record.Reader) error { _, err := r.Clients(); return err })
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("view: %v", err)
	}
	err = st.ForClients().Update(t.Context(), func(tx record.Tx) error { return tx.CreateClient(record.Client{}) })
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("update: %v", err)
	}
}

// Two updates that wait for each other both come to pass.
func TestDeadlock(t *testing.T) {
	db := mustOpen(t, Options{URL: pgtest.URL(t)})
	st := sqlstore.New(db.Backend())
	err := st.Update(t.Context(), func(tx service.Tx) error {
		return errors.Join(tx.CreateCustomer(billing.Customer{ID: billing.CustomerID{1}}),
			tx.CreateCustomer(billing.Customer{ID: billing.CustomerID{2}}))
	})
	if err != nil {
		t.Fatal(err)
	}
	var runs atomic.Int32
	both := make(chan struct{}, 2)
	ready := make(chan struct{})
	done := make(chan error, 2)
	for i := range 2 {
		go func() {
			done <- st.Update(t.Context(), func(tx service.Tx) error {
				first := runs.Add(1) <= 2
				_, err := tx.LockCustomer(billing.CustomerID{byte(1 + i)})
				if err != nil {
					return err
				}
				if first { // until each has one
					both <- struct{}{}
					<-ready
				}
				if _, err = tx.LockCustomer(billing.CustomerID{byte(2 - i)}); err != nil {
					return err
				}
				_, err = tx.AppendChange(billing.Change{Scope: billing.CustomerID{1}.Scope()})
				return err
			})
		}()
	}
	<-both
	<-both
	close(ready)
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if n := runs.Load(); n < 3 {
		t.Errorf("%d runs: they have not met", n)
	}
}

// cutter is a connection between a store and its server that breaks at a commit.
type cutter struct {
	net.Listener
	ctx    context.Context
	server string
	answer bool // break before the answer rather than before the commit
	cuts   atomic.Int32
}

// newCutter returns it with the URL to reach the server through it.
func newCutter(t *testing.T, server string, answer bool) (*cutter, string) {
	t.Helper()
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cutter{Listener: listener, ctx: t.Context(), server: u.Host, answer: answer}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go c.serve(conn)
		}
	}()
	u.Host = listener.Addr().String()
	query := u.Query()
	query.Set("sslmode", "disable")
	u.RawQuery = query.Encode()
	return c, u.String()
}

// serve relays until the first commit that comes once it is armed.
func (c *cutter) serve(client net.Conn) {
	defer client.Close()
	server, err := (&net.Dialer{}).DialContext(c.ctx, "tcp", c.server)
	if err != nil {
		return
	}
	defer server.Close()
	committing := make(chan struct{})
	go func() {
		defer client.Close()
		buf := make([]byte, 1<<16)
		for {
			n, err := server.Read(buf)
			if err != nil {
				return
			}
			select {
			case <-committing:
				return
			default:
			}
			if _, err := client.Write(buf[:n]); err != nil {
				return
			}
		}
	}()
	buf := make([]byte, 1<<16)
	for {
		n, err := client.Read(buf)
		if err != nil {
			return
		}
		if bytes.Contains(buf[:n], []byte("commit\x00")) && c.cuts.CompareAndSwap(0, 1) {
			if !c.answer {
				return
			}
			close(committing)
		}
		if _, err := server.Write(buf[:n]); err != nil {
			return
		}
	}
}

// A commit of which it is not known whether it came to pass is not run again,
// whichever of the two is the truth.
func TestUnknownCommit(t *testing.T) {
	for _, committed := range []bool{false, true} {
		t.Run(fmt.Sprint("committed ", committed), func(t *testing.T) {
			direct := pgtest.URL(t)
			mustOpen(t, Options{URL: direct}) // makes the schema
			cut, through := newCutter(t, direct, committed)
			st := sqlstore.New(mustOpen(t, Options{URL: through}).Backend())
			signalled := 0
			st.OnCommit(func([]feed.Entry) { signalled++ })
			runs := 0
			add := func(tx service.Tx) error {
				runs++
				_, err := tx.AppendChange(billing.Change{Scope: record.ScopeKeys})
				return err
			}
			if err := st.Update(t.Context(), add); err == nil || runs != 1 || cut.cuts.Load() != 1 {
				t.Errorf("%d runs, %v; want one and an error", runs, err)
			}
			if signalled != 1 {
				t.Errorf("the caches were told %d times", signalled)
			}
			if err := st.Update(t.Context(), add); err != nil {
				t.Errorf("the next update: %v", err)
			}
			want := int64(1)
			if committed {
				want = 2
			}
			err := st.View(t.Context(), func(r service.Reader) error {
				rev, err := r.Revision(record.ScopeKeys)
				if rev != want {
					t.Errorf("%d changes, want %d", rev, want)
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
}
