package racetest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/calendar"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/usage"
)

// kind is what is asked for.
type kind string

const (
	consume kind = "consume"
	check   kind = "check"
	hold    kind = "hold"
	confirm kind = "confirm"
	release kind = "release"
	record  kind = "record"

	planTo     kind = "plan"     // calls a day: units
	overrideTo kind = "override" // of calls; units 0 ends it
	suspend    kind = "suspend"  // units 1, or back again with 0
)

// changes reports whether it changes facts, rather than usage.
func (k kind) changes() bool { return k == planTo || k == overrideTo || k == suspend }

// input is one request of a customer.
type input struct {
	kind  kind
	units int64
	// hold names one that an earlier answer gave; window (0 or 1) and id are of a
	// record.
	hold   usage.HoldID
	window int
	id     int
}

// output is its answer. window is the one that it is about; rev that of the
// customer's facts.
type output struct {
	code              string // of an error, or of a record
	allowed           bool
	reason            billing.Reason
	limit, used, held int64
	window            int
	rev               int64
	hold              usage.HoldID
}

// terms are the facts that answers follow from.
type terms struct {
	plan, override int64 // 0: no override
	suspended      bool
}

func (f terms) limit() int64 { return cmp.Or(f.override, f.plan) }

func (f terms) after(in input) terms {
	switch in.kind {
	case planTo:
		f.plan = in.units
	case overrideTo:
		f.override = in.units
	case suspend:
		f.suspended = in.units == 1
	}
	return f
}

// state is a customer's. It is never changed in place.
type state struct {
	rev    int64
	used   [2]int64
	window int // that of the last answer which wrote: none that comes is before
	ids    uint64
	holds  []openHold // in the order they were made
	closed []closedHold
}

// closedHold is what was answered when a hold was closed.
type closedHold struct {
	id   usage.HoldID
	kind kind
	said output
}

type openHold struct {
	id     usage.HoldID
	units  int64
	window int
}

func (s *state) held(window int) (sum int64) {
	for _, h := range s.holds {
		if h.window == window {
			sum += h.units
		}
	}
	return sum
}

func equalStates(a, b any) bool {
	x, y := a.(*state), b.(*state)
	return x.rev == y.rev && x.used == y.used && x.window == y.window && x.ids == y.ids &&
		slices.Equal(x.holds, y.holds) && slices.Equal(x.closed, y.closed)
}

// history is what a customer was asked and answered, with its terms by revision.
type history struct {
	ops   []porcupine.Operation
	first int64
	terms map[int64]terms
	after map[int64]int64 // by a revision the one before
}

// settle works out the terms by revision: changes say which they made.
func (h *history) settle(first terms) {
	h.terms, h.after = map[int64]terms{h.first: first}, map[int64]int64{}
	made := map[int64][]input{} // also by those that asked for what was so already
	for _, op := range h.ops {
		if in, out := op.Input.(input), op.Output.(output); in.kind.changes() && out.code == "" {
			made[out.rev] = append(made[out.rev], in)
		}
	}
	revs := make([]int64, 0, len(made))
	for rev := range made {
		revs = append(revs, rev)
	}
	slices.Sort(revs)
	before := h.first
	for _, rev := range revs {
		if rev == h.first {
			continue // one that asked for what was
		}
		now := h.terms[before]
		for _, in := range made[rev] {
			now = now.after(in)
		}
		h.terms[rev], h.after[rev] = now, before
		before = rev
	}
}

// model is what may be answered one after the other. A check takes no lock: it
// sees one state of the facts and one of the usage, but of a call that is under
// way perhaps not yet what it counts and already the terms that came after those
// it counts by. So facts and usage are held against all that locks together, and
// checks against each of both.
func (h *history) model(facts, usage bool) porcupine.Model {
	return porcupine.Model{
		Init:  func() any { return &state{rev: h.first} },
		Equal: equalStates,
		Step: func(s, in, out any) (bool, any) {
			st, i, o := s.(*state), in.(input), out.(output)
			if i.kind.changes() {
				return h.change(st, i, o)
			}
			// What is asked again is told what was first, of the facts of then.
			again := (i.kind == confirm || i.kind == release) &&
				(!usage || slices.ContainsFunc(st.closed, func(h closedHold) bool { return h.id == i.hold }))
			if facts && !again && i.kind != record && o.code == "" && o.rev != st.rev {
				return false, st
			}
			if !usage {
				return true, st
			}
			return h.count(st, i, o)
		},
		DescribeOperation: describe,
	}
}

