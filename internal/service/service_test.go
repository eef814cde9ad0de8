package service_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/calendar"
	"github.com/allot-dev/allot/internal/service"
	"github.com/allot-dev/allot/internal/store"
)

// world is a service on a real store with a clock that tests move.
type world struct {
	*service.Service
	t   *testing.T
	now time.Time
	way way // of scripts of credits
}

func newWorld(t *testing.T) *world {
	t.Helper()
	st, err := store.Open(t.Context(), store.Options{URL: "sqlite:" + filepath.Join(t.TempDir(), "allot.db"), Mode: store.Serve})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	w := &world{t: t, now: instant("2027-01-31T10:00:00Z")}
	w.Service = &service.Service{Store: st, Clock: func() time.Time { return w.now }}
	return w
}

func instant(text string) time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return t
}

func seats(n int64) []billing.ItemSpec {
	return []billing.ItemSpec{{Feature: "seats", Max: &n}}
}

// catalog is what most tests sell: plans free (default), pro and max, which have
// 3, 10 and 100 seats; trial and ending with trials of 14 days; the add-on extra
// with 5 seats; solo for users.
func catalog() billing.CatalogSpec {
	trial := func(then billing.TrialEnd) *billing.TrialSpec { return &billing.TrialSpec{Days: new(14), Then: then} }
	plan := func(code billing.Code, n int64) billing.PlanSpec {
		return billing.PlanSpec{Code: code, Name: string(code), Group: "teams", Status: billing.Published, Items: seats(n)}
	}
	free, trying, ending, extra, solo := plan("free", 3), plan("trial", 7), plan("ending", 8), plan("extra", 5), plan("solo", 1)
	free.Default = true
	trying.Trial, ending.Trial = trial("convert"), trial(billing.End)
	extra.Kind = billing.KindAddOn
	solo.Group = "people"
	draft := plan("draft", 1)
	draft.Status = "draft"
	forever := plan("forever", 4)
	forever.Cycle = calendar.None
	annual := plan("annual", 6)
	annual.Items = append(annual.Items, billing.ItemSpec{Feature: "base", FixedCharge: new(int64(1000)), Annual: new(int64(10000))})
	return billing.CatalogSpec{
		Currency: "usd",
		Features: []billing.Feature{
			{Code: "seats", Name: "Seats", Type: billing.Metered},
			{Code: "base", Name: "Base price", Type: billing.Charge},
		},
		Groups: []billing.PlanGroup{
			{Code: "teams", Name: "Teams", CustomerType: billing.Organization, Default: true},
			{Code: "people", Name: "People", CustomerType: billing.User, Default: true},
		},
		Plans: []billing.PlanSpec{free, plan("pro", 10), plan("max", 100), trying, ending, extra, solo, draft, forever, annual},
	}
}

// try runs one use case.
func try[T any](w *world, fn func(*service.Work) (T, error)) (T, error) {
	var out T
	err := w.Do(context.Background(), "test", func(u *service.Work) error {
		var err error
		out, err = fn(u)
		return err
	})
	return out, err
}

