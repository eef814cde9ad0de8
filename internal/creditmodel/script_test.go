package creditmodel

import (
	"encoding/json"
	"os"
	"reflect"
	"strconv"
	"testing"
)

// seeds is how many scripts a test runs: CREDITMODEL_SEEDS, or a few.
func seeds(t *testing.T) int64 {
	text := os.Getenv("CREDITMODEL_SEEDS")
	if text == "" {
		return 24
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// What must always hold holds after every step of a random script, and what was answered
// about a time is answered again when it is past, as known then.
func TestScripts(t *testing.T) {
	done := map[string]int{}
	for seed := range seeds(t) {
		r := NewRunner(NewWorld(seed))
		for _, s := range Script(seed, 150) {
			a := r.Run(s)
			done[s.Op+" "+outcome(a)]++
			if err := r.Model.Faults(s.At); err != nil {
				t.Fatalf("seed %d: %s\n%s\n%v", seed, s, a, err)
			}
		}
	}
	if seeds(t) < 24 {
		return // too few to have met everything
	}
	for _, want := range []string{
		"consume " + WithinLimit, "consume " + Unlimited, "consume " + OverSoftLimit, "consume " + LimitReached,
		"consume " + CapReached, "consume " + PoolEmpty, "consume " + OverageLimit, "consume " + NotEntitled,
		"consume " + Suspended, "hold " + WithinLimit, "confirm held", "confirm HOLD_EXPIRED", "confirm HOLD_EXCEEDED",
		"release released", "extend extended", "usage recorded", "absolute recorded", "correct recorded",
		"correct CORRECTION_TOO_LARGE", "correct_any recorded", "grant granted", "grant GRANT_EXISTS", "pack repeated",
		"void voided", "void repeated", "state found", "credits found", "plan set", "cancel set", "addon set",
		"addon_end set",
	} {
		if done[want] == 0 {
			t.Errorf("no script had a step that ended as %q", want)
		}
	}
	if t.Failed() || testing.Verbose() {
		t.Log(done)
	}
}

// outcome is an answer in a word.
func outcome(a Answer) string {
	switch {
	case a.Code != "":
		return a.Code
	case a.Decision != nil:
		return a.Decision.Reason
	case a.Status != "":
		return a.Status
	}
	return "found"
}

func TestScriptRepeats(t *testing.T) {
	for seed := range int64(5) {
		one, other := NewRunner(NewWorld(seed)), NewRunner(NewWorld(seed))
		again := Script(seed, 80)
		for i, s := range Script(seed, 80) {
			if s.String() != again[i].String() {
				t.Fatalf("seed %d: %s and %s", seed, s, again[i])
			}
			if a, b := one.Run(s).String(), other.Run(again[i]).String(); a != b {
				t.Fatalf("seed %d: %s\n%s\n%s", seed, s, a, b)
			}
		}
	}
}

// A script is plain data: it comes back from JSON as it was.
func TestScriptIsData(t *testing.T) {
	for seed := range int64(12) {
		script := Script(seed, 100)
		text, err := json.Marshal(script)
		if err != nil {
			t.Fatal(err)
		}
		var again []Step
		if err := json.Unmarshal(text, &again); err != nil {
			t.Fatal(err)
		}
		for i := range script {
			if !reflect.DeepEqual(script[i], again[i]) {
				t.Fatalf("seed %d: %#v came back as %#v", seed, script[i], again[i])
			}
		}
		last := script[0]
		for _, s := range script[1:] {
			if !s.At.After(last.At) {
				t.Fatalf("seed %d: %s is not after %s", seed, s, last)
			}
			last = s
		}
	}
}
