package service_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/govalues/decimal"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/creditmodel"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/usage"
)

// replay runs the steps of scripts of the model of credits against a service.
type replay struct {
	*world
	of       creditmodel.World
	id       billing.CustomerID
	ids      map[int][]string // what each step made: grants, holds, records
	plans    map[int]billing.AgreementID
	last     billing.AgreementID  // of the plan that was bought last
	counted  map[string]time.Time // of records, by id, when they count
	features map[string]string    // of records, by id
	// way is how use cases are run: by themselves, counting as servers do, or so under a key,
	// each twice.
	way  way
	keys int
	// loose are the features that had a correction without a name while they were plain. That
	// counts at its own instant, and is of no record.
	loose map[string]bool
}

// way is a way to run use cases.
type way int

const (
	runAlone way = iota
	runCounting
	runOnce
)

// apart reports whether the model answers a step otherwise because of a loose correction.
func (r *replay) apart(s creditmodel.Step) bool {
	r.now = s.At
	switch s.Op {
	case creditmodel.OpCorrect:
		return r.loose[r.features[r.made(s.Ref, s.Line)]]
	case creditmodel.OpCredits:
		return r.loose[s.Feature] && s.KnownNow && s.When.Before(s.At)
	case creditmodel.OpCorrectAny, creditmodel.OpAbsolute:
		plain := !r.pooled(s.Feature)
		if s.Feature != creditmodel.Seats && r.loose[s.Feature] && !plain {
			return true
		}
		r.loose[s.Feature] = r.loose[s.Feature] || plain
	}
	return false
}

// pooled reports whether a feature is now drawn from sources.
func (r *replay) pooled(feature string) bool {
	d, err := r.Check(context.Background(), r.id, []billing.Code{billing.Code(feature)}, 1)
	if err != nil {
		r.t.Fatal(err)
	}
	return d[0].Pooled
}

// told is what the service answers to a step, as far as the model answers it too.
type told struct {
	code      string
	decision  *billing.Decision
	confirmed bool
	made      []string
	uncovered billing.Units
	pooled    bool // of late usage: plain features do not tell what is uncovered
	grants    []billing.GrantStanding
	void      *billing.GrantStanding
	credits   *service.CreditsAt
}

func newReplay(t *testing.T, w *world, of creditmodel.World) *replay {
	t.Helper()
	r := &replay{
		world: w, of: of, ids: map[int][]string{}, plans: map[int]billing.AgreementID{},
		counted: map[string]time.Time{}, features: map[string]string{}, loose: map[string]bool{},
	}
	w.t, w.now = t, of.Start
	w.apply(catalogOf(of))
	c, err := w.create(billing.NewCustomer{Type: billing.Organization, NoPlan: true, AnchorOn: of.Start})
	if err != nil {
		t.Fatal(err)
	}
	r.id = c.ID
	return r
}

func unitsOf(u creditmodel.Units) billing.Units { return billing.Units(u) }

func limitOf(u *creditmodel.Units) *int64 {
	if u == nil {
		return nil
	}
	return new(int64(*u / creditmodel.One))
}

func rateOf(b *creditmodel.Burns) *billing.Burns {
	if b == nil {
		return nil
	}
	return &billing.Burns{Feature: billing.Code(b.Pool), Rate: decimal.MustParse(b.Rate)}
}

func resetOf(w creditmodel.Windows) billing.Reset {
	if w.Kind == "never" {
		return billing.ResetNever
	}
	return billing.Reset(w.Kind)
}

func itemOf(feature string, in creditmodel.Terms, grants []creditmodel.CatalogGrant) billing.ItemSpec {
	item := billing.ItemSpec{
		Feature: billing.Code(feature), Max: limitOf(in.Amount), Reset: resetOf(in.Windows), OverageMax: limitOf(in.OverageMax), Burns: rateOf(in.Burns),
	}
	if in.Soft {
		item.Limit = billing.Soft
	}
	if in.Rollover != nil {
		item.Rollover = &billing.RolloverSpec{Max: limitOf(&in.Rollover.Max), Windows: &in.Rollover.Windows}
	}
	for _, c := range in.Caps {
		item.Caps = append(item.Caps, billing.Cap{Max: int64(c.Max / creditmodel.One), Reset: resetOf(c.Windows)})
	}
	for _, g := range grants {
		spec := billing.ItemGrantSpec{
			Amount: new(unitsOf(g.Amount)), At: billing.GrantAt(g.At), Lasts: billing.GrantLife(g.Lasts), Priority: g.Priority, Kind: billing.GrantKind(g.Kind),
		}
		if g.Lasts == "days" {
			spec.Days = g.Days
		}
		item.Grants = append(item.Grants, spec)
	}
	return item
}

