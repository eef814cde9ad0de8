package billing

import (
	"slices"
	"time"
)

// settle derives the ExpiresOn of every agreement that has not ended at now
// from the starts and the ends they were given by themselves:
//
//   - a plan ends at its OwnEnd or when the next plan starts, if that is first;
//   - an add-on ends at its OwnEnd, when the next agreement to the same add-on
//     starts, or when the customer's plans have a first gap, whichever is first.
//
// Agreements whose life would end before it starts are to be withdrawn, if they
// have not started; their indices are returned. So an end that follows from
// another agreement is taken back by settling anew once that agreement is gone.
func settle(agreements []Agreement, now time.Time) (withdraw []int) {
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
			covered, end := coverage(agreements, latest(now, a.StartsOn))
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

// coverage is whether a customer has a plan at an instant and until when the
// plans follow each other without a gap; zero for ever.
func coverage(agreements []Agreement, at time.Time) (covered bool, end time.Time) {
	for {
		i := slices.IndexFunc(agreements, func(a Agreement) bool { return a.Kind == KindPlan && a.Live(at) })
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

// earlier is the first of two ends, of which zero means none.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