func describe(in, out any) string { return fmt.Sprintf("%+v -> %+v", in, out) }

// change is a change of facts, or none where they are as it asks for.
func (h *history) change(st *state, in input, out output) (bool, any) {
	now := h.terms[st.rev]
	switch {
	case out.code == "OVERRIDE_NOT_FOUND":
		return now.override == 0 && in.kind == overrideTo && in.units == 0, st
	case out.code != "":
		return false, st
	case out.rev == st.rev:
		return now == now.after(in), st
	}
	next := *st
	next.rev = out.rev
	before, ok := h.after[out.rev]
	return ok && before == st.rev && h.terms[out.rev] == now.after(in), &next
}

// count is a use case of usage, decided by the terms that its answer names.
func (h *history) count(st *state, in input, out output) (bool, any) {
	next := *st
	if in.kind == record {
		bit := uint64(1) << in.id
		if st.ids&bit != 0 {
			return out.code == "duplicate", st
		}
		next.ids |= bit
		next.used[in.window] += in.units
		return out.code == "", &next
	}
	if in.kind == confirm || in.kind == release {
		if i := slices.IndexFunc(st.closed, func(h closedHold) bool { return h.id == in.hold }); i >= 0 {
			before := st.closed[i]
			switch {
			case before.kind == in.kind:
				return out == before.said, st
			case before.kind == confirm:
				return out.code == "HOLD_CONFIRMED", st
			}
			return out.code == "HOLD_RELEASED", st
		}
		i := slices.IndexFunc(st.holds, func(h openHold) bool { return h.id == in.hold })
		if i < 0 {
			return false, st
		}
		closing := st.holds[i]
		next.holds = slices.Delete(slices.Clone(st.holds), i, i+1)
		next.closed = append(slices.Clone(st.closed), closedHold{in.hold, in.kind, out})
		if in.kind == confirm {
			next.used[closing.window] += closing.units
		}
		facts, known := h.terms[out.rev]
		return out.code == "" && known && out.limit == facts.limit() && out.window == closing.window &&
			out.allowed && out.reason == billing.ReasonHeld &&
			out.used == next.used[out.window] && out.held == next.held(out.window), &next
	}
	facts, known := h.terms[out.rev]
	if out.code != "" || !known || out.window < st.window || out.limit != facts.limit() {
		return false, st
	}
	room := max(facts.limit()-next.used[out.window]-next.held(out.window), 0)
	want := output{allowed: in.units <= room, reason: "within_limit"}
	switch {
	case facts.suspended:
		want.allowed, want.reason = false, "suspended"
	case !want.allowed:
		want.reason = "limit_reached"
	}
	if want.allowed && in.kind != check {
		next.window = out.window
		switch in.kind {
		case consume:
			next.used[out.window] += in.units
		case hold:
			next.holds = append(slices.Clone(st.holds), openHold{out.hold, in.units, out.window})
		}
	}
	right := out.allowed == want.allowed && out.reason == want.reason &&
		out.used == next.used[out.window] && out.held == next.held(out.window)
	return right, &next
}

// hold checks a history against the model.
func (h *history) hold(t *testing.T, name string, facts, usage bool, keep func(kind) bool) {
	t.Helper()
	var ops []porcupine.Operation
	for _, op := range h.ops {
		if keep(op.Input.(input).kind) {
			ops = append(ops, op)
		}
	}
	result := porcupine.CheckOperationsTimeout(h.model(facts, usage), ops, time.Minute)
	if result == porcupine.Ok {
		return
	}
	var b strings.Builder
	for _, op := range ops {
		fmt.Fprintf(&b, "%9d %9d %s\n", op.Call/1000, op.Return/1000, describe(op.Input, op.Output))
	}
	t.Errorf("%s: %s, of what was answered (from and to in µs):\n%s", name, result, b.String())
}

