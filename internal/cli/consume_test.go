package cli_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
)

const (
	busyLimit   = 10_000 // of calls, on the plan busy
	connections = 64
)

// TestConsumeIsExact has many connections consume one unit after the other of a
// hard limit on one customer, as fast as they can, until each is refused.
func TestConsumeIsExact(t *testing.T) {
	k := newKilled(t)
	k.http = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections, MaxConnsPerHost: connections}}
	t.Run("once", k.testConsumeOnce)
	t.Run("twice and killed", k.testConsumeTwiceAndKilled)
}

// While they do, verify finds nothing that does not agree.
func (k *killed) testConsumeOnce(t *testing.T) {
	b, allot := k.start(t)
	customer := busyCustomer(t, allot)
	var allowed atomic.Int64
	thousand := make(chan struct{}, busyLimit/1000)
	var consuming sync.WaitGroup
	began := time.Now()
	for range connections {
		consuming.Go(func() {
			for {
				a, err := k.consume(t, b.address(), customer, "")
				if err != nil || a.status != http.StatusOK {
					t.Errorf("%d %s %v", a.status, a.body, err)
					return
				}
				if !a.Allowed {
					return
				}
				if allowed.Add(1)%1000 == 0 {
					thousand <- struct{}{}
				}
			}
		})
	}
	go func() {
		consuming.Wait()
		close(thousand)
	}()
	for range thousand {
		k.noDrift(t)
	}
	took := time.Since(began)
	k.finish(t, b, allot, customer, allowed.Load())
	t.Logf("%d consumed in %v", busyLimit, took)
}

// Each request is sent twice at the same time under one key, and again until it
// has an answer, while the server is killed and started again three times. Both
// get the same decision; what was acknowledged is counted after each kill.
func (k *killed) testConsumeTwiceAndKilled(t *testing.T) {
	const kills, pairs = 3, connections / 2
	b, allot := k.start(t)
	customer := busyCustomer(t, allot)
	servers := newSuccession(b)
	fatal := make(chan struct{}, kills)
	var allowed, keys, again atomic.Int64
	var consuming sync.WaitGroup
	began := time.Now()
	for range pairs {
		consuming.Go(func() {
			for {
				p := pair{customer: customer, key: fmt.Sprintf("pair %d", keys.Add(1))}
				if !k.consumePair(t, servers, &p) {
					return
				}
				if p.again {
					again.Add(1)
				}
				if n := allowed.Add(1); n%(busyLimit/(kills+1)) == 0 && n < busyLimit {
					fatal <- struct{}{}
				}
			}
		})
	}
	done := make(chan struct{})
	go func() {
		consuming.Wait()
		close(done)
	}()
	for range kills {
		select {
		case <-fatal:
		case <-done:
			t.Fatalf("after %d calls nobody goes on", allowed.Load())
		}
		b.kill()
		acknowledged := allowed.Load()
		k.noDrift(t)
		b, allot = k.start(t)
		if used := k.used(t, allot, customer); used < acknowledged || used > acknowledged+pairs {
			t.Errorf("%d calls are counted after a kill; %d were acknowledged, %d more were under way at most", used, acknowledged, pairs)
		}
		servers.next(b)
	}
	servers.end()
	<-done
	took := time.Since(began)
	k.finish(t, b, allot, customer, allowed.Load())
	if again.Load() == 0 {
		t.Error("no request was under way when the server was killed")
	}
	t.Logf("%d consumed in %v, each sent twice, %d again after %d kills", busyLimit, took, again.Load(), kills)
}

// pair is a request that is sent twice.
type pair struct {
	customer, key string
	again         bool // one of the two was sent again
}

// consumePair sends a pair until both have an answer, and reports whether the
// call was allowed.
func (k *killed) consumePair(t *testing.T, servers *succession, p *pair) bool {
	var answers [2]consumed
	var sent [2]int
	var errs [2]error
	var sending sync.WaitGroup
	for i := range answers {
		sending.Go(func() {
			for nth := 0; ; {
				var address string
				if address, nth, errs[i] = servers.after(nth); errs[i] != nil {
					return
				}
				sent[i]++
				var err error
				if answers[i], err = k.consume(t, address, p.customer, p.key); err == nil {
					return
				}
			}
		})
	}
	sending.Wait()
	one, other := &answers[0], &answers[1]
	p.again = sent[0]+sent[1] > 2
	switch err := errors.Join(errs[:]...); {
	case err != nil || one.status != http.StatusOK:
		t.Errorf("%d %s %v", one.status, one.body, err)
	case one.status != other.status || !bytes.Equal(one.body, other.body):
		t.Errorf("one is answered\n%s\nand the other\n%s", one.body, other.body)
	case one.replayed == other.replayed && !p.again: // the first answer may be lost with its server
		t.Errorf("replayed is %v of both", one.replayed)
	default:
		return one.Allowed
	}
	return false
}