// must runs one use case, which does not fail.
func must[T any](w *world, fn func(*service.Work) (T, error)) T {
	w.t.Helper()
	out, err := try(w, fn)
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

func (w *world) apply(spec billing.CatalogSpec) {
	w.t.Helper()
	must(w, func(u *service.Work) (billing.CatalogChanges, error) { return u.ApplyCatalog(spec) })
}

func (w *world) create(in billing.NewCustomer) (billing.CustomerAt, error) {
	return try(w, func(u *service.Work) (billing.CustomerAt, error) { return u.CreateCustomer(in) })
}

func (w *world) update(id billing.CustomerID, in billing.CustomerUpdate) error {
	_, err := try(w, func(u *service.Work) (billing.CustomerAt, error) { return u.UpdateCustomer(id, in) })
	return err
}

func (w *world) delete(id billing.CustomerID, purge bool) error {
	_, err := try(w, func(u *service.Work) (billing.Revision, error) { return u.DeleteCustomer(id, purge) })
	return err
}

func (w *world) trySubscribe(id billing.CustomerID, in billing.NewAgreement) (billing.AgreementAt, error) {
	return try(w, func(u *service.Work) (billing.AgreementAt, error) {
		a, _, err := u.Subscribe(id, in)
		return a.Agreement, err
	})
}

func (w *world) tryCancel(id billing.AgreementID, when billing.When) (billing.AgreementAt, error) {
	return try(w, func(u *service.Work) (billing.AgreementAt, error) {
		a, _, err := u.Cancel(id, when, true)
		return a.Agreement, err
	})
}

func (w *world) customer(plan billing.Code) billing.CustomerID {
	w.t.Helper()
	c, err := w.create(billing.NewCustomer{Type: billing.Organization, Plan: plan, NoPlan: plan == ""})
	if err != nil {
		w.t.Fatal(err)
	}
	return c.ID
}

func (w *world) subscribe(id billing.CustomerID, in billing.NewAgreement) billing.AgreementAt {
	w.t.Helper()
	a, err := w.trySubscribe(id, in)
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

// assign puts a customer on the plan pro by Kinde's rule.
func (w *world) assign(id billing.CustomerID) billing.AgreementAt {
	w.t.Helper()
	return must(w, func(u *service.Work) (billing.AgreementAt, error) {
		out, _, err := u.Assign(id, "pro")
		return out.Agreement, err
	})
}

func (w *world) cancel(id billing.AgreementID, when billing.When) billing.AgreementAt {
	w.t.Helper()
	a, err := w.tryCancel(id, when)
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

// on moves the clock to a time, given as in "2027-02-28T10:00:00Z".
func (w *world) on(text string) { w.now = instant(text) }

// plans says what a customer is on at an instant: "pro@1 extra@1x2 = 20".
func (w *world) plans(id billing.CustomerID) string {
	w.t.Helper()
	snap, now, err := w.Snapshot(w.t.Context(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	var parts []string
	for _, a := range snap.Live(now) {
		part := fmt.Sprintf("%s@%d", a.Plan, a.Version)
		if a.Kind == billing.KindAddOn {
			part += fmt.Sprintf("x%d", a.Quantity)
		}
		parts = append(parts, part)
	}
	slices.SortFunc(parts, func(a, b string) int {
		return strings.Compare(strings.Replace(a, "extra", "~", 1), strings.Replace(b, "extra", "~", 1))
	})
	limit := "-"
	if entitlements := billing.Entitlements(snap, now); len(entitlements) > 0 {
		limit = fmt.Sprint(*entitlements[0].LimitMax)
	}
	return strings.Join(append(parts, "=", limit), " ")
}

func (w *world) want(id billing.CustomerID, plans string) {
	w.t.Helper()
	if got := w.plans(id); got != plans {
		w.t.Errorf("at %s: %s, want %s", w.now.Format(time.RFC3339), got, plans)
	}
}

func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	var e *billing.Error
	if !errors.As(err, &e) || e.Code != code {
		t.Errorf("error %v, want %s", err, code)
	}
}

func TestChangeOfPlan(t *testing.T) {
	w := newWorld(t)
	w.apply(catalog())
	id := w.customer("")
	w.want(id, "= -")
	first := w.subscribe(id, billing.NewAgreement{Plan: "pro"})
	w.want(id, "pro@1 = 10")
	extra := w.subscribe(id, billing.NewAgreement{Plan: "extra", Quantity: 2})
	w.want(id, "pro@1 extra@1x2 = 20")

	w.on("2027-02-05T00:00:00Z")
	second := w.subscribe(id, billing.NewAgreement{Plan: "max"})
	w.want(id, "max@1 extra@1x2 = 110") // the add-on stays
	if second.StartsOn != w.now || billing.CompareIDs(second.ID, first.ID) <= 0 || billing.CompareIDs(second.ID, extra.ID) <= 0 {
		t.Errorf("the new agreement %s starts on %s", second.ID, second.StartsOn)
	}
	history, more, _, err := w.AgreementHistory(t.Context(), id, "", service.Page[billing.AgreementID]{Size: 10})
	if err != nil || more || len(history) != 3 {
		t.Fatal(history, more, err)
	}
	if old := history[0]; old.ID != first.ID || old.ExpiresOn != second.StartsOn || old.Period != (calendar.Span{}) {
		t.Errorf("the old agreement: %+v", old)
	}
	if p := history[2].Period; p.Start != instant("2027-01-31T10:00:00Z") || p.End != instant("2027-02-28T10:00:00Z") {
		t.Errorf("the period is not counted from the first sign-up: %v", p)
	}
}

// By Kinde's rule, asking for what is held, in any version, keeps the agreement and
// takes back a scheduled end or change.
func TestHeldPlanIsKept(t *testing.T) {
	w := newWorld(t)
	w.apply(catalog())
	id := w.customer("pro")
	held := w.subscribe(id, billing.NewAgreement{Plan: "pro"})
	w.subscribe(id, billing.NewAgreement{Plan: "extra"})
	spec := catalog()
	spec.Plans[1].Items = seats(20)
	w.apply(spec)
	w.want(id, "pro@1 extra@1x1 = 15") // a published version never changes

	w.cancel(held.ID, billing.WhenPeriodEnd)
	if again := w.assign(id); again.ID != held.ID || !again.ExpiresOn.IsZero() {
		t.Errorf("after taking back the end: %+v", again)
	}
	w.subscribe(id, billing.NewAgreement{Plan: "max", When: billing.WhenPeriodEnd})
	w.assign(id)
	w.on("2027-03-01T00:00:00Z")
	w.want(id, "pro@1 extra@1x1 = 15")

	// A version that is named is a move, and so a new agreement.
	moved := w.subscribe(id, billing.NewAgreement{Plan: "pro", Version: 2})
	if moved.ID == held.ID {
		t.Error("moved to version 2 under the same id")
	}
	w.want(id, "pro@2 extra@1x1 = 25")
	other := w.customer("pro")
	w.want(other, "pro@2 = 20")
}

func TestScheduledChange(t *testing.T) {
	w := newWorld(t)
	w.apply(catalog())
	id := w.customer("pro")
	w.subscribe(id, billing.NewAgreement{Plan: "extra"})
	scheduled := w.subscribe(id, billing.NewAgreement{Plan: "max", When: billing.WhenPeriodEnd})
	if want := instant("2027-02-28T10:00:00Z"); scheduled.StartsOn != want || scheduled.Status() != "scheduled" {
		t.Errorf("%s on %s, want %s", scheduled.Status(), scheduled.StartsOn, want)
	}
	w.on("2027-02-28T09:59:59Z")
	w.want(id, "pro@1 extra@1x1 = 15")
	w.on("2027-02-28T10:00:00Z")
	w.want(id, "max@1 extra@1x1 = 105") // with nothing having run in between

	// Another schedule, withdrawn: what it would have replaced goes on.
	next := w.subscribe(id, billing.NewAgreement{Plan: "free", StartsOn: instant("2027-03-15T00:00:00Z")})
	gone := w.cancel(next.ID, billing.WhenNow)
	if gone.ID != next.ID {
		t.Errorf("withdrew %s, want %s", gone.ID, next.ID)
	}
	w.on("2027-04-01T00:00:00Z")
	w.want(id, "max@1 extra@1x1 = 105")
	_, err := w.tryCancel(next.ID, billing.WhenNow)
	wantCode(t, err, "AGREEMENT_NOT_FOUND")
}

func TestCancel(t *testing.T) {
	w := newWorld(t)
	w.apply(catalog())
	id := w.customer("pro")
	plan := w.subscribe(id, billing.NewAgreement{Plan: "pro"})
	extra := w.subscribe(id, billing.NewAgreement{Plan: "extra"})
	w.subscribe(id, billing.NewAgreement{Plan: "max", When: billing.WhenPeriodEnd})

	// An add-on goes by itself.
	w.cancel(extra.ID, billing.WhenPeriodEnd)
	w.assign(id) // takes the schedule back; not the add-on's end
	w.on("2027-02-28T10:00:00Z")
	w.want(id, "pro@1 = 10")

	// With the plan goes everything.
	w.subscribe(id, billing.NewAgreement{Plan: "extra"})
	w.subscribe(id, billing.NewAgreement{Plan: "max", When: billing.WhenPeriodEnd})
	ended := w.cancel(plan.ID, "")
	if ended.Status() != "ended" || ended.ExpiresOn != w.now {
		t.Errorf("cancelled: %s, expires on %s", ended.Status(), ended.ExpiresOn)
	}
	w.want(id, "= -")
	w.on("2027-06-01T00:00:00Z")
	w.want(id, "= -")
	if again := w.cancel(plan.ID, ""); again.ExpiresOn != ended.ExpiresOn {
		t.Errorf("cancelling again moved the end to %s", again.ExpiresOn)
	}

	// The anchor stays that of the first sign-up.
	back := w.subscribe(id, billing.NewAgreement{Plan: "pro"})
	if want := instant("2027-06-30T10:00:00Z"); back.Period.End != want {
		t.Errorf("the period ends on %s, want %s", back.Period.End, want)
	}
	w.want(id, "pro@1 = 10") // the add-on does not come back
}

// A scheduled end of the plan is a scheduled end of its add-ons; taking back the
// one takes back the other, but not the end an add-on has by itself.
func TestAddOnsEndWithThePlan(t *testing.T) {
	w := newWorld(t)
	spec := catalog()
	more := spec.Plans[5]
	more.Code, more.Items = "more", seats(1000)
	spec.Plans = append(spec.Plans, more)
	w.apply(spec)
	id := w.customer("pro")
	plan := w.subscribe(id, billing.NewAgreement{Plan: "pro"})
	w.subscribe(id, billing.NewAgreement{Plan: "extra"})
	w.subscribe(id, billing.NewAgreement{Plan: "more", ExpiresOn: instant("2027-03-10T00:00:00Z")})
	w.cancel(plan.ID, billing.WhenPeriodEnd)
	snap, now, _ := w.Snapshot(t.Context(), id)
	for _, a := range snap.Live(now) {
		if a.ExpiresOn != instant("2027-02-28T10:00:00Z") {
			t.Errorf("%s expires on %s", a.Plan, a.ExpiresOn)
		}
	}
	w.assign(id)
	w.on("2027-03-09T23:59:59Z")
	w.want(id, "more@1x1 pro@1 extra@1x1 = 1015")
	w.on("2027-03-10T00:00:00Z")
	w.want(id, "pro@1 extra@1x1 = 15")
}

func TestQuantityOfAddOn(t *testing.T) {
	w := newWorld(t)
	w.apply(catalog())
	id := w.customer("pro")
	two := w.subscribe(id, billing.NewAgreement{Plan: "extra", Quantity: 2})
	if same := w.subscribe(id, billing.NewAgreement{Plan: "extra"}); same.ID != two.ID {
		t.Error("asking for what is held made another agreement")
	}
	w.now = w.now.Add(time.Hour)
	three := w.subscribe(id, billing.NewAgreement{Plan: "extra", Quantity: 3})
	if three.ID == two.ID {
		t.Error("another quantity under the same id")
	}
	w.want(id, "pro@1 extra@1x3 = 25")
}

func TestTrials(t *testing.T) {
	w := newWorld(t)
	w.apply(catalog())
	id := w.customer("trial")
	first := w.subscribe(id, billing.NewAgreement{Plan: "trial"})
	if want := instant("2027-02-14T10:00:00Z"); first.TrialEndsOn != want {
		t.Errorf("trial ends on %s, want %s", first.TrialEndsOn, want)
	}
	// A change during the trial keeps its end, also to a plan without one.
	w.on("2027-02-05T00:00:00Z")
	second := w.subscribe(id, billing.NewAgreement{Plan: "max"})
	if second.TrialEndsOn != first.TrialEndsOn || !second.ExpiresOn.IsZero() {
		t.Errorf("after a change: trial until %s, expires on %s", second.TrialEndsOn, second.ExpiresOn)
	}
	// One trial a group, ever.
	w.on("2027-03-05T00:00:00Z")
	if third := w.subscribe(id, billing.NewAgreement{Plan: "ending"}); !third.TrialEndsOn.IsZero() || !third.ExpiresOn.IsZero() {
		t.Errorf("a second trial until %s", third.TrialEndsOn)
	}

	// A trial that ends: noon and a second before answer differently.
	w.on("2027-03-01T12:00:00Z")
	other := w.customer("ending")
	w.on("2027-03-15T11:59:59Z")
	w.want(other, "ending@1 = 8")
	w.on("2027-03-15T12:00:00Z")
	w.want(other, "= -")
	if again := w.subscribe(other, billing.NewAgreement{Plan: "ending"}); !again.TrialEndsOn.IsZero() {
		t.Error("a second trial of the same group")
	}

	// Asking again for the plan during its trial does not prolong it; what is to
	// follow can be scheduled.
	w.on("2027-03-20T12:00:00Z")
	third := w.customer("ending")
	trial := w.subscribe(third, billing.NewAgreement{Plan: "ending"})
	if trial.ExpiresOn != instant("2027-04-03T12:00:00Z") {
		t.Errorf("the trial that ends expires on %s", trial.ExpiresOn)
	}
	paid := w.subscribe(third, billing.NewAgreement{Plan: "ending", StartsOn: trial.TrialEndsOn})
	if paid.ID == trial.ID || !paid.TrialEndsOn.IsZero() || !paid.ExpiresOn.IsZero() {
		t.Errorf("what follows the trial: %+v", paid)
	}
	w.on("2027-05-01T12:00:00Z")
	w.want(third, "ending@1 = 8")
}

// A scheduled trial that is dropped was not used.
func TestDroppedTrialIsNotUsed(t *testing.T) {
	w := newWorld(t)
	w.apply(catalog())
	id := w.customer("free")
	w.subscribe(id, billing.NewAgreement{Plan: "trial", When: billing.WhenPeriodEnd})
	w.subscribe(id, billing.NewAgreement{Plan: "max", DropScheduled: true})
	if a := w.subscribe(id, billing.NewAgreement{Plan: "trial"}); a.TrialEndsOn.IsZero() {
		t.Error("no trial, though the first never began")
	}
}

func TestSubscribeRefuses(t *testing.T) {
	w := newWorld(t)
	spec := catalog()
	w.apply(spec)
	id := w.customer("pro")
	w.on("2027-02-10T00:00:00Z")
	spec.Plans[2].Archived = true
	w.apply(spec)
	none := w.customer("")
	endless := w.customer("forever")
	past, future := w.now.Add(-48*time.Hour), w.now.Add(48*time.Hour)
	for _, tt := range []struct {
		code     string
		customer billing.CustomerID
		in       billing.NewAgreement
	}{
		{"CUSTOMER_NOT_FOUND", billing.CustomerID{1}, billing.NewAgreement{Plan: "pro"}},
		{"PLAN_NOT_FOUND", id, billing.NewAgreement{Plan: "gone"}},
		{"PLAN_NOT_PUBLISHED", id, billing.NewAgreement{Plan: "draft"}},
		{"PLAN_NOT_AVAILABLE", id, billing.NewAgreement{Plan: "max"}},
		{"PLAN_NOT_AVAILABLE", id, billing.NewAgreement{Plan: "solo"}},
		{"PLAN_NOT_AVAILABLE", none, billing.NewAgreement{Plan: "extra"}},
		{"VERSION_INVALID", id, billing.NewAgreement{Plan: "free", Version: 2}},
		{"QUANTITY_INVALID", id, billing.NewAgreement{Plan: "free", Quantity: 2}},
		{"QUANTITY_INVALID", id, billing.NewAgreement{Plan: "extra", Quantity: -1}},
		{"ANNUAL_INVALID", id, billing.NewAgreement{Plan: "free", Annual: new(true)}},
		{"WHEN_INVALID", none, billing.NewAgreement{Plan: "free", When: billing.WhenPeriodEnd}},
		{"WHEN_INVALID", endless, billing.NewAgreement{Plan: "free", When: billing.WhenPeriodEnd}},
		{"WHEN_INVALID", id, billing.NewAgreement{Plan: "free", When: billing.WhenNow, StartsOn: future}},
		{"STARTS_ON_INVALID", id, billing.NewAgreement{Plan: "free", StartsOn: past}},
		{"STARTS_ON_INVALID", endless, billing.NewAgreement{Plan: "extra", StartsOn: past}},
		{"EXPIRES_ON_INVALID", id, billing.NewAgreement{Plan: "free", StartsOn: future, ExpiresOn: future}},
		{"EXPIRES_ON_INVALID", id, billing.NewAgreement{Plan: "pro", ExpiresOn: past}},
		{"ID_INVALID", id, billing.NewAgreement{Plan: "free", ID: billing.AgreementID{0xff}}},
		{"STARTS_ON_INVALID", id, billing.NewAgreement{Plan: "trial", StartsOn: instant("9999-12-25T00:00:00Z")}},
		{"EXPIRES_ON_INVALID", id, billing.NewAgreement{Plan: "free", ExpiresOn: instant("9999-12-25T00:00:00Z")}},
	} {
		_, err := w.trySubscribe(tt.customer, tt.in)
		wantCode(t, err, tt.code)
	}
	w.want(id, "pro@1 = 10")
}

// An import brings its own id and may fill the past, where nothing was.
func TestImport(t *testing.T) {
	w := newWorld(t)
	w.apply(catalog())
	id := w.customer("")
	old := billing.AgreementID{0: 1, 15: 7}
	start, end := instant("2026-06-15T00:00:00Z"), instant("2026-12-01T00:00:00Z")
	a := w.subscribe(id, billing.NewAgreement{Plan: "free", ID: old, StartsOn: start, ExpiresOn: end})
	if a.ID != old || a.Status() != "ended" {
		t.Errorf("imported %s as %s", a.ID, a.Status())
	}
	w.subscribe(id, billing.NewAgreement{Plan: "pro", StartsOn: end})
	w.want(id, "pro@1 = 10")
	_, err := w.trySubscribe(id, billing.NewAgreement{Plan: "max", StartsOn: start, ExpiresOn: end.Add(1)})
	wantCode(t, err, "STARTS_ON_INVALID")
	_, err = w.trySubscribe(id, billing.NewAgreement{Plan: "free", ID: old, StartsOn: start, ExpiresOn: end})
	wantCode(t, err, "AGREEMENT_EXISTS") // the same import again
	clash := old
	clash[15]++ // entitlement ids would be the same
	_, err = w.trySubscribe(w.customer(""), billing.NewAgreement{Plan: "max", ID: clash})
	wantCode(t, err, "AGREEMENT_EXISTS")
	c, err := w.Customer(t.Context(), id)
	if err != nil || c.AnchorOn != start {
		t.Errorf("the anchor is %s, want the first sign-up: %s (%v)", c.AnchorOn, start, err)
	}
}

func TestAnnual(t *testing.T) {
	w := newWorld(t)
	w.apply(catalog())
	id := w.customer("annual")
	charge := func() int64 {
		snap, now, err := w.Snapshot(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		n, _ := billing.Entitlements(snap, now)[1].FixedCharge()
		return n
	}
	if got := charge(); got != 1000 {
		t.Errorf("by the month: %d", got)
	}
	w.subscribe(id, billing.NewAgreement{Plan: "annual", Annual: new(true)})
	if got := charge(); got != 10000 {
		t.Errorf("by the year: %d", got)
	}
}

func TestCustomers(t *testing.T) {
	w := newWorld(t)
	w.apply(catalog())
	ctx := t.Context()
	a, err := w.create(billing.NewCustomer{Type: billing.Organization, OrgCode: "org_1", Name: "Ann", Metadata: map[string]string{"k": "v"}})
	if err != nil {
		t.Fatal(err)
	}
	w.want(a.ID, "free@1 = 3") // the default plan
	for _, in := range []billing.NewCustomer{
		{Type: billing.Organization, OrgCode: "org_1"},
		{Type: billing.Organization, ID: a.ID},
	} {
		_, err = w.create(in)
		wantCode(t, err, "CUSTOMER_EXISTS")
	}
	user, err := w.create(billing.NewCustomer{Type: billing.User, OrgCode: "org_1", UserID: "kp_1"})
	if err != nil {
		t.Fatal(err)
	}
	w.want(user.ID, "= -") // the group for users has no default plan
	if id, err := w.CustomerByCodes(ctx, "org_1", "kp_1"); err != nil || id != user.ID {
		t.Errorf("by codes: %s, %v", id, err)
	}

	for code, in := range map[string]billing.NewCustomer{
		"TYPE_REQUIRED":    {},
		"TYPE_INVALID":     {Type: "robot"},
		"USER_ID_INVALID":  {Type: billing.Organization, UserID: "kp_2"},
		"USER_ID_REQUIRED": {Type: billing.User, OrgCode: "org_2"},
		"EMAIL_INVALID":    {Type: billing.User, Email: "nobody"},
		"NAME_INVALID":     {Type: billing.User, Name: "a\x00b"},
		"METADATA_INVALID": {Type: billing.User, Metadata: map[string]string{"": "v"}},
		"PLAN_NOT_FOUND":   {Type: billing.User, Plan: "gone"},
		"ORG_CODE_INVALID": {Type: billing.Organization, OrgCode: strings.Repeat("o", 256)},
	} {
		_, err := w.create(in)
		wantCode(t, err, code)
	}

	suspended := billing.Suspended
	if err := w.update(a.ID, billing.CustomerUpdate{Status: &suspended, Email: new("ann@example.com")}); err != nil {
		t.Fatal(err)
	}
	w.want(a.ID, "free@1 = -")
	err = w.update(a.ID, billing.CustomerUpdate{AnchorOn: new(w.now.Add(time.Hour))})
	wantCode(t, err, "ANCHOR_ON_INVALID")

	if err := w.delete(a.ID, false); err != nil {
		t.Fatal(err)
	}
	_, err = w.Customer(ctx, a.ID)
	wantCode(t, err, "CUSTOMER_NOT_FOUND")
	wantCode(t, w.delete(a.ID, false), "CUSTOMER_NOT_FOUND")
	if err := w.delete(a.ID, true); err != nil {
		t.Errorf("purge after delete: %v", err)
	}
	_, err = w.create(billing.NewCustomer{Type: billing.Organization, ID: a.ID})
	wantCode(t, err, "CUSTOMER_EXISTS")
	if _, err := w.create(billing.NewCustomer{Type: billing.Organization, OrgCode: "org_1"}); err != nil {
		t.Errorf("the codes of a deleted customer: %v", err)
	}
}

// A purge erases what was said of a customer everywhere, and a repeated sign-up
// still makes no second one.
func TestPurgeErases(t *testing.T) {
	w := newWorld(t)
	w.apply(catalog())
	once := service.Once{Key: "key", Fingerprint: []byte{1}, Refusal: func(error) (service.Answer, bool) { return service.Answer{}, false }}
	var id billing.CustomerID
	signUp := func() (service.Answer, bool) {
		t.Helper()
		a, replayed, err := w.Once(t.Context(), "test", once, func(u *service.Work) (service.Answer, error) {
			c, err := u.CreateCustomer(billing.NewCustomer{Type: billing.Organization, Name: "Ann Poison"})
			id = c.ID
			return service.Answer{Status: 201, Body: fmt.Appendf(nil, "%s Ann Poison", c.ID)}, err
		})
		if err != nil {
			t.Fatal(err)
		}
		return a, replayed
	}
	signUp()
	must(w, func(u *service.Work) (billing.Override, error) {
		o, _, _, err := u.SetOverride(id, "seats", billing.NewOverride{Add: 1, Note: "poison@example.com"})
		return o.Override, err
	})
	if err := w.delete(id, true); err != nil {
		t.Fatal(err)
	}
	if a, replayed := signUp(); !replayed || strings.Contains(string(a.Body), "Poison") || !strings.Contains(string(a.Body), id.String()) {
		t.Errorf("after the purge the answer is %q", a.Body)
	}
	err := w.Store.View(t.Context(), func(r service.Reader) error {
		overrides, err := r.Overrides(id, time.Time{})
		for _, o := range overrides {
			if o.Note != "" {
				t.Errorf("the note is still %q", o.Note)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	w.verify()
}

// The log says everything that happened to a customer, under revisions without
// a gap, and nothing personal.
func TestChangeLog(t *testing.T) {
	w := newWorld(t)
	w.apply(catalog())
	c, err := w.create(billing.NewCustomer{Type: billing.Organization, Name: "Ann Poison", Email: "poison@example.com", OrgCode: "org_poison"})
	if err != nil {
		t.Fatal(err)
	}
	w.subscribe(c.ID, billing.NewAgreement{Plan: "pro"})
	w.subscribe(c.ID, billing.NewAgreement{Plan: "max", When: billing.WhenPeriodEnd})
	w.assign(c.ID)
	if err := w.update(c.ID, billing.CustomerUpdate{Name: new("Poison")}); err != nil {
		t.Fatal(err)
	}
	if err := w.delete(c.ID, true); err != nil {
		t.Fatal(err)
	}
	var kinds []billing.ChangeKind
	err = w.Store.View(t.Context(), func(r service.Reader) error {
		changes, err := r.Changes(c.ID.Scope(), 0, 100)
		for i, ch := range changes {
			kinds = append(kinds, ch.Kind)
			if ch.Rev != int64(i+1) {
				t.Errorf("change %d has revision %d", i+1, ch.Rev)
			}
			if strings.Contains(strings.ToLower(fmt.Sprint(ch)), "poison") {
				t.Errorf("personal data in %v", ch)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []billing.ChangeKind{
		"customer.created", "agreement.created",
		"agreement.changed", "agreement.created", // free gives way to pro
		"agreement.changed", "agreement.created", // pro to give way to max
		"agreement.changed", "agreement.withdrawn",
		"customer.updated",
		"agreement.changed", "customer.deleted",
	}
	if diff := cmp.Diff(want, kinds); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Whatever order racing changes of plan are committed in, there is one live plan
// at each instant, and never none.
func TestRacingChanges(t *testing.T) {
	w := newWorld(t)
	w.apply(catalog())
	id := w.customer("free")
	var wg sync.WaitGroup
	for i := range 8 {
		plan := []billing.Code{"pro", "max"}[i%2]
		wg.Go(func() {
			for range 10 {
				if _, err := w.trySubscribe(id, billing.NewAgreement{Plan: plan}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	history, _, _, err := w.AgreementHistory(context.Background(), id, "", service.Page[billing.AgreementID]{Size: 500})
	if err != nil {
		t.Fatal(err)
	}
	live := 0
	for i, a := range history {
		if a.Live(w.now) {
			live++
		} else if next := history[i+1]; a.ExpiresOn != next.StartsOn {
			t.Errorf("%s ends on %s, the next starts on %s", a.Plan, a.ExpiresOn, next.StartsOn)
		}
	}
	if live != 1 {
		t.Errorf("%d live plans", live)
	}
}

// A filtered history reads on until its page is full, in both directions.
func TestAgreementHistoryOfFeature(t *testing.T) {
	w := newWorld(t)
	spec := catalog()
	spec.Plans[2].Items = nil // max has no seats
	w.apply(spec)
	id := w.customer("pro")
	for i := range 20 {
		w.now = w.now.Add(time.Hour)
		w.subscribe(id, billing.NewAgreement{Plan: []billing.Code{"max", "max", "pro"}[i%3], Annual: new(false)})
		w.subscribe(id, billing.NewAgreement{Plan: []billing.Code{"max", "free", "pro"}[i%3]})
	}
	all, more, _, err := w.AgreementHistory(t.Context(), id, "seats", service.Page[billing.AgreementID]{Size: 500})
	if err != nil || more {
		t.Fatal(more, err)
	}
	for _, size := range []int{1, 2, 3, 7} {
		var forward, backward []billing.AgreementID
		for p := (service.Page[billing.AgreementID]{Size: size}); ; {
			page, more, _, err := w.AgreementHistory(t.Context(), id, "seats", p)
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range page {
				forward = append(forward, a.ID)
			}
			if !more {
				break
			}
			p.After = &page[len(page)-1].ID
		}
		last := billing.AgreementID{0xff}
		for p := (service.Page[billing.AgreementID]{Size: size, Before: &last}); ; {
			page, more, _, err := w.AgreementHistory(t.Context(), id, "seats", p)
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range slices.Backward(page) {
				backward = append(backward, a.ID)
			}
			if !more {
				break
			}
			p.Before = &page[0].ID
		}
		slices.Reverse(backward)
		var want []billing.AgreementID
		for _, a := range all {
			want = append(want, a.ID)
		}
		if !slices.Equal(forward, want) || !slices.Equal(backward, want) {
			t.Errorf("pages of %d: forward %d, backward %d, want %d", size, len(forward), len(backward), len(want))
		}
	}
	_, _, _, err = w.AgreementHistory(t.Context(), id, "gone", service.Page[billing.AgreementID]{Size: 1})
	wantCode(t, err, "FEATURE_NOT_FOUND")
}
