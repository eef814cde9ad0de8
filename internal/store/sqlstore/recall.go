package sqlstore

import (
	"context"
	"fmt"
	"hash/maphash"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
)

// State is which state of a database is the newest that was committed, by whomever.
type State struct {
	// Commits counts them, and begins anew after the last.
	Commits uint32
	// Rest is other than it was if the count may be that of another history.
	Rest [4]uint64
}

// recall keeps how usage stands as it was read, so that it is not read again while nothing
// has changed. It answers as the database would:
//
//   - What a transaction of this store may change of a customer is forgotten before it is
//     committed, and nothing of the customer is kept until it has come to its end. What was
//     being read meanwhile is not kept either.
//   - Whether somebody else has committed anything, such as a tool beside the server, is read
//     from the database each time. If so everything is forgotten by the next who writes, and
//     nobody is answered from memory until then.
//
// Who writes does so alone in this process (see turn), so that the one commit that a state
// is ahead by is known to be its own.
type recall struct {
	state  func() (State, bool)
	turn   chan struct{} // held by who writes
	known  atomic.Pointer[State]
	blind  atomic.Bool // a commit was not to be seen in the state
	shards [recallShards]recallShard
}

const (
	recallShards = 64
	// recalled bounds how many lanes are kept in a shard: with 400 bytes each it is 26 MB in all.
	recalled = 1024
)

type recallShard struct {
	mu sync.Mutex
	// moves counts the transactions that might have changed something, as they begin and end
	// to commit.
	moves     uint64
	leaving   map[billing.CustomerID]bool // by the one that commits
	everybody bool                        // is leaving
	lanes     map[billing.CustomerID][]recalledLane
	size      int // how many lanes there are
}

// recalledLane is never changed.
type recalledLane struct {
	feature  billing.Code
	standing service.UsageStanding
}

func newRecall(state func() (State, bool)) *recall {
	if state == nil {
		return nil
	}
	r := &recall{state: state, turn: make(chan struct{}, 1)}
	for i := range r.shards {
		r.shards[i].leaving = make(map[billing.CustomerID]bool)
		r.shards[i].lanes = make(map[billing.CustomerID][]recalledLane)
	}
	return r
}

var recallSeed = maphash.MakeSeed()

func (r *recall) shard(id billing.CustomerID) *recallShard {
	return &r.shards[maphash.Comparable(recallSeed, id)%recallShards]
}

// current reports whether nobody else has committed anything since the last who wrote.
func (r *recall) current() bool {
	known := r.known.Load() // before the state, which only ever moves on
	if known == nil || r.blind.Load() {
		return false
	}
	now, ok := r.state()
	return ok && now == *known
}

// get is what an ask is answered with, if that is kept and of now.
func (r *recall) get(ask service.Ask) (st service.UsageStanding, ok bool) {
	if r == nil || ask.Feature == "" || !r.current() {
		return st, false
	}
	s := r.shard(ask.Customer)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.lanes[ask.Customer] {
		if l.feature == ask.Feature {
			return l.standing, true
		}
	}
	return st, false
}

// moves is to be asked for before something of a customer is read that is to be kept.
func (r *recall) moves(customer billing.CustomerID) uint64 {
	if r == nil {
		return 0
	}
	s := r.shard(customer)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.moves
}

// put keeps what was read, if nothing might have changed since moves were asked for. What
// depends on when it is asked is not kept: holds end by themselves.
func (r *recall) put(ask service.Ask, moves uint64, st service.UsageStanding) {
	if r == nil || ask.Feature == "" || st.Deleted || st.Revision == (billing.Revision{}) {
		return
	}
	for i := range st.Lanes {
		if st.Lanes[i].Lane.Held != 0 {
			return
		}
	}
	s := r.shard(ask.Customer)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.moves != moves || s.everybody || s.leaving[ask.Customer] {
		return
	}
	for _, l := range s.lanes[ask.Customer] {
		if l.feature == ask.Feature {
			return
		}
	}
	for other := range s.lanes { // any
		if s.size < recalled {
			break
		}
		s.drop(other)
	}
	s.lanes[ask.Customer] = append(s.lanes[ask.Customer], recalledLane{ask.Feature, st})
	s.size++
}

func (s *recallShard) drop(id billing.CustomerID) {
	s.size -= len(s.lanes[id])
	delete(s.lanes, id)
}

func (s *recallShard) dropAll() {
	clear(s.lanes)
	s.size = 0
}

