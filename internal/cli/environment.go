package cli

import (
	"errors"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/alecthomas/kong"
)

// Twins of flags in the environment stand in the tags of the flags. All of serve
// have one, and those that say where the server, the database or the credentials
// are; a flag of a single command has none, or one with the command's name, so
// that nothing set for one command acts on another.

// envPrefix is that of every variable which is for this program.
const envPrefix = "ALLOT_"

// forgetEmpty takes away the twins that are set to nothing: they count as unset.
func forgetEmpty(grammar *kong.Application) error {
	return kong.Visit(grammar, func(node kong.Visitable, next kong.Next) error {
		if flag, ok := node.(*kong.Flag); ok {
			flag.Tag.Envs = slices.DeleteFunc(slices.Clone(flag.Tag.Envs), func(name string) bool {
				value, set := os.LookupEnv(name)
				return set && value == ""
			})
		}
		return next(nil)
	})
}

// twins are the names of all variables that flags read.
func twins(grammar *kong.Application) ([]string, error) {
	var names []string
	err := kong.Visit(grammar, func(node kong.Visitable, next kong.Next) error {
		if flag, ok := node.(*kong.Flag); ok {
			names = append(names, flag.Envs...)
		}
		return next(nil)
	})
	slices.Sort(names)
	return slices.Compact(names), err
}

// misquoted names the variables of flags whose values have what belongs to a shell or
// an editor: quotes around all of it, or the end of a line. What names a place, also as a
// flag, has neither a quote nor white space at an end: a directory of such a name would be
// made. The values are not shown, for they may be secret.
func misquoted(flags []*kong.Flag) error {
	var faults []string
	for _, flag := range flags {
		place := slices.Contains(places, flag.PlaceHolder)
		told := false
		for _, name := range flag.Envs {
			if fault := misquote(os.Getenv(name), place); fault != "" {
				faults, told = append(faults, name+": "+fault), true
			}
		}
		if place && !told && flag.Target.Kind() == reflect.String {
			if fault := misquote(flag.Target.String(), place); fault != "" {
				faults = append(faults, "--"+flag.Name+": "+fault)
			}
		}
	}
	if faults == nil {
		return nil
	}
	return errors.New(strings.Join(faults, "; "))
}

// places are what the values of flags are that name one, as their help has it.
var places = []string{"DIR", "FILE", "URL", "HOST:PORT"}

// misquote says what a value has of a shell or an editor, "" if nothing.
func misquote(value string, place bool) string {
	const quotes = "\"'`\u201c\u201d\u201e\u2018\u2019\u201a\u00ab\u00bb"
	if strings.ContainsAny(value, "\r\n") {
		return "the value has the end of a line in it (CR or LF)"
	}
	first, _ := utf8.DecodeRuneInString(value)
	last, n := utf8.DecodeLastRuneInString(value)
	begins, ends := strings.ContainsRune(quotes, first), strings.ContainsRune(quotes, last)
	switch {
	case value == "":
		return ""
	case begins && ends && len(value) > n && (place || first == last && n == 1):
		return "the value is in quotes, which are part of it"
	case place && (begins || ends):
		return "the value has a quote at one end, which is part of it"
	case place && (unicode.IsSpace(first) || unicode.IsSpace(last)):
		return "the value has white space at an end, which is part of it"
	}
	return ""
}

// noteStrays names variables that are set for this program and that nothing reads. A
// server says it in its log, and a toy takes nothing from the environment.
func (s *session) noteStrays() {
	if s.command == "allot serve" || s.command == "allot dev" {
		return
	}
	for _, v := range strays(os.Environ(), append(s.variables, demoVariables...)) {
		if v.nearest == "" {
			s.note("%s is set and read by nothing.", v.name)
			continue
		}
		s.note("%s is set and read by nothing; %s is.", v.name, v.nearest)
	}
}

// orchestrated are variables that Kubernetes sets in each container for a service
// called allot, or allot-something.
var orchestrated = regexp.MustCompile(`^ALLOT_(.*_)?(SERVICE_(HOST|PORT.*)|PORT(_\d+_.*)?)$`)

// renamed are twins that had another name once, with the one they have now, and flags without a
// twin, which are said once.
var renamed = map[string]string{
	"ALLOT_FROM":          "ALLOT_COPY_FROM",
	"ALLOT_TO":            "ALLOT_COPY_TO",
	"ALLOT_NEW":           "serve --new",
	"ALLOT_ACCEPT_CLOCK":  "serve --accept-clock",
	"ALLOT_ACCEPT_DAMAGE": "serve --accept-damage",
}

// stray is a variable that is set for this program and that nothing reads, with what it may be
// meant for, "" if nothing is near.
type stray struct{ name, nearest string }

// strays are those of an environment, as [os.Environ] has it.
func strays(environ, known []string) []stray {
	var found []stray
	for _, variable := range environ {
		name, value, _ := strings.Cut(variable, "=")
		if !strings.HasPrefix(name, envPrefix) || value == "" || slices.Contains(known, name) || orchestrated.MatchString(name) {
			continue
		}
		meant, ok := renamed[name]
		if !ok {
			meant = nearest(name, known)
		}
		found = append(found, stray{name, meant})
	}
	return found
}

// nearest is the known name with the fewest letters to insert, remove or replace: about a third of
// them at most, else it is "".
func nearest(name string, known []string) string {
	near := slices.MinFunc(known, func(a, b string) int { return distance(name, a) - distance(name, b) })
	if 3*distance(name, near) > len(name)-len(envPrefix)+2 {
		return ""
	}
	return near
}

func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
