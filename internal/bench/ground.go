package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/catalog"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/store"
	"github.com/allot-dev/allot/internal/usage"
)

// ground is what lines stand on: a database of its own with something in several
// sizes.
type ground struct {
	what  string
	sizes []int // ascending
	// apart has each size in a database, and with a server, of its own, as what is
	// the catalog's is everybody's. Else each is a customer's.
	apart bool
	// small sizes are not made smaller.
	small bool
	fill  func(*filling) error
}

var (
	holdsGround      = ground{what: "open holds", sizes: []int{1, 100, 10_000}, fill: fillHolds}
	historyGround    = ground{what: "records", sizes: []int{1000, 100_000, 1_000_000}, fill: fillHistory}
	uncountedGround  = ground{what: "records without a counter", sizes: []int{1000, 100_000}, fill: fillUncounted}
	featuresGround   = ground{what: "features", sizes: []int{10, 100, 1000}, fill: fillFeatures}
	agreementsGround = ground{what: "ended agreements", sizes: []int{30, 3000}, fill: fillAgreements}
	overridesGround  = ground{what: "changes of an override", sizes: []int{100, 10_000}, fill: fillOverrides}
	sourcesGround    = ground{what: "sources", sizes: []int{1, 4}, small: true, fill: fillSources}
	plansGround      = ground{what: "plans", sizes: []int{20, 1000, 10_000}, apart: true, fill: fillPlans}
)

// shrunk are the sizes, each by as much smaller, as far as they differ.
func (g *ground) shrunk(by int) []int {
	if g.small {
		return g.sizes
	}
	var sizes []int
	for _, size := range g.sizes {
		sizes = append(sizes, max(1, size/max(1, by)))
	}
	return slices.Compact(sizes)
}

// lay makes places with a ground and starts servers on them. What ends all that is
// not nil, whatever happens.
func (b *bench) lay(ctx context.Context, g *ground, sizes []int) (fields []field, end func() error, err error) {
	var ends []func() error
	end = func() (err error) {
		for _, e := range slices.Backward(ends) {
			err = errors.Join(err, e())
		}
		return err
	}
	parts := [][]int{sizes}
	if g.apart {
		parts = slices.Collect(slices.Chunk(sizes, 1))
	}
	for _, part := range parts {
		place, remove, err := beside(ctx, b.Place)
		if err != nil {
			return nil, end, err
		}
		ends = append(ends, remove)
		plots, err := b.fill(ctx, g, place.Database, part)
		if err != nil {
			return nil, end, fmt.Errorf("%s: %w", g.what, err)
		}
		c, err := guest(ctx, place, append(slices.Clone(scopes), api.ScopeUpdateCatalog)...)
		if err != nil {
			return nil, end, err
		}
		s, err := serve(ctx, b.Program, place, b.Serve, c)
		if err != nil {
			return nil, end, err
		}
		ends = append(ends, s.stop)
		gauge, err := openGauge(ctx, s.pid(), place.Database)
		if err != nil {
			return nil, end, err
		}
		ends = append(ends, gauge.close)
		for _, p := range plots {
			fields = append(fields, field{p, s, gauge})
		}
	}
	return fields, end, nil
}

// filling is a ground that is made, by the use cases themselves, at instants of the
// last days.
type filling struct {
	ctx   context.Context
	svc   *service.Service
	now   time.Time
	plots []plot
}

// fillFrom is how long ago a ground's first change was.
const fillFrom = 10 * 24 * time.Hour

func (b *bench) fill(ctx context.Context, g *ground, database string, sizes []int) (_ []plot, err error) {
	st, err := store.Open(ctx, store.Options{URL: database, Mode: store.Tool})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	f := &filling{ctx: ctx, now: time.Now().Add(-fillFrom).Truncate(time.Second)}
	f.svc = &service.Service{Store: st, Clock: func() time.Time { return f.now }}
	for i, size := range sizes {
		f.plots = append(f.plots, plot{customer: i, size: size})
	}
	began := time.Now()
	if err := f.apply(string(catalogFile)); err != nil {
		return nil, err
	}
	if err := g.fill(f); err != nil {
		return nil, err
	}
	b.Progress("%s: %v made in %s", g.what, sizes, time.Since(began).Round(time.Second/10))
	return f.plots, nil
}

