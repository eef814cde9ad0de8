package browser

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// installation is a server of the built binary, with its command line beside it.
type installation struct {
	binary, data, url string
}

// installed starts "allot serve" with flags.
func installed(t *testing.T, flags ...string) *installation {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	i := &installation{binary: binary(t), data: filepath.Join(t.TempDir(), "data"), url: "http://" + address}
	i.run(t, nil, "client", "create", "--name", "test", "--scope", "all")
	begin(t, i.binary, "listening", append([]string{"serve", "--data", i.data, "--listen", address}, flags...)...)
	return i
}

// run runs the command line on the installation's data and reads what it prints.
func (i *installation) run(t *testing.T, into any, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), i.binary, append(args, "--data", i.data, "--json")...)
	cmd.Env = environ()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("allot %s: %v\n%s", strings.Join(args, " "), err, &stderr)
	}
	if into == nil {
		return
	}
	if err := json.Unmarshal(out, into); err != nil {
		t.Fatalf("allot %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// link is what "allot admin create" or "reset" gives.
func (i *installation) link(t *testing.T, args ...string) string {
	t.Helper()
	var made struct{ URL string }
	i.run(t, &made, append(append([]string{"admin"}, args...), "--url", i.url)...)
	if made.URL == "" {
		t.Fatalf("allot admin %s gives no link", strings.Join(args, " "))
	}
	return made.URL
}

// environ is this process's environment without settings of Allot.
func environ() []string {
	var env []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "ALLOT_") {
			env = append(env, v)
		}
	}
	return env
}

// output is what a process prints.
type output struct {
	sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.Lock()
	defer o.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.Lock()
	defer o.Unlock()
	return o.text.String()
}

// begin starts a command that goes on until the test ends, and waits until it says
// something.
func begin(t *testing.T, binary, says string, args ...string) *output {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 20 * time.Second
	cmd.Env = append(environ(), "TMPDIR="+t.TempDir())
	out := &output{}
	cmd.Stdout, cmd.Stderr = out, out
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
			t.Errorf("allot %s ended with %d\n%s", args[0], code, out)
		}
	})
	for deadline := time.Now().Add(30 * time.Second); !strings.Contains(out.String(), says); time.Sleep(10 * time.Millisecond) {
		select {
		case <-exited:
			t.Fatalf("allot %s ended\n%s", args[0], out)
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("allot %s does not say %q\n%s", args[0], says, out)
		}
	}
	return out
}

const password = "correct horse battery staple"

// choose chooses a password on the page of a one-time link.
var choose = []step{
	{Press: "Tab"}, {Press: "Shift+Tab"},
	{Tab: "^Password"}, {Type: password},
	{Tab: "same again|once more|repeat"}, {Type: password}, {Press: "Enter"},
	{At: "/console/$"},
}

// enter signs grace in with a password.
func enter(password string) []step {
	return []step{
		{Press: "Shift+Tab"}, // what is focused at first is one of the fields
		{Tab: "^Name"}, {Type: "grace"}, {Tab: "^Password"}, {Type: password}, {Press: "Enter"},
	}
}

// sessionOf is the cookie of a session, as it has to be.
func sessionOf(t *testing.T, got *sight) string {
	t.Helper()
	for _, c := range got.Cookies {
		if !strings.Contains(c.Name, "session") {
			continue
		}
		if !c.HTTPOnly || c.Path != "/" || c.SameSite != "Lax" {
			t.Errorf("the session's cookie is %+v", c)
		}
		return c.Value
	}
	t.Errorf("no session among the cookies: %+v", got.Cookies)
	return ""
}

func clean(t *testing.T, got *sight) {
	t.Helper()
	for _, fault := range got.faults() {
		t.Error(fault)
	}
}

