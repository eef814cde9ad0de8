package catalog

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/allot-dev/allot/internal/billing"
)

// Every block of YAML or JSON in the reference is a catalog that applies.
func TestReferenceIsTrue(t *testing.T) {
	src, err := os.ReadFile("../../docs/catalog.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := 0
	for _, part := range strings.Split(strings.ReplaceAll(string(src), "```json\n", "```yaml\n"), "```yaml\n")[1:] {
		block, _, _ := strings.Cut(part, "```")
		blocks++
		apply(t, &billing.Catalog{}, accept(t, block))
	}
	if blocks < 5 {
		t.Errorf("docs/catalog.md has %d blocks of YAML; are they still marked so?", blocks)
	}
	for _, s := range []shape{fileShape, featureShape, groupShape, planShape, trialShape, itemShape, tierShape, capShape, burnsShape, rolloverShape, grantShape, rateShape} {
		for _, key := range s.keys {
			if !strings.Contains(string(src), "`"+key+"`") {
				t.Errorf("docs/catalog.md does not tell of %s of %s", key, s.what)
			}
		}
	}
}

func TestExample(t *testing.T) {
	c := apply(t, &billing.Catalog{}, accept(t, string(Example)))
	pro := c.Plans["pro"].Latest()
	kinds := map[string]int{}
	for _, it := range pro.Items {
		kind := string(c.Features[it.Feature].Type)
		if it.Max != nil {
			kind += " with a limit"
		}
		kinds[kind]++
	}
	want := map[string]int{"charge": 1, "metered": 2, "metered with a limit": 4, "unmetered": 2, "config": 1}
	if diff := cmp.Diff(want, kinds); diff != "" {
		t.Errorf("items of pro (-want +got):\n%s", diff)
	}
	for _, code := range []billing.Code{"free", "personal"} {
		if !c.Plans[code].Default {
			t.Errorf("plan %s is not the default of its group", code)
		}
	}
}

// apply applies a spec and fails the test on any fault.
func apply(t interface {
	Helper()
	Fatalf(string, ...any)
}, c *billing.Catalog, spec billing.CatalogSpec) *billing.Catalog {
	t.Helper()
	next, _, faults, err := c.Apply(spec, time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC), groupIDs())
	if err != nil || len(faults) > 0 {
		t.Fatalf("apply: %v %v\n%s", err, faults, Format(spec))
	}
	return next
}

func groupIDs() func() (billing.GroupID, error) {
	var id billing.GroupID
	return func() (billing.GroupID, error) {
		id[0]++
		return id, nil
	}
}
