package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
)

// Overload is measured by hand, beside a server that is a process of its own:
//
//	ALLOT_OVERLOAD=10s go test ./internal/server -run TestOverload -v
//
// which prints how the latency of a polite client is beside each abuser, and what is
// served at one, two and four times of what the server can do. Without the variable each
// takes a moment, and only what does not depend on time is asserted.
const overloadVariable = "ALLOT_OVERLOAD"

// By these variables this program is told to serve, and to be an abuser: those who are
// compared must not wait for each other within one process.
const (
	overloadPlace  = "ALLOT_OVERLOAD_PLACE"
	overloadAbuser = "ALLOT_OVERLOAD_ABUSER" // its name
	overloadTarget = "ALLOT_OVERLOAD_TARGET" // a target, as JSON
	overloadTime   = "ALLOT_OVERLOAD_TIME"
	// What is put before the command of the server, such as taskset -c 0. With the
	// measurement itself on another processor it shows what is the server's own.
	overloadBefore = "ALLOT_OVERLOAD_SERVER"
	// What is put before the command of an abuser, such as chrt -i 0: on a machine of its own
	// its program would take no processor from the server and the polite client.
	overloadBeside = "ALLOT_OVERLOAD_BESIDE"
	// Only that is measured whose name has one of these words; all if there are none.
	overloadOnly = "ALLOT_OVERLOAD_ONLY"
)

// A request that says when it was sent is told how long it took to be read and to be
// answered, as the server sees it: without what it takes whoever measures to be woken.
const (
	sentHeader = "Allot-Sent" // nanoseconds of Unix time
	tookHeader = "Allot-Took" // nanoseconds until it was read, and until it was answered
)

// timed adds the times to a handler's answers.
func timed(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if sent, err := strconv.ParseInt(r.Header.Get(sentHeader), 10, 64); err == nil {
			w = &timedWriter{w, sent, time.Now().UnixNano()}
		}
		h.ServeHTTP(w, r)
	})
}

type timedWriter struct {
	http.ResponseWriter
	sent, read int64
}

func (w *timedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *timedWriter) WriteHeader(status int) {
	w.Header().Set(tookHeader, fmt.Sprintf("%d %d", w.read-w.sent, time.Now().UnixNano()-w.sent))
	w.ResponseWriter.WriteHeader(status)
}

// overloadMain is what a process of the measurement does. It reports false if this is
// none.
func overloadMain() (code int, ok bool) {
	if data := os.Getenv(overloadPlace); data != "" {
		return serveForOverload(data), true
	}
	name := os.Getenv(overloadAbuser)
	if name == "" {
		return 0, false
	}
	var s target
	err := json.Unmarshal([]byte(os.Getenv(overloadTarget)), &s)
	took, err2 := time.ParseDuration(os.Getenv(overloadTime))
	if err := errors.Join(err, err2); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1, true
	}
	ctx, cancel := context.WithTimeout(context.Background(), took)
	defer cancel()
	if err := json.NewEncoder(os.Stdout).Encode(s.abusers()[name](ctx).Statuses); err != nil {
		return 1, true
	}
	return 0, true
}

// abuse lets an abuser do what it does for a while: in this process, or in one of its own.
func (s *target) abuse(t *testing.T, name string, took time.Duration) *tally {
	ctx, cancel := context.WithTimeout(t.Context(), took)
	defer cancel()
	if s.PID == 0 {
		return s.abusers()[name](ctx)
	}
	text, err := json.Marshal(s)
	if err != nil {
		t.Error(err)
	}
	command := append(strings.Fields(os.Getenv(overloadBeside)), os.Args[0])
	cmd := exec.CommandContext(t.Context(), command[0], command[1:]...)
	cmd.Stderr = os.Stderr
	cmd.Env = append(os.Environ(), overloadAbuser+"="+name, overloadTarget+"="+string(text), overloadTime+"="+took.String())
	out, err := cmd.Output()
	y := new(tally)
	if err := errors.Join(err, json.Unmarshal(out, &y.Statuses)); err != nil {
		t.Errorf("%s: %v", name, err)
	}
	return y
}

// overloadConnections is how many connections the server may have.
const overloadConnections = 2000

