package racetest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/calendar"
	"github.com/allot-dev/allot/internal/service"
)

// plans are those that customers of races change between.
var plans = []billing.Code{"small", "large"}

// daily is a plan that allows so much of each feature a day.
func daily(code billing.Code, max int64) billing.PlanSpec {
	plan := billing.PlanSpec{Code: code, Name: string(code), Group: "teams", Status: billing.Published}
	for i, feature := range features {
		plan.Items = append(plan.Items, billing.ItemSpec{Feature: feature, Max: new(max + int64(i)), Reset: billing.Reset(calendar.Day)})
	}
	return plan
}

// fromEnv is a number that the environment gives, or another.
func fromEnv(t testing.TB, name string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s=%s: want a number", name, text)
	}
	return n
}

// race is a round: many callers ask nodes for a few customers.
type race struct {
	*world
	name    string
	nodes   []*node
	up      sync.RWMutex // locked while one of them is started anew
	racers  []*racer
	random  *rand.Rand
	clocks  []func() time.Time
	ticks   atomic.Int64
	catalog int64 // its revision at the beginning

	beside *service.Service // of a program beside the server, which some changes of facts are made by; or nil

	ahead bool     // a second window begins meanwhile
	cuts  bool     // callers give up
	fail  []func() // what goes wrong meanwhile, in equal distances

	ticking func() int64 // is the time of the histories, if not nil

	mu      sync.Mutex
	applied []porcupine.Operation // changes of the catalog
	unknown int
}

// rounds runs rounds, each with a seed of its own.
func rounds(t *testing.T, otherwise int, round func(t *testing.T, seed uint64, random *rand.Rand)) {
	n := fromEnv(t, "ALLOT_RACE_ROUNDS", uint64(otherwise))
	first := fromEnv(t, "ALLOT_RACE_SEED", rand.Uint64N(1_000_000))
	for seed := first; seed < first+n; seed++ {
		round(t, seed, rand.New(rand.NewPCG(seed, 0)))
		if t.Failed() {
			t.Fatalf("ALLOT_RACE_SEED=%d ALLOT_RACE_ROUNDS=1 runs the like again", seed)
		}
	}
}

// newRace is a race of one to three customers on nodes whose clocks are apart.
func newRace(t testing.TB, w *world, name string, random *rand.Rand, nodes int, ahead bool) *race {
	t.Helper()
	r := &race{world: w, name: name, random: random, ahead: ahead}
	w.do(func(u *service.Work) error {
		_, err := u.ApplyCatalog(billing.CatalogSpec{Plans: []billing.PlanSpec{daily("small", 10), daily("large", 30)}})
		return err
	})
	for range 1 + random.IntN(3) {
		one := &racer{id: w.customer("small"), began: w.now}
		r.racers = append(r.racers, one)
	}
	catalog, err := w.Catalog(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r.catalog = catalog.Rev
	offs := []time.Duration{0, 30 * time.Second, -time.Hour}
	w.now = w.now.Add(12 * time.Hour)
	if ahead { // the end of a window is near, and records are at most 5 minutes ahead
		offs = []time.Duration{0, 2 * time.Second, -2 * time.Second}
		w.now = w.now.Add(12*time.Hour - 1500*time.Millisecond)
	}
	r.startAll(offs[:nodes])
	return r
}

// startAll starts nodes whose clocks are off by some time.
func (r *race) startAll(offs []time.Duration) {
	r.t.Helper()
	w := r.world
	for i := range offs {
		r.nodes = append(r.nodes, nil)
		r.clocks = append(r.clocks, func() time.Time { return w.now.Add(offs[i] + time.Duration(r.ticks.Add(1))*5*time.Millisecond) })
		r.start(i)
	}
}

// start starts a node, or starts it anew: who asks it meanwhile waits, and who has
// asked it may have no answer.
func (r *race) start(i int) {
	r.t.Helper()
	r.up.Lock()
	defer r.up.Unlock()
	if r.nodes[i] != nil {
		r.nodes[i].stop()
	}
	r.nodes[i] = r.serve(r.clocks[i])
}

// at is a node that is up.
func (r *race) at(i int) *node {
	r.up.RLock()
	defer r.up.RUnlock()
	return r.nodes[i%len(r.nodes)]
}

// run runs the race and holds what was answered against all laws.
func (r *race) run(t *testing.T) {
	t.Helper()
	began := r.call(func(caller int, random *rand.Rand, began time.Time) { r.ask(t, caller, random, began) })
	r.atLast(t, began)
	r.hold(t)
	r.stop()
}

// call has callers ask, while what is to fail fails.
func (r *race) call(ask func(caller int, random *rand.Rand, began time.Time)) (began time.Time) {
	const callers, calls = 12, 20
	every := int64(callers * calls / (len(r.fail) + 1))
	due := make(chan struct{}, len(r.fail))
	var asked atomic.Int64
	seed := r.random.Uint64()
	began = time.Now()
	var wg, failing sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(seed, uint64(c)))
			for range calls {
				ask(c, random, began)
				if n := asked.Add(1); n%every == 0 && n/every <= int64(len(r.fail)) {
					due <- struct{}{}
				}
			}
		})
	}
	failing.Go(func() {
		for _, fail := range r.fail {
			<-due
			fail()
		}
	})
	wg.Wait()
	failing.Wait()
	return began
}

