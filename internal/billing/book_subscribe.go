package billing

import (
	"errors"
	"time"
)

// Subscribe makes an agreement. A plan takes the place of the customer's plan at
// the instant it starts and drops scheduled changes; an add-on goes beside it.
// What is already held stays as it is, and a scheduled end or change of it is
// taken back.
//
// Errors: PLAN_NOT_FOUND, PLAN_NOT_PUBLISHED, PLAN_NOT_AVAILABLE,
// AGREEMENT_EXISTS, <FIELD>_INVALID, and those of the past.
func (b *Book) Subscribe(in NewAgreement) (Outcome, error) {
	id, err := b.subscribe(in)
	if err != nil {
		return Outcome{}, err
	}
	b.settle()
	return Outcome{Agreement: b.agreementAt(id), Made: b.isNew(id)}, nil
}

// Assign puts the customer on a plan, or adds an add-on, by the rule of Kinde's API:
// what is held is kept in its version, a scheduled end or change of it is taken back,
// and what is scheduled is dropped.
func (b *Book) Assign(plan Code) (Outcome, error) {
	return b.Subscribe(NewAgreement{Plan: plan, DropScheduled: true})
}

// subscribe is [Book.Subscribe] before it is settled.
func (b *Book) subscribe(in NewAgreement) (AgreementID, error) {
	plan, err := b.offered(in.Plan)
	if err != nil {
		return AgreementID{}, err
	}
	a := Agreement{
		CustomerID: b.Customer.ID, Plan: plan.Code, Kind: plan.Kind, Quantity: 1, CreatedOn: b.Now,
		OwnEnd: in.ExpiresOn,
	}
	held := b.live(a.Slot())
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
		return AgreementID{}, Refused.Errorf("PLAN_NOT_AVAILABLE", "plan %s is archived and takes no new sign-ups", plan.Code)
	}
	if a.StartsOn, err = b.start(in); err != nil {
		return AgreementID{}, err
	}
	if !plausible(a.StartsOn) {
		return AgreementID{}, Invalid.Errorf("STARTS_ON_INVALID", "starts_on must be between the years %d and %d", firstYear, lastYear)
	}
	if !a.OwnEnd.IsZero() && (!a.OwnEnd.After(a.StartsOn) || !plausible(a.OwnEnd)) {
		return AgreementID{}, Invalid.Errorf("EXPIRES_ON_INVALID", "expires_on must be after the agreement starts and before the year %d", lastYear)
	}
	if in.ID != (AgreementID{}) {
		if _, err := b.past.AgreementCustomer(in.ID); err == nil {
			return AgreementID{}, AgreementExists(in.ID)
		} else if !errors.Is(err, ErrNotFound) {
			return AgreementID{}, err
		}
	}
	if err := b.fits(&a); err != nil {
		return AgreementID{}, err
	}
	if err := b.trial(&a, plan.Version(a.Version)); err != nil {
		return AgreementID{}, err
	}
	if err := b.identify(&a, in.ID); err != nil {
		return AgreementID{}, err
	}
	if a.OwnEnd.IsZero() || a.OwnEnd.After(b.Now) {
		b.dropScheduled(a.Slot())
	}
	if b.Customer.AnchorOn.IsZero() {
		b.Customer.AnchorOn = a.StartsOn
	}
	b.Agreements = append(b.Agreements, a)
	return a.ID, nil
}

// offered is the plan of a code, if the customer may be on it.
func (b *Book) offered(code Code) (*Plan, error) {
	plan, ok := b.Catalog.Plans[code]
	switch {
	case !ok:
		return nil, NotFound.Errorf("PLAN_NOT_FOUND", "there is no plan with this plan_code")
	case plan.Status != Published:
		return nil, Refused.Errorf("PLAN_NOT_PUBLISHED", "plan %s is a draft; publish it before anybody subscribes", code)
	case b.Catalog.Groups[plan.Group].CustomerType != b.Customer.Type:
		return nil, Refused.Errorf("PLAN_NOT_AVAILABLE", "plan %s is for customers of type %s; this one is of type %s",
			code, b.Catalog.Groups[plan.Group].CustomerType, b.Customer.Type)
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
			return Invalid.Errorf("VERSION_INVALID", "plan %s has the versions 1 to %d", plan.Code, plan.Latest().Number)
		}
	}
	if in.Quantity != 0 {
		if a.Quantity = in.Quantity; a.Quantity < 1 || a.Quantity > MaxAmount {
			return Invalid.Errorf("QUANTITY_INVALID", "quantity must be a whole number from 1 to %d", int64(MaxAmount))
		}
		if a.Quantity != 1 && plan.Kind != KindAddOn {
			return Invalid.Errorf("QUANTITY_INVALID", "only add-ons have a quantity; %s is a plan", plan.Code)
		}
	}
	terms := plan.Version(a.Version)
	if in.Annual != nil {
		if a.Annual = *in.Annual; a.Annual && !terms.hasAnnual() {
			return Invalid.Errorf("ANNUAL_INVALID", "version %d of plan %s has no annual price", a.Version, plan.Code)
		}
	}
	a.Annual = a.Annual && terms.hasAnnual()
	return nil
}

