package cli

import (
	"os/exec"
	"strings"
	"testing"
)

// Every command has an example, and every example can be typed: the grammar takes
// it, as the command that it stands at.
func TestExamplesCanBeTyped(t *testing.T) {
	all := examples()
	for _, leaf := range grammar(t).Model.Leaves(true) {
		command := leaf.FullPath()
		if len(all[command]) == 0 {
			t.Errorf("%s has no example", command)
		}
		for _, line := range all[command] {
			out, err := exec.CommandContext(t.Context(), "sh", "-c", `printf '%s\0' `+line).Output()
			if err != nil {
				t.Errorf("%s: %v", line, err)
				continue
			}
			args := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
			parsed, err := grammar(t).Parse(args[1:])
			if err != nil {
				t.Errorf("%s: %v", line, err)
				continue
			}
			if got := parsed.Selected().FullPath(); args[0] != "allot" || got != command {
				t.Errorf("%s is %s, and stands at %s", line, got, command)
			}
		}
		delete(all, command)
	}
	for command := range all {
		t.Errorf("there are examples of %s, which is no command", command)
	}
}
