package service_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/allot-dev/allot/internal/billing"
	"github.com/allot-dev/allot/internal/event"
	"github.com/allot-dev/allot/internal/service"
)

// lines are events, each as its type, its instant and some of its facts.
func lines(events []event.Event, names ...string) string {
	var all []string
	for _, e := range events {
		line := string(e.Type) + " " + e.On.Format("01-02T15:04")
		for _, name := range names {
			if v := e.Facts[name]; v != "" {
				line += " " + v
			}
		}
		for _, c := range e.Features {
			line += fmt.Sprintf(" %s %s>%s", c.Feature, said(c.Before), said(c.After))
		}
		all = append(all, line)
	}
	return strings.Join(all, "\n")
}

func said(s event.FeatureState) string {
	switch {
	case !s.Entitled:
		return "none"
	case s.Limit == nil:
		return "all"
	}
	return fmt.Sprint(*s.Limit)
}

func (w *world) wantTold(id billing.CustomerID, want string, names ...string) {
	w.t.Helper()
	if diff := cmp.Diff(strings.TrimSpace(want), lines(w.told(id), names...)); diff != "" {
		w.t.Error(diff)
	}
}

// tell hears of the changes of a customer and tells of what is due.
func (l *listener) tell(id billing.CustomerID) {
	l.w.t.Helper()
	if err := errors.Join(l.hear(id), l.w.due(l.teller)); err != nil {
		l.w.t.Fatal(err)
	}
}

// Over a year each thing that time causes is told once, with its instant.
func TestTimeIsTold(t *testing.T) {
	w := newWorld(t)
	w.apply(catalog())
	l := w.begin(&service.Teller{Store: w.Store})
	id := w.customer("trial")
	must(w, func(u *service.Work) (billing.Override, error) {
		o, _, _, err := u.SetOverride(id, "seats", billing.NewOverride{Add: 1, ExpiresOn: instant("2027-03-01T00:00:00Z")})
		return o.Override, err
	})
	w.grant(id, billing.NewGrant{Feature: "seats", Amount: 5 * billing.OneUnit, ExpiresOn: instant("2027-04-01T00:00:00Z")})
	w.subscribe(id, billing.NewAgreement{Plan: "max", StartsOn: instant("2027-06-01T00:00:00Z")})
	l.tell(id)
	for w.now.Before(instant("2027-06-20T00:00:00Z")) {
		w.now = w.now.Add(36 * time.Hour)
		if err := w.due(l.teller); err != nil {
			t.Fatal(err)
		}
	}
	w.now = instant("2028-02-01T00:00:00Z")
	l.tell(id)
	w.wantTold(id, `
entitlements.changed 01-31T10:00 seats none>8
trial.will_end 02-11T10:00 trial 2027-02-14T10:00:00Z convert
trial.ended 02-14T10:00 trial 2027-02-14T10:00:00Z convert
entitlements.changed 03-01T00:00 seats 8>7
override.ended 03-01T00:00
grant.expired 04-01T00:00 5
agreement.ended 06-01T00:00 trial
agreement.started 06-01T00:00 max
entitlements.changed 06-01T00:00 seats 7>100
`, "plan_code", "amount", "trial_ends_on", "trial_then", "max")
}

// A grace that ends is told of who was over, and not of who was not.
func TestGracesThatEnd(t *testing.T) {
	w := newWorld(t)
	spec := catalog()
	spec.Plans[0].Items[0].OverLimit = &billing.OverLimit{Policy: billing.Grace, GraceDays: 5} // of free
	w.apply(spec)
	l := w.begin(&service.Teller{Store: w.Store})
	over, within := w.customer("max"), w.customer("max")
	for _, id := range []billing.CustomerID{over, within} {
		n := "2"
		if id == over {
			n = "50"
		}
		w.consume(id, n)
		w.now = w.now.Add(time.Hour)
		w.subscribe(id, billing.NewAgreement{Plan: "free"})
	}
	w.now = w.now.AddDate(0, 1, 0)
	l.tell(over)
	l.tell(within)
	w.wantTold(over, `
entitlements.changed 01-31T10:00 seats none>100
entitlements.changed 01-31T11:00 seats 100>3
grace.ended 02-05T11:00 free seats 100`, "plan_code", "feature_code", "max")
	w.wantTold(within, `
entitlements.changed 01-31T10:00 seats none>100
entitlements.changed 01-31T12:00 seats 100>3`)
}

