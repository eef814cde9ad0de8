package api

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/token"
	"github.com/google/go-cmp/cmp"
)

// notText is what YAML 1.1 reads as something else than text when it stands
// without quotes: https://yaml.org/type/ has the list.
var notText = regexp.MustCompile(`^(?:` + strings.Join([]string{
	`(?i:y|n|yes|no|on|off|true|false|null)|~|<<|=`,
	`[-+]?(?:0b[01_]+|0o?[0-7_]+|0x[0-9a-fA-F_]+|[1-9][0-9_]*)`,
	`[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?`,
	`[-+]?(?:[0-9][0-9_]*)?\.?[0-9_]+(?:[eE][-+]?[0-9]+)?`,
	`[-+]?[0-9][0-9_]*\.(?:[eE][-+]?[0-9]+)?`,
	`[-+]?\.(?i:inf)|\.(?i:nan)`,
	`[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt \t].*)?`,
}, "|") + `)$`)

// Most tools for OpenAPI read YAML 1.1, where a bare on is true and 12:30 is 750.
// What is not text to them is what JSON has too, which all read alike.
func TestOpenAPIReadsAlikeInYAML11(t *testing.T) {
	scalars := 0
	for _, tk := range lexer.Tokenize(string(OpenAPI)) {
		switch {
		case tk.Indicator == token.QuotedScalarIndicator, tk.Type == token.CommentType:
			continue
		case tk.Prev != nil && (tk.Prev.Type == token.LiteralType || tk.Prev.Type == token.FoldedType):
			continue // text, whatever it says
		case tk.Type == token.MappingKeyType, tk.Type == token.MappingValueType, tk.Indicator != token.NotIndicator:
			continue
		}
		scalars++
		if value := strings.TrimSpace(tk.Value); notText.MatchString(value) && !json.Valid([]byte(value)) {
			t.Errorf("line %d: a bare %s is not text in YAML 1.1: quote it", tk.Position.Line, value)
		}
	}
	if scalars < 5000 {
		t.Errorf("only %d scalars were seen", scalars)
	}
}

func TestNotText(t *testing.T) {
	for _, s := range []string{"on", "Off", "YES", "no", "y", "N", "~", "=", "0b10", "010", "0o10", "0x1F", "1_000", "12:30", "190:20:30.15", ".5", "1.", "-.inf", ".NaN", "2026-11-22", "2026-11-22T10:00:00Z"} {
		if !notText.MatchString(s) || json.Valid([]byte(s)) {
			t.Errorf("%q passes for something that all read alike", s)
		}
	}
	for _, s := range []string{"one", "yes it is", "3.0.3", "now", "none", "10^12", "customer_01", "v1", "#/components", "a:b"} {
		if notText.MatchString(s) {
			t.Errorf("%q does not pass for text", s)
		}
	}
}

// As JSON it is the same description: no key is a number, and no text a time.
func TestOpenAPIConvertsToJSON(t *testing.T) {
	text, err := yaml.YAMLToJSON(OpenAPI)
	if err != nil {
		t.Fatal(err)
	}
	converted, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		t.Fatal(err)
	}
	read, err := openapi3.NewLoader().LoadFromData(OpenAPI)
	if err != nil {
		t.Fatal(err)
	}
	want, err := json.Marshal(read)
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(converted)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(anyJSON(t, want), anyJSON(t, got)); diff != "" {
		t.Errorf("read as YAML (-), as JSON (+):\n%s", diff)
	}
}

// Generators make wrappers of what is one of several, or code that does not
// compile: x-one-of says the same to people and to tests.
func TestNothingIsOneOfSeveral(t *testing.T) {
	if found := regexp.MustCompile(`(?:^|[\s{,-])(?:oneOf|anyOf|discriminator): *\n?.*`).Find(OpenAPI); found != nil {
		t.Errorf("openapi.yaml has %q", found)
	}
}

// classes are names that a language or its prelude has taken, where a class of a
// schema would stand in their way: java.lang.Override is the one that did.
var classes = strings.Fields(`
	Any AnyObject Array ArrayList Boolean Box Buffer Byte Callable Cell Char Character Class Clone Collection Collections
	Comparable Copy Cow Data Date DateTime Decimal Default Deprecated Dict Dictionary Double Drop Duration Eq Enum Err Error
	Exception Field File Float Fn Function Future Generator HashMap Hash Headers Infinity Instant Int Integer Interface Iterable
	Iterator JSON Length List Locale Long Map Math Method Model Module NaN None Number Object Ok Option Optional Ord Ordering
	Override Package Path Pair Partial Pick Process Promise Property Proxy Queue Range Rc Readonly Record Reflect RegExp Request
	Response Result Runnable Self Send Sequence Set Short Some Stack Stream String Symbol Sync Tag Task Thread Throwable Time
	Timestamp Tuple Type URL UUID Union Unit Url Uuid Value Vec Vector Void Warning`)

func TestSchemaNamesAreNobodysClass(t *testing.T) {
	for name := range loadOpenAPI(t).Components.Schemas {
		if slices.ContainsFunc(classes, func(class string) bool { return strings.EqualFold(class, name) }) {
			t.Errorf("schema %s has the name of a class of a common language", name)
		}
	}
}

// keywords are reserved words of Python, Go, TypeScript, Java and Rust.
var keywords = strings.Fields(`
	abstract and any as assert async await become boolean box break byte case catch chan char class const continue crate
	debugger def default defer del delete do double dyn elif else enum except export extends extern fallthrough false final
	finally float fn for from func function global go goto if impl implements import in instanceof int interface is lambda let
	long loop macro map match mod module move mut namespace native new none nonlocal not null or override package pass priv
	private protected public raise range ref return select self short static strictfp struct super switch synchronized this
	throw throws trait transient true try type typeof typeof undefined unsafe unsized use var virtual void volatile where while
	with yield`)

// escaped are the names on the wire that are keywords somewhere, and stay: the
// generators in docs/generators.md are seen to escape them. A new one is better
// called something else.
var escaped = []string{"default", "extends", "from", "import", "package", "type", "use"}

func TestNamesOnTheWireAreNoKeywords(t *testing.T) {
	doc := loadOpenAPI(t)
	seen := map[string]bool{}
	check := func(where, name string) {
		if !slices.Contains(keywords, strings.ToLower(name)) {
			return
		}
		seen[name] = true
		if !slices.Contains(escaped, name) {
			t.Errorf("%s: %s is a keyword of a common language", where, name)
		}
	}
	for schema, ref := range doc.Components.Schemas {
		for property := range ref.Value.Properties {
			check(schema, property)
		}
	}
	operations(doc, func(name string, item *openapi3.PathItem, op *openapi3.Operation) {
		for _, p := range append(slices.Clone(item.Parameters), op.Parameters...) {
			check(name, p.Value.Name)
		}
		check(name, op.OperationID)
	})
	for _, name := range escaped {
		if !seen[name] {
			t.Errorf("nothing on the wire is called %s", name)
		}
	}
}
