package creditmodel

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var rates = []string{"1", "1.5", "0.333333", "10", "0.000001", "0.000000000001", "2.718281828459"}

// Rule 9: splitting one use changes nothing, and no part costs more than it would pin.
func TestRatesTelescope(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate := rapid.SampledFrom(rates).Draw(t, "rate")
		var total, cost Units
		for _, part := range rapid.SliceOfN(rapid.Int64Range(1, 5_000_000), 1, 50).Draw(t, "parts") {
			one := Priced(total, Units(part), rate)
			if most := pinned(Units(part), rate); one < 0 || one > most {
				t.Fatalf("%d costs %s, pinned %s", part, one, most)
			}
			total += Units(part)
			cost += one
		}
		if whole := Priced(0, total, rate); whole != cost {
			t.Fatalf("in parts %s, at once %s", cost, whole)
		}
		left := Units(rapid.Int64Range(0, 5_000_000).Draw(t, "left"))
		if most := payable(total, left, rate); most < mostUnits/2 && (Priced(total, most, rate) > left || Priced(total, most+1, rate) <= left) {
			t.Fatalf("behind %s, %s are payable of %s: %s, and of one more %s",
				total, most, left, Priced(total, most, rate), Priced(total, most+1, rate))
		}
	})
}

// Rule 7: what went back in parts is what goes back at once, and all of it at the end.
func TestGivenBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := Units(rapid.Int64Range(0, 1_000_000_000).Draw(t, "p"))
		units := Units(rapid.Int64Range(1, 1_000_000_000).Draw(t, "u"))
		parts := rapid.SliceOfN(rapid.Int64Range(0, int64(units)), 0, 10).Draw(t, "c")
		slices.Sort(parts)
		last := Units(0)
		for _, c := range append(parts, int64(units)) {
			back := givenBack(p, units, Units(c))
			if back < last {
				t.Fatalf("%d of %s gives back %s, less of it %s", c, units, back, last)
			}
			last = back
		}
		if last != p {
			t.Fatalf("all gives back %s of %s", last, p)
		}
	})
}

// drawGrants draws a few grants with no two alike.
func drawGrants(t *rapid.T) []GrantRequest {
	start := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	var all []GrantRequest
	for i := range rapid.IntRange(0, 6).Draw(t, "grants") {
		priority := rapid.SampledFrom([]int{10, 50, 90}).Draw(t, "priority")
		q := GrantRequest{
			Feature: "api", Amount: Units(rapid.Int64Range(1, 400).Draw(t, "amount")) * One,
			Effective: start.Add(time.Duration(rapid.IntRange(0, 20).Draw(t, "from"))*24*time.Hour + time.Duration(i)*time.Second),
			Priority:  &priority, Kind: rapid.SampledFrom([]string{paid, promotional}).Draw(t, "kind"),
			ExternalID: fmt.Sprint("g", i),
		}
		if days := rapid.IntRange(0, 40).Draw(t, "lasts"); days > 0 {
			q.Expires = q.Effective.Add(time.Duration(days) * 24 * time.Hour)
		}
		all = append(all, q)
	}
	return all
}

func drawTerms(t *rapid.T) Terms {
	amount := Units(rapid.Int64Range(0, 500).Draw(t, "allowance")) * One
	terms := Terms{Has: rapid.IntRange(0, 5).Draw(t, "has") > 0, Amount: &amount, Windows: Month, Soft: rapid.Bool().Draw(t, "soft")}
	if n := rapid.IntRange(0, 12).Draw(t, "rollover"); n > 0 {
		terms.Rollover = &Rollover{Max: Units(rapid.Int64Range(1, 500).Draw(t, "max")) * One, Windows: n}
	}
	return terms
}

var midJanuary = time.Date(2027, 1, 20, 12, 0, 0, 0, time.UTC)

// drawCustomer has a feature api, and burner that burns it.
func drawCustomer(t *rapid.T) *Model {
	m := New([]Feature{{Code: "api"}, {Code: "burner", Burns: &Burns{"api", rapid.SampledFrom(rates).Draw(t, "rate")}}})
	start := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	if terms := drawTerms(t); terms.Has {
		m.SetTerms(start, start, "api", terms)
	}
	m.SetTerms(start, start, "burner", Terms{Has: true, Windows: Month})
	for _, q := range drawGrants(t) {
		m.Grant(midJanuary.Add(-time.Hour), q)
	}
	return m
}

func sourcesOf(m *Model) string {
	return m.Credits(midJanuary, midJanuary, "api", false).String()
}

// Rule 2: no answer depends on the order in which grants were bought.
func TestOrderOfGrants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		terms, all := drawTerms(t), drawGrants(t)
		units := Units(rapid.Int64Range(1, 1500).Draw(t, "units")) * One
		var first string
		for _, order := range [][]GrantRequest{all, rapid.Permutation(all).Draw(t, "order")} {
			m := New([]Feature{{Code: "api"}})
			m.SetTerms(Beginning.AddDate(2025, 0, 0), Beginning.AddDate(2025, 0, 0), "api", terms)
			for _, q := range order {
				m.Grant(midJanuary.Add(-time.Hour), q)
			}
			got := ""
			for _, d := range m.Consume(midJanuary, "api", units).Decision.Draws {
				got += m.named(d.Source) + "=" + d.Units.String() + " "
			}
			if first == "" {
				first = got
			}
			if got != first {
				t.Fatalf("%s, in another order %s", first, got)
			}
		}
	})
}

