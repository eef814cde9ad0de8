package racetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/feed"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/snapshot"
	"github.com/allot-dev/allot/internal/store"
)

// A simulation is a race that a seed decides, all of it: what is asked of which node, what
// meets what, what is cut, which node hears of what when, and what each takes for the
// time. One goroutine does everything. While a node waits for the store, others come
// between: that is where a seed makes things meet. So a seed fails the same way again.
//
//	ALLOT_SIM_SEEDS=10000 ALLOT_SIM_SEED=1 go test ./internal/service/racetest -run Simulation -v -timeout 4h

// fault is one that is made on purpose, to see that a simulation finds it.
type fault string

const (
	faultNone      fault = ""
	faultRunAgain  fault = "a commit of unknown outcome is run again"
	faultUnfenced  fault = "facts are not looked at under the lock"
	faultTwoLeases fault = "a lease is held by two"
)

const (
	simNodes = 3
	simSteps = 40
)

type simulation struct {
	*race
	n       *rand.Rand
	tick    int64
	cuts    int   // of a thousand
	asking  []int // nodes that wait for the store, the outermost first
	unknown int   // commits that were not told of
	met     int   // what came between
	asked   int
	fault   fault

	feeds    []*feed.Feed
	looks    []func(context.Context) error
	stores   []*store.Store
	follower []*follower
	handing  map[int]bool // nodes that hand over
	handed   []int64      // places, as they were handed over
	quiet    bool         // nothing comes between any more
}

// follower is one that all nodes run, of which one at a time is to be handed anything.
type follower struct {
	sim  *simulation
	node int
}

func (f *follower) Name() string { return "simulated" }

func (f *follower) Follow(_ context.Context, entries []feed.Entry) error {
	s := f.sim
	for node, handing := range s.handing {
		if handing && node != f.node {
			s.t.Errorf("entries behind %d are handed over by node %d, while node %d does", entries[0].Seq-1, f.node, node)
		}
	}
	s.handing[f.node] = true
	defer func() { s.handing[f.node] = false }()
	s.between(f.node, true)
	if s.happens(s.cuts) {
		return errCut
	}
	for _, e := range entries {
		s.handed = append(s.handed, e.Seq)
	}
	return nil
}

// happens reports whether what happens so many times of a thousand does.
func (s *simulation) happens(of int) bool { return !s.quiet && s.n.IntN(1000) < of }

// between is a moment in which others may come: another node is asked, or some node hears
// of changes. Who is in the middle of reading facts hears of none: it would wait for
// itself.
func (s *simulation) between(node int, all bool) {
	if s.quiet || len(s.asking) >= simNodes || !s.happens(250) {
		return
	}
	var idle []int
	for i := range simNodes {
		if !slices.Contains(s.asking, i) && i != node {
			idle = append(idle, i)
		}
	}
	if len(idle) == 0 {
		return
	}
	s.met++
	if s.asking = append(s.asking, node); !all || s.n.IntN(3) > 0 {
		s.ask(s.t, idle[s.n.IntN(len(idle))], s.n, time.Time{})
	} else {
		s.hear(idle[s.n.IntN(len(idle))])
	}
	s.asking = s.asking[:len(s.asking)-1]
}

// ask asks a node, which others do not ask at the same time: it would make them wait, for
// the one goroutine that there is.
func (s *simulation) ask(t testing.TB, node int, random *rand.Rand, began time.Time) {
	s.asked++
	s.asking = append(s.asking, node)
	s.race.ask(t, node, random, began)
	s.asking = s.asking[:len(s.asking)-1]
}

// hear has a node do one of what it does in the background.
func (s *simulation) hear(node int) {
	ctx := s.t.Context()
	var err error
	switch s.n.IntN(3) {
	case 0:
		err = s.looks[node](ctx)
	case 1:
		_, err = s.feeds[node].SequenceOnce(ctx)
	default:
		if !s.handing[node] {
			_, err = s.feeds[node].FollowOnce(ctx, s.follower[node])
		}
	}
	if err != nil && !errors.Is(err, errCut) {
		s.t.Errorf("node %d hears of changes: %v", node, err)
	}
}

