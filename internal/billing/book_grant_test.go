package billing

import (
	"crypto/rand"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/govalues/decimal"
)

// newTill is a shelf whose catalog has the metered features calls and images, the held one
// seats, the unmetered one sso, and packs: bundle of two features, which lasts 30 days, and
// forever. A pack that is a draft, one that is not sold any more, and one for users cannot
// be bought.
func newTill(t *testing.T) *shelf {
	s := newShelf(t)
	f := s.catalog.Features
	f["seats"].Held = true
	f["calls"], f["images"] = &Feature{Code: "calls", Type: Metered, Reset: ResetCycle}, &Feature{Code: "images", Type: Metered, Reset: ResetCycle}
	f["sso"] = &Feature{Code: "sso", Type: Unmetered}
	s.catalog.Groups["people"] = &PlanGroup{Code: "people", CustomerType: User}
	pack := func(code, group Code, items ...Item) *Plan {
		p := &Plan{Code: code, Group: group, Kind: KindPack, Status: Published}
		p.Versions = []*PlanVersion{{Plan: code, Number: 1, Terms: Terms{Items: items}}}
		s.catalog.Plans[code] = p
		return p
	}
	calls := Item{Feature: "calls", Grants: []ItemGrant{{Amount: 500 * OneUnit, Lasts: LastsNever, Priority: DefaultPriority, Kind: Paid}}}
	pack("forever", "teams", calls)
	pack("bundle", "teams", Item{Feature: "calls", Grants: []ItemGrant{
		{Amount: 100 * OneUnit, Lasts: LastsDays, Days: 30, Priority: 10, Kind: Promotional}, {Amount: 1, Lasts: LastsNever, Kind: Paid}}},
		Item{Feature: "images", Grants: []ItemGrant{{Amount: OneUnit / 2, Lasts: LastsNever, Priority: 50, Kind: Paid}}})
	pack("draft", "teams", calls).Status = draft
	pack("gone", "teams", calls).Archived = true
	pack("peoples", "people", calls)
	return s
}

func (s *shelf) grant(in NewGrant) Granted {
	s.t.Helper()
	b := s.open()
	out, err := b.Grant(in)
	if err != nil {
		s.t.Fatalf("grant of %s: %v", in.Feature, err)
	}
	s.keep(b)
	return out
}

func (s *shelf) buy(in NewPurchase) Granted {
	s.t.Helper()
	b := s.open()
	out, err := b.BuyPack(in)
	if err != nil {
		s.t.Fatalf("pack %s: %v", in.Pack, err)
	}
	s.keep(b)
	return out
}

func (s *shelf) void(id GrantID, clawBack bool, as string) (Grant, bool) {
	s.t.Helper()
	b := s.open()
	i := slices.IndexFunc(s.facts.Grants, func(g Grant) bool { return g.ID == id })
	g, made, err := b.VoidGrant(s.facts.Grants[i], clawBack, as)
	if err != nil {
		s.t.Fatal(err)
	}
	s.keep(b)
	return g, made
}

// codesOfError are those of an error, in their order.
func codesOfError(err error) (all []string) {
	var several Errors
	var one *Error
	switch {
	case errors.As(err, &several):
		for _, e := range several {
			all = append(all, e.Code)
		}
	case errors.As(err, &one):
		all = append(all, one.Code)
	case err != nil:
		all = append(all, err.Error())
	}
	return all
}

func TestGrantDefaults(t *testing.T) {
	s := newTill(t)
	g := s.grant(NewGrant{Feature: "calls", Amount: 5 * OneUnit}).Grants[0]
	want := Grant{
		ID: g.ID, CustomerID: s.facts.Customer.ID, Feature: "calls", Amount: 5 * OneUnit, EffectiveOn: s.now, Priority: 50, Kind: Paid,
		Asked: g.Asked, By: "cli", CreatedOn: s.now,
	}
	if !reflect.DeepEqual(g, want) || g.ID.Customer() != want.CustomerID {
		t.Errorf("made %+v, want %+v", g, want)
	}
	full := NewGrant{
		Feature: "calls", Amount: 1, EffectiveOn: s.now.AddDate(0, -1, 0), ExpiresOn: s.now.AddDate(0, 1, 0), Priority: new(0), Kind: Promotional,
		Only: []Code{"images", "calls", "images"}, CostBasis: new(decimal.MustParse("0.0400")), Note: "ä", ExternalID: "pay_1",
	}
	g = s.grant(full).Grants[0]
	if g.Priority != 0 || g.Kind != Promotional || !slices.Equal(g.Only, []Code{"calls", "images"}) || g.CostBasis.String() != "0.04" ||
		g.Note != "ä" || g.ExternalID != "pay_1" || !g.EffectiveOn.Equal(full.EffectiveOn) || !g.ExpiresOn.Equal(full.ExpiresOn) {
		t.Errorf("made %+v of %+v", g, full)
	}
}

