package cli_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
	"github.com/allot-dev/allot/internal/pgtest"
)

// documentedBound is how old what a server answers from memory may be, as
// docs/operations.md has it. It is counted from the answer to the change to the
// moment the question is sent. Both are moments of this process, the one not before
// and the other not after what the servers did, so nothing has to be allowed for a
// machine that is slow.
const documentedBound = time.Second

// TestStaleness has three servers on one PostgreSQL, and asks two of them for what
// changes through the first. No answer is older than is documented, whatever happens
// to the connection of one of them with the database. How old they are is logged:
// the figures in docs/scaling.md are from here.
func TestStaleness(t *testing.T) {
	cluster := pgtest.New(t, pgtest.Options{}) // durable, unlike the one that packages share
	database := cluster.URL("postgres")
	k := newKilled(t, "ALLOT_DATABASE="+database)
	k.http = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections}}
	t.Run("unloaded", func(t *testing.T) { k.testStaleUnloaded(t, database) })
	t.Run("cut under load", func(t *testing.T) { k.testStaleUnderLoad(t, database, linkCut) })
	t.Run("stalled under load", func(t *testing.T) { k.testStaleUnderLoad(t, database, linkStalled) })
}

// The others are asked every millisecond from before a change until they know. Then
// the one that gives changes their order dies, and nobody does until another may.
func (k *killed) testStaleUnloaded(t *testing.T, database string) {
	conn, err := pgx.Connect(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	orders, allot := k.start(t)
	histories := k.histories(t, orders, allot, 8)
	awaitOrder(t, conn) // it has the lease now
	writes, _ := k.start(t)
	reads, _ := k.start(t)
	k.measure(t, 400, histories, writes, reads, orders)
	orders.kill()
	k.measure(t, 20, histories, writes, reads)
	if holder := leaseHolder(t, conn); strings.HasSuffix(holder, orders.address()) {
		t.Error("nobody took over the order of changes")
	}
}

// measure makes changes through one server and logs when others knew of them.
func (k *killed) measure(t *testing.T, changes int, histories []*history, writes *background, others ...*background) {
	t.Helper()
	var fromAnswer, fromRequest []time.Duration
	for i := range changes {
		h := histories[i%len(histories)]
		for _, node := range others { // it is in memory then
			k.awaitVersion(t, node, h, h.last().number)
		}
		next := h.last().number + 1
		known := make([]time.Time, len(others))
		var asking sync.WaitGroup
		for n, node := range others {
			asking.Go(func() { known[n] = k.awaitVersion(t, node, h, next) })
		}
		sent := time.Now()
		answered := k.change(t, writes, h)
		asking.Wait()
		for _, at := range known {
			fromAnswer = append(fromAnswer, max(0, at.Sub(answered)))
			fromRequest = append(fromRequest, at.Sub(sent))
		}
	}
	slices.Sort(fromAnswer)
	slices.Sort(fromRequest)
	quantiles := func(took []time.Duration) string {
		last := len(took) - 1
		return fmt.Sprintf("p50 %v, p99 %v, most %v", took[last/2], took[last*99/100], took[last])
	}
	t.Logf("%d changes, known to %d others after the answer: %s", changes, len(others), quantiles(fromAnswer))
	t.Logf("after the request was sent: %s", quantiles(fromRequest))
}

// awaitVersion asks a server until it knows a version, and returns when it did.
func (k *killed) awaitVersion(t *testing.T, node *background, h *history, wanted int) time.Time {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	return await(t, fmt.Sprintf("%s knows version %d", node.address(), wanted), func() bool {
		<-tick.C
		sent := time.Now()
		status, number, err := k.entitled(t.Context(), node, h.id, "")
		if age := h.age(number, sent); err != nil || status != http.StatusOK || age > documentedBound {
			t.Errorf("%d %v, version %d, which was %v behind, want %v at most", status, err, number, age, documentedBound)
		}
		return number >= wanted
	})
}

// testStaleUnderLoad changes customers and consumes through a, and reads through
// all three, while the link between b and the database is lost and restored.
func (k *killed) testStaleUnderLoad(t *testing.T, database string, loss linkState) {
	const (
		rounds = 3
		// A time, since what must not be exceeded is one: beyond the bound b answers
		// nothing from memory, and the lease of the changes' order has ended, which b
		// has the first time.
		outage = 3 * time.Second
	)
	conn, err := pgx.Connect(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	address, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	l := newLink(t, address.Host)
	behind := *k
	behind.env = append(slices.Clip(k.env), "ALLOT_DATABASE="+l.through(*address))
	s := stale{killed: k, seen: map[*background]*seen{}, readiness: map[string]int{}, over: make(chan struct{})}
	var allot *client.Client
	s.b, allot = behind.start(t)
	s.histories = k.histories(t, s.b, allot, 16)
	s.consumer = busyCustomer(t, allot)
	awaitOrder(t, conn) // b has the lease now
	s.a, _ = k.start(t)
	s.c, _ = k.start(t)
	s.seen[s.a] = &seen{patience: 10 * time.Second}
	s.seen[s.b] = &seen{bound: documentedBound, patience: 200 * time.Millisecond, mayFail: true}
	s.seen[s.c] = &seen{bound: documentedBound, patience: 10 * time.Second}

	s.work(t)
	for round := range rounds {
		<-time.After(documentedBound) // all is in memory, and read
		holder := leaseHolder(t, conn)
		l.set(loss)
		<-time.After(outage)
		l.set(linkOpen)
		restored := time.Now()
		answers := await(t, "b answers", func() bool {
			status, _, err := s.entitled(t.Context(), s.b, s.histories[0].id, "")
			return err == nil && status == http.StatusOK
		})
		ready := await(t, "b is ready", func() bool { return s.ready(t.Context()) == "200 OK" })
		t.Logf("round %d: %s had the lease; restored, b answered after %v, and was ready after %v",
			round+1, s.name(holder), answers.Sub(restored), ready.Sub(restored))
	}
	<-time.After(documentedBound)
	close(s.over)
	s.working.Wait()

	<-time.After(documentedBound) // nothing may be old from now on
	for _, h := range s.histories {
		for node := range s.seen {
			status, number, err := s.entitled(t.Context(), node, h.id, "")
			if want := h.last().number; err != nil || status != http.StatusOK || number != want {
				t.Errorf("in the end %s has version %d, %d %v, want %d", s.name(node.address()), number, status, err, want)
			}
		}
	}
	s.log(t)
}

// stale is what those who are under way have in common.
type stale struct {
	*killed
	a, b, c   *background
	histories []*history
	consumer  string // a customer that consumes
	seen      map[*background]*seen
	consumed  atomic.Int64
	readiness map[string]int // what b said
	over      chan struct{}
	working   sync.WaitGroup
}

// seen is what reads of one server saw.
type seen struct {
	bound    time.Duration // how old an answer may be
	patience time.Duration // of who asks. A short one finds what is in memory
	mayFail  bool

	mu          sync.Mutex
	reads, tied int // answered; those of a state that was asked for
	failed      int
	old         int           // answers that were older than they may be
	oldest      time.Duration // by how much an answer was behind
}

// work has all work until it is over.
func (s *stale) work(t *testing.T) {
	const writers, readers = 2, 3
	for w := range writers {
		s.until(func(i int) bool {
			mine := len(s.histories) / writers
			s.change(t, s.a, s.histories[w*mine+i%mine])
			return !t.Failed()
		})
	}
	s.until(func(int) bool {
		c, err := s.consume(t, s.a.address(), s.consumer, "")
		if err != nil || c.status != http.StatusOK {
			t.Errorf("consume: %d %s %v", c.status, c.body, err)
			return false
		}
		s.consumed.Add(1)
		return true
	})
	s.until(func(int) bool { return s.read(t, s.a, false) })
	for range readers {
		s.until(func(int) bool { return s.read(t, s.b, false) })
		s.until(func(int) bool { return s.read(t, s.c, false) })
	}
	s.until(func(int) bool { return s.read(t, s.b, true) })
	s.until(func(int) bool { return s.read(t, s.c, true) })
	tick := time.NewTicker(5 * time.Millisecond)
	s.until(func(int) bool {
		<-tick.C
		s.readiness[s.ready(t.Context())]++
		return true
	})
}

// until does something again and again, in the background.
func (s *stale) until(do func(i int) bool) {
	s.working.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-s.over:
				return
			default:
			}
			if !do(i) {
				return
			}
		}
	})
}

