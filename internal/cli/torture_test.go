package cli_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
	"github.com/allot-dev/allot/internal/pgtest"
)

// Torture: an oracle outside the servers keeps what they have acknowledged of every kind of
// change, while they are killed, ended, and their database is taken away, and callers give up. After each fault
// everything acknowledged is there, and what was not is there as a whole or not at all; each
// allowed consume was within the limit, each refused one was not; allot verify finds
// nothing. ALLOT_TORTURE is for how long (default: some seconds), ALLOT_TORTURE_SEED the
// beginning of the chances: the same deeds, not the same instants.

func TestTortureSQLite(t *testing.T) {
	newTorture(t, newKilled(t), 1).run(t, map[string]fault{
		"killed": killOne, "killed while starting": killWhileStarting, "ended": endOne, "two servers": secondServer,
	})
}

func TestTortureNodes(t *testing.T) {
	cluster := pgtest.New(t, pgtest.Options{}) // durable
	newTorture(t, newKilled(t, "ALLOT_DATABASE="+cluster.URL("postgres")), 3).run(t, map[string]fault{
		"killed": killOne, "killed while starting": killWhileStarting, "ended": endOne, "all killed": killAll,
		"PostgreSQL restarted": func(t *testing.T, _ *torture) {
			if err := cluster.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
		},
		"PostgreSQL crashed": func(t *testing.T, _ *torture) {
			if err := errors.Join(cluster.Kill(t.Context()), cluster.Start(t.Context())); err != nil {
				t.Fatal(err)
			}
		},
	})
}

const (
	tortureWriters  = 6
	tortureSubjects = 4 // of each writer at once; one that has had many deeds makes way for a new one
	tortureDeeds    = 200
)

// fault is what is done to servers while they are written to.
type fault func(*testing.T, *torture)

type torture struct {
	*killed
	random *rand.Rand
	nodes  []*background
	allots []*client.Client
	mu     sync.Mutex // of nodes and allots, and of wrong

	acknowledged atomic.Int64
	unanswered   atomic.Int64
	kinds        map[string]int // acknowledged, by what; of mu
	subjects     [tortureWriters][]*subject
	old          []*subject
	office       office
}

func newTorture(t *testing.T, k *killed, nodes int) *torture {
	t.Helper()
	seed := uint64(envNumber(t, "ALLOT_TORTURE_SEED", 1))
	k.http.Timeout = 20 * time.Second
	h := &torture{killed: k, random: rand.New(rand.NewPCG(seed, 14)), kinds: map[string]int{}, nodes: make([]*background, nodes), allots: make([]*client.Client, nodes)}
	for i := range nodes {
		h.nodes[i], h.allots[i] = k.start(t)
	}
	if _, err := h.allots[0].Catalog.Apply(t.Context(), fmt.Appendf(nil, tortureCatalog, "SSO"), false); err != nil {
		t.Fatal(err)
	}
	return h
}

func envNumber(t *testing.T, name string, otherwise int64) int64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	var n int64
	if _, err := fmt.Sscan(text, &n); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

func (h *torture) run(t *testing.T, faults map[string]fault) {
	lasts := 8 * time.Second
	if text := os.Getenv("ALLOT_TORTURE"); text != "" {
		var err error
		if lasts, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	names := slices.Sorted(maps.Keys(faults))
	done := map[string]int{}
	for end, round := time.Now().Add(lasts), 0; !t.Failed() && (round < len(names) || time.Now().Before(end)); round++ {
		name := names[round%len(names)]
		if round >= len(names) {
			name = names[h.random.IntN(len(names))]
		}
		h.round(t, faults[name])
		done[name]++
		h.look(t, round%10 == 9)
	}
	h.look(t, true)
	for _, b := range h.nodes {
		h.end(t, b)
	}
	t.Logf("%d acknowledged %v; %d not answered at first; faults %v; customers %d; lost 0, half done 0, over a limit 0, drift 0",
		h.acknowledged.Load(), h.kinds, h.unanswered.Load(), done, len(h.old)+tortureWriters*tortureSubjects)
}

// round has writers write, and does a fault meanwhile.
func (h *torture) round(t *testing.T, f fault) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var writing sync.WaitGroup
	for w := range tortureWriters {
		random := rand.New(rand.NewPCG(h.random.Uint64(), uint64(w)))
		writing.Go(func() { h.write(ctx, t, w, random) })
	}
	random := rand.New(rand.NewPCG(h.random.Uint64(), tortureWriters))
	writing.Go(func() { h.office.write(ctx, t, h, random) })
	fatal := h.acknowledged.Load() + 1 + h.random.Int64N(300)
	for began := time.Now(); h.acknowledged.Load() < fatal && !t.Failed(); {
		time.Sleep(time.Millisecond)
		if time.Since(began) > time.Minute {
			t.Errorf("nothing is acknowledged any more: %s", h.nodes[0].text(&h.nodes[0].log))
		}
	}
	f(t, h)
	stop()
	writing.Wait()
}

// some is one of the nodes.
func (h *torture) some(random *rand.Rand) *client.Client {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.allots[random.IntN(len(h.allots))]
}

