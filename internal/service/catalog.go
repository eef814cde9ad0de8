package service

import (
	"context"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/event"
)

// Catalog reads the current catalog.
func (s *Service) Catalog(ctx context.Context) (*billing.Catalog, error) {
	var c *billing.Catalog
	err := s.Store.View(ctx, func(r Reader) error {
		var err error
		c, err = r.Catalog()
		return err
	})
	return c, err
}

// ApplyCatalog makes the catalog what a spec states, all or nothing, and answers
// the changes it made. The error is a [billing.FaultsError] if the spec has faults.
func (u *Work) ApplyCatalog(spec billing.CatalogSpec) (billing.CatalogChanges, error) {
	current, err := u.tx.LockCatalog()
	if err != nil {
		return billing.CatalogChanges{}, err
	}
	now := latest(u.clock, current.ChangedOn)
	next, changes, faults, err := current.Apply(spec, now, u.service.newGroupID(now.UnixMilli()))
	if err != nil {
		return billing.CatalogChanges{}, err
	}
	if len(faults) > 0 {
		return billing.CatalogChanges{}, billing.FaultsError(faults)
	}
	if next == current {
		return changes, nil
	}
	if err := warnOfEnds(&u.tx, next, &changes, now); err != nil {
		return billing.CatalogChanges{}, err
	}
	if err := u.tx.PutCatalog(next); err != nil {
		return billing.CatalogChanges{}, err
	}
	before, after, err := next.RowFacts(current, u.tx.TermsDigest)
	if err != nil {
		return billing.CatalogChanges{}, err
	}
	maps.Copy(after, catalogFacts(changes))
	for _, e := range event.Published(current, next, now, u.by) {
		if _, err := u.tx.AppendEvent(e); err != nil {
			return billing.CatalogChanges{}, err
		}
	}
	_, err = u.tx.AppendChange(billing.Change{
		Scope: billing.ScopeCatalog, On: now, By: u.by, Kind: billing.CatalogApplied, Before: before, After: after,
	})
	return changes, err
}

// PreviewCatalog answers the changes that [Work.ApplyCatalog] would make and
// makes none; Rev is that of the catalog as it is.
func (s *Service) PreviewCatalog(ctx context.Context, spec billing.CatalogSpec) (billing.CatalogChanges, error) {
	var changes billing.CatalogChanges
	err := s.Store.View(ctx, func(r Reader) error {
		current, err := r.Catalog()
		if err != nil {
			return err
		}
		now := latest(s.now(), current.ChangedOn)
		next, would, faults, err := current.Apply(spec, now, s.newGroupID(now.UnixMilli()))
		switch {
		case err != nil:
			return err
		case len(faults) > 0:
			return billing.FaultsError(faults)
		}
		changes, changes.Rev = would, current.Rev
		return warnOfEnds(r, next, &changes, now)
	})
	return changes, err
}

// mostEnding is how many customers are counted for a warning.
const mostEnding = 1000

// warnOfEnds says how many customers have an end that a new fallback comes too late
// for.
func warnOfEnds(r CustomerReader, next *billing.Catalog, changes *billing.CatalogChanges, now time.Time) error {
	for _, group := range changes.Fallbacks {
		fallback := next.Groups[group].Fallback
		ending, err := r.Ending(group, fallback, now, billing.CustomerID{}, mostEnding+1)
		if err != nil {
			return err
		}
		if len(ending) == 0 {
			continue
		}
		changes.Warnings = append(changes.Warnings, billing.EndsWithoutFallback(len(ending), mostEnding, group, fallback))
	}
	return nil
}

func (s *Service) newGroupID(ms int64) func() (billing.GroupID, error) {
	return func() (billing.GroupID, error) { return billing.NewID[billing.GroupID](s.random(), ms) }
}

// catalogFacts are what the change log says of a change of the catalog: for each
// action, to what.
func catalogFacts(changes billing.CatalogChanges) map[string]string {
	done := make(map[billing.Action][]string)
	for _, ch := range changes.Changes {
		what := string(ch.Kind) + " " + string(ch.Code)
		if ch.Version > 0 {
			what += " v" + strconv.Itoa(ch.Version)
		}
		done[ch.Action] = append(done[ch.Action], what)
	}
	f := make(map[string]string, len(done))
	for action, all := range done {
		f[string(action)] = strings.Join(all, ", ")
	}
	return f
}
