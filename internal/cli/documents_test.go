package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// What the documents tell people to type is what the grammar takes: each line of a block,
// and what stands in a text with more than the name of the command.
func TestDocumentsCanBeTyped(t *testing.T) {
	paths, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, path := range append(paths, "../../README.md", "../../SECURITY.md", "../../deploy/systemd/allot-admin") {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range typed(t, string(text)) {
			seen++
			args := words(t, line)
			if _, err := grammar(t).Parse(args[1:]); err != nil {
				t.Errorf("%s: %s: %v", filepath.Base(path), line, err)
			}
		}
	}
	if seen < 80 {
		t.Errorf("%d commands are found", seen)
	}
}

var (
	block    = regexp.MustCompile("(?ms)^```.*?^```|^(?: {4}[^\n]*\n)+")
	command  = regexp.MustCompile(`(?m)(?:^|\$ |; |sudo |bin/|exec |[ -]/)allot(?:-admin)? ([a-z].*)$`)
	inline   = regexp.MustCompile("`(?:sudo )?allot(?:-admin)? ([^`]+)`")
	elided   = regexp.MustCompile(`\[[^]]*\]| …$`)
	inserted = regexp.MustCompile(`\$\([^)]*\)|\$[A-Z_]+`)
	behind   = regexp.MustCompile(`\s+[>|&;#].*$|\)$`)
	event    = regexp.MustCompile(`\bEVENT\b`) // of all names that stand for something, the one of a number
)

// typed are the commands of a text, without the program's name.
func typed(t *testing.T, text string) (lines []string) {
	for _, b := range block.FindAllString(text, -1) {
		b = regexp.MustCompile(`\\\n *|(?m)^#? *`).ReplaceAllString(b, "")
		for _, m := range command.FindAllStringSubmatch(b, -1) {
			lines = append(lines, m[1])
		}
	}
	all := grammar(t).Model.Node
	for _, m := range inline.FindAllStringSubmatch(block.ReplaceAllString(text, ""), -1) {
		line := strings.Join(strings.Fields(m[1]), " ")
		if !isName(all, line) && line != "feed 1" { // which is a part of what is hashed
			lines = append(lines, line)
		}
	}
	for i, line := range lines {
		line = event.ReplaceAllString(inserted.ReplaceAllString(line, "x"), "1")
		lines[i] = behind.ReplaceAllString(elided.ReplaceAllString(line, ""), "")
	}
	return slices.DeleteFunc(lines, func(line string) bool {
		return strings.Contains(line, "--help") || strings.Contains(line, " … ")
	})
}

// isName says that a line has no more than the name of a command, or of a group of them.
func isName(node *kong.Node, line string) bool {
	for _, word := range strings.Fields(line) {
		at := slices.IndexFunc(node.Children, func(n *kong.Node) bool { return n.Name == word })
		if at < 0 {
			return false
		}
		node = node.Children[at]
	}
	return true
}

// words are what a shell makes of a command.
func words(t *testing.T, line string) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "sh", "-c", `printf '%s\0' allot `+line).Output()
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
}