func TestGrantRefused(t *testing.T) {
	s := newTill(t)
	day := 24 * time.Hour
	for code, in := range map[string]NewGrant{
		"FEATURE_NOT_FOUND":    {Feature: "call", Amount: 1},
		"FEATURE_NOT_METERED":  {Feature: "sso", Amount: 1},
		"AMOUNT_INVALID":       {Feature: "calls"},
		"EFFECTIVE_ON_INVALID": {Feature: "calls", Amount: 1, EffectiveOn: date("1899-01-01T00:00:00Z")},
		"EXPIRES_ON_INVALID":   {Feature: "calls", Amount: 1, EffectiveOn: s.now.Add(day), ExpiresOn: s.now.Add(day)},
		"PRIORITY_INVALID":     {Feature: "calls", Amount: 1, Priority: new(101)},
		"KIND_INVALID":         {Feature: "calls", Amount: 1, Kind: "gift"},
		"ONLY_INVALID":         {Feature: "calls", Amount: 1, Only: []Code{"image"}},
		"COST_BASIS_INVALID":   {Feature: "calls", Amount: 1, CostBasis: new(decimal.MustParse("-0.1"))},
		"NOTE_INVALID":         {Feature: "calls", Amount: 1, Note: strings.Repeat("n", 1001)},
		"EXTERNAL_ID_INVALID":  {Feature: "calls", Amount: 1, ExternalID: strings.Repeat("e", 256)},
	} {
		if _, err := s.open().Grant(in); !slices.Equal(codesOfError(err), []string{code}) {
			t.Errorf("%+v: %v, want %s", in, err, code)
		}
	}
	all := NewGrant{Feature: "calls", Amount: maxRecord, ExpiresOn: s.now, Priority: new(-1), Kind: "x", Note: "\n"}
	if _, err := s.open().Grant(all); len(codesOfError(err)) != 5 {
		t.Errorf("all faults at once: %v", err)
	}
	if _, err := s.open().Grant(NewGrant{Feature: "seats", Amount: OneUnit, Only: []Code{"calls"}}); !slices.Equal(codesOfError(err), []string{"ONLY_INVALID"}) {
		t.Errorf("only of a held feature: %v", err)
	}
	s.catalog.Unfinished = true
	if _, err := s.open().Grant(NewGrant{Feature: "calls", Amount: 1}); !slices.Equal(codesOfError(err), []string{"GRANTS_NOT_READY"}) {
		t.Errorf("beside a server of the version before: %v", err)
	}
}

// A grant whose life is over is for usage of then, and that is said.
func TestGrantOfThePast(t *testing.T) {
	s := newTill(t)
	out := s.grant(NewGrant{Feature: "calls", Amount: 1, EffectiveOn: s.now.AddDate(0, -2, 0), ExpiresOn: s.now})
	if len(out.Warnings) != 1 || out.Warnings[0].Code != warnGrantOver {
		t.Errorf("warnings %v", out.Warnings)
	}
}

// What nobody would expect of a success is said: nothing can use the grant, or the one that
// was asked for again was taken back.
func TestGrantThatSurprises(t *testing.T) {
	s := newTill(t)
	said := func(out Granted) (codes []string) {
		for _, w := range out.Warnings {
			codes = append(codes, w.Code)
		}
		return codes
	}
	idle := NewGrant{Feature: "calls", Amount: 1, Only: []Code{"images"}, ExternalID: "pay_1"}
	out := s.grant(idle)
	if got := said(out); !slices.Equal(got, []string{warnGrantIdle}) {
		t.Errorf("only for what burns nothing: %v", got)
	}
	s.catalog.Features["images"].Burns = &Burns{Feature: "calls"}
	if got := said(s.grant(NewGrant{Feature: "calls", Amount: 1, Only: []Code{"images"}})); got != nil {
		t.Errorf("only for what burns it: %v", got)
	}
	s.void(out.Grants[0].ID, false, "")
	if got := said(s.grant(idle)); !slices.Equal(got, []string{warnGrantVoided}) {
		t.Errorf("again, once voided: %v", got)
	}
	if _, err := s.open().Grant(NewGrant{Feature: "seats", Amount: OneUnit / 2}); !slices.Equal(codesOfError(err), []string{"AMOUNT_INVALID"}) {
		t.Errorf("half a seat: %v", err)
	}
}