// write writes to the customers of one writer until ctx ends. What is not answered is asked
// for again, of any node.
func (h *torture) write(ctx context.Context, t *testing.T, w int, random *rand.Rand) {
	for ctx.Err() == nil && !t.Failed() {
		if len(h.subjects[w]) < tortureSubjects {
			h.subjects[w] = append(h.subjects[w], &subject{org: fmt.Sprintf("org_%x", random.Uint64())})
		}
		i := random.IntN(len(h.subjects[w]))
		s := h.subjects[w][i]
		if s.deeds > tortureDeeds && s.asked == nil {
			h.mu.Lock()
			h.old = append(h.old, s)
			h.mu.Unlock()
			h.subjects[w] = slices.Delete(h.subjects[w], i, i+1)
			continue
		}
		patience, cancel := context.WithoutCancel(ctx), context.CancelFunc(func() {})
		if random.IntN(8) == 0 { // who gives up does not know what became of it
			patience, cancel = context.WithTimeout(patience, time.Duration(random.Int64N(int64(10*time.Millisecond))))
		}
		what, err := s.work(patience, h.some(random), random)
		cancel()
		h.note(t, what, err)
	}
}

// note counts an answer. Only one that says nothing of the work may be an error.
func (h *torture) note(t *testing.T, what string, err error) {
	if err == nil {
		h.acknowledged.Add(1)
		h.mu.Lock()
		h.kinds[what]++
		h.mu.Unlock()
		return
	}
	if w, ok := errors.AsType[*wrongAnswer](err); ok {
		t.Error(w)
		return
	}
	if e, ok := errors.AsType[*client.Error](err); ok && e.Status < 500 {
		t.Errorf("refused: %v", err)
		return
	}
	h.unanswered.Add(1)
	time.Sleep(10 * time.Millisecond) // the node is gone
}

// look holds all that was written to since against the oracle, or everything, and runs
// allot verify.
func (h *torture) look(t *testing.T, everything bool) {
	t.Helper()
	if t.Failed() {
		return
	}
	var looking sync.WaitGroup
	for w := range tortureWriters {
		all := h.subjects[w]
		if everything {
			for i, s := range h.old {
				if i%tortureWriters == w {
					all = append(slices.Clip(all), s)
				}
			}
		}
		looking.Go(func() {
			for i, s := range all {
				if !s.stale && !everything {
					continue
				}
				if err := untilAnswered(func() error { return s.look(t.Context(), h.allots[(w+i)%len(h.allots)]) }); err != nil {
					t.Errorf("%s: %v", s.org, err)
				}
			}
		})
	}
	looking.Wait()
	h.office.look(t, h)
	if everything && !t.Failed() {
		cmd := exec.CommandContext(t.Context(), h.program, "verify")
		cmd.Dir, cmd.Env = h.dir, h.env
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("verify: %v\n%s", err, out)
		}
	}
}

// command runs a command on the database, which may be down.
func (h *torture) command(into any, args ...string) error {
	cmd := exec.CommandContext(context.Background(), h.program, args...)
	cmd.Dir, cmd.Env = h.dir, h.env
	out, err := cmd.Output()
	if err == nil && into != nil {
		err = json.Unmarshal(out, into)
	}
	return err
}

// untilAnswered does something until it is answered: nodes may not have found back to
// their database.
func untilAnswered(do func() error) (err error) {
	for range 300 {
		err = do()
		e, refused := errors.AsType[*client.Error](err)
		_, wrong := errors.AsType[*wrongAnswer](err)
		if err == nil || wrong || refused && e.Status < 500 {
			return err
		}
		time.Sleep(50 * time.Millisecond)
	}
	return err
}

// replace starts a node in the place of one that has ended.
func (h *torture) replace(t *testing.T, i int) {
	t.Helper()
	h.http.CloseIdleConnections()
	b, allot := h.start(t)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.nodes[i], h.allots[i] = b, allot
}

func killOne(t *testing.T, h *torture) {
	i := h.random.IntN(len(h.nodes))
	h.nodes[i].kill()
	h.replace(t, i)
}

func killAll(t *testing.T, h *torture) {
	for _, b := range h.nodes {
		b.kill()
	}
	for i := range h.nodes {
		h.replace(t, i)
	}
}

func killWhileStarting(t *testing.T, h *torture) {
	i := h.random.IntN(len(h.nodes))
	h.nodes[i].kill()
	for range 1 + h.random.IntN(3) {
		b, _, err := spawn(h.program, h.dir, h.env, h.serve...)
		if err != nil {
			t.Fatal(err)
		}
		select {
		case <-b.exited:
			t.Fatalf("ended by itself: %s", b.text(&b.log))
		case <-time.After(time.Duration(h.random.Int64N(int64(60 * time.Millisecond)))):
		}
		b.kill()
	}
	h.replace(t, i)
}

func endOne(t *testing.T, h *torture) {
	i := h.random.IntN(len(h.nodes))
	h.end(t, h.nodes[i])
	h.replace(t, i)
}

