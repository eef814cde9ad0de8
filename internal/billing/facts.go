package billing

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/allot-dev/allot/internal/calendar"
)

// The change log has the rows that a change writes, each as texts by the name of a
// field: customers, agreements and overrides by the functions below, grants by those
// beside [Grant], the catalog by [Catalog.RowFacts]. A field that is zero is left out.
// What the functions write, parseAgreement, parseOverride, parseGrant and parseCustomer
// read back exactly.
//
// Entries of before there were these functions have fewer fields. They are told by
// what a full one always has: created_on, of an override starts_on.

// errPartial is the error of facts that have not all fields.
var errPartial = errors.New("facts of an older version lack fields")

// factWriter gathers the texts of a row.
type factWriter map[string]string

func (w factWriter) text(name, v string) {
	if v != "" {
		w[name] = v
	}
}

func (w factWriter) instant(name string, t time.Time) {
	if !t.IsZero() {
		w[name] = t.UTC().Format(time.RFC3339Nano)
	}
}

func (w factWriter) truth(name string, v bool) {
	if v {
		w[name] = "true"
	}
}

func (w factWriter) whole(name string, v int64) {
	if v != 0 {
		w[name] = strconv.FormatInt(v, 10)
	}
}

// factReader reads the texts of a row, and keeps the first error.
type factReader struct {
	facts map[string]string
	err   error
}

func (r *factReader) instant(name string) time.Time { return r.time(name, r.facts[name]) }

