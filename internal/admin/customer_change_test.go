package admin_test

import (
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/allot-dev/allot/api"
	"github.com/allot-dev/allot/client"
	"github.com/allot-dev/allot/internal/server"
	"github.com/allot-dev/allot/internal/web/webtest"
)

// confirm is the form that a preview sends to do what it shows.
func confirm(p *webtest.Page, action string) url.Values {
	p.T.Helper()
	form := p.Form(action)
	if form.Get("confirm") != "yes" || form.Get("key") == "" {
		p.T.Fatalf("there is nothing to confirm: %v\n%s", form, p.Said())
	}
	return form
}

// stands is all that the API says of the customer.
func (l *lived) stands() (all []string) {
	for _, path := range []string{"", "/entitlements", "/entitlements?at=2027-02-01", "/grants", "/holds"} {
		all = append(all, l.raw("/v1/customers/"+l.acme.ID+path))
	}
	return all
}

// Each change shows first what it does and does nothing; then it does that, once however
// often it is sent, as the administrator.
func TestChangesOfCustomers(t *testing.T) {
	l := newLived(t, server.Config{})
	for _, c := range []struct {
		name, path string
		form       url.Values
		shows      []string // by the preview
		then       []string // by the customer's page, when it is done
		event      string   // that the change makes
	}{
		{
			"a limit of one's own", "/override", url.Values{"feature_code": {"storage_gb"}, "terms": {"max"}, "max": {"150"}, "note": {"for the trade fair"}, "expires_on": {"2026-12-24T18:00"}},
			[]string{"Storage changes Limit 300 GB", "Limit 350 GB 50 left On 24 Dec 2026, 18:00 CET the override ends", "Nothing else differs", "puts 150 GB in the place of the plan's part, until 24 Dec 2026, 18:00 CET"},
			[]string{"300 used of 350 GB; 50 left", "for the trade fair"}, api.EventOverrideSet,
		},
		{
			"an override that ends", "/end-override", url.Values{"feature_code": {"storage_gb"}},
			[]string{"Storage goes by the plan again", "Storage changes Limit 350 GB"}, []string{"300 used of 300 GB"}, api.EventOverrideEnded,
		},
		{
			"what is taken away", "/override", url.Values{"feature_code": {"sso"}, "terms": {"deny"}},
			[]string{"Single sign-on lost Has it", "Not entitled"}, []string{"Not entitled to 2 features", "An override takes it away"}, api.EventOverrideSet,
		},
		{
			"a value", "/override", url.Values{"feature_code": {"history_days"}, "terms": {"value"}, "value": {"unlimited"}},
			[]string{"History changes Set to 90", "Set to unlimited"}, []string{"Set to unlimited"}, api.EventOverrideSet,
		},
		{
			"a grant", "/grant", url.Values{"feature_code": {"credits"}, "amount": {"2,500"}, "kind": {"promotional"}, "expires_on": {"2027-03-01T00:00"}, "note": {"sorry"}},
			[]string{"2,500 credits of Credits, from 22 Nov 2026, 13:00 CET until 1 Mar 2027, 00:00 CET", "Credits changes", "4,000 left"}, []string{"2,500 Credits live sorry"}, api.EventGrantCreated,
		},
		{
			"a pack", "/grant", url.Values{"pack": {"credits_1000"}, "quantity": {"2"}},
			[]string{"2,000 credits of Credits, from 22 Nov 2026, 13:00 CET until 22 Nov 2027, 13:00 CET", "6,000 left"}, []string{"2,000 Credits live"}, api.EventGrantCreated,
		},
		{
			"an add-on", "/plan", url.Values{"plan_code": {"extra_storage"}, "start": {"now"}, "quantity": {"5"}},
			[]string{"5 × 100 GB more storage, version 1, from 22 Nov 2026, 13:00 CET", "Storage changes Limit 300 GB 0 left", "Limit 600 GB 300 left"}, []string{"On Pro, ends on 4 Jan 2027, 09:00 CET; and 5 × 100 GB more storage"}, api.EventAgreementCreated,
		},
		{
			"another plan when the period ends", "/plan", url.Values{"plan_code": {"free"}, "start": {"period_end"}},
			[]string{"Free, version 1, from 21 Dec 2026, 12:00 CET", "Entitlements from 21 Dec 2026, 12:00 CET, before and after", "Images lost", "API calls changes Limit 100,000 calls, soft", "Limit 1,000 calls"},
			[]string{"Free v1 scheduled"}, api.EventAgreementCreated,
		},
		{
			"what was scheduled, withdrawn", "/cancel", url.Values{"agreement": {"free"}, "when": {"now"}},
			[]string{"Free"}, []string{"On Pro, ends on 4 Jan 2027, 09:00 CET"}, api.EventAgreementCancelled,
		},
		{
			"an end that is set", "/agreement", url.Values{"agreement": {"pro"}, "expires_on": {"2026-12-22T09:00"}},
			[]string{"until 22 Dec 2026, 09:00 CET"}, []string{"On Pro, ends on 22 Dec 2026, 09:00 CET"}, "agreement.",
		},
		{
			"a resumption", "/resume", url.Values{"agreement": {"pro"}},
			[]string{"Pro, version 1, from 7 Sep 2026, 12:00 CEST", "Entitlements from 22 Dec 2026, 09:00 CET", "gained Not entitled"}, []string{"Enterprise v1 scheduled", "On Pro, ends on 4 Jan 2027, 09:00 CET"}, api.EventAgreementResumed,
		},
		{
			"a cancellation", "/cancel", url.Values{"agreement": {"pro"}, "when": {"period_end"}},
			[]string{"Pro: it ends on 21 Dec 2026, 12:00 CET"}, []string{"On Pro, ends on 21 Dec 2026, 12:00 CET"}, api.EventAgreementCancelled,
		},
		{
			"a set end", "/agreement", url.Values{"agreement": {"pro"}, "expires_on": {"2026-12-10T09:00"}},
			[]string{"until 10 Dec 2026, 09:00 CET", "Entitlements from 10 Dec 2026, 09:00 CET"}, []string{"On Pro, ends on 10 Dec 2026, 09:00 CET"}, "agreement.",
		},
		{
			"an end now", "/cancel", url.Values{"agreement": {"extra_storage"}, "when": {"now"}},
			[]string{"100 GB more storage: it ends on 22 Nov 2026, 13:00 CET", "Limit 600 GB"}, []string{"100 GB more storage v1, add-on ended"}, api.EventAgreementCancelled,
		},
		{
			"a grant that is void", "/void", url.Values{"grant": {"newest"}, "claw_back": {"yes"}},
			[]string{"A grant of 2,000 credits: 2,000 credits were left", "Credits changes 6,000 left", "4,000 left"}, []string{"2,000 Credits voided"}, api.EventGrantVoided,
		},
		{
			"other fields", "/edit", url.Values{"name": {"Acme Ltd"}, "email": {"pay@acme.example"}, "org_code": {"acme"}, "external_id": {"cus_1"}, "time_zone": {"America/New_York"}, "metadata": {"tier = silver"}, "anchor_on": {"2026-08-03T11:30"}},
			[]string{"name: Acme & Söhne <GmbH> → Acme Ltd", "external id: nothing → cus_1", "time zone: Europe/Berlin → America/New_York"}, []string{"Acme Ltd", "cus_1", "America/New_York", "tier silver"}, api.EventCustomerUpdated,
		},
		{
			"a suspension", "/suspend", url.Values{}, []string{"Every check is refused", "API calls lost", "Not entitled"}, []string{"Suspended: every check of this customer is refused", "Entitled to nothing while suspended", "API calls a day"}, api.EventCustomerUpdated,
		},
		{
			"its end", "/reactivate", url.Values{}, []string{"API calls gained Not entitled"}, []string{"State active"}, api.EventCustomerUpdated,
		},
		{
			"a deletion", "/delete", url.Values{"typed": {"Acme Ltd"}}, []string{"Its agreements end now", "Seats lost"}, []string{"This customer was deleted on 22 Nov 2026", "Entitled to nothing"}, api.EventCustomerDeleted,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			l.world.t = t
			path := l.path + c.path
			if plan := c.form.Get("agreement"); plan != "" {
				c.form.Set("agreement", agreementOf(t, l, plan).ID)
			}
			if c.form.Has("grant") {
				grants := must(l.api.Grants.List(t.Context(), client.GrantListParams{CustomerID: l.acme.ID, PageParams: client.PageParams{PageSize: 100}})).Grants
				c.form.Set("grant", grants[len(grants)-1].ID)
			}
			end := must(l.api.Events.List(t.Context(), client.EventParams{FromEnd: true})).Next
			before := l.stands()
			preview := l.post(path, c.form).Wants(http.StatusOK).Says("This is what it does").Says(c.shows...)
			if d := cmp.Diff(before, l.stands()); d != "" {
				t.Fatalf("the preview changed something:\n%s", d)
			}
			form := confirm(preview, path)
			var to string
			var stands []string
			for n := range 2 { // a double click
				to = l.post(path, form).Wants(http.StatusSeeOther).Header.Get("Location")
				if n == 0 {
					stands = l.stands()
				}
			}
			if d := cmp.Diff(stands, l.stands()); d != "" {
				t.Errorf("the second click did something:\n%s", d)
			}
			if d := cmp.Diff(before, stands); d == "" {
				t.Error("nothing is done")
			}
			l.told()
			l.get(to).Wants(http.StatusOK).Says(c.then...)
			found := 0
			for _, e := range must(l.api.Events.List(t.Context(), client.EventParams{After: end, CustomerID: l.acme.ID})).Events {
				if strings.HasPrefix(e.Type, c.event) {
					found++
					if e.Actor != (api.EventActor{Kind: "admin", ID: "ada"}) {
						t.Errorf("%s is of %v", e.Type, e.Actor)
					}
				}
			}
			if found == 0 {
				t.Errorf("no %s is in the feed", c.event)
			}
		})
	}
}

