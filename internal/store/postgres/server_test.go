package postgres_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"testing"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/oauth/record"
	"github.com/allot-dev/allot/internal/pgtest"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/store/postgres"
	"github.com/allot-dev/allot/internal/store/sqlstore"
	"github.com/allot-dev/allot/internal/store/storetest"
)

// quick is for servers that need not survive a loss of power.
var quick = pgtest.Options{Settings: map[string]string{"fsync": "off", "full_page_writes": "off"}}

// counter counts calls of one customer in a store, from several goroutines,
// whatever happens to the server.
type counter struct {
	st       *sqlstore.Store
	customer billing.CustomerID
	stop     context.CancelFunc
	done     sync.WaitGroup

	mu      sync.Mutex
	more    sync.Cond // of counted
	counted int
}

func startCounter(t *testing.T, st *sqlstore.Store) *counter {
	t.Helper()
	c := &counter{st: st, customer: billing.CustomerID{1}}
	c.more.L = &c.mu
	err := st.Update(t.Context(), func(tx service.Tx) error {
		return tx.CreateCustomer(billing.Customer{ID: c.customer})
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	c.stop = stop
	for worker := range 6 {
		c.done.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				c.one(t.Context(), fmt.Sprint(worker, " ", i))
			}
		})
	}
	return c
}

// one counts a call once, however often that must be tried.
func (c *counter) one(ctx context.Context, id string) {
	for ctx.Err() == nil {
		err := c.st.Update(ctx, func(tx service.Tx) error { return storetest.CountOne(tx, c.customer, id) })
		// If it is there it was counted by an update of which that was not known.
		if err == nil || errors.Is(err, billing.ErrExists) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.counted++
			c.more.Broadcast()
			return
		}
	}
}

// some waits until some more calls are counted than are when it is called.
func (c *counter) some() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for until := c.counted + 50; c.counted < until; {
		c.more.Wait()
	}
}

// check stops counting and compares with what is in the store.
func (c *counter) check(t *testing.T) {
	t.Helper()
	c.stop()
	c.done.Wait()
	storetest.CheckCounted(t, c.st, c.customer, c.counted)
}

// Nothing is lost and nothing counts twice while the server is restarted, and
// killed, in the middle; and the store comes back by itself.
func TestServerRestarts(t *testing.T) {
	server := pgtest.New(t, quick)
	c := startCounter(t, newStore(t, server.URL("postgres")))
	c.some()
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.some()
	if err := errors.Join(server.Kill(t.Context()), server.Start(t.Context())); err != nil {
		t.Fatal(err)
	}
	c.some()
	c.check(t)
}

// A URL with both hosts finds the one that takes over.
func TestFailover(t *testing.T) {
	primary := pgtest.New(t, pgtest.Options{Settings: map[string]string{
		"fsync": "off", "synchronous_standby_names": "*", "synchronous_commit": "remote_apply",
	}})
	standby := primary.NewStandby(t, quick)
	both, err := url.Parse(primary.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	other, err := url.Parse(standby.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	if both.User.String() != other.User.String() {
		t.Fatal("the servers have other users")
	}
	both.Host += "," + other.Host
	db, err := postgres.Open(t.Context(), postgres.Options{URL: both.String(), ReplicaURL: standby.URL("postgres"), Migrate: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	c := startCounter(t, sqlstore.New(db.Backend()))
	c.some()

	backend, ok := db.Replica()
	if !ok {
		t.Fatal("there is no replica")
	}
	replica := sqlstore.New(backend)
	err = replica.View(t.Context(), func(r service.Reader) error {
		_, err := r.Customer(c.customer)
		return err
	})
	if err != nil {
		t.Errorf("read of the replica: %v", err)
	}
	update := func(tx record.Tx) error { return tx.CreateClient(record.Client{ID: "a"}) }
	if err := replica.ForClients().Update(t.Context(), update); err == nil {
		t.Error("the replica is written to")
	}

	if err := errors.Join(primary.Kill(t.Context()), standby.Promote(t.Context())); err != nil {
		t.Fatal(err)
	}
	c.some()
	c.check(t)
	if err := replica.ForClients().Update(t.Context(), update); err == nil {
		t.Error("what is given as a replica is written to")
	}
}

func TestHints(t *testing.T) {
	address, elsewhere := pgtest.URL(t), pgtest.URL(t)
	application := rand.Text()
	open := func(url string) *postgres.DB {
		t.Helper()
		db, err := postgres.Open(t.Context(), postgres.Options{URL: url + "&application_name=" + application})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		return db
	}
	one, two, other := open(address), open(address), open(elsewhere)
	ctx, cancel := context.WithCancel(t.Context())
	var listening sync.WaitGroup
	defer listening.Wait()
	defer cancel()
	heard := make(chan string)
	for name, db := range map[string]*postgres.DB{"one": one, "two": two, "other": other} {
		listening.Go(func() {
			db.Listen(ctx, func() {
				select {
				case heard <- name:
				case <-ctx.Done():
				}
			})
		})
	}
	for range 3 {
		<-heard // that they listen
	}
	notify := func(db *postgres.DB, want string) {
		t.Helper()
		if err := db.Notify(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := <-heard; got != want {
			t.Errorf("%s heard of it, want %s", got, want)
		}
	}
	notify(one, "two") // not the node itself, nor another installation
	notify(two, "one")
	_, err := one.Backend().Writer.ExecContext(ctx, `select pg_terminate_backend(pid, 60000) from pg_stat_activity
		where application_name = $1 and query like 'listen %'`, application)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		<-heard // that they listen again, and may have missed something
	}
	notify(two, "one")
}