func (r *factReader) time(name, text string) time.Time {
	if text == "" {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	r.fail(name, err)
	return t.UTC()
}

func (r *factReader) truth(name string) bool { return r.facts[name] == "true" }

func (r *factReader) whole(name string) int64 {
	if r.facts[name] == "" {
		return 0
	}
	return r.number(name, r.facts[name])
}

func (r *factReader) number(name, text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	r.fail(name, err)
	return n
}

func (r *factReader) fail(name string, err error) {
	if err != nil && r.err == nil {
		r.err = fmt.Errorf("%s: %w", name, err)
	}
}

// agreementFacts are what the change log says of an agreement.
func agreementFacts(a *Agreement) map[string]string {
	w := factWriter{
		"agreement_id": a.ID.String(), "plan_code": string(a.Plan), "version": strconv.Itoa(a.Version),
		"quantity": strconv.FormatInt(a.Quantity, 10),
	}
	w.text("kind", string(a.Kind))
	w.truth("annual", a.Annual)
	w.instant("created_on", a.CreatedOn)
	w.instant("starts_on", a.StartsOn)
	w.instant("expires_on", a.ExpiresOn)
	w.instant("own_end", a.OwnEnd)
	w.instant("trial_ends_on", a.TrialEndsOn)
	w.text("trial_then", string(a.TrialThen))
	w.text("trial_scope", a.TrialScope)
	w.instant("anchor_on", a.AnchorOn)
	w.instant("term_from", a.TermFrom)
	w.text("origin", string(a.Origin))
	w.truth("at_period_end", a.AtPeriodEnd)
	var carried []string
	for _, c := range a.Carried {
		carried = append(carried, carryText(&c))
	}
	w.text("carried", strings.Join(carried, ", "))
	return w
}

// changedNames are the names of the fields that differ of those that agreementFacts
// leave out, as they may be of persons.
func changedNames(a, b *Agreement) string {
	var names []string
	if a.ExternalID != b.ExternalID {
		names = append(names, "external_id")
	}
	if !maps.Equal(a.Metadata, b.Metadata) {
		names = append(names, "metadata")
	}
	return strings.Join(names, ",")
}

// parseAgreement is the agreement that agreementFacts were made of, but for what
// they leave out. The error is errPartial if they are of an older version.
func parseAgreement(facts map[string]string) (Agreement, error) {
	if facts["agreement_id"] == "" || facts["created_on"] == "" {
		return Agreement{}, errPartial
	}
	r := factReader{facts: facts}
	a := Agreement{
		Plan: Code(facts["plan_code"]), Version: int(r.whole("version")), Kind: PlanKind(facts["kind"]), Quantity: r.whole("quantity"),
		Annual: r.truth("annual"), CreatedOn: r.instant("created_on"), StartsOn: r.instant("starts_on"), ExpiresOn: r.instant("expires_on"),
		OwnEnd: r.instant("own_end"), TrialEndsOn: r.instant("trial_ends_on"), TrialThen: TrialEnd(facts["trial_then"]),
		TrialScope: facts["trial_scope"], AnchorOn: r.instant("anchor_on"), TermFrom: r.instant("term_from"),
		Origin: Origin(facts["origin"]), AtPeriodEnd: r.truth("at_period_end"),
	}
	var err error
	a.ID, err = ParseID[AgreementID](facts["agreement_id"])
	r.fail("agreement_id", err)
	if facts["carried"] != "" {
		for text := range strings.SplitSeq(facts["carried"], ", ") {
			a.Carried = append(a.Carried, r.carry(text))
		}
	}
	return a, r.err
}

// carryText is a limit that holds on: the feature, the limit or "unlimited", until
// when or "-", and the instants at which one must have been over.
func carryText(c *Carry) string {
	limit, until := "unlimited", "-"
	if c.Max != nil {
		limit = strconv.FormatInt(*c.Max, 10)
	}
	if !c.Until.IsZero() {
		until = c.Until.UTC().Format(time.RFC3339Nano)
	}
	text := string(c.Feature) + " " + limit + " " + until
	for _, on := range c.OverOn {
		text += " " + on.UTC().Format(time.RFC3339Nano)
	}
	return text
}

func (r *factReader) carry(text string) Carry {
	parts := strings.Split(text, " ")
	if len(parts) < 3 {
		r.fail("carried", fmt.Errorf("%q is no limit that holds on", text))
		return Carry{}
	}
	c := Carry{Feature: Code(parts[0])}
	for _, on := range parts[3:] {
		c.OverOn = append(c.OverOn, r.time("carried", on))
	}
	if parts[1] != "unlimited" {
		c.Max = new(r.number("carried", parts[1]))
	}
	if parts[2] != "-" {
		c.Until = r.time("carried", parts[2])
	}
	return c
}

// overrideFacts are what the change log says of an override.
func overrideFacts(o *Override) map[string]string {
	w := factWriter{"override_id": o.ID.String(), "feature_code": string(o.Feature)}
	switch {
	case o.HasMax && o.Max == nil:
		w["max"] = "unlimited"
	case o.HasMax:
		w["max"] = strconv.FormatInt(*o.Max, 10)
	}
	w.whole("add", o.Add)
	if o.AtLeast != nil {
		w["at_least"] = strconv.FormatInt(*o.AtLeast, 10)
	}
	w.truth("deny", o.Deny)
	w.text("value", o.Value.Encoded())
	w.text("by", string(o.By))
	w.instant("starts_on", o.StartsOn)
	w.instant("expires_on", o.ExpiresOn)
	return w
}

// parseOverride reads overrideFacts, as parseAgreement does those of an agreement.
func parseOverride(facts map[string]string) (Override, error) {
	if facts["override_id"] == "" || facts["starts_on"] == "" {
		return Override{}, errPartial
	}
	r := factReader{facts: facts}
	o := Override{
		Feature: Code(facts["feature_code"]), Add: r.whole("add"), Deny: r.truth("deny"), By: Actor(facts["by"]),
		StartsOn: r.instant("starts_on"), ExpiresOn: r.instant("expires_on"),
	}
	switch limit := facts["max"]; limit {
	case "":
	case "unlimited":
		o.HasMax = true
	default:
		o.HasMax, o.Max = true, new(r.number("max", limit))
	}
	if facts["at_least"] != "" {
		o.AtLeast = new(r.number("at_least", facts["at_least"]))
	}
	var err error
	o.Value, err = DecodeValue(facts["value"])
	r.fail("value", err)
	o.ID, err = ParseID[OverrideID](facts["override_id"])
	r.fail("override_id", err)
	return o, r.err
}

// customerFacts are what the change log says of a customer. Of personal data (names,
// addresses, codes, metadata) it says only that it changed: see changedFields.
func customerFacts(c *Customer) map[string]string {
	w := factWriter{"type": string(c.Type), "status": string(c.Status)}
	w.instant("anchor_on", c.AnchorOn)
	w.truth("anchor_given", c.AnchorGiven)
	w.text("zones", zonesText(c.Zones))
	w.instant("created_on", c.CreatedOn)
	w.instant("deleted_on", c.DeletedOn)
	return w
}

// parseCustomer reads customerFacts, as parseAgreement does those of an agreement.
func parseCustomer(facts map[string]string) (Customer, error) {
	if facts["created_on"] == "" {
		return Customer{}, errPartial
	}
	r := factReader{facts: facts}
	c := Customer{
		Type: CustomerType(facts["type"]), Status: CustomerStatus(facts["status"]), AnchorOn: r.instant("anchor_on"),
		AnchorGiven: r.truth("anchor_given"), CreatedOn: r.instant("created_on"), DeletedOn: r.instant("deleted_on"),
	}
	for text := range strings.FieldsSeq(facts["zones"]) {
		name, from, _ := strings.Cut(text, "@")
		c.Zones = append(c.Zones, calendar.Zone{Name: name, From: r.time("zones", from)})
	}
	return c, r.err
}

// zonesText are time zones, each its name and, behind an @, from when it is one.
func zonesText(zones []calendar.Zone) string {
	var all []string
	for _, z := range zones {
		text := z.Name
		if !z.From.IsZero() {
			text += "@" + z.From.UTC().Format(time.RFC3339Nano)
		}
		all = append(all, text)
	}
	return strings.Join(all, " ")
}

// changedFields are the names of the fields with personal data that differ, which
// is all that the change log says of them.
func changedFields(a, b *Customer) string {
	var names []string
	for _, f := range []struct {
		name    string
		changed bool
	}{
		{"email", a.Email != b.Email},
		{"external_id", a.ExternalID != b.ExternalID},
		{"metadata", !maps.Equal(a.Metadata, b.Metadata)},
		{"name", a.Name != b.Name},
		{"org_code", a.OrgCode != b.OrgCode},
		{"user_id", a.UserID != b.UserID},
	} {
		if f.changed {
			names = append(names, f.name)
		}
	}
	return strings.Join(names, ",")
}

// factsOfCustomer is what stands before the name of a fact of the customer in a
// change of another kind, which changed it too.
const factsOfCustomer = "customer."

// undo takes a change back from facts that are those after it. The log is undone
// from the newest change. Of changes that an older version wrote, it takes back
// the status; all else stays. An import stands as if it had always been there.
func (f *Facts) undo(c *Change) error {
	switch c.Kind {
	case ClockRepaired:
		return f.redoRepair(c.Before)
	case customerUpdated, customerDeleted, customerPurged:
		if err := f.putCustomer(c.Before); err != nil {
			return err
		}
	case AgreementCreated:
		a, err := parseAgreement(c.After)
		if err == nil && a.Origin != fromImport {
			f.Agreements = slices.DeleteFunc(f.Agreements, func(old Agreement) bool { return old.ID == a.ID })
		}
		if err := butPartial(err); err != nil {
			return err
		}
	case agreementChanged, agreementWithdrawn:
		a, err := parseAgreement(c.Before)
		if err == nil {
			f.putAgreement(a)
		}
		if err := butPartial(err); err != nil {
			return err
		}
	case overrideSet, overrideEnded:
		if err := f.undoOverride(c); err != nil {
			return err
		}
	case grantCreated, grantVoided, grantUsedUp, grantReopened:
		if err := f.turnGrant(c.After, c.Before); err != nil {
			return err
		}
	}
	return f.undoFactsOfCustomer(c)
}

// butPartial is the error of facts, if it is not that they are of an older version.
func butPartial(err error) error {
	if errors.Is(err, errPartial) {
		return nil
	}
	return err
}

func (f *Facts) putAgreement(a Agreement) {
	a.CustomerID = f.Customer.ID
	i := slices.IndexFunc(f.Agreements, func(old Agreement) bool { return old.ID == a.ID })
	if i < 0 {
		f.Agreements = append(f.Agreements, a)
		return
	}
	a.ExternalID, a.Metadata = f.Agreements[i].ExternalID, f.Agreements[i].Metadata
	f.Agreements[i] = a
}

func (f *Facts) undoOverride(c *Change) error {
	if c.Kind == overrideSet {
		o, err := parseOverride(c.After)
		if err == nil {
			f.Overrides = slices.DeleteFunc(f.Overrides, func(old Override) bool { return old.ID == o.ID })
		}
		if err := butPartial(err); err != nil {
			return err
		}
	}
	o, err := parseOverride(c.Before)
	if err != nil {
		return butPartial(err)
	}
	o.CustomerID = f.Customer.ID
	i := slices.IndexFunc(f.Overrides, func(old Override) bool { return old.ID == o.ID })
	if i < 0 {
		f.Overrides = append(f.Overrides, o)
		return nil
	}
	o.Note = f.Overrides[i].Note
	f.Overrides[i] = o
	return nil
}

func (f *Facts) putCustomer(before map[string]string) error {
	c, err := parseCustomer(before)
	if errors.Is(err, errPartial) {
		if before["status"] != "" {
			f.Customer.Status = CustomerStatus(before["status"])
		}
		return nil
	}
	if err != nil {
		return err
	}
	now := &f.Customer
	now.Status, now.AnchorOn, now.AnchorGiven, now.Zones, now.DeletedOn = c.Status, c.AnchorOn, c.AnchorGiven, c.Zones, c.DeletedOn
	return nil
}

// undoFactsOfCustomer takes back what a change of another kind did to the customer.
func (f *Facts) undoFactsOfCustomer(c *Change) error { return f.turnFactsOfCustomer(c.After, c.Before) }

// turnFactsOfCustomer goes over from the facts of the customer that a change of another
// kind has on one side to those on the other.
func (f *Facts) turnFactsOfCustomer(from, to map[string]string) error {
	was, is := factsOf(from), factsOf(to)
	if len(was)+len(is) == 0 {
		return nil
	}
	facts := customerFacts(&f.Customer)
	for name := range was {
		delete(facts, name)
	}
	maps.Copy(facts, is)
	return f.putCustomer(facts)
}

// factsOf are the facts of the customer among others; nil if there are none.
func factsOf(facts map[string]string) (of map[string]string) {
	for name, v := range facts {
		if name, ok := strings.CutPrefix(name, factsOfCustomer); ok {
			if of == nil {
				of = map[string]string{}
			}
			of[name] = v
		}
	}
	return of
}

// order leaves what was known at an instant: of changes of an older version, which say
// too little, nothing that began or was planned later is left.
func (f *Facts) order(at time.Time) {
	f.Agreements = slices.DeleteFunc(f.Agreements, func(a Agreement) bool {
		return a.Scheduled(at) && a.CreatedOn.After(at) && a.Origin != fromImport
	})
	f.Overrides = slices.DeleteFunc(f.Overrides, func(o Override) bool { return o.StartsOn.After(at) })
	slices.SortFunc(f.Agreements, func(a, b Agreement) int { return CompareIDs(a.ID, b.ID) })
	slices.SortFunc(f.Grants, func(a, b Grant) int { return CompareGrantIDs(a.ID, b.ID) })
	slices.SortFunc(f.Overrides, func(a, b Override) int {
		if n := a.StartsOn.Compare(b.StartsOn); n != 0 {
			return n
		}
		return CompareIDs(a.ID, b.ID)
	})
}