// A customer is made, on the default plan, after it was shown what that gives; sent twice it
// is made once.
func TestNewCustomer(t *testing.T) {
	w := newWorld(t, noon)
	const path = "/console/customers/new"
	w.get(path).Wants(http.StatusOK)
	form := url.Values{"type": {"organization"}, "org_code": {"acme"}, "name": {"Acme"}, "time_zone": {"Asia/Tokyo"}}
	preview := w.post(path, form).Wants(http.StatusOK).Says("A new customer", "Free, version 1", "Seats gained Not entitled", "Limit 3 seats")
	if n := len(must(w.api.Customers.List(t.Context(), client.CustomerParams{})).Customers); n != 0 {
		t.Fatalf("the preview made %d customers", n)
	}
	sent := confirm(preview, path)
	first := w.post(path, sent).Wants(http.StatusSeeOther).Header.Get("Location")
	if again := w.post(path, sent).Wants(http.StatusSeeOther).Header.Get("Location"); again != first {
		t.Errorf("the second click leads to %s, the first to %s", again, first)
	}
	w.get(first).Wants(http.StatusOK).Says("On Free", "Asia/Tokyo")
	w.post(path, form).Wants(http.StatusConflict).Says("Nothing is changed")
	w.post(path, url.Values{"type": {"user"}, "user_id": {"kp"}, "plan_code": {"-"}}).Wants(http.StatusOK).Says("A new customer, on no plan")
}