// trialTerm is the end that an agreement's trial gives it; zero if the trial
// converts or there is none.
func (b *Book) trialTerm(a *Agreement) time.Time {
	if trial := b.Catalog.Plans[a.Plan].Version(a.Version).Trial; trial == nil || trial.Then != End {
		return time.Time{}
	}
	return a.TrialEndsOn
}

// keep takes back what is scheduled for an agreement that stays, and gives it
// the end that is asked for, if any. The end of a trial that ends the agreement
// is its term and stays.
func (b *Book) keep(held *Agreement, in NewAgreement) error {
	if !in.ExpiresOn.IsZero() && (!in.ExpiresOn.After(b.Now) || !plausible(in.ExpiresOn)) {
		return Invalid.Errorf("EXPIRES_ON_INVALID", "expires_on must be in the future; to end the agreement now, cancel it")
	}
	held.OwnEnd = earlier(in.ExpiresOn, b.trialTerm(held))
	b.dropScheduled(held.Slot())
	return nil
}

// start is the instant a new agreement begins at.
func (b *Book) start(in NewAgreement) (time.Time, error) {
	switch {
	case in.When != "" && !in.StartsOn.IsZero():
		return time.Time{}, Invalid.Errorf("WHEN_INVALID", "give either when or starts_on")
	case in.When == WhenPeriodEnd:
		return b.periodEnd()
	case in.StartsOn.IsZero():
		return b.Now, nil
	}
	return in.StartsOn, nil
}

// periodEnd is when the present period of the customer's plan ends, or the plan
// itself if that is earlier.
func (b *Book) periodEnd() (time.Time, error) {
	plan := b.live("")
	if plan == nil {
		return time.Time{}, Invalid.Errorf("WHEN_INVALID", "the customer has no plan whose period could end; use when=now")
	}
	p, ok := b.period(plan, b.Now)
	if !ok {
		return time.Time{}, Invalid.Errorf("WHEN_INVALID", "plan %s has no cycle; use when=now", plan.Plan)
	}
	return earlier(p.End, plan.OwnEnd), nil
}

// fits makes sure that a new agreement does not change the past and that an
// add-on has a plan to go beside.
func (b *Book) fits(a *Agreement) error {
	if a.Kind == KindAddOn {
		if covered, _ := coverage(b.Agreements, latest(a.StartsOn, b.Now)); !covered {
			return Refused.Errorf("PLAN_NOT_AVAILABLE", "%s is an add-on and needs a plan to go beside; the customer has none then", a.Plan)
		}
		if plan := b.live(""); a.StartsOn.Before(b.Now) && a.StartsOn.Before(plan.StartsOn) {
			return Invalid.Errorf("STARTS_ON_INVALID", "starts_on is before the plan that the add-on goes beside, which started on %s",
				plan.StartsOn.Format(time.RFC3339Nano))
		}
	}
	if !a.StartsOn.Before(b.Now) {
		return nil
	}
	past := b.Now
	if !a.OwnEnd.IsZero() {
		past = earlier(a.OwnEnd, b.Now)
	}
	taken, err := b.past.Overlapping(b.Customer.ID, a.Slot(), a.StartsOn, past, 1)
	if err != nil {
		return err
	}
	if len(taken) > 0 {
		return Invalid.Errorf("STARTS_ON_INVALID", "starts_on would change the past: the customer was on %s from %s",
			taken[0].Plan, taken[0].StartsOn.Format(time.RFC3339Nano))
	}
	return nil
}

// trial gives a new agreement the trial of its terms if the customer had none
// in that group (of that add-on), or what is left of the trial of the plan it
// replaces.
func (b *Book) trial(a *Agreement, terms *PlanVersion) error {
	then := Convert
	if terms.Trial != nil {
		then = terms.Trial.Then
	}
	replaced := b.live(a.Slot())
	if replaced != nil && !a.StartsOn.Before(b.Now) && replaced.TrialEndsOn.After(a.StartsOn) {
		a.TrialEndsOn = replaced.TrialEndsOn
	} else if terms.Trial != nil {
		scope := string(b.Catalog.Plans[a.Plan].Group)
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
func (b *Book) hadTrial(scope string) (bool, error) {
	for i := range b.Agreements {
		if a := &b.Agreements[i]; a.TrialScope == scope {
			return !a.Scheduled(b.Now), nil
		}
	}
	return b.past.HadTrial(b.Customer.ID, scope)
}

// identify gives a new agreement its id: the one it is imported with, or a new
// one that sorts after all the customer has.
func (b *Book) identify(a *Agreement, imported AgreementID) error {
	if imported != (AgreementID{}) {
		if idTime(imported).After(b.Now.Add(MaxAhead)) {
			return Invalid.Errorf("ID_INVALID", "id has a time in the future")
		}
		if b.index(imported) >= 0 {
			return AgreementExists(imported)
		}
		a.ID = imported
	} else {
		id, err := NewID[AgreementID](b.random, b.stamp())
		if err != nil {
			return err
		}
		id[14], id[15] = 0, 0
		a.ID = id
	}
	b.Customer.LastAgreementMS = max(b.Customer.LastAgreementMS, idMillis(a.ID))
	return nil
}

// AgreementExists is the error for an imported agreement whose id is taken, as the
// book or the store finds: AGREEMENT_EXISTS.
func AgreementExists(id AgreementID) error {
	return Conflict.Errorf("AGREEMENT_EXISTS", "the id %s is taken: its first 28 digits are those of another agreement", id)
}