func catalogOf(w creditmodel.World) billing.CatalogSpec {
	spec := billing.CatalogSpec{
		Currency: "usd",
		Groups:   []billing.PlanGroup{{Code: "all", Name: "All", CustomerType: billing.Organization, Default: true}},
	}
	for _, f := range w.Features {
		one := billing.Feature{Code: billing.Code(f.Code), Name: f.Code, Type: billing.Metered, Reset: "month", Held: f.Held, Burns: rateOf(f.Burns)}
		if f.Held {
			one.Reset = billing.ResetNever
		}
		spec.Features = append(spec.Features, one)
	}
	for _, p := range w.Plans {
		plan := billing.PlanSpec{Code: billing.Code(p.Code), Name: p.Code, Group: "all", Status: billing.Published}
		for _, i := range p.Items {
			plan.Items = append(plan.Items, itemOf(i.Feature, i.Terms, i.Grants))
		}
		spec.Plans = append(spec.Plans, plan)
	}
	for _, a := range w.AddOns {
		spec.Plans = append(spec.Plans, billing.PlanSpec{
			Code: billing.Code(a.Code), Name: a.Code, Group: "all", Kind: billing.KindAddOn, Status: billing.Published,
			Items: []billing.ItemSpec{itemOf(a.Feature, a.Terms, nil)},
		})
	}
	for _, p := range w.Packs {
		pack := billing.PlanSpec{Code: billing.Code(p.Code), Name: p.Code, Group: "all", Kind: billing.KindPack, Status: billing.Published}
		for _, l := range p.Lines {
			g := billing.ItemGrantSpec{Amount: new(unitsOf(l.Amount)), Lasts: billing.LastsNever, Priority: l.Priority, Kind: billing.GrantKind(l.Kind)}
			if l.Days > 0 {
				g.Lasts, g.Days = billing.LastsDays, l.Days
			}
			pack.Items = append(pack.Items, billing.ItemSpec{Feature: billing.Code(l.Feature), Grants: []billing.ItemGrantSpec{g}})
		}
		spec.Plans = append(spec.Plans, pack)
	}
	return spec
}

// codeOf is the code of an error that is an answer.
func (r *replay) codeOf(err error) string {
	var one *billing.Error
	var some billing.Errors
	switch {
	case err == nil:
		return ""
	case errors.As(err, &one):
		return one.Code
	case errors.As(err, &some) && len(some) > 0:
		return some[0].Code
	}
	r.t.Fatalf("at %s: %v", r.now, err)
	return ""
}

// do runs one use case, which counts usage of features if there are any.
func (r *replay) do(fn func(*service.Work) error, features ...string) string {
	what := service.Counting{Customer: r.id, Records: len(features)}
	for _, f := range features {
		what.Features = append(what.Features, billing.Code(f))
	}
	ctx := context.Background()
	switch {
	case r.way == runCounting && len(features) > 0:
		return r.codeOf(r.Count(ctx, "test", what, fn))
	case r.way == runOnce:
		return r.twice(ctx, what, fn)
	}
	return r.codeOf(r.Do(ctx, "test", fn))
}

// twice runs a use case under a key two times: the second time it is not run.
func (r *replay) twice(ctx context.Context, what service.Counting, fn func(*service.Work) error) string {
	r.keys++
	key := service.Once{
		Customer: r.id, Records: what.Records, Features: what.Features, Key: fmt.Sprint("key ", r.keys),
		Refusal: func(err error) (service.Answer, bool) {
			code := r.codeOf(err)
			return service.Answer{Status: 400, Body: []byte(code)}, code != ""
		},
	}
	first, _, err := r.Once(ctx, "test", key, func(u *service.Work) (service.Answer, error) { return service.Answer{Status: 200}, fn(u) })
	if err != nil {
		return r.codeOf(err)
	}
	again, replayed, err := r.Once(ctx, "test", key, func(*service.Work) (service.Answer, error) { return service.Answer{Status: 500}, nil })
	if err != nil || !replayed || again.Status != first.Status || string(again.Body) != string(first.Body) {
		r.t.Fatalf("at %s: again it is %d, replayed %t, %v", r.now, again.Status, replayed, err)
	}
	return string(first.Body)
}

func (r *replay) made(step, line int) string {
	if ids := r.ids[step]; line < len(ids) {
		return ids[line]
	}
	return ""
}

// run does one step, and notes what it made.
func (r *replay) run(s creditmodel.Step) told {
	r.t.Helper()
	r.now = s.At
	a := r.answer(s)
	switch s.Op {
	case creditmodel.OpConsume, creditmodel.OpHold, creditmodel.OpConfirm, creditmodel.OpUse:
		if len(a.made) > 0 && a.code == "" {
			r.ids[s.N] = a.made
		}
	case creditmodel.OpGrant, creditmodel.OpPack:
		for _, g := range a.grants {
			r.ids[s.N] = append(r.ids[s.N], g.ID.String())
		}
	}
	return a
}

