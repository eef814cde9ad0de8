package routes

import (
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/allot-dev/allot/internal/naive"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/store"
)

// Random scripts give the same answers from the routes on a store and from the naive
// model. A script that fails is made as short as it goes and printed; put into
// testdata/naive it is replayed for ever. ALLOT_MODEL_OPERATIONS says how many
// operations there are, ALLOT_MODEL_SEED where to begin.
func TestNaiveSQLite(t *testing.T) { compareRandom(t, databases["sqlite"], 3_000) }

// Fewer operations, for each takes several times as long.
func TestNaivePostgres(t *testing.T) { compareRandom(t, databases["postgres"], 300) }

const naiveLength = 100

func compareRandom(t *testing.T, url func(testing.TB) string, operations int) {
	operations = number(t, "ALLOT_MODEL_OPERATIONS", operations)
	first := number(t, "ALLOT_MODEL_SEED", 1)
	open := oneByOne(t, url)
	for seed := first; seed < first+operations/naiveLength; seed++ {
		script := naive.Random(rand.New(rand.NewSource(int64(seed))), naiveLength)
		if err := compare(t, open, script); err != nil {
			script = shrink(script, func(s []string) bool { return compare(t, open, s) != nil })
			t.Fatalf("seed %d: %v\nthe shortest script that fails:\n%s\n%v", seed, err, strings.Join(script, "\n"), compare(t, open, script))
		}
	}
}

func number(t *testing.T, variable string, otherwise int) int {
	text := os.Getenv(variable)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", variable, err)
	}
	return n
}

// Scripts that once failed.
func TestNaiveScripts(t *testing.T) {
	scripts, err := filepath.Glob("testdata/naive/*.txt")
	if err != nil || len(scripts) == 0 {
		t.Fatal("no scripts are read: ", err)
	}
	open := oneByOne(t, databases["sqlite"])
	for _, path := range scripts {
		t.Run(filepath.Base(path), func(t *testing.T) {
			script, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := compare(t, open, strings.Split(strings.TrimSpace(string(script)), "\n")); err != nil {
				t.Error(err)
			}
		})
	}
}

// compare runs a script on both sides until an answer differs.
func compare(t testing.TB, open func() service.Store, script []string) error {
	real, model := newReal(t, open()), naive.New()
	for i, line := range script {
		if err := differ(real, model, line); err != nil {
			return fmt.Errorf("line %d: %w", i+1, err)
		}
		for _, ask := range model.State() {
			if err := differ(real, model, ask); err != nil {
				return fmt.Errorf("after line %d, %s: %w", i+1, line, err)
			}
		}
	}
	return drift(t, real.w.billing)
}

func differ(real *real, model *naive.Model, line string) error {
	got, want := real.do(line), model.Do(line)
	if got != want {
		return fmt.Errorf("at %s: %s\ngot  %s\nwant %s", naiveText(real.w.now), line, strings.ReplaceAll(got, " | ", "\n   | "), strings.ReplaceAll(want, " | ", "\n   | "))
	}
	return nil
}

// drift is nil if the store agrees with itself.
func drift(t testing.TB, s *service.Service) error {
	var found []string
	_, _, err := s.Verify(t.Context(), func(d service.Drift) { found = append(found, d.Message) })
	if err == nil && found != nil {
		return fmt.Errorf("drift: %s", strings.Join(found, "; "))
	}
	return err
}

// shrink removes lines, many at first, then single ones, for as long as what is
// left fails. The catalog stays.
func shrink(script []string, fails func([]string) bool) []string {
	tries := 0
	for chunk := len(script) / 2; chunk > 0; chunk /= 2 {
		for from := 1; from < len(script) && tries < 300; {
			tries++
			shorter := slices.Concat(script[:from], script[min(from+chunk, len(script)):])
			if fails(shorter) {
				script = shorter
			} else {
				from += chunk
			}
		}
	}
	return script
}

// oneByOne opens an empty store, and closes the one before: hundreds are opened.
func oneByOne(t testing.TB, url func(testing.TB) string) func() service.Store {
	var last *store.Store
	closeLast := func() {
		if last != nil {
			last.Close()
		}
	}
	t.Cleanup(closeLast)
	return func() service.Store {
		closeLast()
		var err error
		if last, err = store.Open(t.Context(), store.Options{URL: url(t)}); err != nil {
			t.Fatal(err)
		}
		return last
	}
}
