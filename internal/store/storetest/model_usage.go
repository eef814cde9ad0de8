package storetest

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/store/sqlstore"
	"github.com/allot-dev/allot/internal/usage"
)

// metered is what a model holds beside agreements: a customer's own terms, its
// usage, and the answers it was given.
type metered struct {
	overrides map[overrideKey]billing.Override
	grants    map[billing.GrantID]billing.Grant
	usage     map[usageKey]usage.Record
	draws     map[usageKey]map[usage.SourceID]billing.Units
	sources   map[sourceKey]usage.SourceSum
	counters  map[counterKey]usage.Counter
	holds     map[usage.HoldID]usage.Hold
	answers   map[answerKey]service.StoredAnswer
}

type (
	overrideKey struct {
		customer billing.CustomerID
		id       billing.OverrideID
	}
	usageKey struct {
		customer billing.CustomerID
		id       string
	}
	sourceKey struct {
		customer billing.CustomerID
		feature  billing.Code
		source   usage.SourceID
	}
	counterKey struct {
		customer billing.CustomerID
		feature  billing.Code
		window   billing.Window
	}
	answerKey struct {
		scope billing.Scope
		key   string
	}
)

func newMetered() metered {
	return metered{map[overrideKey]billing.Override{}, map[billing.GrantID]billing.Grant{}, map[usageKey]usage.Record{},
		map[usageKey]map[usage.SourceID]billing.Units{}, map[sourceKey]usage.SourceSum{},
		map[counterKey]usage.Counter{}, map[usage.HoldID]usage.Hold{}, map[answerKey]service.StoredAnswer{}}
}

func (m *metered) clone() metered {
	return metered{maps.Clone(m.overrides), maps.Clone(m.grants), maps.Clone(m.usage), maps.Clone(m.draws), maps.Clone(m.sources), maps.Clone(m.counters), maps.Clone(m.holds),
		maps.Clone(m.answers)}
}

// create puts a record that is not there yet.
func create[K comparable, V any](m map[K]V, key K, record V) error {
	if _, ok := m[key]; ok {
		return billing.ErrExists
	}
	m[key] = record
	return nil
}

// change changes a record that is there.
func change[K comparable, V any](m map[K]V, key K, set func(*V)) error {
	record, ok := m[key]
	if !ok {
		return billing.ErrNotFound
	}
	set(&record)
	m[key] = record
	return nil
}

// within are the records that a condition keeps, in order.
func within[K comparable, V any](m map[K]V, keep func(*V) bool, order func(a, b V) int) []V {
	var found []V
	for _, record := range m {
		if keep(&record) {
			found = append(found, record)
		}
	}
	slices.SortFunc(found, order)
	return found
}

func byPlace(a, b usage.Record) int {
	return cmp.Or(a.CountedOn.Compare(b.CountedOn), cmp.Compare(a.ID, b.ID))
}

// counted are the records of a customer (of a feature, unless it is "") in a
// window, in their order.
func (m *metered) counted(c billing.CustomerID, feature billing.Code, w billing.Window) []usage.Record {
	return within(m.usage, func(u *usage.Record) bool {
		return u.CustomerID == c && (feature == "" || u.Feature == feature) && w.Contains(u.CountedOn)
	}, byPlace)
}

func sumOf(records []usage.Record) (sum billing.Units) {
	for _, u := range records {
		sum += u.Change
	}
	return sum
}

// countersOf are the counters of a customer that a condition keeps.
func (m *metered) countersOf(c billing.CustomerID, keep func(*usage.Counter) bool) []usage.Counter {
	return within(m.counters, func(counter *usage.Counter) bool {
		return counter.CustomerID == c && keep(counter)
	}, func(a, b usage.Counter) int {
		return cmp.Or(cmp.Compare(a.Feature, b.Feature), a.Window.Start.Compare(b.Window.Start),
			a.Window.End.Compare(b.Window.End))
	})
}

