package sqlstore

import (
	"context"
	"slices"
	"strconv"
)

// The statements that are not constants, and what makes them.

// CustomersQuery is the list of customers.
var CustomersQuery = customersQuery

// CustomersOfQuery is the list of some customers.
var CustomersOfQuery = customersOfQuery

// Many are what makes one statement one for several records, by name.
var Many = map[string]func(statement string) []string{
	"manyRows":    func(s string) []string { all := manyRows(s); return all[:] },
	"manyKeys":    func(s string) []string { all := manyKeys(s); return all[:] },
	"manyLookups": func(s string) []string { all := manyLookups(s); return all[:] },
}

// Placed are the statements that read records of usage, by name, each with its form
// for one of the places, behind which is that for all.
var Placed = map[string][]string{
	"selectUsageSum":         selectUsageSum[:],
	"selectKindSum":          selectKindSum[:],
	"selectNewestReading":    selectNewestReading[:],
	"usageRecordsAfter":      usageRecordsAfter[:],
	"usageRecordsBefore":     usageRecordsBefore[:],
	"selectUnfoldedFeatures": selectUnfoldedFeatures[:],
	"selectUnfolded":         selectUnfolded[:],
}

// Fences are the statements that changes are made by where they go together.
var Fences = slices.DeleteFunc(slices.Clone(fences[:]), func(text string) bool { return text == "" })

// Prepared are the texts of all statements that the store has run, on a backend
// whose statements are prepared here.
func (s *Store) Prepared() []string {
	var texts []string
	for _, p := range []*pool{s.reader, s.writer} {
		p.prepared.Range(func(text, _ any) bool {
			texts = append(texts, text.(string))
			return true
		})
	}
	return texts
}

// PackSome is one step of PackAll.
func (s *Store) PackSome(ctx context.Context) error {
	return s.Write(ctx, func(t *Tx) error {
		_, err := t.packSome()
		return err
	})
}

// Statements are those that the table is copied by, by name.
func (t Table) Statements() map[string]string {
	all := map[string]string{
		"copyRows " + t.Name:            t.selectFirst,
		"copyRows " + t.Name + " after": t.selectAfter,
		"copyRemove " + t.Name:          t.remove,
	}
	for i, put := range t.put {
		all["copyPut "+t.Name+" "+strconv.Itoa(i)] = put
	}
	return all
}

// Touches is what a statement may change of how usage stands.
var Touches = touches

// What [Touches] says.
const (
	TouchesNothing   = touchesNothing
	TouchesCustomers = touchesCustomers
)
