package racetest

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/jackc/pgx/v5"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
)

// standoff is a schedule in the database itself, for whatever way usage is written:
// somebody holds a row; a request comes to wait for it; a change of facts is asked of
// another node until it is acknowledged, or waits for the request; and if it is
// acknowledged a check is asked. Then the row is let go.
type standoff struct {
	*world
	*racer
	t     *testing.T
	locks *pgx.Conn
	tick  int64
	ops   []porcupine.Operation
}

// newStandoff has a customer on the large plan, and if used is set, who has used one
// unit on the node that will be asked for more.
func newStandoff(t *testing.T, w *world, used bool) *standoff {
	t.Helper()
	s := &standoff{world: w, t: t}
	s.do(func(u *service.Work) error {
		_, err := u.ApplyCatalog(billing.CatalogSpec{Plans: []billing.PlanSpec{daily("small", 10), daily("large", 30)}})
		return err
	})
	s.racer = &racer{id: s.customer("large"), began: s.now}
	if used {
		s.one(s.other, input{kind: consume, units: 1})
	}
	return s
}

// one asks for something and notes it.
func (s *standoff) one(node *service.Service, in input) output {
	s.tick += 1000
	call := s.tick
	if in.kind == migrate {
		return s.answered(in, call, s.migrated(node.MigratePlan(s.t.Context(), "test", service.Migration{Plan: in.plan, Limit: 1000})))
	}
	return s.answered(in, call, s.ask(s.t.Context(), node, request{inputs: []input{in}})[0])
}

func (s *standoff) answered(in input, call int64, out output) output {
	s.tick += 1000
	op := porcupine.Operation{Input: in, Output: out, Call: call, Return: s.tick}
	if out.unknown {
		op.Return = never
	}
	if in.kind != apply { // which is nothing that the customer sees
		s.ops = append(s.ops, op)
	}
	return out
}

// waiting are the connections of the test's own schema that wait for others.
const waiting = `select distinct w.pid from pg_locks w
	join pg_locks h on h.pid = w.pid join pg_class c on c.oid = h.relation
	where not w.granted and c.relnamespace = current_schema()::regnamespace`

// waiting is how many transactions of the test wait for others.
func (s *standoff) waiting() (n int) {
	s.t.Helper()
	err := s.locks.QueryRow(s.t.Context(), "select count(*) from ("+waiting+") w").Scan(&n)
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

// until waits for something to be so.
func (s *standoff) until(what string, so func() bool) {
	s.t.Helper()
	for began := time.Now(); !so(); runtime.Gosched() {
		if time.Since(began) > 30*time.Second {
			s.t.Fatalf("after 30 s it is not so that %s", what)
		}
	}
}

var errLetGo = errors.New("let go")

// hold has a transaction hold what take takes, until it is let go; then nothing is
// left of it.
func (s *standoff) hold(take func(service.Tx) error) (letGo func()) {
	s.t.Helper()
	var err error
	if s.locks, err = pgx.Connect(s.t.Context(), s.url); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		if err := s.locks.Close(context.WithoutCancel(s.t.Context())); err != nil {
			s.t.Error(err)
		}
	})
	taken, let, ended := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() {
		ended <- s.Store.Update(context.Background(), func(tx service.Tx) error {
			if err := take(tx); err != nil {
				return err
			}
			close(taken)
			<-let
			return errLetGo
		})
	}()
	select {
	case <-taken:
	case err := <-ended:
		s.t.Fatal(err)
	}
	return func() {
		close(let)
		if err := <-ended; !errors.Is(err, errLetGo) {
			s.t.Error(err)
		}
	}
}

