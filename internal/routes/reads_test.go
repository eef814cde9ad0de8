package routes

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/allot-dev/allot/api"
)

// A parameter or field that is read and given twice is refused by its name, and
// one that is not read is ignored, or refused in other words. So a request that gives every word of the
// source twice is told what its route reads. The words are the short texts of
// the package and all names of openapi.yaml: what a handler asks for is among
// them. Each request of a golden that was accepted is sent so, alone and with
// what it had, so that reads behind a condition are met too.
func TestWhatIsReadIsDescribed(t *testing.T) {
	d := describe(t, false)
	names := slices.Sorted(maps.Keys(namesRead(t, d)))
	if len(names) < 100 {
		t.Fatalf("only %d words in the source", len(names))
	}
	read := map[string]map[string]bool{} // by "query METHOD /path", "body METHOD /path"
	asked := map[string]bool{}           // by what a request gives
	for _, file := range goldenFiles(t) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		w := worldOn(t, openStore(t, databases["sqlite"](t)), 0)
		w.settle(t)
		server := httptest.NewServer(w)
		_, exchanges := parseGolden(t, string(text))
		for _, x := range exchanges {
			r, body := x.sent()
			name, op := d.operation(r)
			shape := name + fmt.Sprint(isGiven.FindAllString(r.URL.RawQuery+body, -1))
			if x.answer < "300" && op != nil && r.Method != http.MethodOptions && !asked[shape] {
				asked[shape] = true
				for _, probe := range probes(x, body, op, names) {
					told(read, probe.kind+" "+name, w.play(t, server, probe.exchangeText))
				}
			}
			w.play(t, server, x)
		}
		server.Close()
	}
	for _, route := range All(Config{}) {
		name := route.Method + " " + route.Pattern
		op := d.doc.Paths.Value(route.Pattern).GetOperation(route.Method)
		for kind, described := range describedNames(op) {
			got := read[kind+" "+name]
			for word := range described {
				if !got[word] {
					t.Errorf("%s: openapi.yaml describes %s of the %s, which no handler reads", name, word, kind)
				}
			}
			for word := range got {
				if !described[word] {
					t.Errorf("%s: %s of the %s is read, and not described in openapi.yaml", name, word, kind)
				}
			}
		}
	}
}

// told notes which names an answer refuses.
func told(read map[string]map[string]bool, of, answer string) {
	if read[of] == nil {
		read[of] = map[string]bool{}
	}
	var refused api.Errors
	var records api.UsageResultList
	if at := strings.Index(answer, "\n{"); at >= 0 {
		_ = json.Unmarshal([]byte(answer[at:]), &refused) // that of another shape has none
		_ = json.Unmarshal([]byte(answer[at:]), &records)
	}
	for _, result := range records.Results {
		if result.Error != nil {
			refused.Errors = append(refused.Errors, *result.Error)
		}
	}
	for _, e := range refused.Errors {
		if name, ok := strings.CutSuffix(e.Message, " must be given once"); ok {
			read[of][name] = true
		}
	}
}

// describedNames are the names that an operation describes, by where they stand:
// in the query, in the body, in a record of a bulk report.
func describedNames(op *openapi3.Operation) map[string]map[string]bool {
	names := map[string]map[string]bool{"query": {}, "body": {}}
	for _, p := range op.Parameters {
		if p.Value.In == openapi3.ParameterInQuery {
			names["query"][p.Value.Name] = true
		}
	}
	if op.RequestBody == nil {
		return names
	}
	if isCatalog(op) {
		delete(names, "body") // package catalog reads it, and has a schema of its own
		return names
	}
	media := op.RequestBody.Value.Content["application/json"]
	if media == nil {
		return names // the form of the token endpoint, which is not ours
	}
	for name, property := range media.Schema.Value.Properties {
		names["body"][name] = true
		if name == "records" {
			names["record"] = map[string]bool{}
			for field := range property.Value.Items.Value.Properties {
				names["record"][field] = true
			}
		}
	}
	return names
}

func isCatalog(op *openapi3.Operation) bool { return op.OperationID == "putCatalog" }

type probe struct {
	kind string
	exchangeText
}