// serveForOverload is what the process of the server does.
func serveForOverload(data string) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	defer runtime.KeepAlive(Headroom())
	s, err := Start(ctx, Config{
		Place: Place{Data: data}, Listen: "127.0.0.1:0", Issuer: "http://localhost", MaxConnections: overloadConnections,
		Metrics: "127.0.0.1:0", Log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
	if err == nil {
		s.http.Handler = timed(s.http.Handler) // nobody has asked anything yet
		err = s.Wait()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// target is a server under load.
type target struct {
	Address                string
	Polite, Greedy, Forged string // tokens
	Customers              []string
	PID                    int // 0 if it is this process
}

func (s *target) url(path string) string { return "http://" + s.Address + path }

// resident is how much memory the server has, in MiB; 0 if it is this process.
func (s *target) resident() int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.PID))
	if s.PID == 0 || err != nil {
		return 0
	}
	m := regexp.MustCompile(`VmRSS:\s+(\d+)`).FindSubmatch(text)
	if m == nil {
		return 0
	}
	kib, _ := strconv.Atoi(string(m[1]))
	return kib >> 10
}

// spent is how much time on processors the server has had; 0 if it is this process.
func (s *target) spent() time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.PID))
	if s.PID == 0 || err != nil {
		return 0
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}

// others is how many others the machine works for.
func others() string {
	text, _ := os.ReadFile("/proc/loadavg")
	load, _, _ := strings.Cut(string(text), " ")
	return "load " + load
}

// newOverloadTarget fills a server with a few customers. With apart it is another process.
func newOverloadTarget(t *testing.T, apart bool) *target {
	t.Helper()
	data := t.TempDir()
	place := Place{Data: data}
	s := new(target)
	r := start(t, Config{Place: place, Issuer: "http://localhost", MaxConnections: overloadConnections, StrangerRate: 10})
	_, s.Polite = r.token(t)
	_, s.Greedy = r.token(t)
	s.Forged = s.Greedy[:len(s.Greedy)-8] + "AAAAAAAA"
	s.Address = r.Addr().String()
	allot, err := client.New(s.url(""), client.WithToken(s.Polite), client.WithHTTPClient(r.http))
	if err != nil {
		t.Fatal(err)
	}
	var features, items strings.Builder
	for _, code := range dearFeatures() {
		fmt.Fprintf(&features, ", {code: %s, name: Calls, type: metered, unit: call}", code)
		fmt.Fprintf(&items, ", {feature: %s}", code)
	}
	file := `
currency: usd
features: [{code: calls, name: Calls, type: metered, unit: call}` + features.String() + `]
plan_groups: [{code: teams, name: Teams, customer_type: organization, default: true}]
plans: [{code: pro, name: Pro, group: teams, status: published, default: true, ask_for_card: false, items: [{feature: calls}` + items.String() + `]}]
`
	if _, err := allot.Catalog.Apply(t.Context(), []byte(file), false); err != nil {
		t.Fatal(err)
	}
	for i := range 50 {
		c, err := allot.Customers.Create(t.Context(), api.CreateCustomerRequest{Type: api.CustomerOrganization, OrgCode: fmt.Sprintf("org_%d", i)})
		if err != nil {
			t.Fatal(err)
		}
		s.Customers = append(s.Customers, c.ID)
	}
	if !apart {
		return s
	}
	r.http.CloseIdleConnections()
	r.stop()
	if err := r.Wait(); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	log := &watchedLog{changed: make(chan struct{})}
	command := append(strings.Fields(os.Getenv(overloadBefore)), self)
	cmd := exec.CommandContext(t.Context(), command[0], command[1:]...)
	cmd.Env, cmd.Stderr = append(os.Environ(), overloadPlace+"="+data), log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
	log.await(t, "msg=listening")
	s.Address = regexp.MustCompile(`msg=listening address=(\S+)`).FindStringSubmatch(log.String())[1]
	s.PID = cmd.Process.Pid
	return s
}

// tally is what became of requests.
type tally struct {
	mu       sync.Mutex
	Statuses map[int]int // 0: no answer
	took     []time.Duration
	// Of those that said when they were sent.
	read, answered []time.Duration
}

// watchKey is where a context has the tally that is told what the server saw.
type watchKey struct{}

// saw notes what a server says of a request that was answered well.
func (y *tally) saw(text string) {
	var read, answered time.Duration
	if n, _ := fmt.Sscan(text, (*int64)(&read), (*int64)(&answered)); n != 2 {
		return
	}
	y.mu.Lock()
	defer y.mu.Unlock()
	y.read, y.answered = append(y.read, read), append(y.answered, answered)
}

