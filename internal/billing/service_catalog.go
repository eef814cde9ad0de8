package billing

import (
	"context"
	"slices"
	"strconv"
	"strings"
)

// FaultsError are the faults of a catalog spec.
type FaultsError []Fault

func (e FaultsError) Error() string {
	lines := make([]string, len(e))
	for i, f := range e {
		lines[i] = f.Path + ": " + f.Message
	}
	return strings.Join(lines, "; ")
}

// Catalog reads the current catalog.
func (s *Service) Catalog(ctx context.Context) (*Catalog, error) {
	var c *Catalog
	err := s.Store.View(ctx, func(r Reader) error {
		var err error
		c, err = r.Catalog()
		return err
	})
	return c, err
}

// ApplyCatalog makes the catalog what a spec states, all or nothing, and answers
// the changes it made. The error is a [FaultsError] if the spec has faults.
func (u *Unit) ApplyCatalog(spec CatalogSpec) (CatalogChanges, error) {
	current, err := u.tx.LockCatalog()
	if err != nil {
		return CatalogChanges{}, err
	}
	now := latest(u.clock, current.ChangedOn)
	next, changes, faults, err := current.Apply(spec, now, u.service.newGroupID(now.UnixMilli()))
	if err != nil {
		return CatalogChanges{}, err
	}
	if len(faults) > 0 {
		return CatalogChanges{}, FaultsError(faults)
	}
	if next == current {
		return changes, nil
	}
	if err := u.tx.PutCatalog(next); err != nil {
		return CatalogChanges{}, err
	}
	_, err = u.tx.AppendChange(Change{
		Scope: ScopeCatalog, On: now, By: u.by, Kind: CatalogApplied, After: changes.facts(),
	})
	return changes, err
}

// PreviewCatalog answers the changes that [Unit.ApplyCatalog] would make and
// makes none; Rev is that of the catalog as it is.
func (s *Service) PreviewCatalog(ctx context.Context, spec CatalogSpec) (CatalogChanges, error) {
	current, err := s.Catalog(ctx)
	if err != nil {
		return CatalogChanges{}, err
	}
	now := latest(s.now(), current.ChangedOn)
	_, changes, faults, err := current.Apply(spec, now, s.newGroupID(now.UnixMilli()))
	if len(faults) > 0 {
		return CatalogChanges{}, FaultsError(faults)
	}
	changes.Rev = current.Rev
	return changes, err
}

func (s *Service) newGroupID(ms int64) func() (GroupID, error) {
	return func() (GroupID, error) { return newID[GroupID](s.random(), ms) }
}

// facts are what the change log says of the changes: for each action, to what.
func (c CatalogChanges) facts() map[string]string {
	f := make(map[string]string)
	for _, ch := range c.Changes {
		what := string(ch.Kind) + " " + string(ch.Code)
		if ch.Version > 0 {
			what += " v" + strconv.Itoa(ch.Version)
		}
		key := string(ch.Action)
		f[key] = strings.Join(slices.DeleteFunc([]string{f[key], what}, func(s string) bool { return s == "" }), ", ")
	}
	return f
}
