package service

import (
	"slices"
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

// filterPage fills a page with the records of a list that match, reading on
// until it is full and it is known whether another one matches.
func filterPage[T, K any](page Page[K], read func(Page[K]) ([]T, bool, error), match func(T) (K, bool)) ([]T, bool, error) {
	var out []T
	for p := page; ; {
		batch, more, err := read(p)
		if err != nil {
			return nil, false, err
		}
		if page.Before != nil {
			slices.Reverse(batch)
		}
		for _, t := range batch {
			key, ok := match(t)
			if page.Before != nil {
				p.Before = &key
			} else {
				p.After = &key
			}
			if !ok {
				continue
			}
			if len(out) == page.Size {
				return ordered(out, page.Before != nil), true, nil
			}
			out = append(out, t)
		}
		if !more || len(batch) == 0 {
			return ordered(out, page.Before != nil), false, nil
		}
	}
}

func ordered[T any](ts []T, reversed bool) []T {
	if reversed {
		slices.Reverse(ts)
	}
	return ts
}
