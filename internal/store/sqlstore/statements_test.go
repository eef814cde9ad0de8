package sqlstore_test

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/store/sqlite"
	"github.com/allot-dev/allot/internal/store/sqlstore"
	"github.com/allot-dev/allot/internal/store/storetest"
)

// parse reads the Go files of a directory, but for tests.
func parse(t *testing.T, dir string) (*token.FileSet, []*ast.File) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	fset := token.NewFileSet()
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	if len(files) == 0 {
		t.Fatalf("no files in %s", dir)
	}
	return fset, files
}

var isStatement = regexp.MustCompile(`^(select|insert|update|delete) `)

// statements are all of the package, by name: its constants that are SQL, those
// in the forms for several records, what tables are copied by, and the list of
// customers in each of its forms. What is behind a blank in a name tells the
// forms apart.
func statements(t *testing.T) map[string]string {
	t.Helper()
	fset, files := parse(t, ".")
	// Imports are not resolved: text constants need none.
	config := types.Config{Error: func(error) {}}
	pkg, _ := config.Check("sqlstore", fset, files, nil)
	found := map[string]string{}
	for _, name := range pkg.Scope().Names() {
		c, ok := pkg.Scope().Lookup(name).(*types.Const)
		if !ok || c.Val().Kind() != constant.String {
			continue
		}
		if text := constant.StringVal(c.Val()); isStatement.MatchString(text) {
			found[name] = text
		}
	}
	if len(found) < 40 {
		t.Fatalf("found only %d statements", len(found))
	}
	for i, text := range sqlstore.Fences {
		found[fmt.Sprint("fence ", i)] = text
	}
	for _, table := range sqlstore.Tables {
		maps.Copy(found, table.Statements())
	}
	for name, forms := range sqlstore.Placed {
		found[name], found[name+" all"] = forms[0], forms[1]
	}
	repeated := 0
	for _, f := range files {
		ast.Inspect(f, func(n ast.Node) bool {
			if f, ok := n.(*ast.FuncDecl); ok && f.Name.Name == "table" {
				return false // its statements are those of sqlstore.Tables
			}
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			name, ok := call.Fun.(*ast.Ident)
			if !ok || sqlstore.Many[name.Name] == nil {
				return true
			}
			repeated++
			of, ok := call.Args[0].(*ast.Ident)
			if !ok || found[of.Name] == "" {
				t.Errorf("%s: %s is not of a constant that is a statement", fset.Position(call.Pos()), name.Name)
				return true
			}
			for i, text := range sqlstore.Many[name.Name](found[of.Name]) {
				found[fmt.Sprint(of.Name, " ", i)] = text
			}
			return true
		})
	}
	if repeated < 10 {
		t.Fatalf("found only %d statements for several records", repeated)
	}
	cursor := new(billing.CustomerID{1})
	for i, filter := range []service.CustomerFilter{
		{}, {Query: "q"}, {OrgCode: "o"}, {UserID: "u"}, {OrgCode: "o", UserID: "u"}, {PlanCode: "p"},
		{Query: "q", OrgCode: "o", PlanCode: "p"}, {ExternalID: "e"},
	} {
		for j, page := range []service.Page[billing.CustomerID]{{}, {After: cursor}, {Before: cursor}} {
			query, args := sqlstore.CustomersQuery(filter, page)
			for n := range args {
				if !strings.Contains(query, fmt.Sprintf("$%d", n+1)) {
					t.Errorf("argument %d is not used: %s", n+1, query)
				}
			}
			found[fmt.Sprintf("customersQuery %d %d", i, j)] = query
			if filter.OrgCode == "" && filter.PlanCode == "" && filter.UserID == "" && filter.ExternalID == "" {
				for _, n := range []int{1, 3, 17} {
					found[fmt.Sprintf("customersOfQuery %d %d %d", i, j, n)], _ = sqlstore.CustomersOfQuery(filter, page, make([]billing.CustomerID, n))
				}
			}
		}
	}
	return found
}

// Whose standing a statement may change is read from its arguments, see [sqlstore.Touches]: so
// one that names a customer changes nothing of another.
func TestStatementsTouchWhomTheyName(t *testing.T) {
	ofAll := map[string]bool{"deleteHolds": true} // names nobody
	written := regexp.MustCompile(`(insert into|update|delete from) (customers|counters|holds|revisions)\b`)
	equal := regexp.MustCompile(`where customer_id = \$\d+`)
	checked := 0
	for name, text := range statements(t) {
		name, _, _ := strings.Cut(name, " ")
		if !written.MatchString(text) || name == "fence" { // which are for databases where nothing is remembered
			continue
		}
		checked++
		touches := sqlstore.Touches(text)
		switch {
		case strings.Contains(text, " revisions"):
			if touches == sqlstore.TouchesNothing && !strings.Contains(text, "where name = 'feed'") && !strings.Contains(text, "where name = 'chain'") {
				t.Errorf("%s touches nothing: %s", name, text)
			}
		case touches != sqlstore.TouchesCustomers:
			t.Errorf("%s touches no customer: %s", name, text)
		case ofAll[name] == strings.Contains(text, "customer_id = $") && !strings.HasPrefix(text, "insert into"):
			t.Errorf("%s names customers whom it does not change, or none: %s", name, text)
		case !strings.HasPrefix(text, "insert into") && !ofAll[name] && !equal.MatchString(text):
			t.Errorf("%s changes others than whom it names: %s", name, text)
		}
	}
	if checked < 15 {
		t.Errorf("found only %d statements that change how usage stands", checked)
	}
}

// What the suite runs is what is walked: a statement that is put together in yet
// another way is found here.
func TestStatementsAreAll(t *testing.T) {
	all := statements(t)
	listOfCustomers := all["selectCustomers"]
	known := map[string]bool{}
	for _, text := range all {
		known[text] = true
	}
	var mu sync.Mutex // tests of the suite run side by side
	var stores []*sqlstore.Store
	t.Run("suite", func(t *testing.T) {
		storetest.Run(t, func(t *testing.T) storetest.Store {
			db, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(t.TempDir(), "allot.db")})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { db.Close() })
			backend := db.Backend()
			st := sqlstore.New(backend)
			mu.Lock()
			defer mu.Unlock()
			known[backend.Count] = true // the backend's own
			stores = append(stores, st)
			return st
		})
	})
	run := map[string]bool{}
	for _, st := range stores {
		for _, text := range st.Prepared() {
			run[text] = true
		}
	}
	if len(run) < 60 {
		t.Errorf("the suite has run only %d statements", len(run))
	}
	for text := range run {
		// The list of customers has more forms than are worth walking.
		if !known[text] && !strings.HasPrefix(text, listOfCustomers) {
			t.Errorf("this is run and not walked: %s", text)
		}
	}
}

// parseExpression is a file that has an expression.
func parseExpression(t *testing.T, expression string) *ast.File {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "", "package p\nvar x = "+expression, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	return f
}
