package verify

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/feed"
	"github.com/allot-dev/allot/internal/service"
)

// givenHead is what the feed is to have: a hash, of a place if that is not 0.
type givenHead struct {
	seq  int64
	hash string
}

func parseHead(text string) (h givenHead, err error) {
	if text == "" {
		return h, nil
	}
	h.hash = text
	if seq, hash, ok := strings.Cut(text, ":"); ok {
		h.hash = hash
		if h.seq, err = strconv.ParseInt(seq, 10, 64); err != nil || h.seq < 1 {
			return h, &HeadError{text}
		}
	}
	h.hash = strings.ToLower(h.hash)
	if len(h.hash) != 64 || strings.Trim(h.hash, "0123456789abcdef") != "" {
		return h, &HeadError{text}
	}
	return h, nil
}

// links goes through the places of the feed, some beside each other.
type links struct {
	o       *Options
	length  int64 // of the feed, when it began
	chained int64 // the last place with a hash
	head    givenHead
	met     atomic.Bool  // the head was found
	done    atomic.Int64 // places gone through

	mu    sync.Mutex
	told  map[string]int // by what is told
	spoke time.Time
}

// say reports what is found, of one kind no more than can be read.
func (l *links) say(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.told[format]++; l.told[format] <= mostOfAKind {
		l.o.Report(service.Drift{Of: "feed", Message: fmt.Sprintf(format, args...)})
	}
}

func (l *links) progress(n int) {
	done := l.done.Add(int64(n))
	l.mu.Lock()
	defer l.mu.Unlock()
	if time.Since(l.spoke) > time.Second/4 {
		l.spoke = time.Now()
		l.o.Progress("places", done, l.length)
	}
}

// chain holds each place of the feed against what it names and the hash of the place
// before, and what they name against whose it is. What is placed never changes, so that
// parts of it may be read each in a state of its own.
func chain(ctx context.Context, o *Options, head givenHead, result *Result) error {
	l := &links{o: o, head: head, told: map[string]int{}}
	var last, behind []feed.Place
	err := o.Store.View(ctx, func(r Reader) (err error) {
		if l.length, err = r.FeedLength(); err != nil {
			return err
		}
		if l.chained, err = r.Chained(); err != nil {
			return err
		}
		if last, err = r.Places(l.chained-1, 1); err != nil {
			return err
		}
		behind, err = r.Places(l.length, 1)
		return err
	})
	if err != nil {
		return err
	}
	result.Places, result.Unhashed = l.length, l.length-l.chained
	if l.chained > 0 && len(last) > 0 && last[0].Seq == l.chained {
		result.Head = fmt.Sprintf("%d:%s", l.chained, last[0].Hash)
	}
	if l.chained > l.length {
		l.say("places have hashes up to %d, and the feed ends at %d", l.chained, l.length)
	}
	if len(behind) > 0 {
		l.say("the feed ends at place %d, and there is place %d", l.length, behind[0].Seq)
	}
	if err := l.all(ctx); err != nil {
		return err
	}
	switch {
	case head.hash == "" || l.met.Load():
	case head.seq > 0:
		l.say("place %d of the feed is to have the hash %s and has not: what is before it was changed, or cut", head.seq, head.hash)
	default:
		l.say("no place of the feed has the hash %s: what was before was changed, or cut", head.hash)
	}
	return nil
}

// all goes through the parts.
func (l *links) all(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var next atomic.Int64
	errs := make([]error, l.o.Workers)
	var working sync.WaitGroup
	for i := range l.o.Workers {
		working.Go(func() {
			for {
				from := next.Add(placesBatch) - placesBatch
				if from >= l.length {
					return
				}
				if errs[i] = l.part(ctx, from, min(from+placesBatch, l.length)); errs[i] != nil {
					stop()
					return
				}
			}
		})
	}
	working.Wait()
	for _, err := range errs {
		if err != nil && !errors.Is(err, context.Canceled) {
			return err
		}
	}
	return errors.Join(errs...)
}

// part goes through the places after one, up to another.
func (l *links) part(ctx context.Context, after, upTo int64) error {
	var before string
	var places []feed.Place
	var customers map[billing.Scope]int64
	err := l.o.Store.View(ctx, func(r Reader) error {
		before = ""
		if after > 0 {
			one, err := r.Places(after-1, 1)
			if err != nil {
				return err
			}
			if len(one) > 0 && one[0].Seq == after {
				before = one[0].Hash
			}
		}
		var err error
		if places, err = r.Places(after, int(upTo-after)); err != nil {
			return err
		}
		scopes := map[billing.Scope]bool{}
		for i := range places {
			scopes[places[i].Scope] = true
		}
		var all []billing.Scope
		for scope := range scopes {
			if isCustomer(scope) {
				all = append(all, scope)
			}
		}
		customers, err = r.CustomersThere(all)
		return err
	})
	if err != nil {
		return err
	}
	at := after
	for i := range places {
		p := &places[i]
		if p.Seq > upTo {
			break
		}
		if p.Seq != at+1 {
			l.missing(at+1, p.Seq-1)
			before = ""
		}
		l.place(p, before, p.Seq != at+1)
		if rev, there := customers[p.Scope]; !there && isCustomer(p.Scope) {
			l.say("place %d of the feed is of %s, who is not there", p.Seq, p.Scope)
		} else if there && p.Rev > rev {
			l.say("place %d of the feed is of revision %d of %s, who is at revision %d", p.Seq, p.Rev, p.Scope, rev)
		}
		before, at = p.Hash, p.Seq
	}
	if at < upTo {
		l.missing(at+1, upTo)
	}
	l.progress(len(places))
	return nil
}

func isCustomer(scope billing.Scope) bool {
	_, err := billing.ParseID[billing.CustomerID](string(scope))
	return err == nil
}

func (l *links) missing(from, to int64) {
	if from == to {
		l.say("place %d of the feed is not there", from)
	} else {
		l.say("places %d to %d of the feed are not there", from, to)
	}
}

// place holds one place against what it names and its hash. After a gap there is no hash
// to begin with.
func (l *links) place(p *feed.Place, before string, gap bool) {
	switch {
	case !p.Found:
		l.say("place %d of the feed names what is not there: %s %d %q", p.Seq, p.Scope, p.Rev, p.Event)
	case p.Own != p.Seq:
		l.say("place %d of the feed names what says it has place %d: %s %d %q", p.Seq, p.Own, p.Scope, p.Rev, p.Event)
	}
	waits := p.Seq > l.chained && p.Hash == ""
	if !waits && !gap && p.Hash != p.Sum(before) {
		l.say("place %d of the feed is not what its hash was made of: %s %d %q", p.Seq, p.Scope, p.Rev, p.Event)
	}
	if l.head.hash != "" && p.Hash == l.head.hash && (l.head.seq == 0 || l.head.seq == p.Seq) {
		l.met.Store(true)
	}
}