// A reminder comes at the start of a trial that is shorter, and again if its end is moved;
// not if the trial goes on in another plan.
func TestRemindersOfTrials(t *testing.T) {
	w := newWorld(t)
	w.apply(catalog())
	l := w.begin(&service.Teller{Store: w.Store})
	id := w.customer("free")
	a := w.subscribe(id, billing.NewAgreement{Plan: "trial", Trial: &billing.TrialWish{Days: 2}})
	w.now = w.now.Add(time.Hour)
	l.tell(id)
	w.subscribe(id, billing.NewAgreement{Plan: "pro"})
	w.now = w.now.Add(time.Hour)
	l.tell(id)
	w.wantTold(id, `
entitlements.changed 01-31T10:00 seats none>7
trial.will_end 01-31T10:00 trial 2027-02-02T10:00:00Z
entitlements.changed 01-31T11:00 seats 7>10`, "plan_code", "trial_ends_on")
	pro := w.assign(id)
	if pro.ID == a.ID {
		t.Fatal("it is the same agreement")
	}
	must(w, func(u *service.Work) (billing.Outcome, error) {
		out, _, err := u.UpdateAgreement(pro.ID, billing.AgreementUpdate{TrialEndsOn: new(instant("2027-02-20T00:00:00Z"))})
		return out, err
	})
	w.now = instant("2027-03-01T00:00:00Z")
	l.tell(id)
	if got := lines(w.told(id)[3:], "trial_ends_on"); got != `trial.will_end 02-17T00:00 2027-02-20T00:00:00Z
trial.ended 02-20T00:00 2027-02-20T00:00:00Z` {
		t.Error(got)
	}
}

// Of what was before the telling began nothing is told; what is due of it is found.
func TestNothingFromBeforeIsTold(t *testing.T) {
	w := newWorld(t)
	w.apply(catalog())
	over := w.customer("trial")
	w.now = w.now.AddDate(0, 1, 0)
	running, changed := w.customer("trial"), w.customer("pro")
	w.now = w.now.Add(time.Hour)
	l := w.begin(&service.Teller{Store: w.Store})
	w.now = w.now.Add(time.Hour)
	w.subscribe(changed, billing.NewAgreement{Plan: "max"})
	w.now = w.now.Add(time.Hour)
	for more := true; more; {
		var err error
		if more, err = l.teller.Walk(t.Context(), w.now); err != nil {
			t.Fatal(err)
		}
	}
	if waits, _, err := l.teller.Waits(t.Context(), w.now); err != nil || waits {
		t.Error("after the walk something waits", err)
	}
	w.now = w.now.AddDate(0, 1, 0)
	if waits, lag, err := l.teller.Waits(t.Context(), w.now); err != nil || !waits || lag < time.Hour {
		t.Error("nothing is due", lag, err)
	}
	l.tell(changed)
	w.wantTold(over, "")
	w.wantTold(running, "trial.will_end 03-14T10:00\ntrial.ended 03-17T10:00")
	w.wantTold(changed, "entitlements.changed 03-03T12:00 seats 10>100")
	if begins, err := l.teller.Begin(t.Context(), w.now); begins || err != nil {
		t.Error("it begins again", err)
	}
}

// Of history that is brought along nobody is told; of what becomes of it later they are.
func TestImportsAreNotTold(t *testing.T) {
	w := newWorld(t)
	w.apply(catalog())
	l := w.begin(&service.Teller{Store: w.Store})
	id := must(w, func(u *service.Work) (billing.CustomerAt, error) {
		return u.CreateCustomer(billing.NewCustomer{Type: billing.Organization, NoPlan: true})
	}).ID
	w.now = w.now.Add(time.Hour)
	w.subscribe(id, billing.NewAgreement{Plan: "pro", StartsOn: w.now.AddDate(-1, 0, 0), ExpiresOn: w.now.AddDate(0, -6, 0), Import: true})
	w.subscribe(id, billing.NewAgreement{Plan: "max", StartsOn: w.now.AddDate(0, -6, 0), ExpiresOn: w.now.AddDate(0, 1, 0), Import: true})
	w.now = w.now.AddDate(0, 2, 0)
	// It lived while it was not known, and so did nothing then.
	w.subscribe(id, billing.NewAgreement{Plan: "free", StartsOn: w.now.AddDate(0, 0, -9), ExpiresOn: w.now.AddDate(0, 0, -6), Import: true})
	w.now = w.now.Add(time.Hour)
	l.tell(id)
	w.wantTold(id, "agreement.ended 03-03T11:00\nentitlements.changed 03-03T11:00 seats 100>none")
}

