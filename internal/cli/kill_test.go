package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
)

const killCatalog = `
currency: usd
features:
  - {code: seats, name: Seats, type: metered, unit: seat}
  - {code: calls, name: Calls, type: metered, unit: call}
plan_groups:
  - {code: teams, name: Teams, customer_type: organization, default: true}
plans:
  - {code: small, name: Small, group: teams, status: published, default: true, items: [{feature: seats, max: 3}]}
  - {code: large, name: Large, group: teams, status: published, items: [{feature: seats, max: 30}]}
  - {code: busy, name: Busy, group: teams, status: published, items: [{feature: calls, max: 10000}]}
`

// killLimits are those of the one feature that each plan has.
var killLimits = map[string]int64{"small": 3, "large": 30, "busy": busyLimit}

// known is what must be true of a customer: what the server has acknowledged,
// and what it may have done without saying so.
type known struct {
	orgCode string
	id      string // "" while it is not known whether the customer was created
	plan    string
	changes int    // of plan, acknowledged
	maybe   string // a plan that was asked for and not acknowledged; "" if none
	written bool   // since it was last verified
}

// TestKill kills the server, as a crash does, between and during writes, again
// and again. After each restart everything acknowledged must be there, and what
// was not acknowledged there as a whole or not at all.
func TestKill(t *testing.T) {
	const kills, writers = 50, 4
	// A moment is the number of acknowledged writes before the kill; the other
	// writers' are then somewhere between request and answer.
	random := rand.New(rand.NewPCG(2026, 11))
	k := newKilled(t)

	var customers []*known // each is of one writer while they write
	for range kills {
		if random.IntN(5) == 0 { // killed while it starts
			b, _, err := spawn(k.program, k.dir, k.env, k.serve...)
			if err != nil {
				t.Fatal(err)
			}
			for range random.IntN(4_000_000) { // some part of the time a start takes
				select {
				case <-b.exited:
					t.Fatalf("ended by itself: %s", b.text(&b.log))
				default:
				}
			}
			b.kill()
		}
		b, allot := k.start(t)
		k.verify(t, allot, customers, false)

		var acknowledged atomic.Int64
		fatal := 1 + random.Int64N(20)
		reached := make(chan struct{})
		mine := make([][]*known, writers)
		var writing sync.WaitGroup
		for w := range writers {
			random := rand.New(rand.NewPCG(random.Uint64(), uint64(w)))
			for i, c := range customers {
				if i%writers == w {
					mine[w] = append(mine[w], c)
				}
			}
			writing.Go(func() {
				for {
					c, err := write(t.Context(), allot, random, mine[w])
					if c != nil {
						mine[w] = append(mine[w], c)
					}
					if err != nil {
						if refused, ok := errors.AsType[*client.Error](err); ok {
							t.Errorf("refused: %v", refused)
						}
						return // the server is gone
					}
					if acknowledged.Add(1) == fatal {
						close(reached)
					}
				}
			})
		}
		select {
		case <-reached:
		case <-b.exited:
			t.Fatalf("ended by itself: %s", b.text(&b.log))
		}
		b.kill()
		writing.Wait()
		customers = slices.Concat(mine...)
		k.http.CloseIdleConnections()
	}

	b, allot := k.start(t)
	k.verify(t, allot, customers, true)
	if err := b.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-b.exited
	if code := b.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("the last server ended with %d", code)
	}
	t.Logf("%d kills, %d customers", kills, len(customers))
}

// The first signal lets a request under way end; the second does not wait for it.
func TestSecondSignalKills(t *testing.T) {
	k := newKilled(t)
	b, _ := k.start(t)
	hang(t, b.address(), k.token)
	for _, log := range []string{"msg=draining", ""} {
		if err := b.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if !b.awaitLog(log) {
			t.Fatalf("no %q in the log:\n%s", log, b.text(&b.log))
		}
	}
	<-b.exited
	if status := b.cmd.ProcessState.Sys().(syscall.WaitStatus); !status.Signaled() {
		t.Errorf("the second signal was not deadly: %v\n%s", b.cmd.ProcessState, b.text(&b.log))
	}
}

// write makes a customer or changes the plan of one of those given. It returns
// a customer that may be new, and an error if nothing was acknowledged.
func write(ctx context.Context, allot *client.Client, random *rand.Rand, customers []*known) (*known, error) {
	if len(customers) == 0 || random.IntN(3) == 0 {
		c := &known{orgCode: fmt.Sprintf("org_%x", random.Uint64()), plan: "small", written: true}
		created, err := allot.Customers.Create(ctx, api.CreateCustomerRequest{Type: api.CustomerOrganization, OrgCode: c.orgCode})
		if err == nil {
			c.id = created.ID
		}
		return c, err
	}
	c := customers[random.IntN(len(customers))]
	c.maybe, c.written = "large", true
	if c.plan == "large" {
		c.maybe = "small"
	}
	err := allot.Agreements.Create(ctx, api.CreateBillingAgreementRequest{CustomerID: c.id, PlanCode: c.maybe})
	if err == nil {
		c.plan, c.maybe = c.maybe, ""
		c.changes++
	}
	return nil, err
}

// killed is an installation whose servers are killed.
type killed struct {
	program string // the binary as it is shipped: it starts faster than a test's
	dir     string
	env     []string
	serve   []string // arguments
	token   string
	http    *http.Client
}

