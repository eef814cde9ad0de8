package sqlstore

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/allot-dev/allot/internal/billing"
)

// A catalog that changed is read as far as it has: the change log names the rows, see
// [billing.Catalog.RowFacts]. What stays is that of the catalog known before, by
// pointer.

const (
	selectFeature = selectFeatures + ` where code in ($1)`
	selectGroup   = selectGroups + ` where code in ($1)`
	selectPlan    = selectPlans + ` where code in ($1)`

	selectVersion = `select plan_code, version, published_on, terms from plan_versions
		where plan_code = $1 and version = $2`
)

var (
	selectFeaturesOf = manyKeys(selectFeature)
	selectGroupsOf   = manyKeys(selectGroup)
	selectPlansOf    = manyKeys(selectPlan)
	selectVersionsOf = manyLookups(selectVersion)
)

// mostFollowed is how many changes are followed; behind more, the catalog is read
// whole.
const mostFollowed = 64

// catalogRows are the rows of a catalog that changed.
type catalogRows struct {
	currency                bool
	features, groups, plans map[billing.Code]bool
	versions                map[versionKey]bool
}

type versionKey struct {
	plan   billing.Code
	number int
}

// add takes in the rows that a change names. It reports false if the change does not
// name them: those of the version before say what was done, and no rows, and an
// upgrade that is finished changes something else.
func (rows *catalogRows) add(c *billing.Change) bool {
	if c.Kind != billing.CatalogApplied {
		return false
	}
	named := false
	for _, side := range []map[string]string{c.Before, c.After} {
		for name := range side {
			kind, rest, isRow := strings.Cut(name, "/")
			if !isRow {
				continue
			}
			if !rows.row(kind, rest) {
				return false
			}
			named = true
		}
	}
	return named
}

// row takes in the row that a name goes on to name, behind its kind.
func (rows *catalogRows) row(kind, rest string) bool {
	code, rest, _ := strings.Cut(rest, "/")
	switch kind {
	case "currency":
		rows.currency = true
	case "feature":
		rows.features[billing.Code(code)] = true
	case "plan_group":
		rows.groups[billing.Code(code)] = true
	case "plan":
		rows.plans[billing.Code(code)] = true
	case "plan_version":
		text, _, _ := strings.Cut(rest, "/")
		number, err := strconv.Atoi(text)
		if err != nil {
			return false
		}
		rows.versions[versionKey{billing.Code(code), number}] = true
	default:
		return false
	}
	return true
}

// count is how many rows there are.
func (rows *catalogRows) count() int {
	return len(rows.features) + len(rows.groups) + len(rows.plans) + len(rows.versions)
}

// changedRows are the rows that changed between two revisions of the catalog; nil if
// the log does not tell.
func (r *Reader) changedRows(after, upTo int64) (*catalogRows, error) {
	if upTo <= after || upTo-after > mostFollowed {
		return nil, nil
	}
	changes, err := r.Changes(billing.ScopeCatalog, after, int(upTo-after))
	if err != nil || int64(len(changes)) != upTo-after {
		return nil, err
	}
	rows := &catalogRows{
		features: map[billing.Code]bool{}, groups: map[billing.Code]bool{}, plans: map[billing.Code]bool{},
		versions: map[versionKey]bool{},
	}
	for i := range changes {
		if !rows.add(&changes[i]) {
			return nil, nil
		}
	}
	return rows, nil
}

// followCatalog is the current catalog, made of a known one and of what changed since;
// nil if it is to be read whole.
func (r *Reader) followCatalog(current revision, known *billing.Catalog) (*billing.Catalog, error) {
	if known == nil || r.catalogTouched {
		return nil, nil
	}
	rows, err := r.changedRows(known.Rev, current.rev)
	if err != nil || rows == nil || rows.count() > len(known.Features)+len(known.Groups)+len(known.Plans) {
		return nil, err
	}
	next := *known
	next.Rev, next.ChangedOn = current.rev, current.changedOn
	if rows.currency {
		if next.Currency, err = one(r.conn, value[string], selectCurrency); err != nil && !errors.Is(err, billing.ErrNotFound) {
			return nil, err
		}
	}
	next.Features, err = follow(r, known.Features, rows.features, scanFeature, &selectFeaturesOf, featureCode)
	if err != nil {
		return nil, err
	}
	next.Groups, err = follow(r, known.Groups, rows.groups, scanGroup, &selectGroupsOf, groupCode)
	if err != nil {
		return nil, err
	}
	return r.followPlans(&next, known, rows)
}

