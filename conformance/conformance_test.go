package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestSDKs(t *testing.T) {
	binary := build(t)
	ca := newAuthority(t)
	python, javascript, jsUtils := pythonSDK(t, ca), javascriptSDK(t, ca), jsUtilsSDK(t, ca)
	typescript, nextjs := nodeSDK(t, ca, "typescript.cjs", "@kinde-oss/kinde-typescript-sdk"), nodeSDK(t, ca, "nextjs.cjs", "@kinde-oss/kinde-auth-nextjs")
	validator := nodeSDK(t, ca, "validator.cjs", "@kinde/jwt-validator")
	back := []string{"--cors-origin", "https://app.example.com"} // the origin of returnURL

	t.Run("https", func(t *testing.T) {
		port := freePort(t)
		allot := serve(t, binary, ca, port, "https://localhost:"+port,
			append(back, "--tls-cert", ca.serverCert, "--tls-key", ca.serverKey)...)
		run := allot.fill(t)
		t.Run("python", func(t *testing.T) {
			python.run(t, run, "openapi", "management", "usage", "account", "organizations", "organizations_of_management")
		})
		t.Run("javascript", func(t *testing.T) { javascript.run(t, run, "management", "usage") })
		t.Run("js-utils", func(t *testing.T) { jsUtils.run(t, run, "account") })
		t.Run("typescript", func(t *testing.T) { typescript.run(t, run, "typescript") })
		t.Run("nextjs", func(t *testing.T) { nextjs.run(t, run, "nextjs") })
		t.Run("jwt-validator", func(t *testing.T) { validator.run(t, run, "validator") })
	})

	t.Run("http", func(t *testing.T) {
		port := freePort(t)
		allot := serve(t, binary, ca, port, "http://127.0.0.1:"+port, back...)
		run := allot.fill(t)
		t.Run("python", func(t *testing.T) { python.run(t, run, "openapi", "usage", "account", "organizations") })
		t.Run("js-utils", func(t *testing.T) { jsUtils.run(t, run, "account") })
		t.Run("typescript", func(t *testing.T) { typescript.run(t, run, "typescript") })
		t.Run("nextjs", func(t *testing.T) { nextjs.run(t, run, "nextjs") })
		t.Run("jwt-validator", func(t *testing.T) { validator.run(t, run, "validator") })
	})

	// Behind a proxy that ends TLS and counts: five calls must cost one token.
	// The JavaScript SDK fetches a token for every call if the one it was given
	// does not name the audience it asked for.
	t.Run("one token", func(t *testing.T) {
		port := freePort(t)
		proxy := newProxy(t, ca, port)
		allot := serve(t, binary, ca, port, proxy.url)
		run := allot.fill(t)
		for _, sdk := range []sdk{python, javascript} {
			t.Run(sdk.language, func(t *testing.T) {
				proxy.reset()
				sdk.run(t, run, "tokens")
				proxy.want(t, "POST /oauth2/token", 1)
				proxy.want(t, "GET /api/v1/billing/entitlements", 5)
			})
		}
	})
}

// run is what an SDK's cases are told on standard input: where Allot is and what
// was put into it.
type run struct {
	URL    string `json:"url"`    // scheme, host and port
	Domain string `json:"domain"` // host and port: what the SDKs call the domain

	Client credentials `json:"client"` // may do everything
	Narrow credentials `json:"narrow"` // may read agreements, not entitlements

	// Customers: two that the cases only read, and one for each language to change.
	Customer           string `json:"customer"`            // on pro
	FreeCustomer       string `json:"free_customer"`       // on free, the default plan
	PythonCustomer     string `json:"python_customer"`     // on free at first
	JavaScriptCustomer string `json:"javascript_customer"` // on free at first

	// And those whose usage the cases record.
	PythonMeteredCustomer     string `json:"python_metered_customer"`     // on free at first
	JavaScriptMeteredCustomer string `json:"javascript_metered_customer"` // on free at first

	// Users of the organization of Customer.
	OrgCode    string `json:"org_code"`
	User       user   `json:"user"`        // a customer too, on many
	Guest      user   `json:"guest"`       // never a customer
	PythonUser user   `json:"python_user"` // no customer at first

	ReturnURL string `json:"return_url"` // where a customer's page may lead back to

	// What a customer of the plan is entitled to, as the wire has it but for the
	// ids: that of the management API, and for many, which users hold, that of the
	// account API.
	Pro  json.RawMessage `json:"pro"`
	Free json.RawMessage `json:"free"`
	Many json.RawMessage `json:"many"`
}

