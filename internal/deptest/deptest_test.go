// Package deptest keeps the rules of the whole tree. The import rules of
// docs/design.md say which package may know which; a package without a rule
// fails the test, so that a new one says where it belongs. And what has words of
// its own, from the rules to the wire, has the same ones.
package deptest

import (
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/allot-dev/allot"

// rules are, for each package, those of ours that it may import; a name stands
// for itself and what is below it.
var rules = map[string][]string{
	"api":                       {},
	"browser":                   {},
	"browser/data":              {"api", "client"},
	"client":                    {"api"},
	"clients":                   {},
	"allottest":                 {"api", "client", "internal/server"},
	"cmd/allot":                 {"internal/cli"},
	"conformance":               {},
	"deploy":                    {},
	"deploy/release":            {},
	"docs":                      {},
	"internal/admin":            {"api", "client", "docs", "internal/auth", "internal/calendar", "internal/door", "internal/prices", "internal/web"},
	"internal/admission":        {},
	"internal/atomicfile":       {},
	"internal/auth":             {},
	"internal/bench":            {"api", "internal/bench", "internal/billing", "internal/calendar", "internal/catalog", "internal/server", "internal/service", "internal/store", "internal/usage"},
	"internal/bench/load":       {},
	"internal/billing":          {"internal/calendar"},
	"internal/calendar":         {},
	"internal/catalog":          {"internal/billing", "internal/calendar"},
	"internal/cli":              {"api", "client", "internal/bench", "internal/server"},
	"internal/credit":           {"internal/billing", "internal/calendar", "internal/usage"},
	"internal/clock":            {"internal/billing", "internal/calendar"},
	"internal/creditmodel":      {},
	"internal/deptest":          {},
	"internal/door":             {"api", "internal/admission", "internal/auth"},
	"internal/event":            {"internal/billing", "internal/calendar", "internal/usage"},
	"internal/feed":             {"internal/billing", "internal/calendar"},
	"internal/kinde":            {"api", "internal/billing", "internal/calendar", "internal/event", "internal/door", "internal/service", "internal/snapshot", "internal/usage", "internal/wire"},
	"internal/naive":            {},
	"internal/native":           {"api", "internal/billing", "internal/calendar", "internal/event", "internal/catalog", "internal/door", "internal/outbox", "internal/service", "internal/usage", "internal/wire"},
	"internal/oauth":            {"internal/atomicfile", "internal/auth", "internal/billing", "internal/calendar", "internal/feed", "internal/oauth/record"},
	"internal/oauth/record":     {"internal/billing", "internal/calendar"},
	"internal/outbox":           {"internal/billing", "internal/calendar", "internal/event", "internal/feed", "internal/outbox/record"},
	"internal/outbox/record":    {"internal/billing", "internal/calendar", "internal/event"},
	"internal/packed":           {"internal/billing", "internal/calendar"},
	"internal/pgtest":           {},
	"internal/pgtest/with":      {"internal/pgtest"},
	"internal/portal":           {"api", "internal/billing", "internal/calendar", "internal/prices", "internal/service", "internal/web", "internal/wire"},
	"internal/prices":           {"api", "internal/web"},
	"internal/routes":           {"api", "internal/billing", "internal/calendar", "internal/event", "internal/door", "internal/kinde", "internal/native", "internal/outbox", "internal/service", "internal/snapshot", "internal/wire"},
	"internal/server":           {"api", "client", "internal/admin", "internal/admission", "internal/auth", "internal/billing", "internal/calendar", "internal/clock", "internal/event", "internal/catalog", "internal/door", "internal/feed", "internal/oauth", "internal/outbox", "internal/packed", "internal/portal", "internal/routes", "internal/service", "internal/site", "internal/snapshot", "internal/store", "internal/usage", "internal/verify", "internal/web", "internal/wire"},
	"internal/service":          {"internal/billing", "internal/calendar", "internal/event", "internal/credit", "internal/outbox/record", "internal/packed", "internal/usage"},
	"internal/service/racetest": {},
	"internal/site":             {"api", "client", "internal/auth", "internal/door", "internal/prices", "internal/web"},
	"internal/snapshot":         {"internal/billing", "internal/calendar", "internal/feed", "internal/packed", "internal/service"},
	"internal/store":            {"internal/billing", "internal/calendar", "internal/event", "internal/feed", "internal/store"},
	"internal/store/postgres":   {"internal/billing", "internal/calendar", "internal/service", "internal/store/sqlstore"},
	"internal/store/sqlite":     {"internal/atomicfile", "internal/billing", "internal/calendar", "internal/service", "internal/store/sqlstore"},
	"internal/store/sqlstore":   {"internal/admin/signin/record", "internal/billing", "internal/calendar", "internal/event", "internal/feed", "internal/oauth/record", "internal/outbox/record", "internal/packed", "internal/service", "internal/usage", "internal/verify"},
	"internal/store/storetest":  {"internal/admin/signin/record", "internal/billing", "internal/calendar", "internal/event", "internal/feed", "internal/oauth/record", "internal/outbox/record", "internal/packed", "internal/service", "internal/store/sqlstore", "internal/usage"},
	"internal/usage":            {"internal/billing", "internal/calendar"},
	"internal/verify":           {"internal/admin/signin/record", "internal/billing", "internal/calendar", "internal/event", "internal/feed", "internal/oauth/record", "internal/outbox/record", "internal/service"},
	"internal/web":              {},
	"internal/web/webtest":      {"client", "internal/server"},
	"internal/wire":             {"api", "internal/billing", "internal/calendar", "internal/event", "internal/outbox/record", "internal/service", "internal/usage"},

	"internal/admin/signin":        {"api", "client", "internal/admin", "internal/auth", "internal/billing", "internal/calendar", "internal/door", "internal/web"},
	"internal/admin/signin/record": {"internal/billing", "internal/calendar"},
}

// standardOnly are the packages that import nothing but the standard library
// and what is named.
var standardOnly = map[string][]string{
	"api":               {},
	"client":            {},
	"internal/billing":  {"github.com/govalues/decimal"},
	"internal/calendar": {},
}

type listed struct {
	ImportPath string
	Imports    []string
}

func TestImports(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports", module+"/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for dec := json.NewDecoder(strings.NewReader(string(out))); dec.More(); seen++ {
		var p listed
		if err := dec.Decode(&p); err != nil {
			t.Fatal(err)
		}
		name := strings.TrimPrefix(p.ImportPath, module+"/")
		allowed, ok := rules[name]
		if !ok {
			t.Errorf("package %s has no rule; give it one here, and say in docs/design.md what it is for", name)
			continue
		}
		for _, imported := range p.Imports {
			ours, isOurs := strings.CutPrefix(imported, module+"/")
			if isOurs && !slices.ContainsFunc(allowed, func(a string) bool { return ours == a || strings.HasPrefix(ours, a+"/") }) {
				t.Errorf("%s imports %s, which its rule does not allow", name, ours)
			}
			libraries, strict := standardOnly[name]
			standard := !strings.Contains(strings.Split(imported, "/")[0], ".")
			if strict && !isOurs && !standard && !slices.Contains(libraries, imported) {
				t.Errorf("%s imports %s; it has only the standard library and %v", name, imported, libraries)
			}
		}
	}
	if seen != len(rules) {
		t.Errorf("%d packages and %d rules: a rule is for a package that is gone", seen, len(rules))
	}
}