// template is a database that has the first catalog, to begin each seed with.
func template(t testing.TB) []byte {
	t.Helper()
	name := filepath.Join(t.TempDir(), "allot.db")
	w := &world{t: t, url: "sqlite:" + name, now: noon.AddDate(-1, 0, 0)}
	st, err := store.Open(t.Context(), store.Options{URL: w.url})
	if err != nil {
		t.Fatal(err)
	}
	w.Service = &service.Service{Store: st, Clock: func() time.Time { return w.now }}
	w.do(func(u *service.Work) error { _, err := u.ApplyCatalog(catalog()); return err })
	if err := st.Close(); err != nil { // which takes the log into the file
		t.Fatal(err)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// seededReader gives ids that the seed decides.
type seededReader struct{ n *rand.Rand }

func (r seededReader) Read(into []byte) (int, error) {
	for i := range into {
		into[i] = byte(r.n.Uint32())
	}
	return len(into), nil
}

var _ io.Reader = seededReader{}

// simulate runs a seed.
func simulate(t testing.TB, from []byte, dir string, seed uint64, of fault) *simulation {
	t.Helper()
	n := rand.New(rand.NewPCG(seed, 1))
	dir, err := os.MkdirTemp(dir, "seed")
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "allot.db")
	if err := os.WriteFile(name, from, 0o600); err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, url: "sqlite:" + name, now: noon}
	s := &simulation{n: n, fault: of, handing: map[int]bool{}, quiet: true}
	defer func() {
		for _, st := range s.stores {
			if err := st.Close(); err != nil {
				t.Error(err)
			}
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	}()
	for range simNodes {
		st, err := store.Open(t.Context(), store.Options{URL: w.url})
		if err != nil {
			t.Fatal(err)
		}
		s.stores = append(s.stores, st)
	}
	w.Service = &service.Service{Store: s.stores[0], Clock: func() time.Time { return w.now }, Random: seededReader{n}}
	s.race = &race{world: w, name: fmt.Sprint("seed ", seed), random: n}
	s.race.cuts, s.ticking = true, func() int64 { s.tick++; return s.tick * 1000 }
	cuts := []int{0, 10, 40}[n.IntN(3)]
	s.ahead = cuts == 0 && n.IntN(2) == 0 // of what was not answered the model does not know the window
	s.begin(t)
	s.cuts, s.quiet = cuts, false
	for range simSteps {
		if s.n.IntN(4) == 0 {
			s.hear(s.n.IntN(simNodes))
		} else {
			s.ask(t, s.n.IntN(simNodes), s.n, time.Time{})
		}
	}
	s.quiet = true
	s.end(t)
	return s
}

// begin makes customers and nodes, whose clocks are apart.
func (s *simulation) begin(t testing.TB) {
	t.Helper()
	w := s.world
	w.do(func(u *service.Work) error {
		_, err := u.ApplyCatalog(billing.CatalogSpec{Plans: []billing.PlanSpec{daily("small", 10), daily("large", 30)}})
		return err
	})
	for range 1 + s.n.IntN(2) {
		s.racers = append(s.racers, &racer{id: w.customer("small"), began: w.now})
	}
	catalog, err := w.Catalog(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.catalog = catalog.Rev
	offs := []time.Duration{0, time.Duration(s.n.IntN(60)) * time.Second, -time.Duration(s.n.IntN(3600)) * time.Second}
	w.now = w.now.Add(12 * time.Hour)
	if s.ahead { // the end of a window is near, and records are at most 5 minutes ahead
		offs = []time.Duration{0, 2 * time.Second, -2 * time.Second}
		w.now = w.now.Add(12*time.Hour - 1500*time.Millisecond)
	}
	for i, st := range s.stores {
		clock := func() time.Time {
			return w.now.Add(offs[i] + time.Duration(s.ticks.Add(1))*time.Duration(1+s.n.IntN(9))*time.Millisecond)
		}
		through := &simulated{Store: st, sim: s, node: i}
		cache := snapshot.New(snapshot.Options{Store: through, Clock: clock, Bytes: 1 << 20})
		st.OnCommit(cache.Heard)
		s.nodes = append(s.nodes, &node{
			Service: &service.Service{Store: through, Clock: clock, Random: seededReader{s.n}, Known: cache.Known}, Cache: cache, stop: func() {},
		})
		// Leases are by one clock: what becomes of them when clocks are apart is no law.
		s.feeds = append(s.feeds, feed.New(feed.Options{
			Store: &simulatedFeed{st.ForFeed(), s, i}, Clock: func() time.Time { return w.now.Add(time.Duration(s.tick) * time.Millisecond) }, Holder: fmt.Sprint("node ", i),
		}))
		s.looks = append(s.looks, s.feeds[i].Looks(cache))
		s.follower = append(s.follower, &follower{s, i})
		if err := s.looks[i](t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// end asks once more and holds all against the laws: those of what was answered, and those
// of the feed, in which each change has one place, of each scope in the order of its
// revisions, and all of which was handed over.
func (s *simulation) end(t testing.TB) {
	t.Helper()
	for _, look := range s.looks {
		if err := look(t.Context()); err != nil {
			t.Error(err)
		}
	}
	s.atLast(t, time.Time{})
	s.race.hold(t)
	for i := range simNodes {
		s.tick += 60_000 // leases end
		for _, feed := range []*feed.Feed{s.feeds[i]} {
			if _, err := feed.SequenceOnce(t.Context()); err != nil {
				t.Error(err)
			}
			if _, err := feed.FollowOnce(t.Context(), s.follower[i]); err != nil {
				t.Error(err)
			}
		}
	}
	err := s.stores[0].ForFeed().View(t.Context(), func(r feed.Reader) error {
		entries, err := r.Feed(0, 10_000)
		if err != nil {
			return err
		}
		if waiting, err := r.Unsequenced(1); err != nil || len(waiting) > 0 {
			t.Errorf("%v has no place: %v", waiting, err)
		}
		revs := map[billing.Scope]int64{}
		for i, e := range entries {
			if e.Seq != int64(i+1) {
				t.Errorf("place %d is the %dth", e.Seq, i+1)
			}
			if e.Event == "" {
				if e.Rev <= revs[e.Scope] {
					t.Errorf("place %d has revision %d of %s, behind %d", e.Seq, e.Rev, e.Scope, revs[e.Scope])
				}
				revs[e.Scope] = e.Rev
			}
			if !slices.Contains(s.handed, e.Seq) {
				t.Errorf("place %d was handed over to nobody", e.Seq)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	for _, node := range s.nodes {
		node.Close()
	}
}

// findings are what a simulation finds, kept from the test that runs it.
type findings struct {
	testing.TB
	said []string
}

var errFatal = errors.New("fatal")

func (f *findings) Helper()             {}
func (f *findings) Logf(string, ...any) {}
func (f *findings) Failed() bool        { return len(f.said) > 0 }
func (f *findings) Error(args ...any)   { f.said = append(f.said, fmt.Sprint(args...)) }
func (f *findings) Errorf(format string, args ...any) {
	f.said = append(f.said, fmt.Sprintf(format, args...))
}
func (f *findings) Fatal(args ...any)                 { f.Error(args...); panic(errFatal) }
func (f *findings) Fatalf(format string, args ...any) { f.Errorf(format, args...); panic(errFatal) }

// find runs a seed and returns what it finds.
func find(t *testing.T, from []byte, dir string, seed uint64, of fault) (found []string, s *simulation) {
	f := &findings{TB: t}
	defer func() {
		found = f.said
		if p := recover(); p != nil && p != any(errFatal) {
			panic(p)
		}
	}()
	s = simulate(f, from, dir, seed, of)
	return nil, s
}

// All that three nodes answer, whatever meets what, whatever is cut and whoever hears of
// it late, is what one node would answer that is asked one thing after the other.
func TestSimulation(t *testing.T) {
	from, dir := template(t), t.TempDir()
	first, seeds := fromEnv(t, "ALLOT_SIM_SEED", rand.Uint64N(1<<32)), fromEnv(t, "ALLOT_SIM_SEEDS", 60)
	began := time.Now()
	met, unknown, asked := 0, 0, 0
	for seed := first; seed < first+seeds; seed++ {
		found, s := find(t, from, dir, seed, faultNone)
		if len(found) > 0 {
			t.Fatalf("ALLOT_SIM_SEED=%d ALLOT_SIM_SEEDS=1 runs it again:\n%s", seed, strings.Join(found, "\n"))
		}
		met, unknown, asked = met+s.met, unknown+s.unknown, asked+s.asked
	}
	t.Logf("%d seeds from %d, %d requests, %d that came between others, %d commits that were not told of: %.0f seeds a minute",
		seeds, first, asked, met, unknown, float64(seeds)/time.Since(began).Minutes())
}

// A simulation finds what it is for.
func TestSimulationFinds(t *testing.T) {
	from, dir := template(t), t.TempDir()
	for _, of := range []fault{faultRunAgain, faultUnfenced, faultTwoLeases} {
		t.Run(string(of), func(t *testing.T) {
			const most = 300
			for seed := range uint64(most) {
				if found, _ := find(t, from, dir, seed, of); len(found) > 0 {
					t.Logf("seed %d: %s", seed, found[0])
					return
				}
			}
			t.Errorf("not found in %d seeds", most)
		})
	}
}

// A seed is the same simulation again.
func TestSimulationIsOfItsSeed(t *testing.T) {
	from, dir := template(t), t.TempDir()
	for seed := range uint64(5) {
		var lines [2]string
		for i := range lines {
			_, s := find(t, from, dir, seed, faultNone)
			var b strings.Builder
			for _, one := range s.racers {
				for _, ops := range one.ops {
					for _, op := range ops {
						fmt.Fprintln(&b, op.Call, op.Return, describe(op.Input, op.Output))
					}
				}
			}
			lines[i] = b.String()
		}
		if lines[0] != lines[1] || lines[0] == "" {
			t.Errorf("seed %d:\n%s\nand then\n%s", seed, lines[0], lines[1])
		}
	}
}
