package service_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/creditmodel"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/usage"
)

// Many reports of one request count as the same ones by themselves do.
func TestCreditsInBulk(t *testing.T) {
	for seed := range int64(env("ALLOT_CREDIT_SEEDS", 8)) {
		seed += int64(env("ALLOT_CREDIT_SEED", 1))
		r := rand.New(rand.NewPCG(uint64(seed), 3))
		w := newWorld(t)
		of := creditmodel.NewWorld(seed)
		runner := creditmodel.NewRunner(of)
		n := sourceNames{runner, newReplay(t, w, of)}
		for _, s := range creditmodel.Script(seed, env("ALLOT_CREDIT_STEPS", 60)) {
			if n.replay.apart(s) {
				continue
			}
			runner.Run(s)
			n.replay.run(s)
			n.alike(t, s.String(), s.At)
			if s.N > 5 && r.IntN(4) == 0 {
				n.bulk(t, r, s.N, s.At)
			}
		}
		verifyClean(t, w)
	}
}

// bulk has both count some late usage, and corrections of what was there before.
func (n sourceNames) bulk(t *testing.T, r *rand.Rand, after int, now time.Time) {
	t.Helper()
	var reports []usage.Report
	var want []string
	for i := range 1 + r.IntN(5) {
		s := creditmodel.Step{N: 1000*(after+1) + i, At: now, Op: creditmodel.OpUse, When: now.Add(-time.Duration(r.IntN(20*24)) * time.Hour)}
		s.Feature = []string{creditmodel.Calls, creditmodel.CreditsOf, creditmodel.Images, creditmodel.Chats}[r.IntN(4)]
		s.Units = creditmodel.Units(1+r.IntN(150)) * creditmodel.One
		if s.When.Before(n.replay.of.Start) {
			s.When = n.replay.of.Start
		}
		reports = append(reports, usage.Report{Feature: billing.Code(s.Feature), Value: unitsOf(s.Units), Stamp: s.When, Kind: usage.Delta})
		a := n.runner.Run(s)
		want = append(want, a.Code)
	}
	var out []service.UsageOutcome
	if code := n.replay.do(func(u *service.Work) (err error) {
		out, err = u.RecordUsage(n.replay.id, reports)
		return err
	}); code != "" {
		t.Fatal(code)
	}
	for i := range out {
		if got := n.replay.codeOf(out[i].Err); got != want[i] {
			t.Fatalf("step %d at %s: report %d of %+v: %s, want %s", after, now, i, reports, got, want[i])
		}
	}
	n.alike(t, fmt.Sprintf("step %d and %+v", after, reports), now)
}

// alike holds what there is now by the service against the model.
func (n sourceNames) alike(t *testing.T, after string, now time.Time) {
	t.Helper()
	for _, feature := range []string{creditmodel.Calls, creditmodel.CreditsOf} {
		s := creditmodel.Step{N: -1, At: now, When: now, Op: creditmodel.OpCredits, Feature: feature}
		answer, told := n.runner.Run(s), n.replay.run(s)
		if want, got := n.modelText(s, answer, &told), n.serviceText(s, &told); want != got {
			t.Fatalf("after %s at %s:\n model:   %s\n service: %s", after, now, want, got)
		}
	}
}

// Scripts in which the service and the model once differed, as far as they did.
func TestCreditsThatOnceDiffered(t *testing.T) {
	for _, once := range []struct {
		seed  int64
		steps int
	}{
		{31, 30}, {59, 90}, {108, 45}, {117, 60}, {137, 80}, {168, 66}, {173, 63}, {179, 131}, {192, 118}, {212, 33}, {245, 30},
		{266, 136}, {470, 15}, {525, 15}, {612, 85}, {1077, 60},
	} {
		w := newWorld(t)
		heldTo(t, w, creditmodel.NewWorld(once.seed), creditmodel.Script(once.seed, once.steps))
		verifyClean(t, w)
	}
}
