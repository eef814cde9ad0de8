package cli_test

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/allot-dev/allot/client"
	"github.com/allot-dev/allot/internal/pgtest"
)

// TestNodesConsumeExactly has many connections, spread over three servers on one
// PostgreSQL, consume one unit after the other of a hard limit on one customer,
// as fast as they can, until each is refused. Each call has a key, under which it
// is sent again, to the next server, until it has an answer.
func TestNodesConsumeExactly(t *testing.T) {
	cluster := pgtest.New(t, pgtest.Options{}) // durable, unlike the one that packages share
	k := newKilled(t, "ALLOT_DATABASE="+cluster.URL("postgres"))
	k.http = &http.Client{
		Transport: &http.Transport{MaxIdleConnsPerHost: connections, MaxConnsPerHost: connections},
		Timeout:   10 * time.Second, // then a caller tries again
	}
	restart := func(t *testing.T, _ []*background) {
		if err := cluster.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	crash := func(t *testing.T, _ []*background) {
		if err := errors.Join(cluster.Kill(t.Context()), cluster.Start(t.Context())); err != nil {
			t.Fatal(err)
		}
	}
	kill := func(_ *testing.T, nodes []*background) { nodes[0].kill() }

	t.Run("undisturbed", func(t *testing.T) {
		if again := k.testNodes(t); again > 0 {
			t.Errorf("%d of the calls had to be sent again", again)
		}
	})
	t.Run("restarted and killed", func(t *testing.T) {
		if again := k.testNodes(t, restart, kill, restart); again == 0 {
			t.Error("no connection was with the server that was killed")
		}
	})
	t.Run("crashed", func(t *testing.T) { k.testNodes(t, crash) })
}

// testNodes runs three servers; what disturbs them happens in equal distances. It
// returns how many calls were sent more than once.
func (k *killed) testNodes(t *testing.T, disturbances ...func(*testing.T, []*background)) int {
	r := race{killed: k, deadline: time.Now().Add(time.Minute), retried: map[string]bool{}}
	var last *client.Client // of a server that is not killed
	for range 3 {
		var b *background
		b, last = k.start(t)
		r.nodes = append(r.nodes, b)
	}
	r.customer = busyCustomer(t, last)

	due := make(chan struct{}, len(disturbances))
	var consuming sync.WaitGroup
	began := time.Now()
	for i := range connections {
		consuming.Go(func() {
			node := i % len(r.nodes)
			for nth := 0; ; nth++ {
				if !r.call(t, &node, fmt.Sprintf("%s %d %d", t.Name(), i, nth)) {
					return
				}
				if n := r.allowed.Add(1); n%(busyLimit/int64(len(disturbances)+1)) == 0 && n < busyLimit {
					due <- struct{}{}
				}
			}
		})
	}
	done := make(chan struct{})
	go func() {
		consuming.Wait()
		close(done)
	}()
	for _, disturb := range disturbances {
		select {
		case <-due:
			disturb(t, r.nodes)
		case <-done:
			t.Fatalf("after %d calls nobody goes on", r.allowed.Load())
		}
	}
	<-done
	took := time.Since(began)

	if used := k.used(t, last, r.customer); r.allowed.Load() != busyLimit || used != busyLimit {
		t.Errorf("%d were allowed and %d are counted, want %d", r.allowed.Load(), used, busyLimit)
	}
	k.noDrift(t)
	for key, allowed := range r.retried {
		again, err := k.consume(t, r.nodes[len(r.nodes)-1].address(), r.customer, key)
		if err != nil || again.status != http.StatusOK || !again.replayed || again.Allowed != allowed {
			t.Errorf("%s was answered allowed=%v, and is now %d %s, replayed=%v, %v", key, allowed, again.status, again.body, again.replayed, err)
		}
	}
	t.Logf("%d consumed in %v, %d of the calls sent again", busyLimit, took, len(r.retried))
	return len(r.retried)
}

// race is what connections have in common that consume of one customer.
type race struct {
	*killed
	nodes    []*background
	customer string
	deadline time.Time
	allowed  atomic.Int64

	mu      sync.Mutex
	retried map[string]bool // whether the call was allowed, by the key
}

// call makes one call to a server, and to the others while it is not answered; the
// node is the one that answers. It reports whether the call was allowed.
func (r *race) call(t *testing.T, node *int, key string) bool {
	for sent := 1; ; sent++ {
		c, err := r.consume(t, r.nodes[*node].address(), r.customer, key)
		switch {
		case err == nil && c.status == http.StatusOK:
			if sent > 1 {
				r.mu.Lock()
				defer r.mu.Unlock()
				r.retried[key] = c.Allowed
			}
			return c.Allowed
		case err == nil && c.status < http.StatusInternalServerError || time.Now().After(r.deadline):
			t.Errorf("%s, sent %d times: %d %s %v", key, sent, c.status, c.body, err)
			return false
		}
		*node = (*node + 1) % len(r.nodes)
	}
}
