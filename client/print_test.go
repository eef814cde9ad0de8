package client_test

import (
	"fmt"
	"reflect"
	"regexp"
	"testing"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
)

// answers are the types of package api that calls answer with, and those of their
// fields.
func answers() map[reflect.Type]bool {
	found := map[reflect.Type]bool{}
	var add func(reflect.Type)
	add = func(t reflect.Type) {
		switch t.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map:
			add(t.Elem())
		case reflect.Func: // an iterator: what it yields
			for i := range t.NumIn() {
				add(t.In(i))
			}
		case reflect.Struct:
			if found[t] || t.PkgPath() != reflect.TypeFor[api.Decision]().PkgPath() {
				return
			}
			found[t] = true
			for i := range t.NumField() {
				add(t.Field(i).Type)
			}
		}
	}
	methods := func(t reflect.Type) {
		for i := range t.NumMethod() {
			m := t.Method(i).Type
			for o := range m.NumOut() {
				add(m.Out(o))
			}
		}
	}
	c := reflect.TypeFor[client.Client]()
	methods(reflect.PointerTo(c))
	for i := range c.NumField() {
		if c.Field(i).IsExported() {
			methods(c.Field(i).Type)
		}
	}
	return found
}

// fill makes a value in which every pointer points to something.
func fill(v reflect.Value, depth int) {
	switch v.Kind() {
	case reflect.Pointer:
		if depth > 0 {
			v.Set(reflect.New(v.Type().Elem()))
			fill(v.Elem(), depth-1)
		}
	case reflect.Slice:
		if depth > 0 && v.Type().Elem().Kind() != reflect.Uint8 {
			v.Set(reflect.MakeSlice(v.Type(), 1, 1))
			fill(v.Index(0), depth-1)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(v.Field(i), depth)
			}
		}
	}
}

var address = regexp.MustCompile(`0x[0-9a-f]{6,}`)

// Whatever a call answers prints as what it says, never as an address.
func TestAnswersPrintNoAddresses(t *testing.T) {
	types := answers()
	if len(types) < 20 {
		t.Fatalf("found %d types of answers", len(types))
	}
	for typ := range types {
		v := reflect.New(typ)
		fill(v.Elem(), 4)
		for _, printed := range []string{fmt.Sprint(v.Elem().Interface()), fmt.Sprint(v.Interface())} {
			if address.MatchString(printed) {
				t.Errorf("%s prints as %s", typ, printed)
				break
			}
		}
	}
	d := api.Decision{Remaining: new(api.Decimal("7"))}
	if got := fmt.Sprint(d.Remaining, api.Decision{}.Remaining); got != "7 <nil>" {
		t.Errorf("remaining prints as %q", got)
	}
}
