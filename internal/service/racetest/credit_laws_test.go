package racetest

import (
	"slices"
	"testing"

	"github.com/anishathalye/porcupine"
)

// creditTurn is one request and its answer.
type creditTurn struct {
	in  creditInput
	out creditOutput
}

// The model of credits allows what their rules say and refuses what they do not: each history
// but the first few has one answer that is wrong.
func TestLawsOfCredits(t *testing.T) {
	tariff := &tariff{
		allowance: 10 * unit, chatsMax: 20 * unit, windowEnd: 100, rates: [3]rate{images: {3, 1}, chats: {1, 1}},
		grants: []granted{{amount: 5 * unit, priority: 50, ends: 50, made: true, id: "g", effective: 1}},
	}
	made := creditTurn{creditInput{Kind: give}, creditOutput{Grant: "g", New: true, Remaining: 5 * unit, Refundable: 5 * unit}}
	use := func(units, left int64, draws string) creditTurn {
		return creditTurn{creditInput{Kind: consume, Units: units * unit}, creditOutput{
			Allowed: true, Reason: "within_limit", Used: units * unit, Remaining: left * unit, There: left * unit, Draws: draws,
		}}
	}
	seven := use(7, 8, "5000000 of g, 2000000 of window, ")
	clawed := creditTurn{creditInput{Kind: void, Claw: true}, creditOutput{}} // the allowance pays at once
	looked := func(left, debt int64) creditTurn {
		return creditTurn{creditInput{Kind: look}, creditOutput{There: (left - debt) * unit, Debt: debt * unit, Sources: "window: 3000000 left, 0 held; "}}
	}
	image := creditTurn{creditInput{Kind: consume, Feature: images, Units: unit}, creditOutput{Reason: "pool_empty", Burned: 3 * unit, Used: 0}}
	unknown := creditTurn{seven.in, creditOutput{Unknown: true}}
	for name, test := range map[string]struct {
		turns []creditTurn
		wrong bool
	}{
		"in turn":                {turns: []creditTurn{made, seven, clawed, looked(3, 0)}},
		"the void again":         {turns: []creditTurn{made, seven, clawed, clawed}},
		"the grant again":        {turns: []creditTurn{made, {made.in, creditOutput{Grant: "g", Remaining: 5 * unit, Refundable: 5 * unit}}}},
		"no answer, and it was":  {turns: []creditTurn{made, unknown, clawed, looked(3, 0)}},
		"another source first":   {[]creditTurn{made, use(7, 8, "7000000 of window, ")}, true},
		"drawn before it is":     {[]creditTurn{seven, made}, true},
		"a grant is made twice":  {[]creditTurn{made, made}, true},
		"the debt is forgotten":  {[]creditTurn{made, seven, clawed, {looked(8, 0).in, creditOutput{There: 8 * unit, Sources: "window: 8000000 left, 0 held; "}}}, true},
		"paid by nobody":         {[]creditTurn{made, seven, clawed, looked(3, 5)}, true},
		"refused with room":      {[]creditTurn{made, image}, true},
		"a draw is lost":         {[]creditTurn{made, seven, seven}, true},
		"more than it is of":     {[]creditTurn{made, use(7, 8, "7000000 of g, ")}, true},
		"refunded what is drawn": {[]creditTurn{made, seven, {creditInput{Kind: void}, creditOutput{Refundable: 5 * unit}}}, true},
	} {
		var ops []porcupine.Operation
		for i, turn := range test.turns {
			op := porcupine.Operation{Input: turn.in, Output: turn.out, Call: int64(2 * i), Return: int64(2*i + 1)}
			if turn.out.Unknown {
				op.Return = never
			}
			ops = append(ops, op)
		}
		if err := linearCredits(tariff, slices.Clone(ops)); (err != nil) != test.wrong {
			t.Errorf("%s: it is wrong: %t, want %t: %v", name, err != nil, test.wrong, err)
		}
	}
}
