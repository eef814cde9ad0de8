package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/admin"
	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/feed"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/web"
)

// health says how a server stands, for the console. It is an [admin.Health].
type health struct {
	*Server
	cfg   Config
	began time.Time
}

// Checks are those of /readyz, each by itself: that stops at the first that does not hold.
func (h *health) Checks(ctx context.Context) []admin.Check {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	one := func(name, what string, err error) admin.Check {
		c := admin.Check{Name: name, What: what}
		if err == nil {
			return c
		}
		c.Code, c.Message = api.CodeNotReady, "The log says more."
		if e, ok := errors.AsType[*billing.Error](err); ok && e.Code != "" {
			c.Code, c.Message = e.Code, e.Message
		} else {
			h.log.WarnContext(ctx, "a check of the server's health", "check", name, "cause", err)
		}
		return c
	}
	checks := []admin.Check{one("Database file", "the database is the one that was opened", h.place.store.Replaced())}
	if h.cfg.guard != nil {
		checks = append(checks, one("Clock", "it agrees with the time that has gone by", h.cfg.guard.Check()))
	}
	checks = append(checks,
		one("Reading", "the database can be read", h.place.store.View(ctx, func(r service.Reader) error {
			_, err := r.Revision(billing.ScopeCatalog)
			return err
		})),
		one("Writing and signing", "a small write and a signature, tried every few seconds", h.probe.check(ctx)))
	heard := admin.Check{Name: "Change feed", What: "changes of other servers are heard of"}
	if lag, lost := h.snapshots.Lost(); lost {
		heard.Code, heard.Warns = api.CodeFeedLost, true
		heard.Message = fmt.Sprintf("It was last read %s ago: answers come from the database, not from memory.", lag.Round(time.Second/10))
	}
	if h.draining.Load() {
		checks = append(checks, admin.Check{Name: "Serving", What: "requests are taken", Code: api.CodeNotReady, Message: "The server is ending."})
	}
	return append(checks, heard)
}

// Facts say what the server is and how it stands.
func (h *health) Facts(ctx context.Context) []admin.FactGroup {
	server := admin.FactGroup{Name: "Server", Facts: []admin.Fact{
		{Name: "Version", Value: cmp.Or(h.cfg.Version, "development")}, {Name: "Go", Value: runtime.Version()},
		{Name: "Address", Value: h.url}, {Name: "Up for", Value: h.cfg.Clock().Sub(h.began).Round(time.Second).String()},
	}}
	return []admin.FactGroup{server, h.databaseFacts(), h.clockFacts(), h.feedFacts(ctx), h.cacheFacts(), h.loadFacts()}
}

func (h *health) databaseFacts() admin.FactGroup {
	g := admin.FactGroup{Name: "Database"}
	say := func(name, value string) { g.Facts = append(g.Facts, admin.Fact{Name: name, Value: value}) }
	if kind, _, _ := strings.Cut(h.cfg.Database, ":"); kind == "sqlite" {
		say("Engine", "SQLite "+SQLiteVersion)
	} else {
		say("Engine", "PostgreSQL")
	}
	if h.place.store.Replica() != nil {
		say("Replica", "read from")
	}
	readers, writers := h.place.store.Pools()
	say("Reading", fmt.Sprintf("%d of %d connections", readers.InUse, readers.MaxOpenConnections))
	say("Writing", fmt.Sprintf("%d of %d connections", writers.InUse, writers.MaxOpenConnections))
	say("Waited for one", number(readers.WaitCount+writers.WaitCount)+" transactions")
	return g
}

func (h *health) clockFacts() admin.FactGroup {
	g := admin.FactGroup{Name: "Clock", Facts: []admin.Fact{{Name: "Now", Value: stamp(h.cfg.Clock())}}}
	if h.cfg.guard == nil {
		g.Facts = append(g.Facts, admin.Fact{Name: "Guard", Value: "none: it is believed"})
		return g
	}
	return admin.FactGroup{Name: g.Name, Facts: append(g.Facts,
		admin.Fact{Name: "Allowed skew", Value: h.cfg.MaxClockSkew.String()},
		admin.Fact{Name: "Newest stamp at the start", Value: stamp(h.cfg.guard.Seen())})}
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return "none"
	}
	return web.Instant(t.UTC().Truncate(time.Second), nil)
}