// What is wrong with a form stands beside its field, the form keeps what was written, and
// nothing is done.
func TestFaultsStandBesideFields(t *testing.T) {
	l := newLived(t, server.Config{})
	before := l.stands()
	pro := agreementOf(t, l, "pro").ID
	for _, c := range []struct {
		path   string
		form   url.Values
		field  string // the fault is within its label
		says   string
		status int
	}{
		{"/plan", url.Values{"start": {"now"}}, "plan_code", "which plan?", 400},
		{"/plan", url.Values{"plan_code": {"pro"}, "start": {"date"}}, "starts_on", "when is it to start?", 400},
		{"/plan", url.Values{"plan_code": {"pro"}, "start": {"date"}, "starts_on": {"soon"}}, "starts_on", `"soon" is no date and time`, 400},
		{"/plan", url.Values{"plan_code": {"pro"}, "start": {"now"}, "version": {"99"}}, "version", "version", 400},
		{"/plan", url.Values{"plan_code": {"pro"}, "start": {"now"}, "quantity": {"4"}}, "quantity", "quantity", 400},
		{"/plan", url.Values{"plan_code": {"pro"}, "start": {"now"}, "quantity": {"many"}}, "quantity", "a whole number", 400},
		{"/plan", url.Values{"plan_code": {"personal"}, "start": {"now"}}, "plan_code", "", 400},
		{"/override", url.Values{"terms": {"max"}, "max": {"5"}}, "feature_code", "which feature?", 400},
		{"/override", url.Values{"feature_code": {"seats"}, "terms": {"max"}, "max": {"five"}}, "max", "a whole number", 400},
		{"/override", url.Values{"feature_code": {"seats"}, "terms": {"max"}, "max": {"-5"}}, "max", "max", 400},
		{"/override", url.Values{"feature_code": {"seats"}, "terms": {"max"}, "max": {"5"}, "expires_on": {"2020-01-01T00:00"}}, "expires_on", "expires_on", 400},
		{"/grant", url.Values{"amount": {"5"}}, "feature_code", "which feature", 400},
		{"/grant", url.Values{"feature_code": {"credits"}, "amount": {"lots"}}, "amount", "amount", 400},
		{"/grant", url.Values{"feature_code": {"credits"}, "amount": {"5"}, "priority": {"101"}}, "priority", "priority", 400},
		{"/grant", url.Values{"feature_code": {"credits"}, "amount": {"5"}, "cost_basis": {`"5"`}}, "cost_basis", "a number", 400},
		{"/grant", url.Values{"feature_code": {"credits"}, "amount": {"5"}, "cost_basis": {"null"}}, "cost_basis", "a number", 400},
		{"/agreement", url.Values{"agreement": {pro}, "expires_on": {"2020-01-01T10:00"}}, "expires_on", "expires_on", 400},
		{"/edit", url.Values{"name": {"x"}, "org_code": {"acme"}, "time_zone": {"Europe/Berlim"}}, "time_zone", "time zone", 400},
		{"/edit", url.Values{"org_code": {"acme"}, "time_zone": {"UTC"}, "metadata": {"tier gold"}}, "metadata", "name = value", 400},
		{"/delete", url.Values{"typed": {"Acme"}}, "typed", "type Acme & Söhne <GmbH>", 400},
	} {
		p := l.post(l.path+c.path, c.form)
		if p.Status != c.status {
			t.Errorf("%s %v: %d %s", c.path, c.form, p.Status, p.Said())
			continue
		}
		p.Says("Nothing is changed")
		beside := ""
		for _, label := range p.All("label", "", "") {
			for n := range label.Descendants() {
				if name, _ := webtest.Attribute(n, "name"); name == c.field {
					for m := range label.Descendants() {
						if role, _ := webtest.Attribute(m, "role"); role == "alert" {
							beside = webtest.Text(m)
						}
					}
				}
			}
		}
		if beside == "" || !strings.Contains(beside, c.says) {
			t.Errorf("%s %v: beside %s stands %q, want %q", c.path, c.form, c.field, beside, c.says)
		}
		for field := range c.form {
			if c.form.Get(field) != "" && p.Form(l.path+c.path).Get(field) != c.form.Get(field) {
				t.Errorf("%s %v: the form forgets %s", c.path, c.form, field)
			}
		}
	}
	if d := cmp.Diff(before, l.stands()); d != "" {
		t.Errorf("something is done:\n%s", d)
	}
	l.get(l.path + "/nothing").Wants(http.StatusNotFound)
	l.post(l.path+"/cancel", url.Values{"agreement": {"agreement_00000000000000000000000000000000"}}).Wants(http.StatusBadRequest).Says("Nothing is changed")
}

