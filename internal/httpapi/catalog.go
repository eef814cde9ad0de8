package httpapi

import (
	"errors"
	"mime"
	"strings"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/catalog"
)

// readCatalog is the current catalog, as new as the caller asked for.
func (a *adapter) readCatalog(c *call) (*billing.Catalog, billing.Revision, error) {
	if c.least != nil {
		c.least.Customer = 0 // it may be of an answer about a customer
	}
	var current *billing.Catalog
	rev, err := c.fresh(func() (billing.Revision, error) {
		var err error
		if current, err = a.Billing.Catalog(c.Context()); err != nil {
			return billing.Revision{}, err
		}
		return billing.Revision{Catalog: current.Rev}, nil
	})
	return current, rev, err
}

func (a *adapter) catalog(c *call) (answer, error) {
	q := readQuery(c.Request, new(faults))
	format := q.oneOf("format", "json or yaml", "json", "yaml")
	if err := q.err(); err != nil {
		return answer{}, err
	}
	current, rev, err := a.readCatalog(c)
	if err != nil {
		return answer{}, err
	}
	spec := catalog.Of(current)
	out := document{contentTypeJSON, catalog.FormatJSON(spec)}
	if format == "yaml" || format == "" && acceptsYAML(c) {
		out = document{contentTypeYAML, catalog.Format(spec)}
	}
	return answer{revision: rev.String(), body: out}, nil
}

// acceptsYAML reports whether the first media type of Accept is YAML.
func acceptsYAML(c *call) bool {
	first, _, _ := strings.Cut(c.Header.Get("Accept"), ",")
	mediaType, _, err := mime.ParseMediaType(first)
	return err == nil && (mediaType == contentTypeYAML || mediaType == "application/x-yaml" || mediaType == "text/yaml")
}

func (a *adapter) putCatalog(c *call) (change, error) {
	q := readQuery(c.Request, new(faults))
	dryRun := q.flag("dry_run")
	if err := q.err(); err != nil {
		return change{}, err
	}
	text, err := readText(c.Request)
	if err != nil {
		return change{}, err
	}
	doc := catalog.Parse(text)
	if dryRun || len(doc.Faults) > 0 { // also for the other faults of a file that will not do
		return change{apart: func() (answer, error) {
			changes, err := a.Billing.PreviewCatalog(c.Context(), doc.Spec)
			return catalogAnswer(doc, changes, err, dryRun)
		}}, nil
	}
	return change{do: func(u *billing.Unit) (answer, error) {
		changes, err := u.ApplyCatalog(doc.Spec)
		return catalogAnswer(doc, changes, err, dryRun)
	}}, nil
}

// catalogAnswer is what a file changes, or all that is wrong with it: with its
// form, and by the rules (err).
func catalogAnswer(doc *catalog.Document, changes billing.CatalogChanges, err error, dryRun bool) (answer, error) {
	rules, broken := errors.AsType[billing.FaultsError](err)
	if err != nil && !broken {
		return answer{}, err
	}
	if broken || len(doc.Faults) > 0 {
		var errs billing.Errors
		for _, fault := range doc.Locate(rules) {
			errs = append(errs, invalid(api.CodeCatalogInvalid, "%s", fault))
		}
		return answer{}, errs
	}
	rev := billing.Revision{Catalog: changes.Rev}
	out := api.CatalogChanges{
		DryRun:    dryRun,
		Changes:   make([]api.CatalogChange, len(changes.Changes)),
		Untouched: make([]api.CatalogThing, len(changes.Untouched)),
		Warnings:  append([]string{}, changes.Warnings...),
		Revision:  rev.String(),
	}
	for i, ch := range changes.Changes {
		out.Changes[i] = api.CatalogChange{
			Action: string(ch.Action), Kind: string(ch.Kind), Code: string(ch.Code), Version: int64(ch.Version),
			Details: append([]string{}, ch.Details...),
		}
	}
	for i, ref := range changes.Untouched {
		out.Untouched[i] = api.CatalogThing{Kind: string(ref.Kind), Code: string(ref.Code)}
	}
	return answer{revision: rev.String(), body: out}, nil
}