func TestGrantRepeated(t *testing.T) {
	s := newTill(t)
	in := NewGrant{Feature: "calls", Amount: 7, ExternalID: "pay_1", Kind: Paid}
	first := s.grant(in)
	if !first.Made {
		t.Fatal("the first was not made")
	}
	s.now = s.now.Add(time.Hour)
	named := in
	named.EffectiveOn, named.Kind, named.Priority = first.Grants[0].EffectiveOn, "", new(50)
	for _, again := range []NewGrant{in, named} {
		out := s.grant(again)
		if out.Made || !reflect.DeepEqual(out.Grants, first.Grants) || len(s.log) > 0 {
			t.Errorf("again: %+v, logged %v", out, s.log)
		}
	}
	for what, change := range map[string]func(*NewGrant){
		"feature":    func(in *NewGrant) { in.Feature = "images" },
		"amount":     func(in *NewGrant) { in.Amount++ },
		"start":      func(in *NewGrant) { in.EffectiveOn = s.now },
		"end":        func(in *NewGrant) { in.ExpiresOn = s.now.AddDate(1, 0, 0) },
		"priority":   func(in *NewGrant) { in.Priority = new(51) },
		"kind":       func(in *NewGrant) { in.Kind = Promotional },
		"only":       func(in *NewGrant) { in.Only = []Code{"images"} },
		"cost basis": func(in *NewGrant) { in.CostBasis = new(decimal.MustParse("0")) },
		"note":       func(in *NewGrant) { in.Note = "n" },
	} {
		other := in
		change(&other)
		_, err := s.open().Grant(other)
		var conflict *Error
		if !errors.As(err, &conflict) || conflict.Code != "GRANT_EXISTS" || conflict.Existing != first.Grants[0].ID.String() {
			t.Errorf("another %s: %v", what, err)
		}
	}
	if _, err := s.open().BuyPack(NewPurchase{Pack: "forever", ExternalID: "pay_1"}); !slices.Equal(codesOfError(err), []string{"GRANT_EXISTS"}) {
		t.Errorf("a pack of the same external id: %v", err)
	}
	// Without an external id nothing is a repetition.
	in.ExternalID = ""
	if s.grant(in); !s.grant(in).Made {
		t.Error("a grant without an external id was not made")
	}
}

func TestBuyPack(t *testing.T) {
	s := newTill(t)
	out := s.buy(NewPurchase{Pack: "bundle", Quantity: 3, ExternalID: "pay_2"})
	type line struct {
		Feature  Code
		Amount   Units
		Days     int
		Priority int
		Kind     GrantKind
		Line     int
	}
	var got []line
	for _, g := range out.Grants {
		l := line{g.Feature, g.Amount, 0, g.Priority, g.Kind, g.Line}
		if !g.ExpiresOn.IsZero() {
			l.Days = int(g.ExpiresOn.Sub(g.EffectiveOn) / (24 * time.Hour))
		}
		if g.Pack != "bundle" || g.ExternalID != "pay_2" || !g.EffectiveOn.Equal(s.now) {
			t.Errorf("a grant of a pack is %+v", g)
		}
		got = append(got, l)
	}
	want := []line{{"calls", 300 * OneUnit, 30, 10, Promotional, 0}, {"calls", 3, 0, 0, Paid, 1}, {"images", 3 * OneUnit / 2, 0, 50, Paid, 2}}
	if !slices.Equal(got, want) || !out.Made {
		t.Errorf("bought %+v, want %+v", got, want)
	}
	if !slices.Equal(s.log, []ChangeKind{grantCreated, grantCreated, grantCreated}) {
		t.Errorf("logged %v", s.log)
	}
	// It is the same purchase also when the pack is sold no more, or has become another.
	s.now = s.now.Add(time.Minute)
	s.catalog.Plans["bundle"].Archived, s.catalog.Plans["bundle"].Versions[0].Items = true, nil
	if again := s.buy(NewPurchase{Pack: "bundle", Quantity: 3, ExternalID: "pay_2"}); again.Made || !reflect.DeepEqual(again.Grants, out.Grants) {
		t.Errorf("again: %+v", again)
	}
	for code, in := range map[string]NewPurchase{
		"GRANT_EXISTS":       {Pack: "bundle", Quantity: 2, ExternalID: "pay_2"},
		"PLAN_NOT_FOUND":     {Pack: "bundel"},
		"PACK_INVALID":       {Pack: "pro"},
		"PLAN_NOT_PUBLISHED": {Pack: "draft"},
		"QUANTITY_INVALID":   {Pack: "forever", Quantity: -1},
	} {
		if _, err := s.open().BuyPack(in); !slices.Equal(codesOfError(err), []string{code}) {
			t.Errorf("%+v: %v, want %s", in, err, code)
		}
	}
	for _, pack := range []Code{"gone", "peoples"} {
		if _, err := s.open().BuyPack(NewPurchase{Pack: pack}); !slices.Equal(codesOfError(err), []string{"PLAN_NOT_AVAILABLE"}) {
			t.Errorf("pack %s: %v", pack, err)
		}
	}
	if _, err := s.open().BuyPack(NewPurchase{Pack: "forever", Quantity: 2e9}); !slices.Equal(codesOfError(err), []string{"QUANTITY_INVALID"}) {
		t.Errorf("500 times 2×10^9: %v", err)
	}
	if out := s.buy(NewPurchase{Pack: "forever", Quantity: 1999999999}); out.Grants[0].Amount != 1999999999*500*OneUnit {
		t.Errorf("bought %s", out.Grants[0].Amount)
	}
	for _, err := range []error{
		errorOf(s.open().Subscribe(NewAgreement{Plan: "forever"})), errorOf(s.open().Assign("forever")),
	} {
		if !slices.Equal(codesOfError(err), []string{"PLAN_NOT_AVAILABLE"}) || !strings.Contains(err.Error(), "/grants") {
			t.Errorf("subscribing to a pack: %v", err)
		}
	}
}

