package server

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/pgtest"
)

// While the database says nothing, callers whose tokens were not seen before are no strangers: the
// keys that are in memory say so. And nobody is answered later than is promised, counted from when
// the request came, however many there are.
func TestSilentStoreBesideMany(t *testing.T) {
	t.Parallel()
	cluster := pgtest.New(t, pgtest.Options{})
	u, err := url.Parse(cluster.URL("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	between := newRelay(t, u.Host)
	t.Cleanup(between.close)
	u.Host = between.Addr().String()
	r := start(t, Config{Place: Place{Data: t.TempDir(), Database: u.String()}})
	made, _, err := r.CreateClient(t.Context(), "test", []string{AllScopes})
	if err != nil {
		t.Fatal(err)
	}
	const many = 24
	var tokens []string
	for range 1 + 3*many {
		token, err := r.Token(t.Context(), TokenRequest{Issuer: r.URL(), ClientID: made.ID})
		if err != nil {
			t.Fatal(err)
		}
		tokens = append(tokens, token.AccessToken)
	}
	known, unseen := tokens[0], tokens[1:]
	ids := r.customers(t, known, many)
	for _, id := range ids[:many/2] { // how their usage stands is known; of the others nothing is
		if status, body, _ := r.ask(t, "POST", "/v1/consume", known, fmt.Sprintf(useOne, id)); status != 200 {
			t.Fatalf("%d %s", status, body)
		}
	}
	ask := func(method, path, token, key, body string) (status int, answer, retry string) {
		req, err := http.NewRequestWithContext(t.Context(), method, r.URL()+path, strings.NewReader(body))
		if err != nil {
			t.Error(err)
			return 0, "", ""
		}
		req.Header.Set("Authorization", "Bearer "+token)
		if key != "" {
			req.Header.Set("Idempotency-Key", key)
		}
		resp, err := r.http.Do(req)
		if err != nil {
			t.Error(err)
			return 0, "", ""
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Error(err)
		}
		return resp.StatusCode, string(text), resp.Header.Get("Retry-After")
	}
	var records []string
	for _, id := range ids {
		records = append(records, fmt.Sprintf(`{"customer_id":%q,"feature_code":"api_calls","value":"1"}`, id))
	}
	bulk := `{"records":[` + strings.Join(records, ",") + `]}`
	var mu sync.Mutex
	longest := map[string]time.Duration{}
	var asking sync.WaitGroup
	between.hush()
	for i, id := range ids {
		for _, c := range []struct {
			name, method, path, key, body string
			most                          time.Duration
		}{
			{"check", "POST", "/v1/check", "", fmt.Sprintf(`{"customer_id":%q,"feature_code":"api_calls"}`, id), 35 * time.Second},
			{"entitlements", "GET", "/v1/customers/" + id + "/entitlements", "", "", 35 * time.Second},
			{"bulk", "POST", "/v1/usage", "", bulk, 40 * time.Second},
			{"bulk with a key", "POST", "/v1/usage", fmt.Sprint("key", i), bulk, 40 * time.Second},
			{"consume", "POST", "/v1/consume", "", fmt.Sprintf(useOne, id), 40 * time.Second},
			{"consume with a key", "POST", "/v1/consume", fmt.Sprint("one", i), fmt.Sprintf(useOne, id), 40 * time.Second},
		} {
			asking.Go(func() {
				time.Sleep(time.Duration(i) * 20 * time.Millisecond)
				began := time.Now()
				status, body, _ := ask(c.method, c.path, known, c.key, c.body)
				took := time.Since(began)
				if took > c.most+2*time.Second || status != 503 && (status != 500 || c.method != "POST") {
					t.Errorf("%s after %s: %d %s", c.name, took, status, body)
				}
				mu.Lock()
				longest[c.name] = max(longest[c.name], took)
				mu.Unlock()
			})
		}
	}
	time.Sleep(time.Second) // who may call is not known any more
	codes := map[string]int{}
	for i := range many {
		for j, c := range []struct{ method, path, body, retry string }{
			{"POST", "/v1/check", fmt.Sprintf(`{"customer_id":%q,"feature_code":"api_calls"}`, ids[i]), "1"},
			{"GET", "/v1/customers", "", "1"},
			{"GET", "/api/v1/billing/entitlements?customer_id=" + ids[i], "", ""},
		} {
			asking.Go(func() {
				status, body, retry := ask(c.method, c.path, unseen[3*i+j], "", c.body)
				if status != 503 || !strings.Contains(body, "STORE_UNREACHABLE") || retry != c.retry {
					t.Errorf("%s %s with a token that was not seen before: %d %s, Retry-After %q", c.method, c.path, status, body, retry)
				}
				mu.Lock()
				codes[fmt.Sprint(status)]++
				mu.Unlock()
			})
		}
	}
	// Forged ones are still told apart, and bounded: no signature of theirs is good, by keys that
	// are in memory, nor is anything waited for.
	forged := func(kid bool) string {
		parts := strings.Split(unseen[0], ".")
		if !kid {
			return "eyJhbGciOiJSUzI1NiIsImtpZCI6Im5vbmUifQ." + parts[1] + "." + parts[2]
		}
		signature := []byte(parts[2])
		slices.Reverse(signature[:len(signature)-2])
		return parts[0] + "." + parts[1] + "." + string(signature)
	}
	for range 8 {
		asking.Go(func() {
			if status, body, _ := ask("GET", "/v1/customers", forged(true), "", ""); status != 403 && status != 429 {
				t.Errorf("forged: %d %s", status, body)
			}
		})
		asking.Go(func() {
			if status, body, _ := ask("GET", "/v1/customers", forged(false), "", ""); status != 503 && status != 429 {
				t.Errorf("forged, of another key: %d %s", status, body)
			}
		})
	}
	asking.Wait()
	t.Log(longest, codes)
}
