package service_test

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/creditmodel"
)

// Of both answers a text is made of what they have in common, and compared.

// sameCodes are what the model calls what the service calls otherwise.
var sameCodes = map[string][]string{
	"CORRECTION_TOO_LARGE": {"VALUE_INVALID", "METER_VALUE_INVALID"},
	"HOLD_EXCEEDED":        {"UNITS_INVALID"},
	"GRANT_INVALID":        {"EXPIRES_ON_INVALID", "AMOUNT_INVALID", "EFFECTIVE_ON_INVALID"},
}

func stamp(t time.Time) string {
	if t.IsZero() || !t.Before(creditmodel.Forever) {
		return "never"
	}
	return t.UTC().Format(time.RFC3339Nano)
}

func modelBound(u *creditmodel.Units) string {
	if u == nil {
		return "unlimited"
	}
	return u.String()
}

// sourceNames names the sources of both alike.
type sourceNames struct {
	runner *creditmodel.Runner
	replay *replay
}

var modelGiven = regexp.MustCompile(`^term/a(\d+)/([a-z]+)\.(\d+)/\d+$`)

func (n sourceNames) model(key string) string {
	if step, line, ok := n.runner.MadeBy(key); ok {
		return n.first(step, line, key)
	}
	if m := modelGiven.FindStringSubmatch(key); m != nil {
		step, _ := strconv.Atoi(m[1])
		return fmt.Sprintf("given %d %s %s", step, m[2], m[3])
	}
	switch {
	case strings.HasPrefix(key, "allowance("):
		return "addon"
	case strings.HasPrefix(key, "allowance"):
		return "own"
	case strings.HasPrefix(key, "rollover"):
		return "tail"
	}
	return key
}

func (n sourceNames) first(step, line int, key string) string {
	for other := range step {
		if s, _, ok := n.madeBy(other, key); ok {
			return fmt.Sprintf("step %d.%d", s, line)
		}
	}
	return fmt.Sprintf("step %d.%d", step, line)
}

func (n sourceNames) madeBy(step int, key string) (int, int, bool) {
	line, ok := n.runner.LineOf(step, key)
	return step, line, ok
}

func (n sourceNames) service(id string) string {
	parts := strings.Split(id, "/")
	switch {
	case id == billing.OwnSource:
		return "own"
	case parts[0] == "window":
		return "tail"
	case parts[0] == "addon":
		return "addon"
	case parts[0] == "term" && len(parts) >= 4:
		for step, agreement := range n.replay.plans {
			if agreement.String() == parts[1] {
				return fmt.Sprintf("given %d %s %s", step, parts[2], parts[3])
			}
		}
	}
	return n.replay.stepOf(id)
}

// nothing says of a reason that nothing may be used, so that what there is does not matter.
func nothing(reason string) bool {
	return reason == creditmodel.NotEntitled || reason == creditmodel.Suspended
}

// modelText is an answer of the model. Draws are shown if the service shows them.
func (n sourceNames) modelText(s creditmodel.Step, a creditmodel.Answer, b *told) string {
	if a.Code != "" {
		for _, code := range sameCodes[a.Code] {
			if code == b.code {
				return code
			}
		}
		return a.Code
	}
	var out []string
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if d := a.Decision; d != nil && nothing(d.Reason) {
		say("%s used %s held %s", d.Reason, d.Used, d.Held)
	} else if d != nil {
		say("allowed %t %s used %s held %s resets %s", d.Allowed, d.Reason, d.Used, d.Held, stamp(d.Resets))
		if s.Op != creditmodel.OpConfirm {
			say("limit %s remaining %s", modelBound(d.Limit), modelBound(d.Remaining))
		}
		if d.Pool != nil && s.Op != creditmodel.OpConfirm {
			say("pool %s units %s remaining %s", d.Pool.Feature, d.Pool.Units, modelBound(d.Pool.Remaining))
		}
		if b.decision != nil && b.decision.Pooled && s.Op != creditmodel.OpConfirm {
			say("overage %s", d.Overage)
		}
		if b.decision != nil && len(b.decision.Draws) > 0 {
			for _, draw := range d.Draws {
				if name := n.model(draw.Source); name != "uncovered" {
					say("draws %s of %s", draw.Units, name)
				}
			}
		}
	}
	if s.Op == creditmodel.OpUse && b.pooled {
		say("uncovered %s", a.Uncovered)
	}
	for _, g := range a.Grants {
		say("%s remaining %s drawn %s held %s debt %s", n.model(g.Grant.ID), g.Remaining, g.Drawn, g.Held, g.Debt)
		if !g.Ended.IsZero() {
			say("refundable %s", g.Refundable)
		}
	}
	if v := a.Void; v != nil && b.void != nil {
		say("void refundable %s debt %s", v.Refundable, v.Debt)
	}
	if c := a.Credits; c != nil {
		say("available %s debt %s held %s overage %s", modelBound(c.Available), c.Debt, c.Held, c.Overage)
		for _, src := range c.Sources {
			remaining := src.Remaining.String()
			if src.Amount == nil {
				remaining = "unlimited"
			}
			say("\n  %s %s amount %s remaining %s held %s ends %s", n.model(src.Key), src.Kind, modelBound(src.Amount), remaining, src.Held, stamp(src.Ends))
		}
	}
	return strings.Join(out, "; ")
}

