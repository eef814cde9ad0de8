package creditmodel

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// Step is one operation of a script, as plain data. Fields that an operation does not have
// are zero. Another program replays it against a server and compares the answers.
type Step struct {
	N          int       // its index in the script
	At         time.Time // now
	Op         string
	Plan       int // of World.Plans
	AddOn      int // of World.AddOns
	Pack       string
	Quantity   int
	Feature    string
	Units      Units
	When       time.Time // the counted instant, the instant asked about, or when it takes effect
	KnownNow   bool
	Ref        int    // the step that made what is meant; its answer has the id
	Line       int    // of a pack's grants
	Over       string // reject, available, record
	Lasts      time.Duration
	ClawBack   bool
	Grant      *GrantRequest
	ExternalID string // of a pack
}

// The operations of steps.
const (
	OpPlan       = "plan"        // Plan: from now on, in place of another
	OpCancel     = "cancel"      // the plan ends at When, now or later
	OpAddOn      = "addon"       // AddOn: bought now
	OpAddOnEnd   = "addon_end"   // the add-on that step Ref bought ends now
	OpSuspend    = "suspend"     // the customer
	OpResume     = "resume"      // the customer
	OpDeny       = "deny"        // Feature, by an override
	OpAllow      = "allow"       // the override is taken away
	OpGrant      = "grant"       // Grant
	OpPack       = "pack"        // Pack, Quantity, ExternalID
	OpVoid       = "void"        // the grant of step Ref and Line, ClawBack
	OpState      = "state"       // of the grant of step Ref and Line
	OpCheck      = "check"       // Feature, Units
	OpConsume    = "consume"     // Feature, Units
	OpHold       = "hold"        // Feature, Units, Lasts
	OpConfirm    = "confirm"     // the hold of step Ref, Units, Over
	OpRelease    = "release"     // the hold of step Ref
	OpExtend     = "extend"      // the hold of step Ref, Lasts
	OpUse        = "usage"       // Feature, Units counted at When
	OpAbsolute   = "absolute"    // Feature, Units as a reading stamped When
	OpCorrect    = "correct"     // Units of the record of step Ref
	OpCorrectAny = "correct_any" // Units of Feature in the window of When, without a name
	OpCredits    = "credits"     // Feature at When, KnownNow
)

// String is one line.
func (s Step) String() string {
	text := fmt.Sprintf("%d %s %s", s.N, stamp(s.At), s.Op)
	if s.Feature != "" {
		text += " " + s.Feature
	}
	if s.Units != 0 {
		text += " units=" + s.Units.String()
	}
	if !s.When.IsZero() {
		text += " when=" + stamp(s.When)
	}
	if s.Grant != nil {
		text += " " + s.Grant.text() + " external=" + s.Grant.ExternalID
	}
	return text + fmt.Sprintf(" plan=%d ref=%d.%d pack=%s×%d over=%s lasts=%s claw_back=%t known_now=%t",
		s.Plan, s.Ref, s.Line, s.Pack, s.Quantity, s.Over, s.Lasts, s.ClawBack, s.KnownNow)
}

// script is a script in the making.
type script struct {
	r         *rand.Rand
	w         World
	now       time.Time
	steps     []Step
	suspended bool
	denied    string
	held      bool // a plan
	plan      int  // the one bought last
	addOn     int  // the step of the add-on that runs, or -1
	debts     bool // all that is voided is clawed back
	chances   []chance
}

// Script is a random script of so many steps in the world of the same seed.
func Script(seed int64, steps int) []Step {
	return script{r: rand.New(rand.NewPCG(uint64(seed), 2)), chances: usualChances}.make(seed, steps)
}

// Debts is a random script in which much is clawed back, corrected, given late and looked at in
// hindsight.
func Debts(seed int64, steps int) []Step {
	return script{r: rand.New(rand.NewPCG(uint64(seed), 3)), chances: debtChances, debts: true}.make(seed, steps)
}

