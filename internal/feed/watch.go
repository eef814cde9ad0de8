package feed

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

const (
	// PollInterval is how often the feed is watched when nothing hints at a change.
	PollInterval = 100 * time.Millisecond
	// MaxLag is for how long what a mirror keeps may be used after all changes
	// were last heard of. Then the feed is lost.
	MaxLag = time.Second

	// probeInterval is how often it is looked for changes that have no place in the
	// feed yet: should nobody give them one, they are heard of all the same. Only
	// then is it known that nothing has gone unheard, so it is a part of MaxLag; what
	// is left of that is how long the feed may take to be read.
	probeInterval = 250 * time.Millisecond

	readBatch = 1000
	// feedJump is how many entries are too many to be read one by one: dropping
	// everything is quicker.
	feedJump = 10_000
)

// Mirror keeps in memory what changes make old. Its methods are called by one
// goroutine, one after the other, and are quick: others wait behind it.
//
// A mirror that returns an error or panics may have missed something. That is
// logged, it is not told that it has heard all, and at the next look it is reset;
// the others go on.
type Mirror interface {
	// Follow is handed changes at least once, each scope's in the order of their
	// revisions. Those at the end may have no place in the feed yet (their Seq is
	// 0); they come again when they have one. The name is for the log.
	Follower
	// Reset says that anything may have changed: at the start, and when the feed
	// has gone on too far to be read, or is another one. What comes next is behind
	// place.
	Reset(place int64)
	// Looked ends each look at the feed, also one that has failed.
	Looked(Look)
}

// Look is one look at the feed.
type Look struct {
	// Began is when it was begun.
	Began time.Time
	// Place is the Seq of the last entry there was. It is 0 if the look failed.
	Place int64
	// All says that every change that was committed before Began has been handed
	// over, also those with no place in the feed.
	All bool
	// Err is why the feed could not be read.
	Err error
}

// watch is how far the feed was read for some mirrors.
type watch struct {
	feed    *Feed
	mirrors []mirror
	place   int64         // the Seq of the last entry; never until it was read
	read    time.Duration // when it was read last
	probed  time.Duration // when it was looked for changes beside the feed
}

type mirror struct {
	Mirror
	behind bool // it has missed something
}

// Watch reads the feed until ctx ends, for some mirrors. It looks at least once
// in [PollInterval]; a look that takes longer than [MaxLag] fails.
func (f *Feed) Watch(ctx context.Context, mirrors ...Mirror) {
	heard := f.Heard()
	look := f.Looks(mirrors...)
	tick := time.NewTicker(PollInterval)
	defer tick.Stop()
	for {
		_ = look(ctx) // the mirrors are told
		select {
		case <-ctx.Done():
			return
		case <-heard:
		case <-tick.C:
		}
	}
}

// Looks returns a function that looks at the feed once, as [Feed.Watch] does time
// and again. It is for one caller at a time.
func (f *Feed) Looks(mirrors ...Mirror) func(context.Context) error {
	w := &watch{feed: f, place: never, read: never, probed: never}
	for _, m := range mirrors {
		w.mirrors = append(w.mirrors, mirror{Mirror: m, behind: true})
	}
	return w.look
}

func (w *watch) look(ctx context.Context) error {
	f := w.feed
	ctx, cancel := context.WithTimeout(ctx, MaxLag)
	defer cancel()
	look := Look{Began: time.Now()}
	began := look.Began.Sub(f.began)
	probe := began-w.probed >= probeInterval
	place, entries, waiting, err := w.readNew(ctx, probe)
	if err != nil {
		if errors.Is(ctx.Err(), context.Canceled) {
			return err // the watch ends
		}
		look.Err = err
		for i := range w.mirrors {
			w.hand(ctx, &w.mirrors[i], func(m Mirror) error { m.Looked(look); return nil })
		}
		return err
	}
	look.Place, look.All = place, probe
	whole := place-int64(len(entries)) == w.place && len(waiting) < feedJump
	all := slices.Concat(entries, waiting)
	for i := range w.mirrors {
		m := &w.mirrors[i]
		w.hand(ctx, m, func(to Mirror) error {
			if m.behind || !whole {
				m.behind = true
				to.Reset(place)
				m.behind = false
			} else if len(all) > 0 {
				if err := to.Follow(ctx, all); err != nil {
					return err
				}
			}
			to.Looked(look)
			return nil
		})
	}
	w.place = place
	if probe {
		w.probed = began
		f.found(began, len(waiting) > 0)
	}
	if f.options.Read != nil && w.read != never {
		f.options.Read(time.Since(f.began) - w.read)
	}
	w.read = began
	return nil
}

// hand hands something to a mirror, which is its own affair if it fails.
func (w *watch) hand(ctx context.Context, m *mirror, give func(Mirror) error) {
	if err := safely(func() error { return give(m.Mirror) }); err != nil {
		m.behind = true
		if ctx.Err() == nil {
			w.feed.options.Log.Error("a follower of the feed begins again", "follower", m.Name(), "error", err)
		}
	}
}

// safely turns a panic into an error.
func safely(fn func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return fn()
}

// found notes that it was looked for changes that have no place, and what came of
// it.
func (f *Feed) found(began time.Duration, waiting bool) {
	f.probed.Store(int64(began))
	if waiting {
		select {
		case f.waiting <- struct{}{}:
		default: // there is one to be received already
		}
	}
}

// readNew reads the feed from where it was left, to its end. The entries do not
// reach back to there if that is too far, or is not in this feed. With probe it
// reads the changes that wait for a place, too.
func (w *watch) readNew(ctx context.Context, probe bool) (place int64, entries, waiting []Entry, err error) {
	after := w.place
	err = w.feed.options.Store.View(ctx, func(r Reader) error {
		entries = nil
		if probe {
			if waiting, err = r.Unsequenced(feedJump); err != nil {
				return err
			}
		}
		if place, err = r.FeedLength(); err != nil || after > place || after < place-feedJump {
			return err
		}
		for next := after; next < place; next = after + int64(len(entries)) {
			batch, err := r.Feed(next, readBatch)
			if err != nil {
				return err
			}
			if len(batch) == 0 {
				return errFeedShort
			}
			entries = append(entries, batch...)
		}
		return nil
	})
	return place, entries, waiting, err
}

var errFeedShort = errors.New("the feed is shorter than it says")
