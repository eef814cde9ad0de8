package admin

import (
	"errors"
	"slices"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
)

// The feed is read forwards. Who wants the newest of it looks at spans of places, from its
// end backwards.
const (
	// recentCalls bound how often the API is asked for one page of events.
	recentCalls = 8
	// recentSpan are the places that are looked at first where few of them may be wanted,
	// and recentGrowth times as many each time that there was too little.
	recentSpan   = 250
	recentGrowth = 8
	// recentWhole are as many places as one answer has for certain, and recentSight as many
	// as one request looks at.
	recentWhole = api.MaxEvents
	recentSight = 5000
)

// wanted says which events are looked for.
type wanted struct {
	Types      []string // nil: all
	CustomerID string   // "" is anybody's
	Before     int64    // only places before this one; 0: all
	Want       int      // at most so many
	Since      time.Time
}

// found are the newest of the events that are wanted, the newest first.
type found struct {
	Events []api.Event
	// Last is the last place of the feed.
	Last int64
	// Older is the Before that goes on where this has come to; 0 if there is nothing more.
	Older int64
	// Short says that the search ended before there were as many as are wanted: what is
	// older was not looked at.
	Short bool
}

// recent finds the newest events, at a cost that is bounded however long the feed is: after
// [recentCalls] answers it ends, and the next page goes on there.
func (c *call) recent(w wanted) (found, error) {
	end, err := c.api.Events.List(c.Context(), client.EventParams{FromEnd: true})
	if err != nil {
		return found{}, err
	}
	out := found{Last: end.Next}
	last := end.Next // of the places that were not looked at yet
	if w.Before > 0 {
		last = min(last, w.Before-1)
	}
	span := int64(recentSpan)
	if w.Types == nil && w.CustomerID == "" {
		span = int64(w.Want)
	}
	for calls := 1; last > 0 && len(out.Events) < w.Want; {
		if calls == recentCalls {
			out.Older, out.Short = last+1, true
			return out, nil
		}
		start := max(last-span, 0)
		events, whole, err := c.between(start, last, &w)
		calls++
		switch refused, ok := errors.AsType[*client.Error](err); {
		case ok && refused.Code() == api.CodeCursorTooOld:
			start, calls = 0, calls+1
			if events, whole, err = c.between(0, last, &w); err != nil {
				return found{}, err
			}
		case err != nil:
			return found{}, err
		}
		if !whole {
			span = max(span/recentGrowth, recentWhole)
			continue
		}
		slices.Reverse(events)
		out.Events = append(out.Events, events...)
		last = start
		if n := len(out.Events); n > 0 && out.Events[n-1].On.Before(w.Since) {
			break
		}
		if span *= recentGrowth; w.CustomerID == "" {
			span = min(span, recentSight)
		}
	}
	if len(out.Events) > w.Want {
		out.Events = out.Events[:w.Want]
		last = out.Events[w.Want-1].ID - 1
	}
	if last > 0 {
		out.Older = last + 1
	}
	for i, e := range out.Events {
		if e.On.Before(w.Since) {
			out.Events, out.Older = out.Events[:i], 0
			break
		}
	}
	return out, nil
}

// between are the events behind a place up to another one, ascending. Not whole: there are
// more of them than one answer has.
func (c *call) between(after, last int64, w *wanted) (events []api.Event, whole bool, err error) {
	size := int64(recentWhole)
	if w.Types == nil && w.CustomerID == "" {
		size = min(size, max(last-after, 1))
	}
	list, err := c.api.Events.List(c.Context(), client.EventParams{
		After: after, Types: w.Types, CustomerID: w.CustomerID, PageSize: int(size),
	})
	if err != nil {
		return nil, false, err
	}
	whole = !list.HasMore || list.Next >= last
	for i, e := range list.Events {
		if e.ID > last {
			return list.Events[:i], true, nil
		}
	}
	return list.Events, whole, nil
}
