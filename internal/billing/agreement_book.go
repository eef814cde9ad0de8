package billing

import (
	"errors"
	"reflect"
	"slices"
	"strconv"
	"time"
)

// book is a customer's agreements, opened for change within one transaction:
// the lock is held, methods change the copy, save writes what became different.
type book struct {
	*Unit
	now      time.Time
	catalog  *Catalog
	customer Customer // as wanted

	storedCustomer Customer // as read
	stored         []Agreement
	agreements     []Agreement // as wanted; those that are new come last
	overrides      []Override
}

// lock opens the book of a customer. The error is CUSTOMER_NOT_FOUND if there is
// no such customer or it is deleted.
func (u *Unit) lock(id CustomerID) (*book, error) {
	customer, err := u.tx.LockCustomer(id)
	if err := known(customer, err); err != nil {
		return nil, err
	}
	return u.open(customer)
}

// open opens the book of a customer whose lock is held.
func (u *Unit) open(customer Customer) (*book, error) {
	catalog, err := u.tx.Catalog()
	if err != nil {
		return nil, err
	}
	now := latest(u.clock, customer.ChangedOn, catalog.ChangedOn)
	agreements, err := u.tx.Agreements(customer.ID, now)
	if err != nil {
		return nil, err
	}
	overrides, err := u.tx.Overrides(customer.ID, now)
	if err != nil {
		return nil, err
	}
	return &book{
		Unit: u, now: now, catalog: catalog, customer: customer, storedCustomer: customer,
		stored: agreements, agreements: slices.Clone(agreements), overrides: overrides,
	}, nil
}

// snapshot is the book as facts to ask.
func (b *book) snapshot() *Snapshot {
	return &Snapshot{Catalog: b.catalog, Facts: Facts{b.customer, b.agreements, b.overrides}}
}

func (b *book) index(id AgreementID) int {
	return slices.IndexFunc(b.agreements, func(a Agreement) bool { return a.ID == id })
}

func (b *book) at(id AgreementID) AgreementAt {
	return agreementAt(b.catalog, &b.customer, b.agreements[b.index(id)], b.now)
}

func (b *book) revision() Revision {
	return Revision{Catalog: b.catalog.Rev, Customer: b.customer.Rev}
}

// live is the live agreement of a slot, or nil.
func (b *book) live(slot Code) *Agreement {
	for i := range b.agreements {
		if a := &b.agreements[i]; a.slot() == slot && a.Live(b.now) {
			return a
		}
	}
	return nil
}

func (b *book) subscribe(in NewAgreement) (AgreementID, error) {
	plan, err := b.plan(in.Plan)
	if err != nil {
		return AgreementID{}, err
	}
	a := Agreement{
		CustomerID: b.customer.ID, Plan: plan.Code, Kind: plan.Kind, Quantity: 1, CreatedOn: b.now,
		OwnEnd: in.ExpiresOn,
	}
	held := b.live(a.slot())
	if held != nil && held.Plan != plan.Code {
		held = nil
	}
	if err := choose(&a, plan, held, in); err != nil {
		return AgreementID{}, err
	}
	same := held != nil && in.ID == (AgreementID{}) && a.Version == held.Version && a.Quantity == held.Quantity && a.Annual == held.Annual
	// What starts when a trial has ended the one that is held is another.
	if same {
		if term := b.trialTerm(held); term.IsZero() || in.StartsOn.Before(term) {
			return held.ID, b.keep(held, in)
		}
	}
	if plan.Archived && held == nil {
		return AgreementID{}, invalidf("PLAN_NOT_AVAILABLE", "plan %s is archived and takes no new sign-ups", plan.Code)
	}
	if a.StartsOn, err = b.start(in); err != nil {
		return AgreementID{}, err
	}
	if !plausible(a.StartsOn) {
		return AgreementID{}, invalidf("STARTS_ON_INVALID", "starts_on must be between the years %d and %d", firstYear, lastYear)
	}
	if !a.OwnEnd.IsZero() && (!a.OwnEnd.After(a.StartsOn) || !plausible(a.OwnEnd)) {
		return AgreementID{}, invalidf("EXPIRES_ON_INVALID", "expires_on must be after the agreement starts and before the year %d", lastYear)
	}
	if in.ID != (AgreementID{}) {
		if _, err := b.tx.AgreementCustomer(in.ID); err == nil {
			return AgreementID{}, agreementExists(in.ID)
		} else if !isNotFound(err) {
			return AgreementID{}, err
		}
	}
	if err := b.free(&a); err != nil {
		return AgreementID{}, err
	}
	if err := b.trial(&a, plan.Version(a.Version)); err != nil {
		return AgreementID{}, err
	}
	if err := b.identify(&a, in.ID); err != nil {
		return AgreementID{}, err
	}
	if a.OwnEnd.IsZero() || a.OwnEnd.After(b.now) {
		b.dropScheduled(a.slot())
	}
	if b.customer.AnchorOn.IsZero() {
		b.customer.AnchorOn = a.StartsOn
	}
	b.agreements = append(b.agreements, a)
	return a.ID, nil
}