// racer is a customer that many callers ask for.
type racer struct {
	id    billing.CustomerID
	began time.Time // of the first of its windows

	mu    sync.Mutex
	holds []usage.HoldID
	history
}

func (r *racer) note(in input, out output, call, ret int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ops = append(r.ops, porcupine.Operation{Input: in, Output: out, Call: call, Return: ret})
	if out.hold != (usage.HoldID{}) {
		r.holds = append(r.holds, out.hold)
	}
}

// next is what is asked for next.
func (r *racer) next(n *rand.Rand) input {
	in := input{units: 1 + n.Int64N(3)}
	switch n.IntN(20) {
	case 0:
		in.kind, in.units = planTo, []int64{10, 30}[n.IntN(2)]
	case 1:
		in.kind, in.units = overrideTo, []int64{0, 5, 20}[n.IntN(3)]
	case 2:
		in.kind, in.units = suspend, min(n.Int64N(4), 1)^1
	case 3, 4, 5:
		in.kind = hold
	case 6, 7, 8:
		in.kind = []kind{confirm, release}[n.IntN(2)]
		r.mu.Lock()
		defer r.mu.Unlock()
		if len(r.holds) == 0 {
			return input{kind: check, units: 1}
		}
		in.hold, in.units = r.holds[n.IntN(len(r.holds))], 0
	case 9, 10:
		in.kind, in.window, in.id = record, n.IntN(2), n.IntN(20)
		in.units = int64(in.id%3) + 1
		in.window = in.id % 2
	case 11, 12, 13:
		in.kind = check
	default:
		in.kind = consume
	}
	return in
}

// ask asks a node.
func (r *racer) ask(s *service.Service, in input) output {
	var out output
	ctx := context.Background()
	decided := func(d billing.Decision, err error) error {
		if err == nil {
			out = output{
				allowed: d.Allowed, reason: d.Reason, used: int64(d.Used / billing.OneUnit), held: int64(d.Held / billing.OneUnit),
				limit: *d.Limit.Max, rev: d.Revision.Customer,
			}
			if d.Window.Start.After(r.began) {
				out.window = 1
			}
		}
		return err
	}
	var err error
	switch in.kind {
	case check:
		var d []billing.Decision
		if d, err = s.Check(ctx, r.id, []billing.Code{"calls"}, units(in.units)); err == nil {
			err = decided(d[0], nil)
		}
	case consume:
		what := service.Counting{Customer: r.id, Features: []billing.Code{"calls"}, Records: 1}
		err = s.Count(ctx, "test", what, func(u *service.Work) error { return decided(u.Consume(r.id, "calls", units(in.units))) })
	case record:
		err = s.Do(ctx, "test", func(u *service.Work) error {
			done, err := u.RecordUsage(r.id, []usage.Report{{
				ID: fmt.Sprint("r", in.id), Feature: "calls", Value: units(in.units), Stamp: r.began.AddDate(0, 0, in.window),
			}})
			out = output{}
			if err == nil && done[0].Duplicate {
				out.code = "duplicate"
			}
			if err == nil {
				err = done[0].Err
			}
			return err
		})
	default:
		err = s.Do(ctx, "test", func(u *service.Work) error { return r.change(u, in, &out, decided) })
	}
	var refused *billing.Error
	if errors.As(err, &refused) {
		return output{code: refused.Code}
	} else if err != nil {
		return output{code: err.Error()}
	}
	return out
}

