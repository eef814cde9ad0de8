package client

import (
	"context"
	"fmt"
	"iter"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/allot-dev/allot/api"
)

// PageParams choose one page of a list.
type PageParams struct {
	PageSize      int    // 1 to 500; 0 for the default: 10, in a walk over pages 100
	StartingAfter string // the page after this id or code
	EndingBefore  string // the page just before this id or code; not both
}

// walkPageSize is what a walk asks for by default; no server of this API is
// known to refuse it.
const walkPageSize = 100

// set writes the parameters that are given into a query.
func (p PageParams) set(query url.Values) {
	if p.PageSize != 0 {
		query.Set("page_size", strconv.Itoa(p.PageSize))
	}
	setString(query, "starting_after", p.StartingAfter)
	setString(query, "ending_before", p.EndingBefore)
}

func setString(query url.Values, name, value string) {
	if value != "" {
		query.Set(name, value)
	}
}

func setTime(query url.Values, name string, t time.Time) {
	if !t.IsZero() {
		query.Set(name, api.Time{Time: t}.String())
	}
}

// walk goes over all items from where p stands: forwards, or with EndingBefore
// backwards. page gets one page, cursor names an item.
func walk[T any](ctx context.Context, p PageParams, page func(context.Context, PageParams) (items []T, more bool, err error), cursor func(T) string) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		p, none := p, *new(T)
		if p.PageSize == 0 {
			p.PageSize = walkPageSize
		}
		back := p.EndingBefore != ""
		at := &p.StartingAfter
		if back {
			at = &p.EndingBefore
		}
		seen := map[string]bool{*at: true}
		for {
			items, more, err := page(ctx, p)
			if err != nil {
				yield(none, err)
				return
			}
			if back {
				slices.Reverse(items)
			}
			// Checked before the items are given out: those of a page that
			// repeats are repeats.
			if n := len(items); more && (n == 0 || seen[cursor(items[n-1])]) {
				yield(none, fmt.Errorf("after %q: %w", *at, ErrNoProgress))
				return
			}
			for _, item := range items {
				if !yield(item, nil) {
					return
				}
			}
			if !more {
				return
			}
			*at = cursor(items[len(items)-1])
			seen[*at] = true
		}
	}
}