func errorOf[T any](_ T, err error) error { return err }

func TestGrantsTooMany(t *testing.T) {
	s := newTill(t)
	one := NewGrant{Feature: "calls", Amount: 1}
	warned := 0
	for n := 1; n <= maxGrants; n++ {
		out := s.grant(one)
		if len(out.Warnings) > 0 && out.Warnings[0].Code == warnGrantsMany {
			warned++
		}
		if warned > 0 != (n >= manyGrants) {
			t.Fatalf("grant %d: warnings %v", n, out.Warnings)
		}
	}
	refused := func(when string) {
		t.Helper()
		_, err := s.open().Grant(one)
		if !slices.Equal(codesOfError(err), []string{"GRANTS_TOO_MANY"}) || !strings.Contains(err.Error(), " 100 grants of calls") {
			t.Errorf("%s: %v", when, err)
		}
	}
	refused("with 100")
	if _, err := s.open().BuyPack(NewPurchase{Pack: "bundle"}); !slices.Equal(codesOfError(err), []string{"GRANTS_TOO_MANY"}) {
		t.Errorf("a pack: %v", err)
	}
	s.grant(NewGrant{Feature: "images", Amount: 1})
	// One that is voided, that is over or that is set aside makes room.
	s.void(s.facts.Grants[0].ID, false, "")
	s.grant(NewGrant{Feature: "calls", Amount: 1, ExpiresOn: s.now.Add(time.Hour)})
	refused("with one voided and another made")
	s.now = s.now.Add(time.Hour)
	s.grant(one)
	refused("with one over and another made")
	b := s.open()
	b.SetAside(s.facts.Grants[1], true)
	s.keep(b)
	s.grant(one)
	refused("with one set aside and another made")
}

func TestVoidGrant(t *testing.T) {
	s := newTill(t)
	g := s.grant(NewGrant{Feature: "calls", Amount: 5}).Grants[0]
	at := func(d time.Duration) { s.now = s.now.Add(d) }
	at(time.Hour)
	voided, made := s.void(g.ID, false, "refund_1")
	if !made || !voided.EndedOn.Equal(s.now) || !voided.ClawedBackOn.IsZero() || voided.VoidedAs != "refund_1" || voided.Live(s.now) || !voided.Live(s.now.Add(-1)) {
		t.Errorf("voided: %+v", voided)
	}
	on := s.now
	at(time.Hour)
	if again, made := s.void(g.ID, false, "refund_2"); made || !reflect.DeepEqual(again, voided) || len(s.log) > 0 {
		t.Errorf("again: %+v, logged %v", again, s.log)
	}
	clawed, made := s.void(g.ID, true, "refund_3")
	if !made || !clawed.EndedOn.Equal(on) || !clawed.ClawedBackOn.Equal(s.now) || clawed.VoidedAs != "refund_1" {
		t.Errorf("clawed back after: %+v", clawed)
	}
	at(time.Hour)
	if again, made := s.void(g.ID, true, ""); made || !reflect.DeepEqual(again, clawed) {
		t.Errorf("clawed back again: %+v", again)
	}
	if _, _, err := s.open().VoidGrant(g, false, strings.Repeat("e", 256)); !slices.Equal(codesOfError(err), []string{"EXTERNAL_ID_INVALID"}) {
		t.Errorf("a long external id: %v", err)
	}
}

