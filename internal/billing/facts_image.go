package billing

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"
)

// LogDiffers says which of all rows of a customer are not as the change log has them,
// and which of the log are not there. The log is all changes of the customer in their
// order; its error is the only one.
func (f *Facts) LogDiffers(log iter.Seq2[Change, error]) ([]string, error) {
	images := images{agreements: map[string]map[string]string{}, overrides: map[string]map[string]string{}}
	for c, err := range log {
		if err != nil {
			return nil, err
		}
		images.add(&c)
	}
	return images.differ(f), nil
}

// images are the rows of a customer as the change log has them: each as its last
// change left it. A row that a program of the version before wrote last has none.
type images struct {
	customer   map[string]string
	agreements map[string]map[string]string
	overrides  map[string]map[string]string
}

// add takes in the next change of the customer.
func (im *images) add(c *Change) {
	switch c.Kind {
	case CustomerCreated, customerUpdated, customerDeleted, customerPurged:
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
	}
	im.addCustomer(c)
}

// put keeps the image of a row; full is a field that facts of an older version lack.
func (im *images) put(rows map[string]map[string]string, id string, facts map[string]string, full string) {
	delete(rows, facts[id])
	if facts[full] != "" {
		rows[facts[id]] = without(facts)
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
	maps.DeleteFunc(out, func(name, _ string) bool { return name == "changed" || strings.HasPrefix(name, factsOfCustomer) })
	return out
}

func (im *images) differ(f *Facts) []string {
	var found []string
	if im.customer != nil && !maps.Equal(im.customer, customerFacts(&f.Customer)) {
		found = append(found, "the customer's record is not what its last change says")
	}
	agreements, overrides := maps.Clone(im.agreements), maps.Clone(im.overrides)
	for i := range f.Agreements {
		id := f.Agreements[i].ID.String()
		if image := agreements[id]; image != nil && !maps.Equal(image, agreementFacts(&f.Agreements[i])) {
			found = append(found, fmt.Sprintf("agreement %s is not what its last change says", id))
		}
		delete(agreements, id)
	}
	for i := range f.Overrides {
		id := f.Overrides[i].ID.String()
		if image := overrides[id]; image != nil && !maps.Equal(image, overrideFacts(&f.Overrides[i])) {
			found = append(found, fmt.Sprintf("override %s is not what its last change says", id))
		}
		delete(overrides, id)
	}
	for _, id := range slices.Sorted(maps.Keys(agreements)) {
		found = append(found, fmt.Sprintf("agreement %s is in the log and not there", id))
	}
	for _, id := range slices.Sorted(maps.Keys(overrides)) {
		found = append(found, fmt.Sprintf("override %s is in the log and not there", id))
	}
	return found
}
