package server

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
	"github.com/allot-dev/allot/internal/pgtest"
)

// soonEnough bounds what a test waits for.
const soonEnough = time.Minute

// block is one event of a stream.
type block struct{ id, name, data string }

// eventStream is a stream as a program reads it.
type eventStream struct {
	*bufio.Scanner
	resp *http.Response
}

// stream opens a stream of the feed.
func (r *running) stream(t testing.TB, token, query, lastID string) *eventStream {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), soonEnough)
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.URL()+"/v1/events?"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Accept", "text/event-stream")
	if lastID != "" {
		req.Header.Set("Last-Event-ID", lastID)
	}
	resp, err := r.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	if got := resp.Header.Get("Content-Type"); resp.StatusCode != http.StatusOK || got != "text/event-stream" {
		t.Fatalf("the stream is answered with %d %s", resp.StatusCode, got)
	}
	return &eventStream{bufio.NewScanner(resp.Body), resp}
}

// next is the next event of the stream; it reports false at the stream's end.
func (s *eventStream) next() (b block, ok bool) {
	for s.Scan() {
		name, value, _ := strings.Cut(s.Text(), ": ")
		switch name {
		case "id":
			b.id = value
		case "event":
			b.name = value
		case "data":
			b.data = value
		case "":
			if b.name != "" && b.data != "" {
				return b, true
			}
		}
	}
	return block{}, false
}

// until is what the stream has up to the first event of a name.
func (s *eventStream) until(t testing.TB, name string) (all []block) {
	t.Helper()
	for {
		b, ok := s.next()
		if !ok {
			t.Fatalf("the stream ends before %s: %v, after %v", name, s.Err(), all)
		}
		if all = append(all, b); b.name == name {
			return all
		}
	}
}

// page reads a page of the feed.
func (r *running) page(t *testing.T, token, query string) api.EventList {
	t.Helper()
	status, body := r.get(t, "/v1/events?"+query, token)
	var list api.EventList
	if err := json.Unmarshal([]byte(body), &list); err != nil || status != http.StatusOK {
		t.Fatalf("%s is answered with %d %s", query, status, body)
	}
	return list
}

// customer makes a customer.
func (r *running) customer(t *testing.T, token, user string) {
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.URL()+"/v1/customers", strings.NewReader(`{"type":"user","user_id":"`+user+`"}`))
	if err != nil {
		t.Error(err)
		return
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := r.http.Do(req)
	if err != nil {
		t.Error(err)
		return
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		t.Errorf("a customer is answered with %d", resp.StatusCode)
	}
}

// settled waits until the key and the client that every test begins with have their
// places in the feed, so that after=end is behind them.
func (r *running) settled(t *testing.T, token string) {
	t.Helper()
	for end := int64(0); end < 2; {
		end = r.page(t, token, fmt.Sprintf("after=%d&wait=10", end)).Next
	}
}