func boundText(u *billing.Units) string {
	if u == nil {
		return "unlimited"
	}
	return u.String()
}

var classes = map[billing.CreditClass]string{
	billing.CreditRollover: "rollover", billing.CreditAllowance: "allowance", billing.CreditPromotional: "promotional", billing.CreditPaid: "paid",
}

func (n sourceNames) decisionText(s creditmodel.Step, d *billing.Decision) (out []string) {
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if nothing(string(d.Reason)) {
		say("%s used %s held %s", d.Reason, d.Used, d.Held)
		return out
	}
	limit := "unlimited"
	if d.Limit.Max != nil {
		limit = strconv.FormatInt(*d.Limit.Max, 10)
	}
	say("allowed %t %s used %s held %s resets %s", d.Allowed, d.Reason, d.Used, d.Held, stamp(d.Window.End))
	if s.Op != creditmodel.OpConfirm {
		say("limit %s remaining %s", limit, boundText(d.Remaining))
		if d.Pool != nil {
			say("pool %s units %s remaining %s", d.Pool.Feature, d.Pool.Units, boundText(d.Pool.Remaining()))
		}
		if d.Pooled {
			say("overage %s", d.Overage)
		}
	}
	for _, draw := range d.Draws {
		say("draws %s of %s", draw.Units, n.service(draw.Source))
	}
	return out
}

func (n sourceNames) serviceText(s creditmodel.Step, a *told) string {
	if a.code != "" {
		return a.code
	}
	var out []string
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if a.decision != nil {
		out = n.decisionText(s, a.decision)
	}
	if s.Op == creditmodel.OpUse && a.pooled {
		say("uncovered %s", a.uncovered)
	}
	for i := range a.grants {
		g := &a.grants[i]
		say("%s remaining %s drawn %s held %s debt %s", n.replay.stepOf(g.ID.String()), g.State.Remaining, g.State.Drawn, g.State.Held, g.State.Debt)
		if !g.EndedOn.IsZero() {
			say("refundable %s", g.State.Refundable)
		}
	}
	if a.void != nil {
		say("void refundable %s debt %s", a.void.State.Refundable, a.void.State.Debt)
	}
	if c := a.credits; c != nil {
		available := c.Available.String()
		if c.Unlimited {
			available = "unlimited"
		}
		say("available %s debt %s held %s overage %s", available, c.Debt, c.Held, c.Overage)
		for i := range c.Sources {
			src := &c.Sources[i]
			left := src.Left.String()
			if src.Unlimited() {
				left = "unlimited"
			}
			say("\n  %s %s amount %s remaining %s held %s ends %s", n.service(src.ID), classes[src.Class], boundText(src.Amount), left, src.Held, stamp(src.EndsOn))
		}
	}
	return strings.Join(out, "; ")
}

// heldTo runs steps on both and fails at the first difference. It returns what the service
// answered to each step.
func heldTo(t *testing.T, w *world, of creditmodel.World, steps []creditmodel.Step, before ...func(step int)) map[int]string {
	t.Helper()
	texts := make(map[int]string)
	runner := creditmodel.NewRunner(of)
	r := newReplay(t, w, of)
	r.way = w.way
	n := sourceNames{runner, r}
	both := func(s creditmodel.Step) (want, got string) {
		answer := runner.Run(s)
		told := r.run(s)
		if answer.Status == "repeated" { // the service answers how the grant stands since
			told.void = nil
		}
		return n.modelText(s, answer, &told), n.serviceText(s, &told)
	}
	for i, s := range steps {
		if r.apart(s) {
			continue
		}
		for _, fn := range before {
			fn(i)
		}
		if os.Getenv("ALLOT_CREDIT_TRACE") != "" {
			t.Log(s)
		}
		want, got := both(s)
		texts[s.N] = got
		if os.Getenv("ALLOT_CREDIT_TRACE") != "" {
			t.Log("  " + got)
		}
		if want == got && s.Op != creditmodel.OpCredits && s.Op != creditmodel.OpCheck && s.Op != creditmodel.OpState {
			for _, feature := range []string{creditmodel.Calls, creditmodel.CreditsOf} {
				look := creditmodel.Step{N: -1, At: s.At, When: s.At, Op: creditmodel.OpCredits, Feature: feature}
				if w, g := both(look); w != g {
					want, got = want+"\n"+feature+" afterwards: "+w, got+"\n"+feature+" afterwards: "+g
				}
			}
		}
		if want == got && s.Op == creditmodel.OpCredits {
			want, got = n.entitled(s)
		}
		if want != got {
			for _, before := range steps[max(0, i-200):i] {
				t.Log(before)
			}
			t.Fatalf("step %s\n model:   %s\n service: %s", s, want, got)
		}
	}
	return texts
}