// plan is the plan of a code, if the customer may be on it.
func (b *book) plan(code Code) (*Plan, error) {
	plan, ok := b.catalog.Plans[code]
	switch {
	case !ok:
		return nil, notFound("PLAN_NOT_FOUND", "there is no plan with this plan_code")
	case plan.Status != Published:
		return nil, invalidf("PLAN_NOT_PUBLISHED", "plan %s is a draft; publish it before anybody subscribes", code)
	case b.catalog.Groups[plan.Group].CustomerType != b.customer.Type:
		return nil, invalidf("PLAN_NOT_AVAILABLE", "plan %s is for customers of type %s; this one is of type %s",
			code, b.catalog.Groups[plan.Group].CustomerType, b.customer.Type)
	}
	return plan, nil
}

// choose sets version, quantity and annual: as asked, else as held, else the
// defaults.
func choose(a *Agreement, plan *Plan, held *Agreement, in NewAgreement) error {
	a.Version = plan.Latest().Number
	if held != nil {
		a.Version, a.Quantity, a.Annual = held.Version, held.Quantity, held.Annual
	}
	if in.Version != 0 {
		if a.Version = in.Version; plan.Version(a.Version) == nil {
			return invalidf("VERSION_INVALID", "plan %s has the versions 1 to %d", plan.Code, plan.Latest().Number)
		}
	}
	if in.Quantity != 0 {
		if a.Quantity = in.Quantity; a.Quantity < 1 || a.Quantity > MaxAmount {
			return invalidf("QUANTITY_INVALID", "quantity must be a whole number from 1 to %d", int64(MaxAmount))
		}
		if a.Quantity != 1 && plan.Kind != KindAddOn {
			return invalidf("QUANTITY_INVALID", "only add-ons have a quantity; %s is a plan", plan.Code)
		}
	}
	terms := plan.Version(a.Version)
	if in.Annual != nil {
		if a.Annual = *in.Annual; a.Annual && !terms.HasAnnual() {
			return invalidf("ANNUAL_INVALID", "version %d of plan %s has no annual price", a.Version, plan.Code)
		}
	}
	a.Annual = a.Annual && terms.HasAnnual()
	return nil
}

// trialTerm is the end that an agreement's trial gives it; zero if the trial
// converts or there is none.
func (b *book) trialTerm(a *Agreement) time.Time {
	if trial := b.catalog.Plans[a.Plan].Version(a.Version).Trial; trial == nil || trial.Then != End {
		return time.Time{}
	}
	return a.TrialEndsOn
}