func (r *race) stop() {
	for _, n := range r.nodes {
		n.stop()
	}
}

// ask has a caller ask for something.
func (r *race) ask(t testing.TB, caller int, random *rand.Rand, began time.Time) {
	one := r.racers[random.IntN(len(r.racers))]
	req := one.next(random, r.ahead)
	ctx, cancel := r.patience(random)
	defer cancel()
	call := r.since(began)
	if req.read {
		if err := one.look(ctx, r.at(caller)); err != nil && len(r.fail) == 0 && !r.cuts {
			t.Errorf("%s: %v", r.name, err)
		}
		return
	}
	in, s := req.inputs[0], r.at(caller).Service
	if r.beside != nil && (in.kind.changes() || in.kind == apply) && random.IntN(2) == 0 {
		s = r.beside
	}
	if in.kind == migrate {
		done, err := s.MigratePlan(ctx, "test", service.Migration{Plan: in.plan, Limit: 100})
		r.note(t, one, req, []output{one.migrated(done, err)})
		for _, each := range r.racers { // it is about all
			each.noted(req, []output{each.migrated(done, err)}, call, r.since(began))
		}
		return
	}
	outs := one.ask(ctx, s, req)
	// What has a key is sent again, elsewhere, until it has an answer; or once, and it
	// is left open what became of it.
	for try := 1; outs[0].unknown && in.key != 0 && try < 1+in.key%2*5; try++ {
		if r.ticking == nil { // else others may wait for the answers of those
			caller++
		}
		outs = one.ask(t.Context(), r.at(caller).Service, req)
	}
	r.note(t, one, req, outs)
	if in.kind == apply {
		r.mu.Lock()
		defer r.mu.Unlock()
		op := porcupine.Operation{Input: in, Output: outs[0], Call: call, Return: r.since(began)}
		if outs[0].unknown {
			op.Return = never
		}
		r.applied = append(r.applied, op)
		return
	}
	one.noted(req, outs, call, r.since(began))
}

// since is the time of the histories.
func (r *race) since(began time.Time) int64 {
	if r.ticking != nil {
		return r.ticking()
	}
	return time.Since(began).Nanoseconds()
}

// patience is what a caller has who may give up.
func (r *race) patience(random *rand.Rand) (context.Context, context.CancelFunc) {
	if r.cuts && r.ticking == nil && random.IntN(10) == 0 {
		return context.WithTimeout(r.t.Context(), time.Duration(random.IntN(3000))*time.Microsecond)
	}
	return r.t.Context(), func() {}
}

// note counts what has no answer, which nothing must be without where nothing fails.
func (r *race) note(t testing.TB, one *racer, req request, outs []output) {
	if !outs[0].unknown {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unknown++
	if len(r.fail) == 0 && !r.cuts {
		t.Errorf("%s: %v of %v: %s", r.name, req, one.id, outs[0].fault)
	}
}

// atLast asks once more when all is over. What it is told is all that there is.
func (r *race) atLast(t testing.TB, began time.Time) {
	t.Helper()
	for _, one := range r.racers {
		req := request{inputs: []input{{kind: check, units: 1}, {kind: check, units: 1, feature: 1}}}
		call := r.since(began)
		outs := one.ask(t.Context(), r.at(0).Service, req)
		for range 10 { // connections that have gone are noticed when they are used
			if outs[0].unknown {
				outs = one.ask(t.Context(), r.at(0).Service, req)
			}
		}
		if outs[0].unknown {
			t.Fatalf("%s: %s", r.name, outs[0].fault)
		}
		one.noted(req, outs, call, r.since(began))
	}
}

// hold holds what was answered against all laws.
func (r *race) hold(t testing.TB) {
	t.Helper()
	node := r.at(0).Service
	ops := 0
	for i, one := range r.racers {
		one.read(t, node, one.id)
		name := fmt.Sprintf("%s, customer %d", r.name, i)
		if err := one.settle(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		one.laws(t, name)
		one.holdReads(t, name)
		for _, of := range one.ops {
			ops += len(of)
		}
	}
	catalog, err := node.Catalog(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	lawOfCatalog(t, r.name, r.catalog, catalog.Rev, r.applied, r.racers)
	_, _, err = node.Verify(t.Context(), func(d service.Drift) { t.Errorf("%s: drift of %v: %s", r.name, d.Customer, d.Message) })
	if err != nil {
		t.Error(err)
	}
	t.Logf("%s: %d histories of %d operations, %d without an answer", r.name, len(r.racers)*len(features)+1, ops, r.unknown)
}

// Whatever three nodes whose clocks are apart are asked at once, all answers are
// those of one after the other. In some rounds a window ends meanwhile.
func TestNodesAreLinearizable(t *testing.T) {
	rounds(t, 3, func(t *testing.T, seed uint64, random *rand.Rand) {
		newRace(t, newWorld(t), fmt.Sprint("seed ", seed), random, 3, random.IntN(2) == 0).run(t)
	})
}