func (y *tally) add(status int, took time.Duration) {
	y.mu.Lock()
	defer y.mu.Unlock()
	if y.Statuses == nil {
		y.Statuses = map[int]int{}
	}
	y.Statuses[status]++
	if status == http.StatusOK {
		y.took = append(y.took, took)
	}
}

// quantile is how long the answers took that were good.
func (y *tally) quantile(q float64) time.Duration { return quantile(y.took, q) }

func quantile(took []time.Duration, q float64) time.Duration {
	if len(took) == 0 {
		return 0
	}
	slices.Sort(took)
	return took[min(len(took)-1, int(q*float64(len(took))))].Round(10 * time.Microsecond)
}

// inside is how long it took from when a request was sent until it was read, and until it
// was answered.
func (y *tally) inside() string {
	if len(y.read) == 0 {
		return "not seen inside"
	}
	return fmt.Sprintf("inside: read p50 %s, p99 %s, answered p50 %s, p99 %s", quantile(y.read, 0.5), quantile(y.read, 0.99), quantile(y.answered, 0.5), quantile(y.answered, 0.99))
}

func (y *tally) String() string {
	var parts []string
	for _, status := range slices.Sorted(maps.Keys(y.Statuses)) {
		parts = append(parts, fmt.Sprintf("%d: %d", status, y.Statuses[status]))
	}
	return strings.Join(parts, ", ")
}

// ask sends one POST.
func ask(ctx context.Context, c *http.Client, url, token, contentType, body string) int {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return 0
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	watch, _ := ctx.Value(watchKey{}).(*tally)
	if watch != nil {
		req.Header.Set(sentHeader, notSent)
	}
	resp, err := c.Do(req)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return 0
	}
	if watch != nil && resp.StatusCode == http.StatusOK {
		watch.saw(resp.Header.Get(tookHeader))
	}
	return resp.StatusCode
}

// dearFeatures are what is asked for by requests that take long.
func dearFeatures() []string {
	codes := make([]string, 500)
	for i := range codes {
		codes[i] = fmt.Sprintf("calls_%d", i)
	}
	return codes
}

// check is the n-th request of a client.
func (s *target) check(ctx context.Context, c *http.Client, token string, n int) int {
	return ask(ctx, c, s.url("/v1/check"), token, "application/json",
		`{"feature_code":"calls","customer_id":"`+s.Customers[n%len(s.Customers)]+`"}`)
}

func loadClient(conns int) *http.Client {
	return &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: conns, MaxConnsPerHost: conns, DialContext: dialStamping}, Timeout: 20 * time.Second}
}

// notSent is the time of a request that is still to be sent.
const notSent = "0000000000000000000"

// stamping is a connection that puts the time into what is written, at the last moment:
// whoever measures may be late itself.
type stamping struct{ net.Conn }

func dialStamping(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return stamping{c}, nil
}

func (s stamping) Write(b []byte) (int, error) {
	if at := bytes.Index(b, []byte(sentHeader+": "+notSent)); at >= 0 {
		copy(b[at+len(sentHeader)+2:], fmt.Sprintf("%0*d", len(notSent), time.Now().UnixNano()))
	}
	return s.Conn.Write(b)
}

// openLoop sends requests at a rate, whatever becomes of those before.
func openLoop(ctx context.Context, rate float64, do func(n int) int) *tally {
	y := new(tally)
	var asking sync.WaitGroup
	began := time.Now()
	for n := 0; ctx.Err() == nil; {
		for due := int(time.Since(began).Seconds()*rate) + 1; n < due; n++ {
			since := began.Add(time.Duration(float64(n) / rate * float64(time.Second)))
			asking.Go(func() { y.add(do(n), time.Since(since)) })
		}
		time.Sleep(500 * time.Microsecond)
	}
	asking.Wait()
	return y
}

// closedLoop sends requests one after the other on many connections.
func closedLoop(ctx context.Context, conns int, do func(c *http.Client, n int) int) *tally {
	y := new(tally)
	c := loadClient(conns)
	defer c.CloseIdleConnections()
	var asking sync.WaitGroup
	var n atomic.Int64
	for range conns {
		asking.Go(func() {
			for ctx.Err() == nil {
				since := time.Now()
				if status := do(c, int(n.Add(1))); status != 0 || ctx.Err() == nil {
					y.add(status, time.Since(since))
				}
			}
		})
	}
	asking.Wait()
	return y
}

