package bench

import "slices"

// row is a line of the table of goals: a scenario, or a line of growth, at the
// numbers of connections that its goals are for.
type row struct {
	scenario    string
	connections []int
}

// tables are the rows by the kind of database, in their order. Lines of growth, of
// any database, come behind.
var tables = map[string][]row{
	"sqlite": {
		{"read-warm", []int{16, 64}},
		{"read-token", []int{64}},
		{"read-own-token", []int{64}},
		{"read-cold", []int{64}},
		{"check", []int{64}},
		{"consume-many", []int{64}},
		{"consume-sustained", []int{64}},
	},
	"postgres": {
		{"check", []int{64}},
		{"consume-many", []int{1, 16, 64}},
		{"usage-bulk-1", []int{16}},
		{"usage-bulk-10", []int{16}},
	},
}

// tableOf are the scenarios of the table for a kind of database.
func tableOf(kind string) []scenario {
	var chosen []scenario
	for _, r := range tables[kind] {
		i := slices.IndexFunc(scenarios, func(s scenario) bool { return s.name == r.scenario })
		s := scenarios[i]
		s.connections = r.connections
		chosen = append(chosen, s)
	}
	for i := range lines {
		chosen = append(chosen, scenario{name: lines[i].name, line: &lines[i]})
	}
	return chosen
}
