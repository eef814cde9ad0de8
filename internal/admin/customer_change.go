package admin

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
	"github.com/allot-dev/allot/internal/door"
	"github.com/allot-dev/allot/internal/web"
)

// change is something that may be done to a customer. It is asked for in a form, tried and
// shown, and then done.
type change struct {
	name   string // the last part of its address
	title  string
	verb   string // on the button that does it
	danger bool
	scopes []string
	// fields are those of its form, under the names that the API has for them.
	fields []string
	// defaults fills in the form, if it is asked for with nothing in it; may be nil.
	defaults func(f *changeForm)
	// do calls the API. It is run in a trial first, and then for good.
	do func(c *call, f *changeForm, opts ...client.CallOption) (outcome, error)
}

// outcome is what became of a change, or would.
type outcome struct {
	on       time.Time // from when it has effect; zero is at once
	says     []string  // what it does, in words
	warnings []api.Warning
	notice   string // what is told when it is done
	to       string // where that is told; "" is the customer's page
}

// changeForm is a form of a change.
type changeForm struct {
	*customerPage // of a new customer, what is known of it already
	Name          string
	Title         string
	Verb          string
	Danger        bool
	Action        string
	Values        url.Values
	Faults        faults
	Key           string
	Plans         []api.PlanSummary // that can be signed up for
	Packs         []api.PlanSummary
	Preview       *preview
	Revision      string // of the customer as it was read; "" of a new one
	Again         bool   // it was confirmed, and what was shown is not so any more
	TryID         string // of a customer that is not made yet
}

// Is reports whether a field has a value.
func (f *changeForm) Is(field, value string) bool { return f.Values.Get(field) == value }

// Get is what a field has.
func (f *changeForm) Get(field string) string { return strings.TrimSpace(f.Values.Get(field)) }

// Fault is what is wrong with a field.
func (f *changeForm) Fault(field string) string { return f.Faults.Fields[field] }

// Back is where one goes who does not want it.
func (f *changeForm) Back() string {
	if f.ID == "" {
		return customersPath
	}
	return f.Path
}

// preview is what a change would do.
type preview struct {
	Says     []string
	Warnings []api.Warning
	When     string // from when the difference is; "" is at once
	Rows     []difference
	Hidden   []hiddenField
}

// hiddenField is a field of the form that is sent again with the confirmation.
type hiddenField struct{ Name, Value string }

// difference is a feature whose entitlement would be another.
type difference struct {
	Name, Code    string
	Before, After []string
	Verdict       string // gained, lost or changed
	Level         string
}

// errFaulty is a form with faults, which stand in it.
var errFaulty = errors.New("the form has faults")

// fault says what is wrong with a field.
func (f *changeForm) fault(field, message string) {
	if f.Faults.Fields == nil {
		f.Faults.Fields = map[string]string{}
	}
	f.Faults.Fields[field] = message
}

// instant reads a field for a date and time, in the customer's zone; nil if it is empty.
func (f *changeForm) instant(field string) *api.Time {
	text := f.Get(field)
	if text == "" {
		return nil
	}
	t, err := parseLocal(text, f.Zone)
	if err != nil {
		f.fault(field, err.Error())
		return nil
	}
	return &api.Time{Time: t}
}

// integer reads a field for a whole number; nil if it is empty.
func (f *changeForm) integer(field string) *int64 {
	text := f.Get(field)
	if text == "" {
		return nil
	}
	n, err := strconv.ParseInt(strings.ReplaceAll(text, ",", ""), 10, 64)
	if err != nil {
		f.fault(field, "a whole number, such as 10")
		return nil
	}
	return &n
}

// faulty is errFaulty if something is wrong with the form.
func (f *changeForm) faulty() error {
	if len(f.Faults.Fields) > 0 || len(f.Faults.Rest) > 0 {
		return errFaulty
	}
	return nil
}

// changeCustomer finds which change an address is of.
func changeCustomer(handle func(change) handler) handler {
	return func(c *call) (*screen, error) {
		for _, ch := range customerChanges {
			if ch.name == c.PathValue("change") {
				return handle(ch)(c)
			}
		}
		return nil, errNotFound
	}
}

