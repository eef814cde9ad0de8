package outbox_test

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/allot-dev/allot/internal/event"
	"github.com/allot-dev/allot/internal/feed"
	"github.com/allot-dev/allot/internal/outbox"
	"github.com/allot-dev/allot/internal/outbox/record"
	"github.com/allot-dev/allot/internal/pgtest"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/store"
)

var errKilled = errors.New("killed")

// mortal is a store that a process which was killed writes to no more.
type mortal[R, T any] struct {
	store interface {
		View(ctx context.Context, fn func(R) error) error
		Update(ctx context.Context, fn func(T) error) error
	}
	dead *atomic.Bool
}

func (m mortal[R, T]) View(ctx context.Context, fn func(R) error) error {
	if m.dead.Load() {
		return errKilled
	}
	return m.store.View(ctx, fn)
}

func (m mortal[R, T]) Update(ctx context.Context, fn func(T) error) error {
	if m.dead.Load() {
		return errKilled
	}
	return m.store.Update(ctx, func(tx T) error {
		if err := fn(tx); err != nil || m.dead.Load() {
			return cmp.Or(err, errKilled)
		}
		return nil
	})
}

// Killed between requests and their being noted, it sends them again, in order and with the
// same ids, and what is behind them after them.
func TestKilledBeforeItIsNoted(t *testing.T) {
	url := sqliteURL(t)
	synctest.Test(t, func(t *testing.T) {
		var dead atomic.Bool
		r := newRig(t, url, "a", func(o *outbox.Options) { o.Store = mortal[record.Reader, record.Tx]{o.Store, &dead} })
		w, _ := r.webhook(t, hook, record.Standard)
		r.set(func(*http.Request, sent) (*http.Response, error) {
			dead.Store(true) // the receiver has it, and nobody here will know
			return status(200), nil
		})
		r.happen(t, 1, 1, 1)
		stop := r.run(t)
		synctest.Wait()
		stop()
		first := r.all()
		r.close(t)
		if got := order(first, hook); got != "1 2 3" {
			t.Fatalf("sent %s", got)
		}

		r = newRig(t, url, "a")
		defer r.close(t)
		if d := r.deliveriesOf(t, w)[0]; d.Status != record.Pending || d.Attempts != 0 {
			t.Errorf("it was noted: %+v", d)
		}
		defer r.run(t)()
		synctest.Wait()
		again := r.all()
		if got := order(again, hook); got != "1 2 3" {
			t.Fatalf("then it sent %s", got)
		}
		for i := range first {
			if again[i].id != first[i].id {
				t.Errorf("message %d had the id %s and then %s", i, first[i].id, again[i].id)
			}
		}
	})
}

// cluster is several nodes on one database, whose clocks go a thousand times as fast where
// retries are reckoned, with receivers that note what comes.
type cluster struct {
	url   string
	began time.Time

	mu        sync.Mutex
	requests  int
	successes map[string][]int64 // by webhook and customer, each event when it first succeeded
	seen      map[string]bool
}

func (c *cluster) clock() time.Time { return c.began.Add(time.Since(c.began) * 1000) }

// node is one that can be killed.
type node struct {
	dead    atomic.Bool
	stop    context.CancelFunc
	running sync.WaitGroup
	store   *store.Store
}

func (c *cluster) start(t *testing.T, holder string) (*node, error) {
	t.Helper()
	st, err := store.Open(t.Context(), store.Options{URL: c.url})
	if err != nil {
		return nil, err
	}
	n := &node{store: st}
	changes := feed.New(feed.Options{
		Store: mortal[feed.Reader, feed.Tx]{st.ForFeed(), &n.dead}, Committed: st.Committed(), Nodes: st.Nodes(), Holder: holder,
	})
	guard, err := outbox.NewGuard(false, nil)
	if err != nil {
		t.Fatal(err)
	}
	o := outbox.New(outbox.Options{
		Store: mortal[record.Reader, record.Tx]{st.ForWebhooks(), &n.dead}, Feed: changes, Sealer: plainSealer{}, Guard: guard, Clock: c.clock,
		Body: func(h event.Happening) ([]byte, bool) {
			return fmt.Appendf(nil, `{"id":%d,"scope":%q}`, h.Seq, h.Event.Scope), true
		},
	})
	o.SetTransport(c)
	o.SetPoll(20 * time.Millisecond)
	ctx, cancel := context.WithCancel(context.Background())
	n.stop = cancel
	n.running.Go(func() { changes.Sequence(ctx) })
	n.running.Go(func() { o.Run(ctx) })
	return n, nil
}

func (n *node) end(t *testing.T, kill bool) {
	t.Helper()
	n.dead.Store(kill)
	n.stop()
	n.running.Wait()
	if err := n.store.Close(); err != nil {
		t.Error(err)
	}
}

// RoundTrip is all receivers: one answers, one fails now and then, one is slow, and one
// hangs now and then.
func (c *cluster) RoundTrip(req *http.Request) (*http.Response, error) {
	s, scope := readSent(req)
	fails := rand.IntN(5) == 0
	switch req.URL.Path {
	case "/fails":
		if fails {
			c.note(s, scope, false)
			return status(500), nil
		}
	case "/slow":
		time.Sleep(rand.N(30 * time.Millisecond))
	case "/hangs":
		if fails {
			time.Sleep(100 * time.Millisecond)
			c.note(s, scope, rand.IntN(2) == 0) // some have heard it
			return nil, context.DeadlineExceeded
		}
	}
	c.note(s, scope, true)
	return status(200), nil
}

