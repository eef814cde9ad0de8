package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// webhookMessage is one that came, as the verifiers are told it.
type webhookMessage struct {
	Path    string            `json:"path"`
	Headers map[string]string `json:"headers"`
	Body    string            `json:"body"`
}

// inbox is an endpoint that keeps what comes.
type inbox struct {
	*httptest.Server
	mu   sync.Mutex
	came []webhookMessage
}

func newInbox(t *testing.T) *inbox {
	b := &inbox{}
	b.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		m := webhookMessage{Path: r.URL.Path, Headers: map[string]string{}, Body: string(body)}
		for name := range r.Header {
			m.Headers[strings.ToLower(name)] = r.Header.Get(name)
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		b.came = append(b.came, m)
	}))
	t.Cleanup(b.Close)
	return b
}

// wait returns what has come once it is enough.
func (b *inbox) wait(t *testing.T, enough func([]webhookMessage) bool) []webhookMessage {
	t.Helper()
	for range 300 {
		b.mu.Lock()
		came := slices.Clone(b.came)
		b.mu.Unlock()
		if enough(came) {
			return came
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatalf("after half a minute there came %d messages: %v", len(b.came), b.came)
	return nil
}

// webhook is what the command line shows of one.
type webhook struct{ ID, Secret string }

func serveWebhooks(t *testing.T, binary string) *installation {
	port := freePort(t)
	a := serve(t, binary, newAuthority(t), port, "http://127.0.0.1:"+port, "--webhook-allow-http", "--webhook-allow", "127.0.0.1")
	a.allot(t, nil, "apply", filepath.Join("testdata", "catalog.yaml"))
	return a
}

// What Allot sends is verified by other people's packages, also while the secret is being
// changed, and what was changed on the way is not.
func TestWebhookVerifiers(t *testing.T) {
	a := serveWebhooks(t, build(t))
	in := newInbox(t)
	var standard, kinde webhook
	a.allot(t, &standard, "webhook", "create", in.URL+"/standard", "--json")
	a.allot(t, &kinde, "webhook", "create", in.URL+"/kinde", "--format", "kinde", "--json")
	customer := a.organization(t, "org_hooked", "--plan", "free")
	a.allot(t, nil, "webhook", "rotate", standard.ID, "--overlap", "1h")
	a.allot(t, nil, "agreement", "create", customer, "pro")
	want := []string{"customer.agreement_created", "customer.plan_assigned", "customer.agreement_created", "customer.plan_changed"}
	came := in.wait(t, func(came []webhookMessage) bool {
		standards, kindes := 0, 0
		for _, m := range came {
			if m.Path == "/standard" {
				standards++
			} else {
				kindes++
			}
		}
		return standards >= 3 && kindes >= len(want)
	})

	t.Run("go", func(t *testing.T) {
		verifier, err := standardwebhooks.NewWebhook(standard.Secret)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range came {
			if m.Path != "/standard" {
				continue
			}
			header := http.Header{}
			for name, value := range m.Headers {
				header.Set(name, value)
			}
			if err := verifier.Verify([]byte(m.Body), header); err != nil {
				t.Errorf("%v: %v", m, err)
			}
			if verifier.Verify([]byte(m.Body+" "), header) == nil {
				t.Error("it verifies what was changed")
			}
		}
	})
	input, err := json.Marshal(map[string]any{"domain": a.url, "secret": standard.Secret, "messages": came})
	if err != nil {
		t.Fatal(err)
	}
	t.Run("javascript", func(t *testing.T) {
		var out struct {
			Verified int
			Types    []string
		}
		runVerifier(t, nodeWebhooks(t, filepath.Join("webhooks", "js", "verify.cjs")), input, &out)
		created := slices.DeleteFunc(slices.Clone(out.Types), func(s string) bool { return s == "customer.agreement_cancelled" })
		if out.Verified != len(came) || !slices.Equal(created, want) {
			t.Errorf("verified %d of %d, of the types %v", out.Verified, len(came), out.Types)
		}
	})
	t.Run("python", func(t *testing.T) {
		var out struct{ Verified int }
		runVerifier(t, pythonWebhooks(t, filepath.Join("webhooks", "python", "verify.py")), input, &out)
		if out.Verified < 3 {
			t.Errorf("verified %d", out.Verified)
		}
	})
	t.Run("no access token", func(t *testing.T) {
		for _, m := range came {
			if m.Path == "/kinde" {
				refuseToken(t, a.url, m.Body)
				return
			}
		}
	})
}

// refuseToken has a token refused where one is needed.
func refuseToken(t *testing.T, url, token string) {
	t.Helper()
	for _, path := range []string{"/v1/customers", "/api/v1/billing/entitlements?customer_id=x", "/account_api/v1/entitlements"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusForbidden {
			t.Errorf("%s answers %d", path, resp.StatusCode)
		}
	}
}

// program is one of another language, with what has to be installed for it.
type program struct {
	argv, env []string
}

func nodeWebhooks(t *testing.T, file string) program {
	modules := filepath.Join(root(t), ".cache", "webhooks", "js", "node_modules")
	installed(t, filepath.Join(modules, "standardwebhooks", "package.json"))
	return program{[]string{"node", file}, []string{"NODE_PATH=" + modules}}
}

func pythonWebhooks(t *testing.T, file string) program {
	python := filepath.Join(root(t), ".cache", "webhooks", "python", "bin", "python")
	installed(t, python)
	return program{[]string{python, "-u", file}, []string{"PYTHONDONTWRITEBYTECODE=1"}}
}

func installed(t *testing.T, file string) {
	t.Helper()
	if _, err := os.Stat(file); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("the verifiers are not installed: %v", err)
		}
		t.Skipf("the verifiers are not installed, \"make test\" installs them: %v", err)
	}
}

