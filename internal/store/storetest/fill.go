package storetest

import (
	"fmt"
	"reflect"
	"time"

	"github.com/govalues/decimal"
)

// Fill sets every field of a struct, and of all that is in it, to a value of its
// own that is not zero. The same seed gives the same values, another seed others.
// It is for tests that a new field must pass through every place that copies
// fields by hand.
func Fill(seed int, into any) {
	f := filler{next: 100 * seed}
	f.fill(reflect.ValueOf(into).Elem())
}

// Field is one field in a filled struct, such as Items[0].Max.
type Field struct {
	Path string
	Set  func(into any) // in a struct that was filled in the same way
}

// Fields are all fields in a struct of the type of which of is one, each to be
// set to what a seed gives; those that are true or false, to false.
func Fields(of any, seed int) []Field {
	var fields []Field
	v := reflect.New(reflect.TypeOf(of).Elem())
	Fill(seed, v.Interface())
	walk(v.Elem(), "", func(path string, value reflect.Value, find func(reflect.Value) reflect.Value) {
		if value.Kind() == reflect.Bool {
			value = reflect.ValueOf(false)
		}
		fields = append(fields, Field{path, func(into any) { find(reflect.ValueOf(into).Elem()).Set(value) }})
	})
	return fields
}

type filler struct{ next int }

var (
	timeType    = reflect.TypeFor[time.Time]()
	decimalType = reflect.TypeFor[decimal.Decimal]()
)

func (f *filler) fill(v reflect.Value) {
	f.next++
	n := f.next
	switch v.Type() {
	case timeType:
		v.Set(reflect.ValueOf(on(n)))
		return
	case decimalType:
		v.Set(reflect.ValueOf(decimal.MustNew(int64(n), 2)))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() { // the others follow from them
				f.fill(v.Field(i))
			}
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		f.fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		f.fill(v.Index(0))
	case reflect.Array:
		for i := range v.Len() {
			f.fill(v.Index(i))
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		f.fill(key)
		f.fill(value)
		v.SetMapIndex(key, value)
	case reflect.String:
		v.SetString(fmt.Sprintf("text_%d", n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(n))
	case reflect.Uint8:
		v.SetUint(uint64(n%255) + 1)
	default:
		panic(fmt.Sprintf("storetest: no way to fill a %v: teach Fill one", v.Type()))
	}
}

// walk calls fn for each value that has no fields of its own, with how to find
// the same in another struct.
func walk(v reflect.Value, path string, fn func(string, reflect.Value, func(reflect.Value) reflect.Value)) {
	self := func(v reflect.Value) reflect.Value { return v }
	walkFrom(v, path, self, fn)
}

func walkFrom(v reflect.Value, path string, find func(reflect.Value) reflect.Value, fn func(string, reflect.Value, func(reflect.Value) reflect.Value)) {
	switch {
	case v.Type() == timeType || v.Type() == decimalType:
		fn(path, v, find)
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			name := v.Type().Field(i).Name
			if path != "" {
				name = path + "." + name
			}
			walkFrom(v.Field(i), name, func(root reflect.Value) reflect.Value { return find(root).Field(i) }, fn)
		}
	case v.Kind() == reflect.Pointer:
		walkFrom(v.Elem(), path, func(root reflect.Value) reflect.Value { return find(root).Elem() }, fn)
	case v.Kind() == reflect.Slice:
		for i := range v.Len() {
			walkFrom(v.Index(i), fmt.Sprintf("%s[%d]", path, i), func(root reflect.Value) reflect.Value { return find(root).Index(i) }, fn)
		}
	default:
		fn(path, v, find)
	}
}
