package service

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/event"
)

// EventFeed gives the feed out to who asks for it. It is safe for concurrent use.
type EventFeed struct {
	Store Store
	Clock func() time.Time
	// Retention is for how long a place of the feed is given out. 0: for ever.
	Retention time.Duration
	// Grown returns a channel that is closed when the feed may have grown since. It is a
	// hint. Nil: there are none.
	Grown func() <-chan struct{}
	// Waiting counts the requests that wait for what comes next.
	Waiting atomic.Int64

	mu     sync.Mutex
	passed int64     // the last place that was too old when it was looked for
	sought time.Time // when that was
	last   int64     // the last place when somebody looked
	looked time.Time // when that was
}

// FeedQuery says which places of the feed are wanted.
type FeedQuery struct {
	// After is the place to go on after. Zero is before the first that is given out.
	After int64
	// FromEnd asks for what is behind the last place there is, whatever After says.
	FromEnd bool
	// Before is the place to go back from, in place of After; BeforeEnd of the last there is.
	Before    int64
	BeforeEnd bool
	// Scope is whose places are wanted; "" is all.
	Scope billing.Scope
	// Types are those wanted; nil is all.
	Types []event.Type
	// Limit is how many are wanted at most, at least 1.
	Limit int
}

// FeedPage is what was found.
type FeedPage struct {
	Happenings []event.Happening // ascending by Seq; only such as tell something
	From       int64             // the place after which it was looked
	Next       int64             // the place to go on after, or before
	More       bool              // there may be more behind Next already, or before it
}

// CodeCursorTooOld is the code of the error of [EventFeed.Read] where what a cursor stood
// before is not given out any more.
const CodeCursorTooOld = "CURSOR_TOO_OLD"

func errTooOld(oldest int64) error {
	return billing.Invalid.Errorf(CodeCursorTooOld,
		"what stood behind this cursor is too old to be given out; the oldest that can be gone on after is %d: some events are lost to you, so read anew what you keep", oldest)
}

// errAhead is a cursor of another feed, or of this one before it was restored from a
// backup.
func errAhead(last int64) error {
	return billing.Invalid.Errorf("AFTER_INVALID",
		"after must be a place of the feed, whose last is %d; a cursor of another installation, or of before one was restored, is none", last)
}

const (
	// feedBatch is how many places are read at once at most, and feedSight how many one call
	// looks at, however few of them are wanted.
	feedBatch = 1000
	feedSight = 5000
)

// Read finds places of the feed. The error is CURSOR_TOO_OLD or AFTER_INVALID if there is
// no going on after q.After.
func (f *EventFeed) Read(ctx context.Context, q FeedQuery) (page FeedPage, err error) {
	err = f.Store.View(ctx, func(r Reader) error {
		page = FeedPage{Next: q.After}
		back := q.BeforeEnd || q.Before > 0
		last, err := r.FeedLength()
		if err != nil {
			return err
		}
		oldest, err := f.oldest(r, last)
		switch {
		case err != nil:
			return err
		case back:
			if page.Next = last + 1; !q.BeforeEnd {
				page.Next = min(q.Before, last+1)
			}
			page.From = page.Next
			return page.readBack(r, &q, oldest)
		case q.FromEnd:
			page.Next = last
			return nil
		case q.After > last:
			return errAhead(last)
		case q.After == 0:
			page.Next = oldest
		case q.After < oldest:
			return errTooOld(oldest)
		}
		page.From = page.Next
		return page.read(r, &q, last)
	})
	return page, err
}

// read goes on from Next to the last place, until there is enough.
func (p *FeedPage) read(r EventReader, q *FeedQuery, last int64) error {
	for seen := 0; p.Next < last; {
		size := p.step(q, seen)
		if size == 0 {
			p.More = true
			return nil
		}
		batch, upTo, err := q.after(r, p.Next, size, last)
		if err != nil || !p.take(q, batch) {
			return err
		}
		p.Next = upTo
		seen += size
	}
	return nil
}

// readBack goes back from Next to the oldest that is given out, until there is enough.
func (p *FeedPage) readBack(r EventReader, q *FeedQuery, oldest int64) error {
	defer func() { slices.Reverse(p.Happenings) }()
	for seen := 0; p.Next > oldest+1; {
		size := p.step(q, seen)
		if size == 0 {
			p.More = true
			return nil
		}
		batch, downTo, err := q.before(r, p.Next, size, oldest)
		if err != nil || !p.take(q, batch) {
			return err
		}
		p.Next = downTo
		seen += size
	}
	return nil
}

