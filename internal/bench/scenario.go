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
	// tokens, if not 0, makes each request one with a token that was never seen. As
	// those are made beforehand, which takes longer than their use, a round then has
	// so many requests for each second that it would last.
	tokens int
	// own tokens were issued by the server just before; the others it has to verify
	// from their text. A round has then no more requests than it knows tokens.
	own   bool
	serve []string // further flags of allot serve
	load  func(t *target, customers int) load.Workload
	goals []goal
}

// goal is one of the figures that Allot is built to reach.
type goal struct {
	to          string // what Allot is compared with
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
			{to: sideConstant, figure: load.PerSecond, Goal: atLeast(0.88)},
			{to: sideConstant, figure: load.CPU, Goal: atMost(1.15)},
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
		few: 10_000, counted: "requests", units: 1,
		load: func(t *target, customers int) load.Workload { return t.decide("/v1/check", atRandom(customers)) },
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
		few: 10_000, counted: "requests", units: 1, durable: true,
		load: func(t *target, customers int) load.Workload { return t.decide("/v1/consume", atRandom(customers)) },
		goals: []goal{
			{to: sideOne, figure: load.PerSecond, connections: 64, database: "sqlite", Goal: atLeast(4)},
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
		few: 10_000, counted: "requests", units: 1, durable: true,
		load:  func(t *target, customers int) load.Workload { return t.meter(atRandom(customers)) },
		goals: []goal{{to: sideConstant, figure: load.PerSecond, Goal: atLeast(0.33)}},
	},
	bulkScenario("usage-bulk-1", "of one customer", 1, 1),
	bulkScenario("usage-bulk-10", "of ten customers", 10, 10),
	bulkScenario("usage-bulk-many", "of a thousand customers", 0, bulkRecords),
}

func bulkScenario(name, whose string, few, spread int) scenario {
	return scenario{
		name: name, about: "1,000 durable records a request, " + whose,
		few: few, counted: "records", units: bulkRecords, durable: true, most: 16,
		load: func(t *target, customers int) load.Workload {
			return t.bulk(inTurn(customers), min(spread, customers))
		},
		goals: []goal{
			{to: sideCommits, figure: load.PerSecond, database: "sqlite", Goal: atLeast(15)},
			{to: sideCommits, figure: load.PerSecond, database: "postgres", Goal: atLeast(20)},
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
	return append(all,
		Scenario{growth, "ready time, read-warm and read-cold as the database grows"},
		Scenario{spread, "reads of any customer against reads of any of 200,000, with a cache for 100,000"},
	)
}
