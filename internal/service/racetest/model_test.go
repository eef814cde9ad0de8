package racetest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/anishathalye/porcupine"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/usage"
)

// features are those that customers use, by their index.
var features = [...]billing.Code{"calls", "other"}

// kind is what is asked for.
type kind string

const (
	consume kind = "consume"
	check   kind = "check"
	hold    kind = "hold"
	confirm kind = "confirm"
	release kind = "release"
	record  kind = "record" // one report of a bulk

	planTo     kind = "plan"
	overrideTo kind = "override" // of the feature, to units; 0 ends it
	suspend    kind = "suspend"  // units 1, or back again with 0
	migrate    kind = "migrate"  // all on a plan to its latest version
	apply      kind = "apply"    // of a catalog with a new version of the plan
)

// changes reports whether it changes a customer's facts, rather than usage.
func (k kind) changes() bool {
	return k == planTo || k == overrideTo || k == suspend || k == migrate
}

// input is one request, as one feature sees it.
type input struct {
	kind    kind
	feature int
	units   int64
	plan    billing.Code
	// hold is one that an earlier answer gave; window (0 or 1) and id are of a record.
	hold   usage.HoldID
	window int
	id     int
	// key is an idempotency key that several requests for the same may have; 0 is none.
	key int
	// nth is which one it is of those without an answer that are alike.
	nth int
}

// again is what makes requests the same one, done once; it is empty if nothing does.
func (in input) again() string {
	switch {
	case in.key != 0:
		return fmt.Sprint("key ", in.key)
	case in.kind == confirm || in.kind == release:
		return fmt.Sprint(in.kind, in.hold)
	case in.kind == record:
		return fmt.Sprint("id ", in.id)
	}
	return ""
}

// alikes is how many numbers [input.alike] has.
const alikes = 10

// alike is a number for requests of which it makes no difference which one happens.
func (in input) alike() (n int, ok bool) {
	switch {
	case in.units >= alikes/2:
		return 0, false
	case in.kind == consume:
		return int(in.units), true
	case in.kind == hold:
		return int(in.units) + alikes/2, true
	}
	return 0, false
}

// output is its answer. window is the one that it is about; rev and catalog are the
// revisions that it names.
type output struct {
	// unknown says that there was none: it may have happened at any time since, or
	// not at all.
	unknown           bool
	fault             string // why
	code              string // of an error, or of a record
	allowed           bool
	reason            billing.Reason
	limit, used, held int64
	window            int
	rev, catalog      int64
	hold              usage.HoldID
	moved             bool // by a migration, to the version
	version           int
}

func (in input) String() string {
	s := fmt.Sprintf("%s %s", in.kind, features[in.feature])
	switch {
	case in.kind == planTo || in.kind == migrate || in.kind == apply:
		s = fmt.Sprintf("%s %s", in.kind, in.plan)
	case in.kind == record:
		s += fmt.Sprintf(" %d id %d window %d", in.units, in.id, in.window)
	case in.hold != (usage.HoldID{}):
		s += fmt.Sprintf(" hold %x", in.hold[len(in.hold)-2:])
	default:
		s += fmt.Sprint(" ", in.units)
	}
	if in.key != 0 {
		s += fmt.Sprint(" key ", in.key)
	}
	return s
}

func (out output) String() string {
	switch {
	case out.unknown:
		return "no answer: " + out.fault
	case out.version != 0:
		return fmt.Sprintf("moved %v to version %d", out.moved, out.version)
	case out.code != "" || out.reason == "":
		return fmt.Sprintf("%s @%d", out.code, out.rev)
	}
	s := fmt.Sprintf("%v %s: %d used, %d held of %d, window %d @%d.%d", out.allowed, out.reason, out.used, out.held, out.limit, out.window, out.catalog, out.rev)
	if out.hold != (usage.HoldID{}) {
		s += fmt.Sprintf(" hold %x", out.hold[len(out.hold)-2:])
	}
	return s
}

func describe(in, out any) string { return fmt.Sprintf("%v -> %v", in, out) }

