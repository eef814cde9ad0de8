package storetest

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/store/sqlstore"
)

// equal is an error if a read failed or differs from the model.
func (r *run) equal(what string, got, want any, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	if diff := gocmp.Diff(want, got, exactly, cmpopts.EquateEmpty()); diff != "" {
		return fmt.Errorf("%s differs (-want +got):\n%s", what, diff)
	}
	return nil
}

func (r *run) view(check func(*sqlstore.Reader) error) {
	if err := r.st.View(r.Context(), check); err != nil {
		r.Fatal(err)
	}
}

// checkSome compares one thing of each kind.
func (r *run) checkSome(reader *sqlstore.Reader) error {
	scope, key := r.scope()
	return errors.Join(
		r.checkCustomer(reader, r.customer()),
		r.checkCodes(reader, r.code("org"), r.code("user")),
		r.checkExternalID(reader, r.code("external")),
		r.checkOwner(reader, r.agreement()),
		r.checkMetered(reader, r.customer()),
		r.checkAnswer(reader, scope, key),
		r.checkCustomersOn(reader),
		r.checkCustomers(reader))
}

// checkAll compares everything.
func (r *run) checkAll(reader *sqlstore.Reader) error {
	var errs []error
	for n := range customers {
		id := customerID(r.base + n)
		errs = append(errs, r.checkCustomer(reader, id), r.checkMetered(reader, id))
	}
	for n := range agreements {
		errs = append(errs, r.checkOwner(reader, agreementID(r.base+n)))
	}
	for _, org := range []string{"", r.tag + "1", r.tag + "2"} {
		for _, user := range []string{"", r.tag + "1", r.tag + "2"} {
			errs = append(errs, r.checkCodes(reader, org, user))
		}
	}
	for n := range keys {
		key := fmt.Sprint(r.tag, n)
		errs = append(errs, r.checkAnswer(reader, service.ScopeNone, key))
		for c := range customers {
			errs = append(errs, r.checkAnswer(reader, customerID(r.base+c).Scope(), key))
		}
	}
	feed, err := reader.Feed(r.feed, 1_000_000)
	for i := range feed {
		feed[i].Seq -= r.feed
	}
	errs = append(errs, r.equal("feed", feed, r.m.feed, err))
	return errors.Join(errs...)
}

func (r *run) checkCodes(reader *sqlstore.Reader, org, user string) error {
	got, err := reader.CustomerByCodes(org, user)
	if want, wantErr := r.m.byCodes(org, user); got != want || !errors.Is(err, wantErr) {
		return fmt.Errorf("codes %q %q: %v %w, want %v %w", org, user, got, errors.Join(err), want, errors.Join(wantErr))
	}
	return nil
}

func (r *run) checkExternalID(reader *sqlstore.Reader, external string) error {
	got, err := reader.CustomerByExternalID(external)
	if want, wantErr := r.m.byExternalID(external); got != want || !errors.Is(err, wantErr) {
		return fmt.Errorf("external id %q: %v %w, want %v %w", external, got, errors.Join(err), want, errors.Join(wantErr))
	}
	return nil
}

func (r *run) checkOwner(reader *sqlstore.Reader, id billing.AgreementID) error {
	got, err := reader.AgreementCustomer(id)
	want, ok := r.m.owners[id]
	if !ok && errors.Is(err, billing.ErrNotFound) {
		err = nil
	}
	return r.equal("owner", got, want, err)
}

