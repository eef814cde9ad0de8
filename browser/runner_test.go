package browser

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// visit is a page to be opened, and what is done there.
type visit struct {
	Name      string    `json:"name"`
	URL       string    `json:"url"`
	Cookies   []cookie  `json:"cookies,omitempty"`
	Origins   []string  `json:"origins,omitempty"` // that the page may ask beside its own
	UserAgent string    `json:"user_agent,omitempty"`
	NoScript  bool      `json:"no_javascript,omitempty"`
	Now       string    `json:"now,omitempty"`    // what scripts take for the time
	Steps     []step    `json:"steps,omitempty"`  // by keyboard, after it was loaded
	Settle    int       `json:"settle,omitempty"` // milliseconds that are waited after them
	Variants  []variant `json:"variants,omitempty"`
	Axe       bool      `json:"axe,omitempty"`   // judge each variant's accessibility
	Share     bool      `json:"share,omitempty"` // go on where the visit before was, if it was of the same one
}

type cookie struct {
	Name     string `json:"name"`
	Value    string `json:"value"`
	URL      string `json:"url,omitempty"`
	Domain   string `json:"domain,omitempty"`
	Path     string `json:"path,omitempty"`
	HTTPOnly bool   `json:"http_only,omitempty"`
	Secure   bool   `json:"secure,omitempty"`
	SameSite string `json:"same_site,omitempty"`
}

// step is one thing that somebody without a mouse does, or sees.
type step struct {
	Press  string   `json:"press,omitempty"`  // a key
	Type   string   `json:"type,omitempty"`   // letters, into what is focused
	Tab    string   `json:"tab,omitempty"`    // Tab until what is focused has such a name, a regular expression
	Tag    string   `json:"tag,omitempty"`    // and is such an element
	Back   bool     `json:"back,omitempty"`   // Shift+Tab
	Expect string   `json:"expect,omitempty"` // the page comes to say so, a regular expression
	At     string   `json:"at,omitempty"`     // the address comes to be such a one
	Goto   string   `json:"goto,omitempty"`   // an address is typed
	Same   []string `json:"same,omitempty"`   // a selector and an attribute, whose value is kept
}

type variant struct {
	Width      int    `json:"width"`
	Height     int    `json:"height,omitempty"` // default 900
	Scheme     string `json:"scheme"`           // light or dark
	Screenshot string `json:"screenshot,omitempty"`
	Full       bool   `json:"full,omitempty"` // of all of the page
}

// The widths and schemes that every screen is seen in.
var everywhere = []variant{
	{Width: 1280, Scheme: "light"},
	{Width: 1280, Scheme: "dark"},
	{Width: 320, Scheme: "dark"},
	{Width: 320, Scheme: "light"},
}

// sight is what was seen of a page.
type sight struct {
	Name     string   `json:"name"`
	URL      string   `json:"url"` // where one was at the end
	Status   int      `json:"status"`
	Text     string   `json:"text"`
	Console  []string `json:"console"`  // errors and warnings
	Foreign  []string `json:"foreign"`  // requests to other origins
	CSP      []string `json:"csp"`      // what the policy stopped
	Ran      []string `json:"ran"`      // hostile text that was run
	Injected []string `json:"injected"` // hostile text that became markup
	Axe      []string `json:"axe"`      // breaches of accessibility
	Overflow []string `json:"overflow"` // where the page scrolls sideways
	Unseen   []string `json:"unseen"`   // what was focused and did not look so
	Values   []string `json:"values"`   // of steps with Same
	Frames   []string `json:"frames"`   // addresses of what is framed
	Cookies  []cookie `json:"cookies"`
	Bytes    int      `json:"bytes"` // over the wire, all requests
	Requests int      `json:"requests"`
	Millis   float64  `json:"millis"` // until it was loaded
	Error    string   `json:"error"`  // a step that could not be done
}

// faults are all that no page may have.
func (s *sight) faults() []string {
	var all []string
	for _, f := range []struct {
		what string
		seen []string
	}{
		{"on the console", s.Console},
		{"a request to another origin", s.Foreign},
		{"stopped by the content security policy", s.CSP},
		{"hostile text ran", s.Ran},
		{"hostile text became markup", s.Injected},
		{"accessibility", s.Axe},
		{"scrolls sideways", s.Overflow},
		{"focused and does not look so", s.Unseen},
	} {
		for _, v := range f.seen {
			all = append(all, f.what+": "+v)
		}
	}
	if s.Error != "" {
		all = append(all, s.Error)
	}
	return all
}

// chromium is the one browser of the process. It is started when first asked for.
var chromium struct {
	sync.Mutex
	begun  bool
	absent error // why there is none
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	err    bytes.Buffer
}

func TestMain(m *testing.M) {
	code := m.Run()
	if chromium.cmd != nil {
		chromium.in.Close() // at which it ends
		killed := time.AfterFunc(10*time.Second, func() { _ = chromium.cmd.Process.Kill() })
		if err := chromium.cmd.Wait(); err != nil {
			fmt.Fprintf(os.Stderr, "the browser: %v\n%s", err, &chromium.err)
			code = max(code, 1)
		}
		killed.Stop()
	}
	if built.dir != "" {
		os.RemoveAll(built.dir)
	}
	os.Exit(code)
}