// terms are the facts that answers follow from. Version is of the plan; an override
// of 0 is none.
type terms struct {
	plan      billing.Code
	version   int
	override  [len(features)]int64
	suspended bool
}

// is reports whether the facts are as a change asks for.
func (f terms) is(in input) bool {
	switch in.kind {
	case planTo: // which keeps its version
		return f.plan == in.plan
	case overrideTo:
		return f.override[in.feature] == in.units
	case suspend:
		return f.suspended == (in.units == 1)
	}
	return f.plan != in.plan // migrate
}

// becomes reports whether a change makes these facts of those.
func (f terms) becomes(in input, next terms) bool {
	switch in.kind {
	case planTo:
		if f.plan == in.plan {
			return false
		}
		f.plan, f.version = in.plan, next.version
	case overrideTo:
		f.override[in.feature] = in.units
	case suspend:
		f.suspended = in.units == 1
	case migrate:
		if f.plan != in.plan || f.version == next.version {
			return false
		}
		f.version = next.version
	}
	return f == next
}

// facts are the terms of a customer by their revisions, by each the next, and what
// plans allow.
type facts struct {
	first int64
	terms map[int64]terms
	next  map[int64]int64
	plans map[planVersion][len(features)]int64
}

type planVersion struct {
	plan    billing.Code
	version int
}

// limit is that of a feature by the terms of a revision.
func (f *facts) limit(rev int64, feature int) int64 {
	t := f.terms[rev]
	if max := t.override[feature]; max != 0 {
		return max
	}
	return f.plans[planVersion{t.plan, t.version}][feature]
}

// state is that of one feature of a customer. It is never changed in place.
type state struct {
	rev    int64
	used   [2]int64
	window int // that of the last answer which wrote: none that comes is before
	ids    uint64
	holds  []openHold // in the order they were made
	closed []closedHold
	taken  [alikes]int // of those without an answer
}

type openHold struct {
	id     usage.HoldID
	units  int64
	window int
}

type closedHold struct {
	id usage.HoldID
	by kind
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
		x.taken == y.taken &&
		slices.Equal(x.holds, y.holds) && slices.Equal(x.closed, y.closed)
}

// law is what of the rules a history is held against.
type law struct {
	*facts
	// ofFacts: an answer is by the facts that are there when it is given. ofUsage: it
	// counts what is used and held then.
	ofFacts, ofUsage bool
}

func (l law) model() porcupine.Model {
	return porcupine.Model{
		Init:  func() any { return &state{rev: l.first} },
		Equal: equalStates,
		Step: func(s, in, out any) (bool, any) {
			ok, next := l.step(s.(*state), in.(input), out.(output))
			return ok, next
		},
		DescribeOperation: describe,
	}
}

// step is one request, answered in one state.
func (l law) step(st *state, in input, out output) (bool, *state) {
	if in.kind.changes() {
		return l.change(st, in, out)
	}
	if l.ofFacts && in.kind != record && !out.unknown && out.code == "" && out.rev != st.rev {
		return false, st
	}
	if !l.ofUsage {
		_, known := l.terms[out.rev]
		return known && out.limit == l.limit(out.rev, in.feature), st
	}
	next := *st
	switch in.kind {
	case record:
		return next.record(in, out), &next
	case confirm, release:
		return l.close(&next, in, out), &next
	}
	return l.take(&next, in, out), &next
}

// change is a change of facts, or none where they are as it asks for. One that has no
// answer is made here if this is where the facts were changed so: else it is no
// less right at the end, where nobody sees it.
func (l law) change(st *state, in input, out output) (bool, *state) {
	now := l.terms[st.rev]
	next, more := l.next[st.rev]
	made := *st
	made.rev = next
	makes := more && now.becomes(in, l.terms[next])
	switch {
	case out.unknown && makes:
		return true, &made
	case out.unknown:
		return true, st
	case out.code == "OVERRIDE_NOT_FOUND":
		return in.kind == overrideTo && in.units == 0 && now.is(in), st
	case out.code != "":
		return false, st
	case in.kind == migrate && out.moved:
		return makes && l.terms[next].version == out.version, &made
	case in.kind == migrate:
		return now.is(in) || now.version == out.version, st
	case out.rev == st.rev:
		return now.is(in), st
	}
	return makes && out.rev == next, &made
}

