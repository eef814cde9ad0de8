package naive

import (
	"math/rand"
	"strings"
	"testing"
)

// TestRandom runs random scripts. It must not panic, the same lines must give
// the same answers, and most must succeed.
func TestRandom(t *testing.T) {
	kinds := map[string][2]int{}
	total, good := 0, 0
	for seed := range int64(20) {
		script := Random(rand.New(rand.NewSource(seed)), 100)
		m := New()
		for i, line := range script {
			answer := m.Do(line)
			for _, ask := range m.State() {
				if s := m.Do(ask); !strings.HasPrefix(s, "200 ") {
					t.Fatalf("seed %d line %d: %s: %s", seed, i, ask, s)
				}
			}
			ok := answer == "ok" || strings.HasPrefix(answer, "20") || strings.HasPrefix(answer, "clock")
			ok = ok && !strings.Contains(answer, "failed")
			total++
			kind := lineKind(line)
			n := kinds[kind]
			n[1]++
			if ok {
				good++
				n[0]++
			} else if testing.Verbose() {
				t.Logf("%s\n\t%s", line, answer)
			}
			kinds[kind] = n
		}
	}
	t.Logf("%d of %d operations succeed: %d %%", good, total, 100*good/total)
	for k, n := range kinds {
		t.Logf("%-28s %d of %d", k, n[0], n[1])
	}
	if 100*good < 70*total {
		t.Errorf("too many refusals")
	}
}

func lineKind(line string) string {
	if strings.HasPrefix(line, "clock") {
		return "clock"
	}
	p := lineForm.FindStringSubmatch(line)
	parts := strings.Split(p[3], "/")
	last := parts[len(parts)-1]
	last, _, _ = strings.Cut(last, "?")
	if strings.HasPrefix(last, "$") {
		last = parts[len(parts)-2]
	}
	return p[2] + " " + last
}