// checkCustomer compares what can be read of one customer.
func (r *run) checkCustomer(reader *sqlstore.Reader, id billing.CustomerID) error {
	want, ok := r.m.customers[id]
	got, err := reader.Customer(id)
	if !ok && errors.Is(err, billing.ErrNotFound) {
		err = nil
	}
	errs := []error{r.equal("customer", got, want, err)}

	rev, err := reader.Revision(id.Scope())
	errs = append(errs, r.equal("revision", rev, want.Rev, err))

	changes, err := reader.Changes(id.Scope(), 0, 1_000_000)
	errs = append(errs, r.equal("changes", changes, r.m.changes[id.Scope()], err))

	at := r.hour("at", true)
	live, err := reader.Agreements(id, at)
	errs = append(errs, r.equal("agreements", live,
		r.m.those(id, func(a *billing.Agreement) bool { return !a.Ended(at) }), err))

	facts, err := reader.Facts(id, at)
	if !ok && errors.Is(err, billing.ErrNotFound) {
		err = nil
	}
	overrides, overridesErr := reader.Overrides(id, at)
	grants, grantsErr := reader.Grants(id, at)
	together := billing.Facts{Customer: want, Agreements: live, Overrides: overrides, Grants: grants}
	if !ok {
		together = billing.Facts{}
	}
	errs = append(errs, overridesErr, grantsErr, r.equal("facts", facts, together, err))

	history := r.m.those(id, func(a *billing.Agreement) bool { return !a.StartsOn.After(at) })
	page := drawPage(r, r.agreement)
	from, to, wantMore := page.Of(len(history), func(i int, key billing.AgreementID) int {
		return billing.CompareIDs(history[i].ID, key)
	})
	part, more, err := reader.AgreementHistory(id, at, page)
	errs = append(errs, r.equal("history", part, history[from:to], err),
		r.equal("more history", more, wantMore, nil))

	addOn := []billing.Code{"", "boost", "extra"}[r.number("add-on", 3)]
	start, end, limit := r.hour("from", false), r.hour("to", true), r.number("limit", 4)
	overlap, err := reader.Overlapping(id, addOn, start, end, limit)
	errs = append(errs, r.equal("overlap", overlap, r.m.overlapping(id, addOn, start, end, limit), err))

	scope := r.code("scope")
	had, err := reader.HadTrial(id, scope)
	trials := r.m.those(id, func(a *billing.Agreement) bool { return scope != "" && a.TrialScope == scope })
	errs = append(errs, r.equal("had trial", had, len(trials) > 0, err))
	return errors.Join(errs...)
}

// overlapping asks the definition: is there an hour in both?
func (m *model) overlapping(
	id billing.CustomerID, addOn billing.Code, from, to time.Time, limit int,
) []billing.Agreement {
	found := m.those(id, func(a *billing.Agreement) bool {
		if (addOn == "") != (a.Kind == billing.KindPlan) || addOn != "" && a.Plan != addOn {
			return false
		}
		for hour := range 20 {
			if at := on(hour); a.Live(at) && !at.Before(from) && (to.IsZero() || at.Before(to)) {
				return true
			}
		}
		return false
	})
	slices.SortStableFunc(found, func(a, b billing.Agreement) int { return a.StartsOn.Compare(b.StartsOn) })
	return found[:min(limit, len(found))]
}

// checkCustomers compares a page of a filtered list.
func (r *run) checkCustomers(reader *sqlstore.Reader) error {
	filter := service.CustomerFilter{
		Query:      r.tag + []string{"", "a", "B", "%", "_"}[r.number("query", 5)],
		OrgCode:    r.code("org filter"),
		UserID:     r.code("user filter"),
		ExternalID: r.code("external filter"),
		At:         r.hour("filter at", false),
	}
	filter.PlanCode = []billing.Code{"", "pro", "boost"}[r.number("plan filter", 3)]
	var all []billing.Customer
	for _, c := range r.m.customers {
		onPlan := r.m.those(c.ID, func(a *billing.Agreement) bool {
			return a.Plan == filter.PlanCode && a.Live(filter.At)
		})
		if c.DeletedOn.IsZero() &&
			strings.Contains(strings.ToLower(c.Name), strings.ToLower(filter.Query)) &&
			(filter.OrgCode == "" || filter.OrgCode == c.OrgCode) &&
			(filter.UserID == "" || filter.UserID == c.UserID) &&
			(filter.ExternalID == "" || filter.ExternalID == c.ExternalID) &&
			(filter.PlanCode == "" || len(onPlan) > 0) {
			all = append(all, c)
		}
	}
	slices.SortFunc(all, func(a, b billing.Customer) int { return billing.CompareIDs(a.ID, b.ID) })
	page := drawPage(r, r.customer)
	from, to, wantMore := page.Of(len(all), func(i int, key billing.CustomerID) int { return billing.CompareIDs(all[i].ID, key) })
	got, more, err := reader.Customers(filter, page)
	return cmp.Or(r.equal("customers", got, all[from:to], err), r.equal("more customers", more, wantMore, nil))
}

func drawPage[K any](r *run, key func() K) service.Page[K] {
	page := service.Page[K]{Size: 1 + r.number("size", 3)}
	switch r.number("direction", 3) {
	case 1:
		page.After = new(key())
	case 2:
		page.Before = new(key())
	}
	return page
}
