package admin

import (
	"cmp"
	"slices"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
)

// recentCalls bound how often the API is asked for one page of events, each of which looks
// at 5,000 places at most.
const recentCalls = 5

// wanted says which events are looked for.
type wanted struct {
	Types      []string // nil: all
	CustomerID string   // "" is anybody's
	Before     int64    // only places before this one; 0: all
	Want       int      // at most so many
	Calls      int      // how often the API is asked at most; 0 is recentCalls
	Since      time.Time
}

// found are the newest of the events that are wanted, the newest first.
type found struct {
	Events []api.Event
	// Older is the Before that goes on where this has come to; 0 if there is nothing more.
	Older int64
	// Short says that the search ended before there were as many as are wanted: what is
	// older was not looked at.
	Short bool
}

// recent finds the newest events, at a cost that is bounded however long the feed is: after
// so many answers it ends, and the next page goes on there.
func (c *call) recent(w wanted) (out found, err error) {
	p := client.EventParams{Before: w.Before, BeforeEnd: w.Before == 0, Types: w.Types, CustomerID: w.CustomerID}
	for calls := 0; len(out.Events) < w.Want; calls++ {
		if calls == cmp.Or(w.Calls, recentCalls) {
			out.Short = true
			return out, nil
		}
		p.PageSize = w.Want - len(out.Events)
		list, err := c.api.Events.List(c.Context(), p)
		if err != nil {
			return found{}, err
		}
		for _, e := range slices.Backward(list.Events) {
			if e.On.Before(w.Since) {
				out.Older = 0
				return out, nil
			}
			out.Events = append(out.Events, e)
		}
		if out.Older = list.Next; !list.HasMore {
			out.Older = 0
			return out, nil
		}
		p.Before, p.BeforeEnd = list.Next, false
	}
	return out, nil
}
