package billing

import (
	"sort"
)

// Page asks for a part of a list that ascends by a key: Size records after or
// before a cursor, which is itself left out. At most one of After and Before is
// set. The cursor need not be the key of a record: the page goes on from its
// place.
type Page[K any] struct {
	Size   int
	After  *K
	Before *K
}

// Of cuts the page from a whole list, ascending by key. The second result is
// whether there is more in the direction of travel: behind the page, or before
// it when Before is set.
func (p Page[K]) Of(n int, compare func(i int, key K) int) (from, to int, more bool) {
	switch {
	case p.After != nil:
		from = sort.Search(n, func(i int) bool { return compare(i, *p.After) > 0 })
	case p.Before != nil:
		to = sort.Search(n, func(i int) bool { return compare(i, *p.Before) >= 0 })
		from = max(0, to-p.Size)
		return from, to, from > 0
	}
	to = min(n, from+p.Size)
	return from, to, to < n
}