// run runs the schedule and holds what was answered against the strictest law: one
// after the other, checks too.
func (s *standoff) run(take func(service.Tx) error, act, change input) {
	s.t.Helper()
	letGo := s.hold(take)
	s.tick += 1000
	began := s.tick
	acted, changed := make(chan output, 1), make(chan output, 1)
	go func() { acted <- s.ask(s.t.Context(), s.other, request{inputs: []input{act}})[0] }()
	s.until("the request waits", func() bool { return s.waiting() == 1 })
	s.tick += 1000
	asked := s.tick
	go func() { changed <- s.ask(s.t.Context(), s.Service, request{inputs: []input{change}})[0] }()
	s.until("the change is made, or waits", func() bool { return len(changed) == 1 || s.waiting() == 2 })
	check := input{kind: check, units: 1}
	acknowledged := len(changed) == 1
	if acknowledged {
		s.answered(change, asked, <-changed)
		s.one(s.Service, check)
	}
	letGo()
	s.answered(act, began, <-acted)
	if !acknowledged {
		s.answered(change, asked, <-changed)
	}
	s.one(s.Service, check)
	s.whole()
}

// whole holds what was answered against the strictest law.
func (s *standoff) whole() {
	s.t.Helper()
	s.read(s.t, s.Service, s.id)
	if err := linear(law{&s.facts, true, true}.model(), s.ops); err != nil {
		s.t.Errorf("%vby the terms\n%v", err, &s.facts)
	}
}

// counter is what whoever writes usage takes.
func (s *standoff) counter(tx service.Tx) error {
	_, err := tx.LockCounters(s.id, features[0], s.now, s.now)
	return err
}

// answer is what whoever says something under the key takes.
func (s *standoff) answer(tx service.Tx) error {
	return tx.CreateAnswers(service.StoredAnswer{Scope: s.id.Scope(), Key: "key1", Fingerprint: []byte{1}, CreatedOn: s.now})
}

// changes are those of facts that leave less.
var changes = map[string]input{
	"downgrade":  {kind: planTo, plan: "small"},
	"override":   {kind: overrideTo, units: 5},
	"suspension": {kind: suspend, units: 1},
}

// What waits for the counter while facts change is decided by those that are there
// when it has it.
func TestChangeWhileCounterIsHeld(t *testing.T) {
	w := newWorld(t)
	for name, change := range changes {
		for what, act := range map[string]input{
			"consume": {kind: consume, units: 20},
			"key":     {kind: consume, units: 20, key: 1},
			"hold":    {kind: hold, units: 20},
			"record":  {kind: record, units: 20},
		} {
			for _, used := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%s/used=%t", name, what, used), func(t *testing.T) {
					s := newStandoff(t, w, used)
					s.run(s.counter, act, change)
				})
			}
		}
	}
	w.verify()
}

// So is what waits while the catalog changes: what is used up in the window of now may
// not be used again in that of before.
func TestCatalogChangesWhileCounterIsHeld(t *testing.T) {
	s := newStandoff(t, newWorld(t), false)
	s.subscribe(s.id, "bare")
	s.override(s.id, 150)
	s.now = s.now.AddDate(0, 0, 2)
	s.record(s.id, 140)
	s.now = s.now.AddDate(0, 0, 2)
	ctx := t.Context()
	take := func(node *service.Service, n int64) (d billing.Decision) {
		what := service.Counting{Customer: s.id, Features: features[:1]}
		err := node.Count(ctx, "test", what, func(u *service.Work) (err error) { d, err = u.Consume(s.id, features[0], units(n)); return err })
		if err != nil {
			t.Error(err)
		}
		return d
	}
	if got, want := said(take(s.other, 4), nil), "true within_limit: 4 used, 0 held of 150"; got != want {
		t.Fatalf("%s, want %s", got, want)
	}
	letGo := s.hold(s.counter)
	taken := make(chan billing.Decision, 1)
	go func() { taken <- take(s.other, 10) }()
	s.until("consume waits", func() bool { return s.waiting() == 1 })
	s.do(func(u *service.Work) error { _, err := u.ApplyCatalog(resetting(billing.ResetNever)); return err })
	letGo()
	if got, want := said(<-taken, nil), "false limit_reached: 144 used, 0 held of 150"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	s.verify()
}