// begin waits for the turn to write. The transaction is to be begun next, and began called.
func (r *recall) begin(ctx context.Context) error {
	if r == nil {
		return nil
	}
	select {
	case r.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("begin: %w", ctx.Err())
	}
}

// began is called once nobody else can commit.
func (r *recall) began() {
	if r == nil || r.current() {
		return
	}
	r.forget()
	if now, ok := r.state(); ok {
		r.known.Store(&now)
	}
}

// end gives the turn back.
func (r *recall) end() {
	if r != nil {
		<-r.turn
	}
}

// forget forgets everything, and what is being read.
func (r *recall) forget() {
	r.known.Store(nil)
	for i := range r.shards {
		s := &r.shards[i]
		s.mu.Lock()
		s.moves++
		s.dropAll()
		s.mu.Unlock()
	}
}

// leave is called before the commit of a transaction that may have changed something of
// these customers.
func (r *recall) leave(t *touched) {
	if r == nil {
		return
	}
	r.each(t, func(s *recallShard, id billing.CustomerID) {
		s.leaving[id] = true
		s.drop(id)
	}, func(s *recallShard) {
		s.everybody = true
		s.dropAll()
	})
}

// left is called after it, with its error. The transaction has written something.
func (r *recall) left(t *touched, err error) {
	if r == nil {
		return
	}
	known := r.known.Load()
	now, ok := r.state()
	switch {
	case known == nil || !ok || err != nil || now.Commits != known.Commits && now.Commits != known.Commits+1:
		r.forget()
	case now.Commits == known.Commits: // it is not the memory that the database is shared by
		r.blind.Store(true)
	default:
		r.known.Store(&now)
	}
	r.each(t, func(s *recallShard, id billing.CustomerID) { delete(s.leaving, id) },
		func(s *recallShard) { s.everybody = false })
}

func (r *recall) each(t *touched, one func(*recallShard, billing.CustomerID), all func(*recallShard)) {
	if t.all {
		for i := range r.shards {
			s := &r.shards[i]
			s.mu.Lock()
			s.moves++
			all(s)
			s.mu.Unlock()
		}
		return
	}
	for id := range t.customers {
		s := r.shard(id)
		s.mu.Lock()
		s.moves++
		one(s, id)
		s.mu.Unlock()
	}
}

// touched are the customers of whose standings a transaction may have changed something.
type touched struct {
	customers map[billing.CustomerID]struct{}
	all       bool // of any
}

// note notes what a statement may change.
func (t *touched) note(query string, args []any) {
	switch touches(query) {
	case touchesNothing:
		return
	case touchesRevision:
		for _, arg := range args {
			if name, ok := textOf(arg); ok && name == string(billing.ScopeCatalog) {
				t.all = true
			}
		}
		return
	}
	found := false
	for _, arg := range args {
		text, ok := textOf(arg)
		if !ok {
			continue
		}
		if id, err := billing.ParseID[billing.CustomerID](text); err == nil {
			if t.customers == nil {
				t.customers = make(map[billing.CustomerID]struct{})
			}
			t.customers[id] = struct{}{}
			found = true
		}
	}
	t.all = t.all || !found
}

// textOf is an argument that may name a customer or a scope.
func textOf(arg any) (string, bool) {
	switch arg := arg.(type) {
	case string:
		return arg, true
	case billing.Scope:
		return string(arg), true
	}
	return "", false
}

type touch int

const (
	touchesNothing touch = iota
	// touchesRevision is that of the name among its arguments.
	touchesRevision
	// touchesCustomers are those among its arguments; if there is none, any.
	touchesCustomers
)

var touchOf sync.Map // of the text of a statement

// touches is what a statement may change of what [standings] read.
func touches(query string) touch {
	if t, ok := touchOf.Load(query); ok {
		return t.(touch)
	}
	t := touchesNothing
	for _, verb := range []string{"insert into ", "update ", "delete from "} {
		table, ok := strings.CutPrefix(query, verb)
		if !ok {
			continue
		}
		switch name := table[:max(0, strings.IndexAny(table, " (\n\t"))]; {
		case name == "customers", name == "counters", name == "holds":
			t = touchesCustomers
		case name == "revisions" && !strings.Contains(query, "where name = '"):
			t = touchesRevision
		case name == "revisions" && strings.Contains(query, "'catalog'"):
			t = touchesCustomers // of all
		}
	}
	touchOf.Store(query, t)
	return t
}
