package event

import (
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/allot-dev/allot/internal/billing"
)

// Published are the plan versions that a catalog has published and the one before it has
// not, ascending by plan, then version.
func Published(before, after *billing.Catalog, on time.Time, by billing.Actor) []Event {
	var out []Event
	for _, code := range slices.Sorted(maps.Keys(after.Plans)) {
		plan, old := after.Plans[code], before.Plans[code]
		if plan.Status != billing.Published || plan == old {
			continue
		}
		for _, v := range plan.Versions {
			if old != nil && old.Status == billing.Published && old.Version(v.Number) != nil {
				continue
			}
			number := strconv.Itoa(v.Number)
			out = append(out, Event{
				Scope: billing.ScopeCatalog, Cause: string(VersionPublished) + " " + string(code) + " " + number,
				Type: VersionPublished, On: on, By: by,
				Facts: facts{"plan_code": string(code), "version": number, "kind": string(plan.Kind), "published_on": text(v.PublishedOn)},
			})
		}
	}
	return out
}
