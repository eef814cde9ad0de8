// Package modeltest runs random scripts against the use cases on a store and
// against a naive model of them, and compares every answer.
//
// The key decision: a case is a script, a text of one operation a line, that
// either side understands. A script that fails is made as short as it goes and
// printed; put into testdata it is replayed for ever.
//
// Start reading at [Run].
package modeltest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/allot-dev/allot/internal/service"
)

// Open opens an empty store.
type Open func(testing.TB) service.Store

// Run runs random scripts of so many operations in all.
func Run(t *testing.T, open Open, operations int) {
	const length = 500
	for seed := range uint64(operations / length) {
		script := random(rand.New(rand.NewPCG(seed, 2)), length)
		if err := compare(t, open, script); err != nil {
			script = shrink(script, func(s []string) bool { return compare(t, open, s) != nil })
			t.Fatalf("seed %d: %v\nthe shortest script that fails:\n%s", seed, compare(t, open, script), strings.Join(script, "\n"))
		}
	}
}

// Replay runs one script.
func Replay(t *testing.T, open Open, script string) {
	if err := compare(t, open, strings.Split(strings.TrimSpace(script), "\n")); err != nil {
		t.Fatal(err)
	}
}

// compare runs a script on both sides until an answer differs.
func compare(t testing.TB, open Open, script []string) error {
	real, model := newReal(t, open), newModel()
	for i, line := range script {
		words := strings.Fields(line)
		got, want := real.do(words), model.do(words)
		if got != want {
			return fmt.Errorf("line %d, %s: got  %s\n%swant %s", i+1, line, got, strings.Repeat(" ", len(fmt.Sprintf("line %d, %s: ", i+1, line))), want)
		}
		for _, c := range customers {
			if got, want := real.state(c), model.state(c); got != want {
				return fmt.Errorf("after line %d, %s, customer %s is\n%s\nwant\n%s", i+1, line, c, got, want)
			}
		}
	}
	return real.verify()
}

// shrink removes lines, many at first, then single ones, for as long as what is
// left fails.
func shrink(script []string, fails func([]string) bool) []string {
	tries := 0
	for chunk := len(script) / 2; chunk > 0; chunk /= 2 {
		for from := 0; from < len(script) && tries < 400; {
			tries++
			shorter := slices.Concat(script[:from], script[min(from+chunk, len(script)):])
			if fails(shorter) {
				script = shorter
			} else {
				from += chunk
			}
		}
	}
	return script
}

var customers = []string{"a", "b"}

// random makes a script. Most lines make sense where they stand; some do not,
// and both sides have to say why.
func random(r *rand.Rand, length int) []string {
	pick := func(words ...string) string { return words[r.IntN(len(words))] }
	script := make([]string, 0, length)
	reports, holds, keys := 0, 0, 0
	var under []string // keys with the lines that they were used for
	for len(script) < length {
		c := pick(customers...)
		metered := pick("calls", "calls", "seats", "disk")
		units := pick("1", "1", "2", "0.5", "3.25", "10")
		var line string
		switch r.IntN(23) {
		case 0, 1:
			line = fmt.Sprintf("subscribe %s %s %s", c, pick("free", "pro", "pro", "max", "kind", "trial", "ending", "loose", "endless"), pick("now", "now", "now", "period_end", "+86400", "+3000000"))
		case 2:
			line = fmt.Sprintf("subscribe %s %s %s", c, pick("extra", "extra", "more"), pick("now", "now", "period_end", "+86400"))
		case 3:
			line = fmt.Sprintf("cancel %s %s %s", c, pick("plan", "plan", "extra", "more"), pick("now", "period_end"))
		case 4:
			line = fmt.Sprintf("override %s %s %s %s", c, metered, pick("max=0", "max=7", "max=25", "unlimited", "add=3", "deny"), pick("0", "0", "3600", "864000"))
		case 5:
			line = fmt.Sprintf("end_override %s %s", c, metered)
		case 6, 7:
			reports++
			id := reports
			if r.IntN(4) == 0 {
				id = 1 + r.IntN(reports)
			}
			line = fmt.Sprintf("record %s %s %s delta r%d %s", c, metered, pick(units, units, "-1", "-0.5", "-100"), id, pick("0", "0", "0", "-60", "-90000", "-4000000", "120"))
		case 8:
			reports++
			line = fmt.Sprintf("record %s %s %s absolute r%d %s", c, metered, units, reports, pick("0", "-60"))
		case 9:
			line = fmt.Sprintf("meter %s %s %s %s", c, metered, pick(units, "-1"), pick("0", "-4000000"))
		case 10, 11, 12, 13:
			line = fmt.Sprintf("consume %s %s %s", c, pick(metered, metered, "sso", "gone"), units)
		case 14, 15:
			holds++
			line = fmt.Sprintf("hold %s %s %s %s", c, metered, units, pick("60", "3600", "86400"))
		case 16:
			line = fmt.Sprintf("confirm h%d %s", 1+r.IntN(holds+1), pick("all", "all", "0.5"))
		case 17:
			line = fmt.Sprintf("release h%d", 1+r.IntN(holds+1))
		case 18:
			line = fmt.Sprintf("status %s %s", c, pick("active", "active", "suspended"))
		case 19:
			line = "stands " + c
		case 20:
			line = fmt.Sprintf("at %s %s", c, pick("-1", "-3600", "-86400", "-2678400", "-31536000", "1", "86400", "2678400", "31536000"))
		default:
			line = "clock " + pick("1", "1", "59", "3600", "3600", "86400", "86400", "604800", "2592000", "31536000", "63072000")
		}
		switch word, _, _ := strings.Cut(line, " "); {
		case word == "stands" || word == "at" || word == "clock":
		case len(under) > 0 && r.IntN(8) == 0:
			line = under[max(0, len(under)-1-r.IntN(5))] // the same request again
		case r.IntN(4) == 0:
			if keys == 0 || r.IntN(5) > 0 { // else a key that was used, most likely for another
				keys++
			}
			line = fmt.Sprintf("once k%d %s", max(1, keys-r.IntN(2)*r.IntN(3)), line)
			under = append(under, line)
		}
		script = append(script, line)
	}
	return script
}
