//go:build unix

package cli_test

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/allot-dev/allot/client"
	"github.com/allot-dev/allot/internal/pgtest"
)

// TestFailover has many connections consume on two servers while the PostgreSQL
// behind them is cut off from its standby, dies, and is replaced by it. The servers
// have a URL with both and are not touched. With synchronous replication nothing
// that was acknowledged is lost, and the limit stays exact. What clients see
// meanwhile is logged: the figures in docs/scaling.md are from here.
func TestFailover(t *testing.T) {
	primary := pgtest.New(t, pgtest.Options{Settings: map[string]string{"synchronous_standby_names": "second"}})
	standby := primary.NewStandby(t, pgtest.Options{Settings: map[string]string{"cluster_name": "second"}})
	k := newKilled(t, "ALLOT_DATABASE="+either(t, primary.URL("postgres"), standby.URL("postgres")))
	k.http = &http.Client{
		Transport: &http.Transport{MaxIdleConnsPerHost: connections + 1},
		Timeout:   10 * time.Second, // then a caller tries again
	}
	f := failover{killed: k, deadline: time.Now().Add(2 * time.Minute)}
	var allot *client.Client
	for range 2 {
		var b *background
		b, allot = k.start(t)
		f.nodes = append(f.nodes, b)
	}
	f.customer = busyCustomer(t, allot)

	due := make(chan struct{})
	var consuming, reading sync.WaitGroup
	for i := range connections {
		consuming.Go(func() {
			for nth := 0; ; nth++ {
				a := f.call(t, i, fmt.Sprintf("%d %d", i, nth))
				if !a.allowed {
					return
				}
				if f.allowed.Add(1) == busyLimit/3 {
					close(due)
				}
			}
		})
	}
	consumed := make(chan struct{})
	reading.Go(func() { f.read(t, allot, consumed) })
	done := make(chan struct{})
	go func() {
		consuming.Wait()
		close(done)
	}()
	select {
	case <-due:
	case <-done:
		t.Fatalf("after %d calls nobody goes on", f.allowed.Load())
	}
	died := time.Now()
	f.cutOff(t, primary)
	if err := primary.Kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	promoting := time.Now()
	if err := standby.Promote(t.Context()); err != nil {
		t.Fatal(err)
	}
	promoted := time.Now()
	<-done
	close(consumed)
	reading.Wait()

	if used := k.used(t, allot, f.customer); f.allowed.Load() != busyLimit || used != busyLimit {
		t.Errorf("%d were allowed and %d are counted, want %d", f.allowed.Load(), used, busyLimit)
	}
	k.noDrift(t)
	f.log(t, died, promoting, promoted)

	lost := 0
	for _, a := range f.answers {
		if a.at.After(died) {
			continue
		}
		again, err := k.consume(t, f.nodes[0].address(), f.customer, a.key)
		if err != nil || again.status != http.StatusOK || !again.replayed || again.Allowed != a.allowed {
			lost++
		}
	}
	if lost > 0 {
		t.Errorf("%d answers from before are not remembered", lost)
	}
}

// either is the URL of whichever of two servers can be written to.
func either(t *testing.T, one, other string) string {
	t.Helper()
	a, err := url.Parse(one)
	b, err2 := url.Parse(other)
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	a.Host += "," + b.Host
	query := a.Query()
	query.Set("target_session_attrs", "read-write")
	a.RawQuery = query.Encode()
	return a.String()
}

// failover is what those who are under way have in common.
type failover struct {
	*killed
	nodes    []*background
	customer string
	deadline time.Time
	allowed  atomic.Int64

	mu       sync.Mutex
	answers  []answered
	failed   map[string]int // by what callers saw
	slowest  time.Duration  // from the first try of a call to its answer
	reads    int
	unread   int           // reads that failed
	slowRead time.Duration // longest that was answered
}

// cutOff keeps the standby from what the server writes from now on, and returns
// once somebody waits for the standby or, if nobody does, once some calls more are
// answered: what would be lost then.
func (f *failover) cutOff(t *testing.T, primary *pgtest.Cluster) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), primary.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var sender int
	if err := conn.QueryRow(t.Context(), `select pid from pg_stat_replication`).Scan(&sender); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(sender, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	var waiting bool
	for enough := f.allowed.Load() + connections; !waiting && f.allowed.Load() < enough; {
		err := conn.QueryRow(t.Context(), `select exists (select 1 from pg_stat_activity where wait_event = 'SyncRep')`).Scan(&waiting)
		if err != nil {
			t.Fatal(err)
		}
	}
}

// answered is a call that has an answer.
type answered struct {
	key     string
	at      time.Time
	allowed bool
}

// call makes one call, again and again until it has an answer, of one server
// after the other.
func (f *failover) call(t *testing.T, connection int, key string) answered {
	began := time.Now()
	for sent := 0; ; sent++ {
		c, err := f.consume(t, f.nodes[(connection+sent)%len(f.nodes)].address(), f.customer, key)
		if err == nil && c.status == http.StatusOK {
			a := answered{key: key, at: time.Now(), allowed: c.Allowed}
			f.mu.Lock()
			defer f.mu.Unlock()
			f.answers = append(f.answers, a)
			f.slowest = max(f.slowest, a.at.Sub(began))
			return a
		}
		if err == nil && c.status < http.StatusInternalServerError || time.Now().After(f.deadline) {
			t.Errorf("%s, sent %d times: %d %s %v", key, sent+1, c.status, c.body, err)
			return answered{}
		}
		saw := fmt.Sprint(c.status)
		if err != nil {
			saw = "no answer"
		}
		f.mu.Lock()
		if f.failed == nil {
			f.failed = map[string]int{}
		}
		f.failed[saw]++
		f.mu.Unlock()
	}
}

// read reads the customer's entitlements now and then until it is over.
func (f *failover) read(t *testing.T, allot *client.Client, over <-chan struct{}) {
	next := time.NewTicker(5 * time.Millisecond)
	defer next.Stop()
	for {
		select {
		case <-over:
			return
		case <-next.C:
		}
		began := time.Now()
		_, err := allot.Entitlements.List(t.Context(), client.EntitlementParams{CustomerID: f.customer})
		f.reads++
		if err != nil {
			f.unread++
		} else {
			f.slowRead = max(f.slowRead, time.Since(began))
		}
	}
}

// log says what callers saw.
func (f *failover) log(t *testing.T, died, promoting, promoted time.Time) {
	slices.SortFunc(f.answers, func(a, b answered) int { return cmp.Compare(a.at.UnixNano(), b.at.UnixNano()) })
	// From when it is dead to when the other has been promoted nobody can be.
	i := slices.IndexFunc(f.answers, func(a answered) bool { return a.at.After(promoting) })
	if i < 1 {
		t.Fatal("there was no answer before or after the server had died")
	}
	from, to := f.answers[i-1].at, f.answers[i].at
	t.Logf("the server was cut off and dead in %v, the standby promoted in %v", promoting.Sub(died), promoted.Sub(promoting))
	t.Logf("no call was answered for %v, until %v after the promotion", to.Sub(from), to.Sub(promoted))
	t.Logf("%d calls; failed tries: %v; the slowest call took %v with all its tries", len(f.answers), f.failed, f.slowest)
	t.Logf("%d reads, %d failed, the slowest that did not took %v", f.reads, f.unread, f.slowRead)
}