// newChange is the form of a change, with what it offers: three calls.
func (c *call) newChange(ch change) (*changeForm, error) {
	f := &changeForm{Name: ch.name, Title: ch.title, Verb: ch.verb, Danger: ch.danger, Action: c.URL.Path, Key: NewKey()}
	if id := c.PathValue("id"); id != "" {
		var answer client.Response
		of, err := c.api.Customers.Get(c.Context(), id, client.WithResponse(&answer))
		if err != nil {
			return nil, err
		}
		f.customerPage = c.newPage(of)
		// Behind the revision of the catalog: what is published there does not change.
		_, f.Revision, _ = strings.Cut(answer.Header.Get(api.HeaderRevision), ".")
	} else {
		f.customerPage = c.newPage(&api.Customer{})
	}
	var err error
	if f.names, f.All, err = c.names(); err != nil {
		return nil, err
	}
	for _, plan := range f.names.plans {
		switch {
		case plan.Archived || plan.Current == nil:
		case plan.Kind == api.PlanKindPack:
			f.Packs = append(f.Packs, plan)
		default:
			f.Plans = append(f.Plans, plan)
		}
	}
	byName := func(a, b api.PlanSummary) int {
		return cmp.Or(-cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Code, b.Code))
	}
	slices.SortFunc(f.Plans, byName)
	slices.SortFunc(f.Packs, byName)
	return f, nil
}

// askChange shows the empty form of a change.
func askChange(ch change) handler {
	return func(c *call) (*screen, error) {
		if err := c.want(ch.scopes...); err != nil {
			return nil, err
		}
		f, err := c.newChange(ch)
		if err != nil {
			return nil, err
		}
		f.Values = c.URL.Query()
		if ch.defaults != nil {
			ch.defaults(f)
		}
		return f.screen(http.StatusOK), nil
	}
}

func (f *changeForm) screen(status int) *screen {
	title := f.Title
	if f.ID != "" {
		title += ": " + f.Called
	}
	s := &screen{template: "customer_change", title: title, at: customersPath, status: status, data: f}
	if f.faulty() != nil {
		s.alert = "Nothing is changed: something in the form is not right."
		if len(f.Faults.Rest) > 0 {
			s.alert = "Nothing is changed: " + strings.Join(f.Faults.Rest, "; ") + "."
		}
	}
	return s
}

// makeChange tries a change and shows what it would do; confirmed, it does it.
func makeChange(ch change) handler {
	return func(c *call) (*screen, error) {
		if err := c.want(ch.scopes...); err != nil {
			return nil, err
		}
		if err := c.form(); err != nil {
			return nil, err
		}
		if c.PostFormValue("confirm") == "yes" && !c.PostForm.Has("back") {
			return c.doneOnce(func() (*screen, error) { return c.confirmed(ch) })
		}
		f, err := c.newChange(ch)
		if err != nil {
			return nil, err
		}
		f.Values = c.PostForm
		if f.Values.Has("back") {
			return f.screen(http.StatusOK), nil
		}
		if f.Preview, err = c.try(ch, f); err != nil {
			return f.refused(ch, err)
		}
		return f.screen(http.StatusOK), nil
	}
}

// shownRevision is the field that says of which revision the effect was shown. What somebody
// has confirmed is that, and not what the change would do to what the customer is by now.
const shownRevision = "shown_revision"

// confirmed does a change, and leads to where it is told. If it would do something else than
// was shown, that is shown anew.
func (c *call) confirmed(ch change) (*screen, error) {
	f, err := c.newChange(ch)
	if err != nil {
		return nil, err
	}
	f.Values = c.PostForm
	if shown := f.Get(shownRevision); shown != "" && shown != f.Revision {
		// The same key: if it was this very form that has changed the customer, on another node,
		// to confirm it again does nothing.
		f.Again, f.Key = true, keyOf(c.Request)
		if f.Preview, err = c.try(ch, f); err != nil {
			return f.refused(ch, err)
		}
		return f.screen(http.StatusConflict), nil
	}
	out, err := ch.do(c, f, c.once())
	if err != nil {
		return f.refused(ch, err)
	}
	for _, w := range out.warnings {
		out.notice += " Note: " + w.Message + "."
	}
	return nil, goTo(cmp.Or(out.to, f.Path), out.notice)
}

// refused shows the form again with what is wrong in it.
func (f *changeForm) refused(ch change, err error) (*screen, error) {
	f.Preview = nil
	if errors.Is(err, errFaulty) {
		return f.screen(http.StatusBadRequest), nil
	}
	found, ok := faultsOf(err, ch.fields...)
	if !ok {
		return nil, err
	}
	f.Faults = found
	status := http.StatusBadRequest
	if errors.Is(err, client.ErrConflict) {
		status = http.StatusConflict
	}
	return f.screen(status), nil
}

