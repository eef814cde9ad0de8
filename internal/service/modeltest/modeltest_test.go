package modeltest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/allot-dev/allot/internal/pgtest"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/store"
)

func TestSQLite(t *testing.T) { Run(t, sqlite(t), 20_000) }

// Fewer operations, for each takes several times as long.
func TestPostgres(t *testing.T) { Run(t, postgres(t), 5_000) }

// Scripts that once failed.
func TestScripts(t *testing.T) {
	scripts, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range scripts {
		t.Run(filepath.Base(path), func(t *testing.T) {
			script, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			t.Run("sqlite", func(t *testing.T) { Replay(t, sqlite(t), string(script)) })
			t.Run("postgres", func(t *testing.T) { Replay(t, postgres(t), string(script)) })
		})
	}
}

func sqlite(t testing.TB) Open {
	return oneByOne(t, func(t testing.TB) string { return "sqlite:" + filepath.Join(t.TempDir(), "allot.db") })
}

func postgres(t testing.TB) Open { return oneByOne(t, pgtest.URL) }

// oneByOne closes each store when it opens the next: hundreds are opened to make
// a script shorter until it fails no more, and each has connections.
func oneByOne(t testing.TB, url func(testing.TB) string) Open {
	var last *store.Store
	closeLast := func() {
		if last != nil {
			last.Close()
		}
	}
	t.Cleanup(closeLast)
	return func(t testing.TB) service.Store {
		closeLast()
		var err error
		if last, err = store.Open(t.Context(), store.Options{URL: url(t)}); err != nil {
			t.Fatal(err)
		}
		return last
	}
}