// entitled is how all features stand at an instant, by both.
func (n sourceNames) entitled(s creditmodel.Step) (want, got string) {
	st, err := n.replay.EntitlementsAt(context.Background(), n.replay.id, s.When, s.KnownNow)
	if err != nil {
		n.replay.t.Fatal(err)
	}
	for i := range st.Features {
		d := &st.Features[i]
		code := string(d.Feature.Code)
		if !d.Granted || d.Suspended || n.replay.loose[code] {
			continue
		}
		m := n.runner.Model.Entitled(s.At, s.When, code, s.KnownNow)
		limit := "unlimited"
		if d.Limit.Max != nil {
			limit = strconv.FormatInt(*d.Limit.Max, 10)
		}
		want += fmt.Sprintf("\n  %s: limit %s used %s held %s remaining %s resets %s", code, modelBound(m.Limit), m.Used, m.Held, modelBound(m.Remaining), stamp(m.Resets))
		got += fmt.Sprintf("\n  %s: limit %s used %s held %s remaining %s resets %s", code, limit, d.Used, d.Held, boundText(d.Remaining), stamp(d.Window.End))
	}
	return want, got
}

// env is a number from the environment.
func env(name string, usual int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return usual
}

// The same as servers run it, and under keys, each request twice.
func TestCreditsOnce(t *testing.T) {
	for name, way := range map[string]way{"counting": runCounting, "once": runOnce} {
		t.Run(name, func(t *testing.T) {
			for seed := range int64(env("ALLOT_CREDIT_SEEDS", 10)) {
				seed += int64(env("ALLOT_CREDIT_SEED", 1))
				w := newWorld(t)
				w.way = way
				heldTo(t, w, creditmodel.NewWorld(seed), creditmodel.Script(seed, env("ALLOT_CREDIT_STEPS", 50)))
				verifyClean(t, w)
			}
		})
	}
}

// Random scripts of credits: the service answers as the model does, step by step, and
// nothing in the store contradicts itself afterwards. To run more:
//
//	ALLOT_CREDIT_SEED=1 ALLOT_CREDIT_SEEDS=1000 ALLOT_CREDIT_STEPS=400 \
//		go test ./internal/service -run CreditsAsTheModel
func TestCreditsAsTheModel(t *testing.T) { asTheModel(t, creditmodel.Script) }

// Scripts of debts: what is clawed back, corrected, given late, and looked at in hindsight. To
// run more:
//
//	ALLOT_CREDIT_SEED=1 ALLOT_CREDIT_SEEDS=1000 go test ./internal/service -run DebtsAsTheModel
func TestDebtsAsTheModel(t *testing.T) { asTheModel(t, creditmodel.Debts) }

func asTheModel(t *testing.T, script func(seed int64, steps int) []creditmodel.Step) {
	t.Helper()
	first, seeds, steps := env("ALLOT_CREDIT_SEED", 1), env("ALLOT_CREDIT_SEEDS", 10), env("ALLOT_CREDIT_STEPS", 60)
	for seed := int64(first); seed < int64(first+seeds); seed++ {
		t.Run(strconv.FormatInt(seed, 10), func(t *testing.T) {
			w := newWorld(t)
			heldTo(t, w, creditmodel.NewWorld(seed), script(seed, steps))
			verifyClean(t, w)
		})
	}
}

// Scripts in which service and model differed once: a debt that was paid in hindsight at an instant at
// which it was not, one that a grant of later was not to have paid, and what had been paid by a grant
// that was clawed back later and did not come back to it. In the last the model was wrong: what
// nothing pays for of a hold stands behind what is drawn beyond it.
func TestScriptsThatDiffered(t *testing.T) {
	for _, seed := range []int64{70500, 73907, 78190, 88982} {
		t.Run(strconv.FormatInt(seed, 10), func(t *testing.T) {
			heldTo(t, newWorld(t), creditmodel.NewWorld(seed), creditmodel.Script(seed, 60))
		})
	}
}
