package bench

import (
	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/bench/load"
)

// The names of the sides of a comparison.
const (
	sideAllot    = "allot"
	sideConstant = "constant handler"
	// The same handler in another process: how far the two differ is what cannot
	// be told by this run.
	sideAgain   = "constant handler again"
	sideOne     = "allot, one connection" // so that each request has a transaction to itself
	sideCommits = "commits by hand"
	sideSyncs   = "fdatasync by hand"
)

// uncached makes a cache so small, in bytes, that of a thousand customers or more
// hardly one is found in it, while everything that a cache does is done.
const uncached = "--cache-size=16KiB"

// scenario is one way to use a server.
type scenario struct {
	name, about string
	// few is how many customers are asked for; 0 is all there are.
	few int
	// counted is what is counted, of which a request has units.
	counted string
	units   int
	// durable scenarios are compared with commits by hand too.
	durable bool
	// most is how many connections make sense; more would only wait for longer. 0
	// is any number.
	most int
	// connections, if there are some, are had in place of those of the run.
	connections []int
	// sustained scenarios have one round, in which Allot's turn lasts long enough to
	// see what it puts off, at the largest number of connections.
	sustained bool
	// tokens, if not 0, makes each request one with a token that was never seen. As
	// those are made beforehand, which takes longer than their use, a round then has
	// so many requests for each second that it would last.
	tokens int
	// used customers have used the feature before, so that none is met for the first
	// time in a turn.
	used bool
	// own tokens were issued by the server just before; the others it has to verify
	// from their text. A round has then no more requests than it knows tokens.
	own   bool
	serve []string // further flags of allot serve
	load  func(t *target, customers int) load.Workload
	goals []goal
	// line is what it is instead of all that, if it is one of growth.
	line *line
}

// goal is one of the figures that Allot is built to reach.
type goal struct {
	to          string // what Allot is compared with; "" is a figure of its own by itself
	figure      load.Figure
	connections int    // it is for; 0 is any
	database    string // it is for; "" is any
	load.Goal
}

func atLeast(bound float64) load.Goal { return load.Goal{AtLeast: bound} }
func atMost(bound float64) load.Goal  { return load.Goal{AtMost: bound} }