// Somebody comes by a link, chooses a password, goes and comes again by it; all by
// keyboard, and none of the pages on the way has a fault.
func TestSignIn(t *testing.T) {
	needBrowser(t)
	at := newProvider(t, "ada@acme.example")
	i := installed(t, "--console-oidc-issuer", at.URL, "--console-oidc-client-id", providerClient, "--console-oidc-allow", "@acme.example=operator")
	link := i.link(t, "create", "grace", "--role", "admin")

	t.Run("pages", func(t *testing.T) {
		for _, page := range []string{i.url + "/console/sign-in", link, i.url + "/console/link/none"} {
			clean(t, open(t, visit{URL: page, Axe: true, Variants: everywhere}))
		}
	})
	t.Run("link", func(t *testing.T) {
		// To open it is not to use it: mail is read by machines first.
		for range 2 {
			if got := open(t, visit{URL: link}); got.Status != 200 {
				t.Fatalf("status %d", got.Status)
			}
		}
		planted := []cookie{{Name: sessionCookie, Value: "planted", URL: i.url}}
		got := open(t, visit{URL: link, Cookies: planted, Steps: choose})
		clean(t, got)
		if sessionOf(t, got) == "planted" {
			t.Error("the session is the one that was there before")
		}
		if got = open(t, visit{URL: link}); got.Status < 400 || strings.Contains(got.Text, "Keep it") {
			t.Errorf("used twice: status %d\n%s", got.Status, got.Text)
		}
	})
	t.Run("password", func(t *testing.T) {
		got := open(t, visit{URL: i.url + "/console/customers?q=x", Steps: append(enter(password), step{At: `/console/customers\?q=x`}, step{Expect: "grace"})})
		clean(t, got)
		first := sessionOf(t, got)
		again := open(t, visit{URL: i.url + "/console/", Cookies: []cookie{{Name: sessionCookie, Value: first, URL: i.url}}, Axe: true, Variants: everywhere,
			Steps: []step{{Expect: "grace"}, {Tab: "^Sign out"}, {Press: "Enter"}, {At: "sign-in"}}})
		clean(t, again)
		left := open(t, visit{URL: i.url + "/console/", Cookies: []cookie{{Name: sessionCookie, Value: first, URL: i.url}}})
		if !strings.Contains(left.URL, "/console/sign-in") {
			t.Errorf("after signing out the session leads to %s", left.URL)
		}
	})
	t.Run("wrong password", func(t *testing.T) {
		got := open(t, visit{URL: i.url + "/console/sign-in", Axe: true, Variants: everywhere, Steps: append(enter("wrong horse battery"), step{Expect: "do not go together"})})
		clean(t, got)
		for _, c := range got.Cookies {
			if strings.Contains(c.Name, "session") {
				t.Errorf("a session for a wrong password: %+v", c)
			}
		}
	})
	t.Run("next", func(t *testing.T) {
		for _, next := range []string{"https://elsewhere.example/", "//elsewhere.example/", `/\elsewhere.example`, "javascript:pwned(1)", "/console/../oauth2/token", "/v1/customers"} {
			got := open(t, visit{URL: i.url + "/console/sign-in?next=" + url.QueryEscape(next), Steps: append(enter(password), step{At: "/console/$"})})
			clean(t, got)
		}
	})
	t.Run("provider", func(t *testing.T) {
		got := open(t, visit{URL: i.url + "/console/sign-in?next=/console/customers", Origins: []string{at.URL}, Steps: []step{
			{Tab: "Sign in with"}, {Press: "Enter"}, {Expect: "Go on as"}, {Tab: "Go on as"}, {Press: "Enter"},
			{At: "/console/customers"}, {Expect: "ada@acme.example"}, {Expect: "operator"},
		}})
		clean(t, got)
		sessionOf(t, got)
	})
	t.Run("reset", func(t *testing.T) {
		got := open(t, visit{URL: i.url + "/console/sign-in", Steps: append(enter(password), step{At: "/console/$"})})
		session := []cookie{{Name: sessionCookie, Value: sessionOf(t, got), URL: i.url}}
		i.link(t, "reset", "grace")
		for deadline := time.Now().Add(5 * time.Second); ; { // within a second, on every node
			got = open(t, visit{URL: i.url + "/console/", Cookies: session})
			if strings.Contains(got.URL, "sign-in") {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("after the reset the session still leads to %s", got.URL)
			}
		}
	})
}

// The first thing that somebody new sees is the console, by the link that "allot dev" prints.
func TestDevLeadsToTheConsole(t *testing.T) {
	needBrowser(t)
	out := begin(t, binary(t), "Ctrl-C", "dev", "--listen", "127.0.0.1:0")
	link := regexp.MustCompile(`http://\S*/console/link/\S+`).FindString(out.String())
	if link == "" {
		t.Fatalf("no link to the console:\n%s", out)
	}
	got := open(t, visit{URL: link, Axe: true, Variants: everywhere, Steps: []step{{Press: "Shift+Tab"}, {Tab: "^Sign in as"}, {Press: "Enter"}, {At: "/console/$"}, {Expect: "demo"}}})
	clean(t, got)
}
