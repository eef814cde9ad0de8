package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/bench/load"
	"github.com/allot-dev/allot/internal/billing"
)

// line is something that has to cost the same however much there is of what it
// stands on. Each size of that is a side of one comparison, and the judge is the
// processor time of the largest in that of the smallest: the server's, and that of
// the database where it is a process of its own.
type line struct {
	name, about string
	ground      *ground
	counted     string // "" is requests
	// units is how many of what is counted a request on a size has; nil is 1.
	units func(size int) int
	load  func(t *target, p plot) load.Workload
	// before, if there is one, is done before each request of load, and not measured;
	// there are then few requests, each on a connection of its own.
	before func(t *target, p plot) load.Workload
	// few requests are sent a turn where each adds to what there is, and they are sent
	// one at a time; 0 is as many as come in its time.
	few int
	// connections it is driven over; 0 is lineConnections.
	connections int
	// most is how much more the largest size may cost than the smallest; 0 is lineGoal.
	most float64
}

// plot is the part of a ground that has one size.
type plot struct {
	customer int // by number
	size     int
	at       time.Time // an instant of the past with half of it behind
	behind   int       // how much of it is
}

// lines are all, those of one ground together.
var lines = []line{
	{
		name: "growth-holds", about: "check of a feature of which units are held", ground: &holdsGround,
		load: func(t *target, p plot) load.Workload { return t.checkOf(p, seedFeature, p.size) },
	},
	{
		name: "growth-history", about: "check of a feature that has been used", ground: &historyGround,
		load: func(t *target, p plot) load.Workload { return t.checkOf(p, seedFeature, 0) },
	},
	{
		name: "growth-history-past", about: "entitlements at an instant of the past", ground: &historyGround,
		load: func(t *target, p plot) load.Workload { return t.standing(p, seedFeature, p.behind) },
	},
	{
		name: "growth-uncounted", about: "check in a window that nothing has counted yet", ground: &uncountedGround,
		load: func(t *target, p plot) load.Workload { return t.checkOf(p, seedFeature, 0) },
	},
	{
		name: "growth-sources", about: "durable use of a feature, of its plan alone and of a pool", ground: &sourcesGround,
		load: func(t *target, p plot) load.Workload { return t.use(p, seedFeature) }, connections: 64, most: 1.5,
	},
	{
		name: "growth-features", about: "all entitlements of a customer, each of them", ground: &featuresGround,
		counted: "entitlements", units: func(size int) int { return size },
		load: func(t *target, p plot) load.Workload { return t.standing(p, "", 0) },
	},
	{
		name: "growth-features-page", about: "the first ten entitlements of a customer, as Kinde pages them", ground: &featuresGround,
		load: func(t *target, p plot) load.Workload { return t.firstPage(p) },
	},
	{
		name: "growth-features-check", about: "check of one feature of a customer", ground: &featuresGround,
		load: func(t *target, p plot) load.Workload { return t.checkOf(p, featureOf(0), 0) },
	},
	{
		name: "growth-agreements-past", about: "entitlements at an instant of the past", ground: &agreementsGround,
		load: func(t *target, p plot) load.Workload { return t.standing(p, seedFeature, 0) },
	},
	{
		name: "growth-overrides-past", about: "entitlements at an instant of the past", ground: &overridesGround,
		load: func(t *target, p plot) load.Workload { return t.standing(p, seedFeature, 0) },
	},
	{
		name: "growth-plans", about: "apply of a catalog file that adds one plan", ground: &plansGround, few: 4,
		load: func(t *target, p plot) load.Workload { return t.apply(p) },
	},
	{
		name: "growth-plans-check", about: "the first check after a change of the catalog", ground: &plansGround, few: 4,
		load:   func(t *target, p plot) load.Workload { return t.checkOf(p, seedFeature, 0) },
		before: func(t *target, p plot) load.Workload { return t.apply(p) },
	},
}

const (
	// lineConnections are those that a line is driven over, unless its requests are few.
	lineConnections = 2
	// lineGoal is how much more the largest size may cost than the smallest.
	lineGoal = 1.3
)

// side is the name of a size's side.
func (g *ground) side(size int) string { return fmt.Sprintf("%d %s", size, g.what) }

