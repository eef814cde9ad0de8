// Package catalog is the catalog file: it reads one, says where in it
// something is wrong, and writes one.
//
// The key decision: a file is read into a [billing.CatalogSpec] and a map of
// places. This package knows the shape of the file (which keys there are, which
// are required, what a single value may be); whether the catalog makes sense is
// billing's to say, which knows nothing of lines and names a place by its path
// (plans[2].items[0].max). [Document.Locate] joins the two, so that a reader of
// the file gets all faults at once, in the order of the file.
//
// Text is taken as it is written: on, null and 1e3 are codes of a letter or
// digit like any other, and a price never passes through a float. Therefore
// nothing is decoded by a YAML library's own types; the parts of YAML that give
// text a second meaning (anchors, aliases, tags, merge keys, directives) are
// refused.
//
// Start reading at [Parse]; the shapes are in shape.go, each mirrored in
// schema.json.
package catalog

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/allot-dev/allot/internal/billing"
)

// MaxSize is the largest catalog file, in bytes.
const MaxSize = 8 << 20

// maxSigns bounds how many values a file may have, by the signs between them: each
// takes far more memory than its text. A file of MaxSize full of plans has three
// quarters of them.
const maxSigns = 1 << 21

// maxMembers bounds a list of a file: features, plans, items.
const maxMembers = 20_000

// Document is a catalog file that was read.
type Document struct {
	// Spec is what the file states, as far as it could be read: a value with a
	// fault is absent, and so are tiers with a fault inside; of a key given twice the first counts. Elements of the other lists keep their
	// index, so that a path in the spec is a path in the file. Keys that are
	// not in the file are left zero.
	Spec billing.CatalogSpec
	// Faults are the faults of the file's shape, in the order of the file. To
	// get those of its meaning too, use [Document.Locate].
	Faults []Fault

	faulty map[string]bool // the paths that a fault leaves absent from Spec

	// What a path leads to. A file without a fault is many times as large in parts as
	// it is as text, so it is kept as that, and taken apart again if billing has found
	// one: see find.
	src   []byte
	whole bool // whether it was read so
	root  *node
}

// Fault is something wrong at a place of a catalog file.
type Fault struct {
	Line   int    // from 1
	Column int    // in characters, from 1
	Path   string // plans[2].items[0].max; "" for the file as a whole
	// Message says what is wrong and what would be right.
	Message string
}

// String is the fault on one line:
//
//	line 12, column 7: plans[1].items[0].limit: "none" is not one of hard, soft
func (f Fault) String() string {
	if f.Path == "" {
		return fmt.Sprintf("line %d, column %d: %s", f.Line, f.Column, f.Message)
	}
	return fmt.Sprintf("line %d, column %d: %s: %s", f.Line, f.Column, f.Path, f.Message)
}

// Parse reads a catalog file, YAML or JSON. It reports every fault of shape
// that the file has, except that a file whose syntax is wrong has that one
// fault only. It never fails otherwise, whatever src is, which
// must not be changed any more.
func Parse(src []byte) *Document {
	d := parse(src, false)
	// What does not look like it may be something else, such as a text of many lines that begin as
	// keys do: the whole says what is wrong.
	if d == nil {
		d = parse(src, true)
	}
	return d
}

// parse is Parse of the whole at once, or in parts; nil if these are none.
func parse(src []byte, whole bool) *Document {
	d := &Document{src: src, whole: whole, faulty: map[string]bool{}}
	root, fault := parseTree(src, whole)
	r := &reader{doc: d}
	if fault == nil {
		d.Spec = r.catalog(root)
		fault = r.syntax
	}
	if fault != nil {
		if r.syntax != nil && signs(src) <= maxPartSigns {
			return nil
		}
		d.Spec, d.Faults, d.faulty = billing.CatalogSpec{}, []Fault{*fault}, map[string]bool{"": true}
		d.root, d.src = &node{}, nil
		return d
	}
	if len(d.Faults) > 0 {
		sortFaults(d.Faults)
		if d.root, d.src = root, nil; d.cut() {
			d.root = &node{}
			d.faulty[""] = true
		}
	}
	return d
}

// cut reports whether a file has so many faults that the rest of it is not read.
// Nothing follows from what it means then.
func (d *Document) cut() bool { return len(d.Faults) > maxFaults }