// holdConnections opens connections, sends something on each and never reads.
func holdConnections(ctx context.Context, s *target, conns int, send string) *tally {
	y := new(tally)
	for range conns {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", s.Address)
		if err != nil {
			y.add(0, 0)
			continue
		}
		defer conn.Close()
		_ = conn.SetWriteDeadline(time.Now().Add(time.Second))
		_, _ = io.WriteString(conn, send)
	}
	<-ctx.Done()
	return y
}

// abusers are those beside whom a polite client must not starve.
func (s *target) abusers() map[string]func(context.Context) *tally {
	dear := `{"feature_codes":["` + strings.Join(dearFeatures(), `","`) + `"],"customer_id":"`
	junk := `{"records":[` + strings.Repeat("[],", 2_700_000) + `0]}`
	return map[string]func(context.Context) *tally{
		"alone": func(ctx context.Context) *tally { <-ctx.Done(); return new(tally) },
		"authenticated": func(ctx context.Context) *tally {
			return closedLoop(ctx, 128, func(c *http.Client, n int) int { return s.check(ctx, c, s.Greedy, n) })
		},
		"dear": func(ctx context.Context) *tally {
			return closedLoop(ctx, 128, func(c *http.Client, n int) int {
				return ask(ctx, c, s.url("/v1/check"), s.Greedy, "application/json", dear+s.Customers[n%len(s.Customers)]+`"}`)
			})
		},
		"writes": func(ctx context.Context) *tally {
			return closedLoop(ctx, 128, func(c *http.Client, n int) int {
				return ask(ctx, c, s.url("/v1/usage"), s.Greedy, "application/json",
					`{"records":[{"feature_code":"calls","value":"1","customer_id":"`+s.Customers[n%len(s.Customers)]+`"}]}`)
			})
		},
		"forged": func(ctx context.Context) *tally {
			return closedLoop(ctx, 128, func(c *http.Client, n int) int { return s.check(ctx, c, s.Forged, n) })
		},
		"guesses": func(ctx context.Context) *tally {
			return closedLoop(ctx, 64, func(c *http.Client, n int) int {
				form := url.Values{"grant_type": {"client_credentials"}, "client_id": {fmt.Sprintf("client_%032x", n)}, "client_secret": {strings.Repeat("a", 52)}}
				return ask(ctx, c, s.url(tokenPathForLoad), "", "application/x-www-form-urlencoded", form.Encode())
			})
		},
		"bodies": func(ctx context.Context) *tally {
			return closedLoop(ctx, 12, func(c *http.Client, _ int) int {
				return ask(ctx, c, s.url("/v1/usage"), s.Greedy, "application/json", junk)
			})
		},
		"no bodies": func(ctx context.Context) *tally {
			return holdConnections(ctx, s, 150, "POST /v1/check HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 900000000\r\n\r\n")
		},
		"no reading": func(ctx context.Context) *tally {
			return holdConnections(ctx, s, 150, strings.Repeat("GET /openapi.yaml HTTP/1.1\r\nHost: a\r\n\r\n", 40))
		},
		"idle": func(ctx context.Context) *tally { return holdConnections(ctx, s, overloadConnections, "") },
	}
}

// tokenPathForLoad is where tokens are given.
const tokenPathForLoad = "/oauth2/token"