// grown measures lines that stand on one ground.
func (b *bench) grown(ctx context.Context, on []*line) (err error) {
	g := on[0].ground
	sizes := g.shrunk(b.Shrink)
	if len(sizes) < 2 {
		return fmt.Errorf("%s: of the sizes %v one is left: shrink them less", on[0].name, g.sizes)
	}
	b.Progress("%s: %v", g.what, sizes)
	fields, end, err := b.lay(ctx, g, sizes)
	defer func() { err = errors.Join(err, end()) }()
	if err != nil {
		return err
	}
	for _, l := range on {
		b.Progress("%s: %s", l.name, l.about)
		for i, f := range fields { // what making it has left to do
			if i > 0 && f.gauge == fields[i-1].gauge {
				continue
			}
			if _, err := f.gauge.rest(ctx); err != nil {
				return err
			}
		}
		c, err := b.compareLine(ctx, l, fields)
		if err != nil {
			return fmt.Errorf("%s: %w", l.name, err)
		}
		b.report.Comparisons = append(b.report.Comparisons, *c)
	}
	return nil
}

// field is a plot with the server that answers for it.
type field struct {
	plot
	server *served
	gauge  *gauge
}

func (b *bench) compareLine(ctx context.Context, l *line, fields []field) (_ *load.Comparison, err error) {
	connections := cmp.Or(l.connections, lineConnections)
	if l.few > 0 {
		connections = 1
	}
	var sides []load.Side
	for _, f := range append(slices.Clone(fields), fields[0]) {
		side, err := b.lineSide(ctx, l, &f, connections)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", side.Name, err)
		}
		if len(sides) == len(fields) {
			side.Name += ", again"
		}
		sides = append(sides, side)
	}
	constant, stop, err := b.lineHandler(ctx, l, &fields[0], connections)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	sides = append(sides, constant)
	series, err := load.Compare(ctx, b.Rounds, sides...)
	if err != nil {
		return nil, err
	}
	c := &load.Comparison{
		Scenario: l.name, Connections: connections, Customers: 1, Unit: l.counted, Sides: series,
	}
	if c.Unit == "" {
		c.Unit = "requests"
	}
	smallest, largest, again := sides[0].Name, sides[len(fields)-1].Name, sides[len(fields)].Name
	for _, pair := range [][2]string{{largest, smallest}, {again, smallest}, {smallest, sideConstant}, {largest, sideConstant}} {
		for _, figure := range []load.Figure{load.CPU, load.DatabaseCPU} {
			if ratio, known := load.CompareFigures(series, pair[0], pair[1], figure); known {
				if pair == [2]string{largest, smallest} {
					ratio.Goal = new(atMost(cmp.Or(l.most, lineGoal)))
				}
				c.Ratios = append(c.Ratios, ratio)
			}
		}
	}
	return c, nil
}

// lineSide is one size of a line, warm.
func (b *bench) lineSide(ctx context.Context, l *line, f *field, connections int) (load.Side, error) {
	side := load.Side{Name: l.ground.side(f.size)}
	token, err := f.server.token(ctx)
	if err != nil {
		return side, err
	}
	t := f.server.target(token)
	d := &driver{units: 1, Load: load.Load{
		Address: f.server.address, PID: f.server.pid(), Meter: f.gauge.read, Workload: l.load(t, f.plot),
		Connections: connections, Duration: b.Duration, Requests: uint64(l.few),
	}}
	if l.units != nil {
		d.units = l.units(f.size)
	}
	side.Measure = d.measure
	if l.before != nil {
		before := &driver{Load: d.Load}
		before.Workload = l.before(t, f.plot)
		side.Measure = func(ctx context.Context) (load.Round, error) { return d.after(ctx, before) }
	} else if l.few == 0 {
		err = d.warm(ctx, b.Duration)
	}
	return side, err
}

// after measures requests before each of which another is sent, which is not
// measured.
func (d *driver) after(ctx context.Context, before *driver) (load.Round, error) {
	var all load.Sample
	for range d.Requests {
		first := before.Load
		before.First++
		if err := first.Once(ctx); err != nil {
			return load.Round{}, err
		}
		one, err := d.Meter.During(ctx, func() (s load.Sample, err error) {
			used, known := load.CPUTime(d.PID)
			began := time.Now()
			err = d.Load.Once(ctx)
			s.Elapsed = time.Since(began)
			if now, still := load.CPUTime(d.PID); known && still {
				s.CPU = now - used
			}
			return s, err
		})
		if err != nil {
			return load.Round{}, err
		}
		all.CPU += one.CPU
		all.Spent.Database += one.Spent.Database
		all.Elapsed += one.Elapsed
		all.Latency.Record(one.Elapsed)
	}
	all.Requests = d.Requests
	return all.Round(d.units), nil
}