// try does a change in a trial, twice if it has its effect later, and compares: at most
// three calls.
func (c *call) try(ch change, f *changeForm) (*preview, error) {
	trial := &door.Trial{Customer: f.ID}
	if f.ID == "" {
		f.TryID = newCustomerID(c.Now())
		trial.Customer = f.TryID
	}
	trying := *c
	trying.Request = c.WithContext(door.WithTrial(c.Context(), trial))
	out, err := ch.do(&trying, f)
	if err != nil {
		return nil, err
	}
	p := &preview{Says: out.says, Warnings: out.warnings}
	var at time.Time
	if out.on.After(c.Now()) {
		at, trial.At, p.When = out.on, out.on, web.Instant(out.on, f.Zone)
		if _, err := ch.do(&trying, f); err != nil {
			return nil, err
		}
	}
	before := &api.EntitlementList{}
	if f.ID != "" && !f.Deleted() {
		if before, err = c.api.Customers.Entitlements(c.Context(), f.ID, at); err != nil {
			return nil, err
		}
	}
	p.Rows = f.compare(before, &trial.Entitled)
	for name, values := range f.Values {
		for _, value := range values {
			if name != formKey && name != "confirm" && name != shownRevision {
				p.Hidden = append(p.Hidden, hiddenField{name, value})
			}
		}
	}
	slices.SortFunc(p.Hidden, func(a, b hiddenField) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Value, b.Value)) })
	return p, nil
}

// compare is what differs between two lists of entitlements.
func (f *changeForm) compare(before, after *api.EntitlementList) []difference {
	states := map[string]*[2]*api.Entitlement{}
	for i, list := range []*api.EntitlementList{before, after} {
		for j := range list.Entitlements {
			e := &list.Entitlements[j]
			if states[e.FeatureCode] == nil {
				states[e.FeatureCode] = new([2]*api.Entitlement)
			}
			states[e.FeatureCode][i] = e
		}
	}
	var rows []difference
	for code, s := range states {
		was, is := f.state(s[0]), f.state(s[1])
		row := difference{Name: f.names.feature(code), Code: code, Before: without(was, is), After: without(is, was), Verdict: "changes"}
		if len(row.Before) == 0 && len(row.After) == 0 {
			continue
		}
		switch {
		case s[0] == nil:
			row.Verdict, row.Level = "gained", "good"
		case s[1] == nil:
			row.Verdict, row.Level = "lost", "bad"
		}
		rows = append(rows, row)
	}
	slices.SortFunc(rows, func(a, b difference) int { return cmp.Compare(a.Code, b.Code) })
	return rows
}

// state is an entitlement in lines, each of which may differ.
func (f *changeForm) state(e *api.Entitlement) []string {
	if e == nil {
		return []string{"Not entitled"}
	}
	lines := []string{"Has it"}
	switch e.Type {
	case api.FeatureConfig:
		lines[0] = "Set to " + valueText(e.Value)
	case api.FeatureMetered:
		lines[0] = "No limit"
		if e.Limit != nil {
			lines[0] = "Limit " + f.names.whole(*e.Limit, e.FeatureCode)
			if e.Soft {
				lines[0] += ", soft"
			}
		}
		if e.Remaining != nil {
			left := web.Number(string(*e.Remaining)) + " left"
			if e.Limit != nil && rational(e.Used).Cmp(rational(api.Decimal(strconv.FormatInt(*e.Limit, 10)))) > 0 {
				left += ": " + web.Number(string(e.Used)) + " are used already"
			}
			lines = append(lines, left)
		}
	}
	for _, cap := range e.Caps {
		lines = append(lines, "Cap "+f.names.whole(cap.Max, e.FeatureCode)+" "+every(cap.Reset))
	}
	if e.Included != nil {
		lines = append(lines, f.names.whole(*e.Included, e.FeatureCode)+" cost nothing")
	}
	if e.ResetsOn != nil {
		lines = append(lines, "Counts anew on "+web.Instant(e.ResetsOn.Time, f.Zone))
	}
	if e.NextChange != nil {
		lines = append(lines, "On "+web.Instant(e.NextChange.On.Time, f.Zone)+" "+changeWord(e.NextChange.Why))
	}
	return lines
}

// without are the lines that others do not have.
func without(lines, others []string) []string {
	var out []string
	for _, line := range lines {
		if !slices.Contains(others, line) {
			out = append(out, line)
		}
	}
	return out
}
