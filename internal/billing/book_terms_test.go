package billing

import (
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// essence is what was agreed, without the ids, which differ where it came about in
// another way.
func (s *shelf) essence(version bool) (out []string) {
	for _, a := range s.facts.Agreements {
		if a.ExpiresOn.Equal(a.StartsOn) {
			continue
		}
		v := 0
		if version || a.Plan != "pro" {
			v = a.Version
		}
		out = append(out, fmt.Sprint(a.Plan, v, a.Quantity, a.Annual, a.StartsOn.UTC(), a.ExpiresOn.UTC(), a.OwnEnd.UTC(), a.TrialThen, a.AnchorOn.UTC(), a.TermFrom.UTC(), a.Origin))
	}
	slices.Sort(out)
	return out
}

// clone is a shelf with the same facts, on which something else happens.
func (s *shelf) clone() *shelf {
	c := *s
	c.facts.Agreements = slices.Clone(s.facts.Agreements)
	return &c
}

// drawShelf is a shelf on which some requests were made.
func drawShelf(t *rapid.T, catalog *Catalog) *shelf {
	s := lawShelf(t, catalog)
	for range rapid.IntRange(1, 8).Draw(t, "requests") {
		s.act(t)
		s.now = s.now.Add(time.Duration(rapid.IntRange(1, 24*30).Draw(t, "pass")) * time.Hour)
	}
	return s
}

// A cancellation that is taken back leaves all as it was, where there was no end
// before and nothing begins where it was to be; with a fallback, too.
func TestResumeUndoesCancel(t *testing.T) {
	for _, fallback := range []bool{false, true} {
		catalog := lawCatalog(t, fallback)
		rapid.Check(t, func(t *rapid.T) {
			s := drawShelf(t, catalog)
			for _, a := range s.facts.Agreements {
				snap := Snapshot{Catalog: s.catalog, Facts: s.facts}
				term, ok := snap.term(&a, s.now)
				follows := slices.ContainsFunc(s.facts.Agreements, func(o Agreement) bool {
					return o.StartsOn.After(s.now) && (o.StartsOn.Equal(term.End) || o.Kind == KindAddOn)
				})
				if !a.Live(s.now) || !ok || snap.cancelled(&a) || follows {
					continue
				}
				then := s.clone()
				b := then.open()
				if _, err := b.Cancel(a, WhenPeriodEnd, false); err != nil {
					t.Fatal(err)
				}
				then.keep(b)
				b = then.open()
				if _, err := b.Resume(then.stored(a.ID)); err != nil {
					t.Fatal(err)
				}
				then.keep(b)
				if diff := cmp.Diff(s.essence(true), then.essence(true)); diff != "" {
					t.Fatal(diff)
				}
			}
		})
	}
}

// A migration changes nothing but the version: the same plans at the same instants,
// with the same terms, to the end of time.
func TestMigrationKeepsAllButTheVersion(t *testing.T) {
	catalog := lawCatalog(t, true)
	rapid.Check(t, func(t *rapid.T) {
		s := drawShelf(t, catalog)
		then := s.clone()
		b := then.open()
		when := rapid.SampledFrom([]When{WhenNow, WhenPeriodEnd}).Draw(t, "when")
		if _, err := b.Move("pro", 2, when); err != nil {
			t.Fatal(err)
		}
		then.keep(b)
		lives := func(s *shelf, at time.Time) (out []string) {
			snap := Snapshot{Catalog: s.catalog, Facts: s.facts}
			for _, a := range s.facts.Agreements {
				if !a.Live(at) {
					continue
				}
				term, _ := snap.term(&a, at)
				if a.TrialEndsOn.After(at) {
					term.Start = time.Time{} // a trial's term begins with the agreement
				}
				out = append(out, fmt.Sprint(a.Plan, a.Quantity, a.Annual, a.OwnEnd, a.TrialEndsOn.After(at), a.AnchorOn, a.TermFrom, term, a.Origin))
			}
			slices.Sort(out)
			return out
		}
		for at := s.now; at.Before(s.now.AddDate(0, 8, 0)); at = at.Add(31 * time.Hour) {
			if was, is := lives(s, at), lives(then, at); !reflect.DeepEqual(was, is) {
				t.Fatalf("at %s:\n%s", at, cmp.Diff(was, is))
			}
		}
	})
}

// A fallback closes every gap that an end leaves which was set while there was one:
// who was ever on a plan is on one for good, unless the end is a fallback's own, or
// that of one who is on that plan.
func TestFallbackClosesGaps(t *testing.T) {
	catalog := lawCatalog(t, true)
	rapid.Check(t, func(t *rapid.T) {
		s := drawShelf(t, catalog)
		for _, a := range s.facts.Agreements {
			if a.Kind != KindPlan || a.Origin == fromFallback || a.Plan == "free" || a.ExpiresOn.IsZero() || !a.ExpiresOn.After(s.now) {
				continue
			}
			if !slices.ContainsFunc(s.facts.Agreements, func(o Agreement) bool { return o.Kind == KindPlan && o.Live(a.ExpiresOn) }) {
				// Unless somebody withdrew it.
				b := s.open()
				if len(bareEnds(b.Agreements, s.now)) == 0 {
					t.Fatalf("nothing follows %+v", a)
				}
			}
		}
	})
}

// Requests in different slots come to the same in either order.
func TestSlotsCommute(t *testing.T) {
	catalog := lawCatalog(t, false)
	rapid.Check(t, func(t *rapid.T) {
		s := drawShelf(t, catalog)
		if s.open().live("") == nil {
			t.Skip()
		}
		one := NewAgreement{Plan: "extra", Quantity: rapid.Int64Range(1, 3).Draw(t, "quantity")}
		two := NewAgreement{Plan: rapid.SampledFrom([]Code{"pro", "yearly", "more"}).Draw(t, "plan")}
		if rapid.Bool().Draw(t, "later") {
			two.StartsOn = s.now.Add(100 * time.Hour)
		}
		do := func(order ...NewAgreement) []string {
			then := s.clone()
			for _, in := range order {
				b := then.open()
				if _, err := b.Subscribe(in); err == nil {
					then.keep(b)
				}
			}
			return then.essence(true)
		}
		if diff := cmp.Diff(do(one, two), do(two, one)); diff != "" {
			t.Fatal(diff)
		}
	})
}

// Whatever field of an agreement differs, the difference says so.
func TestEveryChangeOfAnAgreementIsSeen(t *testing.T) {
	whole := reflect.TypeFor[Agreement]()
	for i := range whole.NumField() {
		a, b := Agreement{}, Agreement{}
		field := reflect.ValueOf(&b).Elem().Field(i)
		switch v := field.Addr().Interface().(type) {
		case *time.Time:
			*v = epoch
		case *map[string]string:
			*v = map[string]string{"a": "b"}
		case *[]Carry:
			*v = []Carry{{Feature: "seats", OverOn: []time.Time{epoch}}}
		default:
			switch field.Kind() {
			case reflect.String:
				field.SetString("x")
			case reflect.Int, reflect.Int64:
				field.SetInt(7)
			case reflect.Bool:
				field.SetBool(true)
			default:
				field.Index(0).SetUint(1)
			}
		}
		if sameAgreement(&a, &b) {
			t.Errorf("another %s is the same", whole.Field(i).Name)
		}
	}
}

// A warning has a code of its own, in the form of all codes.
func TestWarningCodes(t *testing.T) {
	form := regexp.MustCompile(`^[A-Z]+(_[A-Z]+)*$`)
	seen := map[string]bool{}
	for _, code := range warningCodes {
		if !form.MatchString(code) || seen[code] {
			t.Errorf("%s is no code, or there twice", code)
		}
		seen[code] = true
	}
}

// What applying a catalog warns of is told of in docs/catalog.md, code by code, and has a
// constant for programs to match on.
func TestCatalogWarningsAreTold(t *testing.T) {
	for file, form := range map[string]string{"../../docs/catalog.md": "\n| `%s` |", "../../api/errors.go": " = %q"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, code := range catalogWarnings {
			if line := fmt.Sprintf(form, code); strings.Count(string(text), line) != 1 {
				t.Errorf("%s has %q not once", file, line)
			}
		}
	}
}

// Cases of terms, a row each.
func TestCasesOfTerms(t *testing.T) {
	catalog := lawCatalog(t, false)
	hour := time.Hour
	for name, test := range map[string]func(*testing.T, *shelf){
		"5 a yearly switch outlives a migration": func(t *testing.T, s *shelf) {
			s.subscribe(NewAgreement{Plan: "pro", Version: 1})
			s.subscribe(NewAgreement{Plan: "pro", Annual: new(true), When: WhenPeriodEnd})
			b := s.open()
			if m, err := b.Move("pro", 2, WhenNow); err != nil || !m.Moves {
				t.Fatal(m, err)
			}
			s.keep(b)
			if next := s.facts.Agreements[len(s.facts.Agreements)-1]; !next.Annual || next.Version != 2 || !next.StartsOn.Equal(date("2027-02-28T10:00:00Z")) {
				t.Errorf("%+v", next)
			}
		},
		"6 a year ends after a year": func(t *testing.T, s *shelf) {
			a := s.subscribe(NewAgreement{Plan: "pro", Annual: new(true)})
			if c := s.cancel(a.ID, WhenPeriodEnd); !c.ExpiresOn.Equal(date("2028-01-31T10:00:00Z")) || !c.Period.End.Equal(c.ExpiresOn) {
				t.Errorf("ends %s, term %v", c.ExpiresOn, c.Period)
			}
		},
		"6 a year goes on with another quantity, or version": func(t *testing.T, s *shelf) {
			s.subscribe(NewAgreement{Plan: "pro", Version: 1, Annual: new(true)})
			s.on("2027-05-10")
			a := s.subscribe(NewAgreement{Plan: "pro", Quantity: 3})
			s.on("2027-06-10")
			b := s.subscribe(NewAgreement{Plan: "pro", Version: 2})
			if end := date("2028-01-31T10:00:00Z"); !a.Period.End.Equal(end) || !b.Period.End.Equal(end) || b.Quantity != 3 || !b.Annual {
				t.Errorf("terms %v and %v", a.Period, b.Period)
			}
		},
		"7 a trial is a term": func(t *testing.T, s *shelf) {
			a := s.subscribe(NewAgreement{Plan: "tri"})
			s.now = s.now.Add(24 * hour)
			if c := s.cancel(a.ID, WhenPeriodEnd); !c.ExpiresOn.Equal(a.TrialEndsOn) {
				t.Errorf("ends %s", c.ExpiresOn)
			}
		},
		"7 a trial longer than a cycle is one term": func(t *testing.T, s *shelf) {
			a := s.subscribe(NewAgreement{Plan: "pro", Trial: &TrialWish{Days: 45}})
			if !a.Period.Start.Equal(a.StartsOn) || !a.Period.End.Equal(a.TrialEndsOn) || !a.TrialEndsOn.Equal(a.StartsOn.Add(45*24*hour)) {
				t.Errorf("trial to %s, term %v", a.TrialEndsOn, a.Period)
			}
			again := s.open()
			_, err := again.Subscribe(NewAgreement{Plan: "pro", Trial: &TrialWish{Days: 45}})
			wantRefusal(t, err, "TRIAL_INVALID")
		},
		"7 a resumption leaves a trial its end": func(t *testing.T, s *shelf) {
			a := s.subscribe(NewAgreement{Plan: "trie"})
			for _, end := range []time.Time{s.now.Add(48 * hour), a.TrialEndsOn} {
				b := s.open()
				out, err := b.UpdateAgreement(s.stored(a.ID), AgreementUpdate{ExpiresOn: &end})
				if err != nil || !out.Agreement.ExpiresOn.Equal(end) {
					t.Fatal(out, err)
				}
				s.keep(b)
				b = s.open()
				if out, err = b.Resume(s.stored(a.ID)); err != nil || !out.Agreement.ExpiresOn.Equal(a.TrialEndsOn) {
					t.Fatal(out, err)
				}
				s.keep(b)
			}
			s.now = a.TrialEndsOn
			_, err := s.open().Resume(s.stored(a.ID))
			wantRefusal(t, err, "AGREEMENT_ENDED")
		},
		"17 what follows a trial moves with its end": func(t *testing.T, s *shelf) {
			a := s.subscribe(NewAgreement{Plan: "tri"})
			s.subscribe(NewAgreement{Plan: "pro", When: WhenPeriodEnd})
			b := s.open()
			end := s.now.Add(72 * hour)
			if _, err := b.UpdateAgreement(s.stored(a.ID), AgreementUpdate{TrialEndsOn: &end}); err != nil {
				t.Fatal(err)
			}
			s.keep(b)
			s.want("tri 01-31…02-03, pro 02-03…", agreementChanged, agreementChanged)
			if next := s.facts.Agreements[1]; !next.TermFrom.Equal(end) {
				t.Errorf("terms from %s", next.TermFrom)
			}
		},
		"8 a cancellation stays": func(t *testing.T, s *shelf) {
			a := s.subscribe(NewAgreement{Plan: "pro"})
			s.cancel(a.ID, WhenPeriodEnd)
			s.subscribe(NewAgreement{Plan: "pro", StartsOn: date("2027-07-31T10:00:00Z")})
			s.want("pro 01-31…02-28, pro 07-31…", AgreementCreated)
		},
		"9 a trial that converts goes on converting": func(t *testing.T, s *shelf) {
			a := s.subscribe(NewAgreement{Plan: "tri"})
			other := *s.catalog.Plans["tri"].Versions[0]
			other.Number, other.Trial = 2, &Trial{Days: 14, Then: End}
			plan := *s.catalog.Plans["tri"]
			plan.Versions = append(slices.Clone(plan.Versions), &other)
			changed := *s.catalog
			changed.Plans = map[Code]*Plan{}
			for code, p := range s.catalog.Plans {
				changed.Plans[code] = p
			}
			changed.Plans["tri"] = &plan
			s.catalog = &changed
			s.now = s.now.Add(hour)
			b := s.open()
			if _, err := b.Move("tri", 2, WhenNow); err != nil {
				t.Fatal(err)
			}
			s.keep(b)
			if again := s.subscribe(NewAgreement{Plan: "tri"}); !again.OwnEnd.IsZero() || !again.TrialEndsOn.Equal(a.TrialEndsOn) {
				t.Errorf("%+v", again)
			}
		},
		"11 a sign-up that never began leaves no anchor": func(t *testing.T, s *shelf) {
			a := s.subscribe(NewAgreement{Plan: "pro", StartsOn: date("2027-03-31T10:00:00Z")})
			s.cancel(a.ID, WhenNow)
			if !s.facts.Customer.AnchorOn.IsZero() {
				t.Errorf("the anchor stays: %s", s.facts.Customer.AnchorOn)
			}
			s.now = s.now.Add(hour)
			if a := s.subscribe(NewAgreement{Plan: "pro"}); !s.facts.Customer.AnchorOn.Equal(s.now) || !a.AnchorOn.Equal(s.now) {
				t.Errorf("anchors: %s and %s", s.facts.Customer.AnchorOn, a.AnchorOn)
			}
		},
		"13 a year runs from its start": func(t *testing.T, s *shelf) {
			s.subscribe(NewAgreement{Plan: "pro"})
			s.on("2027-08-15")
			if a := s.subscribe(NewAgreement{Plan: "yearly"}); !a.AnchorOn.Equal(s.now) || !a.Period.End.Equal(date("2028-08-15T10:00:00Z")) {
				t.Errorf("anchor %s, term %v", a.AnchorOn, a.Period)
			}
		},
		"15 an add-on again is the same": func(t *testing.T, s *shelf) {
			s.subscribe(NewAgreement{Plan: "free"})
			s.subscribe(NewAgreement{Plan: "extra"})
			b := s.open()
			if out, err := b.Subscribe(NewAgreement{Plan: "extra"}); err != nil || out.Made {
				t.Error(out, err)
			}
			b = s.open()
			if out, err := b.Subscribe(NewAgreement{Plan: "extra", Quantity: 2}); err != nil || !out.Made || out.Agreement.Quantity != 2 {
				t.Error(out, err)
			}
		},
		"the same anchor again is the same": func(t *testing.T, s *shelf) {
			s.subscribe(NewAgreement{Plan: "pro"})
			s.now = s.now.Add(240 * hour)
			on := s.now.Add(-48 * hour)
			for _, step := range []struct {
				wish AnchorWish
				made bool
			}{
				{AnchorWish{On: on}, true}, {AnchorWish{On: on}, false}, {AnchorWish{Keep: true}, false},
				{AnchorWish{Start: true}, true}, {AnchorWish{On: on}, true},
			} {
				s.now = s.now.Add(hour)
				b := s.open()
				out, err := b.Subscribe(NewAgreement{Plan: "pro", Anchor: step.wish})
				if err != nil || out.Made != step.made {
					t.Errorf("%+v: made %v, %v, want %v", step.wish, out.Made, err, step.made)
				}
				s.keep(b)
			}
		},
		"16 a moment ago is now": func(t *testing.T, s *shelf) {
			s.subscribe(NewAgreement{Plan: "free"})
			if a := s.subscribe(NewAgreement{Plan: "pro", StartsOn: s.now.Add(-2 * time.Second)}); !a.StartsOn.Equal(s.now) {
				t.Errorf("starts %s", a.StartsOn)
			}
		},
		"18 phases follow each other": func(t *testing.T, s *shelf) {
			s.subscribe(NewAgreement{Plan: "free"})
			s.subscribe(NewAgreement{Plan: "pro", StartsOn: date("2027-03-01T10:00:00Z")})
			s.subscribe(NewAgreement{Plan: "yearly", StartsOn: date("2027-06-01T10:00:00Z")})
			s.want("free 01-31…03-01, pro 03-01…06-01, yearly 06-01…", agreementChanged, AgreementCreated)
		},
	} {
		t.Run(name, func(t *testing.T) { test(t, lawShelf(t, catalog)) })
	}
}
