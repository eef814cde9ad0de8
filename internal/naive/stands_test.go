package naive

import (
	"math/rand"
	"strings"
	"testing"
)

// TestStands: with no further usage an answer stands until the earliest of
// next_change, resets_on and the end of an open hold.
func TestStands(t *testing.T) {
	seen := map[string]int{}
	for seed := range int64(12) {
		m := New()
		for i, line := range Random(rand.New(rand.NewSource(100+seed)), 60) {
			m.Do(line)
			for _, cu := range m.customers {
				if m.suspendedAt(cu, m.now) || cu.deleted <= m.now {
					continue
				}
				for _, code := range m.listed() {
					v := m.look(cu, code, m.now)
					for _, w := range []string{"why " + v.why, v.text(v.decide(units(1)))} {
						seen[strings.Join(strings.Fields(w + " -")[:2], " ")]++
					}
					if p := m.planAt(cu, m.now); p != nil && v.entitled && v.metered && m.limitAt(cu, code, m.now, itemPart(p, code)).String() != v.limit.String() {
						seen["carried"]++
					}
					until := m.now + 400*day
					if v.why != "" {
						until = min(until, v.next)
					}
					if v.entitled && v.metered {
						until = min(until, v.window.to)
					}
					for _, h := range cu.holds {
						if h.closed == 0 && h.expires > m.now {
							until = min(until, h.expires)
						}
					}
					then := m.look(cu, code, until-1)
					if then.text(then.decide(units(1))) != v.text(v.decide(units(1))) {
						t.Fatalf("seed %d line %d: %s\n%s %s\nnow    %s %s\nbefore %s %s", seed, i, line, cu.label, code,
							m.now, v.text(v.decide(units(1))), until, then.text(then.decide(units(1))))
					}
				}
			}
		}
	}
	for k, n := range seen {
		t.Logf("%-28s %d", k, n)
	}
}
