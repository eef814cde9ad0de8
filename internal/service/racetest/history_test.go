package racetest

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
)

// never is when a request returns that was not answered.
const never = math.MaxInt64

// history is what one customer was asked and answered, by feature.
type history struct {
	facts
	ops [len(features)][]porcupine.Operation
}

// note adds a request to the history of its feature; one that changes facts, to all.
func (h *history) note(op porcupine.Operation) {
	in, out := op.Input.(input), op.Output.(output)
	if out.unknown {
		if in.kind == check {
			return
		}
		op.Return = never
	}
	for f := range h.ops {
		if f == in.feature || in.kind.changes() {
			h.ops[f] = append(h.ops[f], op)
		}
	}
}

// settle sorts the history, and makes one request of those that were for the same:
// what is done once is done after the first was asked, and before any of them was
// told. So nothing is lost, and those without an answer are few. The error says which
// were done more than once.
func (h *history) settle() error {
	var errs []error
	for i := range h.ops {
		slices.SortFunc(h.ops[i], byCall)
		var ops []porcupine.Operation
		first := map[string]int{} // where it is in ops, by what makes it the same
		for _, op := range h.ops[i] {
			in, out := op.Input.(input), op.Output.(output)
			again := in.again()
			at, found := first[again]
			switch {
			case again == "" || out.code != "": // what was refused has changed nothing
				ops = append(ops, op)
			case !found:
				first[again] = len(ops)
				ops = append(ops, op)
			case out.unknown: // it may be any of those before
			case ops[at].Output.(output).unknown && in.kind == record: // and this one is it
				ops[at] = op
			case ops[at].Output.(output).unknown:
				ops[at].Output, ops[at].Return = out, op.Return
			case in.kind == record:
				errs = append(errs, fmt.Errorf("%v is counted twice", in))
			case out != ops[at].Output.(output):
				errs = append(errs, fmt.Errorf("%v is answered %v, and another time %v", in, ops[at].Output, out))
			default:
				ops[at].Return = min(ops[at].Return, op.Return)
			}
		}
		h.ops[i] = ops
	}
	for _, ops := range h.ops {
		number(ops)
	}
	return errors.Join(errs...)
}

func byCall(a, b porcupine.Operation) int { return cmp.Compare(a.Call, b.Call) }

// number numbers requests without an answer that are alike, so that of those that
// happened, whichever they are, the first are taken.
func number(ops []porcupine.Operation) {
	var n [alikes]int
	for i := range ops {
		in := ops[i].Input.(input)
		if alike, ok := in.alike(); ok && ops[i].Output.(output).unknown {
			n[alike]++
			in.nth = n[alike]
			ops[i].Input = in
		}
	}
}

