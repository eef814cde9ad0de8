package sqlstore

import (
	"errors"
	"fmt"
	"reflect"
	"sync/atomic"
	"time"

	"github.com/allot-dev/allot/internal/billing"
)

const (
	selectRevision = `select rev, changed_on from revisions where name = $1`

	lockRevision = `update revisions set rev = rev where name = $1 returning rev, changed_on`

	selectCurrency = `select value from settings where name = 'currency'`

	upsertCurrency = `insert into settings (name, value) values ('currency', $1)
		on conflict (name) do update set value = excluded.value`

	// A database has the mark from when it was migrated until every server is of this
	// version; one that was made by this version never.
	selectUnfinished = `select value from settings where name = 'unfinished'`

	deleteUnfinished = `delete from settings where name = 'unfinished'`

	selectFeatures = `select code, name, type, unit, reset_interval, more from features`

	upsertFeature = `insert into features (code, name, type, unit, reset_interval, more)
		values ($1, $2, $3, $4, $5, $6)
		on conflict (code) do update set name = excluded.name, type = excluded.type,
		unit = excluded.unit, reset_interval = excluded.reset_interval, more = excluded.more`

	selectGroups = `select group_id, code, name, customer_type, is_default, fallback, more from plan_groups`

	upsertGroup = `insert into plan_groups (group_id, code, name, customer_type, is_default, fallback, more)
		values ($1, $2, $3, $4, $5, $6, $7)
		on conflict (code) do update set group_id = excluded.group_id, name = excluded.name,
		customer_type = excluded.customer_type, is_default = excluded.is_default, fallback = excluded.fallback,
		more = excluded.more`

	selectPlans = `select code, name, plan_group, kind, status, archived, is_default, more from plans`

	upsertPlan = `insert into plans (code, name, plan_group, kind, status, archived, is_default, more)
		values ($1, $2, $3, $4, $5, $6, $7, $8)
		on conflict (code) do update set name = excluded.name, plan_group = excluded.plan_group,
		kind = excluded.kind, status = excluded.status, archived = excluded.archived,
		is_default = excluded.is_default, more = excluded.more`

	selectVersions = `select plan_code, version, published_on, terms from plan_versions
		order by plan_code, version`

	// Only a draft is ever replaced.
	upsertVersion = `insert into plan_versions (plan_code, version, published_on, terms)
		values ($1, $2, $3, $4)
		on conflict (plan_code, version) do update
		set published_on = excluded.published_on, terms = excluded.terms
		where plan_versions.published_on is null`
)

// catalogCache keeps the newest committed catalog that was read.
type catalogCache struct {
	newest atomic.Pointer[billing.Catalog]
}

// keep must be given committed catalogs only: a revision that is rolled back is
// given again, to another state.
func (c *catalogCache) keep(catalog *billing.Catalog) {
	for {
		newest := c.newest.Load()
		if newest != nil && newest.Rev >= catalog.Rev {
			return
		}
		if c.newest.CompareAndSwap(newest, catalog) {
			return
		}
	}
}

// revision is a row of the table of revisions.
type revision struct {
	rev       int64
	changedOn time.Time
}

func scanRevision(r row) (v revision, err error) {
	return v, r.Scan(&v.rev, (*optional)(&v.changedOn))
}

// Catalog implements [Reader]. In an Update it is the newest committed
// one at each call, so that it has every version that facts read before it name:
// versions are never taken away.
func (r *Reader) Catalog() (*billing.Catalog, error) {
	current, err := one(r.conn, scanRevision, selectRevision, billing.ScopeCatalog)
	if err != nil {
		return nil, err
	}
	newest := r.catalogs.newest.Load()
	if newest != nil && newest.Rev == current.rev && !r.catalogTouched {
		return newest, nil
	}
	for {
		catalog, err := r.followCatalog(current, newest)
		if err == nil && catalog == nil {
			catalog, err = r.loadCatalog(current, newest)
		}
		if err != nil {
			return nil, err
		}
		// Where each statement sees what is committed by then, the tables are of
		// one state only if the revision has stayed.
		after, err := one(r.conn, scanRevision, selectRevision, billing.ScopeCatalog)
		if err != nil {
			return nil, err
		}
		if after.rev == current.rev {
			if !r.catalogTouched {
				r.catalogs.keep(catalog)
			}
			return catalog, nil
		}
		current = after
	}
}