func (r *racer) change(u *service.Work, in input, out *output, decided func(billing.Decision, error) error) error {
	var rev billing.Revision
	var err error
	switch in.kind {
	case hold:
		h, d, err := u.Hold(r.id, "calls", units(in.units), time.Hour)
		err = decided(d, err)
		out.hold = h.ID
		return err
	case confirm:
		_, d, err := u.ConfirmHold(in.hold, usage.Confirm{})
		return decided(d, err)
	case release:
		_, d, err := u.ReleaseHold(in.hold)
		return decided(d, err)
	case planTo:
		_, rev, err = u.Subscribe(r.id, billing.NewAgreement{Plan: billing.Code(fmt.Sprint("day", in.units))})
	case overrideTo:
		if in.units == 0 {
			rev, err = u.EndOverride(r.id, "calls")
		} else {
			_, _, rev, err = u.SetOverride(r.id, "calls", billing.NewOverride{HasMax: true, Max: &in.units})
		}
	case suspend:
		status := []billing.CustomerStatus{billing.Active, billing.Suspended}[in.units]
		var c billing.CustomerAt
		c, err = u.UpdateCustomer(r.id, billing.CustomerUpdate{Status: &status})
		rev = c.Revision
	}
	*out = output{rev: rev.Customer}
	return err
}

// Whatever three nodes whose clocks are apart are asked at once, all answers are
// those of one after the other. Meanwhile a window ends.
func TestNodesAreLinearizable(t *testing.T) {
	rounds := 3
	if n, err := strconv.Atoi(os.Getenv("ALLOT_RACE_ROUNDS")); err == nil {
		rounds = n
	}
	w := newWorld(t)
	var ticks atomic.Int64
	w.do(func(u *service.Work) error {
		var plans []billing.PlanSpec
		for _, max := range []int64{10, 30} {
			code := billing.Code(fmt.Sprint("day", max))
			plans = append(plans, billing.PlanSpec{Code: code, Name: string(code), Group: "teams", Status: billing.Published,
				Items: []billing.ItemSpec{{Feature: "calls", Max: &max, Reset: billing.Reset(calendar.Day)}}})
		}
		_, err := u.ApplyCatalog(billing.CatalogSpec{Plans: plans})
		return err
	})
	var nodes []*service.Service
	for _, off := range []time.Duration{0, 2 * time.Second, -2 * time.Second} {
		clock := func() time.Time { return w.now.Add(off + time.Duration(ticks.Add(1))*5*time.Millisecond) }
		nodes = append(nodes, &service.Service{Store: w.open(), Clock: clock})
	}
	for round := range rounds {
		racers := make([]*racer, 3)
		for i := range racers {
			r := &racer{began: w.now}
			r.id = w.customer("day10")
			r.subscribed(t, w)
			racers[i] = r
		}
		ticks.Store(0)
		w.now = w.now.AddDate(0, 0, 1).Add(-1500 * time.Millisecond) // the end of a window is near
		seed := rand.Uint64()
		race(nodes, racers, seed)
		for i, r := range racers {
			slices.SortFunc(r.ops, func(a, b porcupine.Operation) int { return cmp.Compare(a.Call, b.Call) })
			r.settle(terms{plan: 10})
			name := fmt.Sprintf("round %d, customer %d", round, i)
			r.hold(t, name+", facts and usage", true, true, func(k kind) bool { return k != check })
			r.hold(t, name+", usage and checks", false, true, func(k kind) bool { return !k.changes() })
			r.hold(t, name+", facts and checks", true, false, func(k kind) bool { return k == check || k.changes() })
		}
		w.verify()
		if t.Failed() {
			t.Fatalf("round %d", round)
		}
		w.now = w.now.AddDate(0, 0, 1)
	}
}

func (r *racer) subscribed(t *testing.T, w *world) {
	c, err := w.Customer(t.Context(), r.id)
	if err != nil {
		t.Fatal(err)
	}
	r.first = c.Revision.Customer
}

// race has callers ask nodes for customers.
func race(nodes []*service.Service, racers []*racer, seed uint64) {
	const callers, calls = 12, 20
	began := time.Now()
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			n := rand.New(rand.NewPCG(seed, uint64(c)))
			for range calls {
				r := racers[n.IntN(len(racers))]
				in := r.next(n)
				call := time.Since(began).Nanoseconds()
				out := r.ask(nodes[c%len(nodes)], in)
				r.note(in, out, call, time.Since(began).Nanoseconds())
			}
		})
	}
	wg.Wait()
}