// probes are a request with every name given twice, in the query and in the
// body, in place of what it gave and beside it.
func probes(x exchangeText, body string, op *openapi3.Operation, names []string) []probe {
	var head []string // without a key: what is refused for its form is not kept anyway
	for _, line := range x.request[1:] {
		if line != "" && (line[0] == '@' || isHeaderLine(line)) && !strings.HasPrefix(line, api.HeaderIdempotencyKey) && !strings.HasPrefix(line, "@size") {
			head = append(head, line)
		}
	}
	with := func(kind, requestLine, body string) probe {
		return probe{kind, exchangeText{x.title + ", each name twice", append(append([]string{requestLine}, head...), body), ""}}
	}
	target, given, _ := strings.Cut(x.request[0], "?")
	var query, queryToo, fields, fieldsToo strings.Builder
	for _, name := range names {
		pair, field := name+"=1&"+name+"=1&", fmt.Sprintf(`,%q:1,%q:1`, name, name)
		query.WriteString(pair)
		fields.WriteString(field)
		if !strings.Contains("&"+given, "&"+name+"=") {
			queryToo.WriteString(pair)
		}
		if !strings.Contains(body, strconv.Quote(name)) {
			fieldsToo.WriteString(field)
		}
	}
	out := []probe{
		with("query", target+"?"+query.String(), body),
		with("query", target+"?"+queryToo.String()+given, body),
	}
	if isCatalog(op) {
		return out
	}
	out = append(out, with("body", x.request[0], "{"+fields.String()[1:]+"}"))
	if object, ok := strings.CutSuffix(strings.TrimSpace(body), "}"); ok && strings.TrimSpace(object) != "{" {
		out = append(out, with("body", x.request[0], object+fieldsToo.String()+"}"))
	}
	if op.OperationID == "recordUsage" {
		var records []string
		for _, name := range names {
			record := fmt.Sprintf(`{%q:2,%q:2`, name, name)
			for field, value := range map[string]string{"customer_id": strconv.Quote(acme), "feature_code": `"api_calls"`, "value": "1"} {
				if field != name {
					record += fmt.Sprintf(`,%q:%s`, field, value)
				}
			}
			records = append(records, record+"}")
		}
		out = append(out, with("record", target, `{"records":[`+strings.Join(records, ",")+`]}`))
	}
	return out
}

var isGiven = regexp.MustCompile(`[a-z_]+"?[:=]`)

var isName = regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)

// rooms are where requests are read.
var rooms = []string{".", "../door", "../kinde", "../native", "../wire"}

// namesRead are all words that a handler may ask for.
func namesRead(t *testing.T, d description) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for _, dir := range append(rooms, "../../api") {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: no source: %v", dir, err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(parsed, func(n ast.Node) bool {
				if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
					if s, err := strconv.Unquote(lit.Value); err == nil && isName.MatchString(s) {
						names[s] = true
					}
				}
				return true
			})
		}
	}
	for _, item := range d.doc.Paths.Map() {
		for _, op := range item.Operations() {
			for _, described := range describedNames(op) {
				maps.Copy(names, described)
			}
		}
	}
	return names
}

// The readers of queries and bodies are the only ones: what goes past them is
// not refused when it is given twice, and the test above does not see it.
func TestRequestsAreReadByTheReadersAlone(t *testing.T) {
	readers := map[string][]string{
		"RawQuery": {"../door/query.go"}, "Query": nil, "FormValue": nil, "PostFormValue": nil, "ParseForm": nil, "ParseQuery": nil,
		"NewDecoder": {"../door/body.go", "../door/change.go"}, // change.go: to compare requests
		"Unmarshal":  {"../door/body.go", "../door/change.go"}, // and to read an answer that was kept
	}
	var files []string
	for _, dir := range rooms {
		of, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil || len(of) == 0 {
			t.Fatalf("%s: no source: %v", dir, err)
		}
		files = append(files, of...)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			call, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			allowed, guarded := readers[call.Sel.Name]
			if x, ok := call.X.(*ast.SelectorExpr); call.Sel.Name == "Query" && (!ok || x.Sel.Name != "URL") {
				return true // a field of the same name
			}
			if guarded && !slices.Contains(allowed, file) {
				t.Errorf("%s reads a request by %s: ask the readers in query.go and body.go", file, call.Sel.Name)
			}
			return true
		})
	}
}