// end ends a node in order, under load.
func (h *torture) end(t *testing.T, b *background) {
	t.Helper()
	if err := b.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-b.exited
	if code := b.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("ended with %d: %s", code, b.text(&b.log))
	}
}

func secondServer(t *testing.T, h *torture) {
	cmd := exec.CommandContext(t.Context(), h.program, h.serve...)
	cmd.Dir, cmd.Env = h.dir, h.env
	err := cmd.Run()
	if e, ok := errors.AsType[*exec.ExitError](err); !ok || e.ExitCode() != 1 {
		t.Errorf("a second server on the directory ended with %v", err)
	}
}

// office is what there is beside customers: the catalog, webhooks, and clients by the
// command line, which is not killed.
type office struct {
	sso      string            // the name of a feature, as acknowledged
	asked    string            // as asked for; "" for nothing
	webhooks map[string]string // what is there, by description
	hooked   int
	clients  map[string]bool // by id, whether it may still get in
}

func (o *office) write(ctx context.Context, t *testing.T, h *torture, random *rand.Rand) {
	if o.webhooks == nil {
		o.sso, o.webhooks, o.clients = "SSO", map[string]string{}, map[string]bool{}
	}
	for ctx.Err() == nil && !t.Failed() {
		unbound, allot := context.WithoutCancel(ctx), h.some(random)
		switch random.IntN(8) {
		case 0, 1, 2:
			if o.asked == "" {
				o.asked = fmt.Sprintf("SSO %x", random.Uint32())
			}
			_, err := allot.Catalog.Apply(unbound, fmt.Appendf(nil, tortureCatalog, o.asked), false)
			h.note(t, "apply a catalog", err)
			if err == nil {
				o.sso, o.asked = o.asked, ""
			}
		case 3, 4, 5:
			description := fmt.Sprint("hook ", o.hooked)
			w, err := allot.Webhooks.Create(unbound, api.CreateWebhookRequest{
				URL: "https://hooks.example/" + fmt.Sprint(o.hooked), Format: api.WebhookStandard, Events: api.WebhookEvents{api.EventKeyRotated}, Description: description,
			}, client.WithIdempotencyKey(description))
			h.note(t, "create a webhook", err)
			if err != nil {
				continue
			}
			o.webhooks[description] = w.ID
			o.hooked++
			if len(o.webhooks) > 3 {
				for description, id := range o.webhooks {
					err := untilAnswered(func() error { return h.some(random).Webhooks.Delete(unbound, id) })
					if e, ok := errors.AsType[*client.Error](err); err == nil || ok && e.Status == 404 {
						delete(o.webhooks, description)
					}
					break
				}
			}
		case 6:
			var made struct {
				ClientID string `json:"client_id"`
			}
			if h.command(&made, "client", "create", "--name", "one more", "--scope", "read:catalog", "--json") == nil {
				o.clients[made.ClientID] = true
				h.note(t, "create a client", nil)
			}
		case 7:
			for id, in := range o.clients {
				if in {
					if h.command(nil, "client", "revoke", id) == nil {
						o.clients[id] = false
						h.note(t, "revoke a client", nil)
					} else {
						delete(o.clients, id) // nobody knows
					}
					break
				}
			}
		}
	}
}

// look holds what is there beside customers against the oracle.
func (o *office) look(t *testing.T, h *torture) {
	t.Helper()
	var names []string
	hooks := map[string]string{}
	err := untilAnswered(func() error {
		names = nil
		clear(hooks)
		for f, err := range h.allots[0].Catalog.AllFeatures(t.Context(), client.PageParams{}) {
			if err != nil {
				return err
			}
			if f.Code == "sso" {
				names = append(names, f.Name)
			}
		}
		for w, err := range h.allots[0].Webhooks.All(t.Context(), client.PageParams{}) {
			if err != nil {
				return err
			}
			hooks[w.Description] = w.ID
		}
		return nil
	})
	if err != nil {
		t.Error(err)
		return
	}
	if len(names) != 1 || names[0] != o.sso && names[0] != o.asked {
		t.Errorf("the catalog has %q, acknowledged was %q, asked for is %q", names, o.sso, o.asked)
	}
	delete(hooks, fmt.Sprint("hook ", o.hooked)) // asked for, and perhaps not answered
	if !maps.Equal(hooks, o.webhooks) {
		t.Errorf("there are the webhooks %v, acknowledged were %v", hooks, o.webhooks)
	}
	var listed struct {
		Clients []struct {
			ClientID  string  `json:"client_id"`
			RevokedOn *string `json:"revoked_on"`
		}
	}
	if err := untilAnswered(func() error { return h.command(&listed, "client", "list", "--json") }); err != nil {
		t.Error(err)
		return
	}
	in := map[string]bool{}
	for _, c := range listed.Clients {
		in[c.ClientID] = c.RevokedOn == nil
	}
	for id, may := range o.clients {
		if got, ok := in[id]; !ok || got != may {
			t.Errorf("client %s: there %v, may get in %v; acknowledged was %v", id, ok, got, may)
		}
	}
}
