package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// build builds the binary as it is shipped, without cgo.
func build(t *testing.T) string {
	binary := filepath.Join(t.TempDir(), "allot")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "./cmd/allot")
	cmd.Dir = root(t)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return binary
}

// freePort is a loopback port that was free a moment ago. The server is told it,
// rather than asked, because the issuer must be known before the server starts.
func freePort(t *testing.T) string {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// An installation is one running `allot serve` with a data directory of its own.
type installation struct {
	binary string
	ca     *authority
	data   string // its directory
	url    string // the issuer: where clients find it
	admin  credentials
	narrow credentials
}

// serve creates the clients, starts the server, waits until it says that it
// listens, and stops it when the test ends.
func serve(t *testing.T, binary string, ca *authority, port, issuer string, flags ...string) *installation {
	data := filepath.Join(t.TempDir(), "data")
	a := &installation{binary: binary, ca: ca, data: data, url: issuer}
	a.allot(t, &a.admin, "client", "create", "--data", data, "--name", "everything", "--scope", "all", "--json")
	a.allot(t, &a.narrow, "client", "create", "--data", data, "--name", "narrow", "--scope", "read:billing_agreements", "--json")

	ctx, stop := context.WithCancel(context.Background())
	cmd := command(ctx, binary, append([]string{
		"serve", "--data", data, "--listen", "127.0.0.1:" + port, "--issuer", issuer}, flags...)...)
	cmd.Env = environ()
	log := &serverLog{listening: make(chan struct{})}
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		stop()
		t.Fatal(err)
	}
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		_ = cmd.Wait() // its outcome is in ProcessState
	}()
	t.Cleanup(func() {
		stop()
		<-exited
		if code := cmd.ProcessState.ExitCode(); code != 0 {
			t.Errorf("allot serve ended with exit code %d, want 0\n%s", code, log)
		}
	})
	select {
	case <-log.listening:
	case <-exited:
		t.Fatalf("allot serve ended before it listened\n%s", log)
	case <-time.After(30 * time.Second):
		t.Fatalf("allot serve does not say that it listens\n%s", log)
	}
	return a
}

// orgCode is the organization of the customer that the cases only read, and of all users.
const orgCode = "org_reader"

// fill applies the catalogs and creates the customers of a run.
func (a *installation) fill(t *testing.T) run {
	a.allot(t, nil, "apply", filepath.Join("testdata", "catalog.yaml"))
	catalog, many := manyEntitlements(t)
	a.allot(t, nil, "apply", catalog)
	_, domain, _ := strings.Cut(a.url, "://")
	r := run{
		URL:                       a.url,
		Domain:                    domain,
		Client:                    a.admin,
		Narrow:                    a.narrow,
		Customer:                  a.organization(t, orgCode, "--plan", "pro"),
		FreeCustomer:              a.organization(t, "org_free"),
		PythonCustomer:            a.organization(t, "org_python"),
		JavaScriptCustomer:        a.organization(t, "org_javascript"),
		PythonMeteredCustomer:     a.organization(t, "org_python_metered"),
		JavaScriptMeteredCustomer: a.organization(t, "org_javascript_metered"),
		OrgCode:                   orgCode,
		User:                      a.user(t, "kp_reader"),
		Guest:                     a.user(t, "kp_guest"),
		PythonUser:                a.user(t, "kp_python"),
		ReturnURL:                 "https://app.example.com/billing",
		Pro:                       expectation(t, "pro.json"),
		Free:                      expectation(t, "free.json"),
		Many:                      many,
	}
	a.customer(t, "--type", "user", "--user-id", r.User.ID, "--org-code", orgCode, "--plan", "many")
	return r
}

// organization creates a customer, on the default plan unless the flags name one.
func (a *installation) organization(t *testing.T, code string, flags ...string) (id string) {
	return a.customer(t, append([]string{"--type", "organization", "--org-code", code}, flags...)...)
}

func (a *installation) customer(t *testing.T, flags ...string) (id string) {
	var customer struct{ ID string }
	a.allot(t, &customer, append([]string{"customer", "create", "--json"}, flags...)...)
	return customer.ID
}

// user signs a user of the organization in, as the server's own issuer would.
func (a *installation) user(t *testing.T, id string) user {
	var token struct {
		Value string `json:"access_token"`
	}
	a.allot(t, &token, "token", "--client-id", a.admin.ID, "--data", a.data, "--issuer", a.url, "--user", id, "--org", orgCode, "--json")
	return user{ID: id, Token: token.Value}
}

// allot runs a command of the binary against the installation and decodes what
// it prints into out, unless that is nil.
func (a *installation) allot(t *testing.T, out any, arg ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := command(ctx, a.binary, arg...)
	cmd.Env = append(environ(),
		"ALLOT_URL="+a.url,
		"ALLOT_CLIENT_ID="+a.admin.ID,
		"ALLOT_CLIENT_SECRET="+a.admin.Secret,
		"SSL_CERT_FILE="+a.ca.cert)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("allot %s %s: %v\n%s", arg[0], arg[1], err, &stderr)
	}
	if out == nil {
		return
	}
	if err := json.Unmarshal(stdout.Bytes(), out); err != nil {
		t.Fatalf("allot %s %s: %v in %q", arg[0], arg[1], err, &stdout)
	}
}

func expectation(t *testing.T, name string) json.RawMessage {
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A serverLog keeps what the server writes, and tells when it listens.
type serverLog struct {
	listening chan struct{} // closed once the line is there

	mu   sync.Mutex
	text bytes.Buffer
	told bool
}

func (l *serverLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Write(p)
	if !l.told && bytes.Contains(l.text.Bytes(), []byte("listening")) {
		l.told = true
		close(l.listening)
	}
	return len(p), nil
}

func (l *serverLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