// What a form names must be of the customer whose page it is: the preview is about nobody else.
func TestChangesOfSomebodyElse(t *testing.T) {
	l := newLived(t, server.Config{})
	ctx := t.Context()
	other := must(l.api.Customers.Create(ctx, api.CreateCustomerRequest{Type: api.CustomerOrganization, OrgCode: "globex", PlanCode: api.Some("pro")}))
	theirs := other.Agreements[0].ID
	must(l.api.Customers.CancelAgreementWith(ctx, theirs, client.CancelParams{When: api.WhenPeriodEnd}))
	grant := must(l.api.Grants.Create(ctx, other.ID, api.CreateGrantRequest{FeatureCode: "credits", Amount: "5"})).ID
	stands := func() string { return l.raw("/v1/customers/"+other.ID) + l.raw("/v1/customers/"+other.ID+"/grants") }
	before := stands()
	for _, c := range []struct {
		path string
		form url.Values
	}{
		{"/cancel", url.Values{"agreement": {theirs}, "when": {"now"}}},
		{"/resume", url.Values{"agreement": {theirs}}},
		{"/agreement", url.Values{"agreement": {theirs}, "expires_on": {"2027-12-22T09:00"}}},
		{"/void", url.Values{"grant": {grant}}},
		{"/cancel", url.Values{"when": {"now"}}}, // nor nobody's
		{"/resume", nil},
		{"/void", nil},
	} {
		for _, confirm := range []string{"", "yes"} {
			form := url.Values{"confirm": {confirm}}
			maps.Copy(form, c.form)
			l.post(l.path+c.path, form).Wants(http.StatusBadRequest).Says("Nothing is changed: this customer has no such")
		}
	}
	if d := cmp.Diff(before, stands()); d != "" {
		t.Errorf("somebody else is changed:\n%s", d)
	}
}

// What is confirmed is what was shown, whatever happened meanwhile.
func TestWhatWasShownIsDone(t *testing.T) {
	l := newLived(t, server.Config{})
	ctx := t.Context()
	preview := l.post(l.path+"/plan", url.Values{"plan_code": {"enterprise"}, "start": {"now"}}).Wants(http.StatusOK).Says("Enterprise, version 1")
	text := strings.Replace(string(server.ExampleCatalog()), "fixed_charge: 1200000", "fixed_charge: 1300000", 1)
	must(l.api.Catalog.Apply(ctx, []byte(text), false))
	if v := must(l.api.Catalog.Plan(ctx, "enterprise")).Current.Version; v != 2 {
		t.Fatalf("enterprise has the version %d", v)
	}
	l.post(l.path+"/plan", confirm(preview, l.path+"/plan")).Wants(http.StatusSeeOther)
	live := must(l.api.Customers.Get(ctx, l.acme.ID)).Agreements
	live = slices.DeleteFunc(live, func(a api.Agreement) bool { return a.PlanCode != "enterprise" || a.Status != api.AgreementLive })
	if len(live) != 1 || live[0].Version != 1 {
		t.Errorf("version 1 was shown, and it is on %+v", live)
	}

	form := l.get(l.path + "/edit").Form(l.path + "/edit")
	form.Set("name", "Acme Ltd")
	shown := confirm(l.post(l.path+"/edit", form).Wants(http.StatusOK), l.path+"/edit")
	must(l.api.Customers.Update(ctx, l.acme.ID, api.UpdateCustomerRequest{Email: api.Some("new@acme.example")}))
	for _, stale := range []url.Values{form, shown} {
		l.post(l.path+"/edit", stale).Wants(http.StatusBadRequest).Says("changed by somebody else meanwhile")
	}
	if is := must(l.api.Customers.Get(ctx, l.acme.ID)); is.Email != "new@acme.example" || is.Name == "Acme Ltd" {
		t.Errorf("%s, %s", is.Name, is.Email)
	}
}

// Who may not is told that before the form is read.
func TestRolesComeBeforeForms(t *testing.T) {
	l := newLived(t, server.Config{})
	l.as = "viewer"
	for _, path := range []string{"/edit", "/override", "/cancel", "/void", "/resume", "/agreement"} {
		l.post(l.path+path, url.Values{"confirm": {"yes"}}).Wants(http.StatusForbidden)
	}
}