func (m *metered) lockCounters(c billing.CustomerID, feature billing.Code, from, to time.Time) []usage.Counter {
	all := counterKey{c, feature, allTime}
	if _, ok := m.counters[all]; !ok {
		m.counters[all] = newCounter(c, feature, allTime, sumOf(m.counted(c, feature, allTime)))
	}
	return m.countersOf(c, func(counter *usage.Counter) bool {
		w := counter.Window
		return counter.Feature == feature && (w.AllTime() || !w.Start.After(to) && w.End.After(from))
	})
}

// held is the sum of the holds that were made in a window, by an instant unless
// it is zero, and are not over at another.
func (m *metered) held(c billing.CustomerID, feature billing.Code, w billing.Window, at, by time.Time) (sum billing.Units) {
	for _, h := range m.holds {
		if h.CustomerID == c && h.Feature == feature && w.Contains(h.MadeOn) && h.ExpiresOn.After(at) &&
			(by.IsZero() || !h.MadeOn.After(by)) {
			sum += h.Units
		}
	}
	return sum
}

// fold takes the earliest records away and puts one in their place for each day.
func (m *metered) fold(c billing.CustomerID, feature billing.Code, before time.Time, limit int) (n int) {
	for _, u := range m.counted(c, feature, allTime) {
		if u.Kind == usage.Folded || !u.CountedOn.Before(before) || n == limit {
			continue
		}
		n++
		delete(m.usage, usageKey{c, u.ID})
		begin := shortDay(u.CountedOn).Start
		key := usageKey{c, fmt.Sprintf("folded_%d_%s", begin.UnixMicro(), feature)}
		whole, ok := m.usage[key]
		if !ok {
			whole = usage.Record{
				CustomerID: c, ID: key.id, Feature: feature, Kind: usage.Folded,
				Stamp: begin, CountedOn: begin, RecordedOn: u.CountedOn,
			}
		}
		if u.CountedOn.Before(whole.RecordedOn) {
			whole.RecordedOn = u.CountedOn
		}
		whole.Change += u.Change
		whole.Value = whole.Change
		m.usage[key] = whole
		sums := map[usage.SourceID]billing.Units{}
		for _, of := range []usageKey{key, {c, u.ID}} {
			for source, units := range m.draws[of] {
				sums[source] += units
			}
			delete(m.draws, of)
		}
		m.draws[key] = sums
	}
	return n
}

// drawn is what the records of a feature drew that count in a window and were recorded by
// an instant.
func (m *metered) drawn(c billing.CustomerID, feature billing.Code, w billing.Window, by time.Time) (sums []usage.DrawnSum) {
	of := map[usage.SourceID]billing.Units{}
	for _, u := range m.counted(c, feature, w) {
		for source, units := range m.draws[usageKey{c, u.ID}] {
			if by.IsZero() || !u.RecordedOn.After(by) {
				of[source] += units
			}
		}
	}
	for _, source := range slices.Sorted(maps.Keys(of)) {
		sums = append(sums, usage.DrawnSum{Source: source, Units: of[source]})
	}
	return withoutZero(sums)
}

func withoutZero(sums []usage.DrawnSum) []usage.DrawnSum {
	return slices.DeleteFunc(sums, func(d usage.DrawnSum) bool { return d.Units == 0 })
}

// How many there may be of each of a customer in one run.
const records, terms, keys = 8, 4, 4

func (r *run) meteredFeature() billing.Code {
	return rapid.SampledFrom([]billing.Code{"calls", "other"}).Draw(r.T, "feature")
}

func (r *run) window() billing.Window {
	return rapid.SampledFrom([]billing.Window{allTime, hours(0, 4), hours(4, 9), hours(2, 7), hours(0, 9)}).Draw(r.T, "window")
}

func (r *run) record() string { return fmt.Sprint("record ", r.number("record", records)) }

func (r *run) hold(c billing.CustomerID) usage.HoldID { return holdID(c, r.number("hold", terms)) }

func (r *run) units() billing.Units {
	return billing.Units(rapid.Int64Range(-1e17, 1e17).Draw(r.T, "units"))
}

