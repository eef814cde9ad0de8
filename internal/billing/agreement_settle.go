package billing

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// settle derives the ExpiresOn of every agreement that has not ended at now
// from the starts and the ends they were given by themselves:
//
//   - a plan ends at its OwnEnd or when the next plan starts, if that is first;
//   - an add-on ends at its OwnEnd, when the next agreement to the same add-on
//     starts, or when the plans that it goes beside have a first gap, whichever is
//     first. Which they are is said by beside; nil is every plan.
//
// Agreements whose life would end before it starts are to be withdrawn, if they
// have not started; their indices are returned. So an end that follows from
// another agreement is taken back by settling anew once that agreement is gone.
func settle(agreements []Agreement, now time.Time, beside func(*Agreement) []Code) (withdraw []int) {
	byStart := make([]int, len(agreements))
	for i := range byStart {
		byStart[i] = i
	}
	slices.SortStableFunc(byStart, func(i, j int) int {
		return agreements[i].StartsOn.Compare(agreements[j].StartsOn)
	})

	// successor is the agreement that starts next in the same place.
	next := make(map[Code]*Agreement) // by add-on; "" for plans
	for _, i := range slices.Backward(byStart) {
		a := &agreements[i]
		if a.Ended(now) {
			continue
		}
		a.ExpiresOn = a.OwnEnd
		if successor := next[a.slot()]; successor != nil {
			a.ExpiresOn = earlier(a.ExpiresOn, successor.StartsOn)
		}
		next[a.slot()] = a
	}
	for _, i := range byStart {
		a := &agreements[i]
		if a.Ended(now) {
			continue
		}
		if a.Kind == KindAddOn {
			covered, end := coverage(agreements, latest(now, a.StartsOn), beside(a))
			if !covered {
				end = latest(now, a.StartsOn)
			}
			a.ExpiresOn = earlier(a.ExpiresOn, end)
		}
		if a.Scheduled(now) && !a.ExpiresOn.IsZero() && !a.ExpiresOn.After(a.StartsOn) {
			withdraw = append(withdraw, i)
		}
	}
	slices.Sort(withdraw)
	return withdraw
}

// coverage is whether a customer has one of some plans (nil: any) at an instant and
// until when such plans follow each other without a gap; zero for ever.
func coverage(agreements []Agreement, at time.Time, plans []Code) (covered bool, end time.Time) {
	for {
		i := slices.IndexFunc(agreements, func(a Agreement) bool { return a.Kind == KindPlan && a.Live(at) && among(plans, a.Plan) })
		if i < 0 {
			return covered, end
		}
		covered, end = true, agreements[i].ExpiresOn
		if end.IsZero() {
			return true, end
		}
		at = end
	}
}

// among reports whether a plan is one of some; nil is every plan.
func among(plans []Code, plan Code) bool { return plans == nil || slices.Contains(plans, plan) }

// goesBeside are the plans that an agreement to an add-on goes beside; nil is every one.
func (s *Snapshot) goesBeside(a *Agreement) []Code { return s.Terms(a).Beside }

// notBeside says that an agreement to an add-on does not go beside what the customer has
// when it starts, or now if that is later; "" if it does.
func (b *Book) notBeside(a *Agreement) string {
	at, plans := latest(a.StartsOn, b.Now), b.goesBeside(a)
	if covered, _ := coverage(b.Agreements, at, plans); covered {
		return ""
	}
	i := slices.IndexFunc(b.Agreements, func(o Agreement) bool { return o.Kind == KindPlan && o.Live(at) })
	switch {
	case i < 0:
		return fmt.Sprintf("%s is an add-on and needs a plan to go beside; the customer has none then", a.Plan)
	case len(plans) == 1:
		return fmt.Sprintf("%s is an add-on to plan %s; the customer is on plan %s then", a.Plan, plans[0], b.Agreements[i].Plan)
	}
	codes := make([]string, len(plans))
	for i, code := range plans {
		codes[i] = string(code)
	}
	return fmt.Sprintf("%s is an add-on to the plans %s; the customer is on plan %s then", a.Plan, strings.Join(codes, ", "), b.Agreements[i].Plan)
}

// earlier is the first of two ends, of which zero means none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