// read reads a customer and judges the answer. Tied, it asks for the last state
// that was acknowledged.
func (s *stale) read(t *testing.T, node *background, tied bool) bool {
	h := s.histories[rand.IntN(len(s.histories))]
	seen := s.seen[node]
	ctx, cancel := context.WithTimeout(t.Context(), seen.patience)
	defer cancel()
	var least version
	if tied {
		least = h.last()
	}
	sent := time.Now()
	status, number, err := s.entitled(ctx, node, h.id, least.revision)
	seen.mu.Lock()
	defer seen.mu.Unlock()
	switch {
	case err != nil || status >= http.StatusInternalServerError:
		seen.failed++
		if !seen.mayFail {
			t.Errorf("a server that was not touched: %d %v", status, err)
		}
		return true
	case status != http.StatusOK:
		t.Errorf("%s: %d, tied %v", s.name(node.address()), status, tied)
		return false
	}
	seen.reads++
	if tied {
		seen.tied++
	}
	age := h.age(number, sent)
	seen.oldest = max(seen.oldest, age)
	if age > seen.bound || number < least.number {
		if seen.old++; seen.old <= 3 {
			t.Errorf("%s answered with version %d, which was %v behind, want %v at most and version %d at least",
				s.name(node.address()), number, age, seen.bound, least.number)
		}
	}
	return true
}

