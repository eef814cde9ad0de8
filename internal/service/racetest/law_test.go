package racetest

import (
	"testing"

	"github.com/anishathalye/porcupine"

	"github.com/allot-dev/allot/internal/usage"
)

// turn is a request that is asked and answered before the next is asked.
type turn struct {
	in  input
	out output
}

func operations(turns []turn) (ops []porcupine.Operation) {
	for i, turn := range turns {
		op := porcupine.Operation{Input: turn.in, Output: turn.out, Call: int64(2*i + 1), Return: int64(2*i + 2)}
		if turn.out.unknown {
			op.Return = never
		}
		ops = append(ops, op)
	}
	return ops
}

// yes and no are answers of a limit, with what is used and held.
func yes(rev, limit, used, held int64) output {
	return output{allowed: true, reason: "within_limit", limit: limit, used: used, held: held, rev: rev}
}

func no(rev, limit, used, held int64) output {
	return output{reason: "limit_reached", limit: limit, used: used, held: held, rev: rev}
}

// The laws allow what the contract says and refuse what it does not: each history but
// the first has one answer that is wrong, or one that should be there and is not.
func TestLaws(t *testing.T) {
	h := history{facts: facts{
		first: 2,
		terms: map[int64]terms{2: {plan: "large", version: 1}, 4: {plan: "small", version: 1}, 5: {plan: "small", version: 1, suspended: true}},
		next:  map[int64]int64{2: 4, 4: 5},
		plans: map[planVersion][len(features)]int64{{"large", 1}: {30, 30}, {"small", 1}: {10, 10}},
	}}
	id := usage.HoldID{1}
	made := yes(2, 30, 5, 3)
	made.hold = id
	confirmed := output{allowed: true, reason: "held", limit: 30, used: 8, rev: 2}
	unknown := output{unknown: true}
	five, three := input{kind: consume, units: 5}, input{kind: hold, units: 3}
	for name, test := range map[string]struct {
		turns []turn
		wrong bool
	}{
		"all in turn": {turns: []turn{
			{five, yes(2, 30, 5, 0)}, {three, made}, {input{kind: consume, units: 23}, no(2, 30, 5, 3)},
			{input{kind: confirm, hold: id}, confirmed}, {input{kind: planTo, plan: "small"}, output{rev: 4}},
			{input{kind: check, units: 2}, yes(4, 10, 8, 0)}, {input{kind: record, units: 3, id: 1}, output{}},
			{input{kind: record, units: 3, id: 1}, output{code: "duplicate"}}, {input{kind: check, units: 1}, no(4, 10, 11, 0)},
		}},
		"above the limit":         {[]turn{{input{kind: consume, units: 31}, yes(2, 30, 31, 0)}}, true},
		"refused with room":       {[]turn{{five, no(2, 30, 0, 0)}}, true},
		"holds are not summed":    {[]turn{{five, yes(2, 30, 5, 0)}, {three, made}, {input{kind: check, units: 1}, yes(2, 30, 5, 0)}}, true},
		"an answer is lost":       {[]turn{{five, yes(2, 30, 5, 0)}, {five, yes(2, 30, 5, 0)}}, true},
		"by the facts of before":  {[]turn{{input{kind: planTo, plan: "small"}, output{rev: 4}}, {five, yes(2, 30, 5, 0)}}, true},
		"a limit of other facts":  {[]turn{{five, yes(2, 10, 5, 0)}}, true},
		"by facts to come":        {[]turn{{five, yes(4, 10, 5, 0)}, {input{kind: planTo, plan: "small"}, output{rev: 4}}}, true},
		"counted twice":           {[]turn{{input{kind: record, units: 3}, output{}}, {input{kind: check, units: 1}, yes(2, 30, 6, 0)}}, true},
		"one id counts twice":     {[]turn{{input{kind: record, units: 3}, output{}}, {input{kind: record, units: 3}, output{}}}, true},
		"no change, but a number": {[]turn{{input{kind: planTo, plan: "large"}, output{rev: 4}}}, true},
		"a change is lost": {[]turn{{input{kind: planTo, plan: "small"}, output{rev: 4}}, {input{kind: suspend, units: 1}, output{rev: 5}},
			{input{kind: check, units: 1}, yes(4, 10, 0, 0)}}, true},
		"no answer, and it happened": {turns: []turn{{five, unknown}, {input{kind: check, units: 1}, yes(2, 30, 5, 0)}}},
		"later":                      {turns: []turn{{five, unknown}, {input{kind: check, units: 1}, yes(2, 30, 0, 0)}, {input{kind: check, units: 1}, yes(2, 30, 5, 0)}}},
		"or not at all":              {turns: []turn{{five, unknown}, {input{kind: check, units: 1}, yes(2, 30, 0, 0)}}},
		"but not twice":              {[]turn{{five, unknown}, {input{kind: check, units: 1}, yes(2, 30, 10, 0)}}, true},
		"nor undone": {[]turn{{five, unknown}, {input{kind: check, units: 1}, yes(2, 30, 5, 0)},
			{input{kind: check, units: 1}, yes(2, 30, 0, 0)}}, true},
		"nor above the limit": {[]turn{{input{kind: consume, units: 31}, unknown}, {input{kind: check, units: 1}, no(2, 30, 31, 0)}}, true},
		"nor before":          {[]turn{{input{kind: check, units: 1}, yes(2, 30, 5, 0)}, {five, unknown}}, true},
		"a change without an answer": {turns: []turn{{input{kind: planTo, plan: "small"}, unknown}, {five, yes(2, 30, 5, 0)},
			{input{kind: check, units: 1}, yes(4, 10, 5, 0)}}},
	} {
		t.Run(name, func(t *testing.T) {
			ops := operations(test.turns)
			number(ops)
			if err := linear(law{&h.facts, true, true}.model(), ops); (err != nil) != test.wrong {
				t.Errorf("it is wrong: %t, want %t: %v", err != nil, test.wrong, err)
			}
		})
	}
}