// Whatever a node knows of a feature, what another does meanwhile counts: also at the
// same instant, and where the node would refuse.
func TestNodesTakeTurns(t *testing.T) { newWorld(t).takeTurns(t) }

// So does what a program does beside the server on SQLite.
func TestServerTakesTurns(t *testing.T) {
	w := worldOn(t, "sqlite:"+filepath.Join(t.TempDir(), "allot.db"))
	w.other = w.serve(func() time.Time { return w.now }).Service
	w.takeTurns(t)
}

func (w *world) takeTurns(t *testing.T) {
	for name, between := range map[string][]input{
		"consume":         {{kind: consume, units: 19}},
		"record":          {{kind: record, units: 19}},
		"hold":            {{kind: hold, units: 19}},
		"confirm":         {{kind: confirm}},
		"release":         {{kind: release}},
		"use and release": {{kind: consume, units: 3}, {kind: release}}, // as much is left
		"downgrade":       {changes["downgrade"]},
		"override":        {changes["override"]},
		"suspension":      {changes["suspension"]},
		"more":            {{kind: overrideTo, units: 60}},
		"less and back":   {changes["override"], {kind: overrideTo}},
		"other catalog":   {{kind: apply, plan: "large", units: 40}, {kind: migrate, plan: "large"}},
	} {
		for _, last := range []int64{2, 20, 30} {
			t.Run(fmt.Sprintf("%s/%d", name, last), func(t *testing.T) {
				s := newStandoff(t, w, true)
				held := s.one(s.other, input{kind: hold, units: 3}).hold
				s.one(s.other, input{kind: consume, units: last})
				for _, in := range between {
					if in.kind == confirm || in.kind == release {
						in.hold = held
					}
					s.one(s.Service, in)
				}
				s.one(s.other, input{kind: consume, units: last})
				s.one(s.other, input{kind: hold, units: 1})
				s.one(s.other, input{kind: check, units: 1})
				s.one(s.Service, input{kind: check, units: 1})
				s.whole()
			})
		}
	}
	w.verify()
}

// A request whose connection ends before its commit is answered has happened once or
// not at all; what the node knew is as good as what there is.
func TestConnectionEndsBeforeCommit(t *testing.T) {
	w := newWorld(t)
	for _, in := range []input{{kind: consume, units: 3}, {kind: consume, units: 19}, {kind: check, units: 1}} {
		t.Run(in.String(), func(t *testing.T) {
			s := newStandoff(t, w, true)
			letGo := s.hold(s.answer)
			s.tick += 1000
			act, call := input{kind: consume, units: 5, key: 1}, s.tick
			acted := make(chan output, 1)
			go func() { acted <- s.ask(t.Context(), s.other, request{inputs: []input{act}})[0] }()
			s.until("the request waits", func() bool { return s.waiting() == 1 })
			if _, err := s.locks.Exec(t.Context(), "select pg_terminate_backend(pid) from ("+waiting+") w"); err != nil {
				t.Fatal(err)
			}
			letGo()
			s.answered(act, call, <-acted)
			s.one(s.Service, in)
			s.one(s.other, input{kind: consume, units: 5})
			s.one(s.other, input{kind: consume, units: 30})
			s.one(s.Service, input{kind: check, units: 1})
			s.whole()
		})
	}
	w.verify()
}

// A change of facts that is acknowledged has nothing before it that is still to come: a
// check then counts what was decided by the facts of before, whether the request waits
// with its answer, between statement and commit, or has yet to begin the counter.
func TestCheckAfterChangeWhileAnswerIsHeld(t *testing.T) {
	w := newWorld(t)
	for name, change := range changes {
		for _, used := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/used=%t", name, used), func(t *testing.T) {
				s := newStandoff(t, w, used)
				s.run(s.answer, input{kind: consume, units: 20, key: 1}, change)
			})
		}
	}
	w.verify()
}