// loadCatalog reads the whole catalog. Versions that were published in known are
// taken from there.
func (r *Reader) loadCatalog(current revision, known *billing.Catalog) (*billing.Catalog, error) {
	catalog := &billing.Catalog{
		Rev:       current.rev,
		ChangedOn: current.changedOn,
		Features:  map[billing.Code]*billing.Feature{},
		Groups:    map[billing.Code]*billing.PlanGroup{},
		Plans:     map[billing.Code]*billing.Plan{},
	}
	var err error
	catalog.Currency, err = one(r.conn, value[string], selectCurrency)
	if err != nil && !errors.Is(err, billing.ErrNotFound) {
		return nil, err
	}
	_, err = one(r.conn, value[string], selectUnfinished)
	if err != nil && !errors.Is(err, billing.ErrNotFound) {
		return nil, err
	}
	catalog.Unfinished = err == nil
	features, err := list(r.conn, scanFeature, selectFeatures)
	if err != nil {
		return nil, err
	}
	for _, f := range features {
		catalog.Features[f.Code] = f
	}
	groups, err := list(r.conn, scanGroup, selectGroups)
	if err != nil {
		return nil, err
	}
	for _, g := range groups {
		catalog.Groups[g.Code] = g
	}
	plans, err := list(r.conn, scanPlan, selectPlans)
	if err != nil {
		return nil, err
	}
	for _, p := range plans {
		catalog.Plans[p.Code] = p
	}
	versions, err := list(r.conn, scanVersion(known), selectVersions)
	if err != nil {
		return nil, err
	}
	for _, v := range versions {
		p := catalog.Plans[v.Plan]
		if p == nil {
			return nil, unreadable(fmt.Errorf("there are versions of plan %s, which is not there", v.Plan))
		}
		p.Versions = append(p.Versions, v)
		if v.Number != len(p.Versions) {
			return nil, unreadable(fmt.Errorf("plan %s has version %d in place of %d", p.Code, v.Number, len(p.Versions)))
		}
	}
	return catalog, nil
}

func scanFeature(r row) (*billing.Feature, error) {
	var f billing.Feature
	var more string
	if err := r.Scan(&f.Code, &f.Name, &f.Type, &f.Unit, &f.Reset, &more); err != nil {
		return nil, err
	}
	return &f, setFeatureMore(&f, more)
}

func scanGroup(r row) (*billing.PlanGroup, error) {
	var g billing.PlanGroup
	var more string
	if err := r.Scan(groupColumn(&g.ID), &g.Code, &g.Name, &g.CustomerType, &g.Default, &g.Fallback, &more); err != nil {
		return nil, err
	}
	return &g, setGroupMore(&g, more)
}

func scanPlan(r row) (*billing.Plan, error) {
	var p billing.Plan
	var more string
	if err := r.Scan(&p.Code, &p.Name, &p.Group, &p.Kind, &p.Status, &p.Archived, &p.Default, &more); err != nil {
		return nil, err
	}
	return &p, setPlanMore(&p, more)
}

// scanVersion shares the versions that are published in a known catalog, so
// that they are decoded once and are one in memory.
func scanVersion(known *billing.Catalog) func(row) (*billing.PlanVersion, error) {
	return func(r row) (*billing.PlanVersion, error) {
		var v billing.PlanVersion
		var terms string
		if err := r.Scan(&v.Plan, &v.Number, (*optional)(&v.PublishedOn), &terms); err != nil {
			return nil, err
		}
		if known != nil && !v.PublishedOn.IsZero() {
			if plan := known.Plans[v.Plan]; plan != nil {
				if old := plan.Version(v.Number); old != nil && !old.PublishedOn.IsZero() {
					return old, nil
				}
			}
		}
		var err error
		if v.Terms, err = decodeTerms(terms); err != nil {
			return nil, fmt.Errorf("plan %s version %d: %w", v.Plan, v.Number, err)
		}
		return &v, nil
	}
}

