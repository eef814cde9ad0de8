package store_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/allot-dev/allot/internal/store"
)

// What is wrong with a URL is said as it is, and its password is not.
func TestCheckURL(t *testing.T) {
	for url, want := range map[string]string{
		"sqlite:x.db":                          "",
		"sqlite:///srv/x.db":                   "",
		"sqlite:":                              "it names no file",
		"sqlite:x.db?mode=ro":                  "the file has a ?,",
		"sqlite:x.db#frag":                     "the file has a #,",
		"sqlite::memory:":                      "none in memory: want sqlite:FILE",
		"sqlite://:memory:":                    "none in memory",
		"x.db":                                 "want sqlite:FILE or postgres://",
		"postgres://app:S3cret@127.0.0.1:5x/a": "it cannot be read",
	} {
		err := store.CheckURL(url)
		if (err == nil) != (want == "") || err != nil && (!strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "S3cret")) {
			t.Errorf("%s: %v, want %q", url, err, want)
		}
		if want == "" {
			continue
		}
		_, opening := store.Open(t.Context(), store.Options{URL: url})
		_, copying := store.Copy(t.Context(), store.CopyOptions{From: url, To: "sqlite:" + filepath.Join(t.TempDir(), "x.db")})
		for _, err := range []error{opening, copying} {
			if _, ok := errors.AsType[*store.URLError](err); !ok {
				t.Errorf("%s: %v is not told as a fault of the URL", url, err)
			}
		}
	}
}