// feedFacts say how far those are behind who do something because of changes.
func (h *health) feedFacts(ctx context.Context) admin.FactGroup {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	g := admin.FactGroup{Name: "Change feed"}
	say := func(name, value string) { g.Facts = append(g.Facts, admin.Fact{Name: name, Value: value}) }
	err := h.place.store.ForFeed().View(ctx, func(r feed.Reader) error {
		g.Facts = nil
		end, err := r.FeedLength()
		if err != nil {
			return err
		}
		say("Last place", number(end))
		waiting, err := r.Unsequenced(1)
		if err != nil {
			return err
		}
		order := "every change has its place"
		if len(waiting) > 0 {
			order = "a change waits for its place"
		}
		say("Order", order)
		for _, follower := range []struct{ name, title string }{{"webhooks", "Webhooks"}, {"moments", "Events of time"}} {
			place, err := r.Place(follower.name)
			if err != nil {
				return err
			}
			say(follower.title, behind(end-place))
		}
		return nil
	})
	if err != nil {
		return admin.FactGroup{Name: g.Name, Facts: []admin.Fact{{Name: "State", Value: "cannot be read"}}}
	}
	if lag, _ := h.snapshots.Lost(); h.snapshots.On() {
		say("Last heard of", lag.Round(time.Millisecond).String()+" ago")
	}
	return g
}

func behind(places int64) string {
	if places <= 0 {
		return "up to date"
	}
	return number(places) + " places behind"
}

func (h *health) cacheFacts() admin.FactGroup {
	if !h.snapshots.On() {
		return admin.FactGroup{Name: "Memory", Facts: []admin.Fact{{Name: "Cache", Value: "off: every answer reads the database"}}}
	}
	s := h.snapshots.Stats()
	share := "none yet"
	if asked := s.Hits + s.Misses + s.Direct; asked > 0 {
		share = fmt.Sprintf("%d %%", s.Hits*100/asked)
	}
	return admin.FactGroup{Name: "Memory", Facts: []admin.Fact{
		{Name: "Customers kept", Value: number(int64(s.Entries))},
		{Name: "Taken", Value: fmt.Sprintf("%.1f of %.1f MiB", float64(s.Bytes)/(1<<20), float64(h.cfg.CacheSize)/(1<<20))},
		{Name: "Answered from memory", Value: share},
	}}
}

func (h *health) loadFacts() admin.FactGroup {
	g := admin.FactGroup{Name: "Load"}
	gate := func(name string, running, waiting, slots int) {
		g.Facts = append(g.Facts, admin.Fact{Name: name, Value: fmt.Sprintf("%d at work, %d waiting, room for %d", running, waiting, slots)})
	}
	running, waiting, slots := h.control.Clients.Load()
	gate("Clients", running, waiting, slots)
	running, waiting, slots = h.control.Strangers.Load()
	gate("Strangers", running, waiting, slots)
	all, idle := h.listener.count()
	g.Facts = append(g.Facts, admin.Fact{Name: "Connections", Value: fmt.Sprintf("%d, %d of them idle", all, idle)})
	return g
}

// number is a whole number as people read it in a row of facts.
func number(n int64) string { return strconv.FormatInt(n, 10) }

// maxDrifts is how many drifts are kept for the console.
const maxDrifts = 200

// verification is a pass over all that is stored, asked for from the console: one at a time,
// beside the work of the server, which it ends with.
type verification struct {
	asked chan string // by whom
	now   func() time.Time

	mu   sync.Mutex
	last *admin.Verification // given out as a copy; nil if there was none
}

func newVerification(now func() time.Time) *verification {
	return &verification{asked: make(chan string, 1), now: now}
}

// StartVerify implements [admin.Health].
func (h *health) StartVerify(by string) bool {
	v := h.verifying
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.last != nil && v.last.Ended.IsZero() {
		return false
	}
	v.last = &admin.Verification{By: by, Began: v.now()}
	v.asked <- by // there is room: none is under way
	return true
}

// Verification implements [admin.Health].
func (h *health) Verification() *admin.Verification {
	v := h.verifying
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.last == nil {
		return nil
	}
	copied := *v.last
	return &copied
}

// run verifies whenever it is asked to, until ctx ends.
func (v *verification) run(ctx context.Context, place *Installation, log *slog.Logger) {
	for {
		select {
		case <-v.asked:
		case <-ctx.Done():
			return
		}
		found, err := place.Verify(ctx, VerifyOptions{Progress: func(what string, done, of int64) {
			v.mu.Lock()
			defer v.mu.Unlock()
			v.last.What, v.last.Done, v.last.Of = what, done, of
		}})
		if err != nil && ctx.Err() == nil {
			log.ErrorContext(ctx, "verify", "cause", err)
		}
		v.end(&found, err)
	}
}

func (v *verification) end(found *Verification, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.last.Ended, v.last.DriftCount = v.now(), len(found.Drifts)
	if err != nil {
		v.last.Error = "the log of the server says why"
		return
	}
	v.last.Customers, v.last.Counters, v.last.Places = found.Customers, int64(found.Counters), found.Places
	v.last.Unhashed, v.last.Head = found.Unhashed, found.Head
	for _, d := range found.Drifts[:min(len(found.Drifts), maxDrifts)] {
		drift := admin.Drift{Customer: d.Whose(), Message: d.Message}
		if drift.Customer == "" {
			drift.Of = cmp.Or(d.Of, "catalog")
		}
		v.last.Drifts = append(v.last.Drifts, drift)
	}
}
