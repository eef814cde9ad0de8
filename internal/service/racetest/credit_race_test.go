package racetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/govalues/decimal"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/calendar"
	"github.com/allot-dev/allot/internal/pgtest"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/usage"
)

// creditRace is a round in which many callers spend the credits of a few customers.
type creditRace struct {
	*race
	spenders []*spender
	asked    atomic.Int64
	unknown  int
}

const (
	manyGrants = 12 // that a customer may be given
	manyKeys   = 30 // under which something is consumed
)

// newTariff is a random one. Windows are days that begin when a customer does.
func newTariff(n *rand.Rand, began time.Time) tariff {
	t := tariff{
		allowance: unit * (20 + n.Int64N(40)), soft: n.IntN(3) == 0, chatsMax: unit * (20 + n.Int64N(60)),
		windowEnd: began.AddDate(0, 0, 1).UnixMicro(),
	}
	if t.soft {
		t.overageMax = unit * (5 + n.Int64N(30))
	}
	rates := []rate{{1, 1}, {3, 1}, {5, 2}, {3333333, 10_000_000}, {1234567, 1_000_000}}
	t.rates = [3]rate{images: rates[n.IntN(len(rates))], chats: rates[n.IntN(len(rates))]}
	ends := []int64{0, 0, began.Add(18 * time.Hour).UnixMicro(), t.windowEnd, began.AddDate(0, 1, 0).UnixMicro()}
	only := [][]of{nil, nil, nil, {images}, {chats, credits}}
	for range manyGrants {
		t.grants = append(t.grants, granted{
			amount: unit * (5 + n.Int64N(30)), priority: []int{50, 50, 10, 90}[n.IntN(4)], paid: n.IntN(2) == 0,
			ends: ends[n.IntN(len(ends))], only: only[n.IntN(len(only))], early: n.IntN(4) == 0,
		})
	}
	return t
}

// spec is the tariff as a catalog.
func (t *tariff) spec() billing.CatalogSpec {
	burns := func(f of) *billing.Burns {
		return &billing.Burns{Feature: creditCodes[credits], Rate: decimal.MustParse(fmt.Sprint(float64(t.rates[f].p) / float64(t.rates[f].q)))}
	}
	day := billing.Reset(calendar.Day)
	pool := billing.ItemSpec{Feature: creditCodes[credits], Max: new(t.allowance / unit), Reset: day}
	if t.soft {
		pool.Limit, pool.OverageMax = billing.Soft, new(t.overageMax/unit)
	}
	return billing.CatalogSpec{
		Features: []billing.Feature{
			{Code: creditCodes[credits], Name: "Credits", Type: billing.Metered, Reset: day},
			{Code: creditCodes[images], Name: "Images", Type: billing.Metered, Reset: day, Burns: burns(images)},
			{Code: creditCodes[chats], Name: "Chats", Type: billing.Metered, Reset: day, Burns: burns(chats)},
		},
		Plans: []billing.PlanSpec{{
			Code: "prepaid", Name: "Prepaid", Group: "teams", Status: billing.Published,
			Items: []billing.ItemSpec{pool, {Feature: creditCodes[images], Reset: day}, {Feature: creditCodes[chats], Max: new(t.chatsMax / unit), Reset: day}},
		}},
	}
}

// newCreditRace is a race of one or two customers on nodes whose clocks are apart.
func newCreditRace(t *testing.T, w *world, name string, random *rand.Rand, nodes int) *creditRace {
	t.Helper()
	r := &creditRace{race: &race{world: w, name: name, random: random}}
	of := newTariff(random, w.now)
	w.do(func(u *service.Work) error { _, err := u.ApplyCatalog(of.spec()); return err })
	for range 1 + random.IntN(2) {
		one := &spender{id: w.customer("prepaid"), began: w.now, tariff: of, grants: map[int]billing.GrantID{}}
		one.tariff.grants = slices.Clone(of.grants)
		r.spenders = append(r.spenders, one)
	}
	w.now = w.now.Add(12 * time.Hour)
	r.startAll([]time.Duration{0, 30 * time.Second, -time.Hour}[:nodes])
	return r
}

