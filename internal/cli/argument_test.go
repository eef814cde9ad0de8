package cli

import (
	"reflect"
	"testing"

	"github.com/alecthomas/kong"
)

// ownCheck are flags of a plain type that are checked where they are used, with
// all that is wrong beside them, and are wrong usage then.
var ownCheck = map[string]bool{
	"allot serve --rate-limit": true, "allot serve --max-connections": true, "allot serve --stranger-rate": true, "allot bench run --customers": true, "allot bench run --rounds": true,
	"allot bench run --shrink": true, "allot bench table --customers": true, "allot bench table --rounds": true,
	"allot bench table --shrink": true, "allot bench run --rate": true, "allot bench seed --customers": true, "allot bench ceiling --length": true,
}

// A number that can be told to be wrong by itself is refused as wrong usage, so
// that nothing is sent: its type knows what it may be.
func TestNumbersAreCheckedAsUsage(t *testing.T) {
	checked := 0
	see := func(command string, v *kong.Value, name string) {
		typ := v.Target.Type()
		if typ.Kind() == reflect.Pointer {
			typ = typ.Elem()
		}
		switch typ {
		case reflect.TypeFor[amount](), reflect.TypeFor[units](), reflect.TypeFor[number](), reflect.TypeFor[limitArg]():
			checked++
			return
		}
		switch typ.Kind() {
		case reflect.Int, reflect.Int64, reflect.Float64:
			if typ.PkgPath() == "" && !ownCheck[command+" "+name] {
				t.Errorf("%s %s is any number (%s): want a type that says which may be", command, name, typ)
			}
		}
	}
	var walk func(node *kong.Node)
	walk = func(node *kong.Node) {
		for _, flag := range node.Flags {
			see(node.FullPath(), flag.Value, "--"+flag.Name)
		}
		for _, arg := range node.Positional {
			see(node.FullPath(), arg, arg.Name)
			if arg.Name == "value" && arg.Target.Kind() == reflect.String && arg.Target.Type().PkgPath() == "" {
				t.Errorf("%s <value> is any text: want an amount", node.FullPath())
			}
		}
		for _, child := range node.Children {
			walk(child)
		}
	}
	walk(grammar(t).Model.Node)
	if checked < 8 {
		t.Errorf("met %d numbers", checked)
	}
}

func TestNumbers(t *testing.T) {
	tests := []struct {
		into       interface{ UnmarshalText([]byte) error }
		good, evil []string
	}{
		{new(amount), []string{"1", "-1", "0", "0.25", "000000000000000001", "999999999999.999999"}, []string{"", "abc", "1e3", "+1", ".5", "1.", "1000000000000", "0.1234567", "0x1", "1 ", "--1"}},
		{new(units), []string{"1", "0.000001", "007"}, []string{"", "0", "0.00", "-1", "many", "1000000000000"}},
		{new(number), []string{"1", "9007199254740991"}, []string{"", "0", "-1", "1.5", "9007199254740992", "99999999999999999999"}},
		{new(name), []string{"a", "org_code=a"}, []string{""}},
		{new(limitArg), []string{"0", "9007199254740991"}, []string{"", "-1", "many", "9007199254740992"}},
	}
	for _, test := range tests {
		for _, text := range test.good {
			if err := test.into.UnmarshalText([]byte(text)); err != nil {
				t.Errorf("%T: %v", test.into, err)
			}
		}
		for _, text := range test.evil {
			if test.into.UnmarshalText([]byte(text)) == nil {
				t.Errorf("%T: %q is taken", test.into, text)
			}
		}
	}
}
