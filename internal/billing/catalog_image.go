package billing

import (
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// LogDiffers says which rows of the catalog are not as the change log has them; log and
// every are as in [Facts.LogDiffers].
func (c *Catalog) LogDiffers(log iter.Seq2[Change, error], every bool, digest func(*Terms) (string, error)) ([]string, error) {
	im := new(catalogImages)
	if err := replay(log, im); err != nil {
		return nil, err
	}
	_, is, err := c.RowFacts(nil, digest)
	if err != nil {
		return nil, err
	}
	return append(im.found, differ("", byRow(im.rows), byRow(is), every)...), nil
}

// catalogImages are the rows of the catalog as the change log has them; see images.
type catalogImages struct {
	rows       map[string]string // by the kind of row, its code and the field
	adopted    map[string]string
	adoptedRev int64
	found      []string // what was taken over contradicts
}

// adopt is as that of images.
func (im *catalogImages) adopt(c *Change) (err error) {
	im.adopted = c.After
	im.adoptedRev, err = strconv.ParseInt(c.After[adoptedRev], 10, 64)
	return err
}

// add takes in the next change of the catalog.
func (im *catalogImages) add(c *Change) {
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
	if !said && len(c.After) > 0 && c.Kind != ClockRepaired {
		clear(im.rows)
	}
	if im.adopted != nil && c.Rev == im.adoptedRev {
		im.takeOver()
	}
}

// takeOver goes over to what was adopted. A row that the log has is to be the same there.
func (im *catalogImages) takeOver() {
	rows := maps.Clone(im.adopted)
	delete(rows, adoptedRev)
	was, is := byRow(im.rows), byRow(rows)
	for _, name := range slices.Sorted(maps.Keys(was)) {
		if !maps.Equal(was[name], is[name]) {
			im.found = append(im.found, name+" was taken over otherwise than its last change before says")
		}
	}
	im.rows = rows
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
