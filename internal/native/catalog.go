package native

import (
	"errors"
	"mime"
	"strings"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/catalog"
	"github.com/allot-dev/allot/internal/door"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/wire"
)

// readCatalog is the current catalog, as new as the caller asked for.
func (h *handlers) readCatalog(c *door.Call) (*billing.Catalog, billing.Revision, error) {
	least := wire.Least(c.Least)
	least.Customer = 0 // it may be of an answer about a customer
	return door.Fresh(c, least, func() (*billing.Catalog, billing.Revision, error) {
		current, err := h.Billing.Catalog(c.Context())
		if err != nil {
			return nil, billing.Revision{}, err
		}
		return current, billing.Revision{Catalog: current.Rev}, nil
	})
}

func (h *handlers) catalog(c *door.Call) (door.Answer, error) {
	q := door.ReadQuery(c.Request, new(door.Faults))
	format := q.OneOf("format", "json or yaml", "json", "yaml")
	if err := q.Err(); err != nil {
		return door.Answer{}, err
	}
	current, rev, err := h.readCatalog(c)
	if err != nil {
		return door.Answer{}, err
	}
	spec := catalog.Of(current)
	out := door.Document{ContentType: door.ContentTypeJSON, Text: catalog.FormatJSON(spec)}
	if format == "yaml" || format == "" && acceptsYAML(c) {
		out = door.Document{ContentType: door.ContentTypeYAML, Text: catalog.Format(spec)}
	}
	return door.Answer{Revision: rev.String(), Body: out}, nil
}

// acceptsYAML reports whether the first media type of Accept is YAML.
func acceptsYAML(c *door.Call) bool {
	first, _, _ := strings.Cut(c.Header.Get("Accept"), ",")
	mediaType, _, err := mime.ParseMediaType(first)
	return err == nil && (mediaType == door.ContentTypeYAML || mediaType == "application/x-yaml" || mediaType == "text/yaml")
}

func (h *handlers) putCatalog(c *door.Call) (change, error) {
	q := door.ReadQuery(c.Request, new(door.Faults))
	dryRun := q.Flag("dry_run")
	if err := q.Err(); err != nil {
		return change{}, err
	}
	text, err := door.ReadText(c.Request)
	if err != nil {
		return change{}, err
	}
	doc := catalog.Parse(text)
	if dryRun || len(doc.Faults) > 0 { // also for the other faults of a file that will not do
		return change{Apart: func() (door.Answer, error) {
			changes, err := h.Billing.PreviewCatalog(c.Context(), doc.Spec)
			return catalogAnswer(doc, changes, err, dryRun)
		}}, nil
	}
	return change{Do: func(u *service.Work) (door.Answer, error) {
		changes, err := u.ApplyCatalog(doc.Spec)
		return catalogAnswer(doc, changes, err, dryRun)
	}}, nil
}

// catalogAnswer is what a file changes, or all that is wrong with it: with its
// form, and by the rules (err).
func catalogAnswer(doc *catalog.Document, changes billing.CatalogChanges, err error, dryRun bool) (door.Answer, error) {
	rules, broken := errors.AsType[billing.FaultsError](err)
	if err != nil && !broken {
		return door.Answer{}, err
	}
	if broken || len(doc.Faults) > 0 {
		var errs door.Errors
		for _, fault := range doc.Locate(rules) {
			e := door.Fault(api.CodeCatalogInvalid, "%s", fault)
			e.Line, e.Column = fault.Line, fault.Column
			errs = append(errs, e)
		}
		return door.Answer{}, errs
	}
	return door.Answer{Revision: billing.Revision{Catalog: changes.Rev}.String(), Body: wire.CatalogChanges(&changes, dryRun)}, nil
}