// start starts the browser, or says what it lacks.
func start() error {
	executable := os.Getenv("ALLOT_CHROMIUM")
	if executable == "" {
		var err error
		if executable, err = exec.LookPath("chromium"); err != nil {
			return fmt.Errorf("chromium: %w", err)
		}
	}
	root, err := filepath.Abs("..")
	if err != nil {
		return err
	}
	modules := filepath.Join(root, ".cache", "browser", "node_modules")
	for _, name := range []string{"playwright-core", "@axe-core/playwright"} {
		if _, err := os.Stat(filepath.Join(modules, name)); err != nil {
			return err
		}
	}
	cmd := exec.CommandContext(context.Background(), "node", filepath.Join("js", "runner.cjs"), executable)
	cmd.Env = append(os.Environ(), "NODE_PATH="+modules)
	apart(cmd)
	cmd.Stderr = &chromium.err
	if chromium.in, err = cmd.StdinPipe(); err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	chromium.cmd, chromium.out = cmd, bufio.NewReaderSize(out, 1<<20)
	if _, err := chromium.out.ReadBytes('\n'); err != nil {
		return fmt.Errorf("%w: %s", err, &chromium.err)
	}
	return nil
}

// needBrowser skips a test that has no browser, or fails it where there must be one.
func needBrowser(t testing.TB) {
	t.Helper()
	chromium.Lock()
	defer chromium.Unlock()
	if !chromium.begun {
		chromium.begun, chromium.absent = true, start()
	}
	if chromium.absent == nil {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("there is no browser: %v", chromium.absent)
	}
	t.Skipf("there is no browser, \"make browser\" installs it: %v", chromium.absent)
}

// open opens a page and says what it saw.
func open(t testing.TB, v visit) *sight {
	t.Helper()
	needBrowser(t)
	if v.Name == "" {
		v.Name = t.Name()
	}
	line, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	chromium.Lock()
	defer chromium.Unlock()
	if _, err := chromium.in.Write(append(line, '\n')); err != nil {
		t.Fatalf("the browser: %v\n%s", err, &chromium.err)
	}
	type read struct {
		line []byte
		err  error
	}
	answered := make(chan read, 1)
	go func() {
		line, err := chromium.out.ReadBytes('\n')
		answered <- read{line, err}
	}()
	select {
	case r := <-answered:
		var s sight
		if err := errors.Join(r.err, json.Unmarshal(r.line, &s)); err != nil {
			t.Fatalf("the browser: %v\n%s", err, &chromium.err)
		}
		return &s
	case <-time.After(2 * time.Minute):
		_ = chromium.cmd.Process.Kill()
		t.Fatalf("the browser does not answer\n%s", &chromium.err)
	}
	return nil
}

// A page that does all that none may, so that what finds nothing elsewhere has been
// seen to find something.
const bad = `<!doctype html><html><head><title>Bad</title><style>body{color:#aaa;background:#fff}:focus{outline:none;box-shadow:none}</style></head><body>
<img src="http://elsewhere.example/x.png">
<script>alert(1)</script>
<script>pwned("script")</script>
<script>console.error("an error of the page")</script>
<script src="http://elsewhere.example/x.js"></script>
<b pwn>became markup</b>
<a href="javascript:pwned(1)">a link</a>
<div style="width:2000px">wide</div>
<p>pale</p>
</body></html>`

func TestTheBrowserSeesFaults(t *testing.T) {
	policy := "default-src 'none'"
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/strict" {
			w.Header().Set("Content-Security-Policy", policy)
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, bad)
	}))
	t.Cleanup(srv.Close)

	s := open(t, visit{URL: srv.URL + "/", Axe: true, Variants: everywhere, Steps: []step{{Tab: "a link"}, {Tab: "nothing of this name"}}})
	if !strings.Contains(s.Error, "no tab leads to nothing of this name") {
		t.Errorf("the error is %q", s.Error)
	}
	s = open(t, visit{URL: srv.URL + "/", Axe: true, Variants: everywhere, Steps: []step{{Tab: "a link"}}})
	for _, c := range []struct {
		what string
		seen []string
		want []string
	}{
		{"console", s.Console, []string{"an error of the page"}},
		{"foreign", s.Foreign, []string{"http://elsewhere.example/x.png", "http://elsewhere.example/x.js"}},
		{"ran", s.Ran, []string{"dialog: 1", "script"}},
		{"injected", s.Injected, []string{"<b pwn", "href=javascript:"}},
		{"axe", s.Axe, []string{"light 1280: color-contrast", "dark 320: color-contrast", "image-alt", "html-has-lang"}},
		{"overflow", s.Overflow, []string{"light 1280", "light 320"}},
		{"unseen", s.Unseen, []string{"a link"}},
	} {
		for _, want := range c.want {
			if !strings.Contains(strings.Join(c.seen, "\n"), want) {
				t.Errorf("%s: %q, want %q among them", c.what, c.seen, want)
			}
		}
	}
	if len(s.CSP) != 0 {
		t.Errorf("without a policy it stopped %q", s.CSP)
	}

	s = open(t, visit{URL: srv.URL + "/strict"})
	for _, want := range []string{"script-src-elem: inline", "style-src-elem", "img-src: http://elsewhere.example/x.png"} {
		if !strings.Contains(strings.Join(s.CSP, "\n"), want) {
			t.Errorf("the policy stopped %q, want %q among them", s.CSP, want)
		}
	}
	if len(s.Ran) != 0 {
		t.Errorf("beside a policy ran %q", s.Ran)
	}
}
