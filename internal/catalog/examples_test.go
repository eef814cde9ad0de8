package catalog

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/allot-dev/allot/internal/billing"
)

const examples = "../../examples/catalogs/"

// Each example applies, says nothing that would surprise a customer, is told of, and is
// what is written back of it.
func TestExampleCatalogsApply(t *testing.T) {
	files, err := filepath.Glob(examples + "*.yaml")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d examples: %v", len(files), err)
	}
	readme, err := os.ReadFile(examples + "README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		src, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(readme), "`"+filepath.Base(name)+"`") {
			t.Errorf("README.md does not tell of %s", name)
		}
		c, changes, faults := applied(new(billing.Catalog), string(src))
		if len(faults) > 0 {
			t.Errorf("%s:\n%s", name, strings.Join(faults, "\n"))
			continue
		}
		if !slices.Equal(messages(changes), surprising[filepath.Base(name)]) {
			t.Errorf("%s warns of\n%s", name, strings.Join(messages(changes), "\n"))
		}
		if same, changes, faults, _ := c.Apply(accept(t, string(Format(Of(c)))), c.ChangedOn, groupIDs()); same != c || len(faults) > 0 {
			t.Errorf("%s, written back, changes %+v %v", name, changes.Changes, faults)
		}
	}
}

// surprising is what examples are warned of, on purpose.
var surprising = map[string][]string{}
