package cli

import (
	_ "embed"
	"strings"

	"github.com/alecthomas/kong"
)

// examplesText has for each command how it is called, as --help shows it.
//
//go:embed examples.txt
var examplesText string

// examples are the lines for each command, by its full path.
func examples() map[string][]string {
	found := map[string][]string{}
	command := ""
	for line := range strings.Lines(examplesText) {
		example, indented := strings.CutPrefix(strings.TrimRight(line, "\n"), "  ")
		if indented {
			found[command] = append(found[command], example)
		} else {
			command = example
		}
	}
	return found
}

// addExamples puts the examples below the help of each command.
func addExamples(grammar *kong.Application) {
	all := examples()
	for _, leaf := range grammar.Leaves(false) {
		lines := all[leaf.FullPath()]
		if len(lines) == 0 {
			continue
		}
		if leaf.Detail != "" {
			leaf.Detail += "\n\n"
		}
		leaf.Detail += "Examples:\n\n  " + strings.Join(lines, "\n  ")
	}
}