func runVerifier(t *testing.T, p program, input []byte, out any) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := command(ctx, p.argv[0], p.argv[1:]...)
	cmd.Env = append(environ(), p.env...)
	cmd.Stdin = bytes.NewReader(input)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	text, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", p.argv, err, &stderr)
	}
	if err := json.Unmarshal(text, out); err != nil {
		t.Fatalf("%v: %q: %v", p.argv, text, err)
	}
}

var receiverOfDocs = regexp.MustCompile("(?s)```(go|python|js)\n(.*?)```")

// The receivers of docs/webhooks.md, as they stand there, take what Allot sends and nothing
// else.
func TestReceiversOfDocs(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "docs", "webhooks.md"))
	if err != nil {
		t.Fatal(err)
	}
	blocks := receiverOfDocs.FindAllStringSubmatch(string(text), -1)
	if len(blocks) != 3 {
		t.Fatalf("%d receivers", len(blocks))
	}
	a := serveWebhooks(t, build(t))
	for _, block := range blocks {
		t.Run(block[1], func(t *testing.T) {
			file := filepath.Join(t.TempDir(), map[string]string{"go": "main.go", "python": "receiver.py", "js": "receiver.cjs"}[block[1]])
			if err := os.WriteFile(file, []byte(block[2]), 0o600); err != nil {
				t.Fatal(err)
			}
			a.testReceiver(t, block[1], file)
		})
	}
}

func (a *installation) testReceiver(t *testing.T, language, file string) {
	var p program
	switch language {
	case "go":
		binary := filepath.Join(filepath.Dir(file), "receiver")
		cmd := command(t.Context(), "go", "build", "-o", binary, file)
		cmd.Dir = root(t)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		p = program{argv: []string{binary}}
	case "python":
		p = pythonWebhooks(t, file)
	case "js":
		p = nodeWebhooks(t, file)
	}
	port := freePort(t)
	url := "http://127.0.0.1:" + port + "/webhooks"
	var w webhook
	a.allot(t, &w, "webhook", "create", url, "--events", "agreement.created", "--json")
	cmd := command(t.Context(), p.argv[0], p.argv[1:]...)
	cmd.Env = append(append(environ(), p.env...), "PORT="+port, "WEBHOOK_SECRET="+w.Secret)
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
		a.allot(t, nil, "webhook", "delete", w.ID)
	}()
	if status := forge(t, url); status != http.StatusUnauthorized {
		t.Errorf("what is not signed is answered %d\n%s", status, &log)
	}
	customer := a.organization(t, "org_"+language)
	var list struct {
		Deliveries []struct {
			CustomerID string `json:"customer_id"`
			Status     string
			HTTPStatus int `json:"http_status"`
		}
	}
	for range 300 {
		a.allot(t, &list, "webhook", "deliveries", w.ID, "--json")
		if len(list.Deliveries) > 0 && list.Deliveries[0].Status != "pending" {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if got := fmt.Sprint(list.Deliveries); got != "[{"+customer+" delivered 204}]" {
		t.Errorf("deliveries: %s", got)
	}
}

// forge sends what is not signed, once the receiver listens.
func forge(t *testing.T, url string) (status int) {
	t.Helper()
	for range 100 {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(`{"id":1,"type":"agreement.created"}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Webhook-Id", "msg_1")
		req.Header.Set("Webhook-Timestamp", fmt.Sprint(time.Now().Unix()))
		req.Header.Set("Webhook-Signature", "v1,"+strings.Repeat("A", 43)+"=")
		resp, err := http.DefaultClient.Do(req)
		if err == nil {
			resp.Body.Close()
			return resp.StatusCode
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatal("the receiver does not listen")
	return 0
}
