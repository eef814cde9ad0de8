package routes

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/feed"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/snapshot"
	"github.com/allot-dev/allot/internal/store"
)

// cutOff is a store that cannot be read when a test says so.
type cutOff struct {
	*store.Store
	down atomic.Bool
}

func (c *cutOff) View(ctx context.Context, fn func(service.Reader) error) error {
	if c.down.Load() {
		return errors.New("the store is down")
	}
	return c.Store.View(ctx, fn)
}

func (c *cutOff) ForFeed() feed.Store { return cutOffFeed{c.Store.ForFeed(), c} }

type cutOffFeed struct {
	feed.Store
	of *cutOff
}

func (c cutOffFeed) View(ctx context.Context, fn func(feed.Reader) error) error {
	if c.of.down.Load() {
		return errors.New("the store is down")
	}
	return c.Store.View(ctx, fn)
}

func TestStaleAnswersSaySo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &cutOff{Store: newStore(t).(*store.Store)}
		cache := snapshot.New(snapshot.Options{Store: st, Bytes: 1 << 20, ServeStale: time.Minute})
		st.OnCommit(cache.Heard)
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go feed.New(feed.Options{Store: st.ForFeed()}).Watch(ctx, cache)
		w := worldOn(t, st, 0, func(c *Config) { c.Snapshots = cache })
		w.settle(t)
		const target = "/api/v1/billing/entitlements?customer_id=" + acme
		fresh := w.ask(t, "GET", target, "")
		if got := fresh.Header().Values(api.HeaderStale); fresh.Code != http.StatusOK || got != nil {
			t.Errorf("%d, stale %q", fresh.Code, got)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		st.down.Store(true)
		time.Sleep(4500 * time.Millisecond)
		stale := w.ask(t, "GET", target, "")
		if got := stale.Header().Get(api.HeaderStale); stale.Code != http.StatusOK || got != "5" {
			t.Errorf("%d, stale %q, want 5", stale.Code, got)
		}
		if stale.Body.String() != fresh.Body.String() || stale.Header().Get(api.HeaderRevision) != fresh.Header().Get(api.HeaderRevision) {
			t.Errorf("another answer: %s", stale.Body)
		}
		time.Sleep(time.Minute)
		if late := w.ask(t, "GET", target, ""); late.Code != http.StatusInternalServerError {
			t.Errorf("after its time: %d %s", late.Code, late.Body)
		}
	})
}
