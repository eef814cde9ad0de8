package snapshot

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
)

// catalogs keeps the current catalog, by the rules that facts are kept by.
type catalogs struct {
	kept    atomic.Pointer[billing.Catalog]
	mu      sync.Mutex
	loading *load[*billing.Catalog] // nil: none
}

// newest is the catalog that is kept, if it is of a revision or a later one, or
// nil.
func (c *catalogs) newest(least int64) *billing.Catalog {
	if catalog := c.kept.Load(); catalog != nil && catalog.Rev >= least {
		return catalog
	}
	return nil
}

// load reads the catalog and keeps it. Calls at one time share a load.
func (c *catalogs) load(ctx context.Context, from service.Store) (*billing.Catalog, error) {
	c.mu.Lock()
	l, others := c.loading, c.loading != nil
	if !others {
		l = newLoad[*billing.Catalog]()
		c.loading = l
	}
	least := l.least
	c.mu.Unlock()
	if others {
		if catalog, err := l.wait(ctx); err != nil || catalog.Rev >= least {
			return catalog, err
		}
		return readCatalog(ctx, from)
	}
	defer func() {
		c.mu.Lock()
		if c.loading == l {
			c.loading = nil
			if l.err == nil && l.value.Rev >= l.least && c.newest(l.value.Rev) == nil {
				c.kept.Store(l.value)
			}
		}
		c.mu.Unlock()
		close(l.done)
	}()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadTimeout)
	defer cancel()
	l.value, l.err = readCatalog(ctx, from)
	return l.value, l.err
}

func readCatalog(ctx context.Context, from service.Store) (catalog *billing.Catalog, err error) {
	err = from.View(ctx, func(r service.Reader) error {
		catalog, err = r.Catalog()
		return err
	})
	return catalog, err
}

// heard drops what is older than a revision.
func (c *catalogs) heard(rev int64) (dropped bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.loading != nil {
		c.loading.least = max(c.loading.least, rev)
	}
	if catalog := c.kept.Load(); catalog != nil && catalog.Rev < rev {
		c.kept.Store(nil)
		return true
	}
	return false
}

// clear drops the catalog, also one that is being loaded.
func (c *catalogs) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.loading = nil
	c.kept.Store(nil)
}