// What is used up is no part of the facts, until it counts again: a correction, or a debt.
func TestGrantSetAside(t *testing.T) {
	s := newTill(t)
	g := s.grant(NewGrant{Feature: "calls", Amount: 5}).Grants[0]
	aside := func(aside, want bool) {
		t.Helper()
		b := s.open()
		if b.SetAside(s.facts.Grants[0], aside) != want {
			t.Errorf("set aside %v: changed %v", aside, !want)
		}
		s.keep(b)
		if left := len(s.open().Grants); left == 1 == aside {
			t.Errorf("set aside %v: %d are left", aside, left)
		}
	}
	aside(false, false)
	aside(true, true)
	aside(true, false)
	if !slices.Equal(s.log, nil) || !s.facts.Grants[0].SetAsideOn.Equal(s.now) {
		t.Errorf("logged %v of %+v", s.log, s.facts.Grants[0])
	}
	aside(false, true)
	aside(true, true)
	s.void(g.ID, false, "")
	if len(s.open().Grants) != 0 {
		t.Error("voiding what is used up took it back")
	}
	s.void(g.ID, true, "")
	if len(s.open().Grants) != 1 {
		t.Error("a debt is not looked at")
	}
}

// past answers what facts were, of a log.
type past struct {
	log  []Change
	rows []Grant
	old  bool // the log begins with too little, so that it is undone
}

func (p *past) Image(CustomerID, time.Time) (Change, error) { return Change{}, ErrNotFound }

func (p *past) Changes(_ Scope, after int64, limit int) (out []Change, _ error) {
	for _, c := range p.log {
		if c.Rev > after && len(out) < limit && !p.old {
			out = append(out, c)
		}
	}
	return out, nil
}

func (p *past) ChangesBefore(_ Scope, before int64, limit int) (out []Change, _ error) {
	for _, c := range slices.Backward(p.log) {
		if c.Rev < before && len(out) < limit {
			out = append(out, c)
		}
	}
	return out, nil
}

func (p *past) Agreements(CustomerID, time.Time) ([]Agreement, error) { return nil, nil }
func (p *past) Imported(CustomerID, time.Time) ([]Agreement, error)   { return nil, nil }
func (p *past) Overrides(CustomerID, time.Time) ([]Override, error)   { return nil, nil }

func (p *past) Grants(_ CustomerID, at time.Time) (out []Grant, _ error) {
	for _, g := range p.rows {
		if g.SetAsideOn.IsZero() || g.SetAsideOn.After(at) {
			out = append(out, g)
		}
	}
	return out, nil
}