// named is the external id of a grant, or the key of another source.
func (m *Model) named(source string) string {
	if g, ok := m.findGrant(source, Forever.AddDate(-1, 0, 0)); ok {
		return g.ExternalID
	}
	return source
}

// Rule 9: one use or many draw the same of every source.
func TestSplitUse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawCustomer(t)
		feature := rapid.SampledFrom([]string{"api", "burner"}).Draw(t, "feature")
		parts := rapid.SliceOfN(rapid.Int64Range(1, 200_000_000), 1, 6).Draw(t, "parts")
		var total Units
		for _, p := range parts {
			total += Units(p)
		}
		once, split := m.clone(), m.clone()
		if a := once.Consume(midJanuary, feature, total); !a.Decision.Allowed {
			return
		}
		for _, p := range parts {
			if a := split.Consume(midJanuary, feature, Units(p)); !a.Decision.Allowed {
				t.Fatalf("a part is refused: %s", a)
			}
		}
		if a, b := sourcesOf(once), sourcesOf(split); a != b {
			t.Fatalf("at once %s\nin parts %s", a, b)
		}
	})
}

// Rules 6 and 7: a correction of all that was used, and the release of a hold, leave things
// as they were; corrections in parts as one.
func TestUndo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawCustomer(t)
		feature := rapid.SampledFrom([]string{"api", "burner"}).Draw(t, "feature")
		units := Units(rapid.Int64Range(1, 800_000_000).Draw(t, "units"))
		before := sourcesOf(m)
		held := m.clone()
		if a := held.Hold(midJanuary, feature, units, time.Hour); a.Decision.Allowed {
			held.Release(midJanuary, a.ID)
			if after := sourcesOf(held); after != before {
				t.Fatalf("before %s\nreleased %s", before, after)
			}
		}
		a := m.Consume(midJanuary, feature, units)
		if !a.Decision.Allowed {
			return
		}
		part := Units(rapid.Int64Range(0, int64(units)-1).Draw(t, "part"))
		once := m.clone()
		if part > 0 {
			m.Correct(midJanuary, a.ID, part)
		}
		m.Correct(midJanuary, a.ID, units-part)
		once.Correct(midJanuary, a.ID, units)
		for _, c := range []*Model{m, once} {
			if after := sourcesOf(c); after != before {
				t.Fatalf("before %s\ncorrected %s", before, after)
			}
		}
	})
}

// Rule 6: a hold that is confirmed whole has drawn what a use at its instant had drawn.
func TestConfirmIsUse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawCustomer(t)
		feature := rapid.SampledFrom([]string{"api", "burner"}).Draw(t, "feature")
		units := Units(rapid.Int64Range(1, 800_000_000).Draw(t, "units"))
		used := m.clone()
		a := m.Hold(midJanuary, feature, units, time.Hour)
		if !a.Decision.Allowed {
			return
		}
		used.Consume(midJanuary, feature, units)
		m.Confirm(midJanuary, a.ID, units, "")
		if a, b := sourcesOf(m), sourcesOf(used); a != b {
			t.Fatalf("confirmed %s\nused %s", a, b)
		}
	})
}

// Rules 8 and 12: what was answered about now stands, as known then; and what was answered
// about a time ahead is what is answered when it comes, if nothing was written meanwhile.
func TestPastAndFuture(t *testing.T) {
	for seed := range seeds(t) {
		r := NewRunner(NewWorld(seed))
		script := Script(seed, 100)
		ahead, then := map[string]string{}, map[string]string{}
		for i, s := range script {
			for _, f := range r.World.Features {
				if i == 0 {
					break
				}
				before := s.At.Add(-instant)
				got := r.Model.Credits(before, before, f.Code, false).String()
				if want := ahead[f.Code]; script[i-1].At.Before(before) && got != want {
					t.Fatalf("seed %d: %s at %s was said to be\n%s, but is\n%s", seed, f.Code, stamp(before), want, got)
				}
			}
			r.Run(s)
			for _, f := range r.World.Features {
				then[f.Code+stamp(s.At)] = r.Model.Credits(s.At, s.At, f.Code, false).String()
				if i+1 < len(script) {
					ahead[f.Code] = r.Model.Credits(s.At, script[i+1].At.Add(-instant), f.Code, false).String()
				}
			}
		}
		end := script[len(script)-1].At.Add(time.Hour)
		for _, s := range script {
			for _, f := range r.World.Features {
				got := r.Model.Credits(end, s.At, f.Code, false).String()
				if want := then[f.Code+stamp(s.At)]; got != want {
					t.Fatalf("seed %d: of %s at %s was answered\n%s, now\n%s", seed, f.Code, stamp(s.At), want, got)
				}
			}
		}
	}
}
