package billing

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"
)

// LogDiffers says what in the facts of a customer cannot be, whoever wrote them, which of
// all rows are not as the change log has them, and which of the log are not there. The
// log is what was adopted, if it was, and then all changes of the customer in their
// order; its error is the only one. Every says that the log has every row, so that one it
// does not have is found too.
func (f *Facts) LogDiffers(log iter.Seq2[Change, error], every bool) ([]string, error) {
	im := new(images)
	if err := replay(log, im); err != nil {
		return nil, err
	}
	return append(f.breaches(), im.differ(f, every)...), nil
}

// replay makes rows of a log.
func replay(log iter.Seq2[Change, error], into interface {
	adopt(*Change) error
	add(*Change)
}) error {
	for c, err := range log {
		if err == nil && c.Kind == factsAdopted {
			err = into.adopt(&c)
		} else if err == nil {
			into.add(&c)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// images are the rows of a customer as the change log has them: each as its last
// change left it. A row that a program of the version before wrote last has none.
type images struct {
	customer   map[string]string
	agreements map[string]map[string]string
	overrides  map[string]map[string]string
	grants     map[string]map[string]string

	purged bool // what was personal is gone

	rev  int64 // of the last change
	on   time.Time
	gaps bool // a program of the version before wrote rows that it did not log in every field

	adopted    map[string]string // rows from which on the log has every field; nil if there are none
	adoptedRev int64             // the revision that they are of
	found      []string          // what they contradict
}

// add takes in the next change of the customer.
func (im *images) add(c *Change) {
	if im.agreements == nil {
		im.agreements, im.overrides = map[string]map[string]string{}, map[string]map[string]string{}
		im.grants = map[string]map[string]string{}
	}
	if im.rev == 0 && c.Kind != customerCreated {
		im.gaps = true
	}
	im.rev, im.on = c.Rev, c.On
	switch c.Kind {
	case customerCreated, customerUpdated, customerDeleted, customerPurged:
		im.customer = nil
		if _, err := parseCustomer(c.After); err == nil {
			im.customer = without(c.After)
		}
	case AgreementCreated, agreementChanged:
		im.put(im.agreements, "agreement_id", c.After, "created_on")
	case agreementWithdrawn:
		delete(im.agreements, c.Before["agreement_id"])
	case overrideSet, overrideEnded:
		if before := c.Before; c.Kind == overrideSet && before["override_id"] != "" {
			ended := maps.Clone(before)
			ended["expires_on"] = c.On.UTC().Format(time.RFC3339Nano)
			im.put(im.overrides, "override_id", ended, "starts_on")
		}
		if after := c.After; after["override_id"] != "" {
			im.put(im.overrides, "override_id", after, "starts_on")
		} else {
			delete(im.overrides, c.Before["override_id"])
		}
	case ClockRepaired:
		im.repair(c)
	case grantCreated, grantVoided, grantUsedUp, grantReopened:
		im.put(im.grants, "grant_id", c.After, "created_on")
	}
	im.addCustomer(c)
	if c.Purges() {
		im.forget()
	}
	if im.adopted != nil && c.Rev == im.adoptedRev {
		im.turn()
	}
}

// put keeps the image of a row; full is a field that facts of an older version lack.
func (im *images) put(rows map[string]map[string]string, id string, facts map[string]string, full string) {
	delete(rows, facts[id])
	if facts[full] != "" {
		rows[facts[id]] = without(facts)
	} else {
		im.gaps = true
	}
}

// addCustomer takes in what a change of another kind did to the customer.
func (im *images) addCustomer(c *Change) {
	if im.customer == nil {
		return
	}
	for name := range c.Before {
		if name, ok := strings.CutPrefix(name, factsOfCustomer); ok {
			delete(im.customer, name)
		}
	}
	for name, v := range c.After {
		if name, ok := strings.CutPrefix(name, factsOfCustomer); ok {
			im.customer[name] = v
		}
	}
}

// without are facts but for what says of a change, and not of the row.
func without(facts map[string]string) map[string]string {
	out := maps.Clone(facts)
	maps.DeleteFunc(out, func(name, _ string) bool {
		return name == "changed" || name == "purged" || strings.HasPrefix(name, factsOfCustomer)
	})
	return out
}

// differ is what [Facts.LogDiffers] answers.
func (im *images) differ(f *Facts, every bool) []string {
	found := append(slices.Clone(im.found), im.remains(f)...)
	if im.customer == nil && every {
		found = append(found, "the log does not have the customer's record with every field")
	}
	if im.customer != nil && !sameRow(im.customer, f.Customer.facts()) {
		found = append(found, "the customer's record is not what its last change says")
	}
	agreements, overrides := map[string]map[string]string{}, map[string]map[string]string{}
	for i := range f.Agreements {
		agreements[f.Agreements[i].ID.String()] = f.Customer.agreementFacts(&f.Agreements[i])
	}
	for i := range f.Overrides {
		overrides[f.Overrides[i].ID.String()] = f.Customer.overrideFacts(&f.Overrides[i])
	}
	grants := map[string]map[string]string{}
	for i := range f.Grants {
		grants[f.Grants[i].ID.String()] = f.Customer.grantFacts(&f.Grants[i])
	}
	found = append(found, differ("agreement ", im.agreements, agreements, every)...)
	found = append(found, differ("override ", im.overrides, overrides, every)...)
	return append(found, differ("grant ", im.grants, grants, every)...)
}

// differ says which rows are not what the log has, by their ids; kind stands before
// each.
func differ(kind string, logged, rows map[string]map[string]string, every bool) (found []string) {
	for _, id := range slices.Sorted(maps.Keys(rows)) {
		switch image := logged[id]; {
		case image == nil && every:
			found = append(found, fmt.Sprintf("the log does not have %s%s with every field", kind, id))
		case image != nil && !sameRow(image, rows[id]):
			found = append(found, fmt.Sprintf("%s%s is not what its last change says", kind, id))
		}
	}
	for _, id := range slices.Sorted(maps.Keys(logged)) {
		if rows[id] == nil {
			found = append(found, fmt.Sprintf("%s%s is in the log and not there", kind, id))
		}
	}
	return found
}
