package routes

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/allot-dev/allot/api"
)

// Price lists and what their scripts get of them:
//
//	# what follows shows
//	@ 2027-01-10 09:00               moves the clock
//	POST /v1/check {"the": "body"}   one request a line
//	=> 200 {"part": "of it"}         the status and what the answer has at least
//	cost pro calls 300 => 450        what so much costs by the price list, once counted
//
// A list in an answer has as many elements as the script says, in that order; null
// stands for null and for a key that is not there. "$name" takes a text where it is seen
// first, and stands for it afterwards, in requests too. Lines that begin with a space go
// on with the line before.
func priceLists(t *testing.T) map[string][2]string {
	t.Helper()
	lists := map[string][2]string{"terms": {"testdata/lists/terms.yaml", "testdata/lists/terms.txt"}}
	files, err := filepath.Glob("../../examples/catalogs/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no price lists: %v", err)
	}
	for _, file := range files {
		stem := strings.TrimSuffix(file, ".yaml")
		lists[filepath.Base(stem)] = [2]string{file, stem + ".txt"}
	}
	return lists
}

// Each price list is applied, subscribed to and used over HTTP, on each database, with
// the outcomes that its script states. Afterwards every sum is that of the log.
func TestPriceLists(t *testing.T) {
	for kind, database := range databases {
		for name, files := range priceLists(t) {
			t.Run(kind+"/"+name, func(t *testing.T) {
				s := &script{world: worldOn(t, openStore(t, database(t)), 0), named: map[string]string{}}
				s.now = time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
				text := map[string]string{}
				for _, file := range files {
					src, err := os.ReadFile(file)
					if err != nil {
						t.Fatal(err)
					}
					text[filepath.Ext(file)] = string(src)
				}
				ask[api.CatalogChanges](t, s.world, http.MethodPut, "/v1/catalog", text[".yaml"])
				if n := s.run(t, text[".txt"]); n < 5 {
					t.Errorf("only %d outcomes", n)
				}
				s.verify(t)
			})
		}
	}
}

// script is a world with what its answers gave names to.
type script struct {
	*world
	named map[string]string
}

// run does what a text says and counts its outcomes.
func (s *script) run(t *testing.T, text string) int {
	t.Helper()
	n, at, request := 0, "", ""
	text = strings.ReplaceAll(text, "\n ", " ")
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		first, rest, _ := strings.Cut(line, " ")
		switch first {
		case "":
		case "#":
			at = rest
		case "@":
			s.move(t, rest)
		case "=>":
			if err := s.outcome(t, request, rest); err != nil {
				t.Errorf("%s\non %s: %s\n%v", at, s.now.Format(time.DateTime), request, err)
			}
			n++
		case "cost":
			if err := s.cost(t, rest); err != nil {
				t.Errorf("%s\n%s: %v", at, line, err)
			}
			n++
		default:
			request = line
		}
	}
	return n
}

func (s *script) move(t *testing.T, to string) {
	t.Helper()
	for _, layout := range []string{time.DateOnly, "2006-01-02 15:04", "2006-01-02 15:04:05.999999"} {
		if now, err := time.Parse(layout, to); err == nil {
			s.now = now
			return
		}
	}
	t.Fatalf("%q is not a time", to)
}

// outcome asks and says what of the answer is not as wanted.
func (s *script) outcome(t *testing.T, request, want string) error {
	t.Helper()
	request, want = s.filled(request), s.filled(want)
	method, rest, _ := strings.Cut(request, " ")
	target, body, _ := strings.Cut(rest, " ")
	rec := s.ask(t, method, target, body)
	status, part, _ := strings.Cut(want, " ")
	if fmt.Sprint(rec.Code) != status {
		return fmt.Errorf("answered %d, want %s: %s", rec.Code, status, rec.Body)
	}
	if part == "" {
		return nil
	}
	var wanted, got any
	if err := json.Unmarshal([]byte(part), &wanted); err != nil {
		return fmt.Errorf("%s: %w", part, err)
	}
	if err := json.Unmarshal(rec.Body.Bytes(), &got); err != nil {
		return fmt.Errorf("%s: %w", rec.Body, err)
	}
	if err := s.has(got, wanted, ""); err != nil {
		return fmt.Errorf("%w, in\n%s", err, rec.Body)
	}
	return nil
}