func (r *run) scope() (billing.Scope, string) {
	key := fmt.Sprint(r.tag, r.number("key", keys))
	if r.number("scope", 3) == 0 {
		return service.ScopeNone, key
	}
	return r.customer().Scope(), key
}

// operateMetered runs one operation that is not about facts in agreements. The
// errors are those of the store and of the model.
func (r *run) operateMetered(tx *sqlstore.Tx, m *model, operation string) (got, want error) {
	c, feature := r.customer(), r.meteredFeature()
	switch operation {
	case "create answer":
		return r.createAnswer(tx, m)
	case "sweep answers", "sweep holds":
		return r.sweep(tx, m, operation), nil
	}
	if _, ok := m.customers[c]; !ok {
		return nil, nil
	}
	if operation == "create override" || operation == "update override" {
		return r.operateOverride(tx, m, c, operation)
	}
	if operation == "create grant" || operation == "update grant" {
		return r.operateGrant(tx, m, c, operation)
	}
	from, to := r.hour("from", false), r.hour("to", false)
	if to.Before(from) {
		from, to = to, from
	}
	if _, err := tx.LockCustomer(c); err != nil { // the lock of one feature may be had already
		return err, nil
	}
	counters, err := tx.LockCounters(c, feature, from, to)
	if err := r.equal("locked counters", counters, m.lockCounters(c, feature, from, to), err); err != nil {
		return err, nil
	}
	switch operation {
	case "put counter":
		counter := newCounter(c, feature, r.window(), r.units())
		counter.ChangedOn = r.hour("changed", true)
		m.counters[counterKey{c, feature, counter.Window}] = counter
		return tx.PutCounters(counter), nil
	case "create usage":
		u := newUsage(c, r.record(), r.hour("counted", false))
		u.Feature, u.Change, u.RecordedOn = feature, r.units(), r.hour("recorded", false)
		return r.createUsage(tx, m, u)
	case "put source":
		s := usage.SourceSum{CustomerID: c, Feature: feature, Source: r.source(), Drawn: r.units()}
		m.sources[sourceKey{c, feature, s.Source}] = s
		return tx.PutSources(s), nil
	case "fold usage":
		return r.foldUsage(tx, m, c, feature), nil
	default:
		h := newHold(c, 0)
		h.ID, h.Feature, h.Units = r.hold(c), feature, r.units()
		h.MadeOn, h.ExpiresOn = r.hour("made", false), r.hour("expires", false)
		if operation == "create hold" {
			return tx.CreateHold(h), create(m.holds, h.ID, h)
		}
		h.State = usage.HoldReleased
		return tx.UpdateHold(h), change(m.holds, h.ID, func(old *usage.Hold) {
			old.ExpiresOn, old.State = h.ExpiresOn, h.State
		})
	}
}

func (r *run) source() usage.SourceID {
	return rapid.SampledFrom([]usage.SourceID{"a", "b", "c"}).Draw(r.T, "source")
}

// createUsage stores a record, which may draw on sources.
func (r *run) createUsage(tx *sqlstore.Tx, m *model, u usage.Record) (got, want error) {
	want = create(m.usage, usageKey{u.CustomerID, u.ID}, u)
	sums := map[usage.SourceID]billing.Units{}
	for range r.number("draws", 3) {
		source, units := r.source(), r.units()
		if _, drew := sums[source]; !drew && units != 0 {
			u.Draws = append(u.Draws, usage.Draw{Source: source, Units: units})
			sums[source] = units
		}
	}
	if want == nil {
		m.draws[usageKey{u.CustomerID, u.ID}] = sums
	}
	return tx.CreateUsage(u), want
}

func (r *run) operateOverride(tx *sqlstore.Tx, m *model, c billing.CustomerID, operation string) (got, want error) {
	if _, err := tx.LockCustomer(c); err != nil {
		return err, nil
	}
	o := newOverride(c, r.number("override", terms))
	o.Feature, o.StartsOn, o.ExpiresOn = r.meteredFeature(), r.hour("starts", false), r.hour("expires", true)
	key := overrideKey{c, o.ID}
	if operation == "create override" {
		return tx.CreateOverride(o), create(m.overrides, key, o)
	}
	return tx.UpdateOverride(o), change(m.overrides, key, func(old *billing.Override) { old.ExpiresOn = o.ExpiresOn })
}