// find is what a path leads to, and its place; nil if it leads nowhere.
func (d *Document) find(path string) (*node, place) {
	if d.root == nil {
		if d.root, _ = parseTree(d.src, d.whole); d.root == nil {
			d.root = &node{}
		}
	}
	n, at := d.root, place{1, 1}
	for rest := path; rest != ""; {
		if index, after, ok := strings.Cut(rest, "]"); ok && rest[0] == '[' {
			i, err := strconv.Atoi(index[1:])
			if err != nil || i < 0 || n.kind != list {
				return nil, place{}
			}
			if n, rest = n.elem(i), strings.TrimPrefix(after, "."); n == nil {
				return nil, place{}
			}
			at = n.at
			continue
		}
		end := strings.IndexAny(rest, ".[")
		if end < 0 {
			end = len(rest)
		}
		key := rest[:end]
		i := slices.IndexFunc(n.entries, func(e entry) bool { return e.key == key })
		if i < 0 || !keyPattern.MatchString(key) {
			return nil, place{}
		}
		at, n = n.entries[i].place(), n.entries[i].value
		rest = strings.TrimPrefix(rest[end:], ".")
	}
	return n, at
}

// keyPattern is what a key must look like to be part of a path.
var keyPattern = regexp.MustCompile(`^[A-Za-z_$-][A-Za-z0-9_$-]{0,39}$`)

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func element(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

// parent is a path without its last step.
func parent(path string) string {
	return path[:max(strings.LastIndexAny(path, ".["), 0)]
}

// Position is where in the file a path leads, such as plans[2].items[0].max: to
// a value on a line, or to the key of a value that has many. Where the path
// leads nowhere, it is the position of the nearest part of it that exists.
func (d *Document) Position(path string) (line, column int) {
	for {
		if n, at := d.find(path); n != nil {
			return at.line, at.column
		}
		path = parent(path)
	}
}

// Locate is every fault of the file, in its order: those of its shape and the
// given ones, which billing found in Spec. Given faults that merely follow from
// something that could not be read are left out. Of many the first are shown, and how many
// more there are.
func (d *Document) Locate(rules []billing.Fault) []Fault {
	all := slices.Clone(d.Faults)
	for _, rule := range rules {
		if d.follows(rule.Path) || rule.From != "" && d.unreadWithin(rule.From) {
			continue
		}
		line, column := d.Position(rule.Path)
		all = append(all, Fault{line, column, rule.Path, rule.Message})
	}
	sortFaults(all)
	if more := len(all) - maxFaults; more > 0 && !d.cut() {
		next := all[maxFaults]
		all = append(all[:maxFaults:maxFaults], Fault{
			Line: next.Line, Column: next.Column, Message: fmt.Sprintf("%d more faults; put the first of them right", more),
		})
	}
	return all
}

// follows reports whether a fault at a path may come from another: the value
// there, or what it refers to, could not be read.
func (d *Document) follows(path string) bool {
	for p := path; ; p = parent(p) {
		if d.faulty[p] {
			return true
		}
		if p == "" {
			break
		}
	}
	switch {
	case strings.HasSuffix(path, ".feature"), strings.Contains(path, ".without["):
		return d.unread("features", len(d.Spec.Features), path)
	case strings.HasSuffix(path, ".fallback"), strings.HasSuffix(path, ".extends"), strings.Contains(path, ".beside["):
		return d.unread("plans", len(d.Spec.Plans), path)
	case strings.HasSuffix(path, ".group"):
		return d.unread("plan_groups", len(d.Spec.Groups), path)
	}
	return false
}

// unreadWithin reports whether something at or below a path could not be read.
func (d *Document) unreadWithin(path string) bool {
	for faulty := range d.faulty {
		if faulty == path || strings.HasPrefix(faulty, path+".") || strings.HasPrefix(faulty, path+"[") {
			return true
		}
	}
	return false
}

// unread reports whether what the text at a path refers to may be in a list of
// definitions, in one whose code could not be read.
func (d *Document) unread(definitions string, length int, path string) bool {
	if d.faulty[definitions] {
		return true
	}
	reference, _ := d.find(path)
	if reference == nil {
		return false
	}
	for i := range length {
		p := element(definitions, i)
		if d.faulty[p] || d.faulty[join(p, "code")] {
			if n, _ := d.find(p); mentions(n, reference.text) {
				return true
			}
		}
	}
	return false
}

// mentions reports whether a text, in any case, is somewhere in a value.
func mentions(n *node, text string) bool {
	if n == nil {
		return false
	}
	return n.kind == scalar && strings.EqualFold(n.text, text) ||
		slices.ContainsFunc(n.entries, func(e entry) bool { return mentions(e.value, text) }) ||
		slices.ContainsFunc(n.elems, func(e *node) bool { return mentions(e, text) })
}

func sortFaults(faults []Fault) {
	slices.SortStableFunc(faults, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}
