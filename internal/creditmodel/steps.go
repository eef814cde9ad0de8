package creditmodel

import (
	"fmt"
	"time"
)

// makeStep adds a step of an operation, if there is anything it could be about.
func (s *script) makeStep(op string) {
	switch op {
	case OpPlan, OpCancel, OpAddOn, OpAddOnEnd, OpSuspend, OpDeny:
		s.makeState(op)
	case OpConfirm, OpRelease, OpExtend:
		s.makeOfHold(op)
	case OpGrant, OpPack:
		s.makeGrant(op)
	case OpVoid, OpState:
		if ref, ok := s.some(OpGrant, OpPack); ok {
			st := Step{Op: op, Ref: ref, ClawBack: op == OpVoid && (s.r.IntN(2) == 0 || s.debts)}
			if s.steps[ref].Pack == "mixed" {
				st.Line = s.r.IntN(2)
			}
			s.add(st)
		}
	case OpCorrect:
		if ref, ok := s.some(OpConsume, OpUse, OpConfirm); ok && s.steps[ref].Units > 0 {
			part := Units(pick(s.r, 1, 2, 4, 4))
			s.add(Step{Op: op, Ref: ref, Units: max(1, s.steps[ref].Units*part/4)})
		}
	case OpCredits:
		st := Step{Op: op, Feature: pick(s.r, Calls, CreditsOf, CreditsOf, Seats), When: s.now}
		switch s.r.IntN(5) {
		case 0, 1:
			st.When, st.KnownNow = s.back(60), s.r.IntN(2) == 0
		case 2:
			st.When = s.now.Add(time.Duration(1+s.r.IntN(70*24)) * time.Hour)
		}
		s.add(st)
	default:
		s.makeUse(op)
	}
}

func (s *script) makeUse(op string) {
	feature := s.feature()
	st := Step{Op: op, Feature: feature, Units: s.units(feature)}
	switch op {
	case OpHold:
		st.Lasts = time.Duration(pick(s.r, 60, 40_000, 86_400)) * time.Second
	case OpUse, OpCorrectAny:
		st.When = s.back(40)
	case OpAbsolute:
		st.Feature = pick(s.r, Calls, Seats) // not what others burn
		st.Units, st.When = s.units(st.Feature)*2, s.back(3)
	}
	s.add(st)
}

func (s *script) makeOfHold(op string) {
	ref, ok := s.some(OpHold)
	if !ok {
		return
	}
	if open := s.open(); len(open) > 0 && s.r.IntN(10) > 0 {
		ref = pick(s.r, open...)
	} else if s.r.IntN(4) > 0 {
		return
	}
	if again, ok := s.some(OpConfirm, OpRelease); ok && s.r.IntN(8) == 0 { // the same once more
		s.add(s.steps[again])
		return
	}
	st := Step{Op: op, Ref: ref}
	switch op {
	case OpExtend:
		st.Lasts = time.Duration(60+s.r.IntN(86_340)) * time.Second
	case OpConfirm:
		st.Over = pick(s.r, "reject", "available", "record")
		st.Units = max(1, s.steps[ref].Units*Units(pick(s.r, 1, 3, 4, 4, 6))/4)
	}
	s.add(st)
}

// open are the holds that by time are still open, and which no step has closed.
func (s *script) open() []int {
	var open []int
	closed := map[int]bool{}
	for _, st := range s.steps {
		if st.Op == OpConfirm || st.Op == OpRelease {
			closed[st.Ref] = true
		}
	}
	for _, st := range s.steps {
		if st.Op == OpHold && !closed[st.N] && s.now.Before(st.At.Add(st.Lasts)) {
			open = append(open, st.N)
		}
	}
	return open
}

func (s *script) makeGrant(op string) {
	external := ""
	if s.r.IntN(4) == 0 {
		external = fmt.Sprintf("pay_%d", s.r.IntN(8))
	}
	if op == OpPack {
		if ref, ok := s.some(OpPack); ok && s.r.IntN(6) == 0 { // as before
			again := s.steps[ref]
			s.add(Step{Op: op, Pack: again.Pack, Quantity: again.Quantity, ExternalID: again.ExternalID})
			return
		}
		s.add(Step{Op: op, Pack: pick(s.r, "topup", "mixed"), Quantity: 1 + s.r.IntN(2), ExternalID: external})
		return
	}
	q := GrantRequest{Feature: pick(s.r, Calls, CreditsOf, CreditsOf, Seats), Amount: *whole(s.r, 30, 500), ExternalID: external}
	if q.Feature == Seats {
		q.Amount = *whole(s.r, 1, 10)
	}
	from := s.now
	switch s.r.IntN(6) {
	case 0:
		q.Effective = s.back(40)
	case 1:
		from = s.now.Add(time.Duration(1+s.r.IntN(20*24*3600)) * time.Second)
		q.Effective = from
	}
	if s.r.IntN(2) == 0 {
		q.Expires = from.Add(time.Duration(3600+s.r.IntN(60*24*3600)) * time.Second)
	}
	if s.r.IntN(3) == 0 {
		p := pick(s.r, 10, 50, 90)
		q.Priority = &p
	}
	if s.r.IntN(3) == 0 {
		q.Kind = promotional
	}
	if q.Feature == CreditsOf && s.r.IntN(4) == 0 {
		q.Only = pick(s.r, []string{Images}, []string{Images, Chats}, []string{CreditsOf, Chats})
	}
	if q.Kind == "" && s.r.IntN(2) == 0 {
		q.CostBasis = pick(s.r, "2", "0.5")
	}
	s.add(Step{Op: op, Grant: &q})
}

// makeState changes what is held; it keeps a suspension or a denial short.
func (s *script) makeState(op string) {
	switch {
	case s.suspended:
		s.suspended = false
		s.add(Step{Op: OpResume})
	case s.denied != "":
		s.add(Step{Op: OpAllow, Feature: s.denied})
		s.denied = ""
	case op == OpSuspend:
		s.suspended = true
		s.add(Step{Op: op})
	case op == OpDeny:
		s.denied = pick(s.r, Calls, Images)
		s.add(Step{Op: op, Feature: s.denied})
	case op == OpPlan:
		s.held = true
		s.plan = (s.plan + 1 + s.r.IntN(len(s.w.Plans)-1)) % len(s.w.Plans) // another one
		s.add(Step{Op: op, Plan: s.plan})
	case op == OpCancel && s.w.Cancels && s.held:
		s.held = false
		s.add(Step{Op: op, When: pick(s.r, s.now, Month.At(s.now).End)})
	case op == OpAddOn && len(s.w.AddOns) > 0 && s.addOn < 0:
		s.addOn = len(s.steps)
		s.add(Step{Op: op})
	case op == OpAddOnEnd && s.addOn >= 0:
		s.add(Step{Op: op, Ref: s.addOn})
		s.addOn = -1
	}
}