// A deleted customer loses all, which is told, and nothing after.
func TestDeletedAndSuspendedCustomers(t *testing.T) {
	w := newWorld(t)
	w.apply(catalog())
	l := w.begin(&service.Teller{Store: w.Store})
	id := w.customer("trial")
	w.grant(id, billing.NewGrant{Feature: "seats", Amount: 5 * billing.OneUnit, ExpiresOn: w.now.AddDate(0, 2, 0)})
	w.now = w.now.Add(time.Hour)
	if err := w.update(id, billing.CustomerUpdate{Status: new(billing.Suspended)}); err != nil {
		t.Fatal(err)
	}
	w.now = w.now.AddDate(0, 1, 0)
	if err := w.delete(id, true); err != nil {
		t.Fatal(err)
	}
	w.now = w.now.AddDate(0, 2, 0)
	l.tell(id)
	w.wantTold(id, `
entitlements.changed 01-31T10:00 seats none>7
entitlements.changed 01-31T11:00 seats 7>none
trial.will_end 02-11T10:00
trial.ended 02-14T10:00`)
}

// A change that is committed after its instant was told is told still.
func TestALateChangeIsTold(t *testing.T) {
	w := newWorld(t)
	w.apply(catalog())
	l := w.begin(&service.Teller{Store: w.Store})
	id := w.customer("trial")
	l.tell(id)
	ahead := w.now.AddDate(0, 0, 12) // as of a clock that is
	if n, err := l.teller.TellDue(t.Context(), ahead); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	w.now = w.now.Add(time.Hour)
	w.subscribe(id, billing.NewAgreement{Plan: "pro"})
	l.tell(id)
	w.now = w.now.AddDate(0, 1, 0)
	l.tell(id)
	w.wantTold(id, `
entitlements.changed 01-31T10:00 seats none>7
entitlements.changed 01-31T11:00 seats 7>10
trial.will_end 02-11T10:00
trial.ended 02-14T10:00`)
}

// What is told only if it is asked for: windows that begin, since they are asked for, and
// holds that nobody closed.
func TestWhatIsAskedFor(t *testing.T) {
	w := newWorld(t)
	w.apply(catalog())
	id := w.customer("pro")
	w.now = w.now.Add(time.Minute)
	l := w.begin(&service.Teller{Store: w.Store})
	for more, err := l.teller.Walk(t.Context(), w.now); more; more, err = l.teller.Walk(t.Context(), w.now) {
		if err != nil {
			t.Fatal(err)
		}
	}
	w.now = w.now.AddDate(0, 2, 0)
	teller := &service.Teller{Store: w.Store, Resets: true, Holds: true}
	if begins, err := teller.Begin(t.Context(), w.now); begins || err != nil {
		t.Fatal(begins, err)
	}
	open, closed := w.hold(id, 1, time.Hour), w.hold(id, 1, time.Hour)
	w.now = w.now.Add(time.Minute)
	if _, err := w.release(closed.ID); err != nil {
		t.Fatal(err)
	}
	for more, err := teller.Walk(t.Context(), w.now); more; more, err = teller.Walk(t.Context(), w.now) {
		if err != nil {
			t.Fatal(err)
		}
	}
	w.now = w.now.AddDate(0, 2, 0)
	if waits, _, err := teller.Waits(t.Context(), w.now); err != nil || !waits {
		t.Error("nothing waits", err)
	}
	for range 2 {
		if more, err := teller.TellHolds(t.Context(), w.now); more || err != nil {
			t.Error(more, err)
		}
	}
	if err := w.due(teller); err != nil {
		t.Fatal(err)
	}
	if waits, _, err := teller.Waits(t.Context(), w.now); err != nil || waits {
		t.Error("something waits", err)
	}
	w.wantTold(id, `
hold.expired 03-31T11:01 `+open.ID.String()+`
usage.reset 04-30T10:00 2027-04-30T10:00:00Z 2027-05-31T10:00:00Z
usage.reset 05-31T10:00 2027-05-31T10:00:00Z 2027-06-30T10:00:00Z`, "hold_id", "starts_on", "ends_on")
}

