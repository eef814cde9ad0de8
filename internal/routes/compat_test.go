package routes

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const compat = "../../docs/compat.md"

// docs/compat.md ends with the list of every mark "Kinde:" in the code, with the
// same words. With -update the list is written anew.
func TestCompatListsTheMarksOfTheCode(t *testing.T) {
	doc, err := os.ReadFile(compat)
	if err != nil {
		t.Fatal(err)
	}
	const heading = "## Marks in the code\n"
	before, listed, ok := strings.Cut(string(doc), heading)
	if !ok {
		t.Fatalf("%s has no section %q", compat, heading)
	}
	intro, _, _ := strings.Cut(listed, "\n- ")
	var list strings.Builder
	for _, mark := range marks(t) {
		fmt.Fprintf(&list, "- %s\n", mark)
	}
	want := before + heading + strings.TrimRight(intro, "\n") + "\n\n" + list.String()
	if *update {
		if err := os.WriteFile(compat, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, string(doc)); diff != "" {
		t.Errorf("the marks in the code are not those that docs/compat.md lists (-code +doc):\n%s", diff)
	}
}

// marks are the places of the code that say what Kinde wants, and the words they
// say it in.
func marks(t *testing.T) []string {
	t.Helper()
	var found []string
	root := os.DirFS("../..")
	err := fs.WalkDir(root, ".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != "." && strings.HasPrefix(d.Name(), "."):
			return fs.SkipDir
		case d.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		source, err := fs.ReadFile(root, path)
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(source)) {
			if _, words, ok := strings.Cut(line, "// Kinde: "); ok {
				found = append(found, fmt.Sprintf("`%s`: %s", path, strings.TrimSuffix(strings.TrimSpace(words), ".")))
			}
		}
		return nil
	})
	if err != nil || len(found) == 0 {
		t.Fatalf("no marks: %v", err)
	}
	slices.Sort(found)
	return found
}