// What is done once is one request, from when it was first asked until it was first
// answered; answers that differ, or a report that is counted again, are errors.
func TestDoneOnce(t *testing.T) {
	keyed, report := input{kind: consume, units: 1, key: 1}, input{kind: record, units: 1, id: 1}
	unknown, one := output{unknown: true}, yes(2, 30, 1, 0)
	for name, test := range map[string]struct {
		ops      []turn
		from, to int64 // of the one that is left
		left     int
		wrong    bool
	}{
		"asked again":          {ops: []turn{{keyed, unknown}, {keyed, one}, {keyed, one}}, from: 1, to: 4, left: 1},
		"never answered":       {ops: []turn{{keyed, unknown}, {keyed, unknown}}, from: 1, to: never, left: 1},
		"answered otherwise":   {ops: []turn{{keyed, one}, {keyed, yes(2, 30, 2, 0)}}, wrong: true, from: 1, to: 2, left: 1},
		"reported again":       {ops: []turn{{report, unknown}, {report, output{}}, {report, output{code: "duplicate"}}}, from: 3, to: 4, left: 2},
		"reported and no more": {ops: []turn{{report, unknown}, {report, output{code: "duplicate"}}}, from: 1, to: never, left: 2},
		"counted again":        {ops: []turn{{report, output{}}, {report, output{}}}, wrong: true, from: 1, to: 2, left: 1},
	} {
		var h history
		for _, op := range operations(test.ops) {
			h.note(op)
		}
		err := h.settle()
		if got := h.ops[0]; (err != nil) != test.wrong || len(got) != test.left || got[0].Call != test.from || got[0].Return != test.to {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

// An answer is by the catalog that is there.
func TestLawOfCatalog(t *testing.T) {
	at := func(rev int64) turn { return turn{input{kind: check}, output{catalog: rev}} }
	put := func(rev int64) turn { return turn{input{kind: apply}, output{catalog: rev}} }
	for name, test := range map[string]struct {
		turns []turn
		wrong bool
	}{
		"in turn":         {[]turn{at(1), put(2), at(2), put(3), put(3), at(3)}, false},
		"one of before":   {[]turn{at(1), put(2), at(1)}, true},
		"one to come":     {[]turn{at(2), put(2)}, true},
		"without answer":  {[]turn{{input{kind: apply}, output{unknown: true}}, at(1), at(2)}, false},
		"and no way back": {[]turn{{input{kind: apply}, output{unknown: true}}, at(2), at(1)}, true},
	} {
		if err := linear(catalogModel(1, 3), operations(test.turns)); (err != nil) != test.wrong {
			t.Errorf("%s: it is wrong: %t, want %t: %v", name, err != nil, test.wrong, err)
		}
	}
}
