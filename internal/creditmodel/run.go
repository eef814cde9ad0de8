package creditmodel

import (
	"fmt"
	"slices"
	"time"
)

// Runner runs the steps of a script on a Model.
type Runner struct {
	Model *Model
	World World
	ids   map[int][]string // what each step made
	plan  string           // the agreement that was made last, or empty
	code  string           // its plan
	// set are the instants ahead at which the plan was once set to end.
	set []time.Time
}

// NewRunner begins a customer in a world.
func NewRunner(w World) *Runner {
	return &Runner{Model: New(w.Features, w.Packs...), World: w, ids: map[int][]string{}}
}

// id is what a step made; empty if it made nothing.
func (r *Runner) id(step, line int) string {
	if ids := r.ids[step]; line < len(ids) {
		return ids[line]
	}
	return ""
}

// MadeBy is the step, and the line of its pack, that made the record, hold or grant of an id.
func (r *Runner) MadeBy(id string) (step, line int, ok bool) {
	for step, ids := range r.ids {
		if line := slices.Index(ids, id); line >= 0 {
			return step, line, true
		}
	}
	return 0, 0, false
}

// LineOf is the line of what a step made that has an id.
func (r *Runner) LineOf(step int, id string) (line int, ok bool) {
	line = slices.Index(r.ids[step], id)
	return line, line >= 0
}

// Run does one step. A step about something that was refused answers the code SKIPPED.
func (r *Runner) Run(s Step) Answer {
	a := r.run(s)
	switch s.Op {
	case OpConsume, OpHold, OpConfirm, OpUse:
		if a.ID != "" && a.Code == "" {
			r.ids[s.N] = []string{a.ID}
		}
	case OpGrant, OpPack:
		for _, g := range a.Grants { // of a repetition those of the first
			r.ids[s.N] = append(r.ids[s.N], g.Grant.ID)
		}
	}
	return a
}

func (r *Runner) run(s Step) Answer {
	m, skipped := r.Model, Answer{Code: "SKIPPED"}
	switch s.Op {
	case OpVoid, OpState, OpConfirm, OpRelease, OpExtend, OpCorrect:
		id := r.id(s.Ref, s.Line)
		if id == "" {
			return skipped
		}
		return r.runOn(s, id)
	case OpGrant:
		return m.Grant(s.At, *s.Grant)
	case OpPack:
		return m.BuyPack(s.At, s.Pack, s.Quantity, s.ExternalID)
	case OpCheck:
		return m.Check(s.At, s.Feature, s.Units)
	case OpConsume:
		return m.Consume(s.At, s.Feature, s.Units)
	case OpHold:
		return m.Hold(s.At, s.Feature, s.Units, s.Lasts)
	case OpUse:
		return m.Use(s.At, s.When, s.Feature, s.Units)
	case OpAbsolute:
		return m.Absolute(s.At, s.When, s.Feature, s.Units)
	case OpCorrectAny:
		return m.CorrectNewest(s.At, s.When, s.Feature, s.Units)
	case OpCredits:
		return m.Credits(s.At, s.When, s.Feature, s.KnownNow)
	}
	return r.runState(s)
}

// runOn does a step about what another one made.
func (r *Runner) runOn(s Step, id string) Answer {
	m := r.Model
	switch s.Op {
	case OpVoid:
		return m.Void(s.At, id, s.ClawBack)
	case OpState:
		return m.GrantState(s.At, id)
	case OpConfirm:
		return m.Confirm(s.At, id, s.Units, s.Over)
	case OpRelease:
		return m.Release(s.At, id)
	case OpExtend:
		return m.Extend(s.At, id, s.Lasts)
	}
	return m.Correct(s.At, id, s.Units)
}

// runState does a step that changes what is held.
func (r *Runner) runState(s Step) Answer {
	m := r.Model
	switch s.Op {
	case OpPlan:
		return r.buy(s, r.World.Plans[s.Plan])
	case OpCancel:
		var a Answer
		m.Together(s.At, func() {
			for _, f := range r.World.Features {
				r.setTerms(s.At, s.When, f.Code, Terms{})
			}
			r.set = append(r.set, s.When)
			a = m.EndAgreement(s.At, s.When, r.plan)
		})
		return a
	case OpAddOn:
		a := r.World.AddOns[s.AddOn]
		return m.SetAddOn(s.At, s.At, a.Feature, chainOf(a, s.N), a.Terms)
	case OpAddOnEnd:
		a := r.World.AddOns[s.AddOn]
		return m.SetAddOn(s.At, s.At, a.Feature, chainOf(a, s.Ref), Terms{})
	case OpSuspend, OpResume:
		return m.Suspend(s.At, s.Op == OpSuspend)
	case OpDeny, OpAllow:
		return m.Deny(s.At, s.Feature, s.Op == OpDeny)
	}
	return Answer{Code: "OP_UNKNOWN"}
}

// setTerms puts terms in force from an instant on, whatever was set for later.
func (r *Runner) setTerms(now, from time.Time, feature string, terms Terms) {
	r.Model.SetTerms(now, from, feature, terms)
	for _, t := range r.set {
		if t.After(from) {
			r.Model.SetTerms(now, t, feature, terms)
		}
	}
}

// chainOf is one unbroken chain of an add-on: the step that bought it. The step is written
// so that chains order as they were bought.
func chainOf(a AddOn, step int) string { return fmt.Sprintf("%s#%06d", a.Code, step) }

// buy puts a plan in the place of another, which ends now; an end that was set goes with it.
// The plan that is held again changes nothing.
func (r *Runner) buy(s Step, p Plan) Answer {
	m := r.Model
	if r.code == p.Code && s.At.Before(m.endOf(r.plan)) {
		return Answer{Status: "unchanged"}
	}
	var out Answer
	m.Together(s.At, func() { out = r.change(s, p) })
	return out
}

// change has one plan end and the other begin.
func (r *Runner) change(s Step, p Plan) Answer {
	m := r.Model
	if r.plan != "" && s.At.Before(m.endOf(r.plan)) {
		m.EndAgreement(s.At, s.At, r.plan)
	}
	given := map[string]Item{}
	for _, i := range p.Items {
		given[i.Feature] = i
	}
	a := Agreement{ID: fmt.Sprintf("a%06d", s.N), Plan: p.Code, From: s.At, Terms: Month}
	for _, f := range r.World.Features {
		item := given[f.Code]
		r.setTerms(s.At, s.At, f.Code, item.Terms)
		if len(item.Grants) > 0 {
			a.Items = append(a.Items, AgreementItem{f.Code, item.Grants})
		}
	}
	r.plan, r.code = a.ID, p.Code
	return m.SetAgreement(s.At, a)
}
