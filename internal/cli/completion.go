package cli

import (
	"fmt"
	"strings"

	"github.com/alecthomas/kong"
)

type completionCommand struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Help says where the text goes.
func (completionCommand) Help() string {
	return `For the shell that runs: eval "$(allot completion bash)", the same with zsh, and allot completion fish | source. For all: write it to a file where the shell looks for completions, such as ~/.local/share/bash-completion/completions/allot, a file _allot in a directory of zsh's fpath, or ~/.config/fish/completions/allot.fish.`
}

// Run prints a script that has all commands and flags in it, so that completing
// starts nothing.
func (c *completionCommand) Run(s *session, parsed *kong.Context) error {
	nodes := completions(parsed.Model.Node, "")
	script := map[string]func([]completion) string{"bash": bashScript, "zsh": zshScript, "fish": fishScript}[c.Shell]
	_, err := fmt.Fprint(s.out, script(nodes))
	return err
}

// completion is a command, or what comes before one, and the words that may follow.
type completion struct {
	path  string // such as " client create", "" of the program itself
	words []string
}

// completions are those of a node and what is below it.
func completions(node *kong.Node, path string) []completion {
	at := completion{path: path}
	list := []completion{{}} // its place
	for _, child := range node.Children {
		if child.Hidden || child.Type != kong.CommandNode {
			continue
		}
		at.words = append(at.words, child.Name)
		list = append(list, completions(child, path+" "+child.Name)...)
	}
	for _, group := range node.AllFlags(true) {
		for _, flag := range group {
			at.words = append(at.words, "--"+flag.Name)
		}
	}
	for _, arg := range node.Positional {
		if arg.Enum != "" {
			at.words = append(at.words, arg.EnumSlice()...)
		}
	}
	list[0] = at
	return list
}

// quotedPaths are the paths of commands, each quoted, with a text between.
func quotedPaths(nodes []completion, between string) string {
	var paths []string
	for _, n := range nodes {
		if n.path != "" {
			paths = append(paths, "'"+n.path+"'")
		}
	}
	return strings.Join(paths, between)
}

func bashScript(nodes []completion) string {
	var b strings.Builder
	fmt.Fprintf(&b, `# Completion of allot for bash.
_allot() {
  local at= words= i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$at ${COMP_WORDS[i]}" in
    %s) at="$at ${COMP_WORDS[i]}" ;;
    esac
  done
  case "$at" in
`, quotedPaths(nodes, "|"))
	for _, n := range nodes {
		fmt.Fprintf(&b, "  '%s') words='%s' ;;\n", n.path, strings.Join(n.words, " "))
	}
	b.WriteString(`  esac
  COMPREPLY=($(compgen -W "$words" -- "${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _allot allot
`)
	return b.String()
}

func zshScript(nodes []completion) string {
	var b strings.Builder
	fmt.Fprintf(&b, `#compdef allot
# Completion of allot for zsh.
_allot() {
  local at= i
  local -a candidates
  for ((i = 2; i < CURRENT; i++)); do
    case "$at ${words[i]}" in
    %s) at="$at ${words[i]}" ;;
    esac
  done
  case "$at" in
`, quotedPaths(nodes, "|"))
	for _, n := range nodes {
		fmt.Fprintf(&b, "  '%s') candidates=(%s) ;;\n", n.path, strings.Join(n.words, " "))
	}
	b.WriteString(`  esac
  compadd -a candidates || _files
}
if [ "$funcstack[1]" = _allot ]; then
  _allot "$@"
else
  compdef _allot allot
fi
`)
	return b.String()
}

func fishScript(nodes []completion) string {
	var b strings.Builder
	fmt.Fprintf(&b, `# Completion of allot for fish.
function __allot_at
  set -l at ''
  for word in (commandline -opc)[2..-1]
    switch "$at $word"
      case %s
        set at "$at $word"
    end
  end
  test "$at" = "$argv[1]"
end
`, quotedPaths(nodes, " "))
	for _, n := range nodes {
		for _, word := range n.words {
			how := "-a " + word
			if name, ok := strings.CutPrefix(word, "--"); ok {
				how = "-l " + name
			}
			fmt.Fprintf(&b, "complete -c allot -n \"__allot_at '%s'\" %s\n", n.path, how)
		}
	}
	return b.String()
}