// Versions that are published are told once each.
func TestPublishedVersionsAreTold(t *testing.T) {
	w := newWorld(t)
	w.apply(catalog())
	spec := catalog()
	spec.Plans[1].Items = seats(11) // pro
	spec.Plans[7].Status = billing.Published
	w.apply(spec)
	w.apply(spec)
	var got []string
	sequenced := w.told(billing.CustomerID{})
	if len(sequenced) > 0 {
		t.Error(sequenced)
	}
	err := w.Store.View(t.Context(), func(r service.Reader) error {
		got = nil
		all, err := r.Happenings(billing.ScopeCatalog, 0, 99)
		for _, h := range all {
			if h.Event != nil {
				got = append(got, h.Event.Facts["plan_code"]+" "+h.Event.Facts["version"])
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	want := "annual 1, draft 1, ending 1, extra 1, forever 1, free 1, max 1, pro 1, pro 2, solo 1, trial 1"
	if all := strings.Join(got, ", "); all != want {
		t.Errorf("published: %s", all)
	}
}

// Credits give access: it is told when that begins and ends, also where a plan gave them
// that is over.
func TestCreditsAreTold(t *testing.T) {
	w := newWorld(t)
	spec := catalog()
	spec.Features = append(spec.Features, billing.Feature{Code: "calls", Name: "Calls", Type: billing.Metered}, billing.Feature{Code: "days", Name: "Days", Type: billing.Config, Of: "number"})
	spec.Plans[1].Items = append(spec.Plans[1].Items, billing.ItemSpec{Feature: "calls", Max: new(int64(1)), Grants: []billing.ItemGrantSpec{
		{Amount: new(50 * billing.OneUnit), At: billing.AtStart, Lasts: "days", Days: 40},
	}}, billing.ItemSpec{Feature: "days", Value: &billing.ValueSpec{Text: "unlimited"}})
	w.apply(spec)
	l := w.begin(&service.Teller{Store: w.Store})
	given := w.customer("free")
	w.grant(given, billing.NewGrant{Feature: "calls", Amount: billing.OneUnit, EffectiveOn: w.now.AddDate(0, 0, 5), ExpiresOn: w.now.AddDate(0, 0, 9)})
	left := w.customer("pro")
	w.subscribe(left, billing.NewAgreement{Plan: "free", StartsOn: w.now.AddDate(0, 0, 20)})
	l.tell(given)
	l.tell(left)
	for range 100 {
		w.now = w.now.AddDate(0, 0, 1)
		if err := w.due(l.teller); err != nil {
			t.Fatal(err)
		}
	}
	w.wantTold(given, `
entitlements.changed 01-31T10:00 seats none>3
entitlements.changed 02-05T10:00 calls none>0
entitlements.changed 02-09T10:00 calls 0>none
grant.expired 02-09T10:00`)
	w.wantTold(left, `
entitlements.changed 01-31T10:00 calls none>1 days none>all seats none>10
agreement.ended 02-20T10:00
agreement.started 02-20T10:00
entitlements.changed 02-20T10:00 calls 1>0 days all>none seats 10>3
entitlements.changed 03-12T10:00 calls 0>none`)
	if v := w.told(left)[0].Features[1].After.Value; v != `"unlimited"` {
		t.Error(v)
	}
}

// Changes that clocks gave one instant are told each.
func TestChangesOfOneInstant(t *testing.T) {
	w := newWorld(t)
	w.apply(catalog())
	l := w.begin(&service.Teller{Store: w.Store})
	id := w.customer("free")
	l.tell(id)
	w.subscribe(id, billing.NewAgreement{Plan: "max"})
	l.tell(id)
	w.wantTold(id, "entitlements.changed 01-31T10:00 seats none>3\nentitlements.changed 01-31T10:00 seats none>100")
}

// A change is told at once, though time is told only up to before it.
func TestAChangeIsToldAtOnce(t *testing.T) {
	w := newWorld(t)
	w.apply(catalog())
	l := w.begin(&service.Teller{Store: w.Store})
	id := w.customer("free")
	l.tell(id)
	w.now = w.now.Add(time.Hour)
	w.subscribe(id, billing.NewAgreement{Plan: "max"})
	if err := l.teller.TellChanged(t.Context(), []service.Changed{{Customer: id, Rev: l.heard[id] + 1}}, w.now.Add(-time.Minute)); err != nil {
		t.Fatal(err)
	}
	w.wantTold(id, "entitlements.changed 01-31T10:00 seats none>3\nentitlements.changed 01-31T11:00 seats 3>100")
}

// A change at the instant of a planned end is one difference with it.
func TestAChangeThatMeetsAnEnd(t *testing.T) {
	w := newWorld(t)
	w.apply(catalog())
	l := w.begin(&service.Teller{Store: w.Store})
	id := w.customer("ending")
	w.now = w.now.AddDate(0, 0, 14)
	w.subscribe(id, billing.NewAgreement{Plan: "max"})
	l.tell(id)
	w.wantTold(id, `
entitlements.changed 01-31T10:00 seats none>8
trial.will_end 02-11T10:00
agreement.ended 02-14T10:00
entitlements.changed 02-14T10:00 seats 8>100
trial.ended 02-14T10:00`)
}