func (r *run) operateGrant(tx *sqlstore.Tx, m *model, c billing.CustomerID, operation string) (got, want error) {
	if _, err := tx.LockCustomer(c); err != nil {
		return err, nil
	}
	g := newGrant(c, r.number("grant", terms))
	g.ExternalID, g.Line = r.code("purchase"), r.number("line", 2)
	g.EndedOn, g.SetAsideOn = r.hour("ended", true), r.hour("aside", true)
	if operation == "update grant" {
		return tx.UpdateGrant(g), change(m.grants, g.ID, func(old *billing.Grant) { old.EndedOn, old.SetAsideOn = g.EndedOn, g.SetAsideOn })
	}
	for _, other := range m.grants {
		if other.CustomerID == c && other.ExternalID == g.ExternalID && g.ExternalID != "" && other.Line == g.Line {
			return tx.CreateGrant(g), billing.ErrExists
		}
	}
	return tx.CreateGrant(g), create(m.grants, g.ID, g)
}

func (r *run) foldUsage(tx *sqlstore.Tx, m *model, c billing.CustomerID, feature billing.Code) error {
	before, limit := r.hour("before", false), 1+r.number("limit", 4)
	n, err := tx.FoldUsage(c, feature, before, shortDay, limit)
	return r.equal("folded", n, m.fold(c, feature, before, limit), err)
}

func (r *run) createAnswer(tx *sqlstore.Tx, m *model) (got, want error) {
	scope, key := r.scope()
	a := newAnswer(scope, key)
	a.CreatedOn = r.hour("created", false)
	return tx.CreateAnswers(a), create(m.answers, answerKey{scope, key}, a)
}

// sweep takes away what is old of all customers, also of those of other runs, so
// that how much it is says nothing.
func (r *run) sweep(tx *sqlstore.Tx, m *model, operation string) error {
	const all = 1_000_000
	before := r.hour("before", false)
	if operation == "sweep answers" {
		maps.DeleteFunc(m.answers, func(_ answerKey, a service.StoredAnswer) bool { return a.CreatedOn.Before(before) })
		_, err := tx.SweepAnswers(before, all)
		return err
	}
	maps.DeleteFunc(m.holds, func(_ usage.HoldID, h usage.Hold) bool { return h.ExpiresOn.Before(before) })
	_, err := tx.SweepHolds(before, all)
	return err
}

