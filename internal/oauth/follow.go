package oauth

import (
	"context"
	"time"

	"github.com/allot-dev/allot/internal/feed"
	"github.com/allot-dev/allot/internal/oauth/record"
)

// A directory follows the feed to hear of changes at once, and of there being none
// without asking. It rests on that for nothing: see [MaxStale].
var _ feed.Mirror = (*Directory)(nil)

// Name implements [feed.Follower].
func (d *Directory) Name() string { return "clients and signing keys" }

// Follow implements [feed.Follower].
func (d *Directory) Follow(_ context.Context, entries []feed.Entry) error {
	r := d.roster.Load()
	for _, e := range entries {
		switch {
		case e.Scope == record.ScopeClients && (r == nil || r.clientsRev < e.Rev),
			e.Scope == record.ScopeKeys && (r == nil || r.keysRev < e.Rev):
			d.outdated()
			return nil
		}
	}
	return nil
}

// Reset implements [feed.Mirror].
func (d *Directory) Reset(int64) { d.outdated() }

// outdated says that only a load which begins from now on has everything.
func (d *Directory) outdated() {
	d.needed.Store(d.begun.Load() + 1)
	select {
	case d.told <- struct{}{}:
	default: // there is one to be received already
	}
}

// Looked implements [feed.Mirror]. A copy that has all there was when the look
// began is as good as one that was loaded then.
func (d *Directory) Looked(look feed.Look) {
	if !look.All {
		return
	}
	select {
	case d.loading <- struct{}{}:
	default:
		return // it is being loaded
	}
	defer func() { <-d.loading }()
	r := d.roster.Load()
	if r == nil || d.err != nil || d.ended < d.needed.Load() {
		return
	}
	at := d.now().Add(-time.Since(look.Began))
	if !d.fresh(r) || at.Before(r.at) {
		return // the clock was set, or nobody watches
	}
	next := *r
	next.at = at
	d.roster.Store(&next)
	d.vouched.Store(true)
}