func (s script) make(seed int64, steps int) []Step {
	s.w, s.addOn = NewWorld(seed), -1
	s.now = s.w.Start
	s.add(Step{Op: OpPlan})
	s.held = true
	for len(s.steps) < steps {
		if len(s.open()) > 0 && s.r.IntN(3) > 0 { // while a hold is open
			s.now = s.now.Add(time.Duration(1+s.r.IntN(7_200_000)) * time.Millisecond)
			if s.r.IntN(4) == 0 {
				s.makeOfHold(pick(s.r, OpConfirm, OpConfirm, OpRelease, OpExtend))
				continue
			}
		} else {
			s.advance()
		}
		s.step()
	}
	return s.steps
}

func (s *script) add(st Step) {
	st.N, st.At = len(s.steps), s.now
	s.steps = append(s.steps, st)
}

// advance moves the clock: a little, some hours, days, or exactly to the next month or
// the last instant before it.
func (s *script) advance() {
	r := s.r
	dust := time.Duration(r.IntN(1_000_000)) * time.Microsecond
	switch n := r.IntN(100); {
	case n < 60:
		s.now = s.now.Add(time.Duration(1+r.IntN(90))*time.Minute + dust)
	case n < 85:
		s.now = s.now.Add(time.Duration(1+r.IntN(30))*time.Hour + dust)
	case n < 96:
		s.now = s.now.Add(time.Duration(1+r.IntN(5))*24*time.Hour + dust)
	case n < 99:
		s.now = Month.At(s.now).End
	default:
		if last := Month.At(s.now).End.Add(-instant); last.After(s.now) {
			s.now = last
		} else {
			s.now = s.now.Add(instant)
		}
	}
}

// chance is how often an operation is done.
type chance struct {
	op     string
	weight int
}

var debtChances = []chance{
	{OpConsume, 24}, {OpHold, 5}, {OpConfirm, 4}, {OpRelease, 3}, {OpUse, 10}, {OpCorrect, 14}, {OpCorrectAny, 8},
	{OpGrant, 16}, {OpPack, 5}, {OpVoid, 14}, {OpState, 4}, {OpCredits, 20}, {OpPlan, 6}, {OpCancel, 1}, {OpAddOn, 2}, {OpAddOnEnd, 1},
}

var usualChances = []chance{
	{OpConsume, 24}, {OpCheck, 5}, {OpHold, 9}, {OpConfirm, 7}, {OpRelease, 3}, {OpExtend, 2},
	{OpUse, 8}, {OpAbsolute, 2}, {OpCorrect, 6}, {OpCorrectAny, 2}, {OpGrant, 9}, {OpPack, 3},
	{OpVoid, 3}, {OpState, 4}, {OpCredits, 14}, {OpPlan, 4}, {OpCancel, 1}, {OpAddOn, 2},
	{OpAddOnEnd, 1}, {OpSuspend, 1}, {OpDeny, 1},
}

func (s *script) step() {
	if (s.suspended || s.denied != "") && s.r.IntN(3) == 0 {
		s.makeState(OpPlan)
		return
	}
	total := 0
	for _, c := range s.chances {
		total += c.weight
	}
	n := s.r.IntN(total)
	for _, c := range s.chances {
		if n -= c.weight; n < 0 {
			s.makeStep(c.op)
			return
		}
	}
}

// some is the index of an earlier step of one of these operations, the later ones more often.
func (s *script) some(ops ...string) (int, bool) {
	var found []int
	for _, st := range s.steps {
		for _, op := range ops {
			if st.Op == op {
				found = append(found, st.N)
			}
		}
	}
	if len(found) == 0 {
		return 0, false
	}
	return found[max(s.r.IntN(len(found)), s.r.IntN(len(found)))], true
}

// back is an instant in the past, not before the start.
func (s *script) back(days int) time.Time {
	at := s.now.Add(-time.Duration(s.r.IntN(days*24*3600)) * time.Second)
	if at.Before(s.w.Start) {
		return s.w.Start
	}
	return at
}

func (s *script) units(feature string) Units {
	most := map[string]int{Calls: 500, CreditsOf: 400, Images: 60, Chats: 500, Seats: 6}[feature]
	whole := Units(1+s.r.IntN(most)) * One
	if s.r.IntN(5) == 0 {
		return whole + Units(s.r.IntN(int(One)))
	}
	return whole
}

func (s *script) feature() string {
	return pick(s.r, Calls, Calls, CreditsOf, CreditsOf, Images, Images, Chats, Seats)
}