// A catalog may have more than one page of features: the last is offered as the first is, and a
// value is read by what it is of.
func TestChangesOfAFeatureAmongMany(t *testing.T) {
	l := newLived(t, server.Config{})
	var text strings.Builder
	text.WriteString("features:\n")
	for n := range api.MaxPageSize {
		fmt.Fprintf(&text, "  - {code: f%d, name: F, type: unmetered}\n", n)
	}
	text.WriteString("  - {code: zz, name: The last, type: config, of: number}\n")
	must(l.api.Catalog.Apply(t.Context(), []byte(text.String()), false))
	l.get(l.path + "/override?feature_code=zz").Wants(http.StatusOK).Says("The last (zz)")
	l.post(l.path+"/override", url.Values{"feature_code": {"zz"}, "terms": {"value"}, "value": {"7"}}).Wants(http.StatusOK).
		Says("The last: an override sets it to 7", "gained")
}

// Metadata that no form could write is as it was when something else is changed.
func TestEditLeavesMetadata(t *testing.T) {
	w := newWorld(t, noon)
	was := map[string]string{"a=b": "c", "padded": "  two  ", "lines": "1\n2", "none": "", "plain": "x"}
	of := must(w.api.Customers.Create(t.Context(), api.CreateCustomerRequest{Type: api.CustomerOrganization, OrgCode: "acme", Metadata: was}))
	path := "/console/customers/" + of.ID + "/edit"
	edit := func(field, value string) map[string]string {
		form := w.get(path).Wants(http.StatusOK).Form(path)
		if field == "" {
			field, value = "metadata", form.Get("metadata")+value
		}
		form.Set(field, value)
		form.Set("metadata", strings.ReplaceAll(form.Get("metadata"), "\n", "\r\n")) // as browsers send it
		w.post(path, confirm(w.post(path, form).Wants(http.StatusOK), path)).Wants(http.StatusSeeOther)
		return must(w.api.Customers.Get(t.Context(), of.ID)).Metadata
	}
	if d := cmp.Diff(was, edit("name", "Acme")); d != "" {
		t.Errorf("another name changes metadata:\n%s", d)
	}
	delete(was, "lines") // of which a form cannot say where it ends
	must(w.api.Customers.Update(t.Context(), of.ID, api.UpdateCustomerRequest{Metadata: api.Some(was)}))
	is := edit("", "\nnew = 1")
	was["new"] = "1"
	if d := cmp.Diff(was, is); d != "" {
		t.Errorf("one more changes the others:\n%s", d)
	}
}

// What is confirmed is what was shown: if the customer was changed in between, the effect is
// shown anew, and nothing is done before that is confirmed.
func TestChangedSinceThePreview(t *testing.T) {
	l := newLived(t, server.Config{})
	pro := agreementOf(t, l, "pro").ID
	for n, c := range []struct {
		path  string
		form  url.Values
		shows string
	}{
		{"/override", url.Values{"feature_code": {"seats"}, "terms": {"add"}, "add": {"5"}}, "Seats"},
		{"/grant", url.Values{"feature_code": {"credits"}, "amount": {"70"}}, "70 credits"},
		{"/cancel", url.Values{"agreement": {pro}, "when": {"now"}}, "Pro"},
		{"/plan", url.Values{"plan_code": {"free"}, "start": {"now"}}, "Free, version 1"},
		{"/suspend", nil, "is suspended"},
	} {
		sent := confirm(l.post(l.path+c.path, c.form).Wants(http.StatusOK), l.path+c.path)
		must(l.api.Customers.SetOverride(t.Context(), l.acme.ID, "projects", api.SetOverrideRequest{Max: api.Some(int64(1000 + n))}))
		before := l.stands()
		anew := l.post(l.path+c.path, sent).Wants(http.StatusConflict).Says("Nothing is done yet", "was changed since you looked", "This is what it does", c.shows)
		if !slices.Equal(l.stands(), before) {
			t.Errorf("%s: it was done", c.path)
		}
		sent = confirm(anew, l.path+c.path)
		l.post(l.path+c.path, sent).Wants(http.StatusSeeOther)
		if slices.Equal(l.stands(), before) {
			t.Errorf("%s: it was not done", c.path)
		}
		after := l.stands()
		l.post(l.path+c.path, sent).Wants(http.StatusSeeOther) // sent twice
		if !slices.Equal(l.stands(), after) {
			t.Errorf("%s: it was done twice", c.path)
		}
	}
}

// Who wants something else goes back to the form as it was.
func TestBackFromThePreview(t *testing.T) {
	l := newLived(t, server.Config{})
	form := url.Values{"feature_code": {"seats"}, "terms": {"at_least"}, "at_least": {"40"}, "note": {"a note"}}
	l.post(l.path+"/override", form).Wants(http.StatusOK).Says("This is what it does")
	form.Set("back", "yes")
	got := l.post(l.path+"/override", form).Wants(http.StatusOK).Form(l.path + "/override")
	if got.Get("at_least") != "40" || got.Get("note") != "a note" || got.Get("terms") != "at_least" {
		t.Errorf("the form has %v", got)
	}
}