// keep takes back what is scheduled for an agreement that stays, and gives it
// the end that is asked for, if any. The end of a trial that ends the agreement
// is its term and stays.
func (b *book) keep(held *Agreement, in NewAgreement) error {
	if !in.ExpiresOn.IsZero() && (!in.ExpiresOn.After(b.now) || !plausible(in.ExpiresOn)) {
		return invalidf("EXPIRES_ON_INVALID", "expires_on must be in the future; to end the agreement now, cancel it")
	}
	held.OwnEnd = earlier(in.ExpiresOn, b.trialTerm(held))
	b.dropScheduled(held.slot())
	return nil
}

// start is the instant a new agreement begins at.
func (b *book) start(in NewAgreement) (time.Time, error) {
	switch {
	case in.When != "" && !in.StartsOn.IsZero():
		return time.Time{}, invalidf("WHEN_INVALID", "give either when or starts_on")
	case in.When == WhenPeriodEnd:
		return b.periodEnd()
	case in.StartsOn.IsZero():
		return b.now, nil
	}
	return in.StartsOn, nil
}

// periodEnd is when the present period of the customer's plan ends, or the plan
// itself if that is earlier.
func (b *book) periodEnd() (time.Time, error) {
	plan := b.live("")
	if plan == nil {
		return time.Time{}, invalidf("WHEN_INVALID", "the customer has no plan whose period could end; use when=now")
	}
	p, ok := period(b.catalog, &b.customer, plan, b.now)
	if !ok {
		return time.Time{}, invalidf("WHEN_INVALID", "plan %s has no cycle; use when=now", plan.Plan)
	}
	return earlier(p.End, plan.OwnEnd), nil
}

// free makes sure that a new agreement does not change the past and that an
// add-on has a plan to go beside.
func (b *book) free(a *Agreement) error {
	if a.Kind == KindAddOn {
		if covered, _ := coverage(b.agreements, latest(a.StartsOn, b.now)); !covered {
			return invalidf("PLAN_NOT_AVAILABLE", "%s is an add-on and needs a plan to go beside; the customer has none then", a.Plan)
		}
		if plan := b.live(""); a.StartsOn.Before(b.now) && a.StartsOn.Before(plan.StartsOn) {
			return invalidf("STARTS_ON_INVALID", "starts_on is before the plan that the add-on goes beside, which started on %s",
				plan.StartsOn.Format(time.RFC3339Nano))
		}
	}
	if !a.StartsOn.Before(b.now) {
		return nil
	}
	past := b.now
	if !a.OwnEnd.IsZero() {
		past = earlier(a.OwnEnd, b.now)
	}
	taken, err := b.tx.Overlapping(b.customer.ID, a.slot(), a.StartsOn, past, 1)
	if err != nil {
		return err
	}
	if len(taken) > 0 {
		return invalidf("STARTS_ON_INVALID", "starts_on would change the past: the customer was on %s from %s",
			taken[0].Plan, taken[0].StartsOn.Format(time.RFC3339Nano))
	}
	return nil
}

// trial gives a new agreement the trial of its terms if the customer had none
// in that group (of that add-on), or what is left of the trial of the plan it
// replaces.
func (b *book) trial(a *Agreement, terms *PlanVersion) error {
	then := Convert
	if terms.Trial != nil {
		then = terms.Trial.Then
	}
	replaced := b.live(a.slot())
	if replaced != nil && !a.StartsOn.Before(b.now) && replaced.TrialEndsOn.After(a.StartsOn) {
		a.TrialEndsOn = replaced.TrialEndsOn
	} else if terms.Trial != nil {
		scope := string(b.catalog.Plans[a.Plan].Group)
		if a.Kind == KindAddOn {
			scope = "+" + string(a.Plan)
		}
		had, err := b.hadTrial(scope)
		if err != nil || had {
			return err
		}
		a.TrialScope = scope
		a.TrialEndsOn = a.StartsOn.Add(time.Duration(terms.Trial.Days) * 24 * time.Hour)
	} else {
		return nil
	}
	if then == End {
		a.OwnEnd = earlier(a.OwnEnd, a.TrialEndsOn)
	}
	return nil
}