// checkMetered compares what can be read of one customer's terms and usage.
func (r *run) checkMetered(reader *sqlstore.Reader, id billing.CustomerID) error {
	at, feature, w := r.hour("at", true), r.meteredFeature(), r.window()
	overrides, err := reader.Overrides(id, at)
	errs := []error{r.equal("overrides", overrides, within(r.m.overrides, func(o *billing.Override) bool {
		return o.CustomerID == id && (o.ExpiresOn.IsZero() || o.ExpiresOn.After(at))
	}, func(a, b billing.Override) int {
		return cmp.Or(a.StartsOn.Compare(b.StartsOn), cmp.Compare(a.ID.String(), b.ID.String()))
	}), err)}
	grants, err := reader.Grants(id, at)
	errs = append(errs, r.equal("grants", grants, within(r.m.grants, func(g *billing.Grant) bool {
		return g.CustomerID == id && (g.SetAsideOn.IsZero() || g.SetAsideOn.After(at))
	}, func(a, b billing.Grant) int { return cmp.Compare(a.ID.String(), b.ID.String()) }), err))

	before := r.hour("before", false)
	var unfolded []billing.Code
	for _, f := range []billing.Code{"calls", "other"} {
		if slices.ContainsFunc(r.m.counted(id, f, allTime), func(u usage.Record) bool {
			return u.Kind != usage.Folded && u.CountedOn.Before(before)
		}) {
			unfolded = append(unfolded, f)
		}
	}
	features, err := reader.UnfoldedFeatures(id, before)
	errs = append(errs, r.equal("unfolded", features, unfolded, err))

	made := r.hour("made by", true)
	held, err := reader.HeldUnits(id, feature, w, at, made)
	errs = append(errs, r.equal("held", held, r.m.held(id, feature, w, at, made), err))

	counters, err := reader.Counters(id)
	errs = append(errs, r.equal("counters", counters,
		r.m.countersOf(id, func(*usage.Counter) bool { return true }), err))

	by := r.hour("by", true)
	sum, err := reader.SumUsage(id, feature, w, by)
	errs = append(errs, r.equal("sum", sum, sumOf(slices.DeleteFunc(r.m.counted(id, feature, w),
		func(u usage.Record) bool { return !by.IsZero() && u.RecordedOn.After(by) })), err))

	drawn, err := reader.SumDraws(id, feature, w, by)
	errs = append(errs, r.equal("drawn", withoutZero(drawn), r.m.drawn(id, feature, w, by), err))

	sources, err := reader.Sources(id, "")
	errs = append(errs, r.equal("sources", sources, within(r.m.sources, func(s *usage.SourceSum) bool { return s.CustomerID == id },
		func(a, b usage.SourceSum) int {
			return cmp.Or(cmp.Compare(a.Feature, b.Feature), cmp.Compare(a.Source, b.Source))
		}), err))

	if r.number("all features", 2) == 0 {
		feature = ""
	}
	records := r.m.counted(id, feature, w)
	page := drawPage(r, func() service.UsageCursor {
		return service.UsageCursor{CountedOn: r.hour("cursor", false), ID: r.record()}
	})
	from, to, wantMore := page.Of(len(records), func(i int, key service.UsageCursor) int {
		return cmp.Or(records[i].CountedOn.Compare(key.CountedOn), cmp.Compare(records[i].ID, key.ID))
	})
	part, more, err := reader.UsageRecords(id, feature, w.Start, w.End, page)
	errs = append(errs, r.equal("usage", part, records[from:to], err), r.equal("more usage", more, wantMore, nil))

	key := r.record()
	record, err := reader.UsageRecord(id, key)
	errs = append(errs, r.found("usage record", record, r.m.usage[usageKey{id, key}], err))
	holdID := r.hold(id)
	hold, err := reader.Hold(holdID)
	errs = append(errs, r.found("hold", hold, r.m.holds[holdID], err))
	return errors.Join(errs...)
}

func (r *run) checkAnswer(reader *sqlstore.Reader, scope billing.Scope, key string) error {
	got, err := reader.Answer(scope, key)
	return r.found("answer", got, r.m.answers[answerKey{scope, key}], err)
}

// found compares a record, or that there is none, which a model says by zero.
func (r *run) found(what string, got, want any, err error) error {
	if errors.Is(err, billing.ErrNotFound) {
		err = nil
	}
	return r.equal(what, got, want, err)
}

// checkCustomersOn compares the customers that would move to another version.
func (r *run) checkCustomersOn(reader *sqlstore.Reader) error {
	at, after, limit := r.hour("at", false), r.customer(), r.number("limit", 4)
	plan := rapid.SampledFrom([]billing.Code{"pro", "boost"}).Draw(r.T, "plan")
	version := 1 + r.number("version", 2) // all are on 1
	var want []billing.CustomerID
	for n := range customers {
		id := customerID(r.base + n)
		on := r.m.those(id, func(a *billing.Agreement) bool {
			return a.Plan == plan && (a.Version != version && a.Live(at) || a.Version < version && a.Scheduled(at) && !a.Ended(at))
		})
		if billing.CompareIDs(id, after) > 0 && len(on) > 0 && len(want) < limit {
			want = append(want, id)
		}
	}
	got, err := reader.CustomersOn(plan, version, at, after, limit)
	return r.equal("customers on "+string(plan), got, want, err)
}
