package deptest

import (
	"go/ast"
	"go/doc"
	"go/doc/comment"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// docs are the packages of the tree, by path below the module.
func docs(t *testing.T) map[string]*doc.Package {
	t.Helper()
	found := map[string]*doc.Package{}
	err := filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return err
		}
		if name := entry.Name(); name == "testdata" || name == "node_modules" || strings.HasPrefix(name, ".") && !strings.HasPrefix(name, "..") {
			return filepath.SkipDir
		}
		names, err := filepath.Glob(filepath.Join(path, "*.go"))
		if err != nil {
			return err
		}
		set, files := token.NewFileSet(), []*ast.File(nil)
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(set, name, nil, parser.ParseComments)
			if err != nil {
				return err
			}
			files = append(files, file)
		}
		if len(files) == 0 {
			return nil
		}
		dir := filepath.ToSlash(strings.TrimPrefix(path, "../../"))
		found[dir], err = doc.NewFromFiles(set, files, module+"/"+dir, doc.AllDecls|doc.PreserveAST)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// names are what a doc link can name in a package: Name, Type.Method, Type.Field.
func names(p *doc.Package) map[string]bool {
	all := map[string]bool{}
	for _, f := range p.Funcs {
		all[f.Name] = true
	}
	for _, values := range [][]*doc.Value{p.Consts, p.Vars} {
		for _, v := range values {
			for _, name := range v.Names {
				all[name] = true
			}
		}
	}
	for _, typ := range p.Types {
		all[typ.Name] = true
		for _, v := range append(typ.Consts, typ.Vars...) {
			for _, name := range v.Names {
				all[name] = true
			}
		}
		for _, f := range typ.Funcs {
			all[f.Name] = true
		}
		for _, m := range typ.Methods {
			all[typ.Name+"."+m.Name] = true
		}
		ast.Inspect(typ.Decl, func(n ast.Node) bool {
			if field, ok := n.(*ast.Field); ok {
				for _, name := range field.Names {
					all[typ.Name+"."+name.Name] = true
				}
			}
			return true
		})
	}
	return all
}

// A link of a doc comment, such as [Catalog.Apply], names something that there
// is: go vet does not look.
func TestDocLinks(t *testing.T) {
	packages := docs(t)
	byName, known := map[string]string{}, map[string]map[string]bool{}
	for dir, p := range packages {
		byName[p.Name] = dir
		known[dir] = names(p)
	}
	links := 0
	for dir, p := range packages {
		parse := &comment.Parser{
			LookupPackage: func(name string) (string, bool) {
				if name == "" {
					return "", true
				}
				return name, true
			},
			LookupSym: func(string, string) bool { return true },
		}
		check := func(link *comment.DocLink) {
			in := dir
			if link.ImportPath != "" {
				ours := byName[link.ImportPath]
				if ours == "" {
					return // of a library
				}
				in = ours
			}
			name := link.Name
			if link.Recv != "" {
				name = link.Recv + "." + name
			}
			links++
			if !known[in][name] && name != "" {
				t.Errorf("%s: [%s] names nothing in %s", dir, text(link.Text), in)
			}
		}
		for _, written := range comments(p) {
			for _, block := range parse.Parse(written).Content {
				visit(block, check)
			}
		}
	}
	if links < 100 {
		t.Errorf("%d links found: the test sees too little", links)
	}
}

// comments are all comments of a package's declarations.
func comments(p *doc.Package) []string {
	all := []string{p.Doc}
	value := func(values []*doc.Value) {
		for _, v := range values {
			all = append(all, v.Doc)
			inside(v.Decl, &all)
		}
	}
	function := func(funcs []*doc.Func) {
		for _, f := range funcs {
			all = append(all, f.Doc)
		}
	}
	value(p.Consts)
	value(p.Vars)
	function(p.Funcs)
	for _, typ := range p.Types {
		all = append(all, typ.Doc)
		inside(typ.Decl, &all)
		value(typ.Consts)
		value(typ.Vars)
		function(typ.Funcs)
		function(typ.Methods)
	}
	return all
}

// inside adds the comments of fields and methods, and of each name of a group.
func inside(decl ast.Node, all *[]string) {
	ast.Inspect(decl, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Field:
			*all = append(*all, n.Doc.Text(), n.Comment.Text())
		case *ast.ValueSpec:
			*all = append(*all, n.Doc.Text(), n.Comment.Text())
		}
		return true
	})
}

func visit(block comment.Block, fn func(*comment.DocLink)) {
	texts := func(list []comment.Text) {
		for _, one := range list {
			if link, ok := one.(*comment.DocLink); ok {
				fn(link)
			}
		}
	}
	switch block := block.(type) {
	case *comment.Paragraph:
		texts(block.Text)
	case *comment.Heading:
		texts(block.Text)
	case *comment.List:
		for _, item := range block.Items {
			for _, inner := range item.Content {
				visit(inner, fn)
			}
		}
	}
}

func text(list []comment.Text) string {
	var b strings.Builder
	for _, one := range list {
		switch one := one.(type) {
		case comment.Plain:
			b.WriteString(string(one))
		case comment.Italic:
			b.WriteString(string(one))
		default:
			b.WriteString(strconv.Quote("?"))
		}
	}
	return b.String()
}

// Package billing is for rules and the facts they are about. One that has more
// names than this holds something that another package should.
const mostNames = 300

func TestNamesOfBilling(t *testing.T) {
	exported := 0
	for _, file := range sources(t, "internal/billing") {
		for _, decl := range file.Decls {
			switch decl := decl.(type) {
			case *ast.FuncDecl:
				if decl.Name.IsExported() && (decl.Recv == nil || ast.IsExported(receiver(decl.Recv.List[0].Type))) {
					exported++
				}
			case *ast.GenDecl:
				for _, spec := range decl.Specs {
					switch spec := spec.(type) {
					case *ast.TypeSpec:
						if spec.Name.IsExported() {
							exported++
						}
					case *ast.ValueSpec:
						for _, name := range spec.Names {
							if name.IsExported() {
								exported++
							}
						}
					}
				}
			}
		}
	}
	if exported >= mostNames || exported < mostNames/2 {
		t.Errorf("package billing exports %d functions, methods, types, constants and variables; want fewer than %d", exported, mostNames)
	}
}

// receiver is the name of a method's type.
func receiver(typ ast.Expr) string {
	switch typ := typ.(type) {
	case *ast.StarExpr:
		return receiver(typ.X)
	case *ast.IndexExpr:
		return receiver(typ.X)
	case *ast.Ident:
		return typ.Name
	}
	return ""
}