// hadTrial reports whether the trial of a scope is used up. One that is only
// scheduled is about to be dropped and does not count.
func (b *book) hadTrial(scope string) (bool, error) {
	for i := range b.agreements {
		if a := &b.agreements[i]; a.TrialScope == scope {
			return !a.Scheduled(b.now), nil
		}
	}
	return b.tx.HadTrial(b.customer.ID, scope)
}

// identify gives a new agreement its id: the one it is imported with, or a new
// one that sorts after all the customer has.
func (b *book) identify(a *Agreement, imported AgreementID) error {
	if imported != (AgreementID{}) {
		if idTime(imported).After(b.now.Add(maxAhead)) {
			return invalidf("ID_INVALID", "id has a time in the future")
		}
		if b.index(imported) >= 0 {
			return agreementExists(imported)
		}
		a.ID = imported
	} else {
		id, err := newID[AgreementID](b.service.random(), b.stamp())
		if err != nil {
			return err
		}
		id[14], id[15] = 0, 0
		a.ID = id
	}
	b.customer.LastAgreementMS = max(b.customer.LastAgreementMS, idMillis(a.ID))
	return nil
}

// stamp is the time, in Unix milliseconds, for the id of something new: later
// than that of every agreement of the customer.
func (b *book) stamp() int64 { return max(b.now.UnixMilli(), b.customer.LastAgreementMS+1) }

// dropScheduled takes the scheduled agreements of a slot out of the book.
func (b *book) dropScheduled(slot Code) {
	b.agreements = slices.DeleteFunc(b.agreements, func(a Agreement) bool {
		return a.slot() == slot && a.Scheduled(b.now)
	})
}

func (b *book) cancel(id AgreementID, when When) error {
	i := b.index(id)
	a := &b.agreements[i]
	if a.Scheduled(b.now) {
		b.agreements = slices.Delete(b.agreements, i, i+1)
		return nil
	}
	end := b.now
	if when == WhenPeriodEnd {
		var err error
		if end, err = b.periodEnd(); err != nil {
			return err
		}
	}
	a.OwnEnd = earlier(a.OwnEnd, end)
	b.dropScheduled(a.slot())
	return nil
}

// save settles the book and writes what became different, each with its change.
func (b *book) save() error {
	for _, i := range slices.Backward(settle(b.agreements, b.now)) {
		b.agreements = slices.Delete(b.agreements, i, i+1)
	}
	b.carry()
	if !reflect.DeepEqual(b.customer, b.storedCustomer) {
		if err := b.tx.UpdateCustomer(b.customer); err != nil {
			return err
		}
	}
	for _, old := range b.stored {
		i := b.index(old.ID)
		if i < 0 {
			if err := b.tx.WithdrawAgreement(old.CustomerID, old.ID); err != nil {
				return err
			}
			if err := b.append(AgreementWithdrawn, agreementFacts(&old), nil); err != nil {
				return err
			}
			continue
		}
		a := b.agreements[i]
		if !a.ExpiresOn.Equal(old.ExpiresOn) || !a.OwnEnd.Equal(old.OwnEnd) || !slices.EqualFunc(a.Carried, old.Carried, sameCarry) {
			if err := b.tx.UpdateAgreement(a); err != nil {
				return err
			}
			if err := b.append(AgreementChanged, agreementFacts(&old), agreementFacts(&a)); err != nil {
				return err
			}
		}
	}
	for _, a := range b.agreements {
		if slices.ContainsFunc(b.stored, func(old Agreement) bool { return old.ID == a.ID }) {
			continue
		}
		if err := b.tx.CreateAgreement(a); errors.Is(err, ErrExists) {
			return agreementExists(a.ID)
		} else if err != nil {
			return err
		}
		if err := b.append(AgreementCreated, nil, agreementFacts(&a)); err != nil {
			return err
		}
	}
	return nil
}