// filled is a text with what names in it stand for.
func (s *script) filled(text string) string {
	return nameInScript.ReplaceAllStringFunc(text, func(name string) string { return cmp.Or(s.named[name], name) })
}

var nameInScript = regexp.MustCompile(`\$[a-z]+`)

// has says what of a wanted part got has not.
func (s *script) has(got, want any, path string) error {
	switch want := want.(type) {
	case map[string]any:
		object, ok := got.(map[string]any)
		if !ok {
			break
		}
		for _, key := range slices.Sorted(maps.Keys(want)) {
			if err := s.has(object[key], want[key], path+"."+key); err != nil {
				return err
			}
		}
		return nil
	case []any:
		list, ok := got.([]any)
		if !ok || len(list) != len(want) {
			break
		}
		for i := range want {
			if err := s.has(list[i], want[i], fmt.Sprintf("%s[%d]", path, i)); err != nil {
				return err
			}
		}
		return nil
	case string:
		if text, ok := got.(string); ok && strings.HasPrefix(want, "$") {
			s.named[want] = text
			return nil
		}
	}
	if a, b := compact(got), compact(want); a != b {
		return fmt.Errorf("%s is %s, want %s", path, a, b)
	}
	return nil
}

func compact(v any) string {
	text, _ := json.Marshal(v)
	return string(text)
}

// cost is what units of a feature in one window cost by the price list, annually or not:
// "pro calls 300 => 450", "team storage_gb 2 annual => 800".
func (s *script) cost(t *testing.T, line string) error {
	t.Helper()
	said, want, _ := strings.Cut(line, " => ")
	words := strings.Fields(said)
	units, ok := new(big.Rat).SetString(words[2])
	if !ok {
		return fmt.Errorf("%q is no number", words[2])
	}
	for _, p := range ask[api.PriceList](t, s.world, http.MethodGet, "/v1/pricing", "").Plans {
		for _, it := range p.Items {
			if p.Code == words[0] && it.Feature == words[1] {
				if got := strings.TrimSuffix(costOf(it.Item, units, len(words) > 3).FloatString(2), ".00"); got != want {
					return fmt.Errorf("costs %s", got)
				}
				return nil
			}
		}
	}
	return fmt.Errorf("no such price")
}

func costOf(it api.Item, units *big.Rat, annual bool) *big.Rat {
	amount := func(unit, year json.Number) *big.Rat {
		if annual && year != "" {
			unit = year
		}
		out, _ := new(big.Rat).SetString(string(unit))
		return out
	}
	if it.Included != nil {
		units = new(big.Rat).Sub(units, whole(*it.Included))
	}
	sum := new(big.Rat)
	if units.Sign() <= 0 {
		return sum
	}
	tiers := it.Tiers
	if len(tiers) == 0 {
		tiers = []api.Tier{{UnitAmount: it.UnitAmount, Annual: it.Annual}}
	}
	below := new(big.Rat)
	for _, tier := range tiers { // graduated, or by the package
		top := units
		if tier.UpTo != nil && whole(*tier.UpTo).Cmp(units) < 0 {
			top = whole(*tier.UpTo)
		}
		in := new(big.Rat).Sub(top, below)
		if in.Sign() <= 0 {
			break
		}
		if it.TiersMode == api.TiersPackage {
			in.Quo(in, whole(*it.Package))
			begun := new(big.Int).Div(new(big.Int).Add(in.Num(), new(big.Int).Sub(in.Denom(), big.NewInt(1))), in.Denom())
			in.SetInt(begun)
		}
		sum.Add(sum, in.Mul(in, amount(tier.UnitAmount, tier.Annual)))
		below = top
	}
	return sum
}

func whole(n int64) *big.Rat { return new(big.Rat).SetInt64(n) }