// lineHandler is the constant handler that gives the smallest size's answers.
func (b *bench) lineHandler(ctx context.Context, l *line, f *field, connections int) (load.Side, func() error, error) {
	side := load.Side{Name: sideConstant}
	token, err := f.server.token(ctx)
	if err != nil {
		return side, nil, err
	}
	w := l.load(f.server.target(token), f.plot)
	body, err := answer(ctx, f.server.address, w)
	if err != nil {
		return side, nil, err
	}
	h, err := handler(ctx, b.Program, body)
	if err != nil {
		return side, nil, err
	}
	d := &driver{units: 1, Load: load.Load{
		Address: h.address, PID: h.pid(), Workload: same(w, body), Connections: connections, Duration: b.Duration,
	}}
	if l.units != nil {
		d.units = l.units(f.size)
	}
	side.Measure = d.measure
	return side, h.stop, d.warm(ctx, b.Duration)
}

// unitOf asks for a unit of a feature, by check or consume, and holds the decision against
// what it should be.
func (t *target) unitOf(path string, p plot, feature string, verify func(*api.Decision) error) load.Workload {
	w := t.post(path, func(buf []byte, _ uint64) []byte {
		return append(buf, `{"customer_id":"`+customerID(p.customer).String()+`","feature_code":"`+feature+`","units":"1"}`...)
	})
	w.Verify = func(_ uint64, body []byte) error {
		var d api.Decision
		if err := strict(body, &d); err != nil {
			return err
		}
		return verify(&d)
	}
	return w
}

// use uses a unit of a feature.
func (t *target) use(p plot, feature string) load.Workload {
	return t.unitOf("/v1/consume", p, feature, func(d *api.Decision) error {
		if pooled := len(d.Draws) > 0; !d.Allowed || pooled != (p.size > 1) {
			return fmt.Errorf("%s is allowed: %t, with %d draws; want it allowed, with draws if it has sources beside its plan", d.FeatureCode, d.Allowed, len(d.Draws))
		}
		return nil
	})
}

// checkOf asks whether a customer may use a unit of a feature, of which so many are
// held.
func (t *target) checkOf(p plot, feature string, held int) load.Workload {
	return t.unitOf("/v1/check", p, feature, func(d *api.Decision) error {
		if want := api.Decimal(strconv.Itoa(held)); !d.Allowed || d.Held != want {
			return fmt.Errorf("%s is allowed: %t, with %s held; want it allowed with %s held", d.FeatureCode, d.Allowed, d.Held, want)
		}
		return nil
	})
}

// get asks for a path.
func (t *target) get(path string) load.Workload {
	request := http.MethodGet + " " + path + " HTTP/1.1\r\n" + t.headers(t.token) + "\r\n"
	return load.Workload{Render: func(buf []byte, _ uint64) []byte { return append(buf, request...) }}
}

// standing asks for all entitlements of a customer: now, or if a feature is named at
// the plot's instant of the past, when so much of that was used.
func (t *target) standing(p plot, feature string, used int) load.Workload {
	path := "/v1/customers/" + customerID(p.customer).String() + "/entitlements"
	if feature != "" {
		path += "?at=" + p.at.UTC().Format(time.RFC3339)
	}
	w := t.get(path)
	w.Verify = func(_ uint64, body []byte) error {
		var list api.EntitlementList
		if err := strict(body, &list); err != nil {
			return err
		}
		if feature == "" {
			if len(list.Entitlements) != p.size {
				return fmt.Errorf("%d entitlements, want %d", len(list.Entitlements), p.size)
			}
			return nil
		}
		for _, e := range list.Entitlements {
			if want := api.Decimal(strconv.Itoa(used)); e.FeatureCode == feature && e.Used == want {
				return nil
			}
		}
		return fmt.Errorf("%s is not among %d entitlements, or not with %d used", feature, len(list.Entitlements), used)
	}
	return w
}

// firstPage asks for ten entitlements of a customer.
func (t *target) firstPage(p plot) load.Workload {
	const size = 10
	w := t.get("/api/v1/billing/entitlements?customer_id=" + customerID(p.customer).String() + "&page_size=" + strconv.Itoa(size))
	w.Verify = func(_ uint64, body []byte) error {
		var list api.BillingEntitlementList
		if err := strict(body, &list); err != nil {
			return err
		}
		if want := min(size, p.size); len(list.Entitlements) != want {
			return fmt.Errorf("%d entitlements, want %d", len(list.Entitlements), want)
		}
		return nil
	}
	return w
}

// apply adds one plan to the catalog, another one each time.
func (t *target) apply(plot) load.Workload {
	head := "PUT /v1/catalog HTTP/1.1\r\n" + t.headers(t.token) + "Content-Type: application/yaml\r\n"
	return load.Workload{Render: func(buf []byte, n uint64) []byte {
		file := plansFile(billing.Code("bench_more_"+t.run), int(n), 1)
		buf = append(buf, head+"Content-Length: "+strconv.Itoa(len(file))+"\r\n\r\n"...)
		return append(buf, file...)
	}}
}