// The grants of then follow from the log, done again or undone, and all rows are what it
// says; a row that is not is found.
func TestGrantsThen(t *testing.T) {
	s := newTill(t)
	s.now = s.facts.Customer.CreatedOn
	p := &past{}
	keep := func(b *Book) {
		for _, c := range b.Difference().Changes {
			s.facts.Customer.Rev++
			c.Rev = s.facts.Customer.Rev
			p.log = append(p.log, c)
		}
		s.facts.Customer.Rev -= int64(len(b.Difference().Changes))
		s.keep(b)
		s.facts.Customer.ChangedOn = s.now
	}
	var then []time.Time
	var want [][]Grant
	step := func(change func(*Book)) {
		t.Helper()
		b := s.open()
		change(b)
		keep(b)
		then, want = append(then, s.now), append(want, slices.Clone(s.open().Grants))
		s.now = s.now.Add(time.Minute)
	}
	first := NewGrant{Feature: "calls", Amount: 5 * OneUnit, CostBasis: new(decimal.MustParse("0.04")), Only: []Code{"images"}}
	step(func(b *Book) { b.log(customerCreated, nil, customerFacts(&b.Customer)) })
	step(func(b *Book) { _, _ = b.Grant(first) })
	step(func(b *Book) { _, _ = b.BuyPack(NewPurchase{Pack: "bundle", Quantity: 2}) })
	step(func(b *Book) { b.SetAside(s.facts.Grants[0], true) })
	step(func(b *Book) { _, _, _ = b.VoidGrant(s.facts.Grants[1], false, "") })
	step(func(b *Book) { b.SetAside(s.facts.Grants[0], false) })
	step(func(b *Book) { b.SetAside(s.facts.Grants[0], true) })
	step(func(b *Book) { _, _, _ = b.VoidGrant(s.facts.Grants[1], true, "") })
	step(func(b *Book) { _, _, _ = b.VoidGrant(s.facts.Grants[0], true, "") })
	p.rows = s.facts.Grants
	if len(p.log) != 11 {
		t.Fatalf("%d changes", len(p.log))
	}
	log := func() iter.Seq2[Change, error] {
		return func(yield func(Change, error) bool) {
			for _, c := range p.log {
				if !yield(c, nil) {
					return
				}
			}
		}
	}
	for _, p.old = range []bool{false, true} {
		for i := range then {
			facts, err := FactsThen(p, &s.facts.Customer, then[i])
			if err != nil {
				t.Fatal(err)
			}
			got := fmt.Sprintf("%+v", told(facts.Grants))
			if want := fmt.Sprintf("%+v", told(want[i])); got != want {
				t.Errorf("undone %v, after change %d:\n%s\nwant\n%s", p.old, i, got, want)
			}
		}
	}
	if found, err := s.facts.LogDiffers(log(), true); err != nil || len(found) > 0 {
		t.Errorf("found %q, %v", found, err)
	}
	// The same from an image of all there was, and of what there is now.
	image := s.facts.image(then[len(then)-1], "cli")
	if rows := rowsOf(image.After, "grant"); len(rows) != len(s.open().Grants) {
		t.Errorf("the image has %d grants", len(rows))
	}
	p.log = append(p.log, image)
	if found, err := s.facts.LogDiffers(log(), true); err != nil || len(found) > 0 {
		t.Errorf("with an image: found %q, %v", found, err)
	}
	again := Facts{Customer: Customer{ID: s.facts.Customer.ID}}
	if err := again.redo(&image); err != nil {
		t.Fatal(err)
	}
	again.order(s.now)
	if got, want := fmt.Sprintf("%+v", told(again.Grants)), fmt.Sprintf("%+v", told(s.open().Grants)); got != want {
		t.Errorf("of the image:\n%s\nwant\n%s", got, want)
	}
	s.facts.Grants[2].Amount++
	s.facts.Grants = append(s.facts.Grants[:3], Grant{})
	s.facts.Grants[3], _ = newGrantOf(s)
	found, err := s.facts.LogDiffers(log(), true)
	if err != nil || len(found) < 2 || !strings.Contains(strings.Join(found, "\n"), "is not what its last change says") ||
		!strings.Contains(strings.Join(found, "\n"), "the log does not have grant") {
		t.Errorf("rows that nobody logged: %q, %v", found, err)
	}
}

func newGrantOf(s *shelf) (Grant, error) {
	id, err := NewGrantID(rand.Reader, s.facts.Customer.ID, s.now)
	return Grant{ID: id, Amount: 1, Kind: Paid}, err
}

// told is what the log tells of grants.
func told(grants []Grant) (all []map[string]string) {
	for i := range grants {
		all = append(all, grantFacts(&grants[i]))
	}
	return all
}

func TestGrantID(t *testing.T) {
	s := newTill(t)
	id, err := NewGrantID(rand.Reader, s.facts.Customer.ID, s.now)
	if err != nil {
		t.Fatal(err)
	}
	if back, err := ParseGrantID(id.String()); err != nil || back != id {
		t.Errorf("%s is read as %s, %v", id, back, err)
	}
	if EntitlementID(id[16:]).Position() != 0 {
		t.Error("an id has no room for a position")
	}
	for _, text := range []string{"", "grant_", id.String()[:20], strings.ToUpper(id.String()), "hold_" + id.String()[6:], id.String() + "00"} {
		if _, err := ParseGrantID(text); err == nil {
			t.Errorf("%q is an id", text)
		}
	}
	// Those made at once are in the order in which they were made.
	var all []GrantID
	for range 5 {
		all = append(all, s.grant(NewGrant{Feature: "calls", Amount: 1}).Grants[0].ID)
	}
	if !slices.IsSortedFunc(all, CompareGrantIDs) {
		t.Errorf("made in the order %v", all)
	}
}