func (r *replay) answer(s creditmodel.Step) (a told) {
	switch s.Op {
	case creditmodel.OpVoid, creditmodel.OpState, creditmodel.OpConfirm, creditmodel.OpRelease, creditmodel.OpExtend, creditmodel.OpCorrect:
		id := r.made(s.Ref, s.Line)
		if id == "" {
			return told{code: "SKIPPED"}
		}
		return r.answerOn(s, id)
	case creditmodel.OpGrant, creditmodel.OpPack:
		return r.give(s)
	case creditmodel.OpCheck:
		all, err := r.Check(context.Background(), r.id, []billing.Code{billing.Code(s.Feature)}, unitsOf(s.Units))
		if a.code = r.codeOf(err); err == nil {
			a.decision = &all[0]
		}
	case creditmodel.OpConsume:
		a.code = r.do(func(u *service.Work) error {
			d, err := u.Consume(r.id, billing.Code(s.Feature), unitsOf(s.Units))
			a.decision = &d
			return err
		}, s.Feature)
		if a.code == "" && a.decision.Allowed {
			a.made = r.newRecord(s.Feature, s.At)
		}
	case creditmodel.OpHold:
		a.code = r.do(func(u *service.Work) error {
			h, d, err := u.Hold(r.id, billing.Code(s.Feature), unitsOf(s.Units), s.Lasts)
			if a.decision, a.made = &d, nil; d.Allowed {
				a.made = []string{h.ID.String()}
			}
			return err
		})
	case creditmodel.OpUse, creditmodel.OpAbsolute, creditmodel.OpCorrectAny:
		return r.report(s)
	case creditmodel.OpCredits:
		c, err := r.Credits(context.Background(), r.id, billing.Code(s.Feature), s.When, s.KnownNow)
		if a.code = r.codeOf(err); err == nil {
			a.credits = &c
		}
	default:
		a.code = r.change(s)
	}
	return a
}

// report does a step that reports usage.
func (r *replay) report(s creditmodel.Step) (a told) {
	in := usage.Report{Feature: billing.Code(s.Feature), Value: unitsOf(s.Units), Stamp: s.When, Kind: usage.Delta}
	switch s.Op {
	case creditmodel.OpAbsolute:
		in.Kind = usage.Absolute
	case creditmodel.OpCorrectAny:
		in.Value = -in.Value
	}
	a = r.record(in)
	a.pooled = a.uncovered > 0 || r.pooled(s.Feature)
	return a
}

func (r *replay) record(in usage.Report) (a told) {
	a.code = r.do(func(u *service.Work) error {
		out, err := u.RecordUsage(r.id, []usage.Report{in})
		if err != nil {
			return err
		}
		a.made, a.uncovered = []string{out[0].ID}, out[0].Uncovered
		if out[0].Superseded {
			a.made = nil
		}
		return out[0].Err
	}, string(in.Feature))
	if a.code == "" && in.Value > 0 && in.Kind == usage.Delta {
		r.counted[a.made[0]], r.features[a.made[0]] = in.Stamp, string(in.Feature)
	}
	return a
}

// newRecord is the record of a feature that counts at an instant and was not seen before.
func (r *replay) newRecord(feature string, at time.Time) []string {
	all, err := r.RecordsAt(context.Background(), usage.Hold{CustomerID: r.id, Feature: billing.Code(feature), MadeOn: at})
	if err != nil {
		r.t.Fatal(err)
	}
	for _, of := range all {
		if _, ok := r.counted[of.ID]; !ok && of.Kind == usage.Consumed {
			r.counted[of.ID], r.features[of.ID] = of.CountedOn, feature
			return []string{of.ID}
		}
	}
	r.t.Fatalf("no record of %s counts at %s", feature, at)
	return nil
}

// answerOn does a step about what another one made.
func (r *replay) answerOn(s creditmodel.Step, id string) (a told) {
	switch s.Op {
	case creditmodel.OpVoid, creditmodel.OpState:
		return r.answerOnGrant(s, id)
	case creditmodel.OpCorrect:
		return r.record(usage.Report{Feature: billing.Code(r.features[id]), Value: -unitsOf(s.Units), Kind: usage.Delta, Corrects: id})
	}
	hold, err := usage.ParseHoldID(id)
	if err != nil {
		r.t.Fatal(err)
	}
	var closed usage.Hold
	a.code = r.do(func(u *service.Work) error {
		var d billing.Decision
		var err error
		switch s.Op {
		case creditmodel.OpConfirm:
			closed, d, err = u.ConfirmHold(hold, usage.Confirm{Units: new(unitsOf(s.Units)), Over: usage.Over(s.Over)})
			a.confirmed = true
		case creditmodel.OpRelease:
			closed, d, err = u.ReleaseHold(hold)
		case creditmodel.OpExtend:
			closed, d, err = u.ExtendHold(hold, s.Lasts)
		}
		if s.Op == creditmodel.OpConfirm {
			a.decision = &d
		}
		return err
	})
	if a.code == "" && s.Op == creditmodel.OpConfirm {
		for id, feature := range r.features { // again it is the same
			if id != "" && feature == "hold "+closed.ID.String() {
				a.made = []string{r.featureOf(id)}
			}
		}
		if a.made == nil {
			a.made = r.newRecord(string(closed.Feature), closed.MadeOn)
			r.features["of "+a.made[0]] = "hold " + closed.ID.String()
		}
	}
	return a
}