// LockCatalog is as service.CatalogTx says.
func (t *Tx) LockCatalog() (*billing.Catalog, error) {
	if _, err := one(t.conn, scanRevision, lockRevision, billing.ScopeCatalog); err != nil {
		return nil, err
	}
	catalog, err := t.Catalog()
	if err != nil {
		return nil, err
	}
	t.lockedCatalog = catalog
	return catalog, nil
}

// Finish is as service.CatalogTx says.
func (t *Tx) Finish() error {
	if t.lockedCatalog == nil {
		return errors.New("an upgrade is finished without the lock of the catalog")
	}
	t.catalogTouched, t.stageTouched = true, true
	for _, statement := range []string{deleteUnfinished, insertAdopting, insertMoving} {
		if _, err := t.exec(statement); err != nil {
			return err
		}
	}
	if t.finish == "" {
		return nil
	}
	_, err := t.exec(t.finish)
	return err
}

// PutCatalog is as service.CatalogTx says.
func (t *Tx) PutCatalog(next *billing.Catalog) error {
	current := t.lockedCatalog
	if current == nil {
		return errors.New("the catalog is put without its lock")
	}
	t.catalogTouched, t.catalogPut = true, true
	if next.Currency != current.Currency {
		if _, err := t.exec(upsertCurrency, next.Currency); err != nil {
			return err
		}
	}
	for code, f := range next.Features {
		if old := current.Features[code]; old != nil && reflect.DeepEqual(old, f) {
			continue
		}
		more, err := featureMore(f)
		if err != nil {
			return err
		}
		if _, err := t.exec(upsertFeature, code, f.Name, f.Type, f.Unit, f.Reset, more); err != nil {
			return err
		}
	}
	for code, g := range next.Groups {
		if old := current.Groups[code]; old != nil && reflect.DeepEqual(old, g) {
			continue
		}
		more, err := groupMore(g)
		if err != nil {
			return err
		}
		if _, err := t.exec(upsertGroup,
			g.ID.String(), code, g.Name, g.CustomerType, integer(g.Default), g.Fallback, more); err != nil {
			return err
		}
	}
	for code, p := range next.Plans {
		if current.Plans[code] == p {
			continue
		}
		if err := t.putPlan(current.Plans[code], p); err != nil {
			return fmt.Errorf("plan %s: %w", code, err)
		}
	}
	t.lockedCatalog = next
	return nil
}

// putPlan stores what is new in a plan. The old one is nil if all is.
func (t *Tx) putPlan(old, p *billing.Plan) error {
	if old == nil || !sameButVersions(old, p) {
		more, err := planMore(p)
		if err != nil {
			return err
		}
		if _, err := t.exec(upsertPlan, p.Code, p.Name, p.Group, p.Kind, p.Status,
			integer(p.Archived), integer(p.Default), more); err != nil {
			return err
		}
	}
	for _, v := range p.Versions {
		var was *billing.PlanVersion
		if old != nil {
			was = old.Version(v.Number)
		}
		if was == v {
			continue
		}
		if err := t.putVersion(was, v); err != nil {
			return fmt.Errorf("version %d: %w", v.Number, err)
		}
	}
	return nil
}

func (t *Tx) putVersion(old, v *billing.PlanVersion) error {
	terms, err := encodeTerms(&v.Terms)
	if err != nil {
		return err
	}
	if old != nil {
		was, err := encodeTerms(&old.Terms)
		if err != nil {
			return err
		}
		if was == terms && old.PublishedOn.Equal(v.PublishedOn) {
			return nil
		}
	}
	n, err := t.exec(upsertVersion, v.Plan, v.Number, optional(v.PublishedOn), terms)
	if err == nil && n == 0 {
		err = errors.New("a published version never changes")
	}
	return err
}

func sameButVersions(a, b *billing.Plan) bool {
	was, is := *a, *b
	was.Versions, is.Versions = nil, nil
	return reflect.DeepEqual(was, is)
}