// await returns when something is so, which it is to be within seconds.
func await(t *testing.T, what string, is func() bool) time.Time {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !is(); {
		if time.Now().After(deadline) {
			t.Error("not in ten seconds: " + what)
			break
		}
	}
	return time.Now()
}

// ready is what b says about itself.
func (s *stale) ready(ctx context.Context) string {
	a, err := s.ask(ctx, s.b, http.MethodGet, "/readyz", "", "")
	if err != nil {
		return "no answer"
	}
	var said struct {
		Code   string
		Errors []struct{ Code string }
	}
	if err := json.Unmarshal(a.body, &said); err != nil {
		return err.Error()
	}
	for _, e := range said.Errors {
		said.Code = e.Code
	}
	return fmt.Sprint(a.status, " ", said.Code)
}

// name is what a server is called here that something names by its address.
func (s *stale) name(holder string) string {
	for name, node := range map[string]*background{"a": s.a, "b": s.b, "c": s.c} {
		if strings.HasSuffix(holder, node.address()) {
			return name
		}
	}
	return "nobody"
}

func (s *stale) log(t *testing.T) {
	changes := 0
	for _, h := range s.histories {
		changes += len(h.acknowledged)
	}
	t.Logf("%d changes and %d consumes through a", changes, s.consumed.Load())
	for _, node := range []*background{s.a, s.b, s.c} {
		seen := s.seen[node]
		t.Logf("%s: %d reads, %d of them with Allot-Min-Revision, %d failed; %d older than %v, the oldest by %v",
			s.name(node.address()), seen.reads, seen.tied, seen.failed, seen.old, seen.bound, seen.oldest)
	}
	for _, said := range slices.Sorted(maps.Keys(s.readiness)) {
		t.Logf("readyz of b: %s, %d times", said, s.readiness[said])
	}
	if b := s.seen[s.b]; b.failed == 0 || b.reads == 0 || b.tied == 0 {
		t.Error("b lost nothing, or never answered")
	}
}

