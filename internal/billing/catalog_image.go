package billing

import (
	"maps"
	"strconv"
	"strings"
)

// CatalogImages are the rows of the catalog as the change log has them; see [Images].
type CatalogImages struct {
	rows       map[string]string // by the kind of row, its code and the field
	adopted    map[string]string
	adoptedRev int64
}

// Adopt is as [Images.Adopt].
func (im *CatalogImages) Adopt(c Change) (err error) {
	im.adopted = c.After
	im.adoptedRev, err = strconv.ParseInt(c.After[adoptedRev], 10, 64)
	return err
}

// Add takes in the next change of the catalog.
func (im *CatalogImages) Add(c *Change) {
	if im.rows == nil {
		im.rows = map[string]string{}
	}
	isRow := func(name string) bool { return strings.Contains(name, "/") }
	said := false
	for name := range c.Before {
		if isRow(name) {
			delete(im.rows, name)
			said = true
		}
	}
	for name, v := range c.After {
		if isRow(name) {
			im.rows[name] = v
			said = true
		}
	}
	// A program of the version before says what it did and to what, and no fields.
	if !said && len(c.After) > 0 {
		clear(im.rows)
	}
	if im.adopted != nil && c.Rev == im.adoptedRev {
		im.rows = maps.Clone(im.adopted)
		delete(im.rows, adoptedRev)
	}
}

// Differ says which rows of the catalog are not as the log has them; every is as in
// [Images.Differ].
func (im *CatalogImages) Differ(c *Catalog, every bool, digest func(*Terms) (string, error)) ([]string, error) {
	_, is, err := c.RowFacts(nil, digest)
	if err != nil {
		return nil, err
	}
	return differ("", byRow(im.rows), byRow(is), every), nil
}

// byRow are the fields of each row.
func byRow(facts map[string]string) map[string]map[string]string {
	rows := map[string]map[string]string{}
	for name, v := range facts {
		i := strings.LastIndexByte(name, '/')
		row, field := name[:i], name[i+1:]
		if rows[row] == nil {
			rows[row] = map[string]string{}
		}
		rows[row][field] = v
	}
	return rows
}