func (r *replay) featureOf(key string) string { return key[len("of "):] }

func (r *replay) answerOnGrant(s creditmodel.Step, id string) (a told) {
	grant, err := billing.ParseGrantID(id)
	if err != nil {
		r.t.Fatal(err)
	}
	if s.Op == creditmodel.OpState {
		g, _, err := r.Service.Grant(context.Background(), grant)
		if a.code = r.codeOf(err); err == nil {
			a.grants = []billing.GrantStanding{g}
		}
		return a
	}
	var g billing.GrantStanding
	a.code = r.do(func(u *service.Work) (err error) {
		g, _, err = u.VoidGrant(grant, s.ClawBack, "")
		return err
	})
	if a.code == "" {
		a.void = &g
	}
	return a
}

// give makes grants.
func (r *replay) give(s creditmodel.Step) (a told) {
	a.code = r.do(func(u *service.Work) (err error) {
		if s.Op == creditmodel.OpPack {
			made, _, err := u.BuyPack(r.id, billing.NewPurchase{Pack: billing.Code(s.Pack), Quantity: int64(s.Quantity), ExternalID: s.ExternalID})
			a.grants = made.Grants
			return err
		}
		in := billing.NewGrant{
			Feature: billing.Code(s.Grant.Feature), Amount: unitsOf(s.Grant.Amount), EffectiveOn: s.Grant.Effective, ExpiresOn: s.Grant.Expires,
			Priority: s.Grant.Priority, Kind: billing.GrantKind(s.Grant.Kind), ExternalID: s.Grant.ExternalID,
		}
		for _, code := range s.Grant.Only {
			in.Only = append(in.Only, billing.Code(code))
		}
		if s.Grant.CostBasis != "" {
			in.CostBasis = new(decimal.MustParse(s.Grant.CostBasis))
		}
		made, _, err := u.CreateGrant(r.id, in)
		a.grants = made.Grants
		return err
	})
	return a
}

// change does a step that changes what is held.
func (r *replay) change(s creditmodel.Step) string {
	switch s.Op {
	case creditmodel.OpPlan, creditmodel.OpAddOn:
		in := billing.NewAgreement{}
		if in.Plan = billing.Code(r.of.Plans[s.Plan].Code); s.Op == creditmodel.OpAddOn {
			in.Plan = billing.Code(r.of.AddOns[s.AddOn].Code)
		}
		made, err := r.trySubscribe(r.id, in)
		if r.plans[s.N] = made.ID; s.Op == creditmodel.OpPlan {
			r.last = made.ID
		}
		return r.codeOf(err)
	case creditmodel.OpCancel:
		when := billing.WhenPeriodEnd
		if s.When.Equal(s.At) {
			when = billing.WhenNow
		}
		_, err := r.tryCancel(r.last, when)
		return r.codeOf(err)
	case creditmodel.OpAddOnEnd:
		_, err := r.tryCancel(r.plans[s.Ref], billing.WhenNow)
		return r.codeOf(err)
	case creditmodel.OpSuspend, creditmodel.OpResume:
		status := billing.Active
		if s.Op == creditmodel.OpSuspend {
			status = billing.Suspended
		}
		return r.codeOf(r.update(r.id, billing.CustomerUpdate{Status: &status}))
	case creditmodel.OpDeny:
		return r.do(func(u *service.Work) error {
			_, _, _, err := u.SetOverride(r.id, billing.Code(s.Feature), billing.NewOverride{Deny: true})
			return err
		})
	case creditmodel.OpAllow:
		return r.do(func(u *service.Work) error {
			_, err := u.EndOverride(r.id, billing.Code(s.Feature))
			return err
		})
	}
	r.t.Fatal(s)
	return ""
}

// stepOf is the step and line that made an id.
func (r *replay) stepOf(id string) string {
	for step, ids := range r.ids {
		if line := slices.Index(ids, id); line >= 0 {
			first := step // a repetition has the same
			for other, more := range r.ids {
				if slices.Contains(more, id) {
					first = min(first, other)
				}
			}
			return fmt.Sprintf("step %d.%d", first, line)
		}
	}
	return cmp.Or(id, "nothing")
}