// succession is the servers that take each other's place.
type succession struct {
	mu      sync.Mutex
	changed *sync.Cond // of mu
	nth     int        // of the one that serves, from 1
	address string
	last    bool
}

func newSuccession(first *background) *succession {
	s := &succession{nth: 1, address: first.address()}
	s.changed = sync.NewCond(&s.mu)
	return s
}

// after waits for the server that follows the nth. It is an error if there will
// be none.
func (s *succession) after(nth int) (address string, next int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.nth <= nth && !s.last {
		s.changed.Wait()
	}
	if s.nth <= nth {
		return "", nth, errors.New("the last server does not answer")
	}
	return s.address, s.nth, nil
}

func (s *succession) next(b *background) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.nth++
	s.address = b.address()
	s.changed.Broadcast()
}

// end says that the present one is the last.
func (s *succession) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = true
	s.changed.Broadcast()
}

type consumed struct {
	api.Decision
	status   int
	body     []byte
	replayed bool
}

// consume uses one call, under an idempotency key unless it is "". The error is
// one of the connection.
func (k *killed) consume(t *testing.T, address, customer, key string) (consumed, error) {
	body := fmt.Sprintf(`{"customer_id":%q,"feature_code":"calls"}`, customer)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+address+"/v1/consume", bytes.NewReader([]byte(body)))
	if err != nil {
		return consumed{}, err
	}
	req.Header.Set("Authorization", "Bearer "+k.token)
	if key != "" {
		req.Header.Set(api.HeaderIdempotencyKey, key)
	}
	resp, err := k.http.Do(req)
	if err != nil {
		return consumed{}, err
	}
	defer resp.Body.Close()
	c := consumed{status: resp.StatusCode, replayed: resp.Header.Get(api.HeaderIdempotencyReplayed) == "true"}
	if c.body, err = io.ReadAll(resp.Body); err != nil {
		return consumed{}, err
	}
	if c.status == http.StatusOK {
		err = json.Unmarshal(c.body, &c.Decision)
	}
	return c, err
}

// noDrift runs "allot verify" and fails the test if it finds something.
func (k *killed) noDrift(t *testing.T) {
	t.Helper()
	var v struct {
		Customers int `json:"customers"`
		Drifts    []struct {
			Message string `json:"message"`
		} `json:"drifts"`
	}
	k.run(t, &v, "verify", "--json")
	if v.Customers == 0 || len(v.Drifts) > 0 {
		t.Errorf("allot verify: %+v", v)
	}
}

// finish ends a server that has refused each connection once, after seeing that
// the limit was reached and not exceeded.
func (k *killed) finish(t *testing.T, b *background, allot *client.Client, customer string, allowed int64) {
	t.Helper()
	if used := k.used(t, allot, customer); allowed != busyLimit || used != busyLimit {
		t.Errorf("%d were allowed and %d are counted, want %d", allowed, used, busyLimit)
	}
	k.http.CloseIdleConnections()
	b.kill()
	k.noDrift(t)
}

func (k *killed) used(t *testing.T, allot *client.Client, customer string) int64 {
	t.Helper()
	d, err := allot.Check(t.Context(), client.CheckParams{CustomerID: customer, FeatureCode: "calls"})
	if err != nil {
		t.Fatal(err)
	}
	var used int64
	if _, err := fmt.Sscan(string(d.Used), &used); err != nil {
		t.Fatal(err)
	}
	return used
}

func busyCustomer(t *testing.T, allot *client.Client) string {
	t.Helper()
	c, err := allot.Customers.Create(t.Context(), api.CreateCustomerRequest{
		Type: api.CustomerOrganization, OrgCode: t.Name(), PlanCode: api.Some("busy"),
	})
	if err != nil {
		t.Fatal(err)
	}
	return c.ID
}
