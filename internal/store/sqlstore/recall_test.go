package sqlstore

import (
	"testing"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/usage"
)

// history is a database as far as recall sees it.
type history struct {
	State
	unknown bool
}

func (h *history) state() (State, bool) { return h.State, !h.unknown }

func (h *history) commit() { h.Commits++; h.Rest[0]++ }

// What others do while who writes commits is noticed, though it may be seen in one state with
// the own commit.
func TestRecallOfAnother(t *testing.T) {
	id := billing.CustomerID{1}
	ask := service.Ask{Customer: id, Feature: "calls"}
	st := service.UsageStanding{Revision: billing.Revision{Catalog: 1, Customer: 1}}
	for name, c := range map[string]struct {
		commit func(*history) error
		kept   bool // of another customer
	}{
		"none":                 {func(h *history) error { h.commit(); return nil }, true},
		"behind it":            {func(h *history) error { h.commit(); h.commit(); return nil }, false},
		"instead of it":        {func(h *history) error { h.commit(); return service.ErrNotApplied }, false},
		"not to be seen":       {func(*history) error { return nil }, false},
		"another log":          {func(h *history) error { h.commit(); h.Rest[3]++; h.Commits += 7; return nil }, false},
		"unknown after it":     {func(h *history) error { h.commit(); h.unknown = true; return nil }, false},
		"nothing, with errors": {func(*history) error { return service.ErrNotApplied }, false},
	} {
		t.Run(name, func(t *testing.T) {
			var h history
			r := newRecall(h.state)
			write := func(whose billing.CustomerID, commit func(*history) error) {
				t.Helper()
				if err := r.begin(t.Context()); err != nil {
					t.Fatal(err)
				}
				r.began()
				touched := touched{customers: map[billing.CustomerID]struct{}{whose: {}}}
				r.leave(&touched)
				r.left(&touched, commit(&h))
				r.end()
			}
			one := func(h *history) error { h.commit(); return nil }
			write(id, one)
			r.put(ask, r.moves(id), st)
			if _, ok := r.get(ask); !ok {
				t.Fatal("nothing is kept")
			}
			write(billing.CustomerID{2}, c.commit)
			if _, ok := r.get(ask); ok != c.kept {
				t.Errorf("kept: %t, want %t", ok, c.kept)
			}
			write(billing.CustomerID{2}, one) // and who writes next makes it right, once it can be
			if _, ok := r.get(ask); ok != c.kept {
				t.Errorf("kept after another: %t, want %t", ok, c.kept)
			}
		})
	}
}

// What depends on when it is asked, and who is not there, is not kept.
func TestRecallKeeps(t *testing.T) {
	rev := billing.Revision{Catalog: 1, Customer: 1}
	held := service.LaneStanding{Counter: usage.Counter{Lane: usage.Lane{Held: 1}}}
	for name, c := range map[string]struct {
		ask  service.Ask
		st   service.UsageStanding
		kept bool
	}{
		"no usage":     {service.Ask{Feature: "calls"}, service.UsageStanding{Revision: rev}, true},
		"usage":        {service.Ask{Feature: "calls"}, service.UsageStanding{Revision: rev, Lanes: make([]service.LaneStanding, 1)}, true},
		"holds":        {service.Ask{Feature: "calls"}, service.UsageStanding{Revision: rev, Lanes: []service.LaneStanding{held}}, false},
		"deleted":      {service.Ask{Feature: "calls"}, service.UsageStanding{Revision: rev, Deleted: true}, false},
		"nobody":       {service.Ask{Feature: "calls"}, service.UsageStanding{}, false},
		"all features": {service.Ask{}, service.UsageStanding{Revision: rev}, false},
	} {
		var h history
		r := newRecall(h.state)
		r.began()
		r.put(c.ask, r.moves(c.ask.Customer), c.st)
		if _, ok := r.get(c.ask); ok != c.kept {
			t.Errorf("%s: kept: %t, want %t", name, ok, c.kept)
		}
	}
}

// However many are asked for, what is kept is bounded.
func TestRecallIsBounded(t *testing.T) {
	var h history
	r := newRecall(h.state)
	r.began()
	for i := range 4 * recalled * recallShards {
		ask := service.Ask{Customer: billing.CustomerID{byte(i), byte(i >> 8), byte(i >> 16)}, Feature: "calls"}
		r.put(ask, r.moves(ask.Customer), service.UsageStanding{Revision: billing.Revision{Catalog: 1}})
	}
	for i := range r.shards {
		s := &r.shards[i]
		n := 0
		for _, lanes := range s.lanes {
			n += len(lanes)
		}
		if n > recalled || n != s.size || n < recalled/2 {
			t.Fatalf("%d lanes in a shard, counted %d, at most %d", n, s.size, recalled)
		}
	}
}

func TestTouched(t *testing.T) {
	id := billing.CustomerID{1}
	for _, c := range []struct {
		query     string
		args      []any
		customers int
		all       bool
	}{
		{bumpCustomer, []any{id.String(), int64(1)}, 1, false},
		{upsertCounters[1], []any{id.String(), "f", int64(1), billing.CustomerID{2}.String(), "g"}, 2, false},
		{deleteHolds, []any{int64(1), int64(2)}, 0, true},
		{bumpRevision, []any{billing.ScopeCatalog, int64(1)}, 0, true},
		{bumpRevision, []any{billing.Scope("clients"), int64(1)}, 0, false},
		{updateFeedLength, []any{int64(1)}, 0, false},
		{insertChange, []any{id.String()}, 0, false},
		{selectStanding, []any{id.String()}, 0, false},
	} {
		var got touched
		got.note(c.query, c.args)
		if len(got.customers) != c.customers || got.all != c.all {
			t.Errorf("%.40s…: %d customers, all %t, want %d, %t", c.query, len(got.customers), got.all, c.customers, c.all)
		}
	}
}
