package cli

import (
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// grammar is the command line as it is parsed.
func grammar(t *testing.T) *kong.Kong {
	t.Helper()
	var a app
	parser, err := kong.New(&a, kong.Name("allot"), grammarVars)
	if err != nil {
		t.Fatal(err)
	}
	return parser
}

// where are the flags that say where the server, the database or the credentials
// are, in whatever command.
var where = []string{"url", "token", "client-id", "client-secret", "data", "database", "key-file"}

// twinless are commands that must not act on what is set for a real server, and
// what of theirs has a twin nevertheless.
var twinless = map[string][]string{
	"allot dev":        nil, // a toy
	"allot bench run":  {"client-id", "client-secret"},
	"allot bench seed": nil, "allot bench table": nil,
	"allot token": {"data", "database", "key-file", "issuer"}, // its --client-id is what it makes a token for
}

// saidOnce are flags of serve that must not be left set.
var saidOnce = []string{"accept-clock", "accept-damage", "new"}

// A flag has a twin in the environment if it is one of serve's, or says where the
// server, the database or the credentials are. Any other has none, or one with
// the name of its command.
func TestTwinsAreOfServeOrSayWhere(t *testing.T) {
	seen := 0
	var walk func(node *kong.Node)
	walk = func(node *kong.Node) {
		for _, flag := range node.Flags {
			seen++
			own := envPrefix + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))
			command := node.FullPath()
			only, exempt := twinless[command]
			want := ""
			switch {
			case exempt && slices.Contains(only, flag.Name):
				want = own
			case exempt:
			case command == "allot serve" && slices.Contains(saidOnce, flag.Name):
			case command == "allot serve" && flag.Name != "help", slices.Contains(where, flag.Name):
				want = own
			}
			named := strings.ToUpper(strings.ReplaceAll(strings.TrimPrefix(command, "allot "), " ", "_"))
			for _, env := range flag.Envs {
				if env != want && !strings.HasPrefix(env, envPrefix+named+"_") {
					t.Errorf("%s --%s is read from %s too, which any other command may be meant by", command, flag.Name, env)
				}
			}
			if want != "" && !slices.Contains(flag.Envs, want) {
				t.Errorf("%s --%s has no twin, want %s", command, flag.Name, want)
			}
		}
		for _, child := range node.Children {
			walk(child)
		}
	}
	walk(grammar(t).Model.Node)
	if seen < 50 {
		t.Errorf("walked over %d flags", seen)
	}
}

// A twin that was renamed leads to one that there is.
func TestRenamedTwins(t *testing.T) {
	known, err := twins(grammar(t).Model)
	if err != nil {
		t.Fatal(err)
	}
	for old, now := range renamed {
		isFlag := strings.HasPrefix(now, "serve --") // which has no twin
		if slices.Contains(known, old) || !isFlag && !slices.Contains(known, now) {
			t.Errorf("%s is read, or %s is not", old, now)
		}
	}
}

func TestStrays(t *testing.T) {
	known := []string{"ALLOT_DATA", "ALLOT_TLS_CERT", "ALLOT_TLS_KEY", "ALLOT_URL"}
	environ := []string{
		"PATH=/bin", "ALLOT_DATA=x", "ALLOT_TLSCERT=x", "ALLOT_DATE=", "ALLOT_DTAA=x", "ALLOT_FROM=x", "ALLOT_TO=x", "ALLOT_ACCEPT_DAMAGE=1", "ALLOT_NOSUCHTHING=1", "ALLOT_=1",
		// Set by Kubernetes for a service called allot, and for one called allot-db.
		"ALLOT_SERVICE_HOST=10.0.0.1", "ALLOT_SERVICE_PORT=80", "ALLOT_SERVICE_PORT_HTTP=80", "ALLOT_PORT=tcp://10.0.0.1:80",
		"ALLOT_PORT_80_TCP_ADDR=10.0.0.1", "ALLOT_DB_PORT_5432_TCP=tcp://10.0.0.2:5432",
	}
	want := []stray{
		{"ALLOT_TLSCERT", "ALLOT_TLS_CERT"}, {"ALLOT_DTAA", "ALLOT_DATA"},
		{"ALLOT_FROM", "ALLOT_COPY_FROM"}, {"ALLOT_TO", "ALLOT_COPY_TO"}, {"ALLOT_ACCEPT_DAMAGE", "serve --accept-damage"},
		{"ALLOT_NOSUCHTHING", ""}, {"ALLOT_", ""},
	}
	if got := strays(environ, known); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// What belongs to a shell or an editor is seen at either end of what names a place; what is secret
// may begin with a quote.
func TestMisquote(t *testing.T) {
	for value, want := range map[string]struct{ place, other string }{
		"":                {},
		"./x":             {},
		"./x y's":         {},
		`"./x"`:           {"in quotes", "in quotes"},
		`'./x'`:           {"in quotes", "in quotes"},
		`"./x`:            {"a quote at one end", ""},
		`./x'`:            {"a quote at one end", ""},
		`"`:               {"a quote at one end", ""},
		"\u201c./x\u201d": {"in quotes", ""},
		"\u00ab./x":       {"a quote at one end", ""},
		"./x ":            {"white space at an end", ""},
		"\t./x":           {"white space at an end", ""},
		"./x\r":           {"the end of a line", "the end of a line"},
		"./x\n":           {"the end of a line", "the end of a line"},
	} {
		for _, of := range []struct {
			place bool
			want  string
		}{{true, want.place}, {false, want.other}} {
			if got := misquote(value, of.place); (got == "") != (of.want == "") || !strings.Contains(got, of.want) {
				t.Errorf("%q, a place %t: %q, want %q", value, of.place, got, of.want)
			}
		}
	}
}
