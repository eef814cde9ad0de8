package sqlstore

import (
	"strconv"
	"strings"

	"github.com/allot-dev/allot/internal/billing"
)

// Statements over several records are run in parts of these sizes, so that there
// are few texts to prepare. They ascend from 1.
var partSizes = [...]int{1, 4, 16, 64, 256}

// texts are a statement for parts of each size.
type texts [len(partSizes)]string

// manyRows makes an insert of one row one of several.
func manyRows(insert string) texts {
	before, rest, _ := strings.Cut(insert, "values (")
	row, after, _ := strings.Cut(rest, ")")
	columns := strings.Count(row, "$")
	var all texts
	for i, size := range partSizes {
		var b strings.Builder
		b.WriteString(before + "values ")
		for n := range size {
			if n > 0 {
				b.WriteString(", ")
			}
			b.WriteString("(" + placeholders(n*columns+1, columns) + ")")
		}
		all[i] = b.String() + after
	}
	return all
}

// manyLookups makes a query for one record, by a key of a few arguments, one for
// several. Each is looked up by itself: given a list, a planner that takes a
// customer's records for few reads them all. Many at once take long to plan.
func manyLookups(query string) texts {
	parts := strings.Split(query, "$")
	most := 0
	for _, part := range parts[1:] {
		n, _ := cutNumber(part)
		most = max(most, n)
	}
	var all texts
	for i, size := range partSizes {
		var b strings.Builder
		for k := range size {
			if k > 0 {
				b.WriteString(" union all ")
			}
			b.WriteString(parts[0])
			for _, part := range parts[1:] {
				n, rest := cutNumber(part)
				b.WriteString(placeholders(k*most+n, 1) + rest)
			}
		}
		all[i] = b.String()
	}
	return all
}

// cutNumber parts a text behind the number that it begins with.
func cutNumber(text string) (n int, rest string) {
	rest = strings.TrimLeft(text, "0123456789")
	n, err := strconv.Atoi(text[:len(text)-len(rest)])
	if err != nil {
		panic("sqlstore: a $ without a number: " + text)
	}
	return n, rest
}

// manyKeys makes a query for the rows that have one key one for those that have one
// of several. It is for small tables without customers, which every machine has.
func manyKeys(query string) texts {
	before, after, _ := strings.Cut(query, "$1")
	var all texts
	for i, size := range partSizes {
		all[i] = before + placeholders(1, size) + after
	}
	return all
}

func placeholders(first, n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString("$" + strconv.Itoa(first+i))
	}
	return b.String()
}

// part is the largest that n records fill, as an index of partSizes.
func part(n int) int {
	i := len(partSizes) - 1
	for partSizes[i] > n {
		i--
	}
	return i
}

// insertRows runs an insert of n records and returns how many rows it wrote.
func (c *conn) insertRows(insert *texts, n int, args func(into []any, i int) []any) (int64, error) {
	var written int64
	for i := 0; i < n; {
		size := part(n - i)
		var all []any
		for range partSizes[size] {
			all = args(all, i)
			i++
		}
		rows, err := c.exec(insert[size], all...)
		if err != nil {
			return written, err
		}
		written += rows
	}
	return written, nil
}

// insertRowsOf is as insertRows, of rows that customers have: those that follow each other
// and are of one go together. A statement of several rows may fail after the first, so
// that SQLite puts a copy of each page aside that it writes to: one page for many rows of
// one customer, one for each row of many.
func (c *conn) insertRowsOf(
	customer func(i int) billing.CustomerID, insert *texts, n int, args func(into []any, i int) []any,
) (int64, error) {
	var written int64
	for from := 0; from < n; {
		to := from + 1
		for to < n && customer(to) == customer(from) {
			to++
		}
		rows, err := c.insertRows(insert, to-from, func(into []any, i int) []any { return args(into, from+i) })
		if err != nil {
			return written, err
		}
		written, from = written+rows, to
	}
	return written, nil
}

const mostLookups = 16

// listRows returns the records that a query finds by n keys.
func listRows[T any](c *conn, scan func(row) (T, error), query *texts, n int, args func(into []any, i int) []any) ([]T, error) {
	var found []T
	for i := 0; i < n; {
		size := part(min(n-i, mostLookups))
		var all []any
		for range partSizes[size] {
			all = args(all, i)
			i++
		}
		more, err := list(c, scan, query[size], all...)
		if err != nil {
			return nil, err
		}
		found = append(found, more...)
	}
	return found, nil
}
