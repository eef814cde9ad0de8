package native

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/door"
	"github.com/allot-dev/allot/internal/event"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/wire"
)

// lookEvery is how often who waits looks by himself, as a hint may be lost, and whether he
// may still.
const lookEvery = time.Second

// events gives out the feed: a page of it, if it is asked for only once there is one, or
// the whole of it as a stream.
func (h *handlers) events(c *door.Call) (door.Answer, error) {
	q := door.ReadQuery(c.Request, new(door.Faults))
	wanted := eventsWanted(c, q)
	wait := eventWait(q)
	eventsBefore(c, q, &wanted, wait)
	customer := q.Words("customer_id")
	if err := q.Err(); err != nil {
		return door.Answer{}, err
	}
	if customer != "" {
		ref, err := inText(customer)
		if err != nil {
			return door.Answer{}, err
		}
		id, err := h.find(c, ref)
		if err != nil {
			return door.Answer{}, err
		}
		wanted.Scope = id.Scope()
	}
	if streams(c.Request) {
		return h.streamEvents(c, wanted)
	}
	page, err := h.awaitEvents(c, wanted, wait)
	if err != nil {
		return door.Answer{}, err
	}
	return door.Answer{Body: wire.Events(&page)}, nil
}

// streams reports whether a request asks for a stream.
func streams(r *http.Request) bool {
	for _, accept := range r.Header.Values("Accept") {
		for part := range strings.SplitSeq(accept, ",") {
			kind, _, _ := strings.Cut(part, ";")
			if strings.EqualFold(strings.TrimSpace(kind), api.ContentTypeEvents) {
				return true
			}
		}
	}
	return false
}

// eventsWanted reads which events are wanted. Where a stream broke off comes before where
// it was asked to begin, as it is asked for again at the same URL.
func eventsWanted(c *door.Call, q *door.Query) service.FeedQuery {
	const aCursor = "the id of an event, or the next of an answer"
	wanted := service.FeedQuery{Types: eventTypes(q)}
	wanted.Limit = api.DefaultEvents
	if size := q.Text("page_size"); size != "" {
		wanted.Limit = q.Size("page_size", size, api.MaxEvents)
	}
	after := q.Text("after")
	if last := c.Header.Get(api.HeaderLastEventID); last != "" && streams(c.Request) {
		if cursor := door.ReadCursor(q, "last_event_id", last, aCursor, eventCursor); cursor != nil {
			wanted.After = *cursor
		}
		return wanted
	}
	if after == api.EventsEnd {
		wanted.FromEnd = true
		return wanted
	}
	if cursor := door.ReadCursor(q, "after", after, aCursor+`, or "end" for behind all there is`, eventCursor); cursor != nil {
		wanted.After = *cursor
	}
	return wanted
}

// eventsBefore reads the place to go back from. What is before it is there already: nobody
// waits for it.
func eventsBefore(c *door.Call, q *door.Query, wanted *service.FeedQuery, wait time.Duration) {
	before := q.Text("before")
	switch {
	case before == "":
	case wanted.After != 0 || wanted.FromEnd || wait != 0 || streams(c.Request):
		q.Add(api.InvalidCode("before"), "before goes with neither after nor wait, and a stream does not go back")
	case before == api.EventsEnd:
		wanted.BeforeEnd = true
	default:
		if cursor := door.ReadCursor(q, "before", before, `the id of an event, the next of an answer, or "end" for behind all there is`, eventCursor); cursor != nil {
			wanted.Before = max(*cursor, 1)
		}
	}
}

func eventCursor(s string) (int64, error) {
	n, err := strconv.ParseUint(s, 10, 63)
	return int64(n), err //nolint:gosec // of 63 bits
}

// eventTypes are those of a list with commas; nil are all.
func eventTypes(q *door.Query) []event.Type {
	text := q.Text("types")
	if text == "" {
		return nil
	}
	var known []string
	for _, t := range event.Types() {
		known = append(known, string(t))
	}
	wanted := []event.Type{}
	for s := range strings.SplitSeq(text, ",") {
		s = strings.TrimSpace(s)
		if t, ok := event.ParseType(s); ok {
			wanted = append(wanted, t)
			continue
		}
		what := "types of events with commas between, such as " + string(event.AgreementCreated)
		if near := door.Nearest(s, known); near != "" {
			what = fmt.Sprintf("types of events with commas between, and %.64q is none: did you mean %s?", s, near)
		}
		q.Refuse("types", what)
		return nil
	}
	return wanted
}

// eventWait is for how long an answer may wait for an event.
func eventWait(q *door.Query) time.Duration {
	text := q.Text("wait")
	if text == "" {
		return 0
	}
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil || n > api.MaxEventWait {
		q.Refuse("wait", fmt.Sprintf("a whole number of seconds from 0 to %d", api.MaxEventWait))
		return 0
	}
	return time.Duration(n) * time.Second
}

// grown returns a channel that is closed when there may be more events.
func (h *handlers) grown() <-chan struct{} {
	if h.Feed.Grown == nil {
		return nil
	}
	return h.Feed.Grown()
}

