package routes

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write what is answered into the goldens")

// exchangeText is one request of a golden file and what is answered.
//
//	### what it shows
//	GET /path?query
//	Header: value
//	@scope read:catalog other:scope    a token of these scopes only
//	@token abc                         this token; none: no header
//	@user kp_ada org_acme              a token of this user, in this organization or none
//	@now 2026-12-22T10:00:00Z          moves the clock, for what follows too
//	@size 1048577                      pads the body with spaces
//	{"the": "body"}
//	==> 200
//	Header: value                      those that matter
//	{"the": "answer"}
type exchangeText struct {
	title   string
	request []string
	answer  string
}

func parseGolden(t *testing.T, text string) (preamble string, exchanges []exchangeText) {
	t.Helper()
	preamble, rest, _ := strings.Cut(text, "### ")
	for part := range strings.SplitSeq(rest, "\n### ") {
		head, answer, _ := strings.Cut(part, "\n==> ")
		lines := strings.Split(strings.TrimSpace(head), "\n")
		if len(lines) < 2 {
			t.Fatalf("%q: want a title and a request", head)
		}
		exchanges = append(exchanges, exchangeText{lines[0], lines[1:], strings.TrimSpace(answer)})
	}
	return preamble, exchanges
}

func goldenFiles(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no goldens: %v", err)
	}
	return files
}

// Each file runs in a world of its own, its exchanges one after the other, with
// the same answers on each database.
func TestGoldens(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { testGoldens(t, databases["sqlite"], *update) })
	t.Run("postgres", func(t *testing.T) { testGoldens(t, databases["postgres"], false) })
}