// user is somebody who has signed in.
type user struct {
	ID    string `json:"id"`
	Token string `json:"token"`
}

type credentials struct {
	ID     string `json:"client_id"`
	Secret string `json:"client_secret"`
}

// An sdk is somebody else's client with our cases for it.
type sdk struct {
	language string
	argv     []string
	env      []string
	files    []string // must exist; "make test" puts them there
}

func pythonSDK(t *testing.T, ca *authority) sdk {
	python := filepath.Join(root(t), ".cache", "python", "bin", "python")
	return sdk{
		language: "python",
		argv:     []string{python, filepath.Join("python", "main.py")},
		// The SDK gets tokens through one HTTP library and calls the API through another.
		env:   []string{"REQUESTS_CA_BUNDLE=" + ca.cert, "SSL_CERT_FILE=" + ca.cert, "PYTHONDONTWRITEBYTECODE=1"},
		files: []string{python},
	}
}

func javascriptSDK(t *testing.T, ca *authority) sdk {
	return nodeSDK(t, ca, "billing.cjs", "@kinde/management-api-js")
}

func jsUtilsSDK(t *testing.T, ca *authority) sdk {
	return nodeSDK(t, ca, "account.cjs", "@kinde/js-utils")
}

func nodeSDK(t *testing.T, ca *authority, cases, name string) sdk {
	modules := filepath.Join(root(t), ".cache", "js", "node_modules")
	return sdk{
		language: "javascript",
		argv:     []string{"node", filepath.Join("js", cases)},
		env:      []string{"NODE_EXTRA_CA_CERTS=" + ca.cert, "NODE_PATH=" + modules},
		files:    []string{filepath.Join(modules, name, "package.json")},
	}
}

// run runs the suites' cases, each as a subtest, and logs which SDK passed how many.
func (s sdk) run(t *testing.T, r run, suites ...string) {
	for _, file := range s.files {
		if _, err := os.Stat(file); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatalf("the %s SDK is not installed: %v", s.language, err)
			}
			t.Skipf("the %s SDK is not installed, \"make test\" installs it: %v", s.language, err)
		}
	}
	input, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	// The cases need a few seconds.
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := command(ctx, s.argv[0], slices.Concat(s.argv[1:], suites)...)
	cmd.Env = append(environ(), s.env...)
	cmd.Stdin = bytes.NewReader(input)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	exit := cmd.Run()

	var passed, cases int
	var closing struct {
		SDK, Version, Runtime string
		Cases                 int
	}
	for line := range strings.Lines(stdout.String()) {
		var c struct {
			Case   string
			OK     bool
			Detail string
		}
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			t.Fatalf("not a case: %q: %v\n%s", line, err, &stderr)
		}
		if c.Case == "" {
			if err := json.Unmarshal([]byte(line), &closing); err != nil {
				t.Fatal(err)
			}
			continue
		}
		cases++
		if t.Run(c.Case, func(t *testing.T) {
			if !c.OK {
				t.Error(c.Detail)
			}
		}) {
			passed++
		}
	}
	if cases == 0 || closing.Cases != cases || (exit != nil && passed == cases) {
		t.Fatalf("%s: %v after %d cases of %d\n%s", s.language, exit, cases, closing.Cases, &stderr)
	}
	scheme, _, _ := strings.Cut(r.URL, ":")
	t.Logf("%s %s %s: %d cases passed, %d failed (%s over %s, %s)", s.language, closing.SDK, closing.Version,
		passed, cases-passed, strings.Join(suites, " and "), scheme, closing.Runtime)
}

// command is a child process that is asked to end with the context, and killed
// if it does not.
func command(ctx context.Context, name string, arg ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, arg...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

// environ is this process's environment without what would point a child
// elsewhere: settings of Allot or Kinde, and proxies.
func environ() []string {
	var env []string
	for _, v := range os.Environ() {
		if strings.HasPrefix(v, "ALLOT_") || strings.HasPrefix(v, "KINDE_") {
			continue
		}
		env = append(env, v)
	}
	return append(env, "NO_PROXY=localhost,127.0.0.1", "no_proxy=localhost,127.0.0.1")
}

// root is the folder of go.mod.
func root(t *testing.T) string {
	dir, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}