func (c *cluster) note(s sent, scope string, success bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests++
	if key := fmt.Sprint(s.url, " ", s.id); success && !c.seen[key] {
		c.seen[key] = true
		queue := s.url + " " + scope
		c.successes[queue] = append(c.successes[queue], s.event)
	}
}

// Three nodes, of which that which sends is killed or loses its leases again and again, and
// PostgreSQL is stopped at once and started: each event reaches each webhook, and for each
// customer the first successes come in the order of the feed. ALLOT_OUTBOX_DEATHS is how
// often, with twelve events to each.
func TestNodesThatDie(t *testing.T) {
	deaths := 50
	if text := os.Getenv("ALLOT_OUTBOX_DEATHS"); text != "" {
		var err error
		if deaths, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	const customers, perRestart = 20, 25
	events := 12 * deaths
	server := pgtest.New(t, pgtest.Options{})
	c := &cluster{url: server.URL("postgres"), began: time.Now(), successes: map[string][]int64{}, seen: map[string]bool{}}
	setup := newRig(t, c.url, "setup")
	defer setup.close(t)
	hooks := []string{"https://a.example/well", "https://a.example/fails", "https://a.example/slow", "https://a.example/hangs"}
	for _, url := range hooks {
		setup.webhook(t, url, record.Standard)
	}
	leases, err := sql.Open("pgx", c.url)
	if err != nil {
		t.Fatal(err)
	}
	defer leases.Close()
	nodes := map[string]*node{}
	for _, holder := range []string{"a", "b", "c"} {
		if nodes[holder], err = c.start(t, holder); err != nil {
			t.Fatal(err)
		}
	}
	var writing sync.WaitGroup
	writing.Go(func() {
		for i := range events {
			untilDone(t, func() error {
				return setup.store.Update(t.Context(), func(tx service.Tx) error {
					_, err := tx.AppendEvent(event.Event{Scope: scope(i % customers), Cause: fmt.Sprint(i), Type: event.TrialEnded, On: c.began})
					return err
				})
			})
			time.Sleep(10 * time.Millisecond)
		}
	})
	kills, losses, restarts := 0, 0, 0
	for death := range deaths {
		time.Sleep(rand.N(200 * time.Millisecond))
		if death%perRestart == perRestart/2 {
			restarts++
			if err := server.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if rand.IntN(3) == 0 {
			losses++
			untilDone(t, func() error {
				_, err := leases.ExecContext(t.Context(), `update leases set held_until = 0`)
				return err
			})
			continue
		}
		kills++
		var holder string
		untilDone(t, func() error {
			return leases.QueryRowContext(t.Context(), `select holder from leases where name = 'chore webhooks'`).Scan(&holder)
		})
		nodes[holder].end(t, true)
		untilDone(t, func() error {
			var err error
			nodes[holder], err = c.start(t, holder)
			return err
		})
	}
	writing.Wait()
	c.settle(t, setup, len(hooks)*events)
	for _, n := range nodes {
		n.end(t, false)
	}
	c.judge(t, setup, hooks, events)
	t.Logf("%d events to %d webhooks, %d kills of the sender, %d times all leases lost, %d restarts of PostgreSQL: %d requests, %d first successes, 0 lost, 0 invented, all in order",
		events, len(hooks), kills, losses, restarts, c.requests, len(c.seen))
}

// untilDone does something until it comes to pass, which it may not while PostgreSQL is
// down. A minute is too long.
func untilDone(t *testing.T, do func() error) {
	t.Helper()
	err := do()
	for began := time.Now(); err != nil && time.Since(began) < time.Minute; err = do() {
		time.Sleep(20 * time.Millisecond)
	}
	if err != nil {
		t.Error(err)
	}
}

// settle waits until nothing is pending, for a minute at most.
func (c *cluster) settle(t *testing.T, setup *rig, want int) {
	t.Helper()
	for range 600 {
		done := 0
		hooks, err := setup.List(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range hooks {
			for _, d := range setup.deliveriesOf(t, w) {
				if d.Status == record.Delivered {
					done++
				}
			}
		}
		if done == want {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Error("not all was delivered within a minute")
}

func (c *cluster) judge(t *testing.T, setup *rig, hooks []string, events int) {
	t.Helper()
	told := map[string][]int64{} // by customer
	for after := int64(0); ; {
		var page []event.Happening
		setup.update(t, func(tx record.Tx) (err error) { page, err = tx.Happenings("", after, 100); return err })
		if len(page) == 0 {
			break
		}
		for _, h := range page {
			if after = h.Seq; h.Event.Type != record.SettingsSet {
				told[string(h.Event.Scope)] = append(told[string(h.Event.Scope)], h.Seq)
			}
		}
	}
	if len(c.seen) != len(hooks)*events {
		t.Errorf("%d first successes, want %d", len(c.seen), len(hooks)*events)
	}
	for _, url := range hooks {
		for customer, want := range told {
			if got := c.successes[url+" "+customer]; !slices.Equal(got, want) {
				t.Errorf("%s was told of %s: %v, want %v", url, customer, got, want)
			}
		}
	}
}