// awaitEvents reads a page, and waits until it has one event at least.
func (h *handlers) awaitEvents(c *door.Call, wanted service.FeedQuery, wait time.Duration) (service.FeedPage, error) {
	if wait == 0 || c.Method == http.MethodHead {
		return h.Feed.Read(c.Context(), wanted)
	}
	leave, err := h.enter(c)
	if err != nil {
		return service.FeedPage{}, err
	}
	defer leave()
	defer c.Await(wait)()
	over, look := time.NewTimer(wait), time.NewTicker(lookEvery)
	defer over.Stop()
	defer look.Stop()
	for {
		grown := h.grown() // before it is read, or what comes between would not be heard
		page, err := h.Feed.Read(c.Context(), wanted)
		if err != nil || len(page.Happenings) > 0 || page.More {
			return page, err
		}
		wanted.After, wanted.FromEnd = page.Next, false
		if more, err := h.pause(c, page.Next, grown, over.C, look.C); err != nil || !more {
			return page, err
		}
	}
}

// pause waits until there may be an event behind a place, and reports whether there may
// be: not if it is over, the server ends or the caller is gone. The error is that the
// caller may not be told of it any more, or a fault.
func (h *handlers) pause(c *door.Call, place int64, grown <-chan struct{}, over, look <-chan time.Time) (bool, error) {
	for {
		select {
		case <-grown:
			return true, c.Admitted()
		case <-look:
			if err := c.Admitted(); err != nil {
				return false, err
			}
			if more, err := h.Feed.Passed(c.Context(), place); more || err != nil {
				return more, err
			}
		case <-over:
			return false, nil
		case <-h.Ending:
			return false, nil
		case <-c.Context().Done():
			return false, nil
		}
	}
}

// A stream of events has a comment at least as often as this, and says how long to wait
// before it is asked for again.
const (
	streamComment = 15 * time.Second
	streamRetry   = "retry: 1000\n\n" // milliseconds
)

// streamEvents gives out the feed from a place on, for as long as the caller reads it. The
// first page is read before anything is sent, so that what is wrong is answered as ever.
func (h *handlers) streamEvents(c *door.Call, wanted service.FeedQuery) (door.Answer, error) {
	s := &eventStream{h: h, call: c, wanted: wanted}
	s.wanted.Limit = api.MaxEvents
	s.grown = h.grown()
	if err := s.read(); err != nil {
		return door.Answer{}, err
	}
	if c.Method == http.MethodHead {
		return door.Answer{Body: door.Stream{ContentType: api.ContentTypeEvents}}, nil
	}
	leave, err := h.enter(c)
	if err != nil {
		return door.Answer{}, err
	}
	return door.Answer{Body: door.Stream{ContentType: api.ContentTypeEvents, Write: func(w *door.StreamWriter) {
		defer leave()
		s.write(w)
	}}}, nil
}

// eventStream is a stream of server-sent events.
type eventStream struct {
	h      *handlers
	call   *door.Call
	wanted service.FeedQuery // behind what was read

	text  []byte // that is still to be sent
	more  bool   // there is more to be read at once
	grown <-chan struct{}
	ready bool  // it was said that all is sent
	id    int64 // the last that was sent
}

// write sends until there is an end to it.
func (s *eventStream) write(w *door.StreamWriter) {
	s.text = append([]byte(streamRetry), s.text...)
	look, comment := time.NewTicker(lookEvery), time.NewTicker(streamComment)
	defer look.Stop()
	defer comment.Stop()
	for {
		if !s.more && !s.ready {
			s.ready = true
			s.notice(api.StreamReady, api.StreamNotice{Next: s.wanted.After})
		}
		if w.Send(s.text) != nil {
			return
		}
		s.text = s.text[:0]
		ending := s.call.Admitted() != nil
		if !s.more && !ending {
			more, err := s.h.pause(s.call, s.wanted.After, s.grown, comment.C, look.C)
			if ending = err != nil; !more && !ending {
				s.comment()
			}
		}
		select {
		case <-s.h.Ending:
			ending = true
		default:
		}
		if !ending {
			s.grown = s.h.grown() // before it is read
			ending = s.read() != nil
		}
		if ending {
			s.notice(api.StreamReconnect, api.StreamNotice{Next: s.wanted.After})
			_ = w.Send(s.text)
			return
		}
	}
}

// comment keeps the connection open, and moves the cursor of who gets few of the events.
func (s *eventStream) comment() {
	s.text = append(s.text, ": still here\n"...)
	if s.wanted.After > s.id {
		s.id = s.wanted.After
		s.text = fmt.Appendf(s.text, "id: %d\n", s.id)
	}
	s.text = append(s.text, '\n')
}

// read reads the next events. If some of them are not given out any more it says so, and
// goes on with the oldest that are.
func (s *eventStream) read() error {
	page, err := s.h.Feed.Read(s.call.Context(), s.wanted)
	if e, ok := errors.AsType[*billing.Error](err); ok && e.Code == service.CodeCursorTooOld {
		s.wanted.After = 0
		if page, err = s.h.Feed.Read(s.call.Context(), s.wanted); err == nil {
			s.notice(api.StreamReset, api.StreamNotice{Reason: api.CursorTooOld, Next: page.From})
		}
	}
	if err != nil {
		return err
	}
	for i := range page.Happenings {
		if e, ok := wire.Event(page.Happenings[i]); ok {
			s.block(e.ID, e.Type, e)
		}
	}
	s.wanted.After, s.wanted.FromEnd, s.more = page.Next, false, page.More
	return nil
}

// notice is what a stream has beside events.
func (s *eventStream) notice(name string, n api.StreamNotice) { s.block(n.Next, name, n) }

// block adds one event of the stream.
func (s *eventStream) block(id int64, name string, data any) {
	text, err := door.Encode(data)
	if err != nil {
		panic(err) // a year that no change has
	}
	s.id = id
	s.text = fmt.Appendf(s.text, "id: %d\nevent: %s\ndata: %s\n", id, name, text) // which ends its line
}