// build builds the program, once for all tests, and returns the directory it is in.
var build = sync.OnceValues(func() (dir string, err error) {
	if dir, err = os.MkdirTemp("", "allot-test-"); err != nil {
		return "", err
	}
	builtIn = dir
	cmd := exec.CommandContext(context.Background(), "go", "build", "-o", filepath.Join(dir, "allot"), "github.com/allot-dev/allot/cmd/allot")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return dir, nil
})

// builtIn is a directory to be removed when all tests have ended, "" for none.
var builtIn string

// cleaned are all tests, and what must be done after the last.
type cleaned struct{ *testing.M }

func (c cleaned) Run() int {
	if signal.Ignored(syscall.SIGHUP) { // as by nohup; what tests start is to hear of it
		signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	}
	code := c.M.Run()
	if builtIn != "" {
		_ = os.RemoveAll(builtIn) // it is in the directory for what may be lost
	}
	return code
}

// newKilled makes an installation; env is what its programs have in their
// environment besides.
func newKilled(t *testing.T, env ...string) *killed {
	t.Helper()
	built, err := build()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	k := &killed{
		program: filepath.Join(built, "allot"),
		dir:     dir,
		// An issuer that is not the address: one token is good for all servers.
		env:   append([]string{"ALLOT_DATA=" + dir, "ALLOT_ISSUER=http://allot.test"}, env...),
		serve: []string{"serve", "--listen", "127.0.0.1:0"},
		http:  &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8}},
	}
	var made struct {
		ClientID    string `json:"client_id"`
		AccessToken string `json:"access_token"`
	}
	k.run(t, &made, "client", "create", "--name", "test", "--scope", "all", "--json")
	k.run(t, &made, "token", "--client-id", made.ClientID, "--json")
	k.token = made.AccessToken

	b, allot := k.start(t)
	if _, err := allot.Catalog.Apply(t.Context(), []byte(killCatalog), false); err != nil {
		t.Fatal(err)
	}
	b.kill()
	return k
}

func (k *killed) run(t *testing.T, into any, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), k.program, args...)
	cmd.Dir, cmd.Env = k.dir, k.env
	var log bytes.Buffer
	cmd.Stderr = &log
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("allot %s: %v\n%s%s", strings.Join(args, " "), err, log.Bytes(), out)
	}
	if err := json.Unmarshal(out, into); err != nil {
		t.Fatal(err)
	}
}

// start starts a server and returns a client that tries everything once.
func (k *killed) start(t *testing.T) (*background, *client.Client) {
	t.Helper()
	b, err := launch(k.program, k.dir, k.env, k.serve...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.kill)
	allot, err := client.New("http://"+b.address(), client.WithToken(k.token), client.WithHTTPClient(k.http), client.WithAttempts(1))
	if err != nil {
		t.Fatal(err)
	}
	return b, allot
}

// verify holds what the server has against what is known, and learns what became
// of what was not acknowledged: that all customers are there, and all about those
// that were written to, or about all.
func (k *killed) verify(t *testing.T, allot *client.Client, customers []*known, all bool) {
	t.Helper()
	stored := map[string]string{} // org code to id
	for c, err := range allot.Customers.All(t.Context(), client.CustomerParams{PageParams: client.PageParams{PageSize: api.MaxPageSize}}) {
		if err != nil {
			t.Fatal(err)
		}
		stored[c.OrgCode] = c.ID
	}
	for _, c := range customers {
		id := stored[c.orgCode]
		delete(stored, c.orgCode)
		switch {
		case c.id == "" && id == "":
			created, err := allot.Customers.Create(t.Context(), api.CreateCustomerRequest{Type: api.CustomerOrganization, OrgCode: c.orgCode})
			if err != nil {
				t.Fatalf("a customer that was not created cannot be: %v", err)
			}
			id = created.ID
		case c.id != "" && c.id != id:
			t.Fatalf("customer %s was acknowledged and is %q now", c.id, id)
		}
		c.id = id
		if c.written || all {
			c.verify(t, allot)
		}
	}
	if len(stored) > 0 {
		t.Fatalf("customers that nobody asked for: %v", stored)
	}
}

func (c *known) verify(t *testing.T, allot *client.Client) {
	t.Helper()
	now, err := allot.Entitlements.List(t.Context(), client.EntitlementParams{CustomerID: c.id, Expand: api.ExpandPlans})
	if err != nil {
		t.Fatal(err)
	}
	if len(now.Plans) != 1 || len(now.Entitlements) != 1 {
		t.Fatalf("%s has the plans %v and the entitlements %v, want one each", c.id, now.Plans, now.Entitlements)
	}
	plan := now.Plans[0].Code
	switch plan {
	case c.maybe:
		c.plan = plan
		c.changes++
	case c.plan:
	default:
		t.Fatalf("%s is on %s, acknowledged was %s", c.id, plan, c.plan)
	}
	c.maybe, c.written = "", false
	if got := now.Entitlements[0].EntitlementLimitMax; got == nil || *got != killLimits[plan] {
		t.Fatalf("%s on %s has the limit %v", c.id, plan, got)
	}
	// Each change has ended one agreement and begun one.
	var all, open int
	for a, err := range allot.Agreements.All(t.Context(), client.AgreementParams{CustomerID: c.id}) {
		if err != nil {
			t.Fatal(err)
		}
		all++
		if a.ExpiresOn == nil {
			open++
		}
	}
	if all != c.changes+1 || open != 1 {
		t.Fatalf("%s has %d agreements, %d of them open, after %d changes", c.id, all, open, c.changes)
	}
}