// Nobody starves: a polite client gets all its answers, whoever is beside it.
func TestOverload(t *testing.T) {
	took, apart := 700*time.Millisecond, false
	if text := os.Getenv(overloadVariable); text != "" {
		var err error
		if took, err = time.ParseDuration(text); err != nil {
			t.Fatalf("%s: %v", overloadVariable, err)
		}
		apart = true
	}
	s := newOverloadTarget(t, apart)
	c := loadClient(32)
	t.Cleanup(c.CloseIdleConnections)
	only := strings.Fields(os.Getenv(overloadOnly))
	wanted := func(name string) bool {
		return len(only) == 0 || slices.ContainsFunc(only, func(w string) bool { return strings.Contains(name, w) })
	}
	names := append([]string{"alone"}, slices.DeleteFunc(slices.Sorted(maps.Keys(s.abusers())), func(n string) bool { return n == "alone" })...)
	alone, aloneInside := time.Duration(0), time.Duration(0)
	for _, name := range names {
		if name != "alone" && !wanted(name) {
			continue
		}
		ctx, cancel := context.WithTimeout(t.Context(), took)
		var other *tally
		var beside sync.WaitGroup
		beside.Go(func() { other = s.abuse(t, name, took) })
		seen, before := new(tally), s.spent()
		watched := context.WithValue(t.Context(), watchKey{}, seen)
		polite := openLoop(ctx, 100, func(n int) int { return s.check(watched, c, s.Polite, n) })
		resident, spent := s.resident(), s.spent()-before
		cancel()
		beside.Wait()
		p99 := polite.quantile(0.99)
		if name == "alone" {
			alone, aloneInside = p99, quantile(seen.answered, 0.99)
		}
		t.Logf("%-14s polite: p50 %8s, p99 %8s, %5.1f times alone, %s; %s, %.1f times alone; the other: %s; %d MiB, %s of processors, %s", name,
			polite.quantile(0.5), p99, float64(p99)/float64(alone), polite,
			seen.inside(), float64(quantile(seen.answered, 0.99))/float64(aloneInside), other, resident, spent, others())
		// A connection that is made way with as it is used again fails: no more than a few are.
		failed := 0
		if name == "idle" {
			failed = polite.Statuses[0]
			delete(polite.Statuses, 0)
		}
		if good := polite.Statuses[http.StatusOK]; good == 0 || failed > max(8, good/20) || len(polite.Statuses) != 1 {
			t.Errorf("beside %s the polite client gets %s, want 200 alone", name, polite)
		}
		if (name == "forged" || name == "guesses") && other.Statuses[http.StatusTooManyRequests] == 0 {
			t.Errorf("nothing of %s is refused: %s", name, other)
		}
		if name == "bodies" && (other.Statuses[http.StatusOK] > 0 || other.Statuses[http.StatusInternalServerError] > 0) {
			t.Errorf("%s: %s", name, other)
		}
	}
	if apart && wanted("times") {
		s.atMultiples(t, took)
	}
}

// atMultiples shows what is served of more than can be. What whoever measures has no
// connection for is not asked.
func (s *target) atMultiples(t *testing.T, took time.Duration) {
	run := func(name string, conns int, rate float64) (served float64) {
		seen, spent := new(tally), s.spent()
		y := s.drive(t.Context(), took, conns, rate, seen)
		served = float64(y.Statuses[http.StatusOK]) / took.Seconds()
		spent = s.spent() - spent
		t.Logf("%-14s %7.0f served a second, p50 %8s, p99 %8s; %s; %s; %d MiB, %.0f µs of processors for one served, %s", name, served,
			y.quantile(0.5), y.quantile(0.99), seen.inside(), y, s.resident(), float64(spent.Microseconds())/float64(max(1, y.Statuses[http.StatusOK])), others())
		return served
	}
	rate := run("capacity", 128, math.Inf(1))
	for _, times := range []float64{0.3, 1, 2, 4} {
		run(fmt.Sprintf("%.1f times", times), 1200, times*rate)
	}
}

// A token that nobody knows yet is let in beside a forger at the same address.
func TestNewTokenBesideAForger(t *testing.T) {
	r := start(t, Config{StrangerRate: 20})
	_, token := r.token(t)
	forged := token[:len(token)-8] + "AAAAAAAA"
	last := 0
	for range 130 {
		if last, _ = r.post(t, "/v1/check", forged, "{}"); last == http.StatusTooManyRequests {
			break
		}
	}
	if last != http.StatusTooManyRequests {
		t.Fatalf("the forger is answered with %d", last)
	}
	_, another := r.token(t)
	if status, body := r.get(t, "/v1/catalog", another); status != http.StatusOK {
		t.Errorf("a good token is answered with %d %s", status, body)
	}
	if status, _ := r.get(t, "/healthz", ""); status != http.StatusOK {
		t.Errorf("a balancer is answered with %d", status)
	}
	form := bytes.NewBufferString("grant_type=client_credentials&client_id=a&client_secret=b")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.URL()+tokenPathForLoad, form)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := r.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("whoever asks for a token is answered with %d, want 401", resp.StatusCode)
	}
}
