package creditmodel

import (
	"math/rand/v2"
	"time"
)

// World is the catalog of a script, as plain data. The customer begins at Start without a
// plan; its anchor is Start, a 1st at midnight, and its zone UTC.
type World struct {
	Start    time.Time
	Features []Feature
	Plans    []Plan
	AddOns   []AddOn
	Packs    []Pack
	// Cancels says that scripts end the plan now and then. They do not where there are
	// add-ons, so that an add-on never stands alone.
	Cancels bool
}

// Plan is a plan of one group with a monthly cycle.
type Plan struct {
	Code  string
	Items []Item
}

// Item is what a plan gives of a feature. Terms.Has is true.
type Item struct {
	Feature string
	Terms   Terms
	Grants  []CatalogGrant
}

// AddOn gives an allowance in another rhythm than any plan.
type AddOn struct {
	Code, Feature string
	Terms         Terms
}

// The features of a World. Images and chats burn credits.
const (
	Calls     = "calls"
	CreditsOf = "credits"
	Images    = "images"
	Chats     = "chats"
	Seats     = "seats"
)

// NewWorld is a random catalog. Its themes follow from the seed, so that one that fails stays
// alone: seed%4 == 1 has add-ons, seed%5 == 4 plans with other rhythms, seed%6 == 2 grants
// in the catalog.
func NewWorld(seed int64) World {
	r := rand.New(rand.NewPCG(uint64(seed), 1))
	w := World{Start: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)}
	w.Features = []Feature{
		{Code: Calls}, {Code: CreditsOf}, {Code: Seats, Held: true},
		{Code: Images, Burns: &Burns{Pool: CreditsOf, Rate: pick(r, "10", "2.5", "1.333333")}},
		{Code: Chats, Burns: &Burns{Pool: CreditsOf, Rate: pick(r, "1", "0.25", "0.000123")}},
	}
	soft := map[string]bool{Calls: r.IntN(3) == 0, CreditsOf: r.IntN(3) == 0}
	for _, code := range []string{"small", "middle", "large"} {
		w.Plans = append(w.Plans, newPlan(r, seed, code, soft))
	}
	w.Packs = []Pack{
		{Code: "topup", Lines: []PackLine{{Feature: CreditsOf, Amount: 300 * One}}},
		{Code: "mixed", Lines: []PackLine{
			{Feature: CreditsOf, Amount: 100 * One, Days: 10, Kind: promotional},
			{Feature: Calls, Amount: 250 * One, Days: 45},
		}},
	}
	w.Cancels = seed%4 != 1
	if !w.Cancels {
		amount := Units(100+r.IntN(300)) * One
		windows := []Windows{Never, Day}
		if seed%5 == 4 { // a plan may have days, and the add-on must not share its rhythm
			windows = windows[:1]
		}
		w.AddOns = []AddOn{{"extra", CreditsOf, Terms{Has: true, Amount: &amount, Windows: pick(r, windows...), Soft: soft[CreditsOf]}}}
	}
	return w
}

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

func newPlan(r *rand.Rand, seed int64, code string, soft map[string]bool) Plan {
	p := Plan{Code: code}
	for _, feature := range []string{Calls, CreditsOf, Images, Chats, Seats} {
		item := Item{Feature: feature, Terms: Terms{Has: true, Windows: Month}}
		switch feature {
		case Calls, CreditsOf:
			usualItem(r, seed, &item, soft[feature])
			if seed%4 == 1 && r.IntN(2) == 0 {
				item.Terms.Caps = []Cap{{*whole(r, 50, 500), Day}}
			}
		case Images:
			if r.IntN(2) == 0 {
				item.Terms.Amount = whole(r, 20, 200)
			}
			if r.IntN(2) == 0 {
				item.Terms.Caps = []Cap{{*whole(r, 10, 60), Day}}
			}
			if r.IntN(2) == 0 {
				item.Terms.Burns = &Burns{Pool: CreditsOf, Rate: pick(r, "8", "3", "0.7")}
			}
		case Seats:
			item.Terms.Amount = whole(r, 5, 40)
			item.Terms.Windows = Never
		}
		p.Items = append(p.Items, item)
	}
	return p
}

// usualItem fills an item of a feature that has grants, rollover and overage.
func usualItem(r *rand.Rand, seed int64, item *Item, soft bool) {
	item.Terms.Amount = whole(r, 150, 1000)
	item.Terms.Soft = soft
	if soft && r.IntN(2) == 0 {
		item.Terms.OverageMax = whole(r, 50, 400)
	}
	otherRhythm := seed%5 == 4
	if otherRhythm {
		item.Terms.Windows = pick(r, Month, Day, Month)
	}
	if !soft && r.IntN(8) == 0 {
		item.Terms.Amount = nil
		return
	}
	if r.IntN(3) > 0 {
		item.Terms.Rollover = &Rollover{Max: *whole(r, 50, 1000), Windows: pick(r, 1, 1, 2, 3, 12)}
	}
	if seed%6 == 2 && r.IntN(2) == 0 {
		item.Grants = []CatalogGrant{{
			Amount: *whole(r, 20, 200), At: pick(r, "start", "term"), Lasts: pick(r, "term", "agreement", "never", "days"),
			Days: 12, Kind: pick(r, paid, promotional),
		}}
	}
}

func whole(r *rand.Rand, from, to int) *Units {
	u := Units(from+r.IntN(to-from)) * One
	return &u
}
