package billing

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// adoptedRev is the field of adopted facts that says of which revision they are.
const adoptedRev = "rev"

// AdoptCustomer is the entry of the log that has all rows of a customer as they are:
// every field of the customer, all its agreements, overrides and grants. Programs of the
// version before logged some fields only; from this entry on all rows follow from the
// log. The fields are named by the kind of row, its id and the field,
// "agreement/agreement_…/plan_code"; "rev" is the revision that the rows are of.
//
// The facts have ended agreements and overrides too, and grants that are set aside.
func AdoptCustomer(f Facts, on time.Time, by Actor) Change {
	after := map[string]string{}
	put := func(row string, facts map[string]string) {
		for name, v := range facts {
			after[row+"/"+name] = v
		}
	}
	put("customer", f.Customer.facts())
	for i := range f.Agreements {
		put("agreement/"+f.Agreements[i].ID.String(), f.Customer.agreementFacts(&f.Agreements[i]))
	}
	for i := range f.Overrides {
		put("override/"+f.Overrides[i].ID.String(), f.Customer.overrideFacts(&f.Overrides[i]))
	}
	for i := range f.Grants {
		put("grant/"+f.Grants[i].ID.String(), f.Customer.grantFacts(&f.Grants[i]))
	}
	return adopted(f.Customer.ID.Scope(), f.Customer.Rev, on, by, after)
}

// Adopt is the entry of the log that has all rows of a catalog, as [Catalog.RowFacts]
// names them; see [AdoptCustomer].
func (c *Catalog) Adopt(on time.Time, by Actor, digest func(*Terms) (string, error)) (Change, error) {
	_, rows, err := c.RowFacts(nil, digest)
	return adopted(ScopeCatalog, c.Rev, on, by, rows), err
}

func adopted(scope Scope, rev int64, on time.Time, by Actor, rows map[string]string) Change {
	rows[adoptedRev] = strconv.FormatInt(rev, 10)
	return Change{Scope: scope, On: on, By: by, Kind: factsAdopted, After: rows}
}

// rowsOf are the rows of one kind that adopted facts have, by their ids.
func rowsOf(after map[string]string, kind string) map[string]map[string]string {
	rows := map[string]map[string]string{}
	for name, v := range after {
		name, ok := strings.CutPrefix(name, kind+"/")
		if !ok {
			continue
		}
		id, field, ok := strings.Cut(name, "/")
		if !ok { // of the one row there is
			id, field = "", name
		}
		if rows[id] == nil {
			rows[id] = map[string]string{}
		}
		rows[id][field] = v
	}
	return rows
}

// adopt says from which rows on the log has every field. It comes before the changes;
// once that of its revision was added, what the log says of rows till then is held
// against it, and it counts. An image, which comes behind the change of its revision, is
// held against what the log says.
func (im *images) adopt(c *Change) error {
	if c.Rev != 0 {
		im.holdImage(c)
		return nil
	}
	rev, err := strconv.ParseInt(c.After[adoptedRev], 10, 64)
	if err != nil {
		return fmt.Errorf("%v: the revision of adopted facts: %w", c.Scope, err)
	}
	im.adopted, im.adoptedRev = c.After, rev
	return nil
}

// turn goes over from what the log said to the rows that were adopted.
func (im *images) turn() {
	customer := rowsOf(im.adopted, "customer")[""]
	if im.customer != nil && !sameRow(im.customer, customer) {
		im.found = append(im.found, "the customer was adopted as another than its last change said")
	}
	agreements, overrides, grants := rowsOf(im.adopted, "agreement"), rowsOf(im.adopted, "override"), rowsOf(im.adopted, "grant")
	im.hold("agreement", im.agreements, agreements)
	im.hold("override", im.overrides, overrides)
	im.hold("grant", im.grants, grants)
	im.customer, im.agreements, im.overrides, im.grants = customer, agreements, overrides, grants
	im.gaps = false
}

func (im *images) hold(what string, logged, adopted map[string]map[string]string) {
	for _, id := range slices.Sorted(maps.Keys(logged)) {
		if row, ok := adopted[id]; !ok {
			im.found = append(im.found, fmt.Sprintf("%s %s was in the log and not adopted", what, id))
		} else if !sameRow(logged[id], row) {
			im.found = append(im.found, fmt.Sprintf("%s %s was adopted as another than its last change said", what, id))
		}
	}
}

// holdImage holds an image against the rows that had not ended at its instant.
func (im *images) holdImage(c *Change) {
	say := func(format string, args ...any) {
		im.found = append(im.found, fmt.Sprintf("the image of revision %d ", c.Rev)+fmt.Sprintf(format, args...))
	}
	if c.Rev != im.rev || !c.On.Equal(im.on) {
		say("is not of the instant of that change")
		return
	}
	if im.customer != nil && !sameRow(im.customer, rowsOf(c.After, "customer")[""]) {
		say("has the customer otherwise than the log")
	}
	ended := func(row map[string]string) bool {
		end, err := time.Parse(time.RFC3339Nano, row["expires_on"])
		return err == nil && !end.After(c.On)
	}
	for _, kind := range []struct {
		name   string
		logged map[string]map[string]string
		gone   func(row map[string]string) bool // what an image need not have
	}{
		{"agreement", im.agreements, ended}, {"override", im.overrides, ended},
		{"grant", im.grants, func(row map[string]string) bool { return row["set_aside_on"] != "" }},
	} {
		rows := rowsOf(c.After, kind.name)
		for _, id := range slices.Sorted(maps.Keys(rows)) {
			if logged := kind.logged[id]; logged == nil && !im.gaps || logged != nil && !sameRow(logged, rows[id]) {
				say("has %s %s otherwise than the log", kind.name, id)
			}
		}
		for _, id := range slices.Sorted(maps.Keys(kind.logged)) {
			if rows[id] == nil && !kind.gone(kind.logged[id]) {
				say("lacks %s %s", kind.name, id)
			}
		}
	}
}
