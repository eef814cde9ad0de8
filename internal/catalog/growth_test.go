package catalog_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/allot-dev/allot/internal/catalog"
)

// manyPlans is a file of n plans.
func manyPlans(n int) []byte {
	var b strings.Builder
	b.WriteString(`currency: usd
features:
  - {code: base, name: Base, type: charge}
  - {code: seats, name: Seats, type: metered, unit: seat}
  - {code: sso, name: Single sign-on, type: unmetered}
plan_groups:
  - {code: teams, name: Teams, customer_type: organization, default: true}
plans:
`)
	for i := range n {
		fmt.Fprintf(&b, `  - code: plan-%d
    name: Plan %d
    group: teams
    status: published
    items:
      - {feature: base, price_name: Base, fixed_charge: 2500}
      - {feature: seats, price_name: Seat, max: %d, unit_amount: 900}
      - {feature: sso}
`, i, i, i+1)
	}
	return []byte(b.String())
}

func TestParseCostsWhatTheFileHas(t *testing.T) {
	const few, times = 200, 8
	cost := func(file []byte) uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if doc := catalog.Parse(file); len(doc.Faults) > 0 {
			t.Fatal(doc.Faults[0])
		}
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	for name, file := range map[string]func(n int) []byte{
		"YAML": manyPlans,
		"JSON": func(n int) []byte { return catalog.FormatJSON(catalog.Parse(manyPlans(n)).Spec) },
	} {
		if ratio := float64(cost(file(few*times))) / float64(cost(file(few))); ratio > 1.3*times {
			t.Errorf("%s of %d times the plans costs %.1f times as many bytes, want at most %.1f", name, times, ratio, 1.3*times)
		}
	}
}

// A file without a fault of shape is taken apart again to place those of its meaning.
func TestPlacesAreFoundAgain(t *testing.T) {
	sound := manyPlans(3)
	faulty := append(manyPlans(3), "currencies: usd\n"...) // keeps its places
	if doc := catalog.Parse(faulty); len(doc.Faults) == 0 {
		t.Fatal("a file with an unknown key has no fault")
	}
	for _, path := range []string{"", "currency", "plans", "plans[2]", "plans[2].items[1].max", "plans[1].items[9].max", "nowhere"} {
		line, column := catalog.Parse(sound).Position(path)
		if wantLine, wantColumn := catalog.Parse(faulty).Position(path); line != wantLine || column != wantColumn {
			t.Errorf("%s is at line %d, column %d, want %d, %d", path, line, column, wantLine, wantColumn)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	for _, n := range []int{500, 1000, 5000, 10000} {
		yaml := manyPlans(n)
		for name, file := range map[string][]byte{"yaml": yaml, "json": catalog.FormatJSON(catalog.Parse(yaml).Spec)} {
			b.Run(fmt.Sprintf("%s/plans=%d", name, n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if doc := catalog.Parse(file); len(doc.Faults) > 0 {
						b.Fatal(doc.Faults[0])
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/plan")
			})
		}
	}
}