// record counts a report, unless one of its id was counted.
func (s *state) record(in input, out output) bool {
	bit := uint64(1) << in.id
	if s.ids&bit != 0 {
		return out.unknown || out.code == "duplicate"
	}
	s.ids |= bit
	s.used[in.window] += in.units
	return out.unknown || out.code == ""
}

// close confirms or releases a hold, or is told that the other was done.
func (l law) close(st *state, in input, out output) bool {
	if i := slices.IndexFunc(st.closed, func(h closedHold) bool { return h.id == in.hold }); i >= 0 {
		was := map[kind]string{confirm: "HOLD_CONFIRMED", release: "HOLD_RELEASED"}[st.closed[i].by]
		return out.unknown || out.code == was && st.closed[i].by != in.kind
	}
	i := slices.IndexFunc(st.holds, func(h openHold) bool { return h.id == in.hold })
	if i < 0 {
		return out.unknown // before it was made, it is not there
	}
	closing := st.holds[i]
	st.holds = slices.Delete(slices.Clone(st.holds), i, i+1)
	st.closed = append(slices.Clone(st.closed), closedHold{in.hold, in.kind})
	if in.kind == confirm {
		st.used[closing.window] += closing.units
	}
	_, known := l.terms[out.rev]
	return out.unknown || out.code == "" && known && out.limit == l.limit(out.rev, in.feature) && out.window == closing.window &&
		out.allowed && out.reason == billing.ReasonHeld &&
		out.used == st.used[out.window] && out.held == st.held(out.window)
}

// take is a check, or a consume or hold of units that are taken if there is room.
func (l law) take(st *state, in input, out output) bool {
	rev := out.rev
	if out.unknown {
		rev = st.rev
	}
	facts, known := l.terms[rev]
	limit := l.limit(rev, in.feature)
	if in.nth != 0 {
		alike, _ := in.alike()
		if st.taken[alike]++; st.taken[alike] != in.nth {
			return false
		}
	}
	if out.code != "" || !known || out.window < st.window || !out.unknown && out.limit != limit {
		return false
	}
	room := max(limit-st.used[out.window]-st.held(out.window), 0)
	want := output{allowed: in.units <= room, reason: "within_limit"}
	switch {
	case facts.suspended:
		want.allowed, want.reason = false, "suspended"
	case !want.allowed:
		want.reason = "limit_reached"
	}
	if out.unknown && !l.ofFacts {
		want.allowed = true // or it happens at the end, where nobody sees it
	}
	if want.allowed && in.kind != check {
		st.window = out.window
		switch in.kind {
		case consume:
			st.used[out.window] += in.units
		case hold:
			st.holds = append(slices.Clone(st.holds), openHold{out.hold, in.units, out.window})
		}
	}
	return out.unknown || out.allowed == want.allowed && out.reason == want.reason &&
		out.used == st.used[out.window] && out.held == st.held(out.window)
}

// catalogModel is what every answer says of the catalog: an answer is by the revision
// that is there when it is given.
func catalogModel(first, last int64) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return first },
		Step: func(s, in, out any) (bool, any) {
			rev, o := s.(int64), out.(output)
			switch {
			case in.(input).kind != apply:
				return o.catalog == rev, rev
			case o.unknown:
				return true, min(rev+1, last)
			}
			return o.catalog == rev || o.catalog == rev+1, o.catalog
		},
		DescribeOperation: describe,
	}
}

func (f *facts) String() string {
	var b strings.Builder
	for _, rev := range slices.Sorted(maps.Keys(f.terms)) {
		fmt.Fprintf(&b, "%d: %+v\n", rev, f.terms[rev])
	}
	return b.String()
}