// carry works out which limits of the plan before hold on for a while under a
// plan that begins now or later, by the over_limit policies of its terms. What
// was itself carried goes on no longer than it would have.
func (b *book) carry() {
	s := b.snapshot()
	for i := range b.agreements {
		a := &b.agreements[i]
		if a.Kind != KindPlan || a.Ended(a.StartsOn) {
			continue
		}
		// What was held before: of a change made now, what was read; of one that
		// is scheduled, what will be held just before it.
		old, before := s, a.StartsOn.Add(-time.Microsecond)
		fresh := !slices.ContainsFunc(b.stored, func(o Agreement) bool { return o.ID == a.ID })
		if fresh && a.StartsOn.Equal(b.now) {
			old, before = &Snapshot{Catalog: b.catalog, Facts: Facts{b.customer, b.stored, b.overrides}}, b.now
		} else if !a.StartsOn.After(b.now) {
			continue
		}
		a.Carried = nil
		replaced := old.plan(before)
		if replaced == nil || !slices.ContainsFunc(s.Terms(a).Items, func(it Item) bool { return it.OverLimit.carries() }) {
			continue
		}
		then, next := old.parts(before), s.parts(a.StartsOn)
		for _, item := range s.Terms(a).Items {
			if !item.OverLimit.carries() {
				continue
			}
			feature := b.catalog.Features[item.Feature]
			granted, was := baseLimit(feature, then[item.Feature], old.override(item.Feature, before), before)
			_, is := baseLimit(feature, next[item.Feature], s.override(item.Feature, a.StartsOn), a.StartsOn)
			if granted && larger(was.Max, is.Max) {
				until := s.rhythm(feature, next[item.Feature], a.StartsOn).window(a.StartsOn).End // of Allow
				if item.OverLimit.Policy == Grace {
					until = a.StartsOn.Add(time.Duration(item.OverLimit.GraceDays) * 24 * time.Hour)
				}
				a.Carried = append(a.Carried, Carry{Feature: item.Feature, Max: was.Max, Until: until})
			}
			for _, c := range replaced.Carried {
				if c.Feature == item.Feature && c.holds(a.StartsOn) && larger(c.Max, is.Max) {
					a.Carried = append(a.Carried, c)
				}
			}
		}
	}
}

// carries reports whether the policy lets an earlier limit hold on.
func (o OverLimit) carries() bool { return o.Policy == Grace || o.Policy == Allow }

func sameCarry(a, b Carry) bool {
	return a.Feature == b.Feature && equalLimit(a.Max, b.Max) && a.Until.Equal(b.Until)
}

func agreementExists(id AgreementID) error {
	return conflictf("AGREEMENT_EXISTS", "the id %s is taken: its first 28 digits are those of another agreement", id)
}

func (b *book) append(kind ChangeKind, before, after map[string]string) error {
	rev, err := b.tx.AppendChange(Change{
		Scope: b.customer.ID.Scope(), On: b.now, By: b.by, Kind: kind, Before: before, After: after,
	})
	if err != nil {
		return err
	}
	b.customer.Rev = rev
	return nil
}

// agreementFacts are what the change log says of an agreement.
func agreementFacts(a *Agreement) map[string]string {
	f := map[string]string{
		"agreement_id": a.ID.String(),
		"plan_code":    string(a.Plan),
		"version":      strconv.Itoa(a.Version),
		"starts_on":    a.StartsOn.Format(time.RFC3339Nano),
	}
	if a.Kind == KindAddOn {
		f["quantity"] = strconv.FormatInt(a.Quantity, 10)
	}
	if !a.ExpiresOn.IsZero() {
		f["expires_on"] = a.ExpiresOn.Format(time.RFC3339Nano)
	}
	if !a.TrialEndsOn.IsZero() {
		f["trial_ends_on"] = a.TrialEndsOn.Format(time.RFC3339Nano)
	}
	return f
}
