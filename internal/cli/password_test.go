package cli

import (
	"bytes"
	"strings"
	"testing"
)

// What is wrong with a command line is told without the passwords in it.
func TestUsageHasNoPassword(t *testing.T) {
	for _, test := range []struct {
		args []string
		said string
		hint string
	}{
		{[]string{"verify", "postgres://app:S3cret@h/d"}, "postgres://…@h/d", "by --database URL"},
		{[]string{"verify", "postgres://app:S3cret/and@S3cret more@h/d"}, "postgres://…@h/d", "by --database URL"},
		{[]string{"client", "list", "postgresql://app:S3cret@h/d", "--json"}, "postgresql://…@h/d", "by --database URL"},
		{[]string{"verify", "host=h user=app password=S3cret"}, "password=…", "--help"},
		{[]string{"verify", "host=h user=app password = S3cret"}, "password = …", "--help"},
		{[]string{"verify", `host=h password='it\'s S3cret'`}, "password=…", "--help"},
		{[]string{"verify", "host=h password='no end S3cret"}, "password=…", "--help"},
		{[]string{"copy", "postgres://app:S3cret@h/d", "sqlite:x.db"}, "postgres://…@h/d", "--help"},
		{[]string{"serve", "--listen", "https://app:S3cret@h"}, "https://…@h", "--help"},
		{[]string{"customer", "list", "https://app:S3cret@h"}, "https://…@h", "--help"},
		{[]string{"verify", "sqlite:x.db"}, "sqlite:x.db", "by --database URL"},
	} {
		var out, err bytes.Buffer
		if code := Run(t.Context(), test.args, strings.NewReader(""), &out, &err, ""); code != 2 {
			t.Errorf("%q: exit code %d", test.args, code)
		}
		if said := out.String() + err.String(); strings.Contains(said, "S3cret") || !strings.Contains(said, test.said) || !strings.Contains(said, test.hint) {
			t.Errorf("%q: %s", test.args, said)
		}
	}
}