func featureCode(f *billing.Feature) billing.Code { return f.Code }
func groupCode(g *billing.PlanGroup) billing.Code { return g.Code }

// follow is a map with the rows read anew that changed; the same map if none has.
func follow[T any](r *Reader, known map[billing.Code]*T, changed map[billing.Code]bool,
	scan func(row) (*T, error), query *texts, code func(*T) billing.Code,
) (map[billing.Code]*T, error) {
	if len(changed) == 0 {
		return known, nil
	}
	next := maps.Clone(known)
	err := listByCodes(r.conn, scan, query, slices.Sorted(maps.Keys(changed)), func(v *T) { next[code(v)] = v })
	return next, err
}

// followPlans reads the plans and the versions that changed. It returns nil if a row
// that the log names is not there, or leaves a gap.
func (r *Reader) followPlans(next, known *billing.Catalog, rows *catalogRows) (*billing.Catalog, error) {
	if len(rows.plans)+len(rows.versions) == 0 {
		return next, nil
	}
	next.Plans = maps.Clone(known.Plans)
	fresh := make(map[billing.Code]*billing.Plan, len(rows.plans))
	err := listByCodes(r.conn, scanPlan, &selectPlansOf, slices.Sorted(maps.Keys(rows.plans)), func(p *billing.Plan) { fresh[p.Code] = p })
	if err != nil {
		return nil, err
	}
	for code, p := range fresh {
		if old := known.Plans[code]; old != nil {
			p.Versions = old.Versions
		}
		next.Plans[code] = p
	}
	keys := slices.Collect(maps.Keys(rows.versions))
	versions, err := r.versions(keys, known)
	if err != nil || len(versions) != len(keys) {
		return nil, err
	}
	for i := 0; i < len(versions); {
		plan := next.Plans[versions[i].Plan]
		if plan == nil {
			return nil, nil
		}
		changed := *plan
		changed.Versions = slices.Clone(plan.Versions)
		for ; i < len(versions) && versions[i].Plan == plan.Code; i++ {
			switch v := versions[i]; {
			case v.Number <= len(changed.Versions):
				changed.Versions[v.Number-1] = v
			case v.Number == len(changed.Versions)+1:
				changed.Versions = append(changed.Versions, v)
			default:
				return nil, nil
			}
		}
		next.Plans[plan.Code] = &changed
	}
	for code := range fresh {
		if len(next.Plans[code].Versions) == 0 {
			return nil, nil
		}
	}
	return next, nil
}

// versions are those of some keys that there are, ascending by plan, then number.
func (r *Reader) versions(keys []versionKey, known *billing.Catalog) ([]*billing.PlanVersion, error) {
	var found []*billing.PlanVersion
	for len(keys) > 0 {
		size := part(min(len(keys), mostLookups))
		args := make([]any, 0, 2*partSizes[size])
		for _, k := range keys[:partSizes[size]] {
			args = append(args, k.plan, k.number)
		}
		keys = keys[partSizes[size]:]
		more, err := list(r.conn, scanVersion(known), selectVersionsOf[size], args...)
		if err != nil {
			return nil, err
		}
		found = append(found, more...)
	}
	slices.SortFunc(found, func(a, b *billing.PlanVersion) int {
		return cmp.Or(cmp.Compare(a.Plan, b.Plan), cmp.Compare(a.Number, b.Number))
	})
	return found, nil
}

// listByCodes hands out the rows of a table that have some codes.
func listByCodes[T any](c *conn, scan func(row) (T, error), query *texts, codes []billing.Code, each func(T)) error {
	for len(codes) > 0 {
		size := part(len(codes))
		args := make([]any, 0, partSizes[size])
		for _, code := range codes[:partSizes[size]] {
			args = append(args, code)
		}
		codes = codes[partSizes[size]:]
		found, err := list(c, scan, query[size], args...)
		if err != nil {
			return err
		}
		for _, v := range found {
			each(v)
		}
	}
	return nil
}