// reasonsCatalog has a feature for each reason.
const reasonsCatalog = `
currency: usd
features:
  - {code: there, name: There, type: unmetered}
  - {code: region, name: Region, type: config, of: text}
  - {code: hard, name: Hard, type: metered, unit: seat}
  - {code: soft, name: Soft, type: metered, unit: call}
  - {code: bounded, name: Bounded, type: metered}
  - {code: free, name: Free, type: metered}
  - {code: capped, name: Capped, type: metered, unit: run}
  - {code: pool, name: Pool, type: metered, unit: credit}
  - {code: burner, name: Burner, type: metered, unit: image, burns: {feature: pool, rate: 10}}
  - {code: absent, name: Absent, type: metered}
  - {code: denied, name: Denied, type: unmetered}
plan_groups:
  - {code: teams, name: Teams, customer_type: organization, default: true}
plans:
  - code: all
    name: All
    group: teams
    status: published
    default: true
    ask_for_card: false
    items:
      - {feature: there}
      - {feature: region, value: eu}
      - {feature: hard, max: 3}
      - {feature: soft, max: 2, limit: soft}
      - {feature: bounded, max: 2, limit: soft, overage_max: 1}
      - {feature: free}
      - {feature: capped, caps: [{max: 4, reset: hour}]}
      - {feature: pool, max: 15}
      - {feature: burner}
      - {feature: denied}
`

// Every answer of a check is a plain sentence that says why, and what would change it.
func TestCheckSaysWhy(t *testing.T) {
	w := &world{t: t, as: "admin", now: func() time.Time { return noon }}
	w.start(server.Config{Listen: "127.0.0.1:0"})
	ctx := t.Context()
	must(w.api.Catalog.Apply(ctx, []byte(reasonsCatalog), false))
	acme := must(w.api.Customers.Create(ctx, api.CreateCustomerRequest{Type: api.CustomerOrganization, OrgCode: "acme"}))
	for feature, units := range map[string]string{"hard": "2", "soft": "2", "bounded": "3", "capped": "3"} {
		must(w.api.Consume(ctx, client.ConsumeParams{CustomerID: acme.ID, FeatureCode: feature, Units: api.Decimal(units)}))
	}
	must(w.api.Customers.SetOverride(ctx, acme.ID, "denied", api.SetOverrideRequest{Deny: true}))
	must(w.api.Holds.Create(ctx, client.HoldParams{CustomerID: acme.ID, FeatureCode: "hard", Units: "1", ExpiresIn: time.Hour}))
	path := "/console/customers/" + acme.ID
	for _, c := range []struct{ feature, units, reason, answer, remedy string }{
		{"there", "1", api.ReasonUnmetered, "Yes. This customer has There, and it is not counted.", ""},
		{"region", "1", api.ReasonUnmetered, "Yes. Region is set to eu.", ""},
		{"free", "9", api.ReasonUnlimited, "Yes. Free has no limit here; 0 used so far.", ""},
		{"capped", "1", api.ReasonWithinLimit, "Yes. 3 used, and 1 run more will do.", "It stops when more than the 1 that are left are asked for at once."},
		{"pool", "4", api.ReasonWithinLimit, "Yes. 0 used of 15 credits, so 4 credits more will do.", "It stops when more than the 15 that are left are asked for at once."},
		{"soft", "1", api.ReasonOverSoftLimit, "Yes, although it passes the limit: 2 used of 2 calls, and the limit is soft.", "hard"},
		{"hard", "1", api.ReasonLimitReached, "No. 2 used and 1 held of 3 seats leaves 0; asked for: 1 seat.", "Wait until it starts anew on 22 Dec 2026, 12:00 UTC, or give more: a larger plan, an add-on, an override or a grant."},
		{"capped", "2", api.ReasonCapReached, "No. There is a cap of 4 runs an hour, of which 3 are used and 1 left; asked for: 2 runs.", "Wait until the cap starts anew on 22 Nov 2026, 13:00 UTC"},
		{"burner", "2", api.ReasonPoolEmpty, "No. Burner is paid from Pool: 2 images would need 20 credits, and 15 are left for it.", "Give more Pool: a grant, a pack or a larger plan."},
		{"bounded", "1", api.ReasonOverageLimitReached, "No. The limit of 2 is soft, but what may be used above it is bounded", "give more"},
		{"absent", "1", api.ReasonNotEntitled, "No. Nothing gives this customer Absent", "Put it on a plan or add-on that has Absent, or set an override."},
		{"denied", "1", api.ReasonNotEntitled, "No. An override denies this customer Denied", "End the override."},
	} {
		q := url.Values{"check": {c.feature}, "units": {c.units}}
		said := spoken(w.get(path + "?" + q.Encode()).Wants(http.StatusOK).TextOf("check"))
		if !strings.Contains(said, c.reason) || !strings.Contains(said, c.answer) || !strings.Contains(said, c.remedy) {
			t.Errorf("%s %s: want %s: %s %s\n%s", c.units, c.feature, c.reason, c.answer, c.remedy, said)
		}
	}
	for query, says := range map[string]string{"check=hard&units=0": "units", "check=hard&units=-1": "units", "check=nothing": "feature"} {
		if said := w.get(path + "?" + query).Wants(http.StatusOK).TextOf("check-no"); !strings.Contains(said, says) {
			t.Errorf("%s says %q", query, said)
		}
	}
	must(w.api.Customers.Update(ctx, acme.ID, api.UpdateCustomerRequest{Status: api.Some(api.CustomerSuspended)}))
	w.get(path+"?check=there").Says("No. The customer is suspended, so every check is refused.", "Reactivate the customer.")
}

