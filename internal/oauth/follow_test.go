package oauth

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/feed"
	"github.com/allot-dev/allot/internal/oauth/record"
)

// unread is a store that cannot be read.
type unread struct{ record.Store }

func (unread) View(context.Context, func(record.Reader) error) error {
	return errors.New("not to be read")
}

// While the feed says that there is nothing new the copy stays fresh without a
// look at the store.
func TestFeedKeepsTheCopyFresh(t *testing.T) {
	n := newNode(t)
	c, _ := n.client(t, "read:a")
	token := n.mint(t, c.ID)
	n.dir.store = unread{n.dir.store}
	for range 10 {
		n.clock.advance(MaxStale / 2)
		n.dir.Looked(feed.Look{Began: time.Now(), All: true})
	}
	if got := n.verify(t, token); got != "good" {
		t.Errorf("token is %s, want good", got)
	}
	for _, look := range []feed.Look{{Began: time.Now()}, {Began: time.Now(), Err: errors.New("down")}} {
		n.clock.advance(MaxStale / 2)
		n.dir.Looked(look) // which does not show that there is nothing new
	}
	if got := n.verify(t, token); got != "fault" {
		t.Errorf("token is %s with a copy that nothing vouches for, want fault", got)
	}
}

// A copy that is older than a change, or may be, is not called fresh.
func TestCopyThatIsOutdated(t *testing.T) {
	for name, hear := range map[string]func(*Directory) error{
		"by a change of clients": func(d *Directory) error {
			return d.Follow(t.Context(), []feed.Entry{{Scope: record.ScopeClients, Rev: d.roster.Load().clientsRev + 1}})
		},
		"by a change of keys": func(d *Directory) error {
			return d.Follow(t.Context(), []feed.Entry{{Scope: record.ScopeKeys, Rev: d.roster.Load().keysRev + 1}})
		},
		"by what was missed": func(d *Directory) error { d.Reset(1); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t)
			before := n.dir.roster.Load()
			if err := hear(n.dir); err != nil {
				t.Fatal(err)
			}
			n.clock.advance(MaxStale / 2)
			n.dir.Looked(feed.Look{Began: time.Now(), All: true})
			if n.dir.roster.Load() != before {
				t.Error("it is called fresh")
			}
			if err := n.dir.Refresh(t.Context()); err != nil {
				t.Fatal(err)
			}
			loaded := n.dir.roster.Load()
			n.clock.advance(MaxStale / 2)
			n.dir.Looked(feed.Look{Began: time.Now(), All: true})
			if n.dir.roster.Load() == loaded {
				t.Error("it is not called fresh although it was loaded")
			}
		})
	}
}

// A change that is heard of is loaded at once, and what it is not about is not.
func TestFeedTellsOfAChange(t *testing.T) {
	p := newPlace(t)
	server, tool := p.node(t), p.node(t)
	c, _ := tool.client(t, "read:a")
	token := tool.mint(t, c.ID)
	if got := server.verify(t, token); got != "good" {
		t.Fatalf("token is %s before, want good", got)
	}
	if err := tool.dir.RevokeClient(t.Context(), cli, c.ID); err != nil {
		t.Fatal(err)
	}
	r := server.dir.roster.Load()
	old := []feed.Entry{{Scope: record.ScopeClients, Rev: r.clientsRev}, {Scope: billing.ScopeCatalog, Rev: 99}}
	if err := server.dir.Follow(t.Context(), old); err != nil || len(server.dir.told) != 0 {
		t.Errorf("%v, and %d loads asked for by what is known", err, len(server.dir.told))
	}
	changed := make(chan struct{}, 1)
	server.dir.OnChange(func() { changed <- struct{}{} })
	ctx, stop := context.WithCancel(t.Context())
	var watching sync.WaitGroup
	watching.Go(func() {
		feed.New(feed.Options{Store: server.store.ForFeed()}).Watch(ctx, server.dir)
	})
	watching.Go(func() { server.dir.Watch(ctx) })
	<-changed
	stop()
	watching.Wait()
	if server.dir.roster.Load().clients[c.ID].RevokedOn.IsZero() {
		t.Error("the client is not revoked")
	}
}
