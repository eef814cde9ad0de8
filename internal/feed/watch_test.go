package feed_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/allot-dev/allot/internal/feed"
)

// mirror writes down what it is told.
type mirror struct {
	told []string
	last feed.Look
	fail func() error // nil: it does not
}

func (m *mirror) Name() string { return "mirror" }

func (m *mirror) Follow(_ context.Context, entries []feed.Entry) error {
	for _, e := range entries {
		m.told = append(m.told, fmt.Sprint(e.Seq, " ", e.Rev))
	}
	if m.fail != nil {
		return m.fail()
	}
	return nil
}

func (m *mirror) Reset(place int64) { m.told = append(m.told, fmt.Sprint("reset ", place)) }

func (m *mirror) Looked(look feed.Look) { m.last = look }

// shortened is a feed that may be cut off, or put back to an earlier state.
type shortened struct {
	feed.Store
	by   atomic.Int64
	down atomic.Bool
}

type shortReader struct {
	feed.Reader
	by int64
}

func (r shortReader) FeedLength() (int64, error) {
	n, err := r.Reader.FeedLength()
	return n - r.by, err
}

func (s *shortened) View(ctx context.Context, fn func(feed.Reader) error) error {
	if s.down.Load() {
		return errors.New("down")
	}
	return s.Store.View(ctx, func(r feed.Reader) error { return fn(shortReader{r, s.by.Load()}) })
}

func newWatched(t *testing.T, url string) (*member, *shortened) {
	short := &shortened{}
	m := join(t, url, "one", func(o *feed.Options) { short.Store = o.Store; o.Store = short })
	return m, short
}

func expectTold(t *testing.T, m *mirror, want string) {
	t.Helper()
	if got := strings.Join(m.told, ", "); got != want {
		t.Errorf("told %q, want %q", got, want)
	}
	m.told = nil
}

func TestLooks(t *testing.T) {
	url := sqliteURL(t)
	synctest.Test(t, func(t *testing.T) {
		m, short := newWatched(t, url)
		defer m.close(t)
		m.change(t)
		kept := &mirror{}
		look := m.Looks(kept)
		see := func(all bool, want string) {
			t.Helper()
			if err := look(t.Context()); err != nil || kept.last.All != all || kept.last.Err != nil {
				t.Errorf("%v, %+v; want all: %v", err, kept.last, all)
			}
			expectTold(t, kept, want)
		}
		see(true, "reset 1")
		see(false, "")
		m.change(t)
		see(false, "2 2")

		// What has no place is heard of when it is looked for, and again with it.
		appendChange(t, m.store)
		see(false, "")
		time.Sleep(feed.ProbeInterval)
		see(true, "0 3")
		m.change(t)
		see(false, "3 3, 4 4")

		// A feed that cannot be read is read on from where it was left.
		short.down.Store(true)
		if err := look(t.Context()); err == nil || kept.last.Err == nil || kept.last.All {
			t.Errorf("down: %v, %+v", err, kept.last)
		}
		m.change(t)
		short.down.Store(false)
		see(false, "5 5")

		// Another feed is begun again.
		short.by.Store(2)
		see(false, "reset 3")
	})
}

// A mirror that fails begins again, and is not told meanwhile that it has all;
// another one does not notice.
func TestMirrorThatFails(t *testing.T) {
	for name, fail := range map[string]func() error{
		"error": func() error { return errors.New("no") },
		"panic": func() error { panic("no") },
	} {
		t.Run(name, func(t *testing.T) {
			url := sqliteURL(t)
			synctest.Test(t, func(t *testing.T) {
				m, _ := newWatched(t, url)
				defer m.close(t)
				bad, good := &mirror{}, &mirror{}
				look := m.Looks(bad, good)
				see := func() {
					time.Sleep(feed.ProbeInterval)
					if err := look(t.Context()); err != nil {
						t.Error(err)
					}
				}
				see()
				m.change(t)
				before := bad.last
				bad.fail = fail
				see()
				if bad.last != before || !good.last.All {
					t.Errorf("looked: %+v and %+v", bad.last, good.last)
				}
				bad.fail = nil
				see()
				if !bad.last.All || bad.last == before {
					t.Errorf("looked in the end: %+v", bad.last)
				}
				expectTold(t, bad, "reset 0, 1 1, reset 1")
				expectTold(t, good, "reset 0, 1 1")
				if log := m.log.String(); strings.Count(log, "begins again") != 1 {
					t.Errorf("the log says:\n%s", log)
				}
			})
		})
	}
}

func TestReadTellsTheGap(t *testing.T) {
	url := sqliteURL(t)
	synctest.Test(t, func(t *testing.T) {
		var gaps []time.Duration
		m := join(t, url, "one", func(o *feed.Options) { o.Read = func(gap time.Duration) { gaps = append(gaps, gap) } })
		defer m.close(t)
		look := m.Looks()
		for _, pause := range []time.Duration{0, 300 * time.Millisecond, 100 * time.Millisecond} {
			time.Sleep(pause)
			if err := look(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if want := []time.Duration{300 * time.Millisecond, 100 * time.Millisecond}; fmt.Sprint(gaps) != fmt.Sprint(want) {
			t.Errorf("gaps %v, want %v", gaps, want)
		}
	})
}

// While a watch looks for what waits the sequencer does not, and gives it a place
// when the watch has found some.
func TestWatchFindsWorkForTheSequencer(t *testing.T) {
	url := sqliteURL(t)
	synctest.Test(t, func(t *testing.T) {
		m, stop := node(t.Context(), t, url, "one")
		defer stop()
		defer run(t, func(ctx context.Context) { m.Watch(ctx) })()
		other := join(t, url, "two")
		defer other.close(t)
		synctest.Wait()
		appendChange(t, other.store)
		time.Sleep(feed.ProbeInterval + feed.PollInterval)
		synctest.Wait()
		if n := feedLength(t, m.store); n != 1 {
			t.Errorf("the feed has %d entries", n)
		}
	})
}