// Support's way: a name, Enter, the red feature, why.
func TestSupportIsFast(t *testing.T) {
	l := newLived(t, server.Config{})
	search := l.get("/console/customers").Form("/console/customers")
	search.Set("q", "söhne")
	to := l.get("/console/customers?" + search.Encode()).Wants(http.StatusSeeOther).Header.Get("Location")
	p := l.get(to).Wants(http.StatusOK)
	for _, a := range p.All("a", "href", l.path+"?check=storage_gb#check") { // the first is beside what is red, above all features
		for n := a.Parent; n != nil; n = n.Parent {
			if id, _ := webtest.Attribute(n, "id"); id == "look" {
				l.get(l.path + "?check=storage_gb").Says("Refused limit_reached No. 300 used of 300 GB leaves 0; asked for: 1 GB.")
				return
			}
		}
	}
	t.Fatalf("nothing red has a check: %s", p.Said())
}

// A page asks the API a bounded number of times, whatever the customer has and has done.
func TestCustomerPageCost(t *testing.T) {
	listener := must(new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0"))
	address := listener.Addr().String()
	listener.Close()
	l := newLived(t, server.Config{Metrics: address})
	calls := func() (n int) {
		resp, err := http.DefaultClient.Do(must(http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/metrics", nil)))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		for _, m := range regexp.MustCompile(`(?m)^allot_http_requests_total\{.*route="/v1.*\} (\d+)$`).FindAllStringSubmatch(string(must(io.ReadAll(resp.Body))), -1) {
			n += must(strconv.Atoi(m[1]))
		}
		return n
	}
	cost := func(path string, form url.Values) int {
		before := calls()
		if form == nil {
			l.get(path).Wants(http.StatusOK)
		} else {
			l.post(path, form).Wants(http.StatusOK)
		}
		return calls() - before
	}
	pages := []struct {
		path string
		form url.Values
		most int
	}{
		{"/console/customers", nil, 2},
		{l.path, nil, 12},
		{l.path + "?check=seats&at=2026-12-01&feature=credits", nil, 12},
		{l.path + "/plan", nil, 3},
		{l.path + "/plan", url.Values{"plan_code": {"free"}, "start": {"period_end"}}, 6},
	}
	first := make([]int, len(pages))
	for i, p := range pages {
		if first[i] = cost(p.path, p.form); first[i] > p.most {
			t.Errorf("%s: %d calls, want %d at most", p.path, first[i], p.most)
		}
	}
	// Many more features, plans, customers, overrides, grants and events.
	var file strings.Builder
	file.WriteString("currency: usd\nfeatures:\n")
	for i := range 120 {
		fmt.Fprintf(&file, "  - {code: more_%03d, name: More %d, type: metered}\n", i, i)
	}
	file.WriteString("plan_groups:\n  - {code: teams, name: Teams, customer_type: organization, default: true}\nplans:\n  - code: many\n    name: Many\n    group: teams\n    kind: add_on\n    status: published\n    items:\n")
	for i := range 120 {
		fmt.Fprintf(&file, "      - {feature: more_%03d, max: 5}\n", i)
	}
	must(l.api.Catalog.Apply(t.Context(), []byte(file.String()), false))
	must(l.api.Customers.CreateAgreement(t.Context(), l.acme.ID, api.CreateCustomerAgreementRequest{PlanCode: "many"}))
	for i := range 60 {
		must(l.api.Customers.Create(t.Context(), api.CreateCustomerRequest{Type: api.CustomerOrganization, OrgCode: fmt.Sprint("org-", i)}))
		must(l.api.Customers.SetOverride(t.Context(), l.acme.ID, fmt.Sprintf("more_%03d", i), api.SetOverrideRequest{Add: 1}))
		must(l.api.Grants.Create(t.Context(), l.acme.ID, api.CreateGrantRequest{FeatureCode: "credits", Amount: "5"}))
	}
	l.told()
	for i, p := range pages {
		if got := cost(p.path, p.form); got != first[i] {
			t.Errorf("%s: %d calls where there is more, %d before", p.path, got, first[i])
		}
	}
	p := l.get(l.path)
	if n := len(p.All("li", "class", "feature")); n != 100 {
		t.Errorf("%d features are shown", n)
	}
	p.Says("30 more features: find them by a word of their name")
	if n := len(l.get(l.path+"?find=more+11").All("li", "class", "feature")); n != 11 {
		t.Errorf("%d features are found", n)
	}
}

// A plan may be asked for by its version, from a date on, for some years, with a trial of
// one's own; and a customer may be erased, once the name is typed.
func TestPlanOnADateAndPurge(t *testing.T) {
	w := newWorld(t, noon)
	c := must(w.api.Customers.Create(t.Context(), api.CreateCustomerRequest{Type: api.CustomerOrganization, OrgCode: "acme", Name: "Acme", PlanCode: api.Null[string](), TimeZone: "Asia/Tokyo"}))
	path := "/console/customers/" + c.ID
	w.get(path).Says("On no plan", "It was never on a plan", "Entitled to nothing")
	form := url.Values{
		"plan_code": {"pro"}, "start": {"date"}, "starts_on": {"2026-12-01T09:00"}, "version": {"1"}, "term": {"annual"}, "trial": {"days"}, "trial_days": {"5"},
		"expires_on": {"2028-12-06T09:00"},
	}
	const says = "Pro, version 1, yearly, from 1 Dec 2026, 09:00 JST, in trial until 6 Dec 2026, 09:00 JST, until 6 Dec 2028, 09:00 JST"
	p := w.post(path+"/plan", form).Wants(http.StatusOK).Says(says, "Entitlements from 1 Dec 2026, 09:00 JST", "Seats gained Not entitled")
	w.post(path+"/plan", confirm(p, path+"/plan")).Wants(http.StatusSeeOther)
	a := must(w.api.Customers.Get(t.Context(), c.ID)).Agreements[0]
	if !a.Annual || a.TrialEndsOn.String() != "2026-12-06T00:00:00Z" || a.StartsOn.String() != "2026-12-01T00:00:00Z" || a.ExpiresOn.String() != "2028-12-06T00:00:00Z" {
		t.Errorf("the agreement is %+v", a)
	}
	w.get(path + "?at=2026-12-03").Says("On Pro, yearly, in trial until 6 Dec 2026, 09:00 JST")
	ends := path + "/agreement?agreement=" + a.ID
	if got := w.get(ends).Form(path + "/agreement"); got.Get("trial_ends_on") != "2026-12-06T09:00" || got.Get("expires_on") != "2028-12-06T09:00" {
		t.Errorf("the form of the ends has %v", got)
	}
	p = w.post(path+"/agreement", url.Values{"agreement": {a.ID}, "trial_ends_on": {"2026-12-20T09:00"}, "expires_on": {"2028-12-06T09:00"}}).Wants(http.StatusOK).Says("in trial until 20 Dec 2026, 09:00 JST")
	w.post(path+"/agreement", confirm(p, path+"/agreement")).Wants(http.StatusSeeOther)
	if a = must(w.api.Customers.Get(t.Context(), c.ID)).Agreements[0]; a.TrialEndsOn.String() != "2026-12-20T00:00:00Z" {
		t.Errorf("the trial ends on %s", a.TrialEndsOn)
	}
	p = w.post(path+"/delete", url.Values{"typed": {"Acme"}, "purge": {"yes"}}).Wants(http.StatusOK).Says("its personal data are erased for ever")
	must(w.api.Customers.Get(t.Context(), c.ID))
	for range 2 {
		if to := w.post(path+"/delete", confirm(p, path+"/delete")).Wants(http.StatusSeeOther).Header.Get("Location"); to != "/console/customers" {
			t.Errorf("it leads to %s", to)
		}
	}
	w.get(path).Wants(http.StatusNotFound)
}

// The ledger has what every use was paid from, in the order of the uses, page by page.
func TestLedger(t *testing.T) {
	l := newLived(t, server.Config{})
	l.get(l.path + "?feature=credits").Says("Ledger of Credits")
	l.get(l.path+"/ledger?feature=credits").Wants(http.StatusOK).Says("Burned by Images", "200 credits from what was carried over of the window from 3 Oct 2026, 11:30 CEST")
	for range 60 {
		must(l.api.Consume(t.Context(), client.ConsumeParams{CustomerID: l.acme.ID, FeatureCode: "api_calls", Units: "1"}))
	}
	var want, got []string
	for e, err := range l.api.Credits.AllOfLedger(t.Context(), client.CreditLedgerParams{CreditParams: client.CreditParams{CustomerID: l.acme.ID, FeatureCode: "api_calls"}}) {
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, e.ID)
	}
	next := l.path + "/ledger?feature=api_calls"
	pages := 0
	for ; next != ""; pages++ {
		p := l.get(next).Wants(http.StatusOK)
		for _, code := range p.All("code", "", "") {
			got = append(got, webtest.Text(code))
		}
		next = ""
		for _, a := range p.All("a", "rel", "next") {
			next, _ = webtest.Attribute(a, "href")
		}
	}
	if d := cmp.Diff(want, got); d != "" || pages != 3 {
		t.Errorf("in %d pages (-API +pages):\n%s", pages, d)
	}
	l.get(l.path + "/ledger?feature=nothing").Wants(http.StatusNotFound)
}