func (f *filling) do(fn func(*service.Work) error) error { return f.svc.Do(f.ctx, seeder, fn) }

// customers makes those of all plots, each on a plan.
func (f *filling) customers(plan func(p plot) billing.Code) error {
	for _, p := range f.plots {
		if err := f.do(func(u *service.Work) error {
			_, err := u.CreateCustomer(billing.NewCustomer{
				ID: customerID(p.customer), Type: billing.Organization, OrgCode: fmt.Sprintf("bench-%d", p.customer), Plan: plan(p),
			})
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}

func onSeedPlan(plot) billing.Code { return seedPlan }

// times does something as often as each plot is large, some of it in one unit of
// work, at instants that go on to the present. Half of it is behind p.at.
func (f *filling) times(together int, each func(u *service.Work, p plot, from, to int) error) error {
	const span = fillFrom - time.Hour // for the last to be in the past for certain
	began := f.now
	for i := range f.plots {
		p := &f.plots[i]
		units := (p.size + together - 1) / together
		step := max(time.Microsecond, span/time.Duration(units+1))
		for k := range units {
			f.now = began.Add(time.Duration(k+1) * step)
			from, to := k*together, min(p.size, (k+1)*together)
			if err := f.do(func(u *service.Work) error { return each(u, *p, from, to) }); err != nil {
				return err
			}
			if k == (units-1)/2 {
				p.at, p.behind = f.now.Add(time.Second).Truncate(time.Second), to
			}
		}
	}
	return nil
}

// fillHolds holds a unit as often as the size says, for longer than a run lasts.
func fillHolds(f *filling) error {
	if err := f.customers(onSeedPlan); err != nil {
		return err
	}
	const together, lasts = 500, 24 * time.Hour
	f.now = time.Now()
	for _, p := range f.plots {
		for made := 0; made < p.size; made += together {
			if err := f.do(func(u *service.Work) error {
				for range min(together, p.size-made) {
					if _, _, err := u.Hold(customerID(p.customer), seedFeature, billing.OneUnit, lasts); err != nil {
						return err
					}
				}
				return nil
			}); err != nil {
				return err
			}
		}
	}
	return nil
}

// fillSources gives as many grants as make so many sources with the plan's allowance, to be
// burned before it.
func fillSources(f *filling) error {
	if err := f.customers(onSeedPlan); err != nil {
		return err
	}
	for _, p := range f.plots {
		for range p.size - 1 {
			if err := f.do(func(u *service.Work) error {
				_, _, err := u.CreateGrant(customerID(p.customer), billing.NewGrant{Feature: seedFeature, Amount: 1_000_000_000 * billing.OneUnit, Priority: new(10)})
				return err
			}); err != nil {
				return err
			}
		}
	}
	return nil
}

// fillHistory records a unit as often as the size says.
func fillHistory(f *filling) error {
	if err := f.customers(onSeedPlan); err != nil {
		return err
	}
	return f.record()
}

func (f *filling) record() error {
	return f.times(bulkRecords, func(u *service.Work, p plot, from, to int) error {
		out, err := u.RecordUsage(customerID(p.customer), slices.Repeat([]usage.Report{{Feature: seedFeature, Value: billing.OneUnit}}, to-from))
		for _, o := range out {
			if o.Err != nil {
				return o.Err
			}
		}
		return err
	})
}

// fillUncounted records as fillHistory does, and puts the customers on a plan that
// counts by the year what theirs counted by the month.
func fillUncounted(f *filling) error {
	if err := f.apply(catalogHead + `  - {code: bench_yearly, name: Yearly, group: bench, status: published, items: [{feature: bench_calls, max: 1000000000000, limit: hard, reset: year}]}
`); err != nil {
		return err
	}
	if err := fillHistory(f); err != nil {
		return err
	}
	for _, p := range f.plots {
		if err := f.do(func(u *service.Work) error {
			_, _, err := u.Subscribe(customerID(p.customer), billing.NewAgreement{Plan: "bench_yearly"})
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}

// fillFeatures has a plan of so many features for each plot.
func fillFeatures(f *filling) error {
	var features, plans strings.Builder
	for i := range f.plots[len(f.plots)-1].size {
		fmt.Fprintf(&features, "  - {code: %s, name: Feature %d, type: metered, reset: cycle}\n", featureOf(i), i)
	}
	plan := func(p plot) billing.Code { return billing.Code(fmt.Sprintf("bench_features_%d", p.size)) }
	for _, p := range f.plots {
		fmt.Fprintf(&plans, "  - {code: %s, name: Features, group: bench, status: published, items: [\n", plan(p))
		for i := range p.size {
			fmt.Fprintf(&plans, "      {feature: %s, max: 1000000, limit: hard},\n", featureOf(i))
		}
		plans.WriteString("    ]}\n")
	}
	if err := f.apply("features:\n" + features.String() + catalogHead + plans.String()); err != nil {
		return err
	}
	return f.customers(plan)
}

func featureOf(i int) string { return fmt.Sprintf("bench_f_%04d", i) }

// fillAgreements goes from one plan to another and back as often as the size says.
func fillAgreements(f *filling) error {
	if err := f.apply(plansFile("bench_other", 0, 1)); err != nil {
		return err
	}
	if err := f.customers(onSeedPlan); err != nil {
		return err
	}
	return f.times(1, func(u *service.Work, p plot, from, _ int) error {
		plan := billing.Code("bench_other_0")
		if from%2 == 1 {
			plan = seedPlan
		}
		_, _, err := u.Subscribe(customerID(p.customer), billing.NewAgreement{Plan: plan})
		return err
	})
}

// fillOverrides changes an override as often as the size says.
func fillOverrides(f *filling) error {
	if err := f.customers(onSeedPlan); err != nil {
		return err
	}
	return f.times(1, func(u *service.Work, p plot, from, _ int) error {
		most := int64(1_000_000 + from%2)
		_, _, _, err := u.SetOverride(customerID(p.customer), seedFeature, billing.NewOverride{HasMax: true, Max: &most})
		return err
	})
}

// fillPlans has so many plans in the catalog, and one customer.
func fillPlans(f *filling) error {
	const together = 500
	for _, p := range f.plots {
		for made := 1; made < p.size; made += together { // beside the one that is there
			if err := f.apply(plansFile("bench_plan", made, min(together, p.size-made))); err != nil {
				return err
			}
		}
	}
	return f.customers(onSeedPlan)
}

// catalogHead begins the plans of a catalog file.
const catalogHead = "plans:\n"

// plansFile is a catalog file with some plans more, numbered.
func plansFile(code billing.Code, first, n int) string {
	var b strings.Builder
	b.WriteString(catalogHead)
	for i := range n {
		fmt.Fprintf(&b, "  - {code: %s_%d, name: Plan %d, group: bench, status: published, items: "+
			"[{feature: bench_base, fixed_charge: 100, interval: month}, {feature: bench_calls, max: 1000000000, limit: hard}]}\n", code, first+i, first+i)
	}
	return b.String()
}

func (f *filling) apply(file string) error {
	doc := catalog.Parse([]byte(file))
	if len(doc.Faults) > 0 {
		return fmt.Errorf("the catalog's file: %s", doc.Faults[0])
	}
	return f.do(func(u *service.Work) error {
		_, err := u.ApplyCatalog(doc.Spec)
		return err
	})
}