func TestEventStream(t *testing.T) {
	r := start(t, Config{})
	id, token := r.token(t)
	r.settled(t, token)
	s := r.stream(t, token, "", "")
	before := s.until(t, api.StreamReady)
	if len(before) != 3 || before[0].name != api.EventKeyRotated || before[1].name != api.EventClientCreated {
		t.Errorf("before it is ready the stream has %v", before)
	}
	r.customer(t, token, "kp_ada")
	got := s.until(t, api.EventCustomerCreated)
	var e api.Event
	if err := json.Unmarshal([]byte(got[0].data), &e); err != nil || strconv.FormatInt(e.ID, 10) != got[0].id || e.Actor != (api.EventActor{Kind: api.ActorClient, ID: id}) {
		t.Errorf("the stream has %v: %v", got, err)
	}

	again := r.stream(t, token, "after=0", before[0].id)
	if all := again.until(t, api.StreamReady); len(all) != 3 || all[0].id != before[1].id {
		t.Errorf("after %s the stream goes on with %v", before[0].id, all)
	}
	one := r.stream(t, token, "after=end&types="+api.EventClientRevoked, "")
	one.until(t, api.StreamReady)
	if err := r.RevokeClient(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	// A token that is taken away ends what it had opened.
	for _, s := range []*eventStream{s, again, one} {
		all := s.until(t, api.StreamReconnect)
		if b, ok := s.next(); ok {
			t.Errorf("after reconnect there is %v", b)
		}
		if s == one && len(all) > 2 {
			t.Errorf("of one type there is %v", all)
		}
	}
}

func TestEventsAreWaitedFor(t *testing.T) {
	r := start(t, Config{})
	_, token := r.token(t)
	r.settled(t, token)
	end := r.page(t, token, "after=end&wait=0").Next
	if list := r.page(t, token, fmt.Sprintf("after=%d&wait=1", end)); len(list.Events) > 0 || list.Next != end || list.HasMore {
		t.Errorf("without an event the answer is %v", list)
	}
	heard := make(chan api.EventList)
	go func() { heard <- r.page(t, token, fmt.Sprintf("after=%d&wait=60&types=customer.created", end)) }()
	r.customer(t, token, "kp_ada")
	select {
	case list := <-heard:
		if len(list.Events) != 1 || list.Events[0].Type != api.EventCustomerCreated || list.Next != list.Events[0].ID {
			t.Errorf("who waits hears %v", list)
		}
	case <-time.After(soonEnough):
		t.Fatal("who waits hears nothing")
	}
}

// Who waits keeps no server from its end; and no more of one client wait than may.
func TestEventsWhileDraining(t *testing.T) {
	const share = 100
	r := start(t, Config{})
	_, token := r.token(t)
	r.settled(t, token)
	s := r.stream(t, token, "after=end", "")
	s.until(t, api.StreamReady)
	answered := make(chan int, share)
	for range share - 1 {
		go func() {
			status := http.StatusTooManyRequests
			for status == http.StatusTooManyRequests { // as the one below may have the last place
				status, _ = r.get(t, "/v1/events?after=end&wait=60", token)
			}
			answered <- status
		}()
	}
	for began := time.Now(); ; { // until all of them wait
		status, body := r.get(t, "/v1/events?after=end&wait=1", token)
		if status == http.StatusTooManyRequests {
			break
		}
		if time.Since(began) > soonEnough*3/4 {
			t.Fatalf("with %d that wait the next is answered with %d %s", share, status, body)
		}
	}
	began := time.Now()
	r.stop()
	s.until(t, api.StreamReconnect)
	if b, ok := s.next(); ok {
		t.Errorf("after reconnect there is %v", b)
	}
	for range share - 1 {
		if status := <-answered; status != http.StatusOK {
			t.Fatalf("who waited is answered with %d", status)
		}
	}
	if err := r.Wait(); err != nil || time.Since(began) > drainTimeout/2 {
		t.Errorf("the server ended after %s: %v", time.Since(began), err)
	}
}

// The places of before the retention are not given out, and who stood before them is told.
func TestEventRetention(t *testing.T) {
	var mu sync.Mutex
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	clock := func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	r := start(t, Config{Clock: clock, EventRetention: 24 * time.Hour})
	_, token := r.token(t)
	first := r.page(t, token, "wait=10&types=client.created")
	if len(first.Events) != 1 {
		t.Fatalf("at the start there is %v", first)
	}
	mu.Lock()
	now = now.Add(25 * time.Hour)
	mu.Unlock()
	_, token = r.token(t) // a place of now
	list := r.page(t, token, "wait=10&types=client.created")
	if len(list.Events) != 1 || list.Events[0].ID <= first.Next {
		t.Errorf("a day later there is %v", list)
	}
	status, body := r.get(t, "/v1/events?after=1", token)
	if status != http.StatusBadRequest || !strings.Contains(body, api.CodeCursorTooOld) {
		t.Errorf("an old cursor is answered with %d %s", status, body)
	}
	if next := r.page(t, token, fmt.Sprint("after=", first.Next)).Next; next < list.Next {
		t.Errorf("after the last that is too old it goes on to %d", next)
	}
	all := r.stream(t, token, "", "1").until(t, api.StreamReady)
	if want := fmt.Sprintf(`{"reason":"cursor_too_old","next":%d}`, first.Next); all[0].name != api.StreamReset || all[0].data != want || all[1].name != api.EventClientCreated {
		t.Errorf("with an old cursor the stream has %v, want first %s", all, want)
	}
}

// However many nodes write, each gives out the same sequence, without a gap and without
// anything twice.
func TestEventsAreTheSameOnEveryNode(t *testing.T) {
	const nodes, customers = 3, 25
	url, key := pgtest.URL(t), filepath.Join(t.TempDir(), "key")
	var all []*running
	var tokens []string
	for range nodes {
		r := start(t, Config{Place: Place{Database: url, KeyFile: key}})
		_, token := r.token(t)
		all, tokens = append(all, r), append(tokens, token)
	}
	var reading, writing sync.WaitGroup
	var mu sync.Mutex
	read := map[string][]int64{}
	for i, r := range all {
		note := func(how string, id int64) {
			mu.Lock()
			defer mu.Unlock()
			read[how] = append(read[how], id)
		}
		reading.Go(func() {
			s := r.stream(t, tokens[i], "", "")
			for n := 0; n < nodes*customers; {
				b, ok := s.next()
				if !ok {
					t.Errorf("node %d: the stream ends: %v", i, s.Err())
					return
				}
				if b.name == api.StreamReady {
					continue
				}
				if b.name == api.EventCustomerCreated {
					n++
				}
				id, _ := strconv.ParseInt(b.id, 10, 64)
				note(fmt.Sprint("stream ", i), id)
			}
		})
		for how, filter := range map[string]string{"poll": "", "filtered": "&types=customer.created"} {
			reading.Go(func() {
				for n, next := 0, int64(0); n < nodes*customers; {
					list := r.page(t, tokens[i], fmt.Sprintf("after=%d&wait=10&page_size=7%s", next, filter))
					for _, e := range list.Events {
						if e.Type == api.EventCustomerCreated {
							n++
						}
						note(fmt.Sprint(how, " ", i), e.ID)
					}
					next = list.Next
				}
			})
		}
		writing.Go(func() {
			for n := range customers {
				r.customer(t, tokens[i], fmt.Sprintf("kp_%d_%d", i, n))
			}
		})
	}
	writing.Wait()
	reading.Wait()
	want := read["stream 0"]
	for i, id := range want {
		if id != int64(i+1) {
			t.Fatalf("the feed has %v", want)
		}
	}
	for how, ids := range read {
		if strings.HasPrefix(how, "filtered") {
			if !slices.IsSorted(ids) || len(slices.Compact(ids)) != nodes*customers || ids[len(ids)-1] != want[len(want)-1] {
				t.Errorf("%s has %v", how, ids)
			}
		} else if !slices.Equal(ids, want) {
			t.Errorf("%s has %v, and stream 0 %v", how, ids, want)
		}
	}
}

// Who follows the feed with the Go client goes on where the server was that has gone.
func TestFollowersSurviveRestarts(t *testing.T) {
	const restarts, customers = 3, 5
	data := t.TempDir()
	r := start(t, Config{Place: Place{Data: data}})
	listen := r.Addr().String()
	id, secret, err := r.CreateClient(t.Context(), "follower", []string{AllScopes})
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	allot, err := client.New(r.URL(), client.WithCredentials(id.ID, secret), client.WithHTTPClient(&http.Client{Transport: transport}))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*soonEnough)
	defer cancel()
	got := make(chan api.Event)
	go func() {
		defer close(got)
		for e, err := range allot.Events.Follow(ctx, client.FollowParams{}) {
			if err != nil {
				t.Errorf("it ends: %v", err)
				return
			}
			got <- e
			if e.ID == 2+restarts*(customers+1) {
				return
			}
		}
	}()
	last := int64(0)
	hear := func(until int64) {
		for last < until {
			e, ok := <-got
			if !ok || e.ID != last+1 {
				t.Fatalf("after event %d comes %d", last, e.ID)
			}
			last = e.ID
		}
	}
	for round := range restarts {
		_, token := r.token(t)
		for n := range customers {
			r.customer(t, token, fmt.Sprintf("kp_%d_%d", round, n))
			if n == customers/2 {
				hear(last + 1)
			}
		}
		if round == restarts-1 {
			break
		}
		r.http.CloseIdleConnections()
		r.stop()
		if err := r.Wait(); err != nil {
			t.Fatal(err)
		}
		r = start(t, Config{Place: Place{Data: data}, Listen: listen})
	}
	hear(2 + restarts*(customers+1))
}