// read reads what the customer's terms were, and what plans allow, from the store.
// That a row is as the log says is what verify checks; that an answer names the
// revision which it is by is for the laws.
func (h *history) read(t testing.TB, s *service.Service, id billing.CustomerID) {
	t.Helper()
	h.terms, h.next, h.plans = map[int64]terms{}, map[int64]int64{}, map[planVersion][len(features)]int64{}
	err := s.Store.View(t.Context(), func(r service.Reader) error {
		catalog, err := r.Catalog()
		if err != nil {
			return err
		}
		for _, plan := range catalog.Plans {
			for _, v := range plan.Versions {
				var limits [len(features)]int64
				for i, code := range features {
					if at := v.Find(code); at >= 0 && v.Items[at].Max != nil {
						limits[i] = *v.Items[at].Max
					}
				}
				h.plans[planVersion{plan.Code, v.Number}] = limits
			}
		}
		changes, err := r.Changes(id.Scope(), 0, 10_000)
		for _, c := range changes {
			h.add(c)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// add adds a change to the terms. The end of an agreement is one with what takes its
// place.
func (h *history) add(c billing.Change) {
	var now terms
	before := h.first
	for rev := range h.terms {
		before = max(before, rev)
	}
	now = h.terms[before]
	number := func(name string) int64 {
		n, err := strconv.ParseInt(c.After[name], 10, 64)
		if err != nil {
			panic("the log says " + name + "=" + c.After[name])
		}
		return n
	}
	feature := slices.Index(features[:], billing.Code(c.After["feature_code"]))
	switch c.Kind {
	case "agreement.created":
		now.plan, now.version = billing.Code(c.After["plan_code"]), int(number("version"))
	case "override.set":
		now.override[feature] = number("max")
	case "override.ended":
		now.override[feature] = 0
	case "customer.updated":
		now.suspended = c.After["status"] == string(billing.Suspended)
	default:
		return
	}
	if h.first == 0 {
		h.first = c.Rev
	} else {
		h.next[before] = c.Rev
	}
	h.terms[c.Rev] = now
}

// laws are what the histories of a customer keep: all requests are one after the other,
// checks too, which take no lock. Where that is not so, it is said what of it is: facts
// and usage by all that locks, and checks by each of both.
func (h *history) laws(t testing.TB, name string) {
	t.Helper()
	for i, ops := range h.ops {
		name := name + ", " + string(features[i])
		if h.hold(t, name, law{&h.facts, true, true}, ops, func(kind) bool { return true }) {
			continue
		}
		h.hold(t, name+": facts and usage", law{&h.facts, true, true}, ops, func(k kind) bool { return k != check })
		h.hold(t, name+": usage and checks", law{&h.facts, false, true}, ops, func(k kind) bool { return !k.changes() })
		h.hold(t, name+": facts and checks", law{&h.facts, true, false}, ops, func(k kind) bool { return k == check || k.changes() })
	}
}

func (h *history) hold(t testing.TB, name string, l law, ops []porcupine.Operation, keep func(kind) bool) (ok bool) {
	t.Helper()
	var kept []porcupine.Operation
	for _, op := range ops {
		if keep(op.Input.(input).kind) {
			kept = append(kept, op)
		}
	}
	err := linear(l.model(), kept)
	if errors.Is(err, errUndecided) {
		t.Logf("%s: %d operations: %v", name, len(kept), err)
		return true
	}
	if err != nil {
		t.Errorf("%s: %vby the terms\n%v", name, err, &h.facts)
	}
	return err == nil
}

// errUndecided is a history with so many requests that were not answered that it takes too
// long to say whether there is an order of them.
var errUndecided = errors.New("not decided within a minute")

// linear checks a history against a model. It is [errUndecided], or the error says what was answered, in the
// order in which most of it can be explained, and then what cannot.
func linear(m porcupine.Model, ops []porcupine.Operation) error {
	result, info := porcupine.CheckOperationsVerbose(m, ops, time.Minute)
	switch result {
	case porcupine.Ok:
		return nil
	case porcupine.Unknown:
		return errUndecided
	}
	var b strings.Builder
	explained := map[string]bool{}
	line := func(op porcupine.Operation) string {
		ret := "never"
		if op.Return != never {
			ret = fmt.Sprint(op.Return / 1000)
		}
		return fmt.Sprintf("%9d %9s %s\n", op.Call/1000, ret, describe(op.Input, op.Output))
	}
	fmt.Fprintf(&b, "%s, of what was answered (from and to in µs; first what is one after the other):\n", result)
	for _, parts := range info.PartialLinearizationsOperations() {
		best := slices.MaxFunc(append(parts, nil), func(x, y []porcupine.Operation) int { return len(x) - len(y) })
		for _, op := range best {
			explained[line(op)] = true
			b.WriteString(line(op))
		}
	}
	b.WriteString("what does not fit:\n")
	for _, op := range ops {
		if !explained[line(op)] {
			b.WriteString(line(op))
		}
	}
	return errors.New(b.String())
}

// lawOfCatalog is what all answers together keep, of all customers, with the changes
// of the catalog. What is done once names the revision of when it was.
func lawOfCatalog(t testing.TB, name string, first, last int64, applied []porcupine.Operation, histories []*racer) {
	t.Helper()
	ops := slices.Clone(applied)
	for _, h := range histories {
		for _, of := range h.ops {
			for _, op := range of {
				if in, out := op.Input.(input), op.Output.(output); !out.unknown && out.catalog != 0 && in.again() == "" {
					ops = append(ops, op)
				}
			}
		}
	}
	slices.SortFunc(ops, byCall)
	if err := linear(catalogModel(first, last), ops); err != nil {
		t.Errorf("%s: by revisions %d to %d of the catalog: %v", name, first, last, err)
	}
}