// scenarios are all, in the order in which they are run.
var scenarios = []scenario{
	{
		name: "read-warm", about: "20 entitlements of one of a hundred customers, in the cache",
		few: 100, counted: "requests", units: 1,
		load: func(t *target, customers int) load.Workload { return t.read(inTurn(customers)) },
		goals: []goal{
			{to: sideConstant, figure: load.PerSecond, Goal: atLeast(0.90)},
			{to: sideConstant, figure: load.CPU, Goal: atMost(1.12)},
			{to: sideConstant, figure: load.P99, connections: 64, Goal: atMost(1.2)},
		},
	},
	{
		name: "read-cold", about: "20 entitlements of any customer, not in the cache",
		counted: "requests", units: 1, serve: []string{uncached},
		load: func(t *target, customers int) load.Workload { return t.read(atRandom(customers)) },
		goals: []goal{
			{to: sideConstant, figure: load.PerSecond, database: "sqlite", Goal: atLeast(0.50)},
		},
	},
	{
		name: "read-token", about: "as read-warm, each request with a token that was never seen and not issued a moment ago",
		few: 100, counted: "requests", units: 1, tokens: 1500,
		goals: []goal{{to: sideConstant, figure: load.CPU, Goal: atMost(2.9)}},
	},
	{
		name: "read-own-token", about: "as read-token, with tokens that the server has issued just before",
		few: 100, counted: "requests", units: 1, tokens: 350, own: true,
		goals: []goal{{to: sideConstant, figure: load.CPU, Goal: atMost(1.5)}},
	},
	{
		name: "check", about: "one feature of any of ten thousand customers, usage from the store",
		few: 10_000, counted: "requests", units: 1, used: true,
		load: func(t *target, customers int) load.Workload { return t.decide("/v1/check", atRandom(customers)) },
		goals: []goal{
			{to: sideConstant, figure: load.PerSecond, database: "sqlite", Goal: atLeast(0.50)},
			{to: sideConstant, figure: load.CPU, database: "sqlite", Goal: atMost(2.2)},
			{to: sideConstant, figure: load.CPU, database: "postgres", Goal: atMost(4.5)},
		},
	},
	{
		name: "consume-hot", about: "durable use of one feature of one customer",
		few: 1, counted: "requests", units: 1, durable: true,
		load: func(t *target, customers int) load.Workload { return t.decide("/v1/consume", inTurn(customers)) },
		goals: []goal{
			{to: sideOne, figure: load.PerSecond, connections: 64, database: "sqlite", Goal: atLeast(4)},
		},
	},
	{
		name: "consume-many", about: "durable use of one feature of any of ten thousand customers",
		few: 10_000, counted: "requests", units: 1, used: true, durable: true,
		load: func(t *target, customers int) load.Workload { return t.decide("/v1/consume", atRandom(customers)) },
		goals: []goal{
			{to: sideCommits, figure: load.PerSecond, connections: 64, database: "sqlite", Goal: atLeast(2)},
			{to: sideConstant, figure: load.CPU, connections: 64, database: "sqlite", Goal: atMost(4.5)},
			{to: sideCommits, figure: load.PerSecond, connections: 64, database: "postgres", Goal: atLeast(2.5)},
			{to: sideCommits, figure: load.PerSecond, connections: 16, database: "postgres", Goal: atLeast(1.5)},
			{to: sideCommits, figure: load.PerSecond, connections: 1, database: "postgres", Goal: atLeast(0.38)},
			{to: sideConstant, figure: load.CPU, connections: 64, database: "postgres", Goal: atMost(3.5)},
			{figure: load.Written, database: "postgres", Goal: atMost(800)},
		},
	},
	{
		name: "consume-sustained", about: "consume-many for a minute, with what it puts off",
		few: 10_000, counted: "requests", units: 1, used: true, durable: true, sustained: true,
		load: func(t *target, customers int) load.Workload { return t.decide("/v1/consume", atRandom(customers)) },
		goals: []goal{
			{to: sideCommits, figure: load.PerSecond, connections: 64, database: "sqlite", Goal: atLeast(2)},
			{to: sideConstant, figure: load.CPU, connections: 64, database: "sqlite", Goal: atMost(4.5)},
			{figure: load.P999, connections: 64, database: "sqlite", Goal: atMost(50_000)},
		},
	},
	{
		name: "usage-single-hot", about: "one durable record a request, of one customer",
		few: 1, counted: "requests", units: 1, durable: true,
		load:  func(t *target, customers int) load.Workload { return t.meter(inTurn(customers)) },
		goals: []goal{{to: sideConstant, figure: load.PerSecond, connections: 64, Goal: atLeast(0.33)}},
	},
	{
		name: "usage-single", about: "one durable record a request, of any of ten thousand customers",
		few: 10_000, counted: "requests", units: 1, used: true, durable: true,
		load:  func(t *target, customers int) load.Workload { return t.meter(atRandom(customers)) },
		goals: []goal{{to: sideConstant, figure: load.PerSecond, Goal: atLeast(0.33)}},
	},
	bulkScenario("usage-bulk-1", "of one customer", 1, 1, 16),
	bulkScenario("usage-bulk-10", "of ten customers", 10, 10, 17),
	bulkScenario("usage-bulk-many", "of a thousand customers", 0, bulkRecords, 20),
}

// bulkScenario is to be so many times as fast as commits by hand on PostgreSQL.
func bulkScenario(name, whose string, few, spread int, times float64) scenario {
	return scenario{
		name: name, about: "1,000 durable records a request, " + whose,
		few: few, counted: "records", units: bulkRecords, durable: true, most: 16,
		load: func(t *target, customers int) load.Workload {
			return t.bulk(inTurn(customers), min(spread, customers))
		},
		goals: []goal{
			{to: sideCommits, figure: load.PerSecond, database: "sqlite", Goal: atLeast(15)},
			{to: sideCommits, figure: load.PerSecond, database: "postgres", Goal: atLeast(times)},
		},
	}
}

// scopes are what the client of a run may do.
var scopes = []string{
	api.ScopeReadBillingEntitlements, api.ScopeCheckEntitlements, api.ScopeCreateMeterUsage,
}

// Scenario is what there is to be measured.
type Scenario struct{ Name, About string }

// Scenarios are all that [Run] knows, in their order.
func Scenarios() []Scenario {
	var all []Scenario
	for _, s := range scenarios {
		all = append(all, Scenario{s.name, s.about})
	}
	for _, l := range lines {
		all = append(all, Scenario{l.name, l.about})
	}
	return append(all,
		Scenario{growth, "ready time, read-warm and read-cold as the database grows"},
		Scenario{spread, "reads of any customer against reads of any of 200,000, with a cache for 100,000"},
	)
}