func testGoldens(t *testing.T, database func(testing.TB) string, update bool) {
	for _, file := range goldenFiles(t) {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			w := worldOn(t, openStore(t, database(t)), 0)
			w.settle(t)
			server := httptest.NewServer(w)
			defer server.Close()

			preamble, exchanges := parseGolden(t, string(text))
			out := preamble
			for i, x := range exchanges {
				got := w.play(t, server, x)
				if i > 0 {
					out += "\n"
				}
				out += "### " + x.title + "\n" + strings.Join(x.request, "\n") + "\n==> " + got + "\n"
				if diff := cmp.Diff(x.answer, got); diff != "" && !update {
					t.Errorf("%s (-want +got):\n%s", x.title, diff)
				}
			}
			if update {
				if err := os.WriteFile(file, []byte(out), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// play sends a request and writes down the answer.
func (w *world) play(t *testing.T, server *httptest.Server, x exchangeText) string {
	t.Helper()
	method, target, ok := strings.Cut(x.request[0], " ")
	if !ok {
		t.Fatalf("%s: %q is not a request line", x.title, x.request[0])
	}
	token, header, size, body := w.token(t, allScopes()...), http.Header{}, 0, []string(nil)
	for i, line := range x.request[1:] {
		name, value, isHeader := strings.Cut(line, ": ")
		switch directive, arg, _ := strings.Cut(line, " "); {
		case directive == "@scope":
			token = w.token(t, strings.Fields(arg)...)
		case directive == "@token":
			token = arg
		case directive == "@user":
			sub, org, _ := strings.Cut(arg, " ")
			token = w.userToken(t, sub, org)
		case directive == "@now":
			now, err := time.Parse(time.RFC3339, arg)
			if err != nil {
				t.Fatal(err)
			}
			w.now = now
		case directive == "@size":
			var err error
			if size, err = strconv.Atoi(arg); err != nil {
				t.Fatal(err)
			}
		case isHeader && name == http.CanonicalHeaderKey(name) && !strings.ContainsAny(name, " {\""):
			header.Add(name, value)
		default:
			body = x.request[1+i:]
		}
		if body != nil {
			break
		}
	}
	sent := strings.Join(body, "\n")
	sent += strings.Repeat(" ", max(0, size-len(sent)))
	r, err := http.NewRequestWithContext(t.Context(), method, server.URL+target, strings.NewReader(sent))
	if err != nil {
		t.Fatal(err)
	}
	r.Header = header
	r.Header.Set("X-Request-Id", "golden")
	if token != "none" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if r.URL.Path == "/v1/events" {
		w.sequence(t)
	}
	client := server.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if got := resp.Header.Get("X-Request-Id"); got != "golden" {
		t.Errorf("%s: request id %q", x.title, got)
	}
	if method != http.MethodHead && resp.ContentLength != int64(len(answer)) {
		t.Errorf("%s: Content-Length %d of a body of %d bytes", x.title, resp.ContentLength, len(answer))
	}
	return written(t, resp, answer)
}

// written is an answer without what every answer has.
func written(t *testing.T, resp *http.Response, body []byte) string {
	t.Helper()
	var b strings.Builder
	fmt.Fprintln(&b, resp.StatusCode)
	isJSON := resp.Header.Get("Content-Type") == "application/json; charset=utf-8"
	if isJSON {
		resp.Header.Del("Content-Type")
	}
	for _, name := range slices.Sorted(maps.Keys(resp.Header)) {
		if name == "Date" || name == "Content-Length" || name == "X-Request-Id" {
			continue
		}
		fmt.Fprintf(&b, "%s: %s\n", name, strings.Join(resp.Header[name], " | "))
	}
	if isJSON && len(body) > 0 {
		var indented bytes.Buffer
		if err := json.Indent(&indented, body, "", "  "); err != nil {
			t.Fatalf("%v in %s", err, body)
		}
		body = indented.Bytes()
	}
	b.Write(body)
	return strings.TrimSpace(b.String())
}

// nullable are the only fields that an answer may have as null, by the start of
// the path.
var nullable = map[string][]string{
	"/api/v1/": {"expires_on", "billing_group_id", "current_period_start", "current_period_end"},
	"/account_api/v1/": {
		"org_code", "next_page_starting_after",
		"fixed_charge", "unit_amount", "entitlement_limit_max", "entitlement_limit_min",
	},
	"/v1/": {
		"expires_on", "current_period_start", "current_period_end", "limit", "remaining", "resets_on", "next_change", "max",
		"starts_on", "ends_on", "from", "to", "anchor_on", "available", "amount",
	},
}

func TestNoGoldenHasAForbiddenNull(t *testing.T) {
	nulls := map[string]int{}
	for _, file := range goldenFiles(t) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		_, exchanges := parseGolden(t, string(text))
		for _, x := range exchanges {
			at := strings.Index(x.answer, "\n{")
			if at < 0 {
				continue
			}
			var body any
			if err := json.Unmarshal([]byte(x.answer[at:]), &body); err != nil {
				t.Fatalf("%s: %s: %v", file, x.title, err)
			}
			_, path, _ := strings.Cut(x.request[0], " ")
			walkNulls(body, "", func(field string) {
				for start, fields := range nullable {
					if strings.HasPrefix(path, start) && slices.Contains(fields, field) {
						nulls[start]++
						return
					}
				}
				t.Errorf("%s: %s: %s is null", file, x.title, field)
			})
		}
	}
	if len(nulls) != len(nullable) {
		t.Errorf("goldens show nulls on %v only: the walk sees too little", nulls)
	}
}

func walkNulls(v any, field string, null func(field string)) {
	switch v := v.(type) {
	case nil:
		null(field)
	case []any:
		for _, e := range v {
			walkNulls(e, field, null)
		}
	case map[string]any:
		for name, e := range v {
			walkNulls(e, name, null)
		}
	}
}

// Every error of every golden has the one form, and a code that says what is
// wrong.
func TestErrorsOfGoldensAreWellFormed(t *testing.T) {
	for _, file := range goldenFiles(t) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		_, exchanges := parseGolden(t, string(text))
		for _, x := range exchanges {
			status, _, _ := strings.Cut(x.answer, "\n")
			at := strings.Index(x.answer, "\n{")
			if status < "300" || at < 0 {
				continue
			}
			if err := wellFormed([]byte(x.answer[at:])); err != nil {
				t.Errorf("%s: %s: %v", file, x.title, err)
			}
			if strings.Contains(x.request[0], " /api/v1/") && !slices.Contains([]string{"400", "403", "429", "500", "404"}, status) {
				t.Errorf("%s: %s: status %s", file, x.title, status)
			}
		}
	}
}
