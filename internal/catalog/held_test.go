package catalog

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// held are what customers hold rather than use up.
var held = regexp.MustCompile(`\{code: (seats|projects|storage\w*), [^}]*type: metered[^}]*\}`)

// What is held is never counted anew in what a reader copies from: a seat that was
// free again each month would be sold twice.
func TestWhatIsHeldIsSaidToBeInExamples(t *testing.T) {
	files, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	files = append(files, "../../README.md", "example.yaml")
	met := 0
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, feature := range held.FindAllString(string(text), -1) {
			met++
			if !strings.Contains(feature, "held: true") {
				t.Errorf("%s has %s: want held: true", name, feature)
			}
		}
	}
	if met < 5 {
		t.Errorf("met %d features that are held", met)
	}
}