// history is what was acknowledged of a customer: its versions, from 1. A version
// is what an override has the limit be.
type history struct {
	id string

	mu           sync.Mutex
	acknowledged []version
}

type version struct {
	number   int
	at       time.Time
	revision string // Allot-Revision
}

// last is the last version; its number is 0 if there is none.
func (h *history) last() version {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.acknowledged) == 0 {
		return version{}
	}
	return h.acknowledged[len(h.acknowledged)-1]
}

// age is for how long there had been a newer version at a moment.
func (h *history) age(number int, at time.Time) time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	if number >= len(h.acknowledged) {
		return 0
	}
	return max(0, at.Sub(h.acknowledged[number].at)) // of the version after it
}

// histories makes customers through a server, each at version 1.
func (k *killed) histories(t *testing.T, node *background, allot *client.Client, n int) []*history {
	t.Helper()
	made := make([]*history, n)
	for i := range made {
		c, err := allot.Customers.Create(t.Context(), api.CreateCustomerRequest{
			Type: api.CustomerOrganization, OrgCode: fmt.Sprint(t.Name(), i),
		})
		if err != nil {
			t.Fatal(err)
		}
		made[i] = &history{id: c.ID}
		k.change(t, node, made[i])
	}
	return made
}

// change makes a customer's next version, and returns when it was acknowledged.
// A customer is changed by one at a time.
func (k *killed) change(t *testing.T, node *background, h *history) time.Time {
	number := h.last().number + 1
	a, err := k.ask(t.Context(), node, http.MethodPut, "/v1/customers/"+h.id+"/overrides/seats", "", fmt.Sprintf(`{"max":%d}`, number))
	now := time.Now()
	if err != nil || a.status != http.StatusOK {
		t.Errorf("version %d of %s: %d %s %v", number, h.id, a.status, a.body, err)
		return now
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.acknowledged = append(h.acknowledged, version{number, now, a.revision})
	return now
}

// entitled asks a server for a customer's entitlements. The version is that of the
// answer, if the status is 200; least is an Allot-Min-Revision, or "".
func (k *killed) entitled(ctx context.Context, node *background, customer, least string) (status, version int, err error) {
	a, err := k.ask(ctx, node, http.MethodGet, "/api/v1/billing/entitlements?customer_id="+customer, least, "")
	if err != nil || a.status != http.StatusOK {
		return a.status, 0, err
	}
	var held api.BillingEntitlementList
	if err := json.Unmarshal(a.body, &held); err != nil {
		return a.status, 0, err
	}
	if len(held.Entitlements) != 1 || held.Entitlements[0].EntitlementLimitMax == nil {
		return a.status, 0, fmt.Errorf("%s: want one entitlement with a limit", a.body)
	}
	return a.status, int(*held.Entitlements[0].EntitlementLimitMax), nil
}

// answer is what a server said.
type answer struct {
	status   int
	revision string
	body     []byte
}

// ask makes one request. The error is one of the connection.
func (k *killed) ask(ctx context.Context, node *background, method, path, least, body string) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://"+node.address()+path, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Authorization", "Bearer "+k.token)
	if least != "" {
		req.Header.Set(api.HeaderMinRevision, least)
	}
	resp, err := k.http.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header.Get(api.HeaderRevision), text}, err
}

// awaitOrder returns when all changes have their place in the feed.
func awaitOrder(t *testing.T, conn *pgx.Conn) {
	t.Helper()
	await(t, "changes have their order", func() bool {
		var waiting bool
		if err := conn.QueryRow(t.Context(), `select exists (select 1 from changes where seq is null)`).Scan(&waiting); err != nil {
			t.Fatal(err)
		}
		return !waiting
	})
}

// leaseHolder is the server that orders the changes.
func leaseHolder(t *testing.T, conn *pgx.Conn) (holder string) {
	t.Helper()
	if err := conn.QueryRow(t.Context(), `select holder from leases where name = 'sequencer'`).Scan(&holder); err != nil {
		t.Fatal(err)
	}
	return holder
}
