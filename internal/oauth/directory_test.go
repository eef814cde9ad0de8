package oauth

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/oauth/record"
)

func TestRevokeHereTakesEffectAtOnce(t *testing.T) {
	n := newNode(t)
	c, _ := n.client(t, "read:a")
	other, _ := n.client(t, "read:a")
	token, otherToken := n.mint(t, c.ID), n.mint(t, other.ID)
	for _, tok := range []string{token, otherToken} {
		if got := n.verify(t, tok); got != "good" {
			t.Fatalf("token is %s before", got)
		}
	}
	if err := n.dir.RevokeClient(t.Context(), cli, c.ID); err != nil {
		t.Fatal(err)
	}
	if got := n.verify(t, token); got != "invalid" {
		t.Errorf("token of the revoked client is %s, want invalid", got)
	}
	if got := n.verify(t, otherToken); got != "good" {
		t.Errorf("token of another client is %s, want good", got)
	}
}

// A request that finds the copy too old reads it anew, watched or not.
func TestRevokeElsewhereTakesEffectWithinASecond(t *testing.T) {
	p := newPlace(t)
	server, tool := p.node(t), p.node(t)
	c, _ := tool.client(t, "read:a")
	token := tool.mint(t, c.ID)
	if got := server.verify(t, token); got != "good" { // a client not seen before
		t.Fatalf("token is %s before, want good", got)
	}
	if err := tool.dir.RevokeClient(t.Context(), cli, c.ID); err != nil {
		t.Fatal(err)
	}
	p.clock.advance(MaxStale)
	if got := server.verify(t, token); got != "invalid" {
		t.Errorf("token is %s, want invalid", got)
	}
}

// The clock stands still, so that nothing but the watch can see the change.
func TestWatchSeesAChange(t *testing.T) {
	p := newPlace(t)
	server, tool := p.node(t), p.node(t)
	c, _ := tool.client(t, "read:a")
	token := tool.mint(t, c.ID)
	if got := server.verify(t, token); got != "good" {
		t.Fatalf("token is %s before, want good", got)
	}
	changed := make(chan struct{}, 1)
	server.dir.OnChange(func() { server.verifier.Drop(); changed <- struct{}{} })
	if err := tool.dir.RevokeClient(t.Context(), cli, c.ID); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { server.dir.Watch(ctx) })
	<-changed
	cancel()
	wg.Wait()
	if got := server.verify(t, token); got != "invalid" {
		t.Errorf("token is %s, want invalid", got)
	}
}

func TestStoreAway(t *testing.T) {
	n := newNode(t)
	c, _ := n.client(t, "read:a")
	token := n.mint(t, c.ID)
	if got := n.verify(t, token); got != "good" {
		t.Fatalf("token is %s before, want good", got)
	}
	if err := n.store.Close(); err != nil {
		t.Fatal(err)
	}
	n.clock.advance(MaxStale - 1)
	if got := n.verify(t, token); got != "good" {
		t.Errorf("token is %s while the copy is fresh, want good", got)
	}
	n.clock.advance(1)
	if got := n.verify(t, token); got != "fault" {
		t.Errorf("token is %s when the copy is old, want fault", got)
	}

	changed := make(chan struct{}, 1)
	n.dir.OnChange(func() {
		select {
		case changed <- struct{}{}:
		default:
		}
	})
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { n.dir.Watch(ctx) })
	<-changed // the cache is dropped too
	cancel()
	wg.Wait()
}

// The server makes its first key before there is anything to tell of it.
func TestOnChangeAfterUse(t *testing.T) {
	n := newPlace(t).node(t)
	var wg sync.WaitGroup
	wg.Go(func() {
		for range 20 {
			if err := n.dir.Refresh(t.Context()); err != nil {
				t.Error(err)
			}
		}
	})
	told := make(chan struct{}, 100)
	n.dir.OnChange(func() { told <- struct{}{} })
	n.client(t, "read:a")
	wg.Wait()
	if len(told) == 0 {
		t.Error("not told of a change")
	}
}

func TestRefreshConcurrently(t *testing.T) {
	p := newPlace(t)
	server, tool := p.node(t), p.node(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 50 {
				if err := server.dir.Refresh(t.Context()); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for range 10 {
		c, _ := tool.client(t, "read:a")
		if got := server.verify(t, tool.mint(t, c.ID)); got != "good" {
			t.Errorf("token is %s, want good", got)
		}
		if err := tool.dir.RevokeClient(t.Context(), cli, c.ID); err != nil {
			t.Fatal(err)
		}
		if err := server.dir.Refresh(t.Context()); err != nil { // may share a load, but none that began before
			t.Fatal(err)
		}
		if server.dir.roster.Load().clients[c.ID].RevokedOn.IsZero() {
			t.Error("a refresh does not show what was there before it")
		}
	}
	wg.Wait()
}

func TestRefreshEndsWithItsContext(t *testing.T) {
	n := newNode(t)
	n.dir.loading <- struct{}{} // a load that takes its time
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := n.dir.Refresh(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v, want context.Canceled", err)
	}
	<-n.dir.loading
}

func TestClockThatGoesBack(t *testing.T) {
	n := newNode(t)
	c, _ := n.client(t, "read:a")
	n.clock.advance(-time.Hour)
	if err := n.store.ForClients().Update(t.Context(), func(tx record.Tx) error {
		if _, err := tx.AppendChange(billing.Change{Scope: record.ScopeClients, On: start, By: cli, Kind: record.ClientRevoked}); err != nil {
			return err
		}
		c.RevokedOn = start
		return tx.UpdateClient(c)
	}); err != nil {
		t.Fatal(err)
	}
	if got := n.verify(t, n.mintAnyway(t, c)); got != "invalid" {
		t.Errorf("token is %s, want invalid: a copy from the future is not fresh", got)
	}
}

// mintAnyway gives a token to a client that may be revoked.
func (n *node) mintAnyway(t *testing.T, c record.Client) string {
	t.Helper()
	token, err := n.give(t.Context(), c, markOf(c.SecretHash), Request{})
	if err != nil {
		t.Fatal(err)
	}
	return token.Value
}