// next is what is asked for next.
func (p *spender) next(n *rand.Rand) creditInput {
	in := creditInput{Kind: consume, Feature: []of{credits, images, chats}[n.IntN(3)], Units: unit * (1 + n.Int64N(4))}
	if n.IntN(8) == 0 {
		in.Units += n.Int64N(unit)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch n.IntN(24) {
	case 0, 1:
		in.Kind = check
	case 2, 3:
		return creditInput{Kind: look}
	case 4, 5, 6, 7:
		in.Kind = hold
	case 8, 9, 10:
		if len(p.holds) == 0 {
			break
		}
		in = creditInput{Kind: []kind{confirm, confirm, release}[n.IntN(3)], Hold: p.holds[n.IntN(len(p.holds))]}
		if in.Kind == confirm && n.IntN(2) == 0 {
			in.Units = unit/2 + n.Int64N(6*unit)
		}
		if in.Kind == confirm {
			in.Over = []string{"reject", "available", "record"}[n.IntN(3)]
		}
	case 11, 12, 13:
		in = creditInput{Kind: give, Grant: n.IntN(manyGrants)}
		if n.IntN(6) == 0 {
			in.more = unit
		}
	case 14, 15, 16:
		in = creditInput{Kind: []kind{void, void, standing}[n.IntN(3)], Grant: n.IntN(manyGrants), Claw: n.IntN(2) == 0}
		id, made := p.grants[in.Grant]
		if in.ID = id; !made || in.Kind == standing {
			in.Claw = false
		}
		if !made {
			in.Kind = give
		}
	case 17, 18:
		in.Key = 1 + n.IntN(manyKeys)
		in.Feature, in.Units = of(in.Key%3), unit*int64(in.Key%4+1)
	}
	return in
}

// ask has a caller ask for something.
func (r *creditRace) ask(caller int, random *rand.Rand, began time.Time) {
	one := r.spenders[random.IntN(len(r.spenders))]
	in := one.next(random)
	in.by = billing.Actor(fmt.Sprint("request ", r.asked.Add(1)))
	ctx, cancel := r.patience(random)
	defer cancel()
	s := r.at(caller).Service
	if r.beside != nil && (in.Kind == give || in.Kind == void) && random.IntN(2) == 0 {
		s = r.beside
	}
	call := time.Since(began).Nanoseconds()
	out := one.ask(ctx, s, in)
	for try := 1; out.Unknown && in.Key != 0 && try < 1+in.Key%2*5; try++ {
		out = one.ask(r.t.Context(), r.at(caller+try).Service, in)
	}
	if out.Unknown && in.Kind != standing && in.Kind != look && in.Kind != check {
		r.mu.Lock()
		r.unknown++
		r.mu.Unlock()
	}
	if out.Unknown && len(r.fail) == 0 && !r.cuts {
		r.t.Errorf("%s: %v of %v: %s", r.name, in, one.id, out.Fault)
	}
	r.noted(one, in, out, call, time.Since(began).Nanoseconds())
}

// noted adds what was asked and answered.
func (r *creditRace) noted(p *spender, in creditInput, out creditOutput, call, ret int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if out.Unknown {
		if in.Kind == standing || in.Kind == look || in.Kind == check {
			return
		}
		ret = never
	}
	if out.Hold != "" && in.Key == 0 {
		p.holds = append(p.holds, out.Hold)
	}
	if in.Kind == give && out.Grant != "" {
		if id, err := billing.ParseGrantID(out.Grant); err == nil {
			p.grants[in.Grant] = id
		}
	}
	p.ops = append(p.ops, porcupine.Operation{Input: in, Output: out, Call: call, Return: ret})
}

// atLast asks for everything when all is over.
func (r *creditRace) atLast(p *spender, began time.Time) {
	ins := []creditInput{{Kind: check, Feature: images, Units: unit}, {Kind: check, Feature: chats, Units: unit}}
	for i := range p.tariff.grants {
		if p.tariff.grants[i].made {
			ins = append(ins, creditInput{Kind: standing, Grant: i, ID: p.grants[i]})
		}
	}
	ins = append(ins, creditInput{Kind: look}, creditInput{Kind: check, Units: unit, last: true})
	for _, in := range ins {
		call := time.Since(began).Nanoseconds()
		out := p.ask(r.t.Context(), r.at(0).Service, in)
		for try := 0; out.Unknown && try < 10; try++ { // connections that have gone are noticed when they are used
			out = p.ask(r.t.Context(), r.at(0).Service, in)
		}
		if out.Unknown {
			r.t.Fatalf("%s: %s", r.name, out.Fault)
		}
		r.noted(p, in, out, call, time.Since(began).Nanoseconds())
	}
}

// read reads from the store which grants there are, and of what was not answered, whether
// it was done.
func (r *creditRace) read(p *spender) (done func(creditInput) bool) {
	r.t.Helper()
	var grants []billing.Grant
	var holds []usage.Hold
	by := map[billing.Actor]bool{}
	look := func(tx service.Reader) (err error) {
		if grants, _, err = tx.GrantHistory(p.id, service.Page[billing.GrantID]{Size: 1000}); err != nil {
			return err
		}
		if holds, _, err = tx.Holds(p.id, "", service.Page[usage.HoldID]{Size: 1000}); err != nil {
			return err
		}
		records, _, err := tx.UsageRecords(p.id, "", time.Time{}, time.Time{}, service.Page[service.UsageCursor]{Size: 10_000})
		for i := range records {
			by[records[i].By] = by[records[i].By] || records[i].Kind == usage.Consumed
		}
		return err
	}
	err := r.at(0).Store.View(r.t.Context(), look)
	for try := 0; err != nil && try < 10; try++ { // connections that have gone are noticed when they are used
		err = r.at(0).Store.View(r.t.Context(), look)
	}
	if err != nil {
		r.t.Fatal(err)
	}
	for rank := range grants {
		r.readGrant(p, rank, &grants[rank])
	}
	states := map[string]usage.HoldState{}
	for i := range holds {
		by[holds[i].By] = true
		states[holds[i].ID.String()] = holds[i].State
	}
	return func(in creditInput) bool {
		switch in.Kind {
		case confirm:
			return states[in.Hold] == usage.HoldConfirmed
		case release:
			return states[in.Hold] == usage.HoldReleased
		case give:
			return p.tariff.grants[in.Grant].made
		case void:
			g := grants[slices.IndexFunc(grants, func(g billing.Grant) bool { return g.ID == in.ID })]
			return !g.EndedOn.IsZero() && (!in.Claw || !g.ClawedBackOn.IsZero())
		}
		return by[in.by]
	}
}

func (r *creditRace) readGrant(p *spender, rank int, g *billing.Grant) {
	r.t.Helper()
	var number int
	if _, err := fmt.Sscanf(g.ExternalID, "grant %d", &number); err != nil {
		r.t.Fatal(err)
	}
	is := &p.tariff.grants[number]
	if is.made {
		r.t.Errorf("%s: %s is made twice", r.name, g.ExternalID)
	}
	is.made, is.amount, is.id, is.rank, is.effective = true, int64(g.Amount), g.ID.String(), rank, g.EffectiveOn.UnixMicro()
	p.grants[number] = g.ID
}

// settle makes one request of those under a key, from when the first was asked until the
// first was answered, leaves out what was not answered and not done, and numbers those
// without an answer that are alike. usual are the amounts that were asked for.
func (p *spender) settle(usual []granted, done func(creditInput) bool) error {
	slices.SortFunc(p.ops, byCall)
	var ops []porcupine.Operation
	var count [alikes * 3]int
	first := map[int]int{}
	for _, op := range p.ops {
		in, out := op.Input.(creditInput), op.Output.(creditOutput)
		if in.Kind == give {
			in.other = usual[in.Grant].amount+in.more != p.tariff.grants[in.Grant].amount
			op.Input = in
		}
		at, found := first[in.Key]
		switch {
		case in.Key == 0 || !found:
			first[in.Key] = len(ops)
			ops = append(ops, op)
		case out.Unknown && ops[at].Output.(creditOutput).Unknown && done(in):
			in0 := ops[at].Input.(creditInput)
			in0.by = in.by
			ops[at].Input = in0
		case out.Unknown:
		case ops[at].Output.(creditOutput).Unknown:
			ops[at].Output, ops[at].Return = out, op.Return
		case ops[at].Output.(creditOutput) != out:
			return fmt.Errorf("%v is answered %v, and another time %v", in, ops[at].Output, out)
		default:
			ops[at].Return = min(ops[at].Return, op.Return)
		}
	}
	ops = slices.DeleteFunc(ops, func(op porcupine.Operation) bool {
		return op.Output.(creditOutput).Unknown && !done(op.Input.(creditInput))
	})
	for i := range ops {
		in := ops[i].Input.(creditInput)
		if n, ok := in.alike(); ok && ops[i].Output.(creditOutput).Unknown {
			count[n]++
			in.nth = count[n]
			ops[i].Input = in
		}
	}
	p.ops = ops
	return nil
}

// run runs the race and holds what was answered against the model.
func (r *creditRace) run(t *testing.T) {
	t.Helper()
	began := r.call(r.ask)
	count := 0
	for i, p := range r.spenders {
		usual := slices.Clone(p.tariff.grants)
		done := r.read(p)
		r.atLast(p, began)
		err := p.settle(usual, done)
		if err == nil {
			err = linearCredits(&p.tariff, p.ops)
		}
		switch {
		case errors.Is(err, errUndecided):
			t.Logf("%s, customer %d: %d operations, %d without an answer: %v", r.name, i, len(p.ops), r.unknown, err)
		case err != nil:
			t.Errorf("%s, customer %d: %vby %+v\n%s", r.name, i, err, p.tariff, p.expected())
		}
		count += len(p.ops)
	}
	_, _, err := r.at(0).Verify(t.Context(), func(d service.Drift) { t.Errorf("%s: drift of %v: %s", r.name, d.Customer, d.Message) })
	if err != nil {
		t.Error(err)
	}
	r.stop()
	t.Logf("%s: %d histories of %d operations, %d without an answer", r.name, len(r.spenders), count, r.unknown)
}

// Whatever three nodes are asked at once about the credits of a customer, all answers are
// those of one after the other.
func TestCreditsAreLinearizable(t *testing.T) {
	rounds(t, 1, func(t *testing.T, seed uint64, random *rand.Rand) {
		newCreditRace(t, newWorld(t), fmt.Sprint("seed ", seed), random, 3).run(t)
	})
}

// The same while the database crashes, connections end and callers give up.
func TestCreditsAreLinearizableThroughFaults(t *testing.T) {
	cluster := faults{pgtest.New(t, pgtest.Options{Settings: map[string]string{"fsync": "off"}}), t}
	rounds(t, 1, func(t *testing.T, seed uint64, random *rand.Rand) {
		r := newCreditRace(t, worldOn(t, cluster.schema(fmt.Sprint("credits", seed))), fmt.Sprint("seed ", seed), random, 3)
		r.cuts = true
		r.fail = []func(){cluster.terminate, cluster.crash, cluster.terminate}
		random.Shuffle(len(r.fail), func(i, j int) { r.fail[i], r.fail[j] = r.fail[j], r.fail[i] })
		r.run(t)
	})
}

// The same on SQLite, with a program beside the server, which is started anew meanwhile.
func TestCreditsOfServerAreLinearizable(t *testing.T) {
	rounds(t, 2, func(t *testing.T, seed uint64, random *rand.Rand) {
		r := newCreditRace(t, worldOn(t, "sqlite:"+filepath.Join(t.TempDir(), "allot.db")), fmt.Sprint("seed ", seed), random, 1)
		r.beside = r.Service
		if r.cuts = random.IntN(2) == 0; r.cuts {
			restart := func() { r.start(0) }
			r.fail = []func(){restart, restart}
		}
		r.run(t)
	})
}

// expected is, where what was answered is not one after the other, what the first that does
// not fit would have been answered.
func (p *spender) expected() string {
	_, info := porcupine.CheckOperationsVerbose(creditModel(&p.tariff, len(p.ops)), p.ops, time.Minute)
	var best []porcupine.Operation
	for _, part := range info.PartialLinearizationsOperations()[0] {
		if len(part) > len(best) {
			best = part
		}
	}
	s := newStock(&p.tariff)
	done := map[string]bool{}
	for _, op := range best {
		done[fmt.Sprint(op)] = true
		_, s = p.tariff.step(s, op.Input.(creditInput), op.Output.(creditOutput))
	}
	for _, op := range p.ops {
		if in, out := op.Input.(creditInput), op.Output.(creditOutput); !done[fmt.Sprint(op)] && !out.Unknown {
			want, _ := p.tariff.do(s.clone(), in, out)
			return fmt.Sprintf("%v is answered\n %v, want\n %v", in, out, want)
		}
	}
	return ""
}