// step is how many places are looked at next, of the seen before; 0 if that is enough. The
// rarer what is wanted has been, the more they are.
func (p *FeedPage) step(q *FeedQuery, seen int) int {
	room := q.Limit - len(p.Happenings)
	if q.Types == nil || room == 0 {
		return min(feedBatch, feedSight-seen, room)
	}
	return min(feedBatch, feedSight-seen, max(2*room, seen))
}

// take adds what is wanted of some places, and reports whether there was room for all.
func (p *FeedPage) take(q *FeedQuery, batch []event.Happening) bool {
	for i := range batch {
		if len(p.Happenings) == q.Limit {
			p.More = true
			return false
		}
		p.Next = batch[i].Seq
		if q.wants(&batch[i]) {
			p.Happenings = append(p.Happenings, batch[i])
		}
	}
	return true
}

// after are those of the size places behind one that may be wanted, and how far that is.
func (q *FeedQuery) after(r EventReader, place int64, size int, last int64) (batch []event.Happening, upTo int64, err error) {
	if q.onlyEvents() {
		upTo = min(place+int64(size), last)
		batch, err = r.Events(place+1, upTo+1)
		return batch, upTo, err
	}
	if batch, err = r.Happenings(q.Scope, place, size); len(batch) < size {
		return batch, last, err // of one scope there is nothing more up to there
	}
	return batch, batch[len(batch)-1].Seq, nil
}

// before is as after, of the places before one, the newest first.
func (q *FeedQuery) before(r EventReader, place int64, size int, oldest int64) (batch []event.Happening, downTo int64, err error) {
	if q.onlyEvents() {
		downTo = max(place-int64(size), oldest+1)
		batch, err = r.Events(downTo, place)
		slices.Reverse(batch)
		return batch, downTo, err
	}
	batch, err = r.HappeningsBefore(q.Scope, place, size)
	all := len(batch) == size
	if i := slices.IndexFunc(batch, func(h event.Happening) bool { return h.Seq <= oldest }); i >= 0 {
		batch, all = batch[:i], false
	}
	if !all {
		return batch, oldest + 1, err // there is nothing more back to there
	}
	return batch, batch[len(batch)-1].Seq, nil
}

// onlyEvents reports whether no change is wanted: then those of all customers are passed
// over without being read.
func (q *FeedQuery) onlyEvents() bool {
	return q.Scope == "" && q.Types != nil && !slices.ContainsFunc(q.Types, event.Type.OfChange)
}

// wants reports whether a place is one of those asked for.
func (q *FeedQuery) wants(h *event.Happening) bool {
	t, told := h.Type()
	return told && (q.Types == nil || slices.Contains(q.Types, t))
}

// seekEvery is how long it takes at most until a place that has grown too old is not
// given out any more.
const seekEvery = time.Minute

// oldest is the last place that is too old to be given out; 0 if none is.
func (f *EventFeed) oldest(r EventReader, last int64) (int64, error) {
	if f.Retention <= 0 {
		return 0, nil
	}
	now := f.Clock()
	f.mu.Lock()
	passed, sought := f.passed, f.sought
	f.mu.Unlock()
	if since := now.Sub(sought); 0 <= since && since < seekEvery {
		return min(passed, last), nil
	}
	// Places ascend in time but for clocks that differ a little.
	low, high := min(passed, last), last
	for low < high {
		mid := high - (high-low)/2
		placed, err := r.PlacedOn(mid)
		if err != nil {
			return 0, err
		}
		if placed.Before(now.Add(-f.Retention)) {
			low = mid
		} else {
			high = mid - 1
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.passed, f.sought = max(f.passed, low), now // what was not given out does not come back
	return low, nil
}

// lookAgain is for how long all who wait are content with what one of them has seen.
const lookAgain = time.Second / 2

// Passed reports whether there is a place behind another, as was seen a moment ago: that
// many who wait look for themselves costs no more than that one does.
func (f *EventFeed) Passed(ctx context.Context, place int64) (bool, error) {
	f.mu.Lock()
	last, fresh := f.last, time.Since(f.looked) < lookAgain
	if !fresh {
		f.looked = time.Now() // or all would look now
	}
	f.mu.Unlock()
	if last > place || fresh {
		return last > place, nil
	}
	err := f.Store.View(ctx, func(r Reader) (err error) {
		last, err = r.FeedLength()
		return err
	})
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last = max(f.last, last)
	return last > place, err
}
