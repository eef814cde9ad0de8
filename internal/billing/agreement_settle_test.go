package billing

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/allot-dev/allot/internal/calendar"
)

// After settling, whatever was booked: plans do not overlap, nor do agreements
// to one add-on; an add-on lives only while a plan does that it goes beside; no life is longer than
// its own end; nothing that is over changes; settling again changes nothing.
func TestSettle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		hours := func(name string, from, to int) time.Time {
			return epoch.Add(time.Duration(rapid.IntRange(from, to).Draw(t, name)) * time.Hour)
		}
		now := epoch.Add(10 * time.Hour)
		var book []Agreement
		starts := map[Code]bool{} // one live agreement a slot, as the book has
		for i := range rapid.IntRange(0, 6).Draw(t, "agreements") {
			a := Agreement{ID: AgreementID{5: byte(i + 1)}, Plan: rapid.SampledFrom([]Code{"pro", "max"}).Draw(t, "of"), Kind: KindPlan, StartsOn: hours("starts_on", 0, 20)}
			if rapid.Bool().Draw(t, "add_on") {
				a.Plan, a.Kind = rapid.SampledFrom([]Code{"extra", "more"}).Draw(t, "plan"), KindAddOn
			}
			if !a.StartsOn.After(now) {
				if starts[a.slot()] {
					continue
				}
				starts[a.slot()] = true
			}
			if rapid.Bool().Draw(t, "ends") {
				a.OwnEnd = a.StartsOn.Add(time.Duration(rapid.IntRange(1, 20).Draw(t, "own_end")) * time.Hour)
			}
			if rapid.IntRange(0, 3).Draw(t, "over") == 0 {
				a.ExpiresOn = hours("expires_on", 0, 10)
			}
			book = append(book, a)
		}
		before := slices.Clone(book)
		withdraw := settle(book, now, besidePro)
		for _, i := range slices.Backward(withdraw) {
			if !book[i].Scheduled(now) {
				t.Fatalf("%v is to be withdrawn, but has started", book[i])
			}
			book, before = slices.Delete(book, i, i+1), slices.Delete(before, i, i+1)
		}
		for i, a := range book {
			if before[i].Ended(now) {
				if !reflect.DeepEqual(a, before[i]) {
					t.Fatalf("the past changed: %v became %v", before[i], a)
				}
				continue
			}
			if !a.OwnEnd.IsZero() && (a.ExpiresOn.IsZero() || a.ExpiresOn.After(a.OwnEnd)) {
				t.Fatalf("%v outlives its own end", a)
			}
		}
		for at := now; at.Before(epoch.Add(40 * time.Hour)); at = at.Add(30 * time.Minute) {
			live := map[Code]int{}
			for _, a := range book {
				if a.Live(at) {
					live[a.slot()]++
				}
			}
			for slot, n := range live {
				if n > 1 {
					t.Fatalf("at %s %d agreements of slot %q live:\n%v", at, n, slot, book)
				}
				if slot != "" && live[""] == 0 {
					t.Fatalf("at %s add-on %s lives without a plan:\n%v", at, slot, book)
				}
				if slot == "extra" && !slices.ContainsFunc(book, func(a Agreement) bool { return a.Plan == "pro" && a.Live(at) }) {
					t.Fatalf("at %s extra lives beside another plan:\n%v", at, book)
				}
			}
		}
		again := slices.Clone(book)
		if w := settle(again, now, besidePro); len(w) > 0 || !reflect.DeepEqual(again, book) {
			t.Fatalf("settling again withdraws %v and changes:\n%s", w, cmp.Diff(book, again))
		}
	})
}

// An agreement of before there were anchors of agreements shows the customer's, from
// which it is counted.
func TestAnchorIsAlwaysTold(t *testing.T) {
	first, own := date("2026-11-22T10:00:00Z"), date("2026-12-01T10:00:00Z")
	catalog := &Catalog{
		Groups: map[Code]*PlanGroup{"teams": {Code: "teams"}},
		Plans:  map[Code]*Plan{"pro": {Code: "pro", Group: "teams", Versions: []*PlanVersion{{Plan: "pro", Number: 1, Terms: Terms{Cycle: calendar.Month}}}}},
	}
	s := Snapshot{Catalog: catalog, Facts: Facts{Customer: Customer{AnchorOn: first}}}
	for want, a := range map[time.Time]Agreement{
		first: {Plan: "pro", Version: 1, StartsOn: own},
		own:   {Plan: "pro", Version: 1, StartsOn: own, AnchorOn: own, TermFrom: own},
	} {
		if got := s.AgreementAt(a, own); got.AnchorOn != want || got.Period.Start.Day() != want.Day() {
			t.Errorf("told is %v, with the period %v; want %v", got.AnchorOn, got.Period, want)
		}
	}
}

// besidePro has the add-on extra go beside pro alone.
func besidePro(a *Agreement) []Code {
	if a.Plan == "extra" {
		return []Code{"pro"}
	}
	return nil
}
