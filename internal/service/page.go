package service

import (
	"github.com/allot-dev/allot/internal/billing"
	"slices"
)

// filterPage fills a page with the records of a list that match, reading on
// until it is full and it is known whether another one matches.
func filterPage[T, K any](page billing.Page[K], read func(billing.Page[K]) ([]T, bool, error), match func(T) (K, bool)) ([]T, bool, error) {
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
